SELECT * FROM naive.contribute('game123', 1000, 'player');
