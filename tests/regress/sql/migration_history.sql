-- History that comes in parts, out of order, twice, or with names that stand for several things.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS jackpot;
CREATE EXTENSION jackpot;
CREATE TABLE pools AS SELECT * FROM (VALUES ('minor', 100500, 100000, 0.02), ('major', 1000600, 1000000, 0.01)) AS p("group", current_amount, seed_amount, contribution_rate);
CREATE TABLE of_minor AS SELECT 'minor' AS jackpot_type, 100 AS wager_amount, 2 AS contribution_amount, 'a' || n AS bet_transaction_id, 'g' AS game_id, timestamp '2025-01-01' + n * interval '1 minute' AS created_at FROM generate_series(1, 100) n;
CREATE TABLE of_major AS SELECT 'major' AS jackpot_type, 100 AS wager_amount, 1 AS contribution_amount, bet_transaction_id, game_id, created_at FROM of_minor WHERE bet_transaction_id = 'a1'
    UNION ALL SELECT 'major', 100, 1, 'b1', 'g', '2025-01-01';
CREATE TABLE wins AS SELECT 'minor' AS jackpot_type, 50 AS amount_won, 'a10' AS winning_spin_transaction_id, 'ann' AS user_id, 'g' AS game_id, timestamp '2025-01-01 00:10:30' AS timestamp_of_win
    UNION ALL SELECT 'major', 60, 'a10', 'ann', 'g', '2025-01-01 00:10:30'
    UNION ALL SELECT 'major', 70, 'c1', 'bob', 'g', '2025-01-01 00:10:40';
CREATE FUNCTION moved(text, mapping jsonb DEFAULT '{}') RETURNS TABLE (step text, status text, c bigint, w bigint, warnings jsonb) LANGUAGE sql AS $$
    SELECT step, status, contributions_migrated, wins_migrated, warnings FROM jackpot_import_table($1::regclass, mapping) WHERE status <> 'unchanged' AND step <> 'backup' $$;
SELECT step, status FROM moved('pools');
SELECT * FROM moved('of_minor') WHERE step = 'contributions';
-- A bet that is here is not taken twice, not for another pool either, and that is told.
SELECT * FROM moved('of_major') WHERE step IN ('validate', 'contributions');
-- An administrator's change stands between: it is not forgotten.
SELECT pool FROM jackpot_adjust('minor', 7, 'a correction');
-- One spin that won two pools; what came after a win is of the next cycle, whatever came in between.
SELECT * FROM moved('wins') WHERE step = 'wins';
SELECT w.operation_id, p.pool, w.cycle, w.win_amount, w.previous_amount FROM jackpot.win w JOIN jackpot.pool p ON p.id = w.pool_id ORDER BY 2, 3;
SELECT cycle, count(*), max(metadata #>> '{migrated,at}') FROM jackpot_history('minor', kinds => '{contribution}', max_rows => 1000) GROUP BY 1 ORDER BY 1;
-- Wins first: the bet that won is taken as well.
CREATE TABLE late AS SELECT 'major' AS jackpot_type, 100 AS wager_amount, 1 AS contribution_amount, 'c1' AS bet_transaction_id, 'g' AS game_id, timestamp '2025-01-01 00:10:39' AS created_at;
SELECT * FROM moved('late') WHERE step = 'contributions';
SELECT * FROM moved('wins');
SELECT * FROM moved('late');
-- Rows without names that are alike are as many as there are.
CREATE TABLE alike AS SELECT 'minor' AS jackpot_type, 100 AS wager_amount, 2 AS contribution_amount, 'g' AS game_id;
SELECT * FROM moved('alike') WHERE step = 'contributions';
INSERT INTO alike SELECT a.* FROM alike a, generate_series(1, 2);
SELECT * FROM moved('alike') WHERE step = 'contributions';
SELECT * FROM moved('alike');
SELECT pool, current_amount, version, total_contributions, total_wins FROM jackpot_pools();
SELECT * FROM jackpot_validate() WHERE NOT ok;
SELECT status, lost FROM jackpot_rollback(1, validate_only => true);
SELECT status, pools_removed, contributions_removed, wins_removed, lost FROM jackpot_rollback(1, force => true);
SELECT count(*) FROM jackpot.ledger;
SELECT count(*) FROM jackpot.operation;

-- Out and in again: a spin that won two pools, a win that waits for its confirmation, a hidden trigger, a fraction above a ceiling.
SELECT pool FROM jackpot_create_pool('one', 0.01, 10, config => '{"trigger": {"kind": "odds", "one_in": 1}, "verify_above": 100}');
SELECT pool FROM jackpot_create_pool('two', 0.000001, 20, max_amount => 25, initial_amount => 25, config => '{"trigger": {"kind": "odds", "one_in": 1}}');
SELECT pool FROM jackpot_create_pool('hidden', 0.01, 1000, max_amount => 1000000, reserve_rate => 0.001, config => '{"trigger": {"kind": "must_hit_by"}}');
SELECT pool, won FROM jackpot_spin('g', 1003, 'ann', 'spin-1', pools => '{one,two}');
SELECT count(*) FROM jackpot_contribute('g', 20001, operation_id => 'bet-1', metadata => '{"round": 7, "a": null}');
SELECT pool, win_amount FROM jackpot_win('one', 'g', 'ann', 150, operation_id => 'win-1');
-- What a client calls migrated is not taken for a time.
SELECT count(*) FROM jackpot_contribute('g', 1, operation_id => 'bet-2', metadata => '{"migrated": {"at": "nonsense"}}');
SELECT e ->> 'operation_id' AS operation_id, e ->> 'at' AS at, e -> 'metadata' AS metadata FROM jsonb_array_elements(jackpot_export(true) -> 'contributions') e WHERE e ->> 'at' = 'nonsense';
SELECT count(*) FROM jackpot_void('bet-2', 'not that one');
CREATE TABLE exported AS SELECT jackpot_export(true) AS state, (SELECT sum(liability) FROM jackpot_liability()) AS liability;
DROP EXTENSION jackpot;
CREATE EXTENSION jackpot;
SELECT m.step, m.status FROM exported, jackpot_migrate(state) m WHERE m.status <> 'unchanged';
SELECT jackpot_export(true) = state AS is_equal, (SELECT sum(liability) FROM jackpot_liability()) = liability AS owes_the_same FROM exported;
SELECT pool, w.status FROM jackpot.win w JOIN jackpot.pool p ON p.id = w.pool_id ORDER BY w.id;
SELECT pool, status, commitment IS NOT NULL AS is_hidden FROM jackpot_pools();
SELECT * FROM jackpot_validate() WHERE NOT ok;
-- The trigger is armed: history must not end its cycle.
SELECT jackpot_migrate('{"wins": [{"group": "hidden", "gameId": "g", "userId": "u", "winAmount": 5, "timestamp": "2025-01-01T00:00:00Z"}]}');
SELECT pool, replayed FROM jackpot_contribute('g', 20001, operation_id => 'bet-1', metadata => '{"round": 7, "a": null}');

DROP TABLE pools, of_minor, of_major, wins, late, alike, exported;
DROP FUNCTION moved;
