-- A small bet that draws nothing, for pgbench.
\set wager random(100, 500)
SELECT * FROM jackpot_contribute('game-1', :wager, 'player-1');
