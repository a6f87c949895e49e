INSERT INTO plain.ledger_with_id (id, at, xid, operation_id, game_id, user_id, wager_amount, pool_ids, display, reserve, config_versions)
SELECT nextval('plain.ledger_id_seq'), now(), pg_current_xact_id(), operation_id, game_id, user_id, wager_amount,
       '{1,2,3}', ARRAY[wager_amount * 10000, wager_amount * 5000, wager_amount * 2000], '{0,0,0}', '{1,1,1}'
  FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[]) AS b(game_id, wager_amount, user_id, operation_id)
