-- What must not be rolled back, taken over or believed.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS jackpot CASCADE;
CREATE EXTENSION jackpot;
CREATE FUNCTION migrated(state jsonb, steps text[] DEFAULT NULL, repair boolean DEFAULT false) RETURNS TABLE (step text, status text, warnings jsonb) LANGUAGE sql AS $$
    SELECT step, status, warnings FROM jackpot_migrate(state, steps => migrated.steps, repair => migrated.repair) WHERE step <> 'backup' AND (status <> 'unchanged' OR warnings <> '[]') $$;
CREATE FUNCTION pool(name text, amount numeric, more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('group', name, 'currentAmount', amount, 'seedAmount', 100, 'contributionRate', 0.01) || more $$;
SELECT * FROM migrated(jsonb_build_object('pools', jsonb_build_array(pool('minor', 1000), pool('major', 5000))));
-- A snapshot that is kept does not show the bets that came since.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT jackpot_rollback(1);
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT jackpot_migrate(jsonb_build_object('pools', jsonb_build_array(pool('mega', 1))));
ROLLBACK;
-- What waits may be theirs.
INSERT INTO jackpot.inbox (game_id, wager_amount, operation_id) VALUES ('g', 100, 'waits');
SELECT jackpot_rollback(1);
SELECT status, lost FROM jackpot_rollback(1, validate_only => true);
DELETE FROM jackpot.inbox;
-- Data of another migration.
SELECT jackpot_rollback(rollback_data => '{"migration_id": 1, "pools": ["minor", "mega"]}');
SELECT status FROM jackpot_rollback(rollback_data => '{"migration_id": 1, "pools": ["minor", "major"]}', validate_only => true);
-- One that put history into pools of another, beside its own.
SELECT * FROM migrated(jsonb_build_object('pools', jsonb_build_array(pool('mega', 9000)), 'contributions',
    '[{"gameId": "g", "wagerAmount": 100, "betTransactionId": "h1", "contributions": {"minor": 1, "mega": 2}, "timestamp": "2025-01-01"}]'::jsonb));
SELECT status FROM jackpot_rollback(2, validate_only => true);
SELECT jackpot_rollback(2, force => true);
-- The old pool has moved on.
SELECT * FROM migrated(jsonb_build_object('pools', jsonb_build_array(pool('minor', 1500.5), pool('major', 5000))));
SELECT pool, current_amount FROM jackpot_pools();
-- One that was interrupted, and whose pools have been played with: what is left is given up.
CREATE TABLE later AS SELECT 'minor' AS "group", 100 AS wager_amount, 1 AS contribution_amount, 'l' || n AS bet_transaction_id, 'g' AS game_id, timestamp '2025-01-02' + n * interval '1 minute' AS created_at FROM generate_series(1, 4) n;
SELECT step, status FROM jackpot_import_table('later', batch_size => 2, max_batches => 1) WHERE step = 'contributions';
SELECT step, status FROM jackpot_import_table('later', batch_size => 2, max_batches => 1) WHERE step = 'contributions';
SELECT pool, contribution FROM jackpot_contribute('g', 100, operation_id => 'played', pools => '{minor}');
SELECT step, status FROM jackpot_import_table('later', batch_size => 2, max_batches => 1);
SELECT jackpot_rollback(4);
SELECT status FROM jackpot_rollback(4, force => true);
SELECT id, state, done, total, (SELECT count(*) FROM jackpot.migration_row r WHERE r.migration_id = m.id) AS waiting FROM jackpot.migration m ORDER BY id;
SELECT * FROM jackpot_validate() WHERE NOT ok;
-- Another table of the same name is not what was interrupted.
SELECT status, lost FROM jackpot_rollback(1, force => true);
SELECT status FROM jackpot_rollback(2);
SELECT * FROM migrated(jsonb_build_object('pools', jsonb_build_array(pool('minor', 1000))));
SELECT step, status FROM jackpot_import_table('later', batch_size => 2, max_batches => 1) WHERE step = 'contributions';
ALTER TABLE later RENAME TO before;
CREATE TABLE later AS SELECT b."group", b.wager_amount, b.contribution_amount, 'x' AS bet_transaction_id, b.game_id, b.created_at FROM before b LIMIT 1;
SELECT step, status, contributions_migrated FROM jackpot_import_table('later') WHERE step = 'contributions';
SELECT step, status, contributions_migrated FROM jackpot_import_table('before') WHERE step = 'contributions';
-- A win that has been confirmed since is not payable again.
DROP EXTENSION jackpot CASCADE;
CREATE EXTENSION jackpot;
SELECT pool FROM jackpot_create_pool('minor', 0.01, 1000, config => '{"verify_above": 1}');
SELECT win_amount FROM jackpot_win('minor', 'g', 'ann', operation_id => 'w1');
SELECT jackpot_export(true) AS state \gset
DROP EXTENSION jackpot CASCADE;
CREATE EXTENSION jackpot;
SELECT step, status FROM jackpot_migrate(:'state') WHERE step = 'wins';
SELECT status FROM jackpot_rollback(1, validate_only => true);
SELECT status FROM jackpot_confirm_win(1, 'bank');
SELECT jackpot_rollback(1);
SELECT status FROM jackpot_cancel_win(1, 'bounced');
SELECT jackpot_rollback(1);
-- A trigger that cannot be armed any more stops nobody, and an administrator's stays.
DROP EXTENSION jackpot CASCADE;
CREATE EXTENSION jackpot;
SELECT jsonb_build_object('pools', jsonb_build_array(
    pool('hidden', 500, '{"maxAmount": 1000, "config": {"trigger": {"kind": "must_hit_by"}}}'),
    pool('own', 500, '{"maxAmount": 1000, "config": {"trigger": {"kind": "must_hit_by"}}}'))) AS state \gset
SELECT * FROM migrated(:'state', '{validate,pools}');
SELECT p ->> 'pool' AS pool, p #>> '{config,trigger,kind}' AS exported FROM jsonb_path_query(jackpot_export(), '$.pools[*]') p;
SELECT config_version FROM jackpot_update_config('hidden', '{"max_amount": null}');
SELECT config_version FROM jackpot_update_config('own', '{"trigger": {"kind": "odds", "one_in": 5}}');
SELECT * FROM migrated(jsonb_build_object('pools', jsonb_build_array(pool('other', 500))));
SELECT * FROM migrated(:'state');
SELECT config_version FROM jackpot_update_config('hidden', '{"max_amount": 2000}');
SELECT * FROM migrated(:'state');
SELECT pool, config #>> '{trigger,kind}' AS kind FROM jackpot.pool ORDER BY pool;
-- What is nested too deeply to be read.
SELECT jackpot_migrate(format('{"pools": %s}', repeat('[', 200) || repeat(']', 200))::jsonb);
CREATE TABLE deep AS SELECT 'minor' AS "group", 1 AS current_amount, (repeat('[', 200) || repeat(']', 200))::jsonb AS config;
SELECT jackpot_import_table('deep');
DROP FUNCTION migrated, pool;
DROP TABLE later, before, deep;
