-- Odd names must come through; nobody feeds "idle", "held" is for whoever holds a lock.
SELECT jackpot_create_pool('mega', 0.01, 100000, config => '{"trigger": {"kind": "odds", "one_in": 1000000000000}, "game_ids": ["game"]}');
SELECT jackpot_create_pool('the "mini" \ é', 0.001, 1000, config => '{"game_ids": ["game"]}');
SELECT jackpot_create_pool('idle', 0.01, 1000, currency => 'EUR', config => '{"game_ids": ["none"]}');
SELECT jackpot_create_pool('held', 0.01, 1000, config => '{"game_ids": ["none"]}');
