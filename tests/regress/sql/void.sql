-- Voids: a wager is taken back, from where its money is by then.
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
    hint text;
BEGIN
    EXECUTE statement INTO result;
    RETURN result;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws('; ', SQLSTATE || ' ' || SQLERRM, detail, nullif(hint, ''));
END $$;
CREATE VIEW amounts AS
SELECT pool, current_amount, reserve_amount, total_contributions, total_wagered, total_contributed, cycle, version FROM jackpot_pools();

-- In its cycle: from the meter and the reserve that it fed. The totals stay what they were.
SELECT pool, contribution FROM jackpot_contribute('g', 1050, 'ann', 'bet', operator_id => 'acme', metadata => '{"round": 1}');
SELECT pool, contribution FROM jackpot_contribute('g', 200, 'bob', 'other');
TABLE amounts;
SELECT * FROM jackpot_void('bet', 'round cancelled');
TABLE amounts;
SELECT kind, cycle, amount, reserve_amount, operation_id, game_id, user_id, operator_id, wager_amount, metadata
  FROM jackpot_history('minor', kinds => '{contribution,void}') ORDER BY id;
SELECT v.operation_id, v.reason, v.actor ~ '/void$' AS void, v.pool_ids, v.from_meter, v.from_reserve, v.from_house, l.operation_id AS of
  FROM jackpot.void v JOIN jackpot.ledger t ON t.id = v.ledger_id JOIN jackpot.ledger l ON l.id = t.voids;
-- Again it is the first result, whatever the reason.
SELECT * FROM jackpot_void('bet', 'again');
SELECT count(*) FROM jackpot.ledger WHERE voids IS NOT NULL;
-- The wager does not come back, not even as a replay.
SELECT outcome($$SELECT * FROM jackpot_contribute('g', 1050, 'ann', 'bet', operator_id => 'acme', metadata => '{"round": 1}')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute('g', 7, operation_id => 'bet')$$);
SELECT outcome($$SELECT * FROM jackpot_spin('g', 1050, 'ann', 'bet', operator_id => 'acme', metadata => '{"round": 1}')$$);
SELECT outcome($$SELECT * FROM jackpot_win('minor', 'g', 'ann', operation_id => 'bet')$$);

-- In a later cycle the money has been paid out: the reserve gives it, as far as it can, and the house
-- the rest.
SELECT pool FROM jackpot_create_pool('late', 0.01, reserve_rate => 0.005, config => '{"game_ids": ["late"]}');
SELECT contribution FROM jackpot_contribute('late', 10000, operation_id => 'late 1', pools => '{late}');
SELECT contribution FROM jackpot_contribute('late', 4000, operation_id => 'late 2', pools => '{late}');
SELECT contribution FROM jackpot_contribute('late', 2050, operation_id => 'late 3', pools => '{late}');
SELECT win_amount FROM jackpot_win('late', 'g', 'ann');
SELECT current_amount, reserve_amount, cycle FROM jackpot_pool('late');
SELECT * FROM jackpot_void('late 3', 'reserve suffices');
SELECT * FROM jackpot_void('late 2', 'reserve gives a part');
SELECT * FROM jackpot_void('late 1', 'reserve is empty');
SELECT * FROM jackpot_void('late 2', 'again');
SELECT current_amount, reserve_amount, cycle, total_contributions, total_contributed FROM jackpot_pool('late');
SELECT total_seeded FROM jackpot_statistics('{late}');
SELECT kind, cycle, amount, reserve_amount, operation_id, reason, before, after
  FROM jackpot_history('late', kinds => '{void,cover}') ORDER BY id;
SELECT contributions, seeds, voids, wins, closing, difference FROM jackpot_reconcile('{late}');

-- In two pools of which one has been won since.
SELECT pool, contribution FROM jackpot_contribute('g', 1000, operation_id => 'split');
SELECT win_amount FROM jackpot_win('major', 'g', 'ann');
SELECT * FROM jackpot_void('split', 'one won, one not');
SELECT * FROM jackpot_void('split', 'again');
SELECT kind, cycle, amount, reserve_amount FROM jackpot_history('minor', max_rows => 1);
SELECT kind, cycle, amount, reserve_amount FROM jackpot_history('major', kinds => '{void,cover}') ORDER BY id;

-- Before the wager comes: then it does not come any more.
SELECT * FROM jackpot_void('to come', 'too early');
SELECT * FROM jackpot_void('to come', 'again');
SELECT outcome($$SELECT * FROM jackpot_contribute('g', 10, operation_id => 'to come')$$);
SELECT outcome($$SELECT * FROM jackpot_spin('g', 10, operation_id => 'to come')$$);
SELECT outcome($$SELECT * FROM jackpot_win('minor', 'g', 'ann', operation_id => 'to come')$$);
SELECT operation_id, reason, ledger_id, pool_ids FROM jackpot.void WHERE operation_id = 'to come';
-- Undone, it comes.
BEGIN;
SELECT pool, replayed FROM jackpot_void('comes', 'too early');
ROLLBACK;
SELECT pool, contribution FROM jackpot_contribute('g', 10, operation_id => 'comes', pools => '{minor}');

-- What fed nothing gives nothing back.
SELECT count(*) FROM jackpot_contribute('g', 10, operation_id => 'nobody', pools => '{}');
SELECT * FROM jackpot_void('nobody', 'nothing');
SELECT * FROM jackpot_void('nobody', 'nothing');
SELECT pool, contribution FROM jackpot_contribute('g', 0, operation_id => 'zero');
SELECT * FROM jackpot_void('zero', 'nothing');

-- A win is no wager, and a spin that won stands until all of its wins are cancelled.
SELECT win_amount FROM jackpot_win('minor', 'g', 'ann', 1, 'win');
SELECT outcome($$SELECT * FROM jackpot_void('win', 'no')$$);
SELECT pool FROM jackpot_create_pool('odds 1', 0.02, 10, config => '{"game_ids": ["s"], "trigger": {"kind": "odds", "one_in": 1000}}');
SELECT pool FROM jackpot_create_pool('odds 2', 0.02, 20, reserve_rate => 0.001,
                                     config => '{"game_ids": ["s"], "trigger": {"kind": "odds", "one_in": 1000}}');
SELECT pool, won, win_amount FROM jackpot_spin('s', 1000, operation_id => 'spin', pools => '{odds 1,odds 2,minor}');
SELECT min(id) AS first, max(id) AS second FROM jackpot.win WHERE operation_id = 'spin' \gset
SELECT outcome($$SELECT * FROM jackpot_void('spin', 'no')$$);
SELECT status FROM jackpot_cancel_win(:first, 'malfunction');
SELECT outcome($$SELECT * FROM jackpot_void('spin', 'no')$$);
SELECT status FROM jackpot_cancel_win(:second, 'malfunction');
SELECT * FROM jackpot_void('spin', 'malfunction');
SELECT outcome($$SELECT * FROM jackpot_spin('s', 1000, operation_id => 'spin', pools => '{odds 1,odds 2,minor}')$$);
SELECT pool, current_amount, reserve_amount FROM jackpot_pools('{odds 1,odds 2}');
-- A spin that did not hit is a wager like others.
SELECT pool, won FROM jackpot_spin('g', 100, operation_id => 'miss', pools => '{minor,major}');
SELECT * FROM jackpot_void('miss', 'round cancelled');

-- What corrections took meanwhile, the reserve makes good, then the house: no meter falls below zero.
SELECT pool FROM jackpot_create_pool('taken', 0.01, reserve_rate => 0.005, config => '{"game_ids": ["taken"]}');
SELECT contribution FROM jackpot_contribute('taken', 1000, operation_id => 'taken 1', pools => '{taken}');
SELECT contribution FROM jackpot_contribute('taken', 2000, operation_id => 'taken 2', pools => '{taken}');
SELECT contribution FROM jackpot_contribute('taken', 500, operation_id => 'taken 3', pools => '{taken}');
SELECT current_amount, reserve_amount FROM jackpot_adjust('taken', -35, 'correction');
SELECT * FROM jackpot_void('taken 1', 'a');
SELECT * FROM jackpot_void('taken 2', 'b');
SELECT current_amount, reserve_amount FROM jackpot_pool('taken');
SELECT kind, amount, reserve_amount FROM jackpot_history('taken', kinds => '{void,reseed,cover}') ORDER BY at, kind;

-- Of what stands above the ceiling first of all.
SELECT pool FROM jackpot_create_pool('capped', 0.1, 100, 150, config => '{"game_ids": ["capped"]}');
SELECT current_amount FROM jackpot_contribute('capped', 1000, operation_id => 'capped', pools => '{capped}');
SELECT from_meter FROM jackpot_void('capped', 'overflow');
SELECT current_amount, overflow_amount FROM jackpot_pool('capped');

-- In a pool that is paused, and in one that has given all away.
SELECT contribution FROM jackpot_contribute('taken', 100, operation_id => 'paused', pools => '{taken}');
SELECT contribution FROM jackpot_contribute('taken', 200, operation_id => 'retired', pools => '{taken}');
SELECT status FROM jackpot_pause('taken');
SELECT * FROM jackpot_void('paused', 'paused');
SELECT status FROM jackpot_pool('taken');
SELECT status FROM jackpot_retire('taken', 'capped', 'over');
SELECT * FROM jackpot_void('retired', 'retired');
SELECT status, current_amount, reserve_amount FROM jackpot_pool('taken');
SELECT kind, amount, reserve_amount FROM jackpot_history('taken', max_rows => 2) ORDER BY id;

-- With its wager in one transaction, before and after settling, and taken back.
BEGIN;
SELECT contribution FROM jackpot_contribute('g', 100, operation_id => 'own 1', pools => '{major}');
SELECT from_meter, replayed FROM jackpot_void('own 1', 'own');
SELECT from_meter, replayed FROM jackpot_void('own 1', 'own');
SELECT contribution FROM jackpot_contribute('g', 200, operation_id => 'own 2', pools => '{major}');
SELECT jackpot_settle() >= 0 AS settled;
SELECT from_meter, replayed FROM jackpot_void('own 2', 'own');
SELECT contribution FROM jackpot_contribute('g', 300, operation_id => 'own 3', pools => '{major}');
SAVEPOINT undone;
SELECT from_meter, replayed FROM jackpot_void('own 3', 'own');
SELECT current_amount, version FROM jackpot_pool('major');
ROLLBACK TO undone;
SELECT current_amount, version FROM jackpot_pool('major');
SELECT contribution, replayed FROM jackpot_contribute('g', 300, operation_id => 'own 3', pools => '{major}');
COMMIT;
SELECT current_amount, version FROM jackpot_pool('major');
-- A win between the two.
BEGIN;
SELECT contribution FROM jackpot_contribute('g', 1000, operation_id => 'own 4', pools => '{minor}');
SELECT win_amount FROM jackpot_win('minor', 'g', 'ann');
SELECT contribution FROM jackpot_contribute('g', 2000, operation_id => 'own 5', pools => '{minor}');
SELECT from_meter, from_reserve, from_house FROM jackpot_void('own 4', 'before the win');
SELECT from_meter, from_reserve, from_house FROM jackpot_void('own 5', 'after the win');
COMMIT;
-- Settled before, settled after.
SELECT contribution FROM jackpot_contribute('g', 1000, operation_id => 'settled', pools => '{minor}');
SELECT jackpot_settle() > 0 AS settled;
SELECT from_meter, from_reserve FROM jackpot_void('settled', 'settled');
SELECT current_amount, reserve_amount, version FROM jackpot_pool('minor');
SELECT jackpot_settle();
SELECT current_amount, reserve_amount, version FROM jackpot_pool('minor');
-- A wager and what takes it back are settled at once.
SELECT contribution FROM jackpot_contribute('g', 1000, operation_id => 'not settled', pools => '{minor}');
SELECT from_meter, from_reserve FROM jackpot_void('not settled', 'not settled');
SELECT jackpot_settle();
SELECT current_amount, reserve_amount, version FROM jackpot_pool('minor');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT contribution FROM jackpot_contribute('g', 1000, operation_id => 'repeatable', pools => '{minor}');
SELECT from_meter, from_reserve, replayed FROM jackpot_void('repeatable', 'repeatable');
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT from_meter, from_reserve, replayed FROM jackpot_void('repeatable', 'again');
COMMIT;

-- What is refused.
SELECT outcome($$SELECT * FROM jackpot_void('other', NULL)$$);
SELECT outcome($$SELECT * FROM jackpot_void('other', '')$$);
SELECT outcome($$SELECT * FROM jackpot_void(NULL, 'why')$$);
SELECT outcome($$SELECT * FROM jackpot_void('', 'why')$$);
SELECT outcome($$SELECT * FROM jackpot_void(repeat('x', 201), 'why')$$);
SELECT pool, replayed FROM jackpot_contribute('g', 200, 'bob', 'other');

TABLE amounts;
SELECT * FROM jackpot_validate() WHERE NOT ok;
SELECT pool, difference FROM jackpot_reconcile() WHERE difference <> 0;
DROP VIEW amounts;
DROP FUNCTION outcome;
