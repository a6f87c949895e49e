-- What exactly goes up by this stands in run.sh. Each statement is a transaction of its own; :id makes its
-- operations new.
SELECT count(*) FROM generate_series(1, 20) i, jackpot_contribute('game', 100 * i, 'player', pools => '{mega}');
SELECT jackpot_contribute('game', 1000, 'player', operation_id => 'bet ' || :'id');
SELECT jackpot_contribute('game', 1000, 'player', operation_id => 'bet ' || :'id');
SELECT jackpot_void('bet ' || :'id', 'rolled back');
SELECT count(*) FROM generate_series(1, 4) i, jackpot_spin('game', 500 + 0 * i, 'player');
SELECT jackpot_win('mega', 'game', 'player', 7);
SELECT jackpot_win('mega', 'game', 'player', 1000000000);
SELECT jackpot_contribute('game', -1);
BEGIN;
SELECT jackpot_contribute('game', 5000);
ROLLBACK;
SELECT count(jackpot_enqueue_spin('game', 300, 'player')) FROM generate_series(1, 3);
SELECT count(*) FROM jackpot_ticker();
