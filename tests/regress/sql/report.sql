-- The performance report: what it says of samples whose figures are known.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS jackpot;
CREATE EXTENSION jackpot;
\pset null -
\set SHOW_CONTEXT never
SHOW shared_preload_libraries;
SELECT pool FROM jackpot_create_pool('minor', 0.01, 100);
SELECT jackpot_reset_metrics();

-- A period ends after it begins; what is left out is the last hour.
SELECT jackpot_performance_report('2020-01-01', '2020-01-01');
SELECT jackpot_performance_report('2020-01-02 UTC', '2020-01-01 UTC');
DO $$ BEGIN PERFORM jackpot_performance_report('2999-01-01'); EXCEPTION WHEN invalid_parameter_value THEN RAISE INFO '%', SQLSTATE; END $$;
SELECT (r ->> 'until')::timestamptz BETWEEN statement_timestamp() AND clock_timestamp() AS is_now, (r ->> 'until')::timestamptz - (r ->> 'since')::timestamptz AS length
  FROM jackpot_performance_report() r;
SELECT (r ->> 'until')::timestamptz AS until, (r ->> 'since')::timestamptz AS since FROM jackpot_performance_report(until => '2020-01-01') r;

-- Nothing has happened.
SELECT jsonb_pretty(r - '{since,until}'::text[]) FROM jackpot_performance_report('2020-01-01', '2020-01-02') r;

-- Samples: some seconds, one operation and its figures; unless said otherwise each call took up to 1 ms.
CREATE FUNCTION figures(calls bigint, more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('calls', calls, 'errors', 0, 'replays', 0, 'rows', calls, 'conflicts', 0, 'retries', 0, 'lock_waits', 0, 'lock_wait_us', 0,
                              'deadlocks', 0, 'duration_us', calls * 500, 'buckets', jsonb_build_object('1000', calls)) || more
$$;
CREATE PROCEDURE sample(at timestamptz, operations jsonb, pools jsonb DEFAULT '{}', depth bigint DEFAULT 0, age_ms bigint DEFAULT 0, seconds integer DEFAULT 60) LANGUAGE sql AS $$
    INSERT INTO jackpot.sample VALUES (at, at - seconds * interval '1 second', operations, pools, depth, age_ms, 0)
$$;
-- What is said in the hour that begins then.
CREATE FUNCTION said(since timestamptz) RETURNS TABLE (what text, token text, message text) LANGUAGE sql AS $$
    SELECT w, s ->> 'token', s ->> 'message'
      FROM jackpot_performance_report(since, since + interval '1 hour') r, unnest('{bottlenecks,recommendations}'::text[]) w, jsonb_array_elements(r -> w) s
     WHERE s ->> 'token' NOT IN ('not_preloaded', 'preload')
$$;

-- Summary and trend: it becomes faster in calls and slower in each.
CALL sample('2020-01-01 00:01', jsonb_build_object(
    'contribute', figures(600, '{"buckets": {"100": 570, "2000": 27, "30000": 3}, "duration_us": 234567, "replays": 6}'),
    'pools', figures(7)), '{"minor": {"bets": 600, "wagered": 600000, "contributed": "6000.000001", "voids": 1, "wins": 2, "won": 300, "lock_waits": 0, "lock_wait_us": 0}}', 5, 40);
CALL sample('2020-01-01 00:02', jsonb_build_object(
    'contribute', figures(1200, '{"buckets": {"100": 600, "40000": 600}, "duration_us": 1000000, "errors": 12, "conflicts": 3, "retries": 2, "deadlocks": 1, "lock_waits": 4, "lock_wait_us": 1234}'),
    'win', figures(3, '{"errors": 1}')), '{"minor": {"bets": 1200, "wagered": 1200000, "contributed": "12000.5", "voids": 0, "wins": 3, "won": 450, "lock_waits": 4, "lock_wait_us": 1234}}', 2, 9999);
SELECT jsonb_pretty(r - '{bottlenecks,recommendations}'::text[]) FROM jackpot_performance_report('2020-01-01 00:00', '2020-01-01 01:00') r;
-- Of one sample alone there is no trend. A sample counts where a part of it lies within.
SELECT r -> 'samples' AS samples, r #> '{summary,calls}' AS calls, r -> 'trend' AS trend FROM jackpot_performance_report('2020-01-01 00:01', '2020-01-01 00:02') r;
SELECT r -> 'samples' AS samples, r #> '{summary,calls}' AS calls FROM jackpot_performance_report('2020-01-01 00:00:59', '2020-01-01 00:01:01') r;
SELECT r -> 'samples' AS samples, r #> '{summary,calls}' AS calls FROM jackpot_performance_report('2020-01-01 00:00', '2020-01-01 00:01') r;
SELECT r -> 'samples' AS samples, r #> '{summary,calls}' AS calls FROM jackpot_performance_report('2019-12-31 23:00', '2020-01-01 00:00') r;
SELECT r -> 'samples' AS samples, r #> '{summary,calls}' AS calls FROM jackpot_performance_report('-infinity', '2020-01-02') r;
-- The samples as columns.
SELECT since, at, seconds, operation, calls, errors, replays, rows, conflicts, retries, lock_waits, lock_wait_ms, deadlocks, duration_ms, p50_ms, p95_ms, p99_ms, max_ms
  FROM jackpot.operation_sample ORDER BY at, operation;
SELECT * FROM jackpot.pool_sample ORDER BY at, pool;
-- Steady, falling, and from nothing.
SELECT e AS earlier, l AS later, jackpot.trend(e, l) FROM (VALUES (100, 110), (100, 111), (100, 90), (100, 89), (0, 0), (0, 1), (1, 0), (NULL, 1), (1, NULL)) AS t(e, l);
SELECT jackpot.quantile_us('{}', 0.5) AS none, jackpot.quantile_us('{"7": 1}', 0.5) AS one, jackpot.quantile_us('{"10": 50, "9": 49, "200": 1}', 0.5) AS half,
       jackpot.quantile_us('{"10": 50, "9": 49, "200": 1}', 0.99) AS most, jackpot.quantile_us('{"10": 50, "9": 49, "200": 1}', 1) AS longest;

-- Each in an hour of its own, and just not in another.
-- A healthy hour has nothing to tell.
CALL sample('2020-01-02 00:01', jsonb_build_object('contribute', figures(6000), 'win', figures(10)));
SELECT * FROM said('2020-01-02 00:00');
-- Many single calls: 500 a second; batches are none.
CALL sample('2020-01-02 01:01', jsonb_build_object('contribute', figures(20000), 'enqueue_spin', figures(10000)));
SELECT * FROM said('2020-01-02 01:00');
CALL sample('2020-01-02 02:01', jsonb_build_object('contribute', figures(29999), 'contribute_arrays', figures(10000)));
SELECT * FROM said('2020-01-02 02:00');
-- A pool that is waited for: 10 times, 1 ms on average.
CALL sample('2020-01-02 03:01', jsonb_build_object('win', figures(20)), '{"minor": {"bets": 0, "wagered": 0, "contributed": "0", "voids": 0, "wins": 20, "won": 9, "lock_waits": 10, "lock_wait_us": 10000},
    "major": {"bets": 0, "wagered": 0, "contributed": "0", "voids": 0, "wins": 40, "won": 9, "lock_waits": 30, "lock_wait_us": 123456}}');
SELECT * FROM said('2020-01-02 03:00');
CALL sample('2020-01-02 04:01', jsonb_build_object('win', figures(20)), '{"minor": {"bets": 0, "wagered": 0, "contributed": "0", "voids": 0, "wins": 20, "won": 9, "lock_waits": 10, "lock_wait_us": 9999},
    "major": {"bets": 0, "wagered": 0, "contributed": "0", "voids": 0, "wins": 40, "won": 9, "lock_waits": 9, "lock_wait_us": 123456}}');
SELECT * FROM said('2020-01-02 04:00');
-- Slow calls: without waiting for locks, with, and those of batches.
CALL sample('2020-01-02 05:01', jsonb_build_object('contribute', figures(100, '{"buckets": {"1000": 94, "50000": 6}, "duration_us": 400000, "lock_wait_us": 40000, "lock_waits": 3}')));
SELECT * FROM said('2020-01-02 05:00');
CALL sample('2020-01-02 06:01', jsonb_build_object('win', figures(100, '{"buckets": {"1000": 90, "90000": 10}, "duration_us": 1000000, "lock_wait_us": 950000, "lock_waits": 10}')));
SELECT * FROM said('2020-01-02 06:00');
CALL sample('2020-01-02 07:01', jsonb_build_object('contribute', figures(100, '{"buckets": {"1000": 95, "50000": 5}}'), 'win', figures(100, '{"buckets": {"49000": 100}}'),
    'contribute_arrays', figures(100, '{"buckets": {"900000": 100}}')));
SELECT * FROM said('2020-01-02 07:00');
-- Errors: 10 and 1 % of the calls.
CALL sample('2020-01-02 08:01', jsonb_build_object('contribute', figures(900, '{"errors": 9}'), 'win', figures(90, '{"errors": 1}')));
SELECT * FROM said('2020-01-02 08:00');
CALL sample('2020-01-02 09:01', jsonb_build_object('contribute', figures(991, '{"errors": 10}'), 'pools', figures(10, '{"errors": 10}')));
SELECT * FROM said('2020-01-02 09:00');
CALL sample('2020-01-02 10:01', jsonb_build_object('contribute', figures(9, '{"errors": 9}')));
SELECT * FROM said('2020-01-02 10:00');
-- All failed: nothing was called, and that is told.
CALL sample('2020-01-02 11:01', jsonb_build_object('contribute', figures(0, '{"errors": 20}')));
SELECT * FROM said('2020-01-02 11:00');
SELECT r #>> '{summary,text}' AS text, r #> '{summary,error_rate}' AS error_rate FROM jackpot_performance_report('2020-01-02 11:00', '2020-01-02 12:00') r;
-- Conflicts, likewise.
CALL sample('2020-01-02 12:01', jsonb_build_object('contribute', figures(1000, '{"conflicts": 7}'), 'spin', figures(0, '{"conflicts": 3}')));
SELECT * FROM said('2020-01-02 12:00');
CALL sample('2020-01-02 13:01', jsonb_build_object('contribute', figures(1001, '{"conflicts": 10}'), 'settle', figures(10, '{"conflicts": 10}')));
SELECT * FROM said('2020-01-02 13:00');
-- The queue lags from 10 s on.
CALL sample('2020-01-02 14:01', jsonb_build_object('enqueue_spin', figures(10)), '{}', 3, 10000);
CALL sample('2020-01-02 14:02', jsonb_build_object('enqueue_spin', figures(10)), '{}', 1, 2);
SELECT * FROM said('2020-01-02 14:00');
CALL sample('2020-01-02 15:01', jsonb_build_object('enqueue_spin', figures(10)), '{}', 3, 9999);
SELECT * FROM said('2020-01-02 15:00');
-- Screens that read tables: 10 a second.
CALL sample('2020-01-02 16:01', jsonb_build_object('pools', figures(400), 'pool', figures(200)));
SELECT * FROM said('2020-01-02 16:00');
CALL sample('2020-01-02 17:01', jsonb_build_object('pools', figures(599), 'ticker', figures(60000)));
SELECT * FROM said('2020-01-02 17:00');
-- An operation that the report does not know yet, and a pool that is no more.
CALL sample('2020-01-02 18:01', '{"nosuch": {"calls": 1}}', '{"gone": {"bets": 1}}');
SELECT r #> '{summary,calls}' AS calls, r #> '{summary,operations,0,operation}' AS operation, r #> '{summary,pools,0,pool}' AS pool FROM jackpot_performance_report('2020-01-02 18:00', '2020-01-02 19:00') r;

-- What is wrong now is told of any period. Nothing has settled for a thousand transactions.
SELECT count(*) FROM jackpot_contribute('g', 1000);
SELECT jackpot_settle() >= 0 AS settled;
DO $$ BEGIN FOR i IN 1 .. 1100 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$;
SELECT what, token, regexp_replace(message, '11[0-9][0-9] tr', '1100 tr') AS message FROM said('2020-01-01 12:00');
SELECT jackpot_settle() >= 0 AS settled;
SELECT * FROM said('2020-01-01 12:00');
-- Wagers in a month that has no partition.
BEGIN;
DO $$ BEGIN
    EXECUTE (SELECT string_agg('DROP TABLE ' || inhrelid::regclass, '; ') FROM pg_inherits
              WHERE inhparent = 'jackpot.ledger'::regclass AND inhrelid <> 'jackpot.ledger_default'::regclass);
    PERFORM jackpot_contribute('g', 1000);
END $$;
SELECT * FROM said('2020-01-01 12:00');
ROLLBACK;
-- Not preloaded.
SELECT w AS what, s ->> 'token' AS token, s ->> 'message' AS message
  FROM jackpot_performance_report('2020-01-01 12:00', '2020-01-01 13:00') r, unnest('{bottlenecks,recommendations}'::text[]) w, jsonb_array_elements(r -> w) s;

-- What has been counted since the last sample is there at once, where anything is counted.
SELECT jackpot_reset_metrics();
SELECT count(*) FROM jackpot_contribute('g', 1000);
SELECT count(*) FROM jackpot_contribute('g', 2000);
SELECT r -> 'samples' AS samples, r #> '{summary,calls}' AS calls, r #> '{summary,pools,0,wagered}' AS wagered, r #>> '{summary,operations,0,operation}' AS operation,
       (r #> '{summary,operations,0,p95_ms}')::numeric > 0 AS p95 FROM jackpot_performance_report() r;
SELECT r -> 'samples' AS samples FROM jackpot_performance_report('2020-01-01', '2021-01-01') r;
-- It only reads.
BEGIN READ ONLY;
SELECT r #> '{summary,calls}' AS calls FROM jackpot_performance_report('2020-01-01 00:00', '2020-01-01 01:00') r;
COMMIT;
DROP FUNCTION said, figures;
DROP PROCEDURE sample;
