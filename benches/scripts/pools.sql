-- The extension with three pools that every bet feeds and nothing but jackpot_win() pays.
CREATE EXTENSION jackpot;
SELECT jackpot_create_pool('minor', contribution_rate => 0.01, seed_amount => 10000);
SELECT jackpot_create_pool('major', contribution_rate => 0.005, seed_amount => 100000);
SELECT jackpot_create_pool('mega', contribution_rate => 0.002, seed_amount => 1000000);
