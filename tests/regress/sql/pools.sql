-- Pools as they are made and shown.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS jackpot;
CREATE EXTENSION jackpot;
\pset null -

\x on
-- All columns; the times are compared instead of shown.
SELECT pool, status, currency, current_amount, seed_amount, max_amount, contribution_rate, reserve_rate,
       overflow_amount, reserve_amount, total_contributions, total_wagered, total_contributed, total_wins, total_won,
       cycle, version, config_version, config, commitment, lock_holder,
       last_modified_at <= clock_timestamp() AS modified, as_of = statement_timestamp() AS as_of
  FROM jackpot_create_pool('major', 0.01, 1000, 5000, 1200, 0.0025, 'EUR',
           '{"operator_ids": ["acme"], "game_ids": ["g1", "g2"], "game_categories": ["slots"],
             "min_wager": 10, "max_wager": 100000,
             "starts_at": "2020-01-01T00:00:00Z", "ends_at": "2999-12-31T23:00:00+01:00"}');
-- Everything is optional but the name, and an explicit NULL is as omitted.
SELECT pool, status, currency, current_amount, seed_amount, max_amount, contribution_rate, reserve_rate, config
  FROM jackpot_create_pool('plain');
SELECT pool, status, currency, current_amount, seed_amount, max_amount, contribution_rate, reserve_rate, config
  FROM jackpot_create_pool('nulls', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
\x off
-- By name alone, with the amounts in config.
SELECT pool, current_amount, seed_amount, contribution_rate
  FROM jackpot_create_pool(config => '{"contribution_rate": "0.5", "seed_amount": 7}', pool => 'by name');
-- A rate may be given as a number, as a string, and with zeros behind.
SELECT pool, contribution_rate, config ->> 'contribution_rate' AS in_config
  FROM jackpot_create_pool('zeros', 0.1000000000);

SELECT pool, current_amount, version FROM jackpot_pools();
SELECT pool FROM jackpot_pools(NULL);
SELECT pool FROM jackpot_pools('{zeros,major,zeros}');
SELECT pool FROM jackpot_pools('{}');
SELECT pool, current_amount FROM jackpot_pool('major');

SELECT * FROM jackpot_contribute('g1', 1000, operator_id => 'acme', game_category => 'slots', pools => '{major}');
SELECT * FROM jackpot_contribute('g2', 333, operator_id => 'acme', game_category => 'slots', pools => '{major}');
SELECT win_amount, previous_amount, current_amount, cycle FROM jackpot_win('major', 'g1', 'ann', 200);

-- The old service's table.
SELECT "group", current_amount, seed_amount, max_amount, contribution_rate, total_contributions, total_wins, version,
       lock_holder, last_modified_at <= clock_timestamp() AS modified
  FROM jackpot.jackpots;

\x on
SELECT pool, status, current_amount, total_contributions, total_wagered, total_contributed, average_contribution,
       total_wins, total_won, average_win, largest_win, last_win_at <= clock_timestamp() AS won, total_seeded,
       reserve_amount, cycle, version, last_modified_at >= last_win_at AS modified
  FROM jackpot_statistics('{major}');
\x off
-- Where there was nothing there is no average.
SELECT pool, average_contribution, average_win, largest_win, last_win_at FROM jackpot_statistics('{plain}');
SELECT pool FROM jackpot_statistics();

-- A rolled back pool is nowhere, and its name is free.
BEGIN;
SELECT pool FROM jackpot_create_pool('gone');
SELECT pool FROM jackpot_pool('gone');
ROLLBACK;
SELECT count(*) FROM jackpot_pools() WHERE pool = 'gone';
SELECT pool FROM jackpot_create_pool('gone');
-- A new pool can be fed in the transaction that made it.
BEGIN;
SELECT pool FROM jackpot_create_pool('new', 0.5);
SELECT * FROM jackpot_contribute('g1', 3, pools => '{new}');
COMMIT;
SELECT pool, current_amount, total_contributed, version FROM jackpot_pool('new');

SELECT * FROM jackpot_validate() WHERE NOT ok;
