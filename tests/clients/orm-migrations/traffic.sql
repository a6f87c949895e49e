-- Something in every table that a tool might want to drop. The extension may be in any schema of the path.
SELECT jackpot_create_pool('minor', 0.01, 10000, 50000, reserve_rate => 0.001);
SELECT jackpot_create_pool('always', 0.5, 0, config => '{"game_ids": ["sure"], "trigger": {"kind": "odds", "one_in": 1}}');
SELECT jackpot_create_pool('mystery', 0.01, 100, 10000, config => '{"game_ids": ["slots"], "trigger": {"kind": "must_hit_by"}}');
SELECT jackpot_set_exchange_rate('EUR', 'USD', 1.1);
SELECT jackpot_set_alert('queue_depth', 10, 20);
SELECT jackpot_contribute('slots', 100 + i, 'player' || i, 'bet-' || i) FROM generate_series(1, 25) i;
SELECT jackpot_settle();
-- Not settled.
SELECT jackpot_spin('sure', 10, 'lucky', 'spin-1');
SELECT jackpot_contribute('slots', 100, operation_id => 'tail-' || i) FROM generate_series(1, 3) i;
SELECT jackpot_win('minor', 'slots', 'ann', operation_id => 'win-1');
SELECT jackpot_void('bet-7', 'bet rolled back');
-- Waiting.
SELECT jackpot_enqueue_win('minor', 'slots', 'bob', delay => '1 day');
INSERT INTO jackpot.inbox (game_id, wager_amount) VALUES ('slots', 100);
