-- For people: \watch them.

CREATE VIEW jackpot.pools AS
SELECT p.* FROM @extschema@.jackpot_pools() p;

CREATE VIEW jackpot.recent_wins AS
SELECT w.id AS win_id, w.at, p.pool, w.win_amount, w.user_id, w.game_id, w.cycle, w.status, w.trigger
  FROM jackpot.win w JOIN jackpot.pool p ON p.id = w.pool_id
 ORDER BY w.id DESC LIMIT 20;

CREATE VIEW jackpot.queue AS
SELECT w.kind, w.priority, w.items, w.attempts,
       greatest(extract(epoch FROM clock_timestamp() - w.oldest_due_at) * 1000, 0)::bigint AS oldest_age_ms
  FROM jackpot.queue_waiting(true) w
 ORDER BY w.priority DESC, w.kind;

-- The advisory locks of the extension bear the number 19024 (src/store/lock.rs): class 0 is the gate,
-- class 1 the turn of a pool.
CREATE VIEW jackpot.activity AS
WITH locks AS MATERIALIZED (
    SELECT l.pid, l.classid::bigint AS class, CASE WHEN l.objsubid = 19024 AND l.classid::bigint = 1 THEN l.objid::bigint::integer END AS pool_id, l.mode, l.granted, l.waitstart, l.relation,
           coalesce(l.locktype = 'advisory' AND l.objsubid = 19024
                    AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()), false) AS is_own
      FROM pg_locks l
     WHERE l.pid IS NOT NULL),
jackpots AS (
    SELECT o.pid, CASE o.class WHEN 0 THEN 'gate' ELSE 'pool' END AS lock, CASE o.class WHEN 1 THEN o.pool_id END AS pool_id,
           CASE WHEN o.granted THEN 'holds' ELSE 'waits' END AS state, o.waitstart
      FROM locks o
     -- Every bet holds the gate with others; that is of interest only while somebody wants it alone.
     WHERE o.is_own AND (o.class = 1 OR o.class = 0 AND EXISTS (SELECT FROM locks w WHERE w.is_own AND w.class = 0 AND w.mode = 'ExclusiveLock'))
    UNION ALL
    -- Who waits for a row, such as an operation_id, or for a table.
    SELECT w.pid, 'row', (SELECT max(h.pool_id) FROM locks h WHERE h.pid = w.pid AND h.is_own AND h.class = 1 AND h.granted), 'waits', w.waitstart
      FROM locks w
     WHERE NOT w.granted AND NOT w.is_own
       AND EXISTS (SELECT FROM locks h JOIN pg_class c ON c.oid = h.relation
                    WHERE h.pid = w.pid AND c.relnamespace = 'jackpot'::regnamespace)),
waiting AS MATERIALIZED (
    SELECT j.pid, j.pool_id, j.lock, pg_blocking_pids(j.pid) AS blocked_by
      FROM (SELECT DISTINCT ON (j.pid) j.pid, j.pool_id, j.lock FROM jackpots j WHERE j.state = 'waits' ORDER BY j.pid) j),
everybody AS (
    SELECT j.pid, j.lock, j.pool_id, j.state, j.waitstart FROM jackpots j
    UNION ALL
    -- Who is waited for without holding a lock of the extension: a row that was locked by hand.
    SELECT DISTINCT ON (b.pid) b.pid, w.lock, w.pool_id, 'blocks', NULL::timestamptz
      FROM waiting w, unnest(w.blocked_by) AS b(pid)
     WHERE NOT EXISTS (SELECT FROM jackpots j WHERE j.pid = b.pid AND j.lock = w.lock))
SELECT e.pid, p.pool, e.lock, e.state,
       CASE WHEN e.state = 'waits' THEN greatest(extract(epoch FROM clock_timestamp() - e.waitstart) * 1000, 0)::bigint END AS waiting_ms,
       greatest(extract(epoch FROM clock_timestamp() - a.xact_start) * 1000, 0)::bigint AS transaction_ms,
       c.operation, a.application_name, a.usename, a.client_addr, a.state AS session_state,
       w.blocked_by, a.query
  FROM everybody e
  LEFT JOIN jackpot.pool p ON p.id = e.pool_id
  LEFT JOIN pg_stat_activity a ON a.pid = e.pid
  LEFT JOIN jackpot.last_calls() c ON c.pid = e.pid
  LEFT JOIN waiting w ON w.pid = e.pid AND e.state = 'waits'
 ORDER BY p.pool, e.lock, e.state, e.waitstart;

CREATE FUNCTION jackpot.signal_meaning(signal text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE signal
        WHEN 'call_p95_ms' THEN '95 of 100 calls that move money took no longer; last minute'
        WHEN 'win_p95_ms' THEN '95 of 100 calls of jackpot_win() took no longer; last minute'
        WHEN 'calls_per_second' THEN 'calls that move money; last minute'
        WHEN 'error_rate' THEN 'calls that move money and failed, where there were 20 and more; last minute'
        WHEN 'conflict_rate' THEN 'conflicts of versions and cycles that calls have met; last minute'
        WHEN 'lock_wait_ms' THEN 'the longest wait for a lock, now'
        WHEN 'queue_depth' THEN 'items that wait in the queue'
        WHEN 'queue_fill' THEN 'the part of jackpot.queue_max_items that waits'
        WHEN 'queue_age_ms' THEN 'how long the oldest item that is due has waited'
        WHEN 'dead_letters' THEN 'items that were refused and wait for a decision'
        WHEN 'unsettled_rows' THEN 'ledger rows that the worker has not settled yet'
        WHEN 'audit_failures' THEN 'the audit has found a pool whose books differ from the ledger'
    END;
END;

CREATE VIEW jackpot.signal AS
SELECT s.signal, round(s.value, 3) AS value, s.unit, jackpot.signal_meaning(s.signal) AS meaning
  FROM (SELECT m.*, coalesce(m.calls + m.errors, 0) AS tries FROM jackpot.last_minute() m) m,
       jackpot.queue_state() q, jackpot.audit_state() a,
       LATERAL (VALUES
        ('call_p95_ms', m.call_p95_us / 1000.0, 'ms'),
        ('win_p95_ms', m.win_p95_us / 1000.0, 'ms'),
        ('calls_per_second', m.calls / 60.0, '1/s'),
        ('error_rate', CASE WHEN m.tries >= 20 THEN m.errors * 100.0 / m.tries WHEN m.is_counted THEN 0 END, '%'),
        ('conflict_rate', CASE WHEN m.tries >= 20 THEN m.conflicts * 100.0 / m.tries WHEN m.is_counted THEN 0 END, '%'),
        ('lock_wait_ms', (SELECT coalesce(max(v.waiting_ms), 0) FROM jackpot.activity v)::numeric, 'ms'),
        ('queue_depth', q.depth::numeric, 'items'),
        ('queue_fill', CASE WHEN current_setting('jackpot.queue_max_items', true)::bigint > 0
                            THEN q.depth * 100.0 / current_setting('jackpot.queue_max_items', true)::bigint ELSE 0 END, '%'),
        ('queue_age_ms', q.age_ms::numeric, 'ms'),
        ('dead_letters', q.dead_letters::numeric, 'items'),
        ('unsettled_rows', m.unsettled_rows::numeric, 'rows'),
        ('audit_failures', CASE WHEN a.pool IS NULL THEN 0 ELSE 1 END::numeric, 'pools')
       ) AS s(signal, value, unit);

CREATE VIEW jackpot.alert_threshold AS
SELECT coalesce(a.metric, d.metric) AS metric, coalesce(a.labels, '{}') AS labels,
       CASE WHEN a.metric IS NULL THEN d.warning ELSE a.warning END AS warning,
       CASE WHEN a.metric IS NULL THEN d.critical ELSE a.critical END AS critical,
       coalesce(a.hold, '0') AS hold, a.notify, a.metric IS NULL AS is_default
  FROM (VALUES ('call_p95_ms', 50::numeric, 500::numeric), ('win_p95_ms', 150, 1000), ('error_rate', 0.1, 1), ('conflict_rate', 1, 5),
               ('lock_wait_ms', 1000, 5000), ('queue_age_ms', 10000, 60000), ('queue_fill', 80, 95), ('dead_letters', 1, 100),
               ('audit_failures', NULL, 1)) AS d(metric, warning, critical)
  FULL JOIN jackpot.alert a ON a.metric = d.metric AND a.labels = '{}'
 WHERE a.metric IS NULL OR a.warning IS NOT NULL OR a.critical IS NOT NULL;

CREATE VIEW jackpot.operation_sample AS
SELECT s.at, s.since, extract(epoch FROM s.at - s.since) AS seconds, o.key AS operation,
       (o.value ->> 'calls')::bigint AS calls, (o.value ->> 'errors')::bigint AS errors,
       (o.value ->> 'replays')::bigint AS replays, (o.value ->> 'rows')::bigint AS rows,
       (o.value ->> 'conflicts')::bigint AS conflicts, (o.value ->> 'retries')::bigint AS retries,
       (o.value ->> 'lock_waits')::bigint AS lock_waits, round((o.value ->> 'lock_wait_us')::bigint / 1000.0, 3) AS lock_wait_ms,
       (o.value ->> 'deadlocks')::bigint AS deadlocks, round((o.value ->> 'duration_us')::bigint / 1000.0, 3) AS duration_ms,
       round(jackpot.quantile_us(o.value -> 'buckets', 0.5) / 1000.0, 3) AS p50_ms,
       round(jackpot.quantile_us(o.value -> 'buckets', 0.95) / 1000.0, 3) AS p95_ms,
       round(jackpot.quantile_us(o.value -> 'buckets', 0.99) / 1000.0, 3) AS p99_ms,
       round(jackpot.quantile_us(o.value -> 'buckets', 1) / 1000.0, 3) AS max_ms
  FROM jackpot.sample s, jsonb_each(s.operations) o;

CREATE VIEW jackpot.pool_sample AS
SELECT s.at, s.since, extract(epoch FROM s.at - s.since) AS seconds, o.key AS pool,
       (o.value ->> 'bets')::bigint AS bets, (o.value ->> 'wagered')::numeric AS wagered,
       (o.value ->> 'contributed')::numeric AS contributed, (o.value ->> 'voids')::bigint AS voids,
       (o.value ->> 'wins')::bigint AS wins, (o.value ->> 'won')::numeric AS won,
       (o.value ->> 'lock_waits')::bigint AS lock_waits, round((o.value ->> 'lock_wait_us')::bigint / 1000.0, 3) AS lock_wait_ms
  FROM jackpot.sample s, jsonb_each(s.pools) o;
