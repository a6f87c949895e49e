SELECT jackpot_enqueue_spin('game123', 1000, 'player');
