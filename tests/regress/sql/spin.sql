-- Spins: a wager that feeds its pools, draws for each of them and is paid what it hits.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS jackpot;
CREATE EXTENSION jackpot;
\pset null -

-- One pool of each kind that is hit whatever is drawn, and one of each that never is: odds of one in
-- as much as is wagered, a threshold less than one minor unit away, a moment that has come.
SELECT pool FROM jackpot_create_pool('by hand', 0.01, 100);
SELECT pool FROM jackpot_create_pool('odds', 0.02, 100, config => '{"trigger": {"kind": "odds", "one_in": 1000}}');
SELECT pool FROM jackpot_create_pool('must', 0.01, 10, 11, config => '{"trigger": {"kind": "must_hit_by"}}');
SELECT pool FROM jackpot_create_pool('timed', 0.01, 50, reserve_rate => 0.005,
                                     config => '{"trigger": {"kind": "scheduled", "every": "1 second"}}');
SELECT pool FROM jackpot_create_pool('rare', 0.01, 5, config => '{"trigger": {"kind": "odds", "one_in": 9000000000000000000}}');
SELECT pool FROM jackpot_create_pool('far', 0.01, 5, 9000000000000, config => '{"trigger": {"kind": "must_hit_by"}}');
SELECT pool FROM jackpot_create_pool('later', 0.01, 5,
                                     config => '{"trigger": {"kind": "scheduled", "every": "daily", "anchor": "2999-01-01"}}');
DO $$ BEGIN PERFORM pg_sleep(1.1); END $$;

-- All at once: each pays what it held with this wager, within its ceiling, and starts anew.
SELECT * FROM jackpot_spin('g', 1000, 'ann', 'first', metadata => '{"round": 7}');
SELECT pool, current_amount, overflow_amount, reserve_amount, total_contributions, total_wins, total_won, cycle, version
  FROM jackpot_pools();
-- Repeated it is the first outcome, of hits and of misses, and nothing more happens.
SELECT * FROM jackpot_spin('g', 1000, 'ann', 'first', metadata => '{"round": 7}');
SELECT count(*) FROM jackpot.win;
-- A win knows who played, on what, and which wager it was.
SELECT h.cycle, h.amount, h.operation_id, h.game_id, h.user_id, h.metadata, w.trigger, w.status,
       l.operation_id = h.operation_id AND l.wager_amount = 1000 AS wager, h.actor ~ '/spin$' AS spin
  FROM jackpot_pools() p, LATERAL jackpot_history(p.pool, kinds => '{win}') h
  JOIN jackpot.win w ON w.id = h.win_id
  JOIN jackpot.ledger l ON l.id = w.ledger_id;
SELECT ok, pool FROM jackpot.win w, LATERAL jackpot_verify_win(w.id) ORDER BY w.id;

-- Without an operation_id and without a user. An explicit NULL is as omitted.
SELECT * FROM jackpot_spin('g', 1000, pools => '{odds,rare}');
SELECT * FROM jackpot_spin('g', 1000, NULL, NULL, '{odds}', NULL, NULL, NULL, NULL);
-- A wager above the odds hits, too.
SELECT pool, won, win_amount FROM jackpot_spin('g', 5000, pools => '{odds}');
-- Several in one statement see one another.
SELECT s.pool, s.contribution, s.current_amount, s.version, s.win_amount
  FROM generate_series(1000, 3000, 1000) n, LATERAL jackpot_spin('g', n, pools => '{odds,by hand}') s;

-- One id for two things.
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
SELECT pool FROM jackpot_contribute('g', 10, 'ann', 'fed', '{rare}');
SELECT outcome($$SELECT * FROM jackpot_spin('g', 10, 'ann', 'fed', '{rare}')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute('g', 1000, 'ann', 'first', metadata => '{"round": 7}')$$);
SELECT outcome($$SELECT * FROM jackpot_spin('g', 1001, 'ann', 'first', metadata => '{"round": 7}')$$);
SELECT outcome($$SELECT * FROM jackpot_spin('g', 1000, 'bob', 'first', metadata => '{"round": 7}')$$);
SELECT outcome($$SELECT * FROM jackpot_spin('g', 1000, 'ann', 'first')$$);
SELECT outcome($$SELECT * FROM jackpot_win('odds', 'g', 'ann', operation_id => 'first')$$);
-- What is refused.
SELECT outcome($$SELECT * FROM jackpot_spin(NULL, 1)$$);
SELECT outcome($$SELECT * FROM jackpot_spin('g', NULL)$$);
SELECT outcome($$SELECT * FROM jackpot_spin('', 1)$$);
SELECT outcome($$SELECT * FROM jackpot_spin('g', -1)$$);
SELECT outcome($$SELECT * FROM jackpot_spin('g', 1, pools => '{nosuch}')$$);
SELECT outcome($$SELECT * FROM jackpot_spin('g', 9223372036854775807)$$);

-- Without totals only what did not hit lacks them: a hit has read the pool under its lock.
SET jackpot.totals = off;
SELECT * FROM jackpot_spin('g', 1000, operation_id => 'no totals', pools => '{by hand,odds,must,rare,far,later}');
RESET jackpot.totals;
SELECT * FROM jackpot_spin('g', 1000, operation_id => 'no totals', pools => '{by hand,odds,must,rare,far,later}');
SELECT pool, current_amount, version FROM jackpot_pools('{by hand,odds,must,rare,far,later}');

-- Contributions draw for nothing: the meter may stand beyond the threshold, and the moment may have
-- come. A wager of nothing wins nothing; the next spin does.
DO $$ BEGIN PERFORM pg_sleep(2); END $$;
SELECT pool, current_amount FROM jackpot_contribute('g', 100000, pools => '{odds,must,timed}');
SELECT pool, contribution, won, win_amount FROM jackpot_spin('g', 0, pools => '{odds,must,timed}');
SELECT pool, contribution, won, win_amount FROM jackpot_spin('g', 1, pools => '{must,timed}');
SELECT pool, current_amount, overflow_amount FROM jackpot_pools('{must,timed}');
-- What stands above the ceiling is there at once: the next spin is paid, again and again, until it is
-- used up.
SELECT pool, won, win_amount FROM jackpot_spin('g', 1, pools => '{must}');

-- Where nothing is, nothing is won, and the cycle goes on; also of less than a minor unit.
SELECT current_amount FROM jackpot_create_pool('empty', 0, config => '{"game_ids": ["e"], "trigger": {"kind": "odds", "one_in": 1}}');
SELECT * FROM jackpot_spin('e', 10, operation_id => 'empty', pools => '{empty}');
SELECT * FROM jackpot_spin('e', 10, operation_id => 'empty', pools => '{empty}');
SELECT config_version FROM jackpot_update_config('empty', '{"contribution_rate": 0.3}');
SELECT contribution, won FROM jackpot_spin('e', 3, pools => '{empty}');
SELECT contribution, won, win_amount, current_amount FROM jackpot_spin('e', 1, pools => '{empty}');
SELECT cycle, total_contributed, total_won FROM jackpot_pool('empty');

-- Who is fed is who draws.
SELECT count(*) FROM jackpot_spin('g', 1000, pools => '{empty}');
SELECT count(*) FROM jackpot_spin('g', 1000, operation_id => 'nobody', pools => '{}');
SELECT count(*) FROM jackpot_spin('g', 1000, operation_id => 'nobody', pools => '{}');
SELECT status FROM jackpot_pause('odds');
SELECT pool, won FROM jackpot_spin('g', 1000) WHERE pool IN ('odds', 'rare');
SELECT outcome($$SELECT * FROM jackpot_spin('g', 1000, pools => '{odds}')$$);
-- What has been stays as it was.
SELECT pool, won, win_amount, replayed FROM jackpot_spin('g', 1000, 'ann', 'first', metadata => '{"round": 7}');
SELECT status FROM jackpot_resume('odds');

-- Rolled back, a hit has not been, and its id is free.
CREATE TEMP TABLE before AS SELECT pool, current_amount, cycle, version, commitment FROM jackpot_pools();
BEGIN;
SELECT pool, won, win_amount FROM jackpot_spin('g', 1000, 'ann', 'undone', '{by hand,odds,must}');
ROLLBACK;
BEGIN;
SAVEPOINT undone;
SELECT pool, won, win_amount FROM jackpot_spin('g', 1000, 'ann', 'undone', '{by hand,odds,must}');
ROLLBACK TO undone;
TABLE before EXCEPT SELECT pool, current_amount, cycle, version, commitment FROM jackpot_pools();
COMMIT;
TABLE before EXCEPT SELECT pool, current_amount, cycle, version, commitment FROM jackpot_pools();
SELECT pool, won, replayed FROM jackpot_spin('g', 1000, 'ann', 'undone', '{by hand,odds,must}');
-- In one transaction what was contributed before the hit counts to it, what comes after does not.
BEGIN;
SELECT current_amount FROM jackpot_contribute('g', 50000, pools => '{odds}');
SAVEPOINT undone;
SELECT pool, won, win_amount FROM jackpot_spin('g', 1000, pools => '{odds}');
ROLLBACK TO undone;
SELECT pool, won, win_amount, current_amount FROM jackpot_spin('g', 2000, pools => '{odds}');
SELECT current_amount FROM jackpot_contribute('g', 50, pools => '{odds}');
SELECT pool, won, win_amount, current_amount FROM jackpot_spin('g', 1000, pools => '{odds}');
SELECT current_amount, cycle FROM jackpot_pool('odds');
COMMIT;
SELECT current_amount, cycle FROM jackpot_pool('odds');
-- A function's exception block takes a hit back, too.
DO $$
BEGIN
    PERFORM jackpot_spin('g', 1000, pools => '{odds,must}');
    RAISE EXCEPTION 'no';
EXCEPTION WHEN raise_exception THEN NULL;
END $$;
SELECT current_amount, cycle FROM jackpot_pool('odds');

-- At every isolation level.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT current_amount FROM jackpot_pool('odds');
SELECT pool, won, win_amount, current_amount FROM jackpot_spin('g', 1000, pools => '{odds,must,rare,far,later}');
SELECT pool, won, win_amount, current_amount FROM jackpot_spin('g', 2000, pools => '{odds,must,rare,far,later}');
SELECT current_amount, cycle FROM jackpot_pool('odds');
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT pool, won, win_amount, current_amount FROM jackpot_spin('g', 1000, pools => '{odds,must,rare,far,later}');
SET LOCAL jackpot.totals = off;
SELECT pool, won, win_amount, current_amount FROM jackpot_spin('g', 2000, pools => '{odds,must,rare,far,later}');
COMMIT;
SELECT current_amount, cycle FROM jackpot_pool('odds');

SELECT count(*) > 20 AS many, bool_and(v.ok) AS verified FROM jackpot.win w, LATERAL jackpot_verify_win(w.id) v;
SELECT * FROM jackpot_validate() WHERE NOT ok;
SELECT pool, difference FROM jackpot_reconcile() WHERE difference <> 0;
DROP FUNCTION outcome;
