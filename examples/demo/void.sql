-- A bet that its game rolls back, for pgbench.
\set game random_zipfian(1, 200, 1.1)
\set wager random_exponential(10, 50000, 10)
\set id random(1, 9000000000000000000)
SELECT * FROM jackpot_contribute('game-' || :game, :wager, operation_id => 'lost-' || :id);
SELECT * FROM jackpot_void('lost-' || :id, 'the game rolled back');
