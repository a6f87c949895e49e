\set id random(1, 9000000000000000000)
INSERT INTO plain.ledger_with_id (id, at, xid, operation_id, game_id, user_id, wager_amount, pool_ids, display, reserve, config_versions)
VALUES (nextval('plain.ledger_id_seq'), now(), pg_current_xact_id(), 'bet-' || :id, 'game123', 'player', 1000,
        '{1,2,3}', '{10000000,5000000,2000000}', '{0,0,0}', '{1,1,1}');
