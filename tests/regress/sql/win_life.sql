-- The life of a win: pending until it is confirmed, where it is large, then paid; or cancelled.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS jackpot;
CREATE EXTENSION jackpot;
\pset null -
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
CREATE VIEW life AS
SELECT w.id, p.pool, w.win_amount, w.status, w.reference, w.confirmed_at IS NOT NULL AS confirmed, w.confirmed_by ~ '/confirm_win$' AS by,
       w.cancelled_at IS NOT NULL AS cancelled, w.cancelled_by ~ '/cancel_win$' AS by_whom, w.cancel_reason
  FROM jackpot.win w JOIN jackpot.pool p ON p.id = w.pool_id ORDER BY w.id;
SELECT pool FROM jackpot_create_pool('minor', 0.1, 0, reserve_rate => 0.05, initial_amount => 1000, config => '{"verify_above": 100}');

-- From verify_above on a win waits. Without it none does.
SELECT win_id, win_amount FROM jackpot_win('minor', 'g', 'ann', 99);
SELECT win_id, win_amount FROM jackpot_win('minor', 'g', 'ann', 100);
SELECT win_id, win_amount FROM jackpot_win('minor', 'g', 'ann', 101);
SELECT config_version FROM jackpot_update_config('minor', '{"verify_above": 0}');
SELECT win_id, win_amount FROM jackpot_win('minor', 'g', 'ann', 1);
SELECT config_version FROM jackpot_update_config('minor', '{"verify_above": null}');
SELECT win_id, win_amount FROM jackpot_win('minor', 'g', 'ann', 200);
TABLE life;
-- The limit in force at the hit counts, not the one that comes with the next cycle.
SELECT config_version FROM jackpot_update_config('minor', '{"verify_above": 50}', effective => 'next_cycle');
SELECT win_id, win_amount FROM jackpot_win('minor', 'g', 'ann', 60);
SELECT win_id, win_amount FROM jackpot_win('minor', 'g', 'ann', 60);
-- So it is with spins.
SELECT config_version FROM jackpot_update_config('minor', '{"trigger": {"kind": "odds", "one_in": 10}, "verify_above": 380}');
SELECT won, win_id, win_amount, current_amount FROM jackpot_spin('g', 10, 'bob', 'spin');
SELECT id, status FROM life WHERE id >= 6;

-- Confirmed, with the words of whoever did it. The money does not move: it left with the win.
SELECT win_id, pool, win_amount, status, reference, confirmed_at IS NOT NULL AS confirmed, confirmed_by ~ '/confirm_win$' AS by, cancelled_at, cancelled_by, cancel_reason
  FROM jackpot_confirm_win(2, 'cheque 17');
SELECT current_amount, total_wins, total_won FROM jackpot_pool('minor');
SELECT win_id, status, reference FROM jackpot_confirm_win(3, 'transfer 5');
-- Again it is the same, with the same words only.
SELECT win_id, status, reference FROM jackpot_confirm_win(2, 'cheque 17');
SELECT outcome($$SELECT * FROM jackpot_confirm_win(2, 'cheque 18')$$);
SELECT count(*) FROM jackpot_history('minor', kinds => '{confirm}');
-- What was paid at once needs nobody.
SELECT outcome($$SELECT * FROM jackpot_confirm_win(1, 'cheque 18')$$);

-- Cancelled: the money comes back to the pool, whatever the win's state; cycles go on as they are.
SELECT current_amount, reserve_amount, cycle, version FROM jackpot_pool('minor');
SELECT win_id, pool, win_amount, status, reference, confirmed_at, confirmed_by, cancelled_at IS NOT NULL AS cancelled, cancelled_by ~ '/cancel_win$' AS by, cancel_reason
  FROM jackpot_cancel_win(8, 'malfunction');
SELECT current_amount, reserve_amount, cycle, version, total_wins, total_won FROM jackpot_pool('minor');
SELECT win_id, status, cancel_reason FROM jackpot_cancel_win(1, 'paid, not pending');
SELECT win_id, status, reference, cancel_reason FROM jackpot_cancel_win(2, 'confirmed before');
SELECT current_amount FROM jackpot_pool('minor');
-- Again it is the same, whatever the reason, and no money comes twice.
SELECT win_id, status, cancel_reason FROM jackpot_cancel_win(8, 'again');
SELECT current_amount FROM jackpot_pool('minor');
-- A win that is cancelled is over, and its operation stays what it was.
SELECT outcome($$SELECT * FROM jackpot_confirm_win(8, 'cheque 19')$$);
SELECT won, win_id, win_amount, replayed FROM jackpot_spin('g', 10, 'bob', 'spin');
TABLE life;
SELECT kind, cycle, amount, reserve_amount, win_id, operation_id, user_id, reason, before, after
  FROM jackpot_history('minor', kinds => '{confirm,cancel,adjust}') ORDER BY id;
SELECT contributions, seeds, adjustments, wins, closing, difference FROM jackpot_reconcile('{minor}');
SELECT v.ok, v.status, v.win_amount FROM jackpot.win w, LATERAL jackpot_verify_win(w.id) v WHERE w.id IN (1, 2, 8) ORDER BY w.id;

-- While the pool is paused, too; and rolled back it has not been.
SELECT status FROM jackpot_pause('minor');
BEGIN;
SELECT status FROM jackpot_cancel_win(4, 'undone');
SELECT current_amount FROM jackpot_pool('minor');
ROLLBACK;
SELECT status FROM life WHERE id = 4;
SELECT status FROM jackpot_confirm_win(4, 'cash');
SELECT status FROM jackpot_cancel_win(5, 'paused');
SELECT status FROM jackpot_resume('minor');
-- A win that is won and cancelled in one transaction; the cancelled money is won again.
BEGIN;
SELECT win_id, win_amount FROM jackpot_win('minor', 'g', 'ann');
SELECT status FROM jackpot_cancel_win(9, 'at once');
SELECT win_id, win_amount FROM jackpot_win('minor', 'g', 'ann');
COMMIT;
-- Above the ceiling it waits for the next cycle.
SELECT pool FROM jackpot_create_pool('capped', 0.1, 100, 150, config => '{"game_ids": ["capped"]}');
SELECT win_id, win_amount FROM jackpot_win('capped', 'g', 'ann');
SELECT status FROM jackpot_cancel_win(11, 'malfunction');
SELECT current_amount, overflow_amount FROM jackpot_pool('capped');

-- What is refused.
SELECT outcome($$SELECT * FROM jackpot_confirm_win(99, 'cheque')$$);
SELECT outcome($$SELECT * FROM jackpot_cancel_win(99, 'why')$$);
SELECT outcome($$SELECT * FROM jackpot_confirm_win(NULL, 'cheque')$$);
SELECT outcome($$SELECT * FROM jackpot_confirm_win(7, NULL)$$);
SELECT outcome($$SELECT * FROM jackpot_cancel_win(NULL, 'why')$$);
SELECT outcome($$SELECT * FROM jackpot_cancel_win(7, NULL)$$);
SELECT outcome($$SELECT * FROM jackpot_cancel_win(7, '')$$);
SELECT outcome($$SELECT * FROM jackpot_update_config('minor', '{"verify_above": -1}')$$);
SELECT status FROM life WHERE id = 7;

SELECT * FROM jackpot_validate() WHERE NOT ok;
DROP VIEW life;
DROP FUNCTION outcome;
