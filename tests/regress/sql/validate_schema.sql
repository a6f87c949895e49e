-- jackpot_validate() finds what is no longer as it was installed, and configuration that cannot be.
-- Money that was changed by hand: see damage.sql.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS jackpot;
CREATE EXTENSION jackpot;
\set VERBOSITY terse
\pset format unaligned
\pset footer off
SELECT pool FROM jackpot_create_pool('minor', 0.01, 100, 5000, reserve_rate => 0.005, currency => 'EUR');
SELECT pool FROM jackpot_create_pool('must', 0.01, 10, 11, config => '{"game_ids": ["m"], "trigger": {"kind": "must_hit_by"}}');
SELECT count(*) FROM jackpot_contribute('g', 10000, operation_id => 'bet 1', currency => 'EUR');
SELECT pool FROM jackpot_update_config('minor', '{"contribution_rate": 0.02}');
SELECT count(*) FROM jackpot_contribute('g', 10000, operation_id => 'bet 2', currency => 'EUR');
SELECT win_amount FROM jackpot_win('minor', 'g', 'ann', operation_id => 'win');
SELECT pool FROM jackpot_update_config('minor', '{"seed_amount": 50}', effective => 'next_cycle');
SELECT jackpot_settle() > 0 AS settled;
SELECT * FROM jackpot_validate();

-- Only the schema; with every object; NULL is as left out.
SELECT * FROM jackpot_validate(schema_only => true);
SELECT check_name, ok, detail FROM jackpot_validate(true, true)
 WHERE detail ~ '^(table|column|index|constraint|dump of|sequence) jackpot\.secret|^sequence jackpot.ledger|^table jackpot.ledger_default|carried|^view jackpot.pools|^schema';
SELECT count(*) = (SELECT count(*) FROM jackpot_validate()) AS same FROM jackpot_validate(NULL, NULL);
SELECT count(*) > 500 AS many, count(*) FILTER (WHERE NOT ok) AS wrong FROM jackpot_validate(detailed => true);

-- Damages, looks, and undoes it.
CREATE FUNCTION damage(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    found text[];
BEGIN
    EXECUTE statement;
    SELECT array_agg(check_name || ': ' || detail) INTO found FROM jackpot_validate() WHERE NOT ok;
    RAISE EXCEPTION 'undo';
EXCEPTION WHEN raise_exception THEN
    -- Which months there are depends on the day.
    RETURN QUERY SELECT regexp_replace(f, 'column jackpot.ledger_20\d\d_\d\d\.[^;]*; ', '', 'g') FROM unnest(coalesce(found, '{NOTHING FOUND}')) f;
END $$;

-- Columns.
SELECT damage('ALTER TABLE jackpot.win DROP COLUMN reference');
SELECT damage('ALTER TABLE jackpot.win RENAME COLUMN reference TO cheque');
SELECT damage('ALTER TABLE jackpot.ledger DROP COLUMN draw_priority');
SELECT damage('ALTER TABLE jackpot.journal DROP COLUMN display');
SELECT damage('ALTER TABLE jackpot.pool ADD COLUMN mine text');
SELECT damage('ALTER TABLE jackpot.pool ALTER COLUMN total_won TYPE numeric(20, 2)');
SELECT damage('ALTER TABLE jackpot.journal ALTER COLUMN actor TYPE varchar(50)');
SELECT damage('ALTER TABLE jackpot.balance ALTER COLUMN wagered TYPE text');
SELECT damage('ALTER TABLE jackpot.operation ALTER COLUMN operation_id TYPE text COLLATE "default"');
SELECT damage('ALTER TABLE jackpot.pool ALTER COLUMN meter DROP NOT NULL, ALTER COLUMN reserve SET DEFAULT 1, ALTER COLUMN version DROP DEFAULT');
SELECT damage('ALTER TABLE jackpot.ledger_default ALTER COLUMN operation_id SET NOT NULL');
-- Indexes.
SELECT damage('DROP INDEX jackpot.journal_pool_id_idx');
SELECT damage('DROP INDEX jackpot.ledger_default_xid_idx');
SELECT damage('DROP INDEX jackpot.request_operation_id_idx; CREATE INDEX request_operation_id_idx ON jackpot.request (operation_id) WHERE is_first');
SELECT damage('DROP INDEX jackpot.win_pending_idx; CREATE INDEX win_pending_idx ON jackpot.win (pool_id)');
SELECT damage($$UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'jackpot.journal_pool_id_idx'::regclass$$);
-- Constraints.
SELECT damage('ALTER TABLE jackpot.operation DROP CONSTRAINT operation_pkey CASCADE');
SELECT damage('ALTER TABLE jackpot.win DROP CONSTRAINT win_pool_id_cycle_key');
SELECT damage('ALTER TABLE jackpot.win DROP CONSTRAINT win_win_amount_check');
SELECT damage('ALTER TABLE jackpot.win DROP CONSTRAINT win_win_amount_check, ADD CONSTRAINT win_win_amount_check CHECK (win_amount > 0) NOT VALID');
SELECT damage('ALTER TABLE jackpot.win DROP CONSTRAINT win_win_amount_check, ADD CONSTRAINT win_win_amount_check CHECK (win_amount >= 0)');
SELECT damage('ALTER TABLE jackpot.secret DROP CONSTRAINT secret_pool_id_fkey');
SELECT damage('ALTER TABLE jackpot.journal DROP CONSTRAINT journal_win_id_fkey, ADD FOREIGN KEY (win_id) REFERENCES jackpot.win ON DELETE CASCADE');
SELECT damage('ALTER TABLE jackpot.ledger ADD CHECK (wager_amount < 100000)');
SELECT damage('ALTER TABLE jackpot.journal DISABLE TRIGGER ALL');
-- Partitions of the ledger; they must be like the default one.
SELECT damage($$CREATE TABLE jackpot.ledger_2101_01 PARTITION OF jackpot.ledger FOR VALUES FROM ('2101-01-01') TO ('2101-02-01')$$);
SELECT damage($$CREATE TABLE jackpot.ledger_2101_01 PARTITION OF jackpot.ledger (PRIMARY KEY (id)) FOR VALUES FROM ('2101-01-01') TO ('2101-02-01');
                CREATE TRIGGER mine BEFORE INSERT ON jackpot.ledger_2101_01 FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()$$);
SELECT damage($$CREATE UNLOGGED TABLE jackpot.ledger_2101_01 PARTITION OF jackpot.ledger (PRIMARY KEY (id)) FOR VALUES FROM ('2101-01-01') TO ('2101-02-01');
                CREATE INDEX ON jackpot.ledger_2101_01 (xid)$$);
SELECT damage('ALTER TABLE jackpot.ledger DETACH PARTITION jackpot.ledger_default');
-- Tables, views, sequences.
SELECT damage('ALTER EXTENSION jackpot DROP TABLE jackpot.void; DROP TABLE jackpot.void');
SELECT damage('ALTER EXTENSION jackpot DROP TABLE jackpot.win; ALTER EXTENSION jackpot ADD TABLE jackpot.win');
SELECT damage('ALTER TABLE jackpot.journal SET UNLOGGED');
SELECT damage('ALTER TABLE jackpot.secret DISABLE ROW LEVEL SECURITY');
SELECT damage('CREATE POLICY mine ON jackpot.secret USING (true)');
SELECT damage('ALTER TABLE jackpot.pool ENABLE ROW LEVEL SECURITY');
SELECT damage('CREATE TRIGGER mine AFTER INSERT ON jackpot.win FOR EACH STATEMENT EXECUTE FUNCTION suppress_redundant_updates_trigger()');
SELECT damage('CREATE RULE mine AS ON DELETE TO jackpot.journal DO INSTEAD NOTHING');
SELECT damage('ALTER SEQUENCE jackpot.win_id_seq INCREMENT BY 2 CYCLE');
-- Rows of the journal are numbered in their order.
SELECT damage('ALTER SEQUENCE jackpot.journal_id_seq CACHE 10');
SELECT damage('ALTER EXTENSION jackpot DROP VIEW jackpot.recent_wins; DROP VIEW jackpot.recent_wins');
SELECT damage('CREATE OR REPLACE VIEW jackpot.pools AS SELECT * FROM jackpot_pools() WHERE current_amount < 100');
SELECT damage('ALTER VIEW jackpot.pools RENAME COLUMN pool TO name');
-- Functions.
SELECT damage('CREATE OR REPLACE FUNCTION jackpot.carried(remainders numeric) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 0');
SELECT damage($$CREATE OR REPLACE FUNCTION jackpot_settle() RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint'$$);
SELECT damage('ALTER FUNCTION jackpot_contribute SECURITY DEFINER');
SELECT damage('ALTER FUNCTION jackpot_win VOLATILE STRICT');
SELECT damage('ALTER FUNCTION jackpot_reconcile RESET search_path');
SELECT damage('ALTER FUNCTION jackpot_pool IMMUTABLE');
SELECT damage('ALTER EXTENSION jackpot DROP FUNCTION jackpot_retire; DROP FUNCTION jackpot_retire');
SELECT damage('ALTER FUNCTION jackpot_retire RENAME TO jackpot_end');
SELECT damage('ALTER EXTENSION jackpot DROP FUNCTION jackpot_pause');
SELECT damage('ALTER EXTENSION jackpot ADD FUNCTION damage');
-- More than can be named.
SELECT damage('ALTER TABLE jackpot.journal ALTER at DROP NOT NULL, ALTER pool_id DROP NOT NULL, ALTER kind DROP NOT NULL, ALTER display DROP NOT NULL,
               ALTER reserve DROP NOT NULL, ALTER cycle DROP NOT NULL, ALTER config_version DROP NOT NULL, ALTER actor DROP NOT NULL');

-- Configuration that cannot be: rates.
SELECT damage($$UPDATE jackpot.pool SET config = config || '{"contribution_rate": "1.5"}' WHERE pool = 'minor'$$);
SELECT damage($$UPDATE jackpot.pool SET config = config || '{"contribution_rate": -0.01}' WHERE pool = 'minor'$$);
SELECT damage($$UPDATE jackpot.pool SET config = config || '{"reserve_rate": "0.981"}' WHERE pool = 'minor'$$);
SELECT damage($$UPDATE jackpot.pool SET config = config || '{"reserve_rate": 0.0000001}' WHERE pool = 'minor'$$);
SELECT damage($$UPDATE jackpot.pool SET config = config || '{"contribution_rate": "two per cent"}' WHERE pool = 'minor'$$);
SELECT damage($$UPDATE jackpot.pool SET pending_config = '{"contribution_rate": "1.5"}' WHERE pool = 'minor'$$);
-- Amounts.
SELECT damage($$UPDATE jackpot.pool SET config = config || '{"seed_amount": "100"}' WHERE pool = 'minor'$$);
SELECT damage($$UPDATE jackpot.pool SET config = config || '{"seed_amount": "much"}' WHERE pool = 'minor'$$);
SELECT damage($$UPDATE jackpot.pool SET config = config || '{"seed_amount": -1}' WHERE pool = 'minor'$$);
SELECT damage($$UPDATE jackpot.pool SET config = config || '{"seed_amount": 0.5}' WHERE pool = 'minor'$$);
SELECT damage($$UPDATE jackpot.pool SET config = config || '{"seed_amount": 5001}' WHERE pool = 'minor'$$);
SELECT damage($$UPDATE jackpot.pool SET config = config || '{"max_amount": 9223372036855}' WHERE pool = 'minor'$$);
SELECT damage($$UPDATE jackpot.pool SET config = config || '{"max_amount": 1e100}' WHERE pool = 'minor'$$);
-- What cannot be read.
SELECT damage($$UPDATE jackpot.pool SET config = '[]' WHERE pool = 'minor'$$);
SELECT damage($$UPDATE jackpot.pool SET config = config || '{"colour": "red"}' WHERE pool = 'minor'$$);
SELECT damage($$UPDATE jackpot.pool SET config = config || '{"game_ids": "g", "regulated": "yes", "trigger": "odds", "starts_at": 1, "min_wager": []}' WHERE pool = 'minor'$$);
SELECT damage($$UPDATE jackpot.pool SET config = config || '{"game_ids": ["g", 1]}' WHERE pool = 'minor'$$);
SELECT damage($$UPDATE jackpot.pool SET config = config || '{"currency": ""}' WHERE pool = 'minor'$$);
SELECT damage($$UPDATE jackpot.pool SET config = config || '{"currency": "a currency with a long name"}' WHERE pool = 'minor'$$);
SELECT damage($$UPDATE jackpot.pool SET pending_config = '{"seed_amount": "much"}' WHERE pool = 'minor'$$);
SELECT damage($$ALTER TABLE jackpot.pool DROP CONSTRAINT pool_status_check; UPDATE jackpot.pool SET status = 'gone' WHERE pool = 'minor'$$);
SELECT damage($$ALTER TABLE jackpot.pool DROP CONSTRAINT pool_pool_check; UPDATE jackpot.pool SET pool = '' WHERE pool = 'minor'$$);
SELECT damage($$DELETE FROM jackpot.balance WHERE pool_id = 2$$);
-- What is valid, but was not changed by the extension.
SELECT damage($$UPDATE jackpot.pool SET config = config || '{"contribution_rate": "0.03"}' WHERE pool = 'minor'$$);
SELECT damage($$UPDATE jackpot.pool SET config = config - 'game_ids' WHERE pool = 'must'$$);
SELECT damage($$UPDATE jackpot.pool SET pending_config = '{"seed_amount": 60}' WHERE pool = 'minor'$$);
SELECT damage($$UPDATE jackpot.pool SET pending_config = '{"seed_amount": 5}' WHERE pool = 'must'$$);
-- Versions.
SELECT damage($$UPDATE jackpot.pool SET config_version = config_version + 1 WHERE pool = 'minor'$$);
SELECT damage($$UPDATE jackpot.pool SET config_version = config_version - 1 WHERE pool = 'minor'$$);
SELECT damage($$UPDATE jackpot.pool SET config_version = 0 WHERE pool = 'must'$$);
SELECT damage($$DELETE FROM jackpot.journal WHERE kind = 'create' AND pool_id = 2$$);
SELECT damage($$DELETE FROM jackpot.journal WHERE kind = 'configure'$$);
SELECT damage($$DELETE FROM jackpot.journal WHERE kind = 'plan'$$);
SELECT damage($$UPDATE jackpot.journal SET after = after || '{"contribution_rate": "0.03"}' WHERE kind = 'configure'$$);
SELECT damage($$UPDATE jackpot.journal SET after = '{"seed_amount": 60}' WHERE kind = 'plan'$$);
SELECT damage($$UPDATE jackpot.journal SET after = after || '{"verify_above": "much"}' WHERE kind = 'create' AND pool_id = 1$$);
SELECT damage($$UPDATE jackpot.journal SET before = before || '{"contribution_rate": "0.03"}' WHERE kind = 'configure'$$);
SELECT damage($$UPDATE jackpot.journal SET config_version = 9 WHERE kind = 'win'$$);
SELECT damage($$UPDATE jackpot.ledger SET config_versions[1] = 4 WHERE operation_id = 'bet 1'$$);
-- Marks set ahead, and none.
SELECT count(*) FROM jackpot_contribute('g', 30000, operation_id => 'in the tail', currency => 'EUR');
SELECT damage($$UPDATE jackpot.mark SET floor_id = 1000000$$);
SELECT damage($$UPDATE jackpot.mark SET snapshot = '9000000000:9000000000:'$$);
SELECT damage($$DELETE FROM jackpot.mark$$);
-- An operation without what it did.
SELECT damage($$UPDATE jackpot.operation SET ledger_id = ledger_id + 1000000 WHERE operation_id = 'bet 1'$$);
SELECT damage($$UPDATE jackpot.operation SET win_ids = '{1000000}' WHERE operation_id = 'win'$$);
SELECT damage($$UPDATE jackpot.ledger SET operation_id = 'another' WHERE operation_id = 'in the tail'$$);

-- What is anybody's own choice: nothing of it is found.
DROP ROLE IF EXISTS regress_jackpot_reader;
CREATE ROLE regress_jackpot_reader;
SELECT damage('GRANT SELECT ON ALL TABLES IN SCHEMA jackpot TO regress_jackpot_reader; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO regress_jackpot_reader');
SELECT damage('ALTER TABLE jackpot.win OWNER TO regress_jackpot_reader; ALTER FUNCTION jackpot_pools OWNER TO regress_jackpot_reader');
SELECT damage($$COMMENT ON TABLE jackpot.win IS 'mine'; COMMENT ON FUNCTION jackpot_pools IS 'mine'$$);
SELECT damage('ALTER TABLE jackpot.journal ALTER COLUMN actor SET STATISTICS 1000, ALTER COLUMN reason SET STORAGE external, SET (fillfactor = 80, autovacuum_enabled = off)');
SELECT damage('ALTER TABLE jackpot.journal SET TABLESPACE pg_default; ALTER INDEX jackpot.journal_pkey SET (fillfactor = 70); ALTER INDEX jackpot.journal_pkey RENAME TO mine');
SELECT damage('ALTER TABLE jackpot.journal REPLICA IDENTITY FULL; CREATE STATISTICS mine ON pool_id, kind FROM jackpot.journal');
SELECT damage('CREATE INDEX ON jackpot.win (user_id); CREATE INDEX ON jackpot.ledger_default (game_id); CREATE INDEX mine ON jackpot.ledger (user_id)');
SELECT damage('CREATE TABLE mine (pool integer REFERENCES jackpot.pool, win bigint REFERENCES jackpot.win ON DELETE CASCADE); CREATE VIEW seen AS SELECT * FROM jackpot.pools');
SELECT damage('ALTER FUNCTION jackpot_pools ROWS 5 COST 7');
SELECT damage($$CREATE TABLE jackpot.ledger_2101_01 PARTITION OF jackpot.ledger (CHECK (at > '2101-01-01'), PRIMARY KEY (id)) FOR VALUES FROM ('2101-01-01') TO ('2101-02-01');
                CREATE INDEX mine ON jackpot.ledger_2101_01 (xid)$$);
-- A dropped column leaves a gap in the numbers, and a partition may have been a table before.
SELECT damage($$CREATE TABLE jackpot.ledger_2101_01 (gone text, LIKE jackpot.ledger, PRIMARY KEY (id)); ALTER TABLE jackpot.ledger_2101_01 DROP COLUMN gone;
                ALTER TABLE jackpot.ledger ATTACH PARTITION jackpot.ledger_2101_01 FOR VALUES FROM ('2101-01-01') TO ('2101-02-01');
                CREATE INDEX ON jackpot.ledger_2101_01 (xid)$$);
-- Nor is it a session's settings.
SET quote_all_identifiers = on;
SET datestyle = 'German';
SET intervalstyle = 'iso_8601';
SET timezone = 'Asia/Tokyo';
SET search_path = jackpot, public;
SELECT * FROM jackpot_validate() WHERE NOT ok;
RESET quote_all_identifiers;
RESET datestyle;
RESET intervalstyle;
RESET timezone;
RESET search_path;
-- All of it was undone.
SELECT * FROM jackpot_validate() WHERE NOT ok;
DROP FUNCTION damage;
DROP ROLE regress_jackpot_reader;
