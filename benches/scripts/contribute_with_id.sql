\set id random(1, 9000000000000000000)
SELECT * FROM jackpot_contribute('game123', 1000, 'player', 'bet-' || :id);
