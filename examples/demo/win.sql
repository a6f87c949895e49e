-- One win, for pgbench: mostly of the minor jackpot, seldom of the mega.
\set luck random(1, 100)
\set game random_zipfian(1, 200, 1.1)
\set player random_zipfian(1, 100000, 1.05)
SELECT * FROM jackpot_win(CASE WHEN :luck <= 80 THEN 'minor' WHEN :luck <= 98 THEN 'major' ELSE 'mega' END,
                          'game-' || :game, 'player-' || :player);
