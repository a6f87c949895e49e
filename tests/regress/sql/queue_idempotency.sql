-- An operation_id in the queue: the same call is the same item, whoever made it first and however, and
-- anything else is refused.
SET client_min_messages = error;
DROP EXTENSION IF EXISTS jackpot;
CREATE EXTENSION jackpot;
\pset null -
SET jackpot.retry_delay = '1ms';
-- Every wager of 1000 on game o hits odds.
SELECT pool FROM jackpot_create_pool('minor', 0.01, 100, config => '{"game_ids": ["m"]}');
SELECT pool FROM jackpot_create_pool('odds', 0.02, 100, config => '{"game_ids": ["o"], "trigger": {"kind": "odds", "one_in": 1000}}');
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
CREATE VIEW amounts AS SELECT pool, current_amount, total_contributions, total_wagered, total_wins, total_won, cycle FROM jackpot_pools();
CREATE VIEW wins AS
SELECT p.pool, w.cycle, w.win_amount, w.operation_id FROM jackpot.win w JOIN jackpot.pool p ON p.id = w.pool_id ORDER BY w.id;

-- A contribution.
SELECT jackpot_enqueue_contribution('m', 1000, 'ann', 'c 1', '{minor}', 'acme', 'slots', 'EUR', '{"round": 7}', 1) AS id \gset
SELECT jackpot_enqueue_contribution('m', 1000, 'ann', 'c 1', '{minor}', 'acme', 'slots', 'EUR', '{"round": 7}') = :id AS same;
-- The priority is no part of what it is.
SELECT jackpot_enqueue_contribution('m', 1000, 'ann', 'c 1', '{minor}', 'acme', 'slots', 'EUR', '{"round": 7}', 2) = :id AS same;
SELECT pool, contribution, replayed FROM jackpot_contribute('m', 1000, 'ann', 'c 1', '{minor}', 'acme', 'slots', 'EUR', '{"round": 7}');
SELECT pool, contribution FROM jackpot_contribute('m', 1000, operation_id => 'c 2');
SELECT jackpot_enqueue_contribution('m', 1000, operation_id => 'c 2') = id AS same FROM jackpot.ledger WHERE operation_id = 'c 2';
SELECT outcome($$SELECT jackpot_enqueue_contribution('m', 1001, operation_id => 'c 2')$$);
SELECT outcome($$SELECT jackpot_enqueue_contribution('m', 1000, 'bob', 'c 2')$$);
SELECT outcome($$SELECT jackpot_enqueue_contribution('m', 1000, operation_id => 'c 2', metadata => '{}')$$);
SELECT outcome($$SELECT jackpot_enqueue_spin('m', 1000, operation_id => 'c 2')$$);
SELECT outcome($$SELECT jackpot_enqueue_spin('m', 1000, operation_id => 'c 2', delay => '1 day')$$);
SELECT outcome($$SELECT jackpot_enqueue_win('minor', 'm', 'ann', operation_id => 'c 2')$$);

-- A spin, before it is drawn: it is the same operation whenever it draws, and nothing is won yet.
SELECT jackpot_enqueue_spin('o', 1000, 'ann', 's 1') AS id \gset
SELECT jackpot_enqueue_spin('o', 1000, 'ann', 's 1') = :id AS same;
SELECT jackpot_enqueue_spin('o', 1000, 'ann', 's 1', priority => 90, delay => '1 day') = :id AS same;
SELECT pool, contribution, won, win_amount, replayed FROM jackpot_spin('o', 1000, 'ann', 's 1');
SELECT outcome($$SELECT jackpot_enqueue_spin('o', 1001, 'ann', 's 1')$$);
SELECT outcome($$SELECT jackpot_enqueue_spin('o', 1001, 'ann', 's 1', delay => '1 day')$$);
SELECT outcome($$SELECT jackpot_enqueue_contribution('o', 1000, 'ann', 's 1')$$);
SELECT outcome($$SELECT jackpot_contribute('o', 1000, 'ann', 's 1')$$);
SELECT outcome($$SELECT jackpot_enqueue_win('odds', 'o', 'ann', operation_id => 's 1')$$);
SELECT outcome($$SELECT jackpot_win('odds', 'o', 'ann', operation_id => 's 1')$$);
SELECT * FROM jackpot_process_queue();
-- And after: with what it has won.
SELECT jackpot_enqueue_spin('o', 1000, 'ann', 's 1') = :id AS same;
SELECT pool, contribution, won, win_amount, replayed FROM jackpot_spin('o', 1000, 'ann', 's 1');
SELECT s.win_id = w.id AS same FROM jackpot_spin('o', 1000, 'ann', 's 1') s, jackpot.win w WHERE w.operation_id = 's 1';
SELECT total, replayed, total_won FROM jackpot_spin_arrays('{o}', '{1000}', '{ann}', '{s 1}');
SELECT * FROM jackpot_process_queue();
-- One that was drawn by a call is not drawn again.
SELECT pool, won, win_amount FROM jackpot_spin('o', 1000, operation_id => 's 2');
SELECT jackpot_enqueue_spin('o', 1000, operation_id => 's 2') = id AS same FROM jackpot.ledger WHERE operation_id = 's 2';
SELECT jackpot_enqueue_spin('o', 1000, operation_id => 's 2', delay => '1 hour') = id AS same FROM jackpot.ledger WHERE operation_id = 's 2';
SELECT * FROM jackpot_process_queue();
-- Several in one statement.
SELECT count(DISTINCT jackpot_enqueue_spin('o', 1000, operation_id => 's 3')) FROM generate_series(1, 5);
SELECT * FROM jackpot_process_queue();

-- A delayed spin, before it is due.
SELECT jackpot_enqueue_spin('o', 1000, 'ann', 'd 1', delay => '1 second') AS id \gset
SELECT jackpot_enqueue_spin('o', 1000, 'ann', 'd 1', delay => '1 second') = :id AS same;
SELECT jackpot_enqueue_spin('o', 1000, 'ann', 'd 1', delay => '1 day', priority => 3) = :id AS same;
SELECT outcome($$SELECT jackpot_enqueue_spin('o', 1000, 'bob', 'd 1', delay => '1 second')$$);
SELECT outcome($$SELECT jackpot_enqueue_win('odds', 'o', 'ann', operation_id => 'd 1')$$);
DO $$ BEGIN PERFORM pg_sleep(1.1); END $$;
SELECT * FROM jackpot_process_queue();
SELECT pool, contribution, won, win_amount, replayed FROM jackpot_spin('o', 1000, 'ann', 'd 1');
SELECT count(*) FROM jackpot.ledger WHERE operation_id = 'd 1';
-- Played by a call before it is due, it is that call's when it is due.
SELECT jackpot_enqueue_spin('o', 1000, 'ann', 'd 2', delay => '1 second') AS id \gset
SELECT pool, won, win_amount, replayed FROM jackpot_spin('o', 1000, 'ann', 'd 2');
SELECT status FROM jackpot_queue_item(:id);
DO $$ BEGIN PERFORM pg_sleep(1.1); END $$;
SELECT * FROM jackpot_process_queue();
SELECT status, result -> 'ledger_id' = to_jsonb(l.id) AS wager, result #>> '{wins,0,win_amount}' AS won FROM jackpot_queue_item(:id), jackpot.ledger l WHERE l.operation_id = 'd 2';
SELECT count(*) FROM jackpot.ledger WHERE operation_id = 'd 2';
-- Played as something else before it is due, it is refused when it is due.
SELECT jackpot_enqueue_spin('o', 1000, 'ann', 'd 3', delay => '1 second') AS id \gset
SELECT pool, contribution FROM jackpot_contribute('o', 7, 'ann', 'd 3');
DO $$ BEGIN PERFORM pg_sleep(1.1); END $$;
SELECT * FROM jackpot_process_queue();
SELECT status, sqlstate, token, message FROM jackpot_queue_item(:id);

-- A win, before it is paid.
SELECT jackpot_enqueue_win('minor', 'm', 'ann', 5, 'w 1', 1, '{"round": 7}') AS id \gset
SELECT jackpot_enqueue_win('minor', 'm', 'ann', 5, 'w 1', 1, '{"round": 7}', 7, '1 day') = :id AS same;
SELECT outcome($$SELECT jackpot_enqueue_win('minor', 'm', 'ann', 6, 'w 1', 1, '{"round": 7}')$$);
SELECT outcome($$SELECT jackpot_enqueue_win('minor', 'm', 'ann', 5, 'w 1', 1)$$);
SELECT outcome($$SELECT jackpot_enqueue_win('odds', 'm', 'ann', 5, 'w 1', 1, '{"round": 7}')$$);
SELECT outcome($$SELECT jackpot_enqueue_spin('m', 1000, operation_id => 'w 1', delay => '1 day')$$);
SELECT * FROM jackpot_process_queue();
SELECT jackpot_enqueue_win('minor', 'm', 'ann', 5, 'w 1', 1, '{"round": 7}') = :id AS same;
SELECT win_amount, replayed FROM jackpot_win('minor', 'm', 'ann', 5, 'w 1', 1, '{"round": 7}');
SELECT * FROM jackpot_process_queue();
-- Paid by a call before: the item tells of it, and nothing is paid.
SELECT win_amount FROM jackpot_win('minor', 'm', 'ann', 4, 'w 2');
SELECT jackpot_enqueue_win('minor', 'm', 'ann', 4, 'w 2') AS id \gset
SELECT jackpot_enqueue_win('minor', 'm', 'ann', 4, 'w 2') = :id AS same;
SELECT outcome($$SELECT jackpot_enqueue_win('minor', 'm', 'ann', 3, 'w 2')$$);
SELECT * FROM jackpot_process_queue();
SELECT i.status, i.result -> 'win_id' = to_jsonb(w.id) AS win FROM jackpot_queue_item(:id) i, jackpot.win w WHERE w.operation_id = 'w 2';
-- Paid by a call in between.
SELECT jackpot_enqueue_win('minor', 'm', 'ann', 3, 'w 3') AS id \gset
SELECT win_amount, replayed FROM jackpot_win('minor', 'm', 'ann', 3, 'w 3');
SELECT * FROM jackpot_process_queue();
SELECT i.status, i.result -> 'win_id' = to_jsonb(w.id) AS win FROM jackpot_queue_item(:id) i, jackpot.win w WHERE w.operation_id = 'w 3';
-- By a call with other arguments in between: the id is that call's.
SELECT jackpot_enqueue_win('minor', 'm', 'ann', 3, 'w 4') AS id \gset
SELECT win_amount FROM jackpot_win('minor', 'm', 'ann', 2, 'w 4');
SELECT * FROM jackpot_process_queue();
SELECT status, sqlstate, token, message FROM jackpot_queue_item(:id);
SELECT operation_id, count(*), sum(win_amount) FROM wins WHERE operation_id LIKE 'w %' GROUP BY operation_id ORDER BY operation_id;

-- A batch with the ids of the queue, and the other way round.
SELECT jackpot_enqueue_spin('o', 1000, operation_id => 'b 1') > 0 AS spin, jackpot_enqueue_contribution('o', 1000, operation_id => 'b 2') > 0 AS contribution,
       jackpot_enqueue_win('minor', 'm', 'u', 1, operation_id => 'b 3') > 0 AS win;
SELECT total, processed, replayed, failed, total_contribution FROM jackpot_contribute_batch('[
    {"game_id": "o", "wager_amount": 1000, "operation_id": "b 2"}, {"game_id": "o", "wager_amount": 1000, "operation_id": "b 4"},
    {"game_id": "o", "wager_amount": 1000, "operation_id": "b 1"}]');
SELECT total, processed, replayed, failed, total_won FROM jackpot_spin_arrays('{o,o}', '{1000,1000}', operation_ids => '{b 1,b 5}');
SELECT total, processed, replayed, failed, total_won FROM jackpot_win_batch('[{"pool": "minor", "game_id": "m", "user_id": "u", "win_amount": 1, "operation_id": "b 3"}]');
SELECT jackpot_enqueue_contribution('o', 1000, operation_id => 'b 4') > 0 AS contribution, jackpot_enqueue_spin('o', 1000, operation_id => 'b 5') > 0 AS spin;
SELECT * FROM jackpot_process_queue();
SELECT operation_id, count(*) FROM jackpot.ledger WHERE operation_id LIKE 'b %' GROUP BY operation_id ORDER BY operation_id;
SELECT pool, win_amount, operation_id FROM wins WHERE operation_id LIKE 'b %';
-- A row of the inbox with such an id.
SELECT jackpot_enqueue_spin('o', 1000, operation_id => 'i 1') > 0 AS spin;
INSERT INTO jackpot.inbox (kind, game_id, wager_amount, operation_id) VALUES ('spin', 'o', 1000, 'i 1'), ('contribute', 'o', 1000, 'i 1'), ('spin', 'o', 1000, 'i 2');
SELECT total, processed, failed, replayed FROM jackpot_process_inbox();
SELECT jackpot_enqueue_spin('o', 1000, operation_id => 'i 2') = id AS same FROM jackpot.ledger WHERE operation_id = 'i 2';
SELECT * FROM jackpot_process_queue();
SELECT pool, win_amount, operation_id FROM wins WHERE operation_id LIKE 'i %';
SELECT source, kind, payload ->> 'operation_id' AS operation_id, token FROM jackpot.dead_letter WHERE status = 'open' ORDER BY id;

-- A wager that is voided before its draw wins nothing.
SELECT jackpot_enqueue_spin('o', 1000, 'ann', 'v 1') AS id \gset
SELECT pool, voided, from_meter FROM jackpot_void('v 1', 'test');
SELECT outcome($$SELECT jackpot_enqueue_spin('o', 1000, 'ann', 'v 1')$$);
SELECT outcome($$SELECT jackpot_enqueue_spin('o', 1000, 'ann', 'v 1', delay => '1 day')$$);
SELECT * FROM jackpot_process_queue();
SELECT status, result -> 'wins' AS wins FROM jackpot_queue_item(:id);
SELECT count(*) FROM wins WHERE operation_id = 'v 1';
-- Where it would have crossed a threshold, the next one does if the threshold is still crossed.
SELECT pool FROM jackpot_create_pool('must', 0.01, 999, 1000, config => '{"game_ids": ["t"], "trigger": {"kind": "must_hit_by"}}');
SELECT current_amount FROM jackpot_adjust('must', -15, 'test');
SELECT jackpot_enqueue_spin('t', 1000, 'player ' || n, 't ' || n) > 0 AS spin FROM generate_series(1, 4) n;
SELECT pool, voided FROM jackpot_void('t 2', 'test');
SELECT processed, wins FROM jackpot_process_queue();
SELECT operation_id FROM wins WHERE pool = 'must';
-- Once it is drawn its win must be cancelled first.
SELECT jackpot_enqueue_spin('o', 1000, 'ann', 'v 2') AS id \gset
SELECT processed, wins FROM jackpot_process_queue();
SELECT outcome($$SELECT * FROM jackpot_void('v 2', 'test')$$) ~ '^55000 .* operation_won: ' AS won;
SELECT c.status FROM jackpot.win w, LATERAL jackpot_cancel_win(w.id, 'test') c WHERE w.operation_id = 'v 2';
SELECT pool, voided FROM jackpot_void('v 2', 'test');
SELECT * FROM jackpot_process_queue();
SELECT status, result #>> '{wins,0,win_amount}' AS won FROM jackpot_queue_item(:id);
-- A tombstone: what comes after it is refused, at once or when it is due.
SELECT jackpot_enqueue_spin('o', 1000, 'ann', 'v 3', delay => '1 second') AS spin \gset
SELECT jackpot_enqueue_win('minor', 'm', 'ann', 1, 'v 4') AS win \gset
SELECT count(*) FROM jackpot_void('v 3', 'test');
SELECT count(*) FROM jackpot_void('v 4', 'test');
SELECT count(*) FROM jackpot_void('v 5', 'test');
SELECT outcome($$SELECT jackpot_enqueue_spin('o', 1000, 'ann', 'v 5')$$);
SELECT outcome($$SELECT jackpot_enqueue_spin('o', 1000, 'ann', 'v 5', delay => '1 day')$$);
SELECT outcome($$SELECT jackpot_enqueue_contribution('o', 1000, 'ann', 'v 5')$$);
SELECT outcome($$SELECT jackpot_enqueue_win('minor', 'm', 'ann', 1, 'v 5')$$);
DO $$ BEGIN PERFORM pg_sleep(1.1); END $$;
SELECT * FROM jackpot_process_queue();
SELECT status, sqlstate, token, message FROM jackpot_queue_item(:spin);
SELECT status, sqlstate, token, message FROM jackpot_queue_item(:win);
SELECT count(*) FROM wins WHERE operation_id IN ('v 3', 'v 4', 'v 5');

-- An id is free again when its transaction is undone.
BEGIN;
SELECT jackpot_enqueue_spin('o', 1000, operation_id => 'u 1') > 0 AS spin, jackpot_enqueue_win('minor', 'm', 'u', 1, 'u 2') > 0 AS win,
       jackpot_enqueue_spin('o', 1000, operation_id => 'u 3', delay => '1 day') > 0 AS delayed;
ROLLBACK;
SELECT jackpot_enqueue_spin('o', 2000, operation_id => 'u 1') > 0 AS spin, jackpot_enqueue_win('minor', 'm', 'u', 2, 'u 2') > 0 AS win,
       jackpot_enqueue_spin('o', 2000, operation_id => 'u 3', delay => '0') > 0 AS not_delayed;
SELECT * FROM jackpot_process_queue();

TABLE amounts;
SELECT bool_and(v.ok) FROM jackpot.win w, LATERAL jackpot_verify_win(w.id) v;
SELECT * FROM jackpot_validate() WHERE NOT ok;
SELECT pool, difference FROM jackpot_reconcile() WHERE difference <> 0;
DROP VIEW amounts, wins;
DROP FUNCTION outcome;
