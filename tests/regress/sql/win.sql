-- Wins: what is paid, what stays, where the next seed comes from.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS jackpot;
CREATE EXTENSION jackpot;
\pset null -

-- All that is payable; the house seeds, the fraction stays.
SELECT current_amount FROM jackpot_create_pool('minor', 0.01, 100);
SELECT current_amount FROM jackpot_contribute('g', 12345, pools => '{minor}');
SELECT win_id, pool, win_amount, previous_amount, current_amount, cycle, version, operation_id, replayed
  FROM jackpot_win('minor', 'g', 'ann');
SELECT current_amount, cycle, version, total_wins, total_won, total_contributed FROM jackpot_pool('minor');
-- 100 + 123.45 - 223 leaves 0.45, and 99.55 more make the seed.
SELECT kind, cycle, amount, before, after FROM jackpot_history('minor', kinds => '{create,seed,win,reseed}') ORDER BY id;

-- A part of it; the seed is already there, so nobody puts in more.
SELECT current_amount FROM jackpot_contribute('g', 50050, pools => '{minor}');
SELECT win_amount, previous_amount, current_amount, cycle, version FROM jackpot_win('minor', 'g', 'bob', 400);
SELECT current_amount, total_won FROM jackpot_pool('minor');
SELECT total_seeded FROM jackpot_statistics('{minor}');
-- A part that leaves less than the seed.
SELECT win_amount, previous_amount, current_amount, cycle, version FROM jackpot_win('minor', 'g', 'bob', 101);
SELECT total_seeded FROM jackpot_statistics('{minor}');

-- The reserve pays first, then the house.
SELECT pool FROM jackpot_create_pool('reserved', 0.1, 100, reserve_rate => 0.05);
SELECT contribution, current_amount FROM jackpot_contribute('g', 1001, pools => '{reserved}');
SELECT current_amount, reserve_amount FROM jackpot_pool('reserved');
SELECT win_amount, current_amount FROM jackpot_win('reserved', 'g', 'ann');
SELECT current_amount, reserve_amount FROM jackpot_pool('reserved');
SELECT kind, cycle, amount, reserve_amount FROM jackpot_history('reserved', kinds => '{seed,win,reseed}') ORDER BY id;
-- A reserve that suffices keeps the house out.
SELECT contribution, current_amount FROM jackpot_contribute('g', 4000, pools => '{reserved}');
SELECT win_amount, current_amount FROM jackpot_win('reserved', 'g', 'ann');
SELECT current_amount, reserve_amount FROM jackpot_pool('reserved');
SELECT kind, cycle, amount, reserve_amount FROM jackpot_history('reserved', kinds => '{seed,win,reseed}') ORDER BY id DESC LIMIT 2;

-- What stood above the ceiling funds the next cycle.
SELECT pool FROM jackpot_create_pool('capped', 0.1, 100, 150);
SELECT current_amount FROM jackpot_contribute('g', 1700, pools => '{capped}');
SELECT current_amount, overflow_amount FROM jackpot_pool('capped');
SELECT win_amount, previous_amount, current_amount FROM jackpot_win('capped', 'g', 'ann');
SELECT current_amount, overflow_amount FROM jackpot_pool('capped');
SELECT win_amount, previous_amount, current_amount FROM jackpot_win('capped', 'g', 'ann');
SELECT total_seeded FROM jackpot_statistics('{capped}');
SELECT current_amount FROM jackpot_contribute('g', 3000, pools => '{capped}');
SELECT win_amount, previous_amount, current_amount FROM jackpot_win('capped', 'g', 'ann');
SELECT current_amount, overflow_amount FROM jackpot_pool('capped');

-- The cycle that the caller expects.
SELECT cycle FROM jackpot_pool('capped');
SELECT win_amount, cycle FROM jackpot_win('capped', 'g', 'ann', 1, expected_cycle => 4);
SELECT win_amount, cycle FROM jackpot_win('capped', 'g', 'ann', 1, expected_cycle => 4);
SELECT cycle FROM jackpot_pool('capped');

-- In one transaction: what it contributed before the hit counts to this prize, what it
-- contributes after it to the next.
SELECT pool FROM jackpot_create_pool('own', 0.5);
SELECT current_amount FROM jackpot_contribute('g', 20, pools => '{own}', operation_id => 'before');
BEGIN;
SELECT current_amount FROM jackpot_contribute('g', 40, pools => '{own}', operation_id => 'own, first');
SAVEPOINT undone;
SELECT current_amount FROM jackpot_contribute('g', 1000, pools => '{own}', operation_id => 'own, undone');
ROLLBACK TO undone;
SELECT win_amount, current_amount, cycle, version FROM jackpot_win('own', 'g', 'ann');
SELECT current_amount, version FROM jackpot_contribute('g', 60, pools => '{own}', operation_id => 'own, between');
SELECT win_amount, current_amount, cycle, version FROM jackpot_win('own', 'g', 'ann');
SELECT current_amount, version FROM jackpot_contribute('g', 80, pools => '{own}', operation_id => 'own, last');
SELECT current_amount, cycle, version FROM jackpot_pool('own');
COMMIT;
SELECT current_amount FROM jackpot_contribute('g', 100, pools => '{own}', operation_id => 'after');
SELECT kind, cycle, amount, operation_id FROM jackpot_history('own', kinds => '{contribution,win}') ORDER BY at, kind;

-- A win that is rolled back has not been.
BEGIN;
SELECT win_amount, current_amount, cycle FROM jackpot_win('own', 'g', 'ann', operation_id => 'undone');
SELECT current_amount, cycle FROM jackpot_pool('own');
ROLLBACK;
SELECT current_amount, cycle, total_wins FROM jackpot_pool('own');
BEGIN;
SAVEPOINT undone;
SELECT win_amount, current_amount, cycle FROM jackpot_win('own', 'g', 'ann', operation_id => 'undone');
ROLLBACK TO undone;
SELECT current_amount FROM jackpot_contribute('g', 2, pools => '{own}');
COMMIT;
SELECT current_amount, cycle, total_wins FROM jackpot_pool('own');
SELECT win_amount, cycle, replayed FROM jackpot_win('own', 'g', 'ann', operation_id => 'undone');

-- An empty pool has nothing to pay.
SELECT current_amount FROM jackpot_pool('own');
SELECT win_amount FROM jackpot_win('own', 'g', 'ann');

-- History: everything about a win, and its filters.
SELECT win_amount FROM jackpot_win('minor', 'g7', 'zoe', 50, 'win op', metadata => '{"round": 9}');
SELECT kind, cycle, amount, operation_id, game_id, user_id, win_id IS NOT NULL AS win, actor, reason, metadata
  FROM jackpot_history('minor', kinds => '{win,seed}', max_rows => 2) ORDER BY id;
SELECT count(*) FROM jackpot_history('minor');
SELECT count(*) FROM jackpot_history('minor', NULL, NULL, NULL, NULL);
SELECT count(*) FROM jackpot_history('minor', max_rows => 3);
SELECT count(*) FROM jackpot_history('minor', max_rows => 0);
SELECT count(*) FROM jackpot_history('minor', kinds => '{}');
SELECT count(*) FROM jackpot_history('minor', since => now() + interval '1 hour');
SELECT count(*) FROM jackpot_history('minor', until => now() - interval '1 hour');
-- since belongs to the time asked for, until does not: the two parts make the whole.
SELECT w.at AS since FROM jackpot_history('minor', kinds => '{win}', max_rows => 1) w \gset
SELECT (SELECT count(*) FROM jackpot_history('minor', until => :'since'))
     + (SELECT count(*) FROM jackpot_history('minor', since => :'since')) AS parts,
       (SELECT min(kind) FROM jackpot_history('minor', since => :'since', kinds => '{win}')) AS first;

SELECT * FROM jackpot_validate() WHERE NOT ok;
