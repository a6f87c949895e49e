-- What is hidden: committed to when the cycle begins, seen by nobody, revealed by the win.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS jackpot;
CREATE EXTENSION jackpot;
\pset null -
\set SHOW_CONTEXT never
DROP ROLE IF EXISTS regress_jackpot_player, regress_jackpot_reader;
SELECT pool, commitment FROM jackpot_create_pool('by hand', 0.01, 100);
SELECT pool, commitment FROM jackpot_create_pool('odds', 0.01, 100, config => '{"trigger": {"kind": "odds", "one_in": 1000}}');
SELECT pool, length(commitment) FROM jackpot_create_pool('must', 0.01, 10, 11, config => '{"trigger": {"kind": "must_hit_by"}}');
SELECT pool, length(commitment) FROM jackpot_create_pool('far', 0.01, 100, 9000000000000, config => '{"trigger": {"kind": "must_hit_by"}}');
SELECT pool, length(commitment) FROM jackpot_create_pool('timed', 0.01, 100,
                                                         config => '{"trigger": {"kind": "scheduled", "every": "1 second"}}');
SELECT pool, length(commitment) FROM jackpot_create_pool('later', 0.01, 100,
                                                         config => '{"trigger": {"kind": "scheduled", "every": "daily", "anchor": "2999-01-01"}}');
-- The text that is hashed names its pool, whatever that is called.
SELECT pool, length(commitment) FROM jackpot_create_pool(E'q"\\ü\n', 0.01, 10, 11, config => '{"trigger": {"kind": "must_hit_by"}}');

-- One commitment everywhere, and it is PostgreSQL's SHA-256 of the secret.
SELECT r.pool, r.commitment = p.commitment AND p.commitment = encode(pg_catalog.sha256(convert_to(s.secret, 'UTF8')), 'hex') AS same
  FROM jackpot_pools() p
  JOIN jackpot.pool t ON t.pool = p.pool
  JOIN jackpot.secret s ON s.pool_id = t.id
 CROSS JOIN LATERAL jackpot_rules(p.pool) r
 ORDER BY t.id;
-- What the secret holds. A threshold lies above the meter and not above the ceiling, a moment in its window.
CREATE VIEW secrets AS
SELECT p.id, p.pool, s.secret, s.secret::jsonb AS text, p.commitment, p.cycle
  FROM jackpot.pool p JOIN jackpot.secret s ON s.pool_id = p.id ORDER BY p.id;
SELECT text ->> 'pool' = pool AS own, text ->> 'cycle' AS cycle, text ->> 'trigger' AS trigger, text ->> 'salt' ~ '^[0-9a-f]{64}$' AS salt,
       (SELECT string_agg(key, ', ' ORDER BY key) FROM jsonb_object_keys(text) key) AS keys
  FROM secrets;
SELECT p.pool, (s.text ->> 'threshold')::numeric > p.current_amount AND (s.text ->> 'threshold')::numeric <= p.max_amount AS inside
  FROM jackpot_pools() p JOIN secrets s ON s.pool = p.pool WHERE s.text ->> 'trigger' = 'must_hit_by';
SELECT s.pool, (s.text ->> 'moment')::timestamptz >= '2999-01-01T00:00Z' AND (s.text ->> 'moment')::timestamptz < '2999-01-02T00:00Z' AS inside
  FROM secrets s WHERE s.pool = 'later';
-- No two are alike.
SELECT count(DISTINCT text ->> 'salt') = count(*) AS salted FROM secrets;

-- A playing role that may call everything, and a role that may read every table.
CREATE ROLE regress_jackpot_player;
CREATE ROLE regress_jackpot_reader IN ROLE pg_read_all_data;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO regress_jackpot_player;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA jackpot TO regress_jackpot_player;
ANALYZE jackpot.secret;
SET ROLE regress_jackpot_player;
SELECT secret FROM jackpot.secret;
SELECT pool FROM secrets;
RESET ROLE;
GRANT USAGE ON SCHEMA jackpot TO regress_jackpot_player;
GRANT SELECT ON ALL TABLES IN SCHEMA jackpot TO regress_jackpot_player;
SET ROLE regress_jackpot_player;
SELECT secret FROM jackpot.secret;
UPDATE jackpot.secret SET secret = '';
SET ROLE regress_jackpot_reader;
SELECT count(*) AS pools FROM jackpot.pool;
SELECT secret FROM jackpot.secret;
SET row_security = off;
SELECT secret FROM jackpot.secret;
RESET row_security;
-- Nor what the planner remembers of a table.
SELECT count(*) FROM pg_stats WHERE schemaname = 'jackpot' AND tablename = 'secret' AND attname = 'secret';
SELECT count(*) FROM pg_statistic s JOIN pg_attribute a ON a.attrelid = s.starelid AND a.attnum = s.staattnum
 WHERE s.starelid = 'jackpot.secret'::regclass AND a.attname = 'secret';
RESET ROLE;
-- The salt stands in no other table, and no function of reports returns it.
CREATE FUNCTION places(word text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    place text;
    found bigint;
BEGIN
    FOREACH place IN ARRAY ARRAY['jackpot.pool', 'jackpot.journal', 'jackpot.win', 'jackpot.ledger', 'jackpot.operation', 'jackpot.void',
            'jackpot.balance', 'jackpot.jackpots', 'jackpot_pools()', 'jackpot_statistics()', 'jackpot_reconcile()', 'jackpot_liability()',
            'jackpot_validate()'] LOOP
        EXECUTE format('SELECT count(*) FROM %s AS t WHERE t::text LIKE %L', place, '%' || word || '%') INTO found;
        IF found > 0 THEN RETURN NEXT place; END IF;
    END LOOP;
    FOR place IN SELECT p.pool FROM jackpot_pools() p LOOP
        SELECT count(*) INTO found FROM jackpot_history(place, max_rows => 1000) h WHERE h::text LIKE '%' || word || '%';
        IF found > 0 THEN RETURN NEXT format('jackpot_history(%s)', place); END IF;
        SELECT count(*) INTO found FROM jackpot_rules(place) r WHERE r::text LIKE '%' || word || '%';
        IF found > 0 THEN RETURN NEXT format('jackpot_rules(%s)', place); END IF;
    END LOOP;
END $$;
SELECT s.pool, w FROM secrets s, LATERAL places(s.text ->> 'salt') w;
SELECT s.pool, w FROM secrets s, LATERAL places(s.text ->> 'threshold') w WHERE s.pool <> 'far';

-- Nothing of this draws anew: bets, administration, what is no part of the trigger.
CREATE TEMP TABLE first AS SELECT * FROM secrets;
SELECT pool FROM jackpot_contribute('g', 1);
SELECT pool, won FROM jackpot_spin('g', 1, pools => '{far,later}');
SELECT pool FROM jackpot_adjust('far', 5, 'gift');
SELECT pool FROM jackpot_transfer('far', 'later', 5, 'move');
SELECT status FROM jackpot_pause('far');
SELECT status FROM jackpot_resume('far');
SELECT pool FROM jackpot_update_config('far', '{"contribution_rate": 0.02, "seed_amount": 50, "min_wager": 1}');
SELECT pool FROM jackpot_update_config('far', '{"max_amount": 8000000000000}', effective => 'next_cycle');
SELECT pool FROM jackpot_update_config('far', '{"max_amount": 9000000000000}', effective => 'next_cycle');
TABLE first EXCEPT TABLE secrets;

-- The win reveals, and the next cycle has a secret of its own.
DO $$ BEGIN PERFORM pg_sleep(1.1); END $$;
SELECT pool, won, win_amount FROM jackpot_spin('g', 1000, 'ann', pools => ARRAY['odds', 'must', 'timed', E'q"\\ü\n']);
SELECT pool, win_amount FROM jackpot_win('later', 'g', 'ann');
SELECT pool, win_amount FROM jackpot_win('by hand', 'g', 'ann', 10);
SELECT w.id, p.pool, w.trigger, w.secret = f.secret AS revealed, w.commitment = f.commitment AS committed,
       s.commitment <> f.commitment AS drawn_anew, s.cycle, s.text ->> 'cycle' AS of_cycle
  FROM jackpot.win w JOIN jackpot.pool p ON p.id = w.pool_id
  LEFT JOIN first f ON f.id = p.id LEFT JOIN secrets s ON s.id = p.id ORDER BY w.id;
SELECT v.ok, v.pool, v.cycle, v.status, v.trigger, v.win_amount, v.commitment = v.computed AS same, v.secret IS NOT NULL AS revealed,
       regexp_replace(regexp_replace(v.detail, '\d{4}-\d\d-\d\dT[\d:.]+Z', 'MOMENT', 'g'), '\y\d+(\.\d+)?\y', 'N', 'g') AS detail,
       v.threshold IS NOT NULL AS threshold, v.moment IS NOT NULL AS moment,
       (SELECT string_agg(key, ', ' ORDER BY key) FROM jsonb_object_keys(v.evidence) key) AS evidence
  FROM jackpot.win w, LATERAL jackpot_verify_win(w.id) v ORDER BY w.id;
-- Now it is to be read, but not the new one.
SELECT count(*) FROM first f, LATERAL places(f.text ->> 'salt') w WHERE f.pool IN ('must', 'timed', 'later') AND w = 'jackpot.win';
SELECT s.pool, w FROM secrets s, LATERAL places(s.text ->> 'salt') w;
SELECT kind, cycle, amount, before, after ->> 'commitment' = (SELECT commitment FROM secrets WHERE pool = 'must') AS present
  FROM jackpot_history('must', kinds => '{win,commit}') ORDER BY id;

-- A ceiling that moves draws anew, and the threshold that it replaces is revealed.
SELECT count(*) FROM first f JOIN secrets s ON s.id = f.id AND s.secret = f.secret WHERE f.pool = 'far';
SELECT p.pool, p.commitment <> f.commitment AS drawn_anew FROM jackpot_update_config('far', '{"max_amount": 200}', reason => 'lower') p JOIN first f USING (pool);
SELECT (text ->> 'threshold')::numeric > current_amount AND (text ->> 'threshold')::numeric <= 200 AS inside
  FROM secrets s JOIN jackpot_pools() p USING (pool) WHERE pool = 'far';
SELECT h.cycle, h.reason, h.before ->> 'secret' = f.secret AS revealed, h.before ->> 'commitment' = f.commitment AS committed,
       h.after ->> 'commitment' = p.commitment AS present
  FROM jackpot_history('far', kinds => '{commit}') h, first f, jackpot_pool('far') p
 WHERE f.pool = 'far' AND h.before IS NOT NULL;
-- So does another trigger, which may hide nothing, and the end of the pool.
CREATE TEMP TABLE second AS SELECT * FROM secrets;
SELECT pool, commitment FROM jackpot_update_config('far', '{"trigger": null}');
SELECT pool, commitment FROM jackpot_retire('later', 'odds', 'over');
SELECT f.pool, h.before ->> 'secret' = f.secret AS revealed, h.after
  FROM second f, LATERAL jackpot_history(f.pool, kinds => '{commit}', max_rows => 1) h WHERE f.pool IN ('far', 'later');
SELECT pool FROM secrets;
SELECT * FROM jackpot_validate() WHERE NOT ok;

-- Damages a win, verifies it, and undoes it.
CREATE FUNCTION damage(win_id bigint, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    verified record;
BEGIN
    EXECUTE statement;
    SELECT v.ok, v.detail INTO verified FROM jackpot_verify_win(win_id) v;
    RAISE EXCEPTION USING ERRCODE = 'P0001', MESSAGE = CASE WHEN verified.ok THEN 'NOTHING FOUND' ELSE verified.detail END;
EXCEPTION WHEN raise_exception THEN RETURN SQLERRM;
END $$;
SELECT id AS odds FROM jackpot.win WHERE trigger = 'odds' \gset
SELECT min(id) AS must FROM jackpot.win WHERE trigger = 'must_hit_by' \gset
SELECT id AS timed FROM jackpot.win WHERE trigger = 'scheduled' \gset
SELECT id AS manual FROM jackpot.win WHERE trigger = 'manual' AND secret IS NOT NULL \gset
-- The secret, the commitment, and both together so that they agree.
SELECT damage(:must, $$UPDATE jackpot.win SET secret = secret || ' '$$);
SELECT damage(:must, $$UPDATE jackpot.win SET secret = NULL$$);
SELECT damage(:must, $$UPDATE jackpot.win SET secret = NULL, commitment = NULL$$);
SELECT damage(:must, $$UPDATE jackpot.win SET commitment = md5('') || md5('')$$);
SELECT damage(:must, $$UPDATE jackpot.win SET commitment = NULL$$);
SELECT damage(:must, $$UPDATE jackpot.win SET secret = secret || ' ', commitment = encode(sha256(convert_to(secret || ' ', 'UTF8')), 'hex')$$);
SELECT damage(:must, format('UPDATE jackpot.win SET secret = t.secret, commitment = t.commitment FROM jackpot.win t WHERE t.id = %s', :timed));
SELECT damage(:manual, $$UPDATE jackpot.win SET secret = secret || ' '$$);
SELECT damage(:manual, $$UPDATE jackpot.win SET commitment = NULL$$);
SELECT damage(:must, $$UPDATE jackpot.win SET cycle = cycle + 1$$);
SELECT damage(:must, $$UPDATE jackpot.journal SET after = '{"commitment": null}' WHERE kind = 'commit'$$);
-- The evidence.
SELECT damage(:odds, $$UPDATE jackpot.win SET evidence = evidence || '{"draw": "1000"}'$$);
SELECT damage(:odds, $$UPDATE jackpot.win SET evidence = evidence || '{"below": "1001"}'$$);
SELECT damage(:odds, $$UPDATE jackpot.win SET evidence = evidence || '{"out_of": "0"}'$$);
SELECT damage(:odds, $$UPDATE jackpot.win SET evidence = evidence || '{"out_of": "1000000"}'$$);
SELECT damage(:odds, $$UPDATE jackpot.win SET evidence = '{}'$$);
SELECT damage(:odds, $$UPDATE jackpot.win SET evidence = NULL$$);
SELECT damage(:must, $$UPDATE jackpot.win SET evidence = '{"meter": "10"}'$$);
SELECT damage(:must, $$UPDATE jackpot.win SET evidence = '{"meter": "21"}'$$);
SELECT damage(:must, $$UPDATE jackpot.win SET evidence = '{}'$$);
SELECT damage(:timed, $$UPDATE jackpot.win SET evidence = '{"at": "2001-01-01T00:00:00Z"}'$$);
SELECT damage(:timed, $$UPDATE jackpot.win SET evidence = '{"at": "2998-01-01T00:00:00Z"}'$$);
SELECT damage(:timed, $$UPDATE jackpot.win SET evidence = NULL$$);
-- What is said to have decided.
SELECT damage(:must, $$UPDATE jackpot.win SET trigger = 'manual'$$);
SELECT damage(:must, $$UPDATE jackpot.win SET trigger = 'odds'$$);
SELECT damage(:manual, $$UPDATE jackpot.win SET trigger = 'scheduled'$$);
-- The wager.
SELECT damage(:odds, $$UPDATE jackpot.ledger SET wager_amount = wager_amount - 1$$);
SELECT damage(:odds, $$UPDATE jackpot.win SET ledger_id = NULL$$);
SELECT damage(:timed, $$DELETE FROM jackpot.ledger$$);
-- All of it was undone, and what is not there is said to be so.
SELECT bool_and(v.ok) FROM jackpot.win w, LATERAL jackpot_verify_win(w.id) v;
SELECT * FROM jackpot_verify_win(0);
SELECT * FROM jackpot_verify_win(NULL);

-- A secret that cannot be read stops no bet: a spin has it drawn anew, and the journal tells. It is not shown.
CREATE FUNCTION shown(statement text, word text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    message text; detail text; hint text; context text;
BEGIN
    EXECUTE statement;
    RETURN 'not refused';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, context = PG_EXCEPTION_CONTEXT;
    RETURN concat_ws(' | ', SQLSTATE, message, detail,
                     CASE WHEN concat(message, detail, hint, context) LIKE '%' || word || '%' THEN 'AND SHOWN' END);
END $$;
UPDATE jackpot.secret SET secret = 'not to be seen' WHERE pool_id = 3;
\c -
SELECT check_name, detail FROM jackpot_validate() WHERE NOT ok;
SELECT shown($$SELECT jackpot_contribute('g', 1)$$, 'not to be seen');
-- By a wager that surely hits: which commitment is the last does not depend on chance.
SELECT shown($$SELECT jackpot_spin('g', 100, pools => '{must}')$$, 'not to be seen');
SELECT h.kind, h.reason, h.before, h.after ->> 'commitment' = w.commitment AS published
  FROM jackpot_history('must', kinds => '{commit}') h,
       (SELECT commitment FROM jackpot.win WHERE pool_id = 3 ORDER BY id DESC LIMIT 1) w
 WHERE h.reason = 'the secret was missing';
-- Nor one that is lost.
DELETE FROM jackpot.secret WHERE pool_id = 3;
\c -
SELECT won FROM jackpot_spin('g', 100, pools => '{must}');
SELECT check_name, detail FROM jackpot_validate() WHERE NOT ok;

-- Nor one that is not the one that was committed to: it decides nothing.
UPDATE jackpot.secret SET secret = replace(secret, '"threshold":"', '"threshold":"9') WHERE pool_id = 3;
\c -
SELECT check_name, detail FROM jackpot_validate() WHERE NOT ok;
SELECT won FROM jackpot_spin('g', 200, pools => '{must}');
SELECT check_name, detail FROM jackpot_validate() WHERE NOT ok;

-- What a transaction reveals is not shown to itself: it could still be rolled back, and the secret be known.
SELECT length(commitment) FROM jackpot_update_config('far', '{"trigger": {"kind": "must_hit_by"}}');
BEGIN;
SELECT won, win_id AS hit FROM jackpot_spin('g', 200, pools => '{must}') \gset
SELECT :'won' AS won;
SELECT ok, secret, threshold, detail FROM jackpot_verify_win(:hit);
SELECT pool FROM jackpot_update_config('far', '{"max_amount": 7000000000001}');
SELECT before ? 'commitment' AS superseded, before ? 'secret' AS shown FROM jackpot_history('far', kinds => '{commit}', max_rows => 1);
COMMIT;
SELECT ok, secret IS NOT NULL AS shown, threshold IS NOT NULL AS threshold FROM jackpot_verify_win(:hit);
SELECT before ? 'commitment' AS superseded, before ? 'secret' AS shown FROM jackpot_history('far', kinds => '{commit}', max_rows => 1);
SELECT check_name, detail FROM jackpot_validate() WHERE NOT ok;

DROP FUNCTION shown, damage, places;
DROP VIEW secrets;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM regress_jackpot_player;
SET client_min_messages = error;
DROP OWNED BY regress_jackpot_player, regress_jackpot_reader;
DROP ROLE regress_jackpot_player, regress_jackpot_reader;
