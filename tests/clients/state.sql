-- What a client has left, without what differs from run to run: moments, numbers that may have gaps, and who it was.
SELECT to_jsonb(p) - '{last_modified_at, as_of, lock_holder, commitment}'::text[]
  FROM jackpot_pools() p
 ORDER BY p.pool COLLATE "C";

SELECT to_jsonb(h) - '{at, id, win_id, actor}'::text[] || jsonb_build_object('pool', p.pool)
  FROM jackpot_pools() p, jackpot_history(p.pool, max_rows => 10000) h
 ORDER BY 1;

SELECT 'ledger rows', count(*) FROM jackpot.ledger
UNION ALL SELECT 'wins', count(*) FROM jackpot.win
UNION ALL SELECT 'journal rows', count(*) FROM jackpot.journal
UNION ALL SELECT 'dead letters', count(*) FROM jackpot.dead_letter
ORDER BY 1;
