-- The demo's jackpots. Amounts in cents: minor starts at 100.00 and shows at most 500.00.
CREATE EXTENSION jackpot;
SELECT * FROM jackpot_create_pool('minor', contribution_rate => 0.01, seed_amount => 10000, max_amount => 50000);
SELECT * FROM jackpot_create_pool('major', contribution_rate => 0.005, seed_amount => 100000, reserve_rate => 0.001);
SELECT * FROM jackpot_create_pool('mega', contribution_rate => 0.002, seed_amount => 1000000, reserve_rate => 0.001);
