-- Configuration: changed as a whole or not at all, versioned, on record.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS jackpot;
CREATE EXTENSION jackpot;
\pset null -
\set VERBOSITY default
SELECT pool, config FROM jackpot_create_pool('minor', 0.01, 100, 1000);

-- Only what is named changes, and null takes it back to its default.
SELECT config_version, version, config FROM jackpot_update_config('minor', '{"contribution_rate": "0.02", "currency": "EUR"}');
SELECT config_version, version, config FROM jackpot_update_config('minor', '{"max_amount": null, "seed_amount": null, "reserve_rate": 0.005}');
SELECT config_version, version, config FROM jackpot_update_config('minor',
    '{"operator_ids": ["b", "a"], "game_ids": [], "game_categories": ["slots"], "min_wager": 1, "max_wager": 9,
      "starts_at": "2026-01-01", "ends_at": "2026-12-31T23:59:59.5+02:00"}');
SELECT config_version, version, config FROM jackpot_update_config('minor',
    '{"operator_ids": null, "game_ids": null, "game_categories": null, "min_wager": null, "max_wager": null,
      "starts_at": null, "ends_at": null, "currency": null, "reserve_rate": null}', NULL, NULL, NULL);
-- The version that the caller knows, and why.
SELECT config_version FROM jackpot_update_config('minor', '{"seed_amount": 200}', 5, 'autumn', 'now');
SELECT config_version FROM jackpot_update_config('minor', '{"seed_amount": 300}', 5);
-- All or nothing.
SELECT config_version FROM jackpot_update_config('minor', '{"seed_amount": 400, "contribution_rate": 2}');
SELECT config_version, seed_amount, contribution_rate FROM jackpot_pool('minor');

-- On record.
SELECT kind, cycle, config_version, actor, reason, before, after FROM jackpot_history('minor', kinds => '{create,configure}') ORDER BY id;

-- New rates are the next contribution's; the ledger knows which it had.
SELECT contribution FROM jackpot_contribute('g', 100);
SELECT config_version FROM jackpot_update_config('minor', '{"contribution_rate": 0.05}');
SELECT contribution FROM jackpot_contribute('g', 100);
BEGIN;
SELECT config_version FROM jackpot_update_config('minor', '{"contribution_rate": 0.5}');
SELECT contribution FROM jackpot_contribute('g', 100);
SAVEPOINT undone;
SELECT config_version FROM jackpot_update_config('minor', '{"contribution_rate": 0.9}');
SELECT contribution FROM jackpot_contribute('g', 100);
ROLLBACK TO undone;
SELECT contribution FROM jackpot_contribute('g', 100);
ROLLBACK;
SELECT contribution FROM jackpot_contribute('g', 100);
SELECT amount, config_version FROM jackpot_history('minor', kinds => '{contribution}') ORDER BY id;

-- A ceiling below what is there freezes what is shown, and gives it back when it goes.
SELECT current_amount, overflow_amount FROM jackpot_pool('minor');
SELECT current_amount, overflow_amount FROM jackpot_update_config('minor', '{"seed_amount": 0, "max_amount": 50}');
SELECT win_amount, previous_amount, current_amount FROM jackpot_win('minor', 'g', 'ann', 20);
SELECT current_amount, overflow_amount FROM jackpot_update_config('minor', '{"max_amount": null}');

-- Paused: no contributions, no wins, and the identical amounts afterwards.
SELECT count(*) FROM jackpot_create_pool('major', 0.1, 10, 20, reserve_rate => 0.05);
SELECT contribution FROM jackpot_contribute('g', 135, pools => '{major}');
CREATE TEMP TABLE before AS SELECT * FROM jackpot_pool('major');
SELECT status, current_amount, version, config_version FROM jackpot_pause('major', 'audit');
SELECT pool FROM jackpot_contribute('g', 100);
SELECT pool FROM jackpot_contribute('g', 100, pools => '{major}');
SELECT win_amount FROM jackpot_win('major', 'g', 'ann');
-- Again changes nothing.
SELECT status, current_amount, version, config_version FROM jackpot_pause('major', 'again');
-- Configuration goes on meanwhile.
SELECT status, config_version FROM jackpot_update_config('major', '{"currency": "EUR"}');
SELECT status, current_amount, version, config_version FROM jackpot_resume('major');
SELECT status, current_amount, version, config_version FROM jackpot_resume('major', 'again');
SELECT b.current_amount = a.current_amount AND b.overflow_amount = a.overflow_amount AND b.reserve_amount = a.reserve_amount
       AND b.total_contributed = a.total_contributed AND b.cycle = a.cycle AS identical
  FROM before b, jackpot_pool('major') a;
SELECT contribution FROM jackpot_contribute('g', 100, pools => '{major}');
SELECT kind, actor, reason, before, after FROM jackpot_history('major', kinds => '{pause,resume}') ORDER BY id;
-- Undone, a pause has not been.
BEGIN;
SELECT status FROM jackpot_pause('major');
ROLLBACK;
SELECT contribution FROM jackpot_contribute('g', 100, pools => '{major}');

SELECT * FROM jackpot_validate() WHERE NOT ok;
