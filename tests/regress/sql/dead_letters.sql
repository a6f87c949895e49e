-- Dead letters: what was taken in and refused later, kept until somebody decides.
SET client_min_messages = error;
DROP EXTENSION IF EXISTS jackpot;
CREATE EXTENSION jackpot;
\pset null -
SET jackpot.retry_delay = '1ms';
-- Every wager on game o hits odds.
SELECT pool FROM jackpot_create_pool('minor', 0.01, 100, config => '{"game_ids": ["m"]}');
SELECT pool FROM jackpot_create_pool('odds', 0.02, 100, config => '{"game_ids": ["o"], "trigger": {"kind": "odds", "one_in": 1}}');
SELECT pool FROM jackpot_create_pool('odds 2', 0.02, 200, config => '{"game_ids": ["p"], "trigger": {"kind": "odds", "one_in": 1}}');
CREATE VIEW letters AS
SELECT d.source, d.kind, d.priority, d.payload, d.attempts, d.sqlstate, d.token, d.message, d.detail, d.status, d.reason,
       d.resolved_at >= d.at AS resolved, regexp_replace(d.resolved_by, '^.*/', '') AS by
  FROM jackpot.dead_letter d ORDER BY d.id;
CREATE VIEW wins AS
SELECT p.pool, w.win_amount, w.user_id, w.operation_id FROM jackpot.win w JOIN jackpot.pool p ON p.id = w.pool_id ORDER BY w.id;
CREATE FUNCTION item(id bigint) RETURNS TABLE (kind text, status text, operation_id text, result text, sqlstate text, token text, message text) LANGUAGE sql AS $$
SELECT i.kind, i.status, i.operation_id, regexp_replace(i.result::text, '"(win|ledger)_id": \d+', '"\1_id": N', 'g'), i.sqlstate, i.token, i.message
  FROM jackpot_queue_item(item.id) i $$;
CREATE FUNCTION outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result record;
    detail text;
BEGIN
    EXECUTE statement INTO result;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN regexp_replace(format('%s %s; %s', SQLSTATE, SQLERRM, detail), 'letter \d+', 'letter N');
END $$;

-- A win that could be paid when it was enqueued and cannot when it is due; the others are paid.
SELECT pool FROM jackpot_adjust('minor', 60, 'test');
SELECT jackpot_enqueue_win('minor', 'm', 'ann', 1, 'w 1') AS one, jackpot_enqueue_win('minor', 'm', 'bob', 150, 'w 2', metadata => '{"round": 7}') AS two,
       jackpot_enqueue_win('minor', 'm', 'cat', expected_cycle => 1, operation_id => 'w 3') AS three, jackpot_enqueue_win('minor', 'm', 'dan', 2, 'w 4') AS four \gset
SELECT pool FROM jackpot_adjust('minor', -60, 'test');
SELECT * FROM jackpot_process_queue();
TABLE letters;
SELECT * FROM item(:two);
SELECT * FROM item(:three);
TABLE wins;
-- Requeued it is tried again, and refused again while nothing has changed; other arguments are others still.
SELECT jackpot_requeue(:two) = :two AS same;
SELECT jackpot_requeue(:two) = :two AS same;
SELECT * FROM item(:two);
SELECT status, resolved, by FROM letters;
SELECT outcome($$SELECT jackpot_enqueue_win('minor', 'm', 'bob', 151, 'w 2', metadata => '{"round": 7}')$$);
SELECT outcome(format('SELECT jackpot_discard(%s, $$test$$)', :two));
SELECT * FROM jackpot_process_queue();
SELECT * FROM item(:two);
SELECT payload ->> 'operation_id' AS operation_id, attempts, status, resolved, by FROM letters;
-- With what it lacked it is paid, once, and with all that it was.
SELECT pool FROM jackpot_adjust('minor', 60, 'test');
SELECT jackpot_requeue(:two) = :two AS same;
SELECT * FROM jackpot_process_queue();
SELECT * FROM item(:two);
SELECT w.operation_id, w.win_amount, w.metadata, w.actor ~ '/requeue$' AS requeue FROM jackpot.win w WHERE w.user_id = 'bob';
SELECT jackpot_requeue(:two) = :two AS same;
SELECT * FROM jackpot_process_queue();
SELECT jackpot_enqueue_win('minor', 'm', 'bob', 150, 'w 2', metadata => '{"round": 7}') = :two AS same;
-- Discarded it is closed for good.
SELECT jackpot_discard(:three, 'somebody else was faster') = :three AS same;
SELECT jackpot_discard(:three, 'again') = :three AS same;
SELECT outcome(format('SELECT jackpot_requeue(%s)', :three));
SELECT * FROM item(:three);
SELECT * FROM jackpot_process_queue();
SELECT payload ->> 'operation_id' AS operation_id, status, reason, resolved, by FROM letters;
SELECT jackpot_enqueue_win('minor', 'm', 'cat', expected_cycle => 1, operation_id => 'w 3') = :three AS same;
SELECT operation_id, count(*) FROM wins GROUP BY operation_id ORDER BY operation_id;
-- Undone with its transaction.
SELECT jackpot_enqueue_win('minor', 'm', 'ann', 1, 'u 1', delay => '1 microsecond', expected_cycle => 77) AS undone \gset
SELECT failed FROM jackpot_process_queue();
BEGIN;
SELECT jackpot_requeue(:undone) = :undone AS same;
ROLLBACK;
BEGIN;
SELECT jackpot_discard(:undone, 'test') = :undone AS same;
ROLLBACK;
SELECT status FROM item(:undone);
-- What is requeued is not done in the same transaction.
BEGIN;
SELECT jackpot_requeue(:undone) = :undone AS same;
SELECT * FROM jackpot_process_queue();
COMMIT;
SELECT * FROM jackpot_process_queue();
SELECT jackpot_discard(:undone, 'test') = :undone AS same;

-- A delayed spin that is refused when it is due.
SELECT jackpot_enqueue_spin('m', 100, 'ann', 'd 1', '{minor}', delay => '500 ms') AS spin \gset
SELECT status FROM jackpot_pause('minor');
DO $$ BEGIN PERFORM pg_sleep(0.6); END $$;
SELECT * FROM jackpot_process_queue();
SELECT * FROM item(:spin);
SELECT status FROM jackpot_resume('minor');
SELECT jackpot_requeue(:spin) = :spin AS same;
SELECT * FROM jackpot_process_queue();
SELECT * FROM item(:spin);
SELECT pool, contribution, replayed FROM jackpot_spin('m', 100, 'ann', 'd 1', '{minor}');

-- Rows of the inbox.
TRUNCATE jackpot.dead_letter;
SELECT status FROM jackpot_pause('odds');
INSERT INTO jackpot.inbox (kind, game_id, wager_amount, user_id, operation_id, pools, metadata) VALUES
    ('contribute', 'o', 100, 'ann', 'i 1', '{odds}', '{"round": 1}'), ('spin', 'o', 200, 'bob', 'i 2', '{odds}', '{"round": 2}'), ('contribute', 'o', -1, NULL, 'i 3', NULL, NULL),
    ('win', 'o', 1, NULL, 'i 4', NULL, NULL), (NULL, 'o', 1, NULL, 'i 5', NULL, NULL);
SELECT total, processed, failed FROM jackpot_process_inbox();
TABLE letters;
SELECT i.* FROM jackpot.dead_letter d, LATERAL item(d.id) i ORDER BY d.id;
SELECT status FROM jackpot_resume('odds');
SELECT payload ->> 'operation_id' AS operation_id, outcome(format('SELECT jackpot_requeue(%s)', id)) FROM jackpot.dead_letter ORDER BY id;
SELECT * FROM jackpot_process_queue();
SELECT payload ->> 'operation_id' AS operation_id, attempts, status, token FROM letters;
SELECT i.kind, i.status, i.operation_id, i.result, i.token FROM jackpot.dead_letter d, LATERAL item(d.id) i ORDER BY d.id;
SELECT operation_id, wager_amount, user_id, metadata FROM jackpot.ledger WHERE operation_id LIKE 'i %' ORDER BY id;
SELECT * FROM wins WHERE operation_id LIKE 'i %';
-- They are the operations that they were to be.
SELECT pool, contribution, replayed FROM jackpot_contribute('o', 100, 'ann', 'i 1', '{odds}', metadata => '{"round": 1}');
SELECT pool, won, win_amount, replayed FROM jackpot_spin('o', 200, 'bob', 'i 2', '{odds}', metadata => '{"round": 2}');
TRUNCATE jackpot.dead_letter;

-- What is refused by the database itself: here by a trigger that will not have wins of bad players. All others go on.
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.user_id LIKE 'bad%' THEN
        RAISE EXCEPTION 'no wins for %', NEW.user_id USING DETAIL = 'they are bad';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse BEFORE INSERT ON jackpot.win FOR EACH ROW EXECUTE FUNCTION refuse();
SELECT jackpot_enqueue_spin('o', 100, user_id, user_id) > 0 AS spin FROM unnest('{good 1,bad 1,good 2}'::text[]) user_id;
SELECT jackpot_enqueue_win('minor', 'm', user_id, 1, user_id) > 0 AS win FROM unnest('{good 3,bad 2,good 4}'::text[]) user_id;
SELECT jackpot_enqueue_spin('o', 100, user_id, user_id, delay => '1 microsecond') > 0 AS spin FROM unnest('{good 5,bad 3}'::text[]) user_id;
DO $$ BEGIN PERFORM pg_sleep(0.01); END $$;
SELECT * FROM jackpot_process_queue();
SELECT pool, user_id FROM wins WHERE operation_id ~ '^(good|bad)' ORDER BY user_id;
SELECT source, kind, priority, payload ->> 'operation_id' AS operation_id, attempts, sqlstate, token, message, detail, status FROM letters;
SELECT i.kind, i.status, i.operation_id, i.sqlstate, i.token, i.message FROM jackpot.dead_letter d, LATERAL item(d.id) i ORDER BY i.operation_id;
-- The contribution of a spin that was refused its win stands; that of one that was to come later does not.
SELECT operation_id, count(*) FROM jackpot.ledger WHERE operation_id LIKE 'bad%' GROUP BY operation_id;
SELECT * FROM jackpot_validate() WHERE NOT ok;
DROP TRIGGER refuse ON jackpot.win;
SELECT count(jackpot_requeue(id)) FROM jackpot.dead_letter;
SELECT * FROM jackpot_process_queue();
SELECT pool, user_id FROM wins WHERE operation_id LIKE 'bad%' ORDER BY user_id;
SELECT status, count(*) FROM letters GROUP BY status;
SELECT i.kind, i.status, i.operation_id, i.token FROM jackpot.dead_letter d, LATERAL item(d.id) i ORDER BY i.operation_id;
TRUNCATE jackpot.dead_letter;
-- A hit that was refused stays a hit: however often it is tried, it is not drawn again.
SELECT pool FROM jackpot_create_pool('half', 0.02, 100, config => '{"game_ids": ["h"], "trigger": {"kind": "odds", "one_in": 2}}');
CREATE TRIGGER refuse BEFORE INSERT ON jackpot.win FOR EACH ROW EXECUTE FUNCTION refuse();
SELECT count(jackpot_enqueue_spin('h', 1, 'bad player', 'half ' || n)) FROM generate_series(1, 100) n;
SELECT failed AS hits, processed + failed AS spins, wins FROM jackpot_process_queue() \gset
SELECT :hits > 0 AS hits, :spins AS spins, :wins AS wins;
SELECT count(jackpot_requeue(id)) = :hits AS requeued FROM jackpot.dead_letter;
SELECT failed = :hits AS failed, processed, wins FROM jackpot_process_queue();
DROP TRIGGER refuse ON jackpot.win;
SELECT count(jackpot_requeue(id)) = :hits AS requeued FROM jackpot.dead_letter;
SELECT failed, wins = :hits AS paid FROM jackpot_process_queue();
SELECT count(*) = :hits AS won FROM wins WHERE operation_id LIKE 'half %';
TRUNCATE jackpot.dead_letter;

-- What another try may mend is tried again, so many times.
CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'somebody was faster' USING ERRCODE = NEW.metadata ->> 'sqlstate';
END $$;
CREATE TRIGGER conflict BEFORE INSERT ON jackpot.win FOR EACH ROW WHEN (NEW.metadata ? 'sqlstate') EXECUTE FUNCTION conflict();
SET jackpot.queue_max_attempts = 3;
SELECT jackpot_enqueue_win('minor', 'm', 'u', 1, 'try ' || state, metadata => jsonb_build_object('sqlstate', state)) > 0 AS win
  FROM unnest('{40001,40P01,55P03,53200,22012}'::text[]) state;
SELECT jackpot_enqueue_spin('p', 100, 'u', 'spin 40001', metadata => '{"sqlstate": "40001"}') AS spin \gset
SELECT jackpot_enqueue_win('minor', 'm', 'u', 1, 'not tried') > 0 AS win;
SELECT * FROM jackpot_process_queue();
SELECT r.operation_id, i.status, i.attempts, i.sqlstate, i.token, i.message
  FROM jackpot.request r, LATERAL jackpot_queue_item(r.id) i WHERE r.operation_id LIKE 'try %' AND r.is_first ORDER BY r.id;
SELECT status FROM item(:spin);
DO $$ BEGIN PERFORM pg_sleep(0.1); END $$;
SELECT * FROM jackpot_process_queue();
DO $$ BEGIN PERFORM pg_sleep(0.1); END $$;
SELECT * FROM jackpot_process_queue();
DO $$ BEGIN PERFORM pg_sleep(0.1); END $$;
SELECT * FROM jackpot_process_queue();
SELECT kind, payload ->> 'operation_id' AS operation_id, attempts, sqlstate, token, message, status FROM letters ORDER BY operation_id;
-- Mended between two tries it is done; requeued it has all its tries again.
SET jackpot.queue_max_attempts = 2;
SELECT count(jackpot_requeue(id)) FROM jackpot.dead_letter;
SELECT * FROM jackpot_process_queue();
DROP TRIGGER conflict ON jackpot.win;
DO $$ BEGIN PERFORM pg_sleep(0.1); END $$;
SELECT * FROM jackpot_process_queue();
SELECT kind, payload ->> 'operation_id' AS operation_id, status FROM letters ORDER BY operation_id;
SELECT count(jackpot_requeue(id)) FROM jackpot.dead_letter WHERE status = 'open';
SELECT * FROM jackpot_process_queue();
SELECT operation_id, count(*) FROM wins WHERE operation_id LIKE 'try%' OR operation_id LIKE 'spin%' GROUP BY operation_id ORDER BY operation_id;
SELECT status, sqlstate, token, message FROM item(:spin);
RESET jackpot.queue_max_attempts;
-- With one try there is no other.
SET jackpot.queue_max_attempts = 1;
CREATE TRIGGER conflict BEFORE INSERT ON jackpot.win FOR EACH ROW WHEN (NEW.metadata ? 'sqlstate') EXECUTE FUNCTION conflict();
SELECT jackpot_enqueue_win('minor', 'm', 'u', 1, 'one try', metadata => '{"sqlstate": "40001"}') > 0 AS win;
SELECT * FROM jackpot_process_queue();
DROP TRIGGER conflict ON jackpot.win;
RESET jackpot.queue_max_attempts;

SELECT bool_and(v.ok) FROM jackpot.win w, LATERAL jackpot_verify_win(w.id) v;
SELECT * FROM jackpot_validate() WHERE NOT ok;
SELECT pool, difference FROM jackpot_reconcile() WHERE difference <> 0;
DROP VIEW letters, wins;
DROP FUNCTION item, outcome, refuse, conflict;
