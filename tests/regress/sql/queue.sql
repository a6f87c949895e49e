-- The queue: what is enqueued now, and drawn, paid and told later.
SET client_min_messages = error;
DROP EXTENSION IF EXISTS jackpot;
CREATE EXTENSION jackpot;
\pset null -
-- A pause that is tried again soon.
SET jackpot.retry_delay = '1ms';
-- Every wager of 1000 on game o hits odds, none on game n hits never.
SELECT pool FROM jackpot_create_pool('minor', 0.01, 100, reserve_rate => 0.005, config => '{"game_ids": ["m"]}');
SELECT pool FROM jackpot_create_pool('odds', 0.02, 100, config => '{"game_ids": ["o"], "trigger": {"kind": "odds", "one_in": 1000}}');
SELECT pool FROM jackpot_create_pool('never', 0.02, 100, config => '{"game_ids": ["n"], "trigger": {"kind": "odds", "one_in": 9000000000000000000}}');
CREATE VIEW amounts AS
SELECT pool, current_amount, reserve_amount, total_contributions, total_wagered, total_wins, total_won, cycle, version FROM jackpot_pools();
CREATE VIEW wins AS
SELECT p.pool, w.cycle, w.win_amount, w.game_id, w.user_id, w.operation_id, w.metadata, w.trigger, w.status
  FROM jackpot.win w JOIN jackpot.pool p ON p.id = w.pool_id ORDER BY w.id;
-- An item without its numbers and times.
CREATE FUNCTION item(id bigint) RETURNS TABLE (kind text, status text, priority integer, operation_id text, attempts bigint, is_due boolean,
                                               result text, sqlstate text, token text, message text) LANGUAGE sql AS $$
SELECT i.kind, i.status, i.priority, i.operation_id, i.attempts, i.due_at <= clock_timestamp(),
       regexp_replace(i.result::text, '"(win|ledger)_id": \d+', '"\1_id": N', 'g'), i.sqlstate, i.token, i.message
  FROM jackpot_queue_item(item.id) i $$;

-- Nothing is there.
SELECT * FROM jackpot_process_queue();

-- A contribution is applied by the row that it appends, and its number is that row's.
SELECT jackpot_enqueue_contribution('m', 1050, 'ann', 'c 1', '{minor}', 'acme', 'slots', 'EUR', '{"round": 7}', 3) AS contribution \gset
SELECT pool, contribution, replayed FROM jackpot_contribute('m', 200);
SELECT operation_id, game_id, wager_amount, user_id, operator_id, game_category, currency, metadata, draw_priority
  FROM jackpot.ledger WHERE id = :contribution;
SELECT * FROM item(:contribution);
SELECT result = jsonb_build_object('ledger_id', :contribution, 'contributions', '[{"pool": "minor", "contribution": "15.75"}]'::jsonb, 'wins', '[]'::jsonb) AS same
  FROM jackpot_queue_item(:contribution);
SELECT current_amount, reserve_amount, total_contributions FROM jackpot_pool('minor');
SELECT * FROM jackpot_process_queue();

-- A spin contributes at once and draws later.
SELECT jackpot_enqueue_spin('o', 1000, 'ann', 's 1', '{odds}', 'acme', 'slots', 'EUR', '{"round": 8}') AS spin \gset
SELECT current_amount, cycle FROM jackpot_pool('odds');
SELECT * FROM item(:spin);
SELECT * FROM jackpot_process_queue();
SELECT current_amount, cycle FROM jackpot_pool('odds');
SELECT * FROM item(:spin);
TABLE wins;
SELECT i.result -> 'ledger_id' = to_jsonb(l.id) AS wager, i.result #> '{wins,0,win_id}' = to_jsonb(w.id) AS win, w.ledger_id = l.id AS of_it,
       i.applied_at = w.at AS at, i.enqueued_at = l.at AS since, w.actor ~ '/enqueue_spin$' AS actor
  FROM jackpot_queue_item(:spin) i, jackpot.ledger l, jackpot.win w WHERE l.id = :spin;
SELECT * FROM jackpot_process_queue();
-- One that hits nothing, one that feeds nothing, and one that wagers nothing.
SELECT jackpot_enqueue_spin('n', 1000, operation_id => 's 2') AS spin \gset
SELECT jackpot_enqueue_spin('x', 1000, pools => '{}') AS unfed \gset
SELECT jackpot_enqueue_spin('o', 0) AS nothing \gset
SELECT * FROM jackpot_process_queue();
SELECT * FROM item(:spin);
SELECT * FROM item(:unfed);
SELECT * FROM item(:nothing);

-- A win moves nothing until it is paid.
SELECT jackpot_enqueue_win('minor', 'm', 'bob', 20, 'w 1', 1, '{"round": 9}') AS win \gset
SELECT jackpot_enqueue_win('minor', 'm', 'cat') AS all \gset
SELECT * FROM item(:win);
SELECT current_amount, cycle FROM jackpot_pool('minor');
SELECT * FROM jackpot_process_queue();
SELECT * FROM item(:win);
SELECT * FROM item(:all);
SELECT i.result -> 'win_id' = to_jsonb(w.id) AS win, w.ledger_id FROM jackpot_queue_item(:win) i, jackpot.win w WHERE w.operation_id = 'w 1';
SELECT * FROM wins WHERE pool = 'minor';
TABLE amounts;
-- An explicit NULL is as omitted.
SELECT jackpot_enqueue_contribution('n', 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL) > 0 AS contribution;
SELECT jackpot_enqueue_spin('n', 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL) AS spin \gset
SELECT jackpot_enqueue_win('minor', 'm', 'u', NULL, NULL, NULL, NULL, NULL, NULL) AS win \gset
SELECT kind, status, priority FROM item(:spin) UNION ALL SELECT kind, status, priority FROM item(:win);
SELECT * FROM jackpot_process_queue(NULL);

-- Wins go first, then spins, then what came first; a higher priority goes before all of them.
SELECT jackpot_enqueue_spin('o', 1000, 'spin', 'p 1') > 0 AS spin,
       jackpot_enqueue_win('odds', 'o', 'win', operation_id => 'p 2') > 0 AS win,
       jackpot_enqueue_spin('o', 1000, 'first spin', 'p 3', priority => 101) > 0 AS first_spin,
       jackpot_enqueue_win('odds', 'o', 'last win', operation_id => 'p 4', priority => -1) > 0 AS last_win,
       jackpot_enqueue_spin('o', 1000, 'same', 'p 5', priority => 100) > 0 AS same,
       jackpot_enqueue_win('odds', 'o', 'same win', operation_id => 'p 6') > 0 AS same_win,
       jackpot_enqueue_spin('o', 1000, 'second spin', 'p 7') > 0 AS second_spin;
SELECT * FROM jackpot_process_queue();
SELECT user_id, operation_id, win_amount FROM wins WHERE operation_id LIKE 'p %';
-- So it is with the lowest and the highest there are.
SELECT jackpot_enqueue_win('odds', 'o', 'lowest', operation_id => 'e 1', priority => -2147483648) > 0 AS lowest,
       jackpot_enqueue_spin('o', 1000, 'spin', 'e 2', priority => -2147483647) > 0 AS spin,
       jackpot_enqueue_spin('o', 1000, 'highest', 'e 3', priority => 2147483647) > 0 AS highest;
SELECT processed, wins FROM jackpot_process_queue();
SELECT user_id, operation_id FROM wins WHERE operation_id LIKE 'e %';

-- About so many at a time. Spins of one transaction are not parted.
SELECT jackpot_enqueue_win('minor', 'm', 'one by one', 1, 'o ' || n) > 0 AS win FROM generate_series(1, 3) n;
SELECT processed, wins FROM jackpot_process_queue(1);
SELECT operation_id FROM wins WHERE operation_id LIKE 'o %';
SELECT processed, wins FROM jackpot_process_queue(max_items => 2);
SELECT processed, wins FROM jackpot_process_queue(1);
SELECT jackpot_enqueue_spin('n', 1000, operation_id => 'm 1') > 0 AS spin;
SELECT jackpot_enqueue_spin('n', 1000, operation_id => 'm 2') > 0 AS spin;
SELECT jackpot_enqueue_spin('n', 1000, operation_id => 'm 3') > 0 AS spin;
SELECT processed FROM jackpot_process_queue(1);
SELECT l.operation_id, i.status FROM jackpot.ledger l, jackpot_queue_item(l.id) i WHERE l.operation_id LIKE 'm %' ORDER BY l.operation_id;
SELECT processed FROM jackpot_process_queue(2);
SELECT processed FROM jackpot_process_queue();
SELECT count(jackpot_enqueue_spin('n', n, pools => '{never}')) FROM generate_series(1, 12000) n;
SELECT count(jackpot_enqueue_win('minor', 'm', 'many', 1)) FROM generate_series(1, 120) n;
SELECT pool FROM jackpot_adjust('minor', 1000, 'for the many');
SELECT * FROM jackpot_process_queue(13000);
SELECT * FROM jackpot_process_queue();

-- Delayed: contribution and draw both come when they are due; a win is checked again then.
SELECT jackpot_enqueue_spin('o', 1000, 'ann', 'd 1', delay => '2 seconds') AS spin \gset
SELECT jackpot_enqueue_win('minor', 'm', 'ann', 7, 'd 2', delay => '2 seconds') AS win \gset
SELECT jackpot_enqueue_spin('o', 1000, 'ann', 'd 3', delay => '100 years', priority => 200) AS spin_of_later \gset
SELECT jackpot_enqueue_win('minor', 'm', 'ann', 9000000000, 'd 4', delay => '100 years') AS win_of_later \gset
SELECT * FROM item(:spin);
SELECT * FROM item(:win);
SELECT count(*) FROM jackpot.ledger WHERE operation_id LIKE 'd %';
SELECT due_at - enqueued_at BETWEEN '1999 ms' AND '2001 ms' AS two_seconds FROM jackpot_queue_item(:spin);
DO $$ BEGIN PERFORM pg_sleep(2.1); END $$;
SELECT * FROM jackpot_process_queue();
SELECT * FROM item(:spin);
SELECT * FROM item(:win);
SELECT i.result -> 'ledger_id' = to_jsonb(l.id) AS wager, l.id <> :spin AS of_its_own, w.actor ~ '/enqueue_spin$' AS actor
  FROM jackpot_queue_item(:spin) i, jackpot.ledger l, jackpot.win w WHERE l.operation_id = 'd 1' AND w.ledger_id = l.id;
SELECT * FROM item(:spin_of_later);
SELECT * FROM item(:win_of_later);
-- A delay of nothing is none.
SELECT jackpot_enqueue_spin('n', 1000, operation_id => 'd 5', delay => '0') AS spin \gset
SELECT operation_id, draw_priority FROM jackpot.ledger WHERE id = :spin;
SELECT processed FROM jackpot_process_queue();

-- What is not committed is not touched; what is rolled back has not been.
BEGIN;
SELECT jackpot_enqueue_spin('o', 1000, 'ann', 'own 1') AS spin \gset
SELECT jackpot_enqueue_win('minor', 'm', 'ann', 1, 'own 2') AS win \gset
SELECT status FROM item(:spin) UNION ALL SELECT status FROM item(:win);
SELECT * FROM jackpot_process_queue();
SAVEPOINT undone;
SELECT jackpot_enqueue_spin('o', 1000, 'bob', 'undone 1') AS undone_spin \gset
SELECT jackpot_enqueue_win('minor', 'm', 'bob', 1, 'undone 2') AS undone_win \gset
ROLLBACK TO undone;
SELECT * FROM jackpot_process_queue();
COMMIT;
SELECT * FROM jackpot_process_queue();
SELECT user_id, operation_id FROM wins WHERE operation_id LIKE 'own%' OR operation_id LIKE 'undone%';
SELECT count(*) FROM jackpot.ledger WHERE id = :undone_spin;
SELECT count(*) FROM jackpot.request WHERE id = :undone_win;
-- Processing that is rolled back has not been either.
SELECT jackpot_enqueue_spin('o', 1000, 'ann', 'again 1') AS spin \gset
SELECT jackpot_enqueue_win('minor', 'm', 'ann', 1, 'again 2') AS win \gset
TABLE amounts;
BEGIN;
SELECT * FROM jackpot_process_queue();
SELECT * FROM jackpot_process_queue();
ROLLBACK;
TABLE amounts;
BEGIN;
SAVEPOINT undone;
SELECT * FROM jackpot_process_queue();
ROLLBACK TO undone;
SELECT status FROM item(:spin) UNION ALL SELECT status FROM item(:win);
SELECT * FROM jackpot_process_queue();
COMMIT;
SELECT operation_id FROM wins WHERE operation_id LIKE 'again%';
SELECT status FROM item(:spin) UNION ALL SELECT status FROM item(:win);
-- In a block of several statements, after a bet of its own, which counts to what is paid.
SELECT jackpot_enqueue_spin('o', 1000, 'ann', 'after a bet') > 0 AS spin;
BEGIN;
SELECT contribution, current_amount FROM jackpot_contribute('o', 50000);
SELECT processed, wins, total_won FROM jackpot_process_queue();
COMMIT;

-- A threshold above 999, from which the pool is taken 25 away: the third wager of 1000 in the ledger crosses
-- it, whoever draws first.
SELECT pool, current_amount FROM jackpot_create_pool('must', 0.01, 999, 1000, config => '{"game_ids": ["t"], "trigger": {"kind": "must_hit_by"}}');
SELECT current_amount FROM jackpot_adjust('must', -25, 'test');
SELECT jackpot_enqueue_spin('t', 1000, 'player ' || n, 't ' || n, priority => 10 * n) > 0 AS spin FROM generate_series(1, 5) n;
SELECT * FROM jackpot_process_queue();
SELECT user_id, operation_id, win_amount FROM wins WHERE pool = 'must';
SELECT current_amount, overflow_amount FROM jackpot_pool('must');
-- Also where each has a transaction of its own, and they are taken one at a time.
SELECT a.current_amount FROM jackpot_pool('must') p, LATERAL jackpot_adjust('must', 999 - 25 - p.current_amount, 'test') a;
SELECT jackpot_enqueue_spin('t', 1000, 'player 1', 'one 1') > 0 AS spin;
SELECT jackpot_enqueue_spin('t', 1000, 'player 2', 'one 2') > 0 AS spin;
SELECT jackpot_enqueue_spin('t', 1000, 'player 3', 'one 3') > 0 AS spin;
SELECT jackpot_enqueue_spin('t', 1000, 'player 4', 'one 4') > 0 AS spin;
SELECT processed, wins FROM jackpot_process_queue(1);
SELECT processed, wins FROM jackpot_process_queue(1);
SELECT processed, wins FROM jackpot_process_queue(1);
SELECT processed, wins FROM jackpot_process_queue(1);
SELECT user_id, operation_id, win_amount FROM wins WHERE operation_id LIKE 'one %';
-- A contribution crosses it for nobody; the next spin finds it crossed.
SELECT a.current_amount FROM jackpot_pool('must') p, LATERAL jackpot_adjust('must', 999 - 25 - p.current_amount, 'test') a;
SELECT jackpot_enqueue_spin('t', 1000, 'before', 'by 1') > 0 AS spin;
SELECT jackpot_enqueue_contribution('t', 5000, 'in between', 'by 2') > 0 AS contribution;
SELECT jackpot_enqueue_spin('t', 0, 'of nothing', 'by 3') > 0 AS spin;
SELECT jackpot_enqueue_spin('t', 1000, 'after', 'by 4') > 0 AS spin;
SELECT jackpot_enqueue_spin('t', 1000, 'too late', 'by 5', priority => 90) > 0 AS spin;
SELECT processed, wins FROM jackpot_process_queue();
SELECT user_id, operation_id FROM wins WHERE operation_id LIKE 'by %';
-- What has been paid out meanwhile is not there to be hit.
SELECT a.current_amount FROM jackpot_pool('must') p, LATERAL jackpot_adjust('must', 999 - 5 - p.current_amount, 'test') a;
SELECT jackpot_enqueue_spin('t', 1000, 'ann', 'gone 1') > 0 AS spin;
SELECT win_amount FROM jackpot_win('must', 't', 'bob', operation_id => 'gone 2');
SELECT processed, wins FROM jackpot_process_queue();
SELECT user_id, operation_id FROM wins WHERE operation_id LIKE 'gone %';

-- A moment has come for the first that was placed after it, not for one that waited while it came: here
-- from two to three seconds from now, and then not for centuries.
SELECT pool FROM jackpot_create_pool('timed', 0.01, 50, config => jsonb_build_object('game_ids', '{s}'::text[],
    'trigger', jsonb_build_object('kind', 'scheduled', 'every', '1 second', 'anchor', clock_timestamp() + interval '2 seconds')));
SELECT pool FROM jackpot_update_config('timed', '{"trigger": {"kind": "scheduled", "every": "1 hour", "anchor": "2900-01-01T00:00:00Z"}}', effective => 'next_cycle');
SELECT jackpot_enqueue_spin('s', 1000, 'before', 'moment 1') > 0 AS spin;
DO $$ BEGIN PERFORM pg_sleep(3.1); END $$;
SELECT processed, wins FROM jackpot_process_queue();
SELECT jackpot_enqueue_contribution('s', 1000, 'no spin', 'moment 2') > 0 AS contribution;
SELECT jackpot_enqueue_spin('s', 0, 'nothing', 'moment 3') > 0 AS spin;
SELECT jackpot_enqueue_spin('s', 1000, 'after', 'moment 4') > 0 AS spin;
SELECT jackpot_enqueue_spin('s', 1000, 'too late', 'moment 5', priority => 90) > 0 AS spin;
SELECT processed, wins FROM jackpot_process_queue();
SELECT user_id, operation_id, win_amount, trigger FROM wins WHERE pool = 'timed';

-- Several pools: those that are hit pay, the others have their contribution.
SELECT pool FROM jackpot_create_pool('odds 2', 0.03, 200, config => '{"game_ids": ["o"], "trigger": {"kind": "odds", "one_in": 500}}');
SELECT pool FROM jackpot_create_pool('rare', 0.04, 300, config => '{"game_ids": ["o"], "trigger": {"kind": "odds", "one_in": 9000000000000000000}}');
SELECT jackpot_enqueue_spin('o', 1000, 'ann', 'several 1') AS spin \gset
SELECT jackpot_enqueue_spin('o', 2000, 'bob', 'several 2', pools => '{odds 2,rare}') > 0 AS spin;
SELECT * FROM jackpot_process_queue();
SELECT * FROM item(:spin);
SELECT pool, cycle, win_amount, operation_id FROM wins WHERE operation_id LIKE 'several%';

-- A hit of a pool that is paused meanwhile waits, and is paid once it is resumed; others go on.
SELECT jackpot_enqueue_spin('o', 1000, 'ann', 'paused 1') AS spin \gset
SELECT jackpot_enqueue_spin('t', 900, 'ann', 'paused 2') > 0 AS spin;
SELECT status FROM jackpot_pause('odds');
SELECT * FROM jackpot_process_queue();
SELECT status, result FROM item(:spin);
DO $$ BEGIN PERFORM pg_sleep(0.1); END $$;
SELECT * FROM jackpot_process_queue();
-- What was drawn stays drawn.
SELECT config_version FROM jackpot_update_config('odds', '{"trigger": {"kind": "odds", "one_in": 9000000000000000000}}');
SELECT status FROM jackpot_resume('odds');
DO $$ BEGIN PERFORM pg_sleep(0.1); END $$;
SELECT * FROM jackpot_process_queue();
SELECT status, result, sqlstate, token, message FROM item(:spin);
SELECT pool, win_amount, operation_id FROM wins WHERE operation_id LIKE 'paused%';
SELECT * FROM jackpot_process_queue();
-- Where something hidden is reached, the first in the ledger is still the first.
SELECT a.current_amount FROM jackpot_pool('must') p, LATERAL jackpot_adjust('must', 999 - 5 - p.current_amount, 'test') a;
SELECT jackpot_enqueue_spin('t', 1000, 'first', 'hidden 1') > 0 AS spin;
SELECT jackpot_enqueue_spin('t', 1000, 'second', 'hidden 2') > 0 AS spin;
SELECT status FROM jackpot_pause('must');
SELECT wins, total_won FROM jackpot_process_queue();
SELECT status FROM jackpot_resume('must');
DO $$ BEGIN PERFORM pg_sleep(0.1); END $$;
SELECT wins, total_won FROM jackpot_process_queue();
SELECT user_id, operation_id FROM wins WHERE operation_id LIKE 'hidden%';

-- The odds are those of the moment of the wager.
SELECT config_version FROM jackpot_update_config('odds', '{"trigger": {"kind": "odds", "one_in": 1000}}');
SELECT jackpot_enqueue_spin('o', 1000, 'with odds', 'config 1', '{odds,odds 2}') > 0 AS spin;
SELECT config_version FROM jackpot_update_config('odds', '{"trigger": {"kind": "odds", "one_in": 9000000000000000000}, "seed_amount": 40}');
SELECT jackpot_enqueue_spin('o', 1000, 'without', 'config 2', '{odds}') > 0 AS spin;
SELECT config_version FROM jackpot_update_config('odds', '{"trigger": {"kind": "odds", "one_in": 1000}}');
SELECT config_version FROM jackpot_update_config('odds 2', '{"trigger": {"kind": "manual"}}');
SELECT * FROM jackpot_process_queue();
SELECT pool, user_id, operation_id FROM wins WHERE operation_id LIKE 'config %';
-- A trigger with something hidden that was taken off decides nothing any more.
SELECT a.current_amount FROM jackpot_pool('must') p, LATERAL jackpot_adjust('must', 999 - 5 - p.current_amount, 'test') a;
SELECT jackpot_enqueue_spin('t', 1000, 'ann', 'config 3') > 0 AS spin;
SELECT config_version FROM jackpot_update_config('must', '{"trigger": {"kind": "manual"}}');
SELECT * FROM jackpot_process_queue();
-- A delayed wager comes when it is due: by the configuration of then.
SELECT jackpot_enqueue_spin('o', 1000, 'delayed', 'config 4', '{odds}', delay => '1 second') AS spin \gset
SELECT config_version FROM jackpot_update_config('odds', '{"trigger": {"kind": "odds", "one_in": 9000000000000000000}, "contribution_rate": 0.5}');
DO $$ BEGIN PERFORM pg_sleep(1.1); END $$;
SELECT * FROM jackpot_process_queue();
SELECT * FROM item(:spin);
SELECT config_version FROM jackpot_update_config('odds', '{"trigger": {"kind": "odds", "one_in": 1000}, "contribution_rate": 0.02}');

-- The rate between currencies is that of the moment of the wager, too: 2000 were 1000.
SELECT pool FROM jackpot_create_pool('euro', 0.01, 100, currency => 'EUR', config => '{"game_ids": ["e"], "trigger": {"kind": "odds", "one_in": 1000}}');
SELECT rate FROM jackpot_set_exchange_rate('USD', 'EUR', 0.5);
SELECT jackpot_enqueue_spin('e', 2000, 'ann', 'rate', currency => 'USD') AS spin \gset
SELECT rate FROM jackpot_set_exchange_rate('USD', 'EUR', 0.0001);
SELECT * FROM jackpot_process_queue();
SELECT * FROM item(:spin);

-- A large win waits to be verified.
SELECT config_version FROM jackpot_update_config('euro', '{"verify_above": 100}');
SELECT jackpot_enqueue_spin('e', 1000, 'ann', 'large 1', currency => 'EUR') > 0 AS spin;
SELECT jackpot_enqueue_win('euro', 'e', 'ann', operation_id => 'large 2', priority => 1) > 0 AS win;
SELECT * FROM jackpot_process_queue();
SELECT operation_id, win_amount, status FROM wins WHERE operation_id LIKE 'large%';

-- A pool is not retired while a queued spin may hit it; a win that is still to come has nothing left to take.
SELECT jackpot_enqueue_spin('e', 1000, 'ann', 'retired 1') AS spin \gset
SELECT c.status FROM jackpot.win w, LATERAL jackpot_confirm_win(w.id, 'test') c WHERE w.operation_id = 'large 1';
SELECT c.status FROM jackpot.win w, LATERAL jackpot_cancel_win(w.id, 'test') c WHERE w.operation_id = 'large 2';
SELECT pool FROM jackpot_create_pool('heir', currency => 'EUR', config => '{"game_ids": ["heir"]}');
SELECT pool, status FROM jackpot_retire('euro', 'heir', 'test');
SELECT * FROM jackpot_process_queue();
SELECT c.status FROM jackpot.win w, LATERAL jackpot_confirm_win(w.id, 'test') c WHERE w.operation_id = 'retired 1';
SELECT jackpot_enqueue_win('euro', 'e', 'ann', 1, 'retired 2', delay => '10 ms') AS win \gset
SELECT pool, status FROM jackpot_retire('euro', 'heir', 'test');
DO $$ BEGIN PERFORM pg_sleep(0.1); END $$;
SELECT * FROM jackpot_process_queue();
SELECT * FROM item(:spin);
SELECT * FROM item(:win);
SELECT current_amount, total_wins FROM jackpot_pool('heir');
-- An empty pool has nothing to pay, and keeps its cycle.
SELECT current_amount FROM jackpot_create_pool('empty', config => '{"game_ids": ["empty"], "trigger": {"kind": "odds", "one_in": 1}}');
SELECT jackpot_enqueue_spin('empty', 10) AS spin \gset
SELECT * FROM jackpot_process_queue();
SELECT * FROM item(:spin);
SELECT cycle FROM jackpot_pool('empty');

-- What is enqueued while totals are off, or by another role, is done all the same.
SET jackpot.totals = off;
SELECT jackpot_enqueue_spin('o', 1000, 'ann', 'no totals', '{odds}') > 0 AS spin;
RESET jackpot.totals;
SELECT processed, wins FROM jackpot_process_queue();

-- Nothing was sent to the dead letters but the win of the retired pool.
SELECT kind, payload ->> 'operation_id' AS operation_id, sqlstate, token, message FROM jackpot.dead_letter;
TABLE amounts;
SELECT count(*) > 150 AS many, bool_and(v.ok) AS verified FROM jackpot.win w, LATERAL jackpot_verify_win(w.id) v;
SELECT * FROM jackpot_validate() WHERE NOT ok;
SELECT pool, difference FROM jackpot_reconcile() WHERE difference <> 0;
DROP VIEW amounts, wins;
DROP FUNCTION item;
