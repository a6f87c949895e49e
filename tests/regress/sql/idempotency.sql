-- An operation_id stands for one call: repeated, it gives the first result and does nothing more.
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

SELECT * FROM jackpot_contribute('g', 1001, 'ann', 'bet 1');
SELECT * FROM jackpot_contribute('g', 5000, 'ann', 'bet 2');
-- What was true then, not what is true now.
SELECT * FROM jackpot_contribute('g', 1001, 'ann', 'bet 1');
SELECT pool, current_amount, version FROM jackpot_pools();

-- Any other argument is another call.
SELECT outcome($$SELECT * FROM jackpot_contribute('g', 1002, 'ann', 'bet 1')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute('h', 1001, 'ann', 'bet 1')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute('g', 1001, 'bob', 'bet 1')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute('g', 1001, NULL, 'bet 1')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute('g', 1001, 'ann', 'bet 1', '{minor,major}')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute('g', 1001, 'ann', 'bet 1', operator_id => 'acme')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute('g', 1001, 'ann', 'bet 1', game_category => 'acme')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute('g', 1001, 'ann', 'bet 1', currency => 'EUR')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute('g', 1001, 'ann', 'bet 1', metadata => '{}')$$);
-- The order of pools and of keys is none.
SELECT * FROM jackpot_contribute('g', 10, 'ann', 'bet 3', '{minor,major}', metadata => '{"a": 1, "b": 2}');
SELECT * FROM jackpot_contribute('g', 10, 'ann', 'bet 3', '{major,minor,major}', metadata => '{"b": 2, "a": 1}');
-- Ids are compared as they are written.
SELECT pool, replayed FROM jackpot_contribute('g', 1001, 'ann', 'BET 1');
SELECT pool, replayed FROM jackpot_contribute('g', 1001, 'ann', 'bet 1 ');

-- Wins.
SELECT win_amount, previous_amount, current_amount, cycle, version, operation_id, replayed
  FROM jackpot_win('minor', 'g', 'ann', operation_id => 'win 1');
SELECT pool FROM jackpot_contribute('g', 5000, 'ann', 'bet 4', '{minor}');
SELECT win_amount, previous_amount, current_amount, cycle, version, operation_id, replayed
  FROM jackpot_win('minor', 'g', 'ann', operation_id => 'win 1');
SELECT count(DISTINCT w.win_id) FROM generate_series(1, 3) n, LATERAL jackpot_win('minor', 'g', 'ann', operation_id => left('win 1', n + 100)) w;
SELECT cycle, total_wins FROM jackpot_pool('minor');
SELECT outcome($$SELECT * FROM jackpot_win('major', 'g', 'ann', operation_id => 'win 1')$$);
SELECT outcome($$SELECT * FROM jackpot_win('minor', 'h', 'ann', operation_id => 'win 1')$$);
SELECT outcome($$SELECT * FROM jackpot_win('minor', 'g', 'bob', operation_id => 'win 1')$$);
SELECT outcome($$SELECT * FROM jackpot_win('minor', 'g', 'ann', 1, 'win 1')$$);
SELECT outcome($$SELECT * FROM jackpot_win('minor', 'g', 'ann', operation_id => 'win 1', expected_cycle => 1)$$);
SELECT outcome($$SELECT * FROM jackpot_win('minor', 'g', 'ann', operation_id => 'win 1', metadata => '{}')$$);
-- The cycle that was expected then is over; its result is still the same.
SELECT win_amount, cycle, replayed FROM jackpot_win('minor', 'g', 'ann', 5, 'win 2', 2);
SELECT win_amount, cycle, replayed FROM jackpot_win('minor', 'g', 'ann', 5, 'win 2', 2);

-- One id for two things.
SELECT outcome($$SELECT * FROM jackpot_win('minor', 'g', 'ann', operation_id => 'bet 1')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute('g', 1001, 'ann', 'win 1')$$);

-- A pool that is paused meanwhile changes nothing about what has been.
SELECT status FROM jackpot_pause('minor');
SELECT pool, contribution, replayed FROM jackpot_contribute('g', 10, 'ann', 'bet 3', '{minor,major}', metadata => '{"a": 1, "b": 2}');
SELECT win_amount, cycle, replayed FROM jackpot_win('minor', 'g', 'ann', operation_id => 'win 1');
SELECT status FROM jackpot_resume('minor');

-- An operation that failed has not been.
SELECT outcome($$SELECT * FROM jackpot_win('minor', 'g', 'ann', 1000000000, 'too much')$$);
SELECT win_amount, replayed FROM jackpot_win('minor', 'g', 'ann', 1, 'too much');

-- In one transaction, and with what a savepoint took back.
BEGIN;
SELECT pool, replayed FROM jackpot_contribute('g', 1, 'ann', 'bet 5', '{minor}');
SELECT pool, replayed FROM jackpot_contribute('g', 1, 'ann', 'bet 5', '{minor}');
SAVEPOINT undone;
SELECT pool, replayed FROM jackpot_contribute('g', 1, 'ann', 'bet 6', '{minor}');
SELECT win_amount, replayed FROM jackpot_win('minor', 'g', 'ann', 1, 'win 3');
ROLLBACK TO undone;
SELECT pool, replayed FROM jackpot_contribute('g', 1, 'ann', 'bet 6', '{minor}');
SELECT win_amount, replayed FROM jackpot_win('minor', 'g', 'ann', 1, 'win 3');
COMMIT;
SELECT pool, replayed FROM jackpot_contribute('g', 1, 'ann', 'bet 6', '{minor}');

-- 200 characters are an id, whatever their bytes; 201 and none are not.
SELECT pool, length(operation_id), replayed FROM jackpot_contribute('g', 1, 'ann', repeat('ä', 200), '{minor}');
SELECT pool, length(operation_id), replayed FROM jackpot_contribute('g', 1, 'ann', repeat('ä', 200), '{minor}');
SELECT win_amount, length(operation_id), replayed FROM jackpot_win('minor', 'g', 'ann', 1, repeat('w', 200));
SELECT outcome($$SELECT * FROM jackpot_contribute('g', 1, 'ann', repeat('x', 201), '{minor}')$$);
SELECT outcome($$SELECT * FROM jackpot_win('minor', 'g', 'ann', 1, repeat('x', 201))$$);
SELECT outcome($$SELECT * FROM jackpot_contribute('g', 1, 'ann', '', '{minor}')$$);

-- One operation, one row.
SELECT operation_id, count(*) FROM jackpot.ledger WHERE operation_id IS NOT NULL GROUP BY operation_id HAVING count(*) > 1;
SELECT operation_id, count(*) FROM jackpot.win WHERE operation_id IS NOT NULL GROUP BY operation_id HAVING count(*) > 1;
SELECT * FROM jackpot_validate() WHERE NOT ok;
DROP FUNCTION outcome;
