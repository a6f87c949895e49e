-- Moving in: what was taken over, and what is still to be.

CREATE SEQUENCE jackpot.migration_id_seq;
CREATE TABLE jackpot.migration (
    id              bigint NOT NULL DEFAULT nextval('jackpot.migration_id_seq') PRIMARY KEY,
    source          text NOT NULL,
    relation        oid,
    mapping         jsonb NOT NULL,
    repair          boolean NOT NULL,
    paused          boolean NOT NULL,
    state           text NOT NULL CHECK (state IN ('running', 'completed', 'rolled_back')),
    step            text NOT NULL,
    pools           bigint NOT NULL DEFAULT 0,
    contributions   bigint NOT NULL DEFAULT 0,
    wins            bigint NOT NULL DEFAULT 0,
    done            bigint NOT NULL DEFAULT 0,
    total           bigint NOT NULL DEFAULT 0,
    last_at         timestamptz NOT NULL DEFAULT '-infinity',
    last_number     bigint NOT NULL DEFAULT 0,
    findings        jsonb NOT NULL DEFAULT '[]',
    backup          jsonb,
    voids           text[] NOT NULL DEFAULT '{}',
    history_of      bigint[] NOT NULL DEFAULT '{}',
    actor           text NOT NULL,
    started_at      timestamptz NOT NULL,
    finished_at     timestamptz,
    rolled_back_at  timestamptz,
    rolled_back_by  text,
    lost            jsonb
);
ALTER SEQUENCE jackpot.migration_id_seq OWNED BY jackpot.migration.id;
COMMENT ON TABLE jackpot.migration IS 'Every migration that took anything over, also one that was rolled back.';
COMMENT ON COLUMN jackpot.migration.source IS 'state, or the table that it read.';
COMMENT ON COLUMN jackpot.migration.pools IS 'How many pools it has taken over so far; contributions and wins likewise.';
COMMENT ON COLUMN jackpot.migration.done IS 'How many contributions of total it has looked at.';
COMMENT ON COLUMN jackpot.migration.last_at IS 'The last contribution that was taken, with last_number: an interrupted migration goes on after it.';
COMMENT ON COLUMN jackpot.migration.total IS 'How many contributions it has to take over.';
COMMENT ON COLUMN jackpot.migration.findings IS 'What was wrong with its rows and how that was mended: the first thousand findings.';
COMMENT ON COLUMN jackpot.migration.backup IS 'What all pools held before.';
COMMENT ON COLUMN jackpot.migration.voids IS 'The operations that it made known as voided.';
COMMENT ON COLUMN jackpot.migration.history_of IS 'The migrations that made the pools into which it put history.';
COMMENT ON COLUMN jackpot.migration.lost IS 'Of a forced rollback: what had happened since and was lost.';

CREATE TABLE jackpot.migration_pool (
    pool_id        integer NOT NULL PRIMARY KEY REFERENCES jackpot.pool,
    migration_id   bigint NOT NULL REFERENCES jackpot.migration,
    replayed       numeric NOT NULL,
    replayed_id    bigint NOT NULL DEFAULT 0,
    contributions  bigint NOT NULL DEFAULT 0,
    contributed    numeric NOT NULL DEFAULT 0,
    wins           bigint NOT NULL DEFAULT 0,
    won            numeric NOT NULL DEFAULT 0,
    later_config   jsonb
);
COMMENT ON TABLE jackpot.migration_pool IS 'The pools that migrations made, and how much of what has happened to them is history that was taken over.';
COMMENT ON COLUMN jackpot.migration_pool.replayed IS 'Micros that its history alone explains, as far as its wins have been played through.';
COMMENT ON COLUMN jackpot.migration_pool.replayed_id IS 'The ledger row up to which that is.';
COMMENT ON COLUMN jackpot.migration_pool.contributed IS 'Micros that its history contributed to meter and reserve.';
COMMENT ON COLUMN jackpot.migration_pool.later_config IS 'Keys of its configuration that come into force once its history is in.';

CREATE TABLE jackpot.migration_batch (
    first_id      bigint NOT NULL PRIMARY KEY,
    last_id       bigint NOT NULL,
    xid           xid8 NOT NULL,
    migration_id  bigint NOT NULL REFERENCES jackpot.migration,
    first_at      timestamptz NOT NULL,
    last_at       timestamptz NOT NULL
);
COMMENT ON TABLE jackpot.migration_batch IS 'The ledger rows that are history: those of the transaction with ids in the range. first_at and last_at are original times.';

CREATE TABLE jackpot.migration_row (
    migration_id   bigint NOT NULL,
    kind           text NOT NULL,
    at             timestamptz NOT NULL,
    number         bigint NOT NULL,
    label          text,
    operation_id   text COLLATE "C",
    told_id        text,
    pools          text[],
    display        bigint[],
    reserve        bigint[],
    amount         bigint,
    game_id        text,
    user_id        text,
    operator_id    text,
    game_category  text,
    currency       text,
    data           jsonb,
    is_pending     boolean
);
CREATE UNIQUE INDEX migration_row_idx ON jackpot.migration_row (migration_id, kind, at, number);
COMMENT ON TABLE jackpot.migration_row IS 'What has been read from a source and not been taken over yet.';
COMMENT ON COLUMN jackpot.migration_row.kind IS 'pool, contribution, win or void.';
COMMENT ON COLUMN jackpot.migration_row.at IS 'Original time; infinity where it is not known.';
COMMENT ON COLUMN jackpot.migration_row.label IS 'The row''s name in findings, where its number does not tell it.';
COMMENT ON COLUMN jackpot.migration_row.operation_id IS 'Its name here.';
COMMENT ON COLUMN jackpot.migration_row.told_id IS 'What the source calls it.';
COMMENT ON COLUMN jackpot.migration_row.amount IS 'The wager, or what was won, in minor units.';
COMMENT ON COLUMN jackpot.migration_row.data IS 'Of a pool: all of it; of others what the client said of it.';
COMMENT ON SEQUENCE jackpot.migration_id_seq IS 'Numbers migrations.';

-- What a bet is called here whose name a win has, and a win whose name a bet or another pool's win has.
CREATE FUNCTION jackpot.other_name(pool_of_win text, name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN pool_of_win IS NULL THEN 'bet:' || CASE WHEN pg_catalog.length(name) > 190 THEN pg_catalog.md5(name) ELSE name END
            WHEN pg_catalog.length(pool_of_win || name) > 190 THEN 'win:' || pg_catalog.md5(pool_of_win || ':' || name)
            ELSE 'win:' || pool_of_win || ':' || name END;

-- The migrations that are over when one is rolled back: those that put history into its pools as well,
-- unless they made pools, or put history into pools that stay.
CREATE FUNCTION jackpot.ended_with(migration_id bigint) RETURNS bigint[]
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN ARRAY(SELECT m.id FROM jackpot.migration m
              WHERE m.id = ended_with.migration_id
                 OR ended_with.migration_id = ANY (m.history_of) AND m.state <> 'rolled_back'
                    AND NOT EXISTS (SELECT FROM jackpot.migration o
                                     WHERE o.id = ANY (m.history_of) AND o.id <> ended_with.migration_id AND o.state <> 'rolled_back')
                    AND NOT EXISTS (SELECT FROM jackpot.migration_pool p WHERE p.migration_id = m.id));

SELECT pg_extension_config_dump('jackpot.migration', '');
SELECT pg_extension_config_dump('jackpot.migration_pool', '');
SELECT pg_extension_config_dump('jackpot.migration_batch', '');
SELECT pg_extension_config_dump('jackpot.migration_row', '');
SELECT pg_extension_config_dump('jackpot.migration_id_seq', '');
