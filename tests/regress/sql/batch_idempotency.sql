-- Operation ids in batches: each row is an operation of its own, and stands for one call.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS jackpot;
CREATE EXTENSION jackpot;
\pset null -
SELECT pool FROM jackpot_create_pool('minor', 0.01, 100, reserve_rate => 0.005);
SELECT pool FROM jackpot_create_pool('major', 0.02, 1000);
SELECT pool FROM jackpot_create_pool('odds', 0.02, 100, config => '{"game_ids": ["s"], "trigger": {"kind": "odds", "one_in": 1000}}');

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
-- The place and the token of each refusal.
CREATE FUNCTION refusals(errors jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s: %s', e.index, e.token), ', ' ORDER BY e.index)
      FROM jsonb_to_recordset(errors) AS e (index bigint, token text) $$;
CREATE VIEW counts AS
SELECT (SELECT count(*) FROM jackpot.ledger) AS ledger, (SELECT count(*) FROM jackpot.operation) AS operations,
       (SELECT count(*) FROM jackpot.win) AS wins, (SELECT count(*) FROM jackpot.journal) AS journal,
       (SELECT sum(total_contributed) FROM jackpot_pools()) AS contributed, (SELECT sum(current_amount) FROM jackpot_pools()) AS shown;

-- Twice in a batch it is one wager, whatever lies between.
SELECT total, processed, failed, replayed, total_contribution, refusals(errors)
  FROM jackpot_contribute_arrays('{g,g,g,g,g}', '{100,200,100,300,100}', operation_ids => '{a,b,a,NULL,a}');
TABLE counts;
-- With any other argument it is another.
SELECT total, processed, failed, replayed, total_contribution, refusals(errors)
  FROM jackpot_contribute_arrays('{g,h,g,g,g,g,g}', '{100,100,101,100,100,100,100}', '{NULL,NULL,NULL,ann,NULL,NULL,NULL}', '{c,c,c,c,c,c,c}',
                                 NULL, '{NULL,NULL,NULL,NULL,acme,NULL,NULL}', NULL, NULL, ARRAY[NULL, NULL, NULL, NULL, NULL, '{}', NULL]::jsonb[]);
-- Ids are compared as they are written.
SELECT total, processed, replayed FROM jackpot_contribute_arrays(operation_ids => '{c,C,"c "," c",ć}', game_id => 'g', wager_amount => 100);
TABLE counts;

-- Across batches, by arrays and as JSON, in any order and with others.
SELECT total, processed, failed, replayed, total_contribution, refusals(errors)
  FROM jackpot_contribute_arrays('{g,g,g}', '{200,100,400}', operation_ids => '{b,a,new}');
SELECT total, processed, failed, replayed, total_contribution, refusals(errors) FROM jackpot_contribute_batch('[
    {"gameId": "g", "wagerAmount": 400, "operationId": "new"}, {"gameId": "g", "wagerAmount": 401, "operationId": "new"},
    {"gameId": "g", "wagerAmount": 100, "operationId": "a"}, {"gameId": "g", "wagerAmount": 500, "operationId": "newer", "pools": ["minor", "major"]}]');
-- All of them once more: nothing happens.
TABLE counts;
SELECT total, processed, failed, replayed, total_contribution
  FROM jackpot_contribute_arrays('{g,g,g,g}', '{100,200,100,400}', operation_ids => '{a,b,c,new}', on_error => 'abort');
TABLE counts;
-- A batch, then a call; a call, then a batch. The order of pools and of keys is none.
SELECT pool, contribution, current_amount, version, operation_id, replayed FROM jackpot_contribute('g', 200, operation_id => 'b');
SELECT pool, contribution, replayed FROM jackpot_contribute('g', 500, operation_id => 'newer', pools => '{major,minor,major}');
SELECT outcome($$SELECT * FROM jackpot_contribute('g', 201, operation_id => 'b')$$);
SELECT outcome($$SELECT * FROM jackpot_win('minor', 'g', 'ann', operation_id => 'b')$$);
SELECT pool, contribution, current_amount, version FROM jackpot_contribute('g', 700, 'ann', 'call', '{major,minor}', 'acme', 'slots', 'EUR', '{"a": 1, "b": 2}');
SELECT total, processed, failed, replayed, total_contribution, refusals(errors) FROM jackpot_contribute_arrays(
    '{g,g}', '{700,700}', '{ann,bob}', '{call,call}', '{minor,major}', '{acme,acme}', '{slots,slots}', '{EUR,EUR}', ARRAY['{"b": 2, "a": 1}', '{"b": 2, "a": 1}']::jsonb[]);
SELECT total, processed, replayed FROM jackpot_contribute_batch('[{"metadata": {"b": 2, "a": 1}, "currency": "EUR", "gameCategory": "slots", "operatorId": "acme",
    "pools": ["minor", "major", "minor"], "operationId": "call", "userId": "ann", "wagerAmount": "700", "gameId": "g"}]');
SELECT pool, current_amount, version, replayed FROM jackpot_contribute('g', 700, 'ann', 'call', '{major,minor}', 'acme', 'slots', 'EUR', '{"a": 1, "b": 2}');

-- Spins: what hit, and what did not, by call and by batch; the win is paid once.
SELECT pool, contribution, won, win_amount FROM jackpot_spin('s', 1000, operation_id => 'hit', pools => '{odds,minor}');
SELECT total, processed, failed, replayed, total_contribution, total_won, jsonb_path_query_array(wins, '$[*].win_amount') AS won,
       wins #> '{0,win_id}' = wins #> '{2,win_id}' AS same, refusals(errors)
  FROM jackpot_spin_arrays(wager_amounts => '{1000,2000,1000,2000}', operation_ids => '{hit,hit 2,hit,hit 2}', game_id => 's', pools => '{odds,minor}');
SELECT pool, won, win_amount, replayed FROM jackpot_spin('s', 2000, operation_id => 'hit 2', pools => '{odds,minor}');
-- A spin is no contribution.
SELECT total, failed, refusals(errors) FROM jackpot_contribute_arrays(wager_amounts => '{1000}', operation_ids => '{hit}', game_id => 's', pools => '{odds,minor}');
SELECT total, failed, refusals(errors) FROM jackpot_spin_arrays(wager_amounts => '{200}', operation_ids => '{b}', game_id => 'g');
TABLE counts;

-- Voided, it does not come any more; the others do.
SELECT * FROM jackpot_void('b', 'round cancelled');
SELECT pool, replayed FROM jackpot_void('to come', 'too early');
SELECT total, processed, failed, replayed, total_contribution, refusals(errors)
  FROM jackpot_contribute_arrays(wager_amounts => '{100,200,300,400}', operation_ids => '{a,b,to come,later}', game_id => 'g');
SELECT total, processed, failed, refusals(errors) FROM jackpot_contribute_batch('[{"game_id": "g", "wager_amount": 5, "operation_id": "to come"}]');
SELECT total, processed, failed, refusals(errors) FROM jackpot_spin_arrays(wager_amounts => '{5}', operation_ids => '{to come}', game_id => 'g');
SELECT total, processed, failed, refusals(errors) FROM jackpot_win_batch('[{"pool": "minor", "game_id": "g", "user_id": "ann", "operation_id": "to come"}]');
SELECT outcome($$SELECT * FROM jackpot_contribute_arrays(wager_amounts => '{1,200}', operation_ids => '{other,b}', game_id => 'g', on_error => 'abort')$$);
-- A row of a batch is voided as any wager; a spin that hit stands.
SELECT * FROM jackpot_void('later', 'round cancelled');
SELECT * FROM jackpot_void('later', 'again');
SELECT total, processed, failed, refusals(errors) FROM jackpot_contribute_arrays(wager_amounts => '{400}', operation_ids => '{later}', game_id => 'g');
SELECT outcome($$SELECT * FROM jackpot_void('hit 2', 'no')$$);
-- In one transaction, one after the other.
BEGIN;
SELECT processed FROM jackpot_contribute_arrays(wager_amounts => '{1000,2000}', operation_ids => '{own 1,own 2}', game_id => 'g', pools => '{minor}');
SELECT pool, from_meter, from_reserve FROM jackpot_void('own 1', 'own');
SELECT processed, failed, replayed, refusals(errors) FROM jackpot_contribute_arrays(wager_amounts => '{1000,2000}', operation_ids => '{own 1,own 2}', game_id => 'g', pools => '{minor}');
COMMIT;

-- What was refused leaves its id free: for a later row, for a later call.
SELECT total, processed, failed, replayed, total_contribution, refusals(errors)
  FROM jackpot_contribute_arrays('{NULL,g,g,g}', '{10,-10,10,10}', operation_ids => '{free,free,free,free}');
SELECT total, processed, failed, replayed, total_contribution, refusals(errors) FROM jackpot_contribute_batch('[
    {"game_id": "g", "wager_amount": 20, "operation_id": "free 2", "pools": ["nosuch"]}, {"game_id": "g", "wager_amount": 20, "operation_id": "free 2"},
    {"game_id": "g", "wager_amount": 9223372036854775807, "operation_id": "free 3"}]');
SELECT pool, contribution, replayed FROM jackpot_contribute('g', 30, operation_id => 'free 3');
SELECT total, processed, failed, replayed, total_contribution, refusals(errors)
  FROM jackpot_contribute_arrays(wager_amounts => '{101,100}', operation_ids => '{a,a}', game_id => 'g');
SELECT status FROM jackpot_pause('minor');
SELECT total, processed, failed, refusals(errors) FROM jackpot_contribute_arrays(wager_amounts => '{10,20}', operation_ids => '{paused 1,paused 2}', game_id => 'g', pools => '{minor}');
-- A pool that is paused meanwhile changes nothing about what has been.
SELECT total, processed, failed, replayed, total_contribution, refusals(errors) FROM jackpot_contribute_batch('[
    {"game_id": "g", "wager_amount": 500, "operation_id": "newer", "pools": ["minor", "major"]},
    {"game_id": "g", "wager_amount": 501, "operation_id": "newer", "pools": ["minor", "major"]},
    {"game_id": "g", "wager_amount": 500, "operation_id": "newest", "pools": ["minor", "major"]}]');
SELECT status FROM jackpot_resume('minor');
SELECT total, processed, replayed, total_contribution FROM jackpot_contribute_arrays(wager_amounts => '{10,20}', operation_ids => '{paused 1,paused 2}', game_id => 'g', pools => '{minor}');

-- Nothing is left of what was refused as a whole, of whatever kind.
TABLE counts;
SELECT outcome($$SELECT * FROM jackpot_contribute_arrays(wager_amounts => '{1,2,-3}', operation_ids => '{x,y,z}', game_id => 'g', on_error => 'abort')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute_arrays(wager_amounts => '{1,2,101}', operation_ids => '{x,y,a}', game_id => 'g', on_error => 'abort')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute_arrays(wager_amounts => '{1,2,3}', operation_ids => '{x,y,x}', game_id => 'g', on_error => 'abort')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute_batch('[{"game_id": "g", "wager_amount": 1, "operation_id": "x"}, {"game_id": "g", "operation_id": "y"}]', 'abort')$$);
SELECT outcome($$SELECT * FROM jackpot_spin_arrays(wager_amounts => '{1000,2000,101}', operation_ids => '{x,y,a}', game_id => 's', on_error => 'abort')$$);
SELECT outcome($$SELECT * FROM jackpot_win_batch('[{"pool": "minor", "game_id": "g", "user_id": "u", "operation_id": "x"}, {"pool": "major", "game_id": "g", "user_id": "u", "win_amount": 5000, "operation_id": "y"}]', 'abort')$$);
TABLE counts;
-- Nor of what is taken back.
BEGIN;
SAVEPOINT undone;
SELECT processed FROM jackpot_contribute_arrays(wager_amounts => '{1,2,3}', operation_ids => '{x,y,z}', game_id => 'g');
SELECT processed FROM jackpot_spin_arrays(wager_amounts => '{1000,2000}', operation_ids => '{s 1,s 2}', game_id => 's');
ROLLBACK TO undone;
SELECT processed, replayed FROM jackpot_contribute_arrays(wager_amounts => '{7,3}', operation_ids => '{x,z}', game_id => 'g', pools => '{major}');
SELECT processed, replayed FROM jackpot_contribute_arrays(wager_amounts => '{7,3}', operation_ids => '{x,z}', game_id => 'g', pools => '{major}');
ROLLBACK;
TABLE counts;

-- A snapshot that shows the first repeats it.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT processed, replayed FROM jackpot_contribute_arrays(wager_amounts => '{100,900}', operation_ids => '{a,repeatable}', game_id => 'g');
SELECT processed, replayed FROM jackpot_contribute_arrays(wager_amounts => '{100,900}', operation_ids => '{a,repeatable}', game_id => 'g');
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT processed, replayed FROM jackpot_contribute_arrays(wager_amounts => '{900,900}', operation_ids => '{repeatable,serializable}', game_id => 'g');
COMMIT;
-- Of many ids, some of which are taken.
SELECT total, processed, replayed, total_contribution
  FROM jackpot_contribute_arrays(operation_ids => ARRAY(SELECT 'many ' || n FROM generate_series(1, 1200) n), game_id => 'g', wager_amount => 100, pools => '{minor}');
SELECT total, processed, replayed, total_contribution
  FROM jackpot_contribute_arrays(operation_ids => ARRAY(SELECT 'many ' || n FROM generate_series(1300, 601, -1) n), game_id => 'g', wager_amount => 100, pools => '{minor}');

-- One operation, one row.
SELECT operation_id, count(*) FROM jackpot.ledger WHERE operation_id IS NOT NULL AND voids IS NULL GROUP BY operation_id HAVING count(*) > 1;
SELECT count(*) FROM jackpot.operation o WHERE ledger_id IS NOT NULL
   AND NOT EXISTS (SELECT FROM jackpot.ledger l WHERE l.id = o.ledger_id AND l.operation_id = o.operation_id);
SELECT count(*) FROM jackpot.ledger l WHERE operation_id IS NOT NULL AND voids IS NULL
   AND NOT EXISTS (SELECT FROM jackpot.operation o WHERE o.operation_id = l.operation_id AND o.ledger_id = l.id);
TABLE counts;
-- What is replayed waits for no pool, though it hit: the gate is its only lock.
SELECT pool FROM jackpot_create_pool('sure', 0.01, 100, config => '{"game_ids": ["sure"], "trigger": {"kind": "odds", "one_in": 1}}');
SELECT pool, won, win_amount FROM jackpot_spin('sure', 1000, operation_id => 'sure 1', pools => '{sure}');
BEGIN;
SELECT pool, won, win_amount, replayed FROM jackpot_spin('sure', 1000, operation_id => 'sure 1', pools => '{sure}');
SELECT processed, replayed, total_won FROM jackpot_spin_arrays(game_id => 'sure', wager_amount => 1000, operation_ids => '{sure 1}', pools => '{sure}');
SELECT count(*) AS locks FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();
COMMIT;
SELECT * FROM jackpot_validate() WHERE NOT ok;
SELECT pool, difference FROM jackpot_reconcile() WHERE difference <> 0;
DROP VIEW counts;
DROP FUNCTION outcome, refusals;
