-- The queue's health: what waits, what was refused, and what is wrong.
SET client_min_messages = error;
DROP EXTENSION IF EXISTS jackpot;
CREATE EXTENSION jackpot;
\pset null -
SET jackpot.retry_delay = '1ms';
SELECT pool FROM jackpot_create_pool('minor', 0.01, 100, config => '{"game_ids": ["m"]}');
SELECT pool FROM jackpot_create_pool('odds', 0.02, 100, config => '{"game_ids": ["o"], "trigger": {"kind": "odds", "one_in": 1}}');
-- What is the same without and with preloading: no worker is wanted here.
CREATE VIEW health AS
SELECT h -> 'depth' AS depth, h -> 'depth_by' AS depth_by, h -> 'attempts' AS attempts, h -> 'dead_letters' AS dead_letters,
       jsonb_path_query_array(h, '$.issues[*] ? (@.token != "worker_missing").token') AS issues
  FROM (SELECT jackpot_queue_health() AS h) health;

-- All that it tells.
SELECT key, jsonb_typeof(value) AS type FROM jsonb_each(jackpot_queue_health())
 WHERE key NOT IN ('rate_in_per_minute', 'rate_out_per_minute') ORDER BY key;
SELECT array_agg(key ORDER BY key) AS worker FROM jsonb_object_keys(jackpot_queue_health() -> 'worker') key;
-- No worker: not preloaded that is as it is, else it is an issue.
SELECT h #>> '{worker,state}' = CASE WHEN is_preloaded THEN 'not running' ELSE 'not preloaded' END AS state, h #> '{worker,pid}' AS pid,
       (h -> 'healthy')::boolean <> is_preloaded AS healthy, (h -> 'issues' = '[]') <> is_preloaded AS without_issues,
       (h -> 'rate_in_per_minute' = 'null') <> is_preloaded AS rate_in, (h -> 'rate_out_per_minute' = 'null') <> is_preloaded AS rate_out,
       NOT is_preloaded OR jsonb_path_exists(h, '$.issues[*] ? (@.token == "worker_missing" && @.severity == "warning")') AS missed
  FROM (SELECT jackpot_queue_health() AS h, current_setting('shared_preload_libraries') = 'jackpot' AS is_preloaded) health;
TABLE health;

-- What waits, by kind and priority: the highest first. A contribution does not.
SELECT jackpot_enqueue_contribution('m', 100) > 0 AS contribution, jackpot_enqueue_spin('o', 100) > 0 AS spin, jackpot_enqueue_spin('o', 100) > 0 AS spin,
       jackpot_enqueue_spin('o', 100, priority => 200) > 0 AS first, jackpot_enqueue_spin('o', 100, delay => '1 day') > 0 AS delayed,
       jackpot_enqueue_win('minor', 'm', 'u', 1) > 0 AS win, jackpot_enqueue_win('minor', 'm', 'u', 1, priority => -5) > 0 AS last,
       jackpot_enqueue_win('minor', 'm', 'u', 1, priority => 50, delay => '1 day') > 0 AS delayed;
TABLE health;
SELECT (jackpot_queue_health() ->> 'oldest_age_ms')::bigint BETWEEN 0 AND 60000 AS age;
-- What is not committed does not wait yet.
BEGIN;
SELECT jackpot_enqueue_spin('o', 100) > 0 AS spin;
SELECT depth FROM health;
ROLLBACK;
SELECT depth FROM health;
SELECT processed, wins FROM jackpot_process_queue();
TABLE health;
-- What is not due has no age.
SELECT jackpot_queue_health() -> 'oldest_age_ms' AS age;

-- A hit that waits while its pool is paused has been tried, and is a spin still.
SELECT jackpot_enqueue_spin('o', 100, operation_id => 'paused') AS spin \gset
SELECT status FROM jackpot_pause('odds');
SELECT count(*) FROM jackpot_process_queue();
SELECT depth, depth_by, attempts, issues FROM health;
SELECT status FROM jackpot_resume('odds');
DO $$ BEGIN PERFORM pg_sleep(0.1); END $$;
SELECT wins FROM jackpot_process_queue();
SELECT depth, attempts FROM health;

-- Dead letters, until they are decided.
SELECT jackpot_enqueue_win('minor', 'm', 'u', 1000000, 'too much', delay => '1 microsecond') AS letter, jackpot_enqueue_win('minor', 'm', 'u', 1, 'late', expected_cycle => 99, delay => '1 microsecond') AS late \gset
INSERT INTO jackpot.inbox (game_id, wager_amount) VALUES ('m', -1);
SELECT failed FROM jackpot_process_queue();
SELECT failed FROM jackpot_process_inbox();
SELECT depth, dead_letters, issues FROM health;
SELECT (jackpot_queue_health() -> 'healthy')::boolean AS healthy, jsonb_path_query(jackpot_queue_health(), '$.issues[*] ? (@.token == "dead_letters")') AS issue;
SELECT jackpot_requeue(:letter) = :letter AS requeued;
SELECT depth, dead_letters FROM health;
SELECT jackpot_discard(:late, 'test') = :late AS discarded;
SELECT depth, dead_letters FROM health;
SELECT failed FROM jackpot_process_queue();
SELECT depth, dead_letters FROM health;
SELECT count(jackpot_discard(id, 'test')) FROM jackpot.dead_letter WHERE status = 'open';
TABLE health;

-- A queue that is nearly full; what waits is counted now and then.
DO $$ BEGIN PERFORM pg_sleep(1.1); END $$;
SET jackpot.queue_max_items = 5;
SELECT jackpot_enqueue_spin('o', 100) > 0 AS spin;
SELECT depth, issues FROM health;
SELECT jackpot_enqueue_spin('o', 100) > 0 AS spin;
SELECT depth, issues FROM health;
SELECT jsonb_path_query(jackpot_queue_health(), '$.issues[*] ? (@.token == "queue_nearly_full")') AS issue;
SET jackpot.queue_max_items = 0;
SELECT depth, issues FROM health;
RESET jackpot.queue_max_items;
SELECT depth, issues FROM health;
-- One that has stood still for long.
UPDATE jackpot.ledger SET at = at - interval '30 seconds' WHERE draw_priority IS NOT NULL;
SELECT depth, issues, (jackpot_queue_health() ->> 'oldest_age_ms')::bigint >= 30000 AS old FROM health;
SELECT jsonb_path_query(jackpot_queue_health(), '$.issues[*] ? (@.token == "queue_stalled").severity') AS severity;
UPDATE jackpot.ledger SET at = at - interval '60 seconds' WHERE draw_priority IS NOT NULL;
SELECT jsonb_path_query(jackpot_queue_health(), '$.issues[*] ? (@.token == "queue_stalled").severity') AS severity;
SELECT wins FROM jackpot_process_queue();
TABLE health;

-- It only reads.
BEGIN READ ONLY;
SELECT depth FROM health;
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT depth FROM health;
COMMIT;
SELECT * FROM jackpot_validate() WHERE NOT ok;
SELECT pool, difference FROM jackpot_reconcile() WHERE difference <> 0;
DROP VIEW health;
