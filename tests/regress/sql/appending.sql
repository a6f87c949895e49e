-- However rows get into the ledger: into a plain partition directly, else as any INSERT does. Both
-- give the same rows, and the same books.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS jackpot;
CREATE EXTENSION jackpot;
\pset null -
SELECT pool FROM jackpot_create_pool('minor', 0.01, 100, reserve_rate => 0.005);
SELECT pool FROM jackpot_create_pool('odds', 0.02, 100, currency => 'EUR', config => '{"game_ids": ["s"], "trigger": {"kind": "odds", "one_in": 1000}}');
SELECT rate FROM jackpot_set_exchange_rate('USD', 'EUR', 0.123456789);
-- This month's partition and the next one's, should the month end here.
CREATE VIEW partitions AS
SELECT inhrelid::regclass AS partition FROM pg_inherits WHERE inhparent = to_regclass('jackpot.ledger') AND inhrelid <> to_regclass('jackpot.ledger_default');
SELECT count(*) FROM partitions;
CREATE FUNCTION to_all_partitions(statement text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    partition regclass;
BEGIN
    FOR partition IN SELECT p.partition FROM partitions p LOOP
        EXECUTE format(statement, partition);
    END LOOP;
END $$;

CREATE FUNCTION state_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;

-- Everything that is appended, in all ways: calls, arrays, JSON, spins, the inbox, a void. What it
-- returns goes to a table, what it wrote is compared in the end.
CREATE TABLE results (way text, n serial, result text);
CREATE PROCEDURE play(way text) LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO results (way, result) SELECT way, format('%s %s', c.pool, c.contribution) FROM jackpot_contribute('g', 1001, 'ann', way || ' call', metadata => '{"round": 7}') c;
    INSERT INTO results (way, result) SELECT way, format('%s %s %s %s %s', a.total, a.processed, a.failed, a.replayed, a.total_contribution) FROM jackpot_contribute_arrays(
        '{g,s,g,NULL}', '{2050,700,0,1}', '{ann,NULL,bob,NULL}', ARRAY[way || ' 1', NULL, way || ' 1', NULL], currencies => '{NULL,USD,EUR,NULL}', metadata => ARRAY[NULL, '{"a": 1}', NULL, NULL]::jsonb[]) a;
    INSERT INTO results (way, result) SELECT way, format('%s %s %s', b.total, b.processed, b.total_contribution) FROM jackpot_contribute_batch(
        jsonb_build_array(jsonb_build_object('gameId', 'g', 'wagerAmount', 500, 'operationId', way || ' 2'), jsonb_build_object('game_id', 'x', 'wager_amount', 1))) b;
    INSERT INTO results (way, result) SELECT way, format('%s %s %s %s', s.total, s.processed, s.total_contribution, s.total_won)
      FROM jackpot_spin_arrays('{s,s,s}', '{1000,2000,0}', operation_ids => ARRAY[way || ' 3', way || ' 4', way || ' 5']) s;
    INSERT INTO results (way, result) SELECT way, format('%s %s', s.won, s.win_amount) FROM jackpot_spin('s', 3000) s;
    INSERT INTO results (way, result) SELECT way, format('%s %s', a.processed, a.total_contribution)
      FROM jackpot_contribute_arrays(wager_amounts => ARRAY(SELECT generate_series(1, 1001)), operation_ids => ARRAY(SELECT way || ' many ' || n FROM generate_series(1, 1001) n), game_id => 'g') a;
    INSERT INTO jackpot.inbox (kind, game_id, wager_amount) VALUES ('contribute', 'g', 400), ('spin', 's', 1000), ('spin', 's', -1);
    INSERT INTO results (way, result) SELECT way, format('%s %s %s %s', i.processed, i.failed, i.total_contribution, i.total_won) FROM jackpot_process_inbox() i;
    INSERT INTO results (way, result) SELECT way, format('%s %s', v.pool, v.voided) FROM jackpot_void(way || ' call', 'round cancelled') v;
END $$;

CALL play('plain');
SELECT result FROM results WHERE way = 'plain' ORDER BY n;
-- Indexes of one's own.
SELECT to_all_partitions('CREATE INDEX ON %s (user_id) WHERE wager_amount > 100');
SELECT to_all_partitions('CREATE INDEX ON %s (lower(game_id), (metadata ->> ''round''))');
SELECT to_all_partitions('CREATE UNIQUE INDEX ON %s (operation_id, at, voids)');
CALL play('indexed');
SET enable_seqscan = off;
SELECT count(*) FROM jackpot.ledger WHERE lower(game_id) = 's' AND at > '-infinity';
SET enable_seqscan = on;
SELECT count(*) FROM jackpot.ledger WHERE lower(game_id) = 's' AND at > '-infinity';
-- A condition, which is kept to.
SELECT to_all_partitions('ALTER TABLE %s ADD CONSTRAINT no_big_bets CHECK (wager_amount <> 6666)');
CALL play('checked');
SELECT state_of($$SELECT jackpot_contribute_arrays('{g,g}', '{1,6666}', operation_ids => '{refused 1,refused 2}')$$);
SELECT state_of($$SELECT jackpot_contribute('g', 6666)$$);
SELECT count(*) FROM jackpot.operation WHERE operation_id LIKE 'refused%';
SELECT to_all_partitions('ALTER TABLE %s DROP CONSTRAINT no_big_bets');
-- Nor is NULL where the owner wants none.
UPDATE jackpot.ledger SET operator_id = 'acme' WHERE operator_id IS NULL;
SELECT to_all_partitions('ALTER TABLE %s ALTER operator_id SET NOT NULL');
SELECT state_of($$SELECT jackpot_contribute_arrays('{g,g}', '{1,2}', operator_ids => '{acme,NULL}')$$);
SELECT state_of($$SELECT jackpot_contribute('g', 1)$$);
SELECT to_all_partitions('ALTER TABLE %s ALTER operator_id DROP NOT NULL');
UPDATE jackpot.ledger SET operator_id = NULL;
-- Triggers, which see every row.
CREATE TABLE seen (operation_id text, wager_amount bigint);
CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.seen VALUES (NEW.operation_id, NEW.wager_amount); RETURN NEW; END $$;
SELECT to_all_partitions('CREATE TRIGGER see BEFORE INSERT ON %s FOR EACH ROW EXECUTE FUNCTION public.see()');
CALL play('before');
SELECT count(*), sum(wager_amount) FROM seen;
SELECT to_all_partitions('DROP TRIGGER see ON %s');
TRUNCATE seen;
CREATE TRIGGER see AFTER INSERT ON jackpot.ledger FOR EACH ROW EXECUTE FUNCTION see();
CALL play('after');
SELECT count(*), sum(wager_amount) FROM seen;
DROP TRIGGER see ON jackpot.ledger;
-- A value of one's own for what is left empty, and a column of one's own.
SELECT to_all_partitions('ALTER TABLE %s ALTER user_id SET DEFAULT ''nobody''');
CALL play('default');
SELECT to_all_partitions('ALTER TABLE %s ALTER user_id DROP DEFAULT');
ALTER TABLE jackpot.ledger ADD COLUMN note text, ADD COLUMN doubled bigint GENERATED ALWAYS AS (2 * wager_amount) STORED;
CALL play('column');
SELECT count(*), bool_and(doubled = 2 * wager_amount AND note IS NULL) AS right FROM jackpot.ledger WHERE operation_id LIKE 'column%';
ALTER TABLE jackpot.ledger DROP COLUMN note, DROP COLUMN doubled;
CALL play('dropped');
-- Operations have a trigger of one's own.
CREATE FUNCTION see_operation() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.seen VALUES (NEW.operation_id, 0); RETURN NULL; END $$;
CREATE TRIGGER see AFTER INSERT ON jackpot.operation FOR EACH ROW EXECUTE FUNCTION see_operation();
TRUNCATE seen;
CALL play('operations');
SELECT count(DISTINCT operation_id) FROM seen;
DROP TRIGGER see ON jackpot.operation;

-- The same was written in all of them.
CREATE VIEW rows AS
SELECT w.way, row_number() OVER (PARTITION BY w.way ORDER BY l.id) AS n, replace(l.operation_id, w.way, '') AS operation_id, l.game_id, l.user_id, l.operator_id,
       l.game_category, l.currency, l.wager_amount, l.pool_ids, l.display, l.reserve, l.config_versions, l.voids IS NOT NULL AS voids, l.exchange_rates,
       l.display_remainders, l.reserve_remainders, l.metadata
  FROM jackpot.ledger l
  JOIN (SELECT DISTINCT o.xid, split_part(o.operation_id, ' ', 1) AS way FROM jackpot.ledger o WHERE o.operation_id LIKE '% call') w ON w.xid = l.xid;
SELECT way, count(*) FROM rows GROUP BY way ORDER BY way;
SELECT DISTINCT way FROM rows r WHERE NOT EXISTS (
    SELECT FROM rows p WHERE p.way = 'plain' AND p.n = r.n AND to_jsonb(p) - 'way' = to_jsonb(r) - 'way');
SELECT * FROM jackpot_validate() WHERE NOT ok;
SELECT pool, difference FROM jackpot_reconcile() WHERE difference <> 0;

-- Without a partition for the month: all goes into the default one.
SET client_min_messages = error;
DROP EXTENSION jackpot CASCADE;
RESET client_min_messages;
SET client_min_messages = warning;
CREATE EXTENSION jackpot;
SELECT pool FROM jackpot_create_pool('minor', 0.01, 100, reserve_rate => 0.005);
SELECT pool FROM jackpot_create_pool('odds', 0.02, 100, currency => 'EUR', config => '{"game_ids": ["s"], "trigger": {"kind": "odds", "one_in": 1000}}');
SELECT rate FROM jackpot_set_exchange_rate('USD', 'EUR', 0.123456789);
SELECT to_all_partitions('DROP TABLE %s');
CALL play('none');
SELECT count(*) FROM jackpot.ledger_default;
-- The same was answered in all of them.
SELECT way, array_agg(result ORDER BY n) = (SELECT array_agg(p.result ORDER BY p.n) FROM results p WHERE p.way = 'plain') AS same
  FROM results GROUP BY way ORDER BY min(n);
SELECT * FROM jackpot_validate() WHERE NOT ok;
SELECT pool, difference FROM jackpot_reconcile() WHERE difference <> 0;
DROP TABLE results, seen;
DROP PROCEDURE play;
DROP FUNCTION to_all_partitions, state_of, see, see_operation;
DROP VIEW partitions;
