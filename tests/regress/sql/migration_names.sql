-- One name for several things, and several things under one name: nothing is taken twice, nothing is
-- lost, and what is left out is told.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS jackpot CASCADE;
CREATE EXTENSION jackpot;
CREATE FUNCTION found(state jsonb, repair boolean DEFAULT false) RETURNS TABLE (step text, "row" text, token text, message text) LANGUAGE sql AS $$
    SELECT m.step, f ->> 'row', f ->> 'token', f ->> 'message' FROM jackpot_migrate(state, repair => found.repair) m, jsonb_array_elements(m.warnings) f $$;
CREATE TABLE bets AS SELECT 'minor' AS "group", 100 AS wager_amount, 1 AS contribution_amount, 'o' || n AS bet_transaction_id, 'g' AS game_id, timestamp '2025-01-01' + n * interval '1 minute' AS created_at FROM generate_series(1, 10) n;
CREATE TABLE wins AS SELECT 'minor' AS "group", 50 AS win_amount, 'o' || n AS winning_spin_transaction_id, 'g' AS game_id, 'ann' AS user_id, timestamp '2025-01-01 00:00:30' + n * interval '1 minute' AS created_at FROM generate_series(5, 6) n;
SELECT * FROM found('{"pools": [{"group": "minor", "currentAmount": 1000, "seedAmount": 100, "contributionRate": 0.01}], "contributions": [
    {"gameId": "g", "wagerAmount": 100, "betTransactionId": "v1", "contributions": {"minor": 1}},
    {"gameId": "g", "wagerAmount": 100, "betTransactionId": "d1", "contributionAmount": 1, "group": "minor", "timestamp": "2025-01-01"},
    {"gameId": "h", "wagerAmount": 900, "betTransactionId": "d1", "contributionAmount": 2, "group": "major", "timestamp": "2025-01-02"},
    {"gameId": "g", "wagerAmount": 100, "betTransactionId": "f1", "contributions": {"minor": 1}, "timestamp": "2999-01-01"},
    {"gameId": "g", "wagerAmount": 100, "betTransactionId": "n1", "contributions": {}}],
    "voids": [{"operationId": "v1"}]}', true);
SELECT * FROM found('{"pools": [{"group": "major", "currentAmount": 1000, "seedAmount": 100, "contributionRate": 0.01}], "contributions": [
    {"gameId": "g", "wagerAmount": 100, "betTransactionId": "d2", "contributionAmount": 1, "group": "minor", "timestamp": "2025-01-01"},
    {"gameId": "h", "wagerAmount": 900, "betTransactionId": "d2", "contributionAmount": 2, "group": "major", "timestamp": "2025-01-02"}],
    "voids": [{"operationId": "d1"}, {"operationId": "v2"}]}');
SELECT operation_id, game_id, wager_amount, metadata #>> '{migrated,at}' AS at FROM jackpot.ledger WHERE operation_id LIKE 'd%' OR operation_id LIKE 'f%' ORDER BY 1;
SELECT pool FROM jackpot_contribute('g', 100, operation_id => 'v1');
-- Wins that come between the reading of bets of the same names and their taking over; and the other way.
SELECT step, status FROM jackpot_import_table('bets', batch_size => 4, max_batches => 1) WHERE step = 'contributions';
SELECT step, status FROM jackpot_import_table('bets', batch_size => 4, max_batches => 1) WHERE step = 'contributions';
SELECT step, status, wins_migrated FROM jackpot_import_table('wins') WHERE step = 'wins';
SELECT step, status, contributions_migrated FROM jackpot_import_table('bets') WHERE step = 'contributions';
SELECT operation_id FROM jackpot.operation ORDER BY 1;
SELECT step, f ->> 'message' FROM jackpot_import_table('bets'), jsonb_array_elements(warnings) f;
SELECT step, f ->> 'message' FROM jackpot_import_table('wins'), jsonb_array_elements(warnings) f;
-- A bet that came by itself between, and a win.
CREATE TABLE more AS SELECT 'major' AS "group", 100 AS wager_amount, 1 AS contribution_amount, 'm' || n AS bet_transaction_id, 'g' AS game_id, timestamp '2025-01-01' + n * interval '1 minute' AS created_at FROM generate_series(1, 4) n;
SELECT step, status FROM jackpot_import_table('more', max_batches => 1) WHERE step = 'contributions';
SELECT pool, contribution FROM jackpot_contribute('g', 100, operation_id => 'm2', pools => '{minor}');
CALL jackpot_import('more');
SELECT contributions, findings -> 0 ->> 'message' AS told FROM jackpot.migration WHERE source LIKE '%more';
SELECT * FROM jackpot_validate() WHERE NOT ok;
-- A tombstone stays as long as one of those who brought it.
SELECT status FROM jackpot_rollback(1, force => true);
SELECT operation_id FROM jackpot.void ORDER BY 1;
SELECT pool FROM jackpot_contribute('g', 100, operation_id => 'v2');
-- Names go out as they came in, whatever they look like: repeated, nothing is paid or taken again.
DROP EXTENSION jackpot CASCADE;
CREATE EXTENSION jackpot;
SELECT * FROM found('{"pools": [{"group": "minor", "currentAmount": 1000, "seedAmount": 100, "contributionRate": 0.01}], "contributions": [
    {"gameId": "g", "wagerAmount": 100, "betTransactionId": "88", "contributions": {"minor": 1}, "timestamp": "2025-01-01", "metadata": {"migrated": 1}},
    {"gameId": "g", "wagerAmount": 100, "betTransactionId": "migrated:old", "contributions": {"minor": 1}, "timestamp": "2025-01-01", "metadata": [1, 2]},
    {"gameId": "g", "wagerAmount": 100, "contributions": {"minor": 1}, "timestamp": "2025-01-01"}], "wins": [
    {"gameId": "g", "userId": "ann", "group": "minor", "amountWon": 50, "winningSpinTransactionId": "win:minor:77", "timestamp": "2025-01-02"},
    {"gameId": "g", "userId": "ann", "group": "minor", "amountWon": 60, "winningSpinTransactionId": "88", "timestamp": "2025-01-03"}]}') WHERE token <> 'not_explained';
SELECT pool, contribution FROM jackpot_contribute('g', 1000, operation_id => 'migrated:live');
SELECT config_version FROM jackpot_update_config('minor', '{"verify_above": 1}');
SELECT status FROM jackpot_win('minor', 'g', 'bob', 20, operation_id => 'bounced') w, jackpot_cancel_win(w.win_id, 'bank');
SELECT jackpot_export(true) AS state \gset
SELECT jsonb_pretty(jsonb_build_object('bets', jsonb_path_query_array(:'state', '$.contributions[*].operation_id'), 'wins', jsonb_path_query_array(:'state', '$.wins[*].operation_id'),
    'metadata', jsonb_path_query_array(:'state', '$.contributions[*].metadata'), 'voids', :'state'::jsonb -> 'voids'));
DROP EXTENSION jackpot CASCADE;
CREATE EXTENSION jackpot;
SELECT step, status FROM jackpot_migrate(:'state');
SELECT jackpot_export(true) = :'state'::jsonb AS equal;
SELECT win_id, win_amount, replayed FROM jackpot_win('minor', 'g', 'ann', 50, operation_id => 'win:minor:77');
SELECT pool, contribution, replayed FROM jackpot_contribute('g', 1000, operation_id => 'migrated:live');
SELECT jackpot_win('minor', 'g', 'bob', 20, operation_id => 'bounced');
SELECT * FROM jackpot_validate() WHERE NOT ok;
DROP FUNCTION found;
DROP TABLE bets, wins, more;
