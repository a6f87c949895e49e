SELECT * FROM jackpot_pools();
