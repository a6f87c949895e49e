SELECT * FROM jackpot_ticker();
