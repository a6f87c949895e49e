-- One bet, for pgbench. A few games and players are far busier than the rest, small wagers far more
-- frequent than large ones (10 to 50,000 cents).
\set game random_zipfian(1, 200, 1.1)
\set player random_zipfian(1, 100000, 1.05)
\set wager random_exponential(10, 50000, 10)
\set id random(1, 9000000000000000000)
\if :id % 10 = 0
-- Every tenth bet carries an operation_id, and its client, left without an answer, repeats it: that
-- returns the first result, hit or not, and moves nothing.
SELECT * FROM jackpot_spin('game-' || :game, :wager, 'player-' || :player, operation_id => 'bet-' || :id);
SELECT * FROM jackpot_spin('game-' || :game, :wager, 'player-' || :player, operation_id => 'bet-' || :id);
\else
SELECT * FROM jackpot_spin('game-' || :game, :wager, 'player-' || :player);
\endif
