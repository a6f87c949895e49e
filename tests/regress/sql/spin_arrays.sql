-- Many spins in one statement: their order decides. Each does what it would do alone.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS jackpot;
CREATE EXTENSION jackpot;
\pset null -

-- Pairs of pools: one of each is played by arrays, the other one call after the other. Odds of one
-- in as much as is wagered are hit whatever is drawn, those of one in 9 * 10^18 never; the seed of
-- must lies one below its ceiling, so that its threshold is the ceiling.
DO $$
DECLARE
    who text;
BEGIN
    FOREACH who IN ARRAY ARRAY['arrays', 'calls'] LOOP
        PERFORM jackpot_create_pool('odds ' || who, 0.02, 100, reserve_rate => 0.01,
                                    config => '{"game_ids": ["g"], "trigger": {"kind": "odds", "one_in": 1000}}');
        PERFORM jackpot_create_pool('must ' || who, 0.01, 10, 11, config => '{"game_ids": ["g"], "trigger": {"kind": "must_hit_by"}}');
        PERFORM jackpot_create_pool('rare ' || who, 0.01, 5, config => '{"trigger": {"kind": "odds", "one_in": 9000000000000000000}}');
        PERFORM jackpot_create_pool('by hand ' || who, 0.015, 50);
    END LOOP;
END $$;
-- One line a win: its place, pool and amount.
CREATE FUNCTION payments(wins jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s: %s %s%s', e.index, e.pool, e.win_amount, CASE WHEN e.replayed THEN ' again' END), E'\n' ORDER BY e.place)
      FROM ROWS FROM (jsonb_to_recordset(wins) AS (index bigint, pool text, win_amount bigint, replayed boolean))
           WITH ORDINALITY AS e (index, pool, win_amount, replayed, place) $$;
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
CREATE VIEW books AS
SELECT pool, current_amount, overflow_amount, reserve_amount, total_contributions, total_wagered, total_contributed, total_wins, total_won, cycle, version
  FROM jackpot_pools();
-- What each pool's history says, but for numbers and moments.
CREATE VIEW story AS
SELECT regexp_replace(p.pool, ' (arrays|calls)$', '') AS pool, p.pool LIKE '% arrays' AS by_arrays, row_number() OVER (PARTITION BY p.pool ORDER BY h.cycle, h.kind, h.id) AS n,
       h.kind, h.cycle, h.amount, h.reserve_amount, h.wager_amount, h.game_id, h.user_id, h.operator_id, h.metadata
  FROM jackpot_pools() p, LATERAL jackpot_history(p.pool, max_rows => 10000) h;

-- A wager below the odds may miss, so all that may hit here does: 1000 and more.
SELECT total, processed, failed, replayed, total_contribution, total_won, payments(wins), errors FROM jackpot_spin_arrays(
    wager_amounts => '{1000,0,5000,1001,1000}', operation_ids => '{a 1,a 2,a 3,a 4,a 5}', game_id => 'g', user_id => 'ann', operator_id => 'acme',
    metadata => ARRAY['{"round": 1}', NULL, NULL, NULL, '{"round": 5}']::jsonb[], pools => '{odds arrays,must arrays,rare arrays,by hand arrays}');
SELECT s.pool, s.contribution, s.won, s.win_amount FROM jackpot_spin('g', 1000, 'ann', 'c 1', '{odds calls,must calls,rare calls,by hand calls}', 'acme', metadata => '{"round": 1}') s;
SELECT s.pool, s.contribution, s.won, s.win_amount FROM jackpot_spin('g', 0, 'ann', 'c 2', '{odds calls,must calls,rare calls,by hand calls}', 'acme') s;
SELECT s.pool, s.contribution, s.won, s.win_amount FROM jackpot_spin('g', 5000, 'ann', 'c 3', '{odds calls,must calls,rare calls,by hand calls}', 'acme') s;
SELECT s.pool, s.contribution, s.won, s.win_amount FROM jackpot_spin('g', 1001, 'ann', 'c 4', '{odds calls,must calls,rare calls,by hand calls}', 'acme') s;
SELECT s.pool, s.contribution, s.won, s.win_amount FROM jackpot_spin('g', 1000, 'ann', 'c 5', '{odds calls,must calls,rare calls,by hand calls}', 'acme', metadata => '{"round": 5}') s;
SELECT * FROM books ORDER BY pool;
-- Money before a hit is paid by it, money after it belongs to the next cycle.
SELECT kind, cycle, amount, reserve_amount, wager_amount, operation_id, metadata
  FROM jackpot_history('odds arrays', kinds => '{contribution,win}') ORDER BY cycle, kind, id;
SELECT kind, cycle, amount, wager_amount, operation_id FROM jackpot_history('must arrays', kinds => '{contribution,win}') ORDER BY cycle, kind, id;
-- Each win knows which wager it was.
SELECT w.cycle, p.pool, w.win_amount, w.trigger, w.operation_id, l.operation_id = w.operation_id AS same, l.wager_amount, w.metadata = l.metadata AS metadata
  FROM jackpot.win w JOIN jackpot.pool p ON p.id = w.pool_id JOIN jackpot.ledger l ON l.id = w.ledger_id
 WHERE p.pool LIKE '% arrays' ORDER BY w.id;

-- Contributions that other calls have made before count, those of the same statement come in turn.
SELECT processed FROM jackpot_contribute_arrays('{g,g}', '{2000,3000}', pools => '{odds arrays,must arrays}');
SELECT processed FROM jackpot_contribute_arrays('{g,g}', '{2000,3000}', pools => '{odds calls,must calls}');
SELECT total, processed, total_contribution, total_won, payments(wins)
  FROM jackpot_spin_arrays('{g,x,g}', '{1000,700,2000}', pools => '{odds arrays,must arrays,rare arrays,by hand arrays}');
SELECT pool, won, win_amount FROM jackpot_spin('g', 1000, pools => '{odds calls,must calls,rare calls,by hand calls}');
SELECT pool, won, win_amount FROM jackpot_spin('x', 700, pools => '{odds calls,must calls,rare calls,by hand calls}');
SELECT pool, won, win_amount FROM jackpot_spin('g', 2000, pools => '{odds calls,must calls,rare calls,by hand calls}');
-- In a transaction of others, and after a roll-back.
BEGIN;
SELECT processed FROM jackpot_contribute_arrays('{g}', '{2000}', pools => '{odds arrays}');
SAVEPOINT undone;
SELECT total_won, payments(wins) FROM jackpot_spin_arrays(wager_amounts => '{1000,1000}', operation_ids => '{u 1,u 2}', game_id => 'g', pools => '{odds arrays}');
ROLLBACK TO undone;
SELECT total_won, payments(wins) FROM jackpot_spin_arrays(wager_amounts => '{3000,1000}', operation_ids => '{u 1,u 2}', game_id => 'g', pools => '{odds arrays}');
COMMIT;
BEGIN;
SELECT processed FROM jackpot_contribute_arrays('{g}', '{2000}', pools => '{odds calls}');
SELECT won, win_amount FROM jackpot_spin('g', 3000, operation_id => 'v 1', pools => '{odds calls}');
SELECT won, win_amount FROM jackpot_spin('g', 1000, operation_id => 'v 2', pools => '{odds calls}');
COMMIT;
-- Many of them.
SELECT total, processed, total_contribution, total_won, jsonb_array_length(wins)
  FROM jackpot_spin_arrays(wager_amounts => ARRAY(SELECT 999 + n % 7 * n FROM generate_series(1, 201) n WHERE n % 7 > 0), game_id => 'g', pools => '{odds arrays,must arrays,by hand arrays}');
SELECT count(DISTINCT n), sum(contribution), sum(win_amount), count(win_id)
  FROM generate_series(1, 201) n, LATERAL jackpot_spin('g', 999 + n % 7 * n, pools => '{odds calls,must calls,by hand calls}') WHERE n % 7 > 0;

-- The same books, and the same story.
SELECT regexp_replace(pool, ' (arrays|calls)$', '') AS pool, current_amount, overflow_amount, reserve_amount, total_contributions, total_wagered, total_contributed,
       total_wins, total_won, cycle, version, count(*)
  FROM books GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 ORDER BY 1;
SELECT by_arrays, count(*) FROM story GROUP BY 1 ORDER BY 1;
SELECT pool, n, kind, cycle, amount, reserve_amount, wager_amount, game_id, user_id, operator_id, metadata FROM story WHERE by_arrays
EXCEPT ALL
SELECT pool, n, kind, cycle, amount, reserve_amount, wager_amount, game_id, user_id, operator_id, metadata FROM story WHERE NOT by_arrays;
SELECT count(*), bool_and(v.ok) AS verified FROM jackpot.win w, LATERAL jackpot_verify_win(w.id) v;

-- Repeated it is the first outcome, of hits and of misses, by arrays and by calls.
SELECT total, processed, failed, replayed, total_contribution, total_won, payments(wins), errors FROM jackpot_spin_arrays(
    wager_amounts => '{1000,0,5000,1001,1000}', operation_ids => '{a 1,a 2,a 3,a 4,a 5}', game_id => 'g', user_id => 'ann', operator_id => 'acme',
    metadata => ARRAY['{"round": 1}', NULL, NULL, NULL, '{"round": 5}']::jsonb[], pools => '{odds arrays,must arrays,rare arrays,by hand arrays}');
SELECT pool, contribution, current_amount, version, replayed, won, win_amount
  FROM jackpot_spin('g', 5000, 'ann', 'a 3', '{odds arrays,must arrays,rare arrays,by hand arrays}', 'acme');
SELECT total, processed, replayed, total_won, payments(wins) FROM jackpot_spin_arrays(
    wager_amounts => '{5000,2000}', operation_ids => '{c 3,new}', game_id => 'g', user_id => 'ann', operator_id => 'acme', pools => '{odds calls,must calls,rare calls,by hand calls}');

-- What is refused: by row, or all of it with the wins that would have been.
SELECT total, processed, failed, total_contribution, total_won, payments(wins), jsonb_path_query_array(errors, '$[*].index') AS refused
  FROM jackpot_spin_arrays('{g,NULL,g,"",g}', '{1000,1,-1,1000,2000}', pools => '{odds arrays}');
SELECT * FROM jackpot_spin_arrays('{}', '{}');
SELECT outcome($$SELECT * FROM jackpot_spin_arrays()$$);
SELECT outcome($$SELECT * FROM jackpot_spin_arrays('{g,g}', '{1}')$$);
SELECT count(*) FROM jackpot.ledger;
SELECT count(*) FROM jackpot.win;
SELECT outcome($$SELECT * FROM jackpot_spin_arrays('{g,g,g}', '{1000,1000,-1}', operation_ids => '{x,y,z}', pools => '{odds arrays}', on_error => 'abort')$$);
SELECT outcome($$SELECT * FROM jackpot_spin_arrays('{g,g}', '{1000,1000}', operation_ids => '{x,a 1}', pools => '{odds arrays}', on_error => 'abort')$$);
SELECT count(*) FROM jackpot.ledger;
SELECT count(*) FROM jackpot.win;
SELECT count(*) FROM jackpot.operation WHERE operation_id IN ('x', 'y', 'z');
SELECT status FROM jackpot_pause('odds arrays');
SELECT total, processed, failed, total_won, payments(wins) FROM jackpot_spin_arrays('{g,g}', '{1000,1000}', pools => '{odds arrays,must arrays}');
SELECT total, processed, failed, payments(wins) FROM jackpot_spin_arrays('{x,g}', '{1000,1000}');
SELECT status FROM jackpot_resume('odds arrays');
-- Where nothing is, nothing is won, until there is.
SELECT pool FROM jackpot_create_pool('empty', 0.3, config => '{"game_ids": ["e"], "trigger": {"kind": "odds", "one_in": 1}}');
SELECT total, processed, total_contribution, total_won, payments(wins) FROM jackpot_spin_arrays(wager_amounts => '{0,1,2,1,0,4}', game_id => 'e', pools => '{empty}');
SELECT current_amount, cycle, total_contributed, total_won FROM jackpot_pool('empty');

-- What a pool cannot hold is refused alone.
SET client_min_messages = error;
SELECT pool FROM jackpot_create_pool('full', 0.9, 100, 200, config => '{"game_ids": ["f"], "trigger": {"kind": "must_hit_by"}}');
SET client_min_messages = warning;
SELECT total, processed, failed, total_contribution, total_won, payments(wins), errors #>> '{0,token}' AS token
  FROM jackpot_spin_arrays(wager_amounts => '{9000000000000,9000000000000,5}', game_id => 'f', pools => '{full}');
SELECT current_amount, overflow_amount, cycle FROM jackpot_pool('full');

-- A contribution is no spin, whatever else is the same.
SELECT total, failed, errors #>> '{0,token}' AS token FROM jackpot_contribute_arrays(
    wager_amounts => '{0}', operation_ids => '{a 2}', game_id => 'g', user_id => 'ann', operator_id => 'acme', pools => '{odds arrays,must arrays,rare arrays,by hand arrays}');
-- At the other isolation levels.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT cycle FROM jackpot_pool('odds arrays');
SELECT total_won, payments(wins) FROM jackpot_spin_arrays('{g,g}', '{1000,2000}', pools => '{odds arrays,must arrays,rare arrays}');
SELECT total_won, payments(wins) FROM jackpot_spin_arrays('{g,g}', '{1000,2000}', pools => '{odds arrays,must arrays,rare arrays}');
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT total_won, payments(wins) FROM jackpot_spin_arrays('{g,g}', '{1000,2000}', pools => '{odds arrays,must arrays,rare arrays}');
COMMIT;

SELECT bool_and(v.ok) AS verified FROM jackpot.win w, LATERAL jackpot_verify_win(w.id) v;
SELECT * FROM jackpot_validate() WHERE NOT ok;
SELECT pool, difference FROM jackpot_reconcile() WHERE difference <> 0;
DROP VIEW books, story;
DROP FUNCTION payments, outcome;
