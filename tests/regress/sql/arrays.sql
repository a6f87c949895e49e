-- Many contributions as parallel arrays, one element a wager.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS jackpot;
CREATE EXTENSION jackpot;
\pset null -
SELECT pool FROM jackpot_create_pool('minor', 0.01, 100, reserve_rate => 0.005);
SELECT pool FROM jackpot_create_pool('major', 0.02, 1000);

CREATE FUNCTION outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result record;
    detail text;
BEGIN
    EXECUTE statement INTO result;
    RETURN result;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN format('%s %s; %s', SQLSTATE, SQLERRM, detail);
END $$;
-- One line a refusal: its place, what it is, what it says.
CREATE FUNCTION refusals(errors jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', e.index || ':', e.sqlstate, e.token, '"' || e.message || '"', '(' || e.detail || ')'), E'\n' ORDER BY e.place)
      FROM ROWS FROM (jsonb_to_recordset(errors) AS (index bigint, sqlstate text, token text, message text, detail text))
           WITH ORDINALITY AS e (index, sqlstate, token, message, detail, place) $$;
CREATE VIEW amounts AS
SELECT pool, current_amount, reserve_amount, total_contributions, total_wagered, total_contributed, version FROM jackpot_pools();
CREATE VIEW rows AS
SELECT l.operation_id, l.game_id, l.wager_amount, l.user_id, l.operator_id, l.game_category, l.currency, l.metadata, l.display, l.reserve
  FROM jackpot.ledger l ORDER BY l.id;

-- Every argument, by row.
SELECT * FROM jackpot_contribute_arrays('{a,b,c}', '{1001,2050,0}', '{ann,NULL,cat}', '{op 1,op 2,NULL}', NULL, '{acme,NULL,umbrella}',
                                        '{slots,table,NULL}', '{EUR,NULL,USD}', ARRAY['{"round": 7}', NULL, '[]']::jsonb[], 'continue');
TABLE rows;
TABLE amounts;
-- Each is an operation of its own, which a single call repeats.
SELECT pool, contribution, current_amount, version, operation_id, replayed
  FROM jackpot_contribute('a', 1001, 'ann', 'op 1', NULL, 'acme', 'slots', 'EUR', '{"round": 7}');
-- Every argument once for all. An explicit NULL is as omitted.
SELECT * FROM jackpot_contribute_arrays(operation_ids => '{one 1,one 2,one 3}', game_id => 'one', wager_amount => 300, user_id => 'bob',
                                        operator_id => 'acme', game_category => 'slots', currency => 'EUR', on_error => NULL);
SELECT DISTINCT game_id, wager_amount, user_id, operator_id, game_category, currency, metadata FROM rows WHERE game_id = 'one';
-- Without any array it is one wager.
SELECT * FROM jackpot_contribute_arrays(game_id => 'single', wager_amount => 100);
-- Arrays may begin anywhere, and have other dimensions.
SELECT total, total_contribution FROM jackpot_contribute_arrays('[5:6]={a,b}', '[0:1]={100,200}');
SELECT total, total_contribution FROM jackpot_contribute_arrays('{{a,b},{c,d}}', '{100,200,300,400}');
-- Of no wagers there is nothing to do.
SELECT * FROM jackpot_contribute_arrays('{}', '{}');
SELECT * FROM jackpot_contribute_arrays('{}', wager_amount => 1);
SELECT * FROM jackpot_contribute_arrays(game_id => 'g', wager_amount => 1, metadata => '{}');
SELECT count(*) FROM rows;
TABLE amounts;

-- Only these pools, for all rows. Without a pool a wager is recorded all the same.
SELECT total, processed, total_contribution FROM jackpot_contribute_arrays('{a,b}', '{100,200}', pools => '{major,major}');
SELECT total, processed, total_contribution FROM jackpot_contribute_arrays('{a,b}', '{100,200}', pools => '{}');
SELECT wager_amount, display FROM rows OFFSET (SELECT count(*) - 4 FROM rows);
-- Who takes which wager is found out for each.
SELECT pool FROM jackpot_create_pool('meant', 0.1, config => '{"game_ids": ["m"], "operator_ids": ["acme"], "min_wager": 10, "max_wager": 100}');
SELECT total, processed, failed, total_contribution
  FROM jackpot_contribute_arrays('{m,m,x,m,m}', '{9,10,50,100,101}', operator_id => 'acme', pools => '{meant}');
SELECT current_amount, total_contributions, total_wagered FROM jackpot_pool('meant');

-- What is refused as a whole: nothing is applied, nothing is listed.
SELECT count(*) FROM jackpot.ledger;
SELECT outcome($$SELECT * FROM jackpot_contribute_arrays()$$);
SELECT outcome($$SELECT * FROM jackpot_contribute_arrays('{a}')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute_arrays(wager_amounts => '{1}')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute_arrays('{a,b}', '{1}')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute_arrays('{a}', '{1,2}')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute_arrays(wager_amounts => '{1,2}', operation_ids => '{x}', game_id => 'g')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute_arrays('{a,b}', '{1,2}', user_ids => '{}')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute_arrays('{a,b}', '{1,2}', metadata => ARRAY['{}']::jsonb[])$$);
SELECT outcome($$SELECT * FROM jackpot_contribute_arrays('{a,b}', '{1,2}', operator_ids => '{x}')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute_arrays('{a,b}', '{1,2}', game_categories => '{x}')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute_arrays('{a,b}', '{1,2}', currencies => '{EUR}')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute_arrays('{a}', '{1}', game_id => 'b')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute_arrays('{a}', '{1}', wager_amount => 2)$$);
SELECT outcome($$SELECT * FROM jackpot_contribute_arrays('{a}', '{1}', '{ann}', user_id => 'bob')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute_arrays('{a}', '{1}', pools => '{minor,NULL}')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute_arrays('{a}', '{1}', on_error => 'ignore')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute_arrays('{a}', '{1}', on_error => 'CONTINUE')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute_arrays('{a}', '{1}', on_error => '')$$);
SELECT count(*) FROM jackpot.ledger;

-- What is refused by row: the others are applied.
SELECT total, processed, failed, replayed, total_contribution, refusals(errors)
  FROM jackpot_contribute_arrays('{a,NULL,"",d,e,f,g}', '{100,1,2,NULL,-5,9223372036854775807,200}', pools => '{major}');
SELECT total, processed, failed, replayed, total_contribution, refusals(errors)
  FROM jackpot_contribute_arrays(wager_amounts => '{100,200,300}', operation_ids => ARRAY['', repeat('x', 201), repeat('ä', 200)], game_id => 'g', pools => '{major}');
SELECT total, processed, failed, refusals(errors) FROM jackpot_contribute_arrays(wager_amounts => '{100,200}', currencies => ARRAY['EUR', ''], game_id => 'g', pools => '{major}');
SELECT total, processed, failed, refusals(errors) FROM jackpot_contribute_arrays(wager_amounts => '{100,200}', game_id => 'g', pools => '{major,nosuch}');
-- A refusal as a program finds it.
SELECT jsonb_pretty(errors) FROM jackpot_contribute_arrays(wager_amounts => '{-1,-2}', operation_ids => '{wrong,NULL}', game_id => 'g');
-- The largest wager that there can be, and one more; what all pools get is more than one can hold.
SELECT pool FROM jackpot_create_pool('large 1', 1, config => '{"game_ids": ["large"]}');
SELECT pool FROM jackpot_create_pool('large 2', 1, config => '{"game_ids": ["large"]}');
SELECT total, processed, failed, total_contribution, refusals(errors)
  FROM jackpot_contribute_arrays(wager_amounts => '{9223372036854,9223372036855}', game_id => 'large', pools => '{large 1,large 2}');
SELECT pool, current_amount FROM jackpot_pools('{large 1,large 2}');

-- Or all is refused, for the first reason.
SELECT count(*) FROM jackpot.ledger;
SELECT outcome($$SELECT * FROM jackpot_contribute_arrays('{a,b,NULL}', '{1,-2,3}', on_error => 'abort')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute_arrays('{a,b,NULL}', '{1,2,3}', on_error => 'abort')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute_arrays('{a,b}', '{1,2}', pools => '{nosuch}', on_error => 'abort')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute_arrays('{a,b}', '{1,9223372036854775807}', on_error => 'abort')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute_arrays('{x,a}', '{9,1001}', operation_ids => '{new,op 1}', on_error => 'abort')$$);
SELECT count(*) FROM jackpot.ledger;
SELECT count(*) FROM jackpot.operation WHERE operation_id = 'new';
SELECT total, processed, failed, total_contribution, errors FROM jackpot_contribute_arrays('{a,b}', '{100,200}', pools => '{major}', on_error => 'abort');

-- A limit on what one wager gives.
SELECT pool FROM jackpot_create_pool('limited', 0.1, config => '{"game_ids": ["l"], "max_contribution": 50}');
SELECT total, processed, failed, total_contribution, refusals(errors)
  FROM jackpot_contribute_arrays(wager_amounts => '{500,501,499}', game_id => 'l', pools => '{limited}');
-- A pool that is paused stops nobody who has not named it.
SELECT status FROM jackpot_pause('minor');
SELECT total, processed, failed, total_contribution FROM jackpot_contribute_arrays('{a,b}', '{100,200}', pools => NULL);
SELECT total, processed, failed, total_contribution, refusals(errors) FROM jackpot_contribute_arrays('{a,b}', '{100,200}', pools => '{minor,major}');
SELECT status FROM jackpot_resume('minor');

-- Currencies by row. What lacks a rate is told once for all rows.
SELECT pool FROM jackpot_create_pool('euros', 0.1, currency => 'EUR', config => '{"game_ids": ["c"]}');
SELECT pool FROM jackpot_create_pool('yen', 0.1, currency => 'JPY', config => '{"game_ids": ["c"]}');
SELECT rate FROM jackpot_set_exchange_rate('USD', 'EUR', 0.9);
SET client_min_messages = notice;
SELECT total, processed, failed, total_contribution, errors
  FROM jackpot_contribute_arrays(wager_amounts => '{100,200,300,400,500}', currencies => '{USD,EUR,NULL,USD,GBP}', game_id => 'c');
RESET client_min_messages;
SET client_min_messages = warning;
SELECT pool, current_amount, total_contributions FROM jackpot_pools('{euros,yen}');
SELECT total, processed, failed, total_contribution, refusals(errors)
  FROM jackpot_contribute_arrays(wager_amounts => '{100,200}', currencies => '{USD,GBP}', game_id => 'c', pools => '{euros}');
-- The same as singly, to the last digit.
SELECT rate FROM jackpot_set_exchange_rate('USD', 'EUR', 0.123456789);
SELECT total, total_contribution FROM jackpot_contribute_arrays(
    wager_amounts => '{1,3,7}', currency => 'USD', game_id => 'c', user_id => 'arrays', pools => '{euros}');
SELECT sum(c.contribution) FROM unnest('{1,3,7}'::bigint[]) w, LATERAL jackpot_contribute('c', w, 'single', currency => 'USD', pools => '{euros}') c;
SELECT array_agg(user_id ORDER BY id), wager_amount, display, display_remainders, reserve_remainders, exchange_rates
  FROM jackpot.ledger WHERE user_id IN ('arrays', 'single') GROUP BY 2, 3, 4, 5, 6 ORDER BY 2;

-- Metadata is kept as it came, however deep.
SELECT total, processed FROM jackpot_contribute_arrays(
    wager_amounts => '{1,2,3}', game_id => 'deep', pools => '{}', operation_ids => '{deep 1,deep 2,deep 3}',
    metadata => ARRAY[(repeat('[', 3000) || repeat(']', 3000))::jsonb, '{"x": 12345678901234567890.10, "a": null}', 'null']);
SELECT wager_amount, length(metadata::text), left(metadata::text, 60) FROM rows WHERE game_id = 'deep';
SELECT count(*) FROM jackpot_contribute('deep', 1, NULL, 'deep 1', '{}', metadata => (repeat('[', 3000) || repeat(']', 3000))::jsonb);
SELECT outcome($$SELECT * FROM jackpot_contribute('deep', 2, NULL, 'deep 2', '{}', metadata => '{"x": 12345678901234567890.1, "a": 1}')$$);

-- Savepoints and roll-backs take all of a batch along.
TABLE amounts;
BEGIN;
SELECT total_contribution FROM jackpot_contribute_arrays('{a,b}', '{100,200}', operation_ids => '{undone 1,undone 2}', pools => '{minor}');
SELECT current_amount, reserve_amount, version FROM jackpot_pool('minor');
SAVEPOINT undone;
SELECT total_contribution FROM jackpot_contribute_arrays('{a,b}', '{1000,2000}', pools => '{minor}');
SELECT current_amount, reserve_amount, version FROM jackpot_pool('minor');
ROLLBACK TO undone;
SELECT current_amount, reserve_amount, version FROM jackpot_pool('minor');
SELECT current_amount, version FROM jackpot_contribute('a', 10, pools => '{minor}');
ROLLBACK;
SELECT total, replayed, total_contribution FROM jackpot_contribute_arrays('{a,b}', '{100,200}', operation_ids => '{undone 1,undone 2}', pools => '{minor}');
-- Several in one statement, and in a statement with others.
SELECT n, b.total, b.replayed, b.total_contribution
  FROM generate_series(1, 3) n, LATERAL jackpot_contribute_arrays(ARRAY['a', 'b', 'c'], ARRAY[n, 10 * n, 100], operation_ids => ARRAY[NULL, NULL, 'same'], pools => '{minor}') b;
-- More than is written at a time.
SELECT total, processed, total_contribution
  FROM jackpot_contribute_arrays(wager_amounts => ARRAY(SELECT generate_series(1, 2001)), game_id => 'many', pools => '{minor}');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT total, total_contribution FROM jackpot_contribute_arrays('{a,b}', '{100,200}', pools => '{minor}');
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT total, total_contribution FROM jackpot_contribute_arrays('{a,b}', '{100,200}', pools => '{minor}');
COMMIT;

TABLE amounts;
SELECT * FROM jackpot_validate() WHERE NOT ok;
SELECT pool, difference FROM jackpot_reconcile() WHERE difference <> 0;
DROP VIEW amounts, rows;
DROP FUNCTION outcome, refusals;
