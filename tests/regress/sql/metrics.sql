-- Metrics: what is counted, and that only what has committed counts as done.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS jackpot;
CREATE EXTENSION jackpot;
\pset null -
SELECT pool FROM jackpot_create_pool('minor', 0.01, 100, config => '{"game_ids": ["g", "o"]}');
SELECT pool FROM jackpot_create_pool('major', 0.02, 1000, reserve_rate => 0.005, config => '{"game_ids": ["g"]}');
SELECT pool FROM jackpot_create_pool('odds', 0.02, 10, config => '{"game_ids": ["o"], "trigger": {"kind": "odds", "one_in": 1}}');
SELECT count(*) AS bets FROM jackpot_contribute('g', 1000);

-- Without preloading there is only what the tables tell, and resetting does nothing.
SHOW shared_preload_libraries;
SELECT name, labels, value, kind FROM jackpot_metrics() WHERE name IN ('jackpot_preloaded', 'jackpot_worker_up', 'jackpot_pool_amount', 'jackpot_queue_depth', 'jackpot_dead_letters') ORDER BY 1, 2;
SELECT name, count(*) FROM jackpot_metrics() WHERE name !~ 'pool|call|lock|total$' GROUP BY 1 ORDER BY 1;
SELECT jackpot_reset_metrics();
SELECT current_setting('shared_preload_libraries') = '' AS is_bare \gset
\if :is_bare
\quit
\endif

-- What was done of each operation, and of what it did. Times are left out.
CREATE FUNCTION counted() RETURNS TABLE (operation text, calls numeric, errors numeric, replays numeric, rows numeric, conflicts numeric, retries numeric)
LANGUAGE sql AS $$
    SELECT labels ->> 'operation', sum(value) FILTER (WHERE name = 'jackpot_calls_total'), sum(value) FILTER (WHERE name = 'jackpot_errors_total'),
           sum(value) FILTER (WHERE name = 'jackpot_replays_total'), sum(value) FILTER (WHERE name = 'jackpot_rows_total'),
           sum(value) FILTER (WHERE name = 'jackpot_version_conflicts_total'), sum(value) FILTER (WHERE name = 'jackpot_retries_total')
      FROM jackpot_metrics() WHERE labels ? 'operation' GROUP BY 1 ORDER BY 1
$$;
CREATE FUNCTION pools() RETURNS TABLE (pool text, bets numeric, wagered numeric, contributed numeric, voids numeric, wins numeric, won numeric, amount numeric)
LANGUAGE sql AS $$
    SELECT labels ->> 'pool', sum(value) FILTER (WHERE name = 'jackpot_pool_bets_total'), sum(value) FILTER (WHERE name = 'jackpot_pool_wagered_total'),
           sum(value) FILTER (WHERE name = 'jackpot_pool_contributed_total'), sum(value) FILTER (WHERE name = 'jackpot_pool_voids_total'),
           sum(value) FILTER (WHERE name = 'jackpot_pool_wins_total'), sum(value) FILTER (WHERE name = 'jackpot_pool_won_total'),
           sum(value) FILTER (WHERE name = 'jackpot_pool_amount')
      FROM jackpot_metrics() WHERE labels ? 'pool' GROUP BY 1 ORDER BY 1
$$;
CREATE FUNCTION queue() RETURNS TABLE (name text, labels jsonb, value numeric)
LANGUAGE sql AS $$ SELECT name, labels, value FROM jackpot_metrics() WHERE name ~ '^jackpot_(queue_(depth|items|enqueued)|dead_)' ORDER BY 1, 2 $$;
CREATE FUNCTION bet(wager bigint) RETURNS numeric LANGUAGE sql AS $$ SELECT sum(contribution) FROM jackpot_contribute('g', wager, pools => '{minor}') $$;
SET jackpot.ticker_interval = 0;
SELECT * FROM counted();

-- All series: an operation has its own once it was called, a pool once it was touched.
SELECT name, kind, (SELECT array_agg(key ORDER BY key) FROM jsonb_object_keys((array_agg(labels))[1]) key) AS labels, count(*), bool_and(help ~ '^[A-Z].*\.$') AS has_help
  FROM (SELECT bet(1000)) bet, jackpot_metrics() GROUP BY 1, 2 ORDER BY 1;
SELECT count(*) FROM (SELECT name, labels FROM jackpot_metrics() GROUP BY 1, 2 HAVING count(*) > 1) twice;
SELECT name FROM jackpot_metrics() GROUP BY 1 HAVING count(DISTINCT kind) > 1 OR count(DISTINCT help) > 1;
SELECT name, value FROM jackpot_metrics() WHERE value IS NULL OR value < 0;
-- Counters end in _total; the time of the reset is now.
SELECT name FROM jackpot_metrics() WHERE (kind = 'counter') <> (name ~ '_total$') OR (kind = 'histogram') <> (name ~ '^jackpot_call_duration_seconds_(bucket|sum|count)$');
SELECT extract(epoch FROM now()) - value BETWEEN 0 AND 600 AS recently FROM jackpot_metrics() WHERE name = 'jackpot_metrics_reset_timestamp_seconds';

-- Each operation once and what it has written; many in one statement are one call.
SELECT jackpot_reset_metrics();
SELECT count(*) FROM jackpot_contribute('g', 1000, 'ann', 'one');
SELECT count(*) FROM jackpot_void('one', 'test');
SELECT count(*) FROM jackpot_contribute('none', 1000);
SELECT count(*), count(win_id) AS wins FROM jackpot_spin('o', 500, 'ann', 'two');
SELECT win_amount FROM jackpot_win('major', 'g', 'ann', 7, 'three');
SELECT processed FROM jackpot_contribute_arrays(game_ids => '{g,g,o}', wager_amounts => '{100,200,300}', operation_ids => '{four,five,six}');
SELECT processed FROM jackpot_contribute_batch('[{"game_id": "g", "wager_amount": 100, "operation_id": "seven"}, {"game_id": "g", "wager_amount": 300}]');
SELECT processed, total_won FROM jackpot_spin_arrays(game_ids => '{o}', wager_amounts => '{400}', operation_ids => '{eight}');
SELECT processed, total_won FROM jackpot_win_batch('[{"pool": "minor", "game_id": "g", "user_id": "ann", "win_amount": 1, "operation_id": "nine"}]');
SELECT jackpot_enqueue_contribution('g', 600, operation_id => 'ten') > 0 AS contribution, jackpot_enqueue_spin('o', 700, operation_id => 'eleven') > 0 AS spin,
       jackpot_enqueue_win('major', 'g', 'ann', 3, 'twelve') > 0 AS win, jackpot_enqueue_win('minor', 'g', 'ann', 150) > 0 AS too_much_by_then;
SELECT win_amount FROM jackpot_win('minor', 'g', 'ann');
SELECT * FROM queue();
SELECT * FROM jackpot_process_queue();
SELECT * FROM queue();
INSERT INTO jackpot.inbox (game_id, wager_amount) VALUES ('g', 100), ('g', 200);
SELECT processed FROM jackpot_process_inbox();
SELECT jackpot_settle() > 0 AS settled;
SELECT jackpot_adjust('minor', 5, 'test') IS NULL, jackpot_pause('major') IS NULL, jackpot_resume('major') IS NULL, jackpot_pool('minor') IS NULL;
SELECT * FROM counted();
SELECT * FROM pools();
-- It agrees with what the pools themselves say; counting began after the first wagers.
SELECT p.pool, p.total_contributions - m.bets AS before, p.total_wins - m.wins AS wins_before, p.total_won - m.won AS won_before, p.current_amount - m.amount AS difference
  FROM jackpot_pools() p JOIN pools() m USING (pool);
-- What was done before is not done again: nothing is written or paid, and the ticker's readings are counted by their source.
SELECT jackpot_reset_metrics();
SELECT replayed FROM jackpot_spin('o', 500, 'ann', 'two');
SELECT replayed FROM jackpot_win('major', 'g', 'ann', 7, 'three');
SELECT processed, replayed FROM jackpot_contribute_arrays(game_ids => '{g,g,o}', wager_amounts => '{100,200,300}', operation_ids => '{four,five,six}');
SELECT processed, replayed FROM jackpot_contribute_batch('[{"game_id": "g", "wager_amount": 100, "operation_id": "seven"}]');
SELECT processed, replayed FROM jackpot_spin_arrays(game_ids => '{o}', wager_amounts => '{400}', operation_ids => '{eight}');
SELECT processed, replayed FROM jackpot_win_batch('[{"pool": "minor", "game_id": "g", "user_id": "ann", "win_amount": 1, "operation_id": "nine"}]');
SELECT replayed FROM jackpot_void('one', 'test');
SELECT jackpot_enqueue_spin('o', 700, operation_id => 'eleven') > 0 AS spin, jackpot_enqueue_win('major', 'g', 'ann', 3, 'twelve') > 0 AS win;
SELECT count(*) FROM jackpot_ticker();
SET jackpot.ticker_interval = '30s';
SELECT count(*) FROM jackpot_ticker(), LATERAL (SELECT FROM jackpot_ticker()) again;
SET jackpot.ticker_interval = 0;
SELECT * FROM counted();
SELECT * FROM pools();
SELECT * FROM queue();
SELECT labels, value FROM jackpot_metrics() WHERE name = 'jackpot_ticker_reads_total' ORDER BY 1;

-- The histogram: as many as there were calls, none of them lost on the way up; quantiles in their order.
SELECT labels ->> 'operation' AS operation, array_agg(value ORDER BY le) = array_agg(value ORDER BY value) AS grows, max(value) AS all_of_them,
       max(value) FILTER (WHERE le = 'Infinity') = max(value) AS at_last, count(*) AS buckets
  FROM (SELECT *, (labels ->> 'le')::float AS le FROM jackpot_metrics() WHERE name = 'jackpot_call_duration_seconds_bucket') bucket GROUP BY 1 ORDER BY 1;
SELECT labels ->> 'operation' AS operation, value FROM jackpot_metrics() WHERE name = 'jackpot_call_duration_seconds_count' ORDER BY 1;
SELECT labels ->> 'operation' AS operation, value > 0 AS sum FROM jackpot_metrics() WHERE name = 'jackpot_call_duration_seconds_sum' ORDER BY 1;
SELECT labels ->> 'operation' AS operation, array_agg(labels ->> 'quantile' ORDER BY labels ->> 'quantile') AS quantiles, min(value) > 0 AS took_time,
       array_agg(value ORDER BY (labels ->> 'quantile')::numeric) FILTER (WHERE labels ->> 'quantile' <> '1')
     = array_agg(value ORDER BY value) FILTER (WHERE labels ->> 'quantile' <> '1') AS grows
  FROM jackpot_metrics() WHERE name = 'jackpot_call_duration_quantile_seconds' GROUP BY 1 ORDER BY 1;

-- Errors count at once, by their token, and are no calls that were done.
SELECT jackpot_reset_metrics();
\set SHOW_CONTEXT never
\set VERBOSITY terse
SELECT jackpot_contribute('g', -1);
SELECT jackpot_contribute('g', 1000, pools => '{nosuch}');
SELECT jackpot_contribute(NULL, 1000);
SELECT jackpot_contribute('g', 5, 'ann', 'two');
SELECT jackpot_contribute('g', 1000, 'ann', 'one');
SELECT jackpot_win('major', 'g', 'ann', 1000000);
SELECT jackpot_win('major', 'g', 'ann', expected_cycle => 7);
SELECT jackpot_win('nosuch', 'g', 'ann');
SELECT jackpot_void(NULL, 'test');
SELECT jackpot_ticker('{nosuch}');
SELECT jackpot_create_pool('minor');
SELECT jackpot_enqueue_win('nosuch', 'g', 'ann');
SELECT jackpot_confirm_win(0, 'test');
-- Also where the transaction, or a part of it, is rolled back.
BEGIN;
SELECT bet(1000);
SELECT jackpot_win('major', 'g', 'ann', 1000000);
ROLLBACK;
DO $$ BEGIN PERFORM jackpot_contribute('g', -1); EXCEPTION WHEN invalid_parameter_value THEN NULL; END $$;
\set VERBOSITY default
SELECT labels ->> 'operation' AS operation, labels ->> 'token' AS token, value FROM jackpot_metrics()
 WHERE name = 'jackpot_errors_total' ORDER BY 1, 2;
SELECT operation, calls, conflicts FROM counted();
-- What a batch refuses is told by its result; the call was done.
SELECT jackpot_reset_metrics();
SELECT processed, failed FROM jackpot_contribute_arrays(game_ids => '{g,g}', wager_amounts => '{100,-1}');
SELECT * FROM counted();

-- Only what has committed counts as done. The wagers tell which: powers of two, of which each is counted or not.
SELECT jackpot_reset_metrics();
BEGIN;
SELECT bet(1);
-- Not even for the transaction itself.
SELECT wagered FROM pools() WHERE pool = 'minor';
COMMIT;
SELECT wagered FROM pools() WHERE pool = 'minor';
BEGIN;
SELECT bet(2);
SELECT win_amount FROM jackpot_win('minor', 'g', 'ann', 1);
ROLLBACK;
SELECT wagered, wins FROM pools() WHERE pool = 'minor';
SELECT * FROM counted();
-- Savepoints in savepoints: 4, 32 and 128 stay.
BEGIN;
SELECT bet(4);
SAVEPOINT a;
SELECT bet(8);
SAVEPOINT b;
SELECT bet(16);
RELEASE b;
ROLLBACK TO a;
SELECT bet(32);
SAVEPOINT b;
SELECT bet(64);
SAVEPOINT c;
SELECT bet(1048576);
ROLLBACK TO b;
RELEASE a;
SELECT bet(128);
COMMIT;
SELECT wagered FROM pools() WHERE pool = 'minor';
SELECT calls, rows FROM counted() WHERE operation = 'contribute';
-- Released into one that is rolled back, at whatever depth: nothing of it; 512 stays.
BEGIN;
SAVEPOINT a;
SAVEPOINT b;
SAVEPOINT c;
SELECT bet(256);
RELEASE c;
RELEASE b;
ROLLBACK TO a;
SELECT bet(512);
COMMIT;
SELECT wagered FROM pools() WHERE pool = 'minor';
-- What came before a savepoint is not undone with it, what is released counts: 1024 and 2048.
BEGIN;
SELECT bet(1024);
SAVEPOINT a;
SAVEPOINT b;
SELECT bet(2048);
RELEASE b;
RELEASE a;
SAVEPOINT a;
SELECT win_amount FROM jackpot_win('minor', 'g', 'ann', 1);
ROLLBACK TO a;
COMMIT;
SELECT wagered, wins FROM pools() WHERE pool = 'minor';
-- The block of an exception, once caught and once not needed, in a loop: 4096 and 16384 stay.
DO $$
BEGIN
    PERFORM bet(4096);
    BEGIN
        PERFORM bet(8192);
        RAISE division_by_zero;
    EXCEPTION WHEN division_by_zero THEN
        NULL;
    END;
    BEGIN
        PERFORM bet(16384);
    EXCEPTION WHEN division_by_zero THEN
        NULL;
    END;
END $$;
SELECT wagered FROM pools() WHERE pool = 'minor';
-- A procedure that commits: 32768 and 131072 stay.
CREATE PROCEDURE play() LANGUAGE plpgsql AS $$
BEGIN
    PERFORM bet(32768);
    COMMIT;
    PERFORM bet(65536);
    ROLLBACK;
    PERFORM bet(131072);
    COMMIT;
    PERFORM bet(262144);
    RAISE division_by_zero;
END $$;
CALL play();
SELECT wagered FROM pools() WHERE pool = 'minor';
-- All together, in calls, rows and what the ledger has of them.
SELECT calls, rows FROM counted() WHERE operation = 'contribute';
SELECT 1 + 4 + 32 + 128 + 512 + 1024 + 2048 + 4096 + 16384 + 32768 + 131072 AS wagered;
SELECT bets, wagered, contributed, wins FROM pools() WHERE pool = 'minor';
SELECT value FROM jackpot_metrics() WHERE name = 'jackpot_call_duration_seconds_count' AND labels ->> 'operation' = 'contribute';
-- Enqueued and processed, likewise.
SELECT jackpot_reset_metrics();
BEGIN;
SELECT jackpot_enqueue_spin('o', 1) > 0 AS spin;
SAVEPOINT a;
SELECT jackpot_enqueue_spin('o', 1) > 0 AS spin, jackpot_enqueue_win('major', 'g', 'ann', 1) > 0 AS win;
ROLLBACK TO a;
COMMIT;
SELECT * FROM queue();
BEGIN;
SELECT processed, wins FROM jackpot_process_queue();
ROLLBACK;
SELECT * FROM queue();
SELECT processed, wins FROM jackpot_process_queue();
SELECT * FROM queue();
SELECT operation, calls FROM counted();

-- Nothing is counted where it is switched off, which only a superuser does; what was counted stays.
SELECT jackpot_reset_metrics();
SELECT bet(1000);
SET jackpot.metrics = off;
SELECT bet(2000);
SELECT jackpot_contribute('g', -1);
SELECT jackpot_enqueue_contribution('g', 1) > 0 AS enqueued;
SELECT count(*) FROM jackpot_ticker();
SELECT operation, calls, errors FROM counted();
SELECT wagered FROM pools() WHERE pool = 'minor';
SELECT name, sum(value) FROM jackpot_metrics() WHERE name ~ 'enqueued|ticker' GROUP BY 1 ORDER BY 1;
RESET jackpot.metrics;
SELECT bet(4000);
SELECT wagered FROM pools() WHERE pool = 'minor';
CREATE ROLE regress_jackpot_watcher;
SET ROLE regress_jackpot_watcher;
SET jackpot.metrics = off;
RESET ROLE;
DROP ROLE regress_jackpot_watcher;

-- Reset: what a transaction had done before counts with it, as it commits afterwards.
BEGIN;
SELECT bet(8000);
SELECT jackpot_reset_metrics();
COMMIT;
SELECT wagered FROM pools() WHERE pool = 'minor';
-- The pools of an extension that was dropped are forgotten, and so are its calls.
DROP EXTENSION jackpot;
CREATE EXTENSION jackpot;
SELECT * FROM counted();
SELECT * FROM pools();
SELECT count(*) FROM jackpot_create_pool('other', 0.01, 100, config => '{"game_ids": ["g"]}');
SELECT sum(contribution) FROM jackpot_contribute('g', 1000);
SELECT * FROM pools();
SELECT operation, calls FROM counted();
DROP FUNCTION counted, pools, queue, bet;
DROP PROCEDURE play;
SELECT * FROM jackpot_validate() WHERE NOT ok;
