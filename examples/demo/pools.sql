-- The demo's jackpots. Amounts in cents: minor starts at 100.00 and must be hit by 500.00, major is won
-- by one in 200,000.00 wagered, mega drops once in five seconds.
CREATE EXTENSION jackpot;
SELECT * FROM jackpot_create_pool('minor', contribution_rate => 0.01, seed_amount => 10000, max_amount => 50000,
                                  config => '{"trigger": {"kind": "must_hit_by"}}');
SELECT * FROM jackpot_create_pool('major', contribution_rate => 0.005, seed_amount => 100000, reserve_rate => 0.001,
                                  config => '{"trigger": {"kind": "odds", "one_in": 20000000}}');
SELECT * FROM jackpot_create_pool('mega', contribution_rate => 0.002, seed_amount => 1000000, reserve_rate => 0.001,
                                  config => '{"trigger": {"kind": "scheduled", "every": "5 seconds"}}');
