-- The design that everybody writes first: a row for each pool, locked and updated by every bet.

CREATE SCHEMA naive;
CREATE TABLE naive.pool (
    id       integer PRIMARY KEY,
    pool     text NOT NULL UNIQUE,
    rate     numeric NOT NULL,
    amount   numeric NOT NULL,
    version  bigint NOT NULL DEFAULT 0
);
INSERT INTO naive.pool VALUES (1, 'minor', 0.01, 10000), (2, 'major', 0.005, 100000), (3, 'mega', 0.002, 1000000);
CREATE TABLE naive.audit (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pool_id       integer NOT NULL,
    game_id       text NOT NULL,
    user_id       text NOT NULL,
    wager_amount  bigint NOT NULL,
    contribution  numeric NOT NULL,
    at            timestamptz NOT NULL DEFAULT now()
);
CREATE FUNCTION naive.contribute(game_id text, wager_amount bigint, user_id text)
RETURNS TABLE (pool text, contribution numeric, current_amount bigint, version bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    p naive.pool;
BEGIN
    FOR p IN SELECT * FROM naive.pool ORDER BY id FOR UPDATE LOOP
        contribution := contribute.wager_amount * p.rate;
        UPDATE naive.pool SET amount = amount + contribute.contribution, version = version + 1 WHERE id = p.id
            RETURNING pool, floor(amount), version INTO contribute.pool, contribute.current_amount, contribute.version;
        INSERT INTO naive.audit (pool_id, game_id, user_id, wager_amount, contribution)
            VALUES (p.id, contribute.game_id, contribute.user_id, contribute.wager_amount, contribute.contribution);
        RETURN NEXT;
    END LOOP;
END $$;
