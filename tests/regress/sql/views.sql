-- The views that people watch.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS jackpot;
CREATE EXTENSION jackpot;
\pset null -
SELECT current_setting('shared_preload_libraries') = 'jackpot' AS is_preloaded \gset

-- Before there is anything.
TABLE jackpot.pools;
TABLE jackpot.recent_wins;
TABLE jackpot.queue;
TABLE jackpot.activity;
TABLE jackpot.operation_sample;
TABLE jackpot.pool_sample;

-- The pools as jackpot_pools() has them.
SELECT pool FROM jackpot_create_pool('minor', 0.01, 100, currency => 'EUR');
SELECT pool FROM jackpot_create_pool('major', 0.02, 1000, 5000, reserve_rate => 0.001);
SELECT pool FROM jackpot_create_pool('odds', 0.01, 10, config => '{"game_ids": ["o"], "trigger": {"kind": "odds", "one_in": 100000000}}');
SELECT count(*) FROM jackpot_contribute('g', 12345, 'ann');
SELECT pool, status, currency, current_amount, seed_amount, max_amount, reserve_amount, cycle, version FROM jackpot.pools;
SELECT v.pool FROM jackpot.pools v FULL JOIN jackpot_pools() p USING (pool) WHERE to_jsonb(v) - 'as_of' IS DISTINCT FROM to_jsonb(p) - 'as_of';

-- Wins, the newest first: 20 of them, with what became of them.
DO $$ BEGIN FOR i IN 1 .. 19 LOOP PERFORM jackpot_win('minor', 'g', 'user ' || i, 1); END LOOP; END $$;
SELECT win_amount FROM jackpot_win('major', 'other', 'bob', 2);
SELECT count(*), count(DISTINCT win_id), min(user_id) FILTER (WHERE cycle = 2 AND pool = 'minor') AS first FROM jackpot.recent_wins;
SELECT win_amount FROM jackpot_win('minor', 'g', 'eve');
BEGIN;
SELECT win_amount FROM jackpot_win('minor', 'g', 'undone');
ROLLBACK;
SELECT status FROM jackpot_cancel_win((SELECT max(win_id) FROM jackpot.recent_wins WHERE pool = 'major'), 'test');
SELECT pool, win_amount, user_id, game_id, cycle, status, trigger FROM jackpot.recent_wins LIMIT 4;
SELECT count(*), count(DISTINCT win_id), min(user_id) FILTER (WHERE cycle = 2 AND pool = 'minor') AS first, bool_and(at BETWEEN now() - interval '1 hour' AND now()) AS recently FROM jackpot.recent_wins;

-- What waits, the most urgent first; what is due later has no age yet.
SELECT count(jackpot_enqueue_spin('o', n)) FROM generate_series(1, 3) n;
SELECT jackpot_enqueue_spin('o', 1, priority => 9) > 0 AS urgent, jackpot_enqueue_win('minor', 'g', 'ann', 1, delay => '1 day') > 0 AS later, jackpot_enqueue_contribution('g', 1) > 0 AS none;
SELECT kind, priority, items, attempts, oldest_age_ms BETWEEN 0 AND 60000 AS age, CASE kind WHEN 'win' THEN oldest_age_ms END AS age_of_later FROM jackpot.queue;
SELECT sum(items) AS items FROM jackpot.queue;
SELECT processed FROM jackpot_process_queue();
SELECT kind, priority, items, attempts FROM jackpot.queue;

-- The signals, each with what it means; those of counted calls only where they are counted.
SELECT signal, unit, meaning FROM jackpot.signal ORDER BY signal;
SELECT jackpot_reset_metrics();
SELECT signal, value FROM jackpot.signal WHERE signal IN ('queue_depth', 'queue_fill', 'dead_letters', 'lock_wait_ms', 'audit_failures', 'queue_age_ms') ORDER BY signal;
SELECT array_agg(signal ORDER BY signal) AS unknown FROM jackpot.signal WHERE value IS NULL AND (signal !~ '^(calls|error|conflict|unsettled)' OR :'is_preloaded');
SELECT array_agg(signal ORDER BY signal) FROM jackpot.signal WHERE (value IS NULL) <> NOT :'is_preloaded' AND signal ~ '^(calls|error|conflict|unsettled)';

-- Who holds what: nobody; the gate that each bet passes is not shown.
TABLE jackpot.activity;
BEGIN;
SELECT count(*) FROM jackpot_contribute('g', 1000);
TABLE jackpot.activity;
-- Whoever wins holds the pools until the end.
SELECT win_amount FROM jackpot_win('minor', 'g', 'ann', 1);
SELECT win_amount FROM jackpot_win('major', 'g', 'ann', 1);
SELECT pid = pg_backend_pid() AS is_own, pool, lock, state, waiting_ms, transaction_ms >= 0 AS transaction_ms, operation IS NOT DISTINCT FROM CASE WHEN :'is_preloaded' THEN 'win' END AS operation,
       application_name <> '' AS application_name, usename = current_user AS usename, session_state, blocked_by, query ~ 'jackpot.activity' AS query FROM jackpot.activity;
SAVEPOINT a;
SELECT win_amount FROM jackpot_win('odds', 'g', 'ann', 1);
SELECT pool, lock, state FROM jackpot.activity;
ROLLBACK TO a;
SELECT pool, lock, state FROM jackpot.activity;
COMMIT;
TABLE jackpot.activity;
-- Whoever stops a pool holds the gate, too.
BEGIN;
SELECT status FROM jackpot_pause('minor');
SELECT pool, lock, state FROM jackpot.activity;
ROLLBACK;
-- Locks of others that look alike are none of ours.
BEGIN;
SELECT pg_advisory_xact_lock(1), pg_advisory_xact_lock(1, 19024), pg_advisory_xact_lock(19024);
TABLE jackpot.activity;
ROLLBACK;

-- All of it may be read where nothing may be written, and by whoever may call the functions, without a right on any table.
BEGIN READ ONLY;
SELECT count(*) FROM jackpot.pools;
SELECT count(*) FROM jackpot.recent_wins;
SELECT count(*) FROM jackpot.queue;
SELECT count(*) FROM jackpot.activity;
SELECT count(*) FROM jackpot.signal;
SELECT count(*) FROM jackpot.alert_threshold;
SELECT count(*) FROM jackpot_ticker();
SELECT count(*) > 0 AS metrics FROM jackpot_metrics();
SELECT count(*) FROM jackpot_alerts();
COMMIT;
CREATE ROLE regress_jackpot_watcher;
SET ROLE regress_jackpot_watcher;
SELECT count(*) FROM jackpot_ticker();
SELECT count(*) FROM jackpot_metrics();
SELECT jackpot_health() IS NULL;
SELECT count(*) FROM jackpot_alerts();
SELECT jackpot_performance_report() IS NULL;
SELECT jackpot_set_alert('dead_letters', 1, 2) IS NULL;
SELECT jackpot_reset_metrics();
SELECT count(*) FROM jackpot.signal;
SELECT count(*) FROM jackpot.activity;
RESET ROLE;
GRANT EXECUTE ON FUNCTION jackpot_ticker, jackpot_metrics, jackpot_health, jackpot_alerts, jackpot_performance_report, jackpot_set_alert, jackpot_reset_metrics TO regress_jackpot_watcher;
SET ROLE regress_jackpot_watcher;
SELECT count(*) FROM jackpot_ticker();
SELECT count(*) > 0 AS metrics FROM jackpot_metrics();
SELECT jackpot_health() ->> 'role' AS role;
SELECT count(*) FROM jackpot_alerts();
SELECT jackpot_performance_report() -> 'seconds' IS NULL AS seconds;
SELECT metric FROM jackpot_set_alert('dead_letters', 1, 2);
SELECT jackpot_reset_metrics();
RESET ROLE;
DROP OWNED BY regress_jackpot_watcher;
DROP ROLE regress_jackpot_watcher;
SELECT * FROM jackpot_validate() WHERE NOT ok;
