SELECT * FROM jackpot_spin('game123', 1000, 'player');
