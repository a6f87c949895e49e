-- Moving in and out: what each step answers, what is refused, and what is left behind.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS jackpot;
CREATE EXTENSION jackpot;
CREATE FUNCTION shown() RETURNS TABLE (pool text, current_amount bigint, version bigint, cycle bigint, contributions bigint, wins bigint, adjusted numeric)
LANGUAGE sql AS $$
    SELECT p.pool, p.current_amount, p.version, p.cycle, p.total_contributions, p.total_wins, r.adjustments
      FROM jackpot_pools() p JOIN jackpot_reconcile() r ON r.pool = p.pool ORDER BY p.pool
$$;
CREATE TABLE old AS SELECT '{
    "pools": {
        "minor": {"group": "minor", "currentAmount": 100060, "totalContributions": 60, "totalWins": 0, "version": 12},
        "major": {"group": "major", "currentAmount": 1500000, "totalContributions": 500000, "totalWins": 0, "version": 7},
        "mega": {"group": "mega", "currentAmount": 10000000, "totalContributions": 0, "totalWins": 0}},
    "config": {
        "minor": {"rate": 0.02, "seedAmount": 100000, "maxAmount": 1000000},
        "major": {"rate": 0.01, "seedAmount": 1000000, "maxAmount": 10000000},
        "mega": {"rate": 0.005, "seedAmount": 10000000}},
    "contributions": [
        {"gameId": "slot1", "wagerAmount": 2000, "contributions": {"minor": 40, "major": 20, "mega": 0}, "timestamp": "2025-11-01T04:47:00.000Z"},
        {"gameId": "slot2", "wagerAmount": 1000, "contributions": {"minor": 20, "major": 0, "mega": 0}, "timestamp": "2025-11-01T06:00:00Z", "betTransactionId": "b-2"}],
    "wins": [
        {"group": "minor", "gameId": "slot1", "userId": "ann", "winAmount": 100040, "timestamp": "2025-11-01T05:00:00Z"}]}'::jsonb AS state;

-- A dry run tells and does nothing.
SELECT m.step, m.status, m.pools_migrated, m.contributions_migrated, m.wins_migrated, m.migration_id IS NULL AS is_nothing_kept
  FROM old, jackpot_migrate(state, dry_run => true) m;
SELECT count(*) FROM jackpot_pools();
SELECT count(*) FROM jackpot.migration;

-- It is done, and what is shown is what was.
SELECT m.step, m.status, m.pools_migrated, m.contributions_migrated, m.wins_migrated, m.execution_time >= '0' AS took,
       m.rollback_data -> 'pools' AS can_remove
  FROM old, jackpot_migrate(state) m;
SELECT * FROM shown();
SELECT kind, cycle, amount, operation_id ~ '^migrated:' AS is_derived, metadata #>> '{migrated,at}' AS originally, reason ~ '^opening adjustment' AS is_opening
  FROM jackpot_history('minor') ORDER BY cycle, kind, amount;
SELECT at AT TIME ZONE 'UTC' AS at, win_amount, previous_amount, current_amount, status FROM jackpot.win;
SELECT * FROM jackpot_validate() WHERE NOT ok;
-- Once more changes nothing, and more history adds what is new.
SELECT m.step, m.status FROM old, jackpot_migrate(state) m;
SELECT m.step, m.status, m.contributions_migrated
  FROM old, jackpot_migrate(jsonb_set(state, '{contributions,2}', '{"gameId": "slot1", "wagerAmount": 100, "contributions": {"major": 1}, "betTransactionId": "b-3"}')) m;
SELECT * FROM shown();
-- The bet comes again: it is known.
SELECT pool, contribution, replayed FROM jackpot_contribute('slot2', 1000, operation_id => 'b-2');
-- History comes before bets.
SELECT count(*) FROM jackpot_contribute('slot2', 1000, operation_id => 'b-4', pools => '{major}');
\set VERBOSITY verbose
SELECT count(*) FROM old, jackpot_migrate(jsonb_set(state, '{contributions,2}', '{"gameId": "slot1", "wagerAmount": 100, "contributions": {"major": 1}, "betTransactionId": "b-5"}'));
\set VERBOSITY default

-- Going back: not without a word.
SELECT status, pools_removed, contributions_removed, wins_removed, lost FROM jackpot_rollback((SELECT min(id) FROM jackpot.migration), validate_only => true);
SELECT status FROM jackpot_rollback((SELECT min(id) FROM jackpot.migration));
SELECT status FROM jackpot_rollback((SELECT max(id) FROM jackpot.migration));
SELECT status, pools_removed, contributions_removed, wins_removed, lost FROM jackpot_rollback((SELECT min(id) FROM jackpot.migration), force => true);
SELECT status FROM jackpot_rollback((SELECT min(id) FROM jackpot.migration));
SELECT count(*) FROM jackpot_pools();
SELECT jackpot_export(true);
SELECT * FROM jackpot_validate() WHERE NOT ok;

-- Errors.
SELECT jackpot_migrate(NULL);
SELECT jackpot_migrate('{}');
SELECT jackpot_migrate('{"format": "jackpot/9", "pools": []}');
SELECT jackpot_migrate('{"pools": []}', steps => '{pools,dance}');
SELECT jackpot_migrate('{"pools": []}', batch_size => 0);
SELECT jackpot_rollback(4711);
SELECT jackpot_rollback();
SELECT jackpot_rollback(rollback_data => '{}');
SELECT jackpot_import_table('old');
SELECT jackpot_import_table('old', '{"dance": "x"}');
SELECT jackpot_import_table('old', '{"kind": "pools", "pool": "x"}');
-- Bad rows by name; mended if asked.
SELECT jackpot_migrate('{"pools": [{"group": "minor", "currentAmount": -5, "seedAmount": 100, "contributionRate": 2}, {"currentAmount": "150", "seedAmount": 100, "contributionRate": 0.01},
                        {"group": "minor", "currentAmount": 50, "seedAmount": 100, "contributionRate": null}],
                        "wins": [{"group": "tiny", "gameId": "g", "userId": "u", "winAmount": 5}]}');
SELECT m.step, m.status, w ->> 'row' AS row, w ->> 'token' AS token, w ->> 'repair' AS repair
  FROM jackpot_migrate('{"pools": [{"group": "minor", "currentAmount": -5, "seedAmount": 100, "contributionRate": 2}, {"currentAmount": "150", "seedAmount": 100, "contributionRate": 0.01},
                        {"group": "minor", "currentAmount": 50, "seedAmount": 100, "contributionRate": null}],
                        "wins": [{"group": "tiny", "gameId": "g", "userId": "u", "winAmount": 5}]}', repair => true) m
  LEFT JOIN LATERAL jsonb_array_elements(m.warnings) w ON true WHERE m.step IN ('validate', 'verify') ORDER BY m.step, 3, 4;
SELECT * FROM shown();
SELECT * FROM jackpot_validate() WHERE NOT ok;

-- Out of one database and into another is the same: here, out and in again.
SELECT count(*) FROM jackpot_contribute('slot', 1234567, operation_id => 'b-6', metadata => '{"a": null}');
SELECT pool, win_amount FROM jackpot_win('minor', 'slot', 'ann', 7, operation_id => 'w-1');
SELECT count(*) FROM jackpot_contribute('slot', 77, operation_id => 'b-7');
SELECT count(*) FROM jackpot_void('b-7', 'a mistake');
CREATE TABLE moved AS SELECT jackpot_export(true) AS state;
DROP EXTENSION jackpot;
CREATE EXTENSION jackpot;
SELECT m.step, m.status FROM moved, jackpot_migrate(state) m;
SELECT jackpot_export(true) = state AS is_equal FROM moved;
SELECT count(*) FROM jackpot_contribute('slot', 77, operation_id => 'b-7');
SELECT * FROM jackpot_validate() WHERE NOT ok;

DROP TABLE old, moved;
DROP FUNCTION shown;
