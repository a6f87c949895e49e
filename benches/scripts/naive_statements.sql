BEGIN;
SELECT id, rate, amount FROM naive.pool ORDER BY id FOR UPDATE;
UPDATE naive.pool SET amount = amount + 10, version = version + 1 WHERE id = 1;
UPDATE naive.pool SET amount = amount + 5, version = version + 1 WHERE id = 2;
UPDATE naive.pool SET amount = amount + 2, version = version + 1 WHERE id = 3;
INSERT INTO naive.audit (pool_id, game_id, user_id, wager_amount, contribution) VALUES (1, 'game123', 'player', 1000, 10);
INSERT INTO naive.audit (pool_id, game_id, user_id, wager_amount, contribution) VALUES (2, 'game123', 'player', 1000, 5);
INSERT INTO naive.audit (pool_id, game_id, user_id, wager_amount, contribution) VALUES (3, 'game123', 'player', 1000, 2);
COMMIT;
