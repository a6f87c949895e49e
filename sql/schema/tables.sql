-- Every relation of the extension. No rows are put in here: what a dump carries must come back
-- into empty tables. All money is bigint micros (millionths of a minor unit) unless a column is
-- named an amount, which is bigint minor units (cents).

CREATE SCHEMA jackpot;
COMMENT ON SCHEMA jackpot IS 'Relations of the jackpot extension. Programs call the jackpot_* functions.';

CREATE SEQUENCE jackpot.pool_id_seq AS integer;
CREATE TABLE jackpot.pool (
    id                integer NOT NULL DEFAULT nextval('jackpot.pool_id_seq') PRIMARY KEY,
    pool              text NOT NULL UNIQUE CHECK (length(pool) BETWEEN 1 AND 100),
    status            text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'paused', 'retired')),
    meter             bigint NOT NULL DEFAULT 0,
    reserve           bigint NOT NULL DEFAULT 0,
    cycle             bigint NOT NULL DEFAULT 1,
    version           bigint NOT NULL DEFAULT 1,
    config_version    bigint NOT NULL DEFAULT 1,
    config            jsonb NOT NULL,
    pending_config    jsonb,
    commitment        text,
    total_wins        bigint NOT NULL DEFAULT 0,
    total_won         numeric NOT NULL DEFAULT 0,
    total_seeded      numeric NOT NULL DEFAULT 0,
    lock_holder       text NOT NULL,
    last_modified_at  timestamptz NOT NULL,
    created_at        timestamptz NOT NULL
) WITH (fillfactor = 50);
ALTER SEQUENCE jackpot.pool_id_seq OWNED BY jackpot.pool.id;
COMMENT ON TABLE jackpot.pool IS 'One row a pool: its configuration and what wins, seeds and adjustments moved. A pool''s amount is meter + balance + tail; read it with jackpot_pools(). Pools are never deleted.';
COMMENT ON COLUMN jackpot.pool.meter IS 'Micros moved by the journal; what wagers contributed stands in jackpot.balance and the ledger. May be negative on its own.';
COMMENT ON COLUMN jackpot.pool.reserve IS 'As meter, for the hidden second meter.';
COMMENT ON COLUMN jackpot.pool.version IS 'Grows with every change of this row. The public version adds the ledger rows that fed the pool.';
COMMENT ON COLUMN jackpot.pool.config_version IS 'Grows with every change of config.';
COMMENT ON COLUMN jackpot.pool.pending_config IS 'Keys of config that change at the next reset.';
COMMENT ON COLUMN jackpot.pool.commitment IS 'SHA-256 of the present cycle''s secret, with a hidden trigger.';
COMMENT ON COLUMN jackpot.pool.total_won IS 'Sum of wins, in minor units.';
COMMENT ON COLUMN jackpot.pool.total_seeded IS 'Sum of what the house put in, as seeds and to cover voids, in micros.';
COMMENT ON COLUMN jackpot.pool.lock_holder IS 'Who changed this row last: role/application_name/operation.';

CREATE TABLE jackpot.secret (
    pool_id  integer NOT NULL PRIMARY KEY REFERENCES jackpot.pool,
    secret   text NOT NULL
) WITH (fillfactor = 50);
-- Without a policy: not even a role that may read every table (pg_read_all_data) sees a row.
ALTER TABLE jackpot.secret ENABLE ROW LEVEL SECURITY;
-- ANALYZE would copy secrets into pg_statistic.
ALTER TABLE jackpot.secret ALTER COLUMN secret SET STATISTICS 0;
COMMENT ON TABLE jackpot.secret IS 'What decides the present cycle of a pool with a hidden trigger. For nobody to read: the win reveals it (GLI-19 4.13.8).';
COMMENT ON COLUMN jackpot.secret.secret IS 'Threshold or moment, pool, cycle and salt; jackpot.pool.commitment is its SHA-256.';

CREATE TABLE jackpot.exchange_rate (
    from_currency   text NOT NULL,
    to_currency     text NOT NULL,
    effective_from  timestamptz NOT NULL,
    rate            bigint NOT NULL CHECK (rate > 0),
    actor           text NOT NULL,
    set_at          timestamptz NOT NULL,
    PRIMARY KEY (from_currency, to_currency, effective_from)
);
COMMENT ON TABLE jackpot.exchange_rate IS 'How many minor units of to_currency one minor unit of from_currency is worth, from a moment on. Append-only.';
COMMENT ON COLUMN jackpot.exchange_rate.rate IS 'In ten-billionths: 10000000000 is 1.';

CREATE SEQUENCE jackpot.ledger_id_seq CACHE 64;
CREATE TABLE jackpot.ledger (
    id               bigint NOT NULL,
    at               timestamptz NOT NULL,
    xid              xid8 NOT NULL,
    operation_id     text,
    game_id          text NOT NULL,
    user_id          text,
    operator_id      text,
    game_category    text,
    currency         text,
    wager_amount     bigint NOT NULL,
    pool_ids         integer[] NOT NULL,
    display          bigint[] NOT NULL,
    reserve          bigint[] NOT NULL,
    config_versions  integer[] NOT NULL,
    voids            bigint,
    draw_priority    integer,
    exchange_rates   bigint[],
    display_remainders bigint[],
    reserve_remainders bigint[],
    metadata         jsonb
) PARTITION BY RANGE (at);
COMMENT ON TABLE jackpot.ledger IS 'The truth: one row a contribution operation and one a void, append-only, partitioned by month of at. Keys and indexes stand on the partitions.';
COMMENT ON COLUMN jackpot.ledger.xid IS 'The top-level transaction that wrote the row; snapshots and marks are compared with it.';
COMMENT ON COLUMN jackpot.ledger.pool_ids IS 'The pools that the wager fed; display, reserve and config_versions run parallel to it.';
COMMENT ON COLUMN jackpot.ledger.display IS 'Micros added to each pool''s meter.';
COMMENT ON COLUMN jackpot.ledger.reserve IS 'Micros added to each pool''s reserve.';
COMMENT ON COLUMN jackpot.ledger.config_versions IS 'The configuration that each share was computed with.';
COMMENT ON COLUMN jackpot.ledger.voids IS 'Of a void: the id of the row that it takes back; its own amounts are negative.';
COMMENT ON COLUMN jackpot.ledger.draw_priority IS 'Of a queued spin: the priority with which it is drawn later; NULL for all others.';
COMMENT ON COLUMN jackpot.ledger.exchange_rates IS 'The rate from the wager''s currency into each pool''s, in ten-billionths: 10000000000 for a pool that needed none; NULL where no pool did.';
COMMENT ON COLUMN jackpot.ledger.display_remainders IS 'What the conversion left below a micro of each display, in ten-billionths of a micro. Their sum is carried into the meter.';
COMMENT ON COLUMN jackpot.ledger.reserve_remainders IS 'The same of reserve.';

CREATE TABLE jackpot.ledger_default PARTITION OF jackpot.ledger DEFAULT;
ALTER TABLE jackpot.ledger_default ADD PRIMARY KEY (id);
CREATE INDEX ledger_default_xid_idx ON jackpot.ledger_default (xid);
COMMENT ON TABLE jackpot.ledger_default IS 'Ledger rows of months that have no partition of their own, so that nothing is ever refused.';

CREATE TABLE jackpot.balance (
    pool_id        integer NOT NULL PRIMARY KEY REFERENCES jackpot.pool,
    display        numeric NOT NULL DEFAULT 0,
    reserve        numeric NOT NULL DEFAULT 0,
    display_remainder  numeric NOT NULL DEFAULT 0,
    reserve_remainder  numeric NOT NULL DEFAULT 0,
    contributions  bigint NOT NULL DEFAULT 0,
    wagered        numeric NOT NULL DEFAULT 0,
    voids          bigint NOT NULL DEFAULT 0,
    voided         numeric NOT NULL DEFAULT 0,
    last_at        timestamptz
) WITH (fillfactor = 50);
COMMENT ON TABLE jackpot.balance IS 'A pool''s sum over the settled ledger rows, those that the mark covers. Numeric, so that no sum of valid rows can fail.';
COMMENT ON COLUMN jackpot.balance.display IS 'Micros.';
COMMENT ON COLUMN jackpot.balance.reserve IS 'Micros.';
COMMENT ON COLUMN jackpot.balance.display_remainder IS 'Sum of the ledger''s, in ten-billionths of a micro.';
COMMENT ON COLUMN jackpot.balance.reserve_remainder IS 'The same of reserve.';
COMMENT ON COLUMN jackpot.balance.contributions IS 'How many contributions fed the pool.';
COMMENT ON COLUMN jackpot.balance.wagered IS 'Their wagers in minor units of the pool''s currency.';
COMMENT ON COLUMN jackpot.balance.voids IS 'How many ledger rows took a contribution back.';
COMMENT ON COLUMN jackpot.balance.voided IS 'What those took back, in micros.';

CREATE TABLE jackpot.mark (
    one                boolean NOT NULL DEFAULT true PRIMARY KEY CHECK (one),
    snapshot           pg_snapshot NOT NULL,
    floor_id           bigint NOT NULL,
    tail_since         timestamptz NOT NULL,
    system_identifier  bigint NOT NULL,
    ledger             oid NOT NULL,
    settled_at         timestamptz NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE jackpot.mark IS 'Up to where the ledger is settled: a row is settled if its id is at or below floor_id or its xid is visible in snapshot. One row, made by the first write.';
COMMENT ON COLUMN jackpot.mark.floor_id IS 'Highest ledger id when the database was restored into this cluster; 0 where it was born.';
COMMENT ON COLUMN jackpot.mark.tail_since IS 'No unsettled row is older; prunes partitions.';
COMMENT ON COLUMN jackpot.mark.system_identifier IS 'The cluster whose transaction ids snapshot speaks of.';
COMMENT ON COLUMN jackpot.mark.ledger IS 'The oid of jackpot.ledger there. A restored ledger has another, also in a cluster with the same identifier, such as a promoted copy.';

CREATE TABLE jackpot.operation (
    operation_id     text COLLATE "C" NOT NULL PRIMARY KEY,
    at               timestamptz NOT NULL,
    fingerprint      bytea NOT NULL,
    ledger_id        bigint,
    win_ids          bigint[],
    current_amounts  bigint[],
    versions         bigint[],
    voided_at        timestamptz
);
COMMENT ON TABLE jackpot.operation IS 'Idempotency keys with the result that a replay returns; what a wager gave stands in its ledger row. No constraint and no default more: rows of batches are written past the executor.';
COMMENT ON COLUMN jackpot.operation.fingerprint IS 'SHA-256 of the operation''s kind and arguments.';
COMMENT ON COLUMN jackpot.operation.ledger_id IS 'The ledger row of a wager; NULL for a win, and for a void whose wager has not come.';
COMMENT ON COLUMN jackpot.operation.win_ids IS 'Of a win: its number. Of a spin that hit: parallel to the ledger row''s pool_ids, NULL where it did not.';
COMMENT ON COLUMN jackpot.operation.current_amounts IS 'What each pool held then, in minor units; NULL where it was not told (totals off, batches).';
COMMENT ON COLUMN jackpot.operation.versions IS 'Each pool''s version then.';

CREATE TABLE jackpot.void (
    operation_id  text COLLATE "C" NOT NULL PRIMARY KEY REFERENCES jackpot.operation,
    at            timestamptz NOT NULL,
    actor         text NOT NULL,
    reason        text NOT NULL,
    ledger_id     bigint,
    pool_ids      integer[] NOT NULL DEFAULT '{}',
    from_meter    bigint[] NOT NULL DEFAULT '{}',
    from_reserve  bigint[] NOT NULL DEFAULT '{}',
    from_house    bigint[] NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE jackpot.void IS 'Every voided operation, also one whose wager has not come (a tombstone).';
COMMENT ON COLUMN jackpot.void.ledger_id IS 'The ledger row that takes contributions of present cycles back.';
COMMENT ON COLUMN jackpot.void.from_meter IS 'Micros taken from each pool''s meter; from_reserve and from_house likewise.';

CREATE SEQUENCE jackpot.win_id_seq;
CREATE TABLE jackpot.win (
    id               bigint NOT NULL PRIMARY KEY,
    pool_id          integer NOT NULL REFERENCES jackpot.pool,
    cycle            bigint NOT NULL,
    at               timestamptz NOT NULL,
    operation_id     text,
    game_id          text NOT NULL,
    user_id          text,
    win_amount       bigint NOT NULL CHECK (win_amount > 0),
    previous_amount  bigint NOT NULL,
    current_amount   bigint NOT NULL,
    version          bigint NOT NULL,
    metadata         jsonb,
    actor            text NOT NULL,
    xid              xid8 NOT NULL,
    snapshot         pg_snapshot NOT NULL,
    floor_id         bigint NOT NULL,
    last_id          bigint NOT NULL,
    own_id           bigint NOT NULL,
    ledger_id        bigint,
    trigger          text NOT NULL,
    evidence         jsonb,
    commitment       text,
    secret           text,
    status           text NOT NULL CHECK (status IN ('pending', 'paid', 'cancelled')),
    reference        text,
    confirmed_at     timestamptz,
    confirmed_by     text,
    cancelled_at     timestamptz,
    cancelled_by     text,
    cancel_reason    text,
    UNIQUE (pool_id, cycle)
);
CREATE INDEX win_pending_idx ON jackpot.win (pool_id) WHERE status = 'pending';
CREATE INDEX win_ledger_id_idx ON jackpot.win (ledger_id) WHERE ledger_id IS NOT NULL;
ALTER SEQUENCE jackpot.win_id_seq OWNED BY jackpot.win.id;
COMMENT ON TABLE jackpot.win IS 'Every win, with the snapshot it saw: a contribution belongs to the cycle of the first win that saw it.';
COMMENT ON COLUMN jackpot.win.cycle IS 'The cycle that this win ended.';
COMMENT ON COLUMN jackpot.win.floor_id IS 'The mark''s floor_id at the win: ledger rows up to it were seen.';
COMMENT ON COLUMN jackpot.win.last_id IS 'The highest ledger id handed out at the win: no row above it was seen.';
COMMENT ON COLUMN jackpot.win.own_id IS 'The highest ledger id that the win''s own transaction had written, or 0.';
COMMENT ON COLUMN jackpot.win.ledger_id IS 'The wager that hit, of a spin.';
COMMENT ON COLUMN jackpot.win.trigger IS 'What decided: manual (jackpot_win), odds, must_hit_by, scheduled.';
COMMENT ON COLUMN jackpot.win.evidence IS 'Of a spin: what was drawn, or the exact meter, or the moment of the wager.';
COMMENT ON COLUMN jackpot.win.commitment IS 'What had been published when the cycle began, with a hidden trigger.';
COMMENT ON COLUMN jackpot.win.secret IS 'The secret of the cycle, revealed: its SHA-256 is commitment.';
COMMENT ON COLUMN jackpot.win.status IS 'pending until confirmed, where it reaches the pool''s verify_above; else paid. cancelled: the money went back.';
COMMENT ON COLUMN jackpot.win.reference IS 'In the words of whoever confirmed it.';

CREATE SEQUENCE jackpot.journal_id_seq;
CREATE TABLE jackpot.journal (
    id              bigint NOT NULL DEFAULT nextval('jackpot.journal_id_seq') PRIMARY KEY,
    at              timestamptz NOT NULL,
    pool_id         integer NOT NULL REFERENCES jackpot.pool,
    kind            text NOT NULL CHECK (kind IN ('create', 'seed', 'reseed', 'win', 'void', 'cover', 'adjust', 'transfer', 'retire',
                                                 'plan', 'configure', 'commit', 'pause', 'resume', 'confirm', 'cancel')),
    display         bigint NOT NULL DEFAULT 0,
    reserve         bigint NOT NULL DEFAULT 0,
    cycle           bigint NOT NULL,
    config_version  bigint NOT NULL,
    before          jsonb,
    after           jsonb,
    actor           text NOT NULL,
    reason          text,
    win_id          bigint REFERENCES jackpot.win,
    operation_id    text,
    other_pool_id   integer REFERENCES jackpot.pool,
    xid             xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX journal_pool_id_idx ON jackpot.journal (pool_id, id);
CREATE INDEX journal_config_idx ON jackpot.journal (pool_id, id) WHERE kind IN ('create', 'configure');
CREATE INDEX journal_cycle_idx ON jackpot.journal (pool_id, cycle);
CREATE INDEX journal_win_id_idx ON jackpot.journal (win_id) WHERE win_id IS NOT NULL;
ALTER SEQUENCE jackpot.journal_id_seq OWNED BY jackpot.journal.id;
COMMENT ON TABLE jackpot.journal IS 'All that moves money or changes configuration and is not a ledger row: append-only, with before, after, actor and reason (GLI-19 2.9.5).';
COMMENT ON COLUMN jackpot.journal.kind IS 'Money: seed (from the house), reseed (reserve to meter), win (paid out), void (of an earlier cycle), cover (the house pays what a void left missing), adjust, transfer. No money: create, plan (a change that waits for the next reset), configure, commit (what is hidden was drawn; a secret that is replaced without a win is revealed), pause, resume, retire, confirm, cancel (of a win; the money comes back as adjust).';
COMMENT ON COLUMN jackpot.journal.display IS 'Micros added to the pool''s meter.';
COMMENT ON COLUMN jackpot.journal.reserve IS 'Micros added to the pool''s reserve.';
COMMENT ON COLUMN jackpot.journal.operation_id IS 'The wager that a void took back.';
COMMENT ON COLUMN jackpot.journal.other_pool_id IS 'Of a transfer: the other pool.';
COMMENT ON COLUMN jackpot.journal.xid IS 'The transaction that wrote the row: what it reveals is not shown to itself, for it may yet be rolled back.';
COMMENT ON COLUMN jackpot.journal.actor IS 'role/application_name/operation.';

CREATE SEQUENCE jackpot.inbox_id_seq;
CREATE TABLE jackpot.inbox (
    id             bigint NOT NULL DEFAULT nextval('jackpot.inbox_id_seq') PRIMARY KEY,
    kind           text DEFAULT 'contribute',
    game_id        text,
    wager_amount   bigint,
    user_id        text,
    operation_id   text,
    pools          text[],
    operator_id    text,
    game_category  text,
    currency       text,
    metadata       jsonb
);
ALTER SEQUENCE jackpot.inbox_id_seq OWNED BY jackpot.inbox.id;
COMMENT ON TABLE jackpot.inbox IS 'Wagers to be applied by jackpot_process_inbox(), in the order of their ids: fill it with COPY or INSERT. A row is checked when it is applied, and is then gone. The columns are the arguments of jackpot_contribute().';
COMMENT ON COLUMN jackpot.inbox.kind IS 'contribute or spin.';

-- One call a statement: each updates the extension's own row.
SELECT pg_extension_config_dump('jackpot.pool', '');
SELECT pg_extension_config_dump('jackpot.secret', '');
SELECT pg_extension_config_dump('jackpot.exchange_rate', '');
SELECT pg_extension_config_dump('jackpot.balance', '');
SELECT pg_extension_config_dump('jackpot.mark', '');
SELECT pg_extension_config_dump('jackpot.operation', '');
SELECT pg_extension_config_dump('jackpot.void', '');
SELECT pg_extension_config_dump('jackpot.win', '');
SELECT pg_extension_config_dump('jackpot.journal', '');
SELECT pg_extension_config_dump('jackpot.ledger', '');
SELECT pg_extension_config_dump('jackpot.ledger_default', '');
SELECT pg_extension_config_dump('jackpot.inbox', '');
SELECT pg_extension_config_dump('jackpot.pool_id_seq', '');
SELECT pg_extension_config_dump('jackpot.ledger_id_seq', '');
SELECT pg_extension_config_dump('jackpot.win_id_seq', '');
SELECT pg_extension_config_dump('jackpot.journal_id_seq', '');
SELECT pg_extension_config_dump('jackpot.inbox_id_seq', '');
