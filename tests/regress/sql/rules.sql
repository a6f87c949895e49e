-- What players may know of a pool, and the warning of pools that give away more than they get.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS jackpot;
CREATE EXTENSION jackpot;
\pset null -
SELECT pool FROM jackpot_create_pool('by hand', 0.01);
SELECT pool FROM jackpot_create_pool('odds', 0.012, 5000, 100000, reserve_rate => 0.0025, currency => 'EUR',
                                     config => '{"trigger": {"kind": "odds", "one_in": 1000000}}');
SELECT pool FROM jackpot_create_pool('must', 0.01, 100, 300, config => '{"trigger": {"kind": "must_hit_by"}}');
SELECT pool FROM jackpot_create_pool('daily', 0.000001, 10, currency => 'USD',
                                     config => '{"trigger": {"kind": "scheduled", "every": "daily"}}');
SELECT pool FROM jackpot_create_pool('often', 1,
    config => '{"trigger": {"kind": "scheduled", "every": "90 minutes", "anchor": "2026-01-01T06:00:00+02:00"}}');
\x on
SELECT pool, status, currency, funding, seed, ceiling, odds, return_to_player, length(commitment) AS commitment, next_cycle
  FROM jackpot_pools() p, LATERAL jackpot_rules(p.pool) r(pool_, status_, currency_, funding, seed, ceiling, ties, odds, return_to_player, commitment_, next_cycle);
SELECT tie_policy FROM jackpot_rules('odds');
\x off
SELECT count(DISTINCT r.tie_policy) FROM jackpot_pools() p, LATERAL jackpot_rules(p.pool) r;
-- The configuration tells the same.
SELECT pool, config -> 'trigger' AS trigger FROM jackpot_pools();

-- Shares by their formulas: rate + seed / N, and rate * (seed + max) / (max - seed).
SELECT return_to_player = 0.012 + 5000 / 1000000.0 FROM jackpot_rules('odds');
SELECT return_to_player = 0.01 * (100 + 300) / (300 - 100) FROM jackpot_rules('must');
SELECT pool FROM jackpot_create_pool('third', 0.01, 1, config => '{"trigger": {"kind": "odds", "one_in": 3}}');
SELECT return_to_player FROM jackpot_rules('third');
-- All that comes in goes out: no warning. More: one, and what follows is as it was asked for.
SELECT pool FROM jackpot_create_pool('all', 0.5, 50, config => '{"trigger": {"kind": "odds", "one_in": 100}}');
SELECT pool FROM jackpot_create_pool('more', 0.500001, 50, config => '{"trigger": {"kind": "odds", "one_in": 100}}');
SELECT pool FROM jackpot_create_pool('narrow', 0.5, 100, 199, config => '{"trigger": {"kind": "must_hit_by"}}');
SELECT pool, return_to_player FROM jackpot_pools('{all,more,narrow}') p, LATERAL (SELECT return_to_player FROM jackpot_rules(p.pool)) r;
-- So it is with changes, those that wait included; not where nothing changes.
SELECT config_version FROM jackpot_update_config('all', '{"seed_amount": 51}');
SELECT config_version FROM jackpot_update_config('all', '{"seed_amount": 51}');
SELECT config_version FROM jackpot_update_config('all', '{"seed_amount": 50}');
SELECT config_version FROM jackpot_update_config('all', '{"contribution_rate": 0.6}', effective => 'next_cycle');
SELECT next_cycle, return_to_player FROM jackpot_rules('all');
SELECT config_version FROM jackpot_update_config('all', '{"contribution_rate": 0.5}', effective => 'next_cycle');
SELECT win_amount FROM jackpot_win('all', 'g', 'ann');
SELECT pool FROM jackpot_create_pool('refused', 0.9, 100, 90, config => '{"trigger": {"kind": "odds", "one_in": 100}}');

-- Paused and retired pools have rules, too.
SELECT status FROM jackpot_pause('must');
SELECT pool, status FROM jackpot_rules('must');
SELECT status FROM jackpot_retire('must', 'by hand', 'over');
SELECT pool, status, commitment FROM jackpot_rules('must');
SELECT * FROM jackpot_rules('nosuch');
SELECT * FROM jackpot_rules(NULL);
