INSERT INTO bet (game_id, user_id, wager_amount) VALUES ('game123', 'player', 1000);
