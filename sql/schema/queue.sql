-- What the queue keeps beside the ledger. Queued spins stand in the ledger itself; here is what is
-- not a ledger row (wins, delayed spins, what is tried again), inserted and never changed, so that a
-- snapshot held open elsewhere leaves nothing dead to step over.

CREATE SEQUENCE jackpot.request_entry_seq;
CREATE TABLE jackpot.request (
    entry         bigint NOT NULL DEFAULT nextval('jackpot.request_entry_seq') PRIMARY KEY,
    id            bigint NOT NULL,
    xid           xid8 NOT NULL,
    at            timestamptz NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('contribution', 'spin', 'win', 'draw')),
    priority      integer NOT NULL,
    due_at        timestamptz NOT NULL,
    attempts      integer NOT NULL,
    is_first      boolean NOT NULL,
    operation_id  text COLLATE "C",
    fingerprint   bytea,
    actor         text NOT NULL,
    payload       jsonb NOT NULL
);
ALTER SEQUENCE jackpot.request_entry_seq OWNED BY jackpot.request.entry;
CREATE INDEX request_xid_idx ON jackpot.request (xid);
CREATE INDEX request_due_at_idx ON jackpot.request (due_at);
CREATE INDEX request_id_idx ON jackpot.request (id, entry);
CREATE INDEX request_draw_idx ON jackpot.request (entry) WHERE kind = 'draw';
CREATE UNIQUE INDEX request_operation_id_idx ON jackpot.request (operation_id) WHERE is_first;
COMMENT ON TABLE jackpot.request IS 'What was enqueued and is no ledger row yet: each entry is to be tried once, when it is due. Insert-only.';
COMMENT ON COLUMN jackpot.request.id IS 'The item, by the number that enqueueing returned; of a draw the ledger row''s.';
COMMENT ON COLUMN jackpot.request.xid IS 'The transaction that wrote the row: the queue''s mark is compared with it.';
COMMENT ON COLUMN jackpot.request.kind IS 'win, spin, contribution: do what the payload says. draw: of a spin that is in the ledger and could not be drawn or paid in its turn.';
COMMENT ON COLUMN jackpot.request.priority IS 'What is higher goes first.';
COMMENT ON COLUMN jackpot.request.attempts IS 'How often it has been tried before.';
COMMENT ON COLUMN jackpot.request.is_first IS 'Whether it was enqueued by a call; else it is tried again.';
COMMENT ON COLUMN jackpot.request.fingerprint IS 'SHA-256 of kind and arguments, with an operation_id.';
COMMENT ON COLUMN jackpot.request.actor IS 'Who enqueued it: role/application_name/operation.';
COMMENT ON COLUMN jackpot.request.payload IS 'The arguments, as items of batches have them. Of a draw: nothing, or the pool that is left and what was drawn for it.';

CREATE TABLE jackpot.attempt (
    entry      bigint NOT NULL PRIMARY KEY,
    id         bigint NOT NULL,
    at         timestamptz NOT NULL,
    outcome    text NOT NULL CHECK (outcome IN ('applied', 'retried', 'failed')),
    ledger_id  bigint,
    win_id     bigint,
    sqlstate   text,
    token      text,
    message    text
);
CREATE INDEX attempt_id_idx ON jackpot.attempt (id, entry);
COMMENT ON TABLE jackpot.attempt IS 'What became of each entry of jackpot.request, written with its effect. Insert-only.';
COMMENT ON COLUMN jackpot.attempt.outcome IS 'applied; retried: it failed and a later entry tries again; failed: it stands in jackpot.dead_letter.';

CREATE TABLE jackpot.queue_mark (
    one               boolean NOT NULL DEFAULT true PRIMARY KEY CHECK (one),
    snapshot          pg_snapshot NOT NULL,
    floor_id          bigint NOT NULL,
    tail_since        timestamptz NOT NULL,
    request_snapshot  pg_snapshot NOT NULL,
    due_until         timestamptz NOT NULL,
    moved_at          timestamptz NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE jackpot.queue_mark IS 'How far the queue has been read, as jackpot.mark is for settling. One row; whoever processes the queue holds its lock.';
COMMENT ON COLUMN jackpot.queue_mark.snapshot IS 'Queued spins of transactions that it sees have been drawn, or stand in jackpot.request.';
COMMENT ON COLUMN jackpot.queue_mark.floor_id IS 'So have those up to this id, whatever their transaction.';
COMMENT ON COLUMN jackpot.queue_mark.tail_since IS 'No spin that is not drawn is older; prunes partitions.';
COMMENT ON COLUMN jackpot.queue_mark.request_snapshot IS 'Entries of transactions that it sees and that were due by due_until have been tried.';

CREATE TABLE jackpot.dead_letter (
    id           bigint NOT NULL PRIMARY KEY,
    at           timestamptz NOT NULL,
    source       text NOT NULL CHECK (source IN ('inbox', 'queue')),
    kind         text,
    priority     integer NOT NULL,
    payload      jsonb NOT NULL,
    attempts     integer NOT NULL,
    sqlstate     text NOT NULL,
    token        text NOT NULL,
    message      text NOT NULL,
    detail       text,
    status       text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'requeued', 'discarded')),
    resolved_at  timestamptz,
    resolved_by  text,
    reason       text
);
CREATE INDEX dead_letter_open_idx ON jackpot.dead_letter (at) WHERE status = 'open';
COMMENT ON TABLE jackpot.dead_letter IS 'What was taken in and then refused, with the reason. jackpot_requeue() has it tried again, jackpot_discard() closes it.';
COMMENT ON COLUMN jackpot.dead_letter.id IS 'The item, by the number that enqueueing returned; of a row of the inbox a number of its own.';
COMMENT ON COLUMN jackpot.dead_letter.source IS 'Where it came in.';
COMMENT ON COLUMN jackpot.dead_letter.payload IS 'The arguments, as they came, without NULLs.';
COMMENT ON COLUMN jackpot.dead_letter.attempts IS 'How often it was tried.';
COMMENT ON COLUMN jackpot.dead_letter.reason IS 'Why it was discarded.';

CREATE TABLE jackpot.rate_limit (
    scope       text NOT NULL CHECK (scope IN ('overall', 'game', 'operator')),
    key         text NOT NULL,
    per_minute  bigint NOT NULL CHECK (per_minute > 0),
    burst       bigint NOT NULL CHECK (burst > 0),
    actor       text NOT NULL,
    set_at      timestamptz NOT NULL,
    PRIMARY KEY (scope, key)
);
COMMENT ON TABLE jackpot.rate_limit IS 'How many calls are taken in; jackpot_set_rate_limit() changes it.';
COMMENT ON COLUMN jackpot.rate_limit.key IS 'The game or operator; empty for overall.';
COMMENT ON COLUMN jackpot.rate_limit.burst IS 'How many may come at once after a quiet time.';

SELECT pg_extension_config_dump('jackpot.request', '');
SELECT pg_extension_config_dump('jackpot.attempt', '');
SELECT pg_extension_config_dump('jackpot.queue_mark', '');
SELECT pg_extension_config_dump('jackpot.dead_letter', '');
SELECT pg_extension_config_dump('jackpot.rate_limit', '');
SELECT pg_extension_config_dump('jackpot.request_entry_seq', '');
