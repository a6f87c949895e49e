-- Corrections, transfers and the end of a pool: money moves with a reason, and nothing is hit by it.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS jackpot;
CREATE EXTENSION jackpot;
\pset null -
SELECT pool FROM jackpot_create_pool('minor', 0.01, 100, 150, reserve_rate => 0.005);
SELECT pool FROM jackpot_create_pool('major', 0.02, 1000);
SELECT pool FROM jackpot_create_pool('euro', 0.01, 100, currency => 'EUR');
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

-- Adjustments, by whole minor units; also above the ceiling, and while the pool is paused.
SELECT pool, current_amount, overflow_amount, version FROM jackpot_adjust('minor', 25, 'gift');
SELECT pool, current_amount, overflow_amount, version FROM jackpot_adjust('minor', 40, 'gift');
SELECT pool, current_amount, overflow_amount, version FROM jackpot_adjust('minor', -45, 'too much');
SELECT status FROM jackpot_pause('minor');
SELECT pool, status, current_amount, version FROM jackpot_adjust('minor', -20, 'too much');
SELECT status FROM jackpot_resume('minor');
SELECT kind, cycle, amount, reserve_amount, reason, before, after, actor ~ '/adjust$' AS adjust
  FROM jackpot_history('minor', kinds => '{adjust}') ORDER BY id;
SELECT adjustments, closing, difference FROM jackpot_reconcile('{minor}');
-- Down to nothing, but not below; a fraction is less than a minor unit.
SELECT contribution FROM jackpot_contribute('g', 50, pools => '{minor}');
SELECT outcome($$SELECT * FROM jackpot_adjust('minor', -101, 'all')$$);
SELECT current_amount FROM jackpot_adjust('minor', -100, 'all');
SELECT outcome($$SELECT * FROM jackpot_adjust('minor', -1, 'more')$$);
SELECT current_amount FROM jackpot_adjust('minor', 100, 'back');
SELECT outcome($$SELECT * FROM jackpot_adjust('minor', 0, 'nothing')$$);
SELECT outcome($$SELECT * FROM jackpot_adjust('minor', 9223372036854, 'much')$$);
SELECT outcome($$SELECT * FROM jackpot_adjust('minor', 9223372036854775807, 'much')$$);
SELECT outcome($$SELECT * FROM jackpot_adjust('minor', -9223372036854775808, 'much')$$);
SELECT outcome($$SELECT * FROM jackpot_adjust('nosuch', 1, 'why')$$);
SELECT outcome($$SELECT * FROM jackpot_adjust(NULL, 1, 'why')$$);
SELECT outcome($$SELECT * FROM jackpot_adjust('minor', NULL, 'why')$$);
SELECT outcome($$SELECT * FROM jackpot_adjust('minor', 1, NULL)$$);
SELECT outcome($$SELECT * FROM jackpot_adjust('minor', 1, '')$$);

-- Transfers, in both directions; the giver comes first.
SELECT pool, current_amount, version FROM jackpot_transfer('major', 'minor', 30, 'share');
SELECT pool, current_amount, version FROM jackpot_transfer('minor', 'major', 130, 'back');
SELECT current_amount, (SELECT current_amount FROM jackpot_pool('major')) AS major FROM jackpot_pool('minor');
SELECT outcome($$SELECT * FROM jackpot_transfer('minor', 'major', 1, 'more')$$);
SELECT outcome($$SELECT * FROM jackpot_transfer('minor', 'major', 0, 'nothing')$$);
SELECT outcome($$SELECT * FROM jackpot_transfer('minor', 'major', -1, 'back')$$);
SELECT outcome($$SELECT * FROM jackpot_transfer('major', 'major', 1, 'to itself')$$);
SELECT outcome($$SELECT * FROM jackpot_transfer('major', 'euro', 1, 'other money')$$);
SELECT outcome($$SELECT * FROM jackpot_transfer('euro', 'major', 1, 'other money')$$);
SELECT outcome($$SELECT * FROM jackpot_transfer('major', 'nosuch', 1, 'why')$$);
SELECT outcome($$SELECT * FROM jackpot_transfer('nosuch', 'major', 1, 'why')$$);
SELECT outcome($$SELECT * FROM jackpot_transfer(NULL, 'major', 1, 'why')$$);
SELECT outcome($$SELECT * FROM jackpot_transfer('major', NULL, 1, 'why')$$);
SELECT outcome($$SELECT * FROM jackpot_transfer('major', 'minor', NULL, 'why')$$);
SELECT outcome($$SELECT * FROM jackpot_transfer('major', 'minor', 1, NULL)$$);
SELECT outcome($$SELECT * FROM jackpot_transfer('major', 'minor', 1, '')$$);
SELECT outcome($$SELECT * FROM jackpot_transfer('major', 'minor', 9223372036854775807, 'much')$$);
-- Paused pools can give and take.
SELECT status FROM jackpot_pause('minor');
SELECT pool, status, current_amount FROM jackpot_transfer('major', 'minor', 100, 'seed');
SELECT status FROM jackpot_resume('minor');
SELECT p.pool, h.cycle, h.amount, h.reserve_amount, h.reason, h.before, h.after
  FROM jackpot_pools('{minor,major}') p, LATERAL jackpot_history(p.pool, kinds => '{transfer}') h ORDER BY h.id;
SELECT pool, transfers_in, transfers_out, closing, difference FROM jackpot_reconcile('{minor,major}');
-- Rolled back, none has been.
BEGIN;
SELECT pool, current_amount FROM jackpot_transfer('major', 'minor', 5, 'no');
SELECT pool, current_amount FROM jackpot_adjust('minor', 5, 'no');
ROLLBACK;
SELECT pool, current_amount FROM jackpot_pools('{minor,major}');

-- None of this fires: the next spin does.
SELECT pool FROM jackpot_create_pool('must 1', 0.01, 10, 11, config => '{"game_ids": ["m"], "trigger": {"kind": "must_hit_by"}}');
SELECT pool FROM jackpot_create_pool('must 2', 0.01, 10, 11, config => '{"game_ids": ["m"], "trigger": {"kind": "must_hit_by"}}');
SELECT pool FROM jackpot_create_pool('must 3', 0.01, 10, 11, config => '{"game_ids": ["m"], "trigger": {"kind": "must_hit_by"}}');
SELECT pool FROM jackpot_create_pool('odds', 0.01, 10, config => '{"game_ids": ["m"], "trigger": {"kind": "odds", "one_in": 1}}');
SELECT pool, current_amount FROM jackpot_adjust('must 1', 5, 'cross');
SELECT pool, current_amount FROM jackpot_transfer('must 1', 'must 2', 4, 'cross');
SELECT pool, current_amount FROM jackpot_transfer('major', 'odds', 4, 'cross');
SELECT pool, current_amount FROM jackpot_contribute('m', 100, operation_id => 'not drawn', pools => '{must 3}');
SELECT from_meter FROM jackpot_void('not drawn', 'cross back');
SELECT count(*) AS wins FROM jackpot.win;
SELECT pool, won, win_amount FROM jackpot_spin('m', 1, pools => '{must 1,must 2,odds}');

-- The end of a pool: what stands in it goes, with the overflow and the reserve, and nothing is lost.
SELECT contribution FROM jackpot_contribute('g', 8525, pools => '{minor}');
SELECT current_amount, overflow_amount, reserve_amount FROM jackpot_pool('minor');
SELECT current_amount, reserve_amount FROM jackpot_pool('major');
SELECT outcome($$SELECT * FROM jackpot_retire('minor', NULL, 'over')$$);
SELECT outcome($$SELECT * FROM jackpot_retire('minor', 'minor', 'over')$$);
SELECT outcome($$SELECT * FROM jackpot_retire('minor', 'euro', 'over')$$);
SELECT outcome($$SELECT * FROM jackpot_retire('minor', 'nosuch', 'over')$$);
SELECT outcome($$SELECT * FROM jackpot_retire('nosuch', 'major', 'over')$$);
SELECT outcome($$SELECT * FROM jackpot_retire('minor', 'major', NULL)$$);
SELECT outcome($$SELECT * FROM jackpot_retire('minor', 'major', '')$$);
SELECT outcome($$SELECT * FROM jackpot_retire(NULL, 'major', 'over')$$);
BEGIN;
SELECT status FROM jackpot_retire('minor', 'major', 'undone');
ROLLBACK;
SELECT status FROM jackpot_update_config('minor', '{"seed_amount": 50}', effective => 'next_cycle');
SELECT pool, status, current_amount, overflow_amount, reserve_amount, version FROM jackpot_retire('minor', 'major', 'over');
SELECT pool, status, current_amount, reserve_amount FROM jackpot_pool('major');
SELECT p.pool, h.kind, h.amount, h.reserve_amount, h.reason, h.before, h.after
  FROM jackpot_pools('{minor,major}') p, LATERAL jackpot_history(p.pool, kinds => '{transfer,retire,plan}', max_rows => 4) h
 WHERE h.reason = 'over' ORDER BY h.id;
-- It can never be used again, and no bet is stopped by it.
SELECT outcome($$SELECT * FROM jackpot_contribute('g', 1, pools => '{minor}')$$);
SELECT outcome($$SELECT * FROM jackpot_spin('g', 1, pools => '{minor}')$$);
SELECT outcome($$SELECT * FROM jackpot_win('minor', 'g', 'ann')$$);
SELECT outcome($$SELECT * FROM jackpot_adjust('minor', 1, 'why')$$);
SELECT outcome($$SELECT * FROM jackpot_transfer('minor', 'major', 1, 'why')$$);
SELECT outcome($$SELECT * FROM jackpot_transfer('major', 'minor', 1, 'why')$$);
SELECT outcome($$SELECT * FROM jackpot_retire('minor', 'major', 'again')$$);
SELECT outcome($$SELECT * FROM jackpot_retire('major', 'minor', 'again')$$);
SELECT outcome($$SELECT * FROM jackpot_update_config('minor', '{"seed_amount": 1}')$$);
SELECT outcome($$SELECT * FROM jackpot_update_config('minor', '{"seed_amount": 1}', effective => 'next_cycle')$$);
SELECT outcome($$SELECT * FROM jackpot_pause('minor')$$);
SELECT outcome($$SELECT * FROM jackpot_resume('minor')$$);
SELECT outcome($$SELECT * FROM jackpot_create_pool('minor')$$);
SELECT pool FROM jackpot_contribute('g', 1);
SELECT pool, status FROM jackpot_pools('{minor,major}');
-- An empty pool may just end, one that is paused, too; and a hidden trigger does not fire.
SELECT pool FROM jackpot_create_pool('empty', 0.01);
SELECT status FROM jackpot_pause('empty');
SELECT status FROM jackpot_retire('empty', NULL, 'never used');
SELECT pool FROM jackpot_create_pool('nothing', 0.01);
SELECT status FROM jackpot_retire('nothing', 'major', 'never used');
SELECT status, commitment FROM jackpot_retire('must 3', 'must 2', 'over');
SELECT count(*) FROM jackpot_history('major', kinds => '{transfer}');
SELECT kind, amount FROM jackpot_history('nothing', kinds => '{transfer,retire}');
-- Not while a win of it waits: it could no longer be cancelled.
SELECT pool FROM jackpot_create_pool('large', 0.01, 100, config => '{"verify_above": 1}');
SELECT win_id FROM jackpot_win('large', 'g', 'ann') \gset
SELECT outcome($$SELECT * FROM jackpot_retire('large', 'major', 'over')$$);
SELECT status FROM jackpot_confirm_win(:win_id, 'cheque');
SELECT status FROM jackpot_retire('large', 'major', 'over');
SELECT outcome(format('SELECT * FROM jackpot_cancel_win(%s, %L)', :win_id, 'too late'));
SELECT status FROM jackpot.win WHERE id = :win_id;

SELECT pool, difference, closing FROM jackpot_reconcile() ORDER BY pool;
SELECT * FROM jackpot_validate() WHERE NOT ok;
DROP FUNCTION outcome;
