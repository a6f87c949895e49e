-- How it went, in figures and in words. Everything that is said follows from a figure that is shown.

-- What was counted in a period: the samples, and what has been counted since the last one.
CREATE FUNCTION jackpot.counted(since timestamptz, until timestamptz)
RETURNS TABLE (since timestamptz, at timestamptz, operations jsonb, pools jsonb, queue_depth bigint, queue_age_ms bigint)
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.since, s.at, s.operations, s.pools, s.queue_depth, s.queue_age_ms
      FROM jackpot.sample s WHERE s.at > counted.since AND s.since < counted.until
    UNION ALL
    SELECT c.since, c.at, c.operations, c.pools, q.depth, q.age_ms
      FROM jackpot.current_sample() c, jackpot.queue_state() q
     WHERE c.at > counted.since AND c.since < counted.until AND c.operations <> '{}'
$$;

CREATE FUNCTION jackpot.trend(earlier numeric, later numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE WHEN earlier IS NULL OR later IS NULL THEN 'unknown'
                WHEN later > earlier * 1.1 THEN 'rising' WHEN later < earlier * 0.9 THEN 'falling' ELSE 'steady' END;
END;

CREATE FUNCTION jackpot_performance_report(since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    -- Money is moved by these.
    plays constant text[] := '{contribute,spin,win,contribute_batch,contribute_arrays,spin_arrays,win_batch,process_inbox,enqueue_contribution,enqueue_spin,enqueue_win,void}';
    singles constant text[] := '{contribute,spin,enqueue_contribution,enqueue_spin}';
    till constant timestamptz := coalesce(jackpot_performance_report.until, clock_timestamp());
    begin_at constant timestamptz := coalesce(jackpot_performance_report.since, till - interval '1 hour');
    counted jackpot.sample[];
    operations jsonb;
    pools jsonb;
    totals record;
    halves record;
    minute record;
    long record;
    item record;
    bottlenecks jsonb := '[]';
    recommendations jsonb := '[]';
BEGIN
    IF begin_at >= till THEN
        RAISE EXCEPTION 'since % is not before until %', begin_at, till
              USING ERRCODE = '22023', DETAIL = 'invalid_argument: a period ends after it begins';
    END IF;
    counted := ARRAY(SELECT ROW(c.at, c.since, c.operations, c.pools, c.queue_depth, c.queue_age_ms, 0)::jackpot.sample
                       FROM jackpot.counted(begin_at, till) c ORDER BY c.at);
    SELECT * INTO minute FROM jackpot.last_minute();

    SELECT coalesce(jsonb_agg(jsonb_build_object(
               'operation', o.operation, 'calls', o.calls, 'errors', o.errors, 'replays', o.replays, 'rows', o.rows,
               'conflicts', o.conflicts, 'retries', o.retries, 'deadlocks', o.deadlocks,
               'lock_waits', o.lock_waits, 'lock_wait_ms', round(o.lock_wait_us / 1000, 3), 'duration_ms', round(o.duration_us / 1000, 3),
               'p50_ms', round(jackpot.quantile_us(b.buckets, 0.5) / 1000.0, 3), 'p95_ms', round(jackpot.quantile_us(b.buckets, 0.95) / 1000.0, 3),
               'p99_ms', round(jackpot.quantile_us(b.buckets, 0.99) / 1000.0, 3), 'max_ms', round(jackpot.quantile_us(b.buckets, 1) / 1000.0, 3))
               ORDER BY o.calls DESC, o.operation), '[]')
      INTO operations
      FROM (SELECT o.key AS operation, sum((o.value ->> 'calls')::numeric) AS calls, sum((o.value ->> 'errors')::numeric) AS errors,
                   sum((o.value ->> 'replays')::numeric) AS replays, sum((o.value ->> 'rows')::numeric) AS rows,
                   sum((o.value ->> 'conflicts')::numeric) AS conflicts, sum((o.value ->> 'retries')::numeric) AS retries,
                   sum((o.value ->> 'deadlocks')::numeric) AS deadlocks, sum((o.value ->> 'lock_waits')::numeric) AS lock_waits,
                   sum((o.value ->> 'lock_wait_us')::numeric) AS lock_wait_us, sum((o.value ->> 'duration_us')::numeric) AS duration_us
              FROM unnest(counted) s, jsonb_each(s.operations) o GROUP BY o.key) o
      LEFT JOIN (SELECT b.operation, jsonb_object_agg(b.us, b.calls) AS buckets
                   FROM (SELECT o.key AS operation, b.key AS us, sum(b.value::bigint) AS calls
                           FROM unnest(counted) s, jsonb_each(s.operations) o, jsonb_each_text(o.value -> 'buckets') b
                          GROUP BY o.key, b.key) b GROUP BY b.operation) b ON b.operation = o.operation;

    SELECT coalesce(jsonb_agg(jsonb_build_object(
               'pool', o.pool, 'bets', o.bets, 'wagered', o.wagered, 'contributed', o.contributed::text, 'voids', o.voids, 'wins', o.wins,
               'won', o.won, 'lock_waits', o.lock_waits, 'lock_wait_ms', round(o.lock_wait_us / 1000, 3)) ORDER BY o.pool), '[]')
      INTO pools
      FROM (SELECT o.key AS pool, sum((o.value ->> 'bets')::numeric) AS bets, sum((o.value ->> 'wagered')::numeric) AS wagered,
                   sum((o.value ->> 'contributed')::numeric) AS contributed, sum((o.value ->> 'voids')::numeric) AS voids,
                   sum((o.value ->> 'wins')::numeric) AS wins, sum((o.value ->> 'won')::numeric) AS won,
                   sum((o.value ->> 'lock_waits')::numeric) AS lock_waits, sum((o.value ->> 'lock_wait_us')::numeric) AS lock_wait_us
              FROM unnest(counted) s, jsonb_each(s.pools) o GROUP BY o.key) o;

    WITH played AS (
        SELECT s.at, s.since, extract(epoch FROM s.at - s.since) AS seconds, p.calls, p.errors
          FROM unnest(counted) s
         CROSS JOIN LATERAL (SELECT coalesce(sum((o.value ->> 'calls')::bigint), 0) AS calls, coalesce(sum((o.value ->> 'errors')::bigint), 0) AS errors
                               FROM jsonb_each(s.operations) o WHERE o.key = ANY (plays)) p)
    SELECT coalesce(sum(p.calls), 0) AS calls, coalesce(sum(p.errors), 0) AS errors, coalesce(sum(p.seconds), 0) AS seconds,
           max(p.calls / nullif(p.seconds, 0)) AS peak,
           (SELECT max(s.queue_depth) FROM unnest(counted) s) AS queue_depth, (SELECT max(s.queue_age_ms) FROM unnest(counted) s) AS queue_age_ms,
           (SELECT sum((o ->> 'conflicts')::numeric) FROM jsonb_array_elements(operations) o WHERE o ->> 'operation' = ANY (plays)) AS conflicts,
           (SELECT sum((o ->> 'calls')::numeric) FROM jsonb_array_elements(operations) o WHERE o ->> 'operation' = ANY (singles)) AS singles,
           (SELECT sum((o ->> 'calls')::numeric) FROM jsonb_array_elements(operations) o WHERE o ->> 'operation' IN ('pools', 'pool')) AS readings
      INTO totals FROM played p;

    -- The first half of the samples and the second.
    WITH placed AS (
        SELECT s.*, extract(epoch FROM s.at - s.since) AS seconds, 2 * row_number() OVER (ORDER BY s.at) > count(*) OVER () AS is_later, count(*) OVER () AS samples
          FROM unnest(counted) s),
    figures AS (
        SELECT h.is_later, h.samples, h.calls / nullif(h.seconds, 0) AS rate, h.errors * 100.0 / nullif(h.calls + h.errors, 0) AS error_rate,
               (SELECT round(jackpot.quantile_us(jsonb_object_agg(b.us, b.calls), 0.95) / 1000.0, 3)
                  FROM (SELECT b.key AS us, sum(b.value::bigint) AS calls
                          FROM placed p, jsonb_each(p.operations) o, jsonb_each_text(o.value -> 'buckets') b
                         WHERE p.is_later = h.is_later AND o.key = ANY (plays) GROUP BY b.key) b) AS p95
          FROM (SELECT p.is_later, p.samples, sum(c.calls) AS calls, sum(c.errors) AS errors, sum(p.seconds) AS seconds
                  FROM placed p
                 CROSS JOIN LATERAL (SELECT coalesce(sum((o.value ->> 'calls')::bigint), 0) AS calls, coalesce(sum((o.value ->> 'errors')::bigint), 0) AS errors
                                       FROM jsonb_each(p.operations) o WHERE o.key = ANY (plays)) c
                 GROUP BY p.is_later, p.samples) h)
    SELECT max(f.rate) FILTER (WHERE NOT f.is_later) AS rate_before, max(f.rate) FILTER (WHERE f.is_later) AS rate_after,
           max(f.error_rate) FILTER (WHERE NOT f.is_later) AS errors_before, max(f.error_rate) FILTER (WHERE f.is_later) AS errors_after,
           max(f.p95) FILTER (WHERE NOT f.is_later) AS p95_before, max(f.p95) FILTER (WHERE f.is_later) AS p95_after
      INTO halves FROM figures f;

    -- Preloading.
    IF NOT minute.is_preloaded THEN
        bottlenecks := bottlenecks || jsonb_build_object('token', 'not_preloaded',
            'message', 'Nothing is counted, and calls settle and share no memory: the library is not preloaded.');
        recommendations := recommendations || jsonb_build_object('token', 'preload',
            'message', 'Add jackpot to shared_preload_libraries and restart: a worker then settles and drains the queue, totals cost less, and there are metrics.');
    END IF;

    -- A long tail: transaction ids between the oldest that the mark does not see and the newest. They are the cluster's: whoever
    -- keeps it long may be in another database.
    SELECT pg_snapshot_xmax(pg_current_snapshot())::text::numeric - pg_snapshot_xmin(m.snapshot)::text::numeric AS transactions,
           a.pid, a.application_name, a.usename, a.datname, a.state, round(extract(epoch FROM clock_timestamp() - a.xact_start)) AS seconds, p.gid,
           minute.unsettled_rows
      INTO long
      FROM jackpot.mark m
      LEFT JOIN LATERAL (
          SELECT a.* FROM pg_stat_activity a
           WHERE a.backend_xid IS NOT NULL AND a.pid <> pg_backend_pid()
           ORDER BY age(a.backend_xid) DESC LIMIT 1) a ON true
      LEFT JOIN LATERAL (SELECT p.gid, p.transaction FROM pg_prepared_xacts p ORDER BY age(p.transaction) DESC LIMIT 1) p
             ON a.backend_xid IS NULL OR age(p.transaction) > age(a.backend_xid);
    IF long.transactions >= 1000 OR long.seconds >= 60 THEN
        bottlenecks := bottlenecks || jsonb_build_object('token', 'long_tail',
            'message', format('Reading goes back %s transactions%s.', long.transactions,
                              CASE WHEN long.gid IS NOT NULL THEN format(', to the prepared transaction %L', long.gid)
                                   WHEN long.pid IS NOT NULL THEN format(', to one of process %s (%s in database %s, %s), open for %s s', long.pid,
                                                                         coalesce(nullif(long.application_name, ''), long.usename), long.datname, long.state, long.seconds)
                                   ELSE ', as nothing has settled them' END),
            'transactions', long.transactions, 'pid', CASE WHEN long.gid IS NULL THEN long.pid END, 'application_name', long.application_name,
            'gid', long.gid, 'seconds', long.seconds, 'unsettled_rows', long.unsettled_rows);
        recommendations := recommendations || jsonb_build_object('token', 'end_long_transaction',
            'message', CASE WHEN long.gid IS NOT NULL THEN format('Commit or roll back the prepared transaction %L.', long.gid)
                            WHEN long.pid IS NOT NULL THEN format('End the transaction of process %s, or have it contribute last: select pg_terminate_backend(%s) ends it by force.', long.pid, long.pid)
                            ELSE 'Have the worker run, or call jackpot_settle().' END,
            'pid', CASE WHEN long.gid IS NULL THEN long.pid END);
    END IF;

    -- Many single calls.
    IF totals.seconds > 0 AND totals.singles / totals.seconds >= 500 THEN
        recommendations := recommendations || jsonb_build_object('token', 'batch',
            'message', format('%s single calls a second came in: where bets are at hand together, jackpot_contribute_arrays() or jackpot_contribute_batch() takes many in one statement, and jackpot_enqueue_spin() answers before the draw.',
                              round(totals.singles / totals.seconds)),
            'calls_per_second', round(totals.singles / totals.seconds, 1));
    END IF;

    -- Wins that wait for one another.
    FOR item IN
        SELECT p ->> 'pool' AS pool, (p ->> 'lock_waits')::numeric AS waits, (p ->> 'lock_wait_ms')::numeric AS wait_ms, (p ->> 'wins')::numeric AS wins
          FROM jsonb_array_elements(pools) p
         WHERE (p ->> 'lock_waits')::numeric >= 10 AND (p ->> 'lock_wait_ms')::numeric / (p ->> 'lock_waits')::numeric >= 1
         ORDER BY (p ->> 'lock_wait_ms')::numeric DESC
    LOOP
        bottlenecks := bottlenecks || jsonb_build_object('token', 'pool_convoy', 'pool', item.pool, 'lock_waits', item.waits, 'lock_wait_ms', item.wait_ms,
            'message', format('Pool "%s" was waited for %s times, %s ms each on average, with %s wins: they take turns.',
                              item.pool, item.waits, round(item.wait_ms / item.waits, 1), item.wins));
        recommendations := recommendations || jsonb_build_object('token', 'shorten_wins', 'pool', item.pool,
            'message', format('Commit wins of pool "%s" at once, or have them queued (jackpot_enqueue_win(), jackpot_enqueue_spin()): the worker pays them without anybody waiting.', item.pool));
    END LOOP;

    -- Slow calls.
    FOR item IN
        SELECT o ->> 'operation' AS operation, (o ->> 'p95_ms')::numeric AS p95_ms,
               (o ->> 'lock_wait_ms')::numeric / nullif((o ->> 'duration_ms')::numeric, 0) AS waiting
          FROM jsonb_array_elements(operations) o
         WHERE o ->> 'operation' = ANY (singles || '{win,void}'::text[]) AND (o ->> 'p95_ms')::numeric >= 50
    LOOP
        bottlenecks := bottlenecks || jsonb_build_object('token', 'slow_calls', 'operation', item.operation, 'p95_ms', item.p95_ms,
            'message', format('5 of 100 calls of jackpot_%s() took more than %s ms; %s %% of the time went into waiting for locks.',
                              item.operation, item.p95_ms, round(100 * least(item.waiting, 1))));
        recommendations := recommendations || jsonb_build_object('token', CASE WHEN item.waiting >= 0.5 THEN 'find_lock_holder' ELSE 'check_server' END,
            'message', CASE WHEN item.waiting >= 0.5 THEN 'jackpot.activity shows who holds what is waited for.'
                            ELSE 'The calls do not wait for locks: look at the load of the machine and at what else the transactions do.' END);
    END LOOP;

    -- Partitions.
    IF EXISTS (SELECT FROM jackpot.ledger_default) THEN
        bottlenecks := bottlenecks || jsonb_build_object('token', 'missing_partition',
            'message', 'Bets were taken in a month that had no partition of its own; they are in jackpot.ledger_default, which every reading of the ledger looks through.');
        recommendations := recommendations || jsonb_build_object('token', 'make_partition',
            'message', 'Have the worker run, which makes partitions ahead, and move the rows of jackpot.ledger_default to a partition of their month in a quiet hour.');
    END IF;

    -- Errors and conflicts.
    IF totals.errors * 100 >= totals.calls + totals.errors AND totals.errors >= 10 THEN
        bottlenecks := bottlenecks || jsonb_build_object('token', 'errors', 'errors', totals.errors,
            'message', format('%s of %s calls failed.', totals.errors, totals.calls + totals.errors));
        recommendations := recommendations || jsonb_build_object('token', 'read_errors',
            'message', 'jackpot_errors_total in jackpot_metrics() tells which calls fail and with which token.');
    END IF;
    IF totals.conflicts * 100 >= totals.calls AND totals.conflicts >= 10 THEN
        bottlenecks := bottlenecks || jsonb_build_object('token', 'conflicts', 'conflicts', totals.conflicts,
            'message', format('Conflicts were met %s times in %s calls.', totals.conflicts, totals.calls));
        recommendations := recommendations || jsonb_build_object('token', 'relax',
            'message', 'Contribute under READ COMMITTED, or with jackpot.totals = off; expect a cycle or version only where the caller can do something about it.');
    END IF;

    -- The queue.
    IF totals.queue_age_ms >= 10000 THEN
        bottlenecks := bottlenecks || jsonb_build_object('token', 'queue_lag', 'queue_age_ms', totals.queue_age_ms,
            'message', format('An item of the queue that was due has waited for %s ms.', totals.queue_age_ms));
        recommendations := recommendations || jsonb_build_object('token', 'drain_queue',
            'message', 'jackpot_queue_health() tells what keeps the queue from being drained.');
    END IF;

    -- Screens that read tables.
    IF totals.seconds > 0 AND totals.readings / totals.seconds >= 10 THEN
        recommendations := recommendations || jsonb_build_object('token', 'ticker',
            'message', format('jackpot_pools() was asked %s times a second: for screens, jackpot_ticker() answers from memory.', round(totals.readings / totals.seconds)),
            'calls_per_second', round(totals.readings / totals.seconds, 1));
    END IF;

    RETURN jsonb_build_object(
        'since', begin_at, 'until', till, 'samples', cardinality(counted), 'seconds', round(totals.seconds, 1),
        'summary', jsonb_build_object(
            'text', CASE WHEN cardinality(counted) = 0 AND NOT minute.is_counted THEN 'Nothing was counted.'
                         WHEN totals.calls + totals.errors = 0 THEN 'No activity.'
                         ELSE format('%s calls, %s a second (at most %s), of which %s failed.', totals.calls + totals.errors,
                                     round(totals.calls / nullif(totals.seconds, 0), 1), round(totals.peak, 1), totals.errors) END,
            'calls', totals.calls, 'errors', totals.errors, 'error_rate', round(totals.errors * 100.0 / nullif(totals.calls + totals.errors, 0), 3),
            'calls_per_second', round(totals.calls / nullif(totals.seconds, 0), 3), 'peak_calls_per_second', round(totals.peak, 3),
            'queue_depth', totals.queue_depth, 'queue_age_ms', totals.queue_age_ms,
            'operations', operations, 'pools', pools),
        'trend', jsonb_build_object(
            'calls_per_second', jsonb_build_object('earlier', round(halves.rate_before, 3), 'later', round(halves.rate_after, 3),
                                                   'direction', jackpot.trend(halves.rate_before, halves.rate_after)),
            'p95_ms', jsonb_build_object('earlier', halves.p95_before, 'later', halves.p95_after, 'direction', jackpot.trend(halves.p95_before, halves.p95_after)),
            'error_rate', jsonb_build_object('earlier', round(halves.errors_before, 3), 'later', round(halves.errors_after, 3),
                                             'direction', jackpot.trend(halves.errors_before, halves.errors_after))),
        'bottlenecks', bottlenecks, 'recommendations', recommendations);
END $$;
