-- Many wins in one statement, in their order.
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
    SELECT string_agg(concat_ws(' ', e.index || ':', e.sqlstate, e.token, '"' || e.message || '"',
                                CASE WHEN e.message NOT LIKE '%malformed' THEN '(' || e.detail || ')' END), E'\n' ORDER BY e.place)
      FROM ROWS FROM (jsonb_to_recordset(errors) AS (index bigint, sqlstate text, token text, message text, detail text))
           WITH ORDINALITY AS e (index, sqlstate, token, message, detail, place) $$;
-- One line a win: its place, pool and amount.
CREATE FUNCTION payments(paid jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s: %s %s%s', e.index, e.pool, e.win_amount, CASE WHEN e.replayed THEN ' again' END), E'\n' ORDER BY e.place)
      FROM ROWS FROM (jsonb_to_recordset(paid) AS (index bigint, pool text, win_amount bigint, replayed boolean))
           WITH ORDINALITY AS e (index, pool, win_amount, replayed, place) $$;
CREATE VIEW wins AS
SELECT w.cycle, p.pool, w.operation_id, w.game_id, w.user_id, w.win_amount, w.previous_amount, w.current_amount, w.metadata, w.trigger
  FROM jackpot.win w JOIN jackpot.pool p ON p.id = w.pool_id ORDER BY w.id;
CREATE VIEW amounts AS
SELECT pool, current_amount, reserve_amount, total_wins, total_won, cycle, version FROM jackpot_pools();

-- The old names and the new ones; the next win of a pool finds what the one before it left.
SELECT total, processed, total_contribution FROM jackpot_contribute_arrays('{g,g}', '{10050,20000}');
TABLE amounts;
SELECT * FROM jackpot_win_batch('[
    {"pool": "minor", "game_id": "a", "user_id": "ann", "operation_id": "win 1", "metadata": {"round": 7}},
    {"group": "major", "gameId": "b", "userId": "bob", "winAmount": 600, "operationId": "win 2", "expectedCycle": 1},
    {"pool": "minor", "game_id": "c", "user_id": "cat", "win_amount": "40", "expected_cycle": "2"},
    {"pool": "minor", "game_id": "d", "user_id": "dan", "win_amount": null, "operation_id": null, "expected_cycle": null, "metadata": null}]');
TABLE wins;
TABLE amounts;
-- Each is an operation of its own, which a single call repeats.
SELECT win_amount, previous_amount, current_amount, cycle, version, replayed
  FROM jackpot_win('minor', 'a', 'ann', operation_id => 'win 1', metadata => '{"round": 7}');
SELECT win_amount, cycle, replayed FROM jackpot_win('major', 'b', 'bob', 600, 'win 2', 1);
-- And the other way round.
SELECT win_amount, cycle, replayed FROM jackpot_win('minor', 'a', 'ann', 30, 'single', metadata => '{"a": 1, "b": 2}');
SELECT total, processed, failed, replayed, total_won, payments(paid), refusals(errors) FROM jackpot_win_batch('[
    {"pool": "minor", "game_id": "a", "user_id": "ann", "win_amount": 30, "operation_id": "single", "metadata": {"b": 2, "a": 1}},
    {"pool": "minor", "game_id": "a", "user_id": "ann", "win_amount": 31, "operation_id": "single", "metadata": {"b": 2, "a": 1}},
    {"pool": "minor", "game_id": "a", "user_id": "ann", "win_amount": 20}]');
SELECT total, processed, failed, replayed, total_won, payments(paid), refusals(errors) FROM jackpot_win_batch('[
    {"pool": "minor", "game_id": "a", "user_id": "ann", "operation_id": "win 1", "metadata": {"round": 8}},
    {"pool": "minor", "game_id": "a", "user_id": "ann", "operation_id": "win 2"},
    {"pool": "minor", "game_id": "a", "user_id": "ann", "operation_id": "win 1", "metadata": {"round": 7}, "expected_cycle": 9}]');
-- The same id twice is one win, and other arguments are another.
SELECT total, processed, failed, replayed, total_won, payments(paid), refusals(errors) FROM jackpot_win_batch('[
    {"pool": "minor", "game_id": "a", "user_id": "ann", "win_amount": 10, "operation_id": "twice"},
    {"pool": "minor", "game_id": "a", "user_id": "ann", "win_amount": 10, "operation_id": "twice"},
    {"pool": "minor", "game_id": "b", "user_id": "ann", "win_amount": 10, "operation_id": "twice"}]');
SELECT count(*) FROM wins WHERE operation_id = 'twice';

-- What cannot be paid is refused by item; the others are paid.
TABLE amounts;
SELECT total, processed, failed, replayed, total_won, payments(paid), refusals(errors) FROM jackpot_win_batch('[
    {"pool": "minor", "game_id": "g", "user_id": "u", "win_amount": 101, "operation_id": "too much"},
    {"pool": "minor", "game_id": "g", "user_id": "u", "win_amount": 1, "expected_cycle": 1, "operation_id": "too late"},
    {"pool": "minor", "game_id": "g", "user_id": "u", "win_amount": 0},
    {"pool": "minor", "game_id": "g", "user_id": "u", "win_amount": -1},
    {"pool": "minor", "game_id": "g", "user_id": "u", "win_amount": 1.5},
    {"pool": "minor", "game_id": "g", "user_id": "u", "win_amount": 9223372036854775808},
    {"pool": "minor", "game_id": "g", "user_id": "u", "expected_cycle": true},
    {"pool": "nosuch", "game_id": "g", "user_id": "u"},
    {"game_id": "g", "user_id": "u"}, {"pool": "minor", "user_id": "u"}, {"pool": "minor", "game_id": "g"},
    {"pool": "minor", "game_id": "", "user_id": "u"}, {"pool": "minor", "game_id": "g", "user_id": ""},
    {"pool": 7, "game_id": "g", "user_id": "u"}, {"pool": null, "game_id": "g", "user_id": "u"},
    {"pool": "minor", "game_id": "g", "user_id": "u", "operation_id": ""},
    {"pool": "minor", "group": "minor", "game_id": "g", "user_id": "u"},
    {"pool": "minor", "game_id": "g", "user_id": "u", "wager_amount": 1},
    null, 7, "minor", {},
    {"pool": "minor", "game_id": "g", "user_id": "u", "win_amount": 25}]');
TABLE amounts;
SELECT total, processed, failed, total_won, payments(paid), refusals(errors) FROM jackpot_win_batch('[[], ["minor", "g", "u"], [{"pool": "minor"}]]');
-- Their ids are free.
SELECT count(*) FROM jackpot.operation WHERE operation_id IN ('too much', 'too late');
SELECT total, processed, failed, replayed, total_won, payments(paid) FROM jackpot_win_batch('[
    {"pool": "minor", "game_id": "g", "user_id": "u", "win_amount": 1, "operation_id": "too much"},
    {"pool": "minor", "game_id": "g", "user_id": "u", "win_amount": 2, "operation_id": "too late"}]');
-- Also for a later item of the same batch.
SELECT total, processed, failed, replayed, total_won, payments(paid), refusals(errors) FROM jackpot_win_batch('[
    {"pool": "minor", "game_id": "g", "user_id": "u", "win_amount": 5000, "operation_id": "later"},
    {"pool": "minor", "game_id": "g", "user_id": "u", "win_amount": 4, "operation_id": "later"},
    {"pool": "minor", "game_id": "g", "user_id": "u", "win_amount": 5000, "operation_id": "later"}]');
-- A program finds what it needs.
SELECT max(win_id) AS last FROM jackpot_history('minor', kinds => '{win}') \gset
SELECT jsonb_pretty((paid #- '{0,win_id}')), (paid #> '{0,win_id}')::bigint > :last AS later FROM jackpot_win_batch('[
    {"pool": "minor", "game_id": "g", "user_id": "u", "win_amount": 5}]');
SELECT jsonb_pretty(errors) FROM jackpot_win_batch('[{"pool": "minor", "game_id": "g", "user_id": "u", "win_amount": 5000, "operation_id": "op"}]');

-- Or nothing is paid, for the first reason.
TABLE amounts;
SELECT outcome($$SELECT * FROM jackpot_win_batch('[{"pool": "minor", "game_id": "g", "user_id": "u", "win_amount": 1, "operation_id": "abort"},
    {"pool": "minor", "game_id": "g", "user_id": "u", "win_amount": 5000}]', 'abort')$$);
SELECT outcome($$SELECT * FROM jackpot_win_batch('[{"pool": "minor", "game_id": "g", "user_id": "u", "operation_id": "abort"}, null]', 'abort')$$);
SELECT outcome($$SELECT * FROM jackpot_win_batch('[{"pool": "nosuch", "game_id": "g", "user_id": "u"}, null]', 'abort')$$);
SELECT outcome($$SELECT * FROM jackpot_win_batch('[{"pool": "minor", "game_id": "g", "user_id": "u", "win_amount": 1},
    {"pool": "minor", "game_id": "g", "user_id": "u", "operation_id": "win 1"}]', 'abort')$$);
SELECT outcome($$SELECT * FROM jackpot_win_batch('[]', 'ignore')$$);
SELECT outcome($$SELECT * FROM jackpot_win_batch(NULL)$$);
SELECT outcome($$SELECT * FROM jackpot_win_batch('{}')$$);
SELECT count(*) FROM jackpot.operation WHERE operation_id = 'abort';
TABLE amounts;
SELECT * FROM jackpot_win_batch('[]');
SELECT total, processed, replayed, total_won, payments(paid) FROM jackpot_win_batch('[
    {"pool": "minor", "game_id": "a", "user_id": "ann", "operation_id": "win 1", "metadata": {"round": 7}},
    {"pool": "minor", "game_id": "g", "user_id": "u", "win_amount": 3, "operation_id": "abort"}]', 'abort');

-- A pool that is paused pays nothing new, the others do.
SELECT status FROM jackpot_pause('minor');
SELECT total, processed, failed, replayed, total_won, payments(paid), refusals(errors) FROM jackpot_win_batch('[
    {"pool": "minor", "game_id": "g", "user_id": "u", "win_amount": 1},
    {"pool": "minor", "game_id": "a", "user_id": "ann", "operation_id": "win 1", "metadata": {"round": 7}},
    {"pool": "major", "game_id": "g", "user_id": "u", "win_amount": 1}]');
SELECT status FROM jackpot_resume('minor');
-- With what its own transaction contributed, and taken back with it.
BEGIN;
SELECT processed FROM jackpot_contribute_arrays(game_id => 'own', wager_amount => 5000, pools => '{minor}');
SAVEPOINT undone;
SELECT total_won, payments(paid) FROM jackpot_win_batch('[{"pool": "minor", "game_id": "g", "user_id": "u", "operation_id": "own"},
    {"pool": "minor", "game_id": "g", "user_id": "u", "win_amount": 1}]');
ROLLBACK TO undone;
SELECT total_won, payments(paid) FROM jackpot_win_batch('[{"pool": "minor", "game_id": "g", "user_id": "u", "win_amount": 11, "operation_id": "own"}]');
COMMIT;
SELECT kind, cycle, amount, operation_id FROM jackpot_history('minor', kinds => '{contribution,win}', max_rows => 2);

-- A large win waits to be verified.
SELECT pool FROM jackpot_create_pool('large', 0.01, 500, config => '{"game_ids": ["large"], "verify_above": 300}');
SELECT payments(paid) FROM jackpot_win_batch('[{"pool": "large", "game_id": "g", "user_id": "u", "win_amount": 299},
    {"pool": "large", "game_id": "g", "user_id": "u", "win_amount": 300}]');
SELECT win_amount, status FROM jackpot.win WHERE pool_id = (SELECT id FROM jackpot.pool WHERE pool = 'large') ORDER BY id;

TABLE amounts;
SELECT bool_and(v.ok) FROM jackpot.win w, LATERAL jackpot_verify_win(w.id) v;
SELECT * FROM jackpot_validate() WHERE NOT ok;
SELECT pool, difference FROM jackpot_reconcile() WHERE difference <> 0;
DROP VIEW amounts, wins;
DROP FUNCTION outcome, refusals, payments;
