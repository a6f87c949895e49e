-- What is in the queue, and what became of it: plain SQL over the tables.

CREATE FUNCTION jackpot.worker_state()
RETURNS TABLE (state text, pid integer, started_at timestamptz, last_round_at timestamptz, last_error text,
               last_error_at timestamptz, came_in bigint, went_out bigint)
LANGUAGE c VOLATILE PARALLEL RESTRICTED ROWS 1 AS 'MODULE_PATHNAME', 'worker_state_wrapper';

CREATE FUNCTION jackpot.queue_waiting(is_exact boolean DEFAULT true)
RETURNS TABLE (kind text, priority integer, items bigint, attempts bigint, oldest_due_at timestamptz)
LANGUAGE c STABLE PARALLEL UNSAFE ROWS 10 AS 'MODULE_PATHNAME', 'queue_waiting_wrapper';

CREATE FUNCTION jackpot_queue_item(id bigint)
RETURNS TABLE (kind text, status text, priority integer, operation_id text, enqueued_at timestamptz,
               due_at timestamptz, attempts bigint, applied_at timestamptz, result jsonb, sqlstate text, token text, message text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    item constant bigint := jackpot_queue_item.id;
    first jackpot.request;
    waiting jackpot.request;
    last jackpot.attempt;
    letter jackpot.dead_letter;
    wager jackpot.ledger;
    is_undrawn boolean;
    tries bigint;
    paid_at timestamptz;
BEGIN
    IF item IS NULL THEN
        RAISE EXCEPTION 'id must not be null' USING ERRCODE = '22004', DETAIL = 'null_argument: id is required';
    END IF;
    SELECT r.* INTO first FROM jackpot.request r WHERE r.id = item ORDER BY r.entry LIMIT 1;
    SELECT r.* INTO waiting FROM jackpot.request r
     WHERE r.id = item AND NOT EXISTS (SELECT FROM jackpot.attempt a WHERE a.entry = r.entry)
     ORDER BY r.entry LIMIT 1;
    SELECT a.* INTO last FROM jackpot.attempt a WHERE a.id = item ORDER BY a.entry DESC LIMIT 1;
    SELECT count(*) INTO tries FROM jackpot.attempt a WHERE a.id = item;
    SELECT d.* INTO letter FROM jackpot.dead_letter d WHERE d.id = item;
    SELECT l.* INTO wager FROM jackpot.ledger l
     WHERE l.id = coalesce(last.ledger_id, (letter.payload ->> 'ledger_id')::bigint, item) AND l.voids IS NULL;
    IF first.entry IS NULL AND letter.id IS NULL AND wager.id IS NULL THEN
        RAISE EXCEPTION 'item % does not exist', item
              USING ERRCODE = '42704', DETAIL = format('unknown_item: nothing was enqueued with the number %s', item);
    END IF;
    is_undrawn := coalesce(wager.id = item AND wager.draw_priority IS NOT NULL
                           AND (SELECT wager.id > m.floor_id AND NOT pg_visible_in_snapshot(wager.xid, m.snapshot)
                                  FROM jackpot.queue_mark m), false);
    SELECT max(w.at) INTO paid_at FROM jackpot.win w WHERE w.ledger_id = wager.id;
    RETURN QUERY SELECT
        CASE WHEN coalesce(first.kind, letter.kind, '') IN ('win', 'spin') THEN coalesce(first.kind, letter.kind)
             WHEN coalesce(first.kind, letter.kind) = 'draw' OR wager.draw_priority IS NOT NULL THEN 'spin'
             WHEN first.kind IS NOT NULL OR wager.id IS NOT NULL OR letter.kind = 'contribute' THEN 'contribution'
             ELSE letter.kind END,
        CASE WHEN waiting.entry IS NOT NULL OR is_undrawn THEN 'pending'
             WHEN letter.status = 'discarded' THEN 'discarded'
             WHEN letter.status = 'open' THEN 'failed'
             ELSE 'applied' END,
        coalesce(first.priority, wager.draw_priority, letter.priority, 0),
        coalesce(first.operation_id, wager.operation_id, letter.payload ->> 'operation_id'),
        CASE WHEN wager.id = item THEN wager.at ELSE coalesce(first.at, letter.at) END,
        coalesce(waiting.due_at, CASE WHEN wager.id = item THEN wager.at END, first.due_at, letter.at),
        greatest(tries, letter.attempts, CASE WHEN wager.id IS NOT NULL AND NOT is_undrawn THEN 1 ELSE 0 END)::bigint,
        CASE WHEN waiting.entry IS NOT NULL OR is_undrawn THEN NULL
             WHEN last.outcome = 'applied' THEN last.at
             WHEN letter.status IS DISTINCT FROM 'open' AND wager.id = item
             THEN CASE WHEN wager.draw_priority IS NULL THEN wager.at ELSE paid_at END END,
        CASE WHEN last.win_id IS NOT NULL
             THEN (SELECT jsonb_build_object('win_id', w.id, 'pool', p.pool, 'win_amount', w.win_amount)
                     FROM jackpot.win w JOIN jackpot.pool p ON p.id = w.pool_id WHERE w.id = last.win_id)
             WHEN wager.id IS NOT NULL
             THEN jsonb_build_object(
                      'ledger_id', wager.id,
                      'contributions', coalesce((SELECT jsonb_agg(jsonb_build_object('pool', p.pool, 'contribution',
                                                            jackpot.minor_units(u.display + u.reserve::numeric)::text) ORDER BY u.place)
                                                   FROM unnest(wager.pool_ids, wager.display, wager.reserve) WITH ORDINALITY
                                                        AS u(pool_id, display, reserve, place)
                                                   JOIN jackpot.pool p ON p.id = u.pool_id), '[]'),
                      'wins', coalesce((SELECT jsonb_agg(jsonb_build_object('win_id', w.id, 'pool', p.pool, 'win_amount', w.win_amount) ORDER BY w.id)
                                          FROM jackpot.win w JOIN jackpot.pool p ON p.id = w.pool_id WHERE w.ledger_id = wager.id), '[]')) END,
        CASE WHEN letter.status <> 'requeued' THEN letter.sqlstate WHEN waiting.entry IS NOT NULL THEN last.sqlstate END,
        CASE WHEN letter.status <> 'requeued' THEN letter.token WHEN waiting.entry IS NOT NULL THEN last.token END,
        CASE WHEN letter.status <> 'requeued' THEN letter.message WHEN waiting.entry IS NOT NULL THEN last.message END;
END $$;

CREATE FUNCTION jackpot.queue_health(is_exact boolean) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    depth bigint;
    depth_by jsonb;
    tries bigint;
    oldest_age_ms bigint;
    letters bigint;
    worker record;
    limits bigint;
    most bigint;
    issues jsonb := '[]';
BEGIN
    SELECT coalesce(sum(w.items), 0), coalesce(jsonb_agg(jsonb_build_object('kind', w.kind, 'priority', w.priority, 'items', w.items)
                                                         ORDER BY w.priority DESC, w.kind), '[]'),
           coalesce(sum(w.attempts), 0),
           greatest(extract(epoch FROM clock_timestamp() - min(w.oldest_due_at)) * 1000, 0)::bigint
      INTO depth, depth_by, tries, oldest_age_ms
      FROM jackpot.queue_waiting(is_exact) w;
    SELECT count(*) INTO letters FROM jackpot.dead_letter d WHERE d.status = 'open';
    SELECT count(*) INTO limits FROM jackpot.rate_limit;
    SELECT * INTO worker FROM jackpot.worker_state();
    -- Not before a function of the library has had it loaded.
    most := current_setting('jackpot.queue_max_items')::bigint;
    IF worker.state = 'not running' AND NOT pg_is_in_recovery() THEN
        issues := issues || jsonb_build_object('token', 'worker_missing', 'severity', 'warning',
            'message', 'no worker runs for this database',
            'hint', 'jackpot.databases must name it, and max_worker_processes leave room for the worker; the server''s log tells more.');
    END IF;
    IF worker.last_error_at > clock_timestamp() - interval '1 minute' THEN
        issues := issues || jsonb_build_object('token', 'worker_error', 'severity', 'warning',
            'message', format('the worker failed: %s', worker.last_error),
            'hint', 'It tries again by itself; the server''s log tells more.');
    END IF;
    IF oldest_age_ms > 10000 THEN
        issues := issues || jsonb_build_object('token', 'queue_stalled',
            'severity', CASE WHEN oldest_age_ms > 60000 THEN 'critical' ELSE 'warning' END,
            'message', format('the oldest item that is due has waited for %s ms', oldest_age_ms),
            'hint', CASE worker.state WHEN 'running' THEN 'jackpot_queue_item() tells why an item waits; pg_locks shows who holds a pool. After a restore the worker waits for the first write, or for jackpot_process_queue().'
                                      ELSE 'Call jackpot_process_queue(), or have the worker run.' END);
    END IF;
    IF letters > 0 THEN
        issues := issues || jsonb_build_object('token', 'dead_letters', 'severity', 'warning',
            'message', format('%s items were refused and wait for a decision', letters),
            'hint', 'jackpot.dead_letter tells why; jackpot_requeue() or jackpot_discard() them.');
    END IF;
    IF most > 0 AND depth >= most * 0.8 THEN
        issues := issues || jsonb_build_object('token', 'queue_nearly_full', 'severity', 'warning',
            'message', format('%s items wait, jackpot.queue_max_items is %s', depth, most),
            'hint', 'Find out why the queue is not drained before calls are refused.');
    END IF;
    IF limits > 0 AND worker.state = 'not preloaded' THEN
        issues := issues || jsonb_build_object('token', 'limits_not_enforced', 'severity', 'warning',
            'message', format('%s rate limits are not enforced', limits),
            'hint', 'Add jackpot to shared_preload_libraries.');
    END IF;
    RETURN jsonb_build_object(
        'healthy', issues = '[]', 'issues', issues, 'depth', depth, 'depth_by', depth_by,
        'oldest_age_ms', coalesce(oldest_age_ms, 0), 'attempts', tries, 'dead_letters', letters,
        'rate_in_per_minute', worker.came_in, 'rate_out_per_minute', worker.went_out,
        'worker', jsonb_build_object('state', worker.state, 'pid', worker.pid, 'started_at', worker.started_at,
                                     'last_round_at', worker.last_round_at, 'last_error', worker.last_error,
                                     'last_error_at', worker.last_error_at));
END $$;

CREATE FUNCTION jackpot_queue_health() RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
BEGIN ATOMIC
    SELECT jackpot.queue_health(true);
END;
