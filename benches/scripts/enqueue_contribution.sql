SELECT jackpot_enqueue_contribution('game123', 1000, 'player');
