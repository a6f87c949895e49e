SELECT * FROM jackpot_contribute('game123', 1000, 'player');
