-- The queue that everybody writes first: rows that a worker locks past others, deletes and applies. Items come
-- in batches and each pool is updated once a batch, which is the best that can be done with it.
CREATE TABLE naive.queue (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    game_id       text NOT NULL,
    user_id       text NOT NULL,
    wager_amount  bigint NOT NULL,
    at            timestamptz NOT NULL DEFAULT now()
);
CREATE FUNCTION naive.process_queue(max_items bigint DEFAULT 10000) RETURNS TABLE (processed bigint)
LANGUAGE sql AS $$
WITH taken AS (
    DELETE FROM naive.queue WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM naive.queue ORDER BY id LIMIT max_items FOR UPDATE SKIP LOCKED))
    RETURNING game_id, user_id, wager_amount
), audited AS (
    INSERT INTO naive.audit (pool_id, game_id, user_id, wager_amount, contribution)
    SELECT p.id, t.game_id, t.user_id, t.wager_amount, t.wager_amount * p.rate FROM taken t, naive.pool p
    RETURNING pool_id, contribution
), updated AS (
    UPDATE naive.pool p SET amount = amount + a.contribution, version = version + a.items
      FROM (SELECT pool_id, sum(contribution) AS contribution, count(*) AS items FROM audited GROUP BY pool_id) a
     WHERE p.id = a.pool_id
)
SELECT count(*) FROM taken
$$;
