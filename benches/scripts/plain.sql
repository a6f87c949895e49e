-- Plain tables: what an INSERT can do. They copy the extension's columns, so it must be there.

-- A bet and nothing else.
CREATE TABLE bet (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    game_id       text NOT NULL,
    user_id       text NOT NULL,
    wager_amount  bigint NOT NULL,
    at            timestamptz NOT NULL DEFAULT now()
);

-- The same row as the ledger has it: all columns, partitions by month with the ledger's keys and indexes.
CREATE SCHEMA plain;
CREATE SEQUENCE plain.ledger_id_seq CACHE 64;
CREATE TABLE plain.ledger (LIKE jackpot.ledger) PARTITION BY RANGE (at);
CREATE TABLE plain.ledger_with_id (LIKE jackpot.ledger) PARTITION BY RANGE (at);
DO $$
DECLARE
    parent text;
    month timestamptz;
    partition text;
BEGIN
    FOREACH parent IN ARRAY '{ledger,ledger_with_id}'::text[] LOOP
        FOR ahead IN 0..1 LOOP
            month := date_trunc('month', now()) + ahead * interval '1 month';
            partition := parent || to_char(month, '_YYYY_MM');
            EXECUTE format('CREATE TABLE plain.%I PARTITION OF plain.%I (PRIMARY KEY (id)) FOR VALUES FROM (%L) TO (%L)',
                           partition, parent, month, month + interval '1 month');
            EXECUTE format('CREATE INDEX ON plain.%I (xid)', partition);
            IF parent = 'ledger_with_id' THEN
                EXECUTE format('CREATE UNIQUE INDEX ON plain.%I (operation_id COLLATE "C")', partition);
            END IF;
        END LOOP;
    END LOOP;
END $$;
