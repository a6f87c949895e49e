-- What goes wrong while the queue is processed, and what becomes of it: a hit is paid once, exactly, and
-- to whom it belongs, whatever fails in between.
SET client_min_messages = error;
DROP EXTENSION IF EXISTS jackpot;
CREATE EXTENSION jackpot;
\pset null -
-- Every wager on games o, p and q hits; one of 5000 on game t takes what is hidden over any threshold.
SELECT pool FROM jackpot_create_pool('minor', 0.01, 100, config => '{"game_ids": ["m"]}');
SELECT pool FROM jackpot_create_pool('odds', 0.02, 100, config => '{"game_ids": ["o"], "trigger": {"kind": "odds", "one_in": 1}}');
SELECT pool FROM jackpot_create_pool('left', 0.03, 300, config => '{"game_ids": ["p"], "trigger": {"kind": "odds", "one_in": 1}}');
SELECT pool FROM jackpot_create_pool('right', 0.04, 400, config => '{"game_ids": ["p"], "trigger": {"kind": "odds", "one_in": 1}}');
SELECT pool FROM jackpot_create_pool('must', 0.01, 999, 1000, config => '{"game_ids": ["t"], "trigger": {"kind": "must_hit_by"}}');
CREATE VIEW letters AS
SELECT p.pool, d.kind, d.payload -> 'evidence' <> 'null' AS with_draw, d.attempts, d.sqlstate, d.token, d.message, d.status
  FROM jackpot.dead_letter d LEFT JOIN jackpot.pool p ON p.id = (d.payload ->> 'pool_id')::integer ORDER BY p.pool, d.id;
CREATE VIEW wins AS
SELECT p.pool, w.cycle, w.win_amount, w.previous_amount, w.current_amount, w.operation_id
  FROM jackpot.win w JOIN jackpot.pool p ON p.id = w.pool_id ORDER BY w.id;
CREATE VIEW amounts AS SELECT pool, status, current_amount, total_wins, total_won, cycle FROM jackpot_pools();
CREATE VIEW wrong AS
SELECT check_name, detail FROM jackpot_validate() WHERE NOT ok
UNION ALL
SELECT 'reconcile', pool FROM jackpot_reconcile() WHERE difference <> 0
UNION ALL
SELECT 'verify', v.detail FROM jackpot.win w, LATERAL jackpot_verify_win(w.id) v WHERE NOT v.ok;
CREATE FUNCTION item(id bigint) RETURNS TABLE (kind text, status text, operation_id text, attempts bigint, applied boolean, wins text,
                                               sqlstate text, token text, message text) LANGUAGE sql AS $$
SELECT i.kind, i.status, i.operation_id, i.attempts, i.applied_at IS NOT NULL, regexp_replace((i.result -> 'wins')::text, '"win_id": \d+', '"win_id": N', 'g'),
       i.sqlstate, i.token, i.message
  FROM jackpot_queue_item(item.id) i $$;
CREATE FUNCTION refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    state text; message text; detail text; hint text;
BEGIN
    EXECUTE statement;
    -- Undoes what should not have been done.
    RAISE EXCEPTION 'NOT REFUSED';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
                            detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(' | ', state, message, nullif(detail, ''), nullif(hint, ''));
END $$;
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'not while this is tested' USING ERRCODE = TG_ARGV[0];
END $$;
-- What waits for its time has it now.
CREATE FUNCTION make_due() RETURNS void LANGUAGE sql AS $$
UPDATE jackpot.request r SET due_at = now()
 WHERE r.due_at < 'infinity' AND NOT EXISTS (SELECT FROM jackpot.attempt a WHERE a.entry = r.entry) $$;

-- A payment that fails at its end, when the pool has been changed already: the last, the first, one in between.
CREATE TRIGGER refuse BEFORE UPDATE ON jackpot.operation FOR EACH ROW WHEN (NEW.operation_id LIKE '% bad') EXECUTE FUNCTION refuse('23514');
SELECT count(jackpot_enqueue_spin('o', 10000, 'ann', name)) FROM unnest('{1 good,1 bad}'::text[]) name;
SELECT * FROM jackpot_process_queue();
TABLE wins;
TABLE amounts;
TABLE letters;
TABLE wrong;
SELECT count(jackpot_enqueue_spin('o', 10000, 'ann', name)) FROM unnest('{2 bad,2 good}'::text[]) name;
SELECT * FROM jackpot_process_queue();
SELECT count(jackpot_enqueue_spin('o', 10000, 'ann', name)) FROM unnest('{3 good,3 bad,3 better}'::text[]) name;
SELECT * FROM jackpot_process_queue();
SELECT * FROM wins WHERE operation_id ~ '^[23]';
SELECT * FROM amounts WHERE pool = 'odds';
-- So with what is hidden: here it is not drawn, and the pool is what it was.
SELECT a.current_amount FROM jackpot_pool('must') p, LATERAL jackpot_adjust('must', 974 - p.current_amount, 'test') a;
SELECT jackpot_enqueue_spin('t', 5000, 'ann', '4 bad') AS hidden \gset
SELECT * FROM jackpot_process_queue();
SELECT * FROM amounts WHERE pool = 'must';
SELECT * FROM item(:hidden);
TABLE letters;
TABLE wrong;
-- What fails again is the same letter still; what does not is paid, once.
SELECT count(jackpot_requeue(id)) FROM jackpot.dead_letter;
SELECT * FROM jackpot_process_queue();
SELECT pool, with_draw, attempts, status FROM letters;
DROP TRIGGER refuse ON jackpot.operation;
SELECT count(jackpot_requeue(id)) FROM jackpot.dead_letter;
SELECT * FROM jackpot_process_queue();
SELECT * FROM jackpot_process_queue();
SELECT pool, win_amount, operation_id FROM wins WHERE operation_id LIKE '% bad';
SELECT o.operation_id, cardinality(o.win_ids) AS wins, w.operation_id = o.operation_id AS of_it
  FROM jackpot.operation o JOIN jackpot.win w ON w.id = ANY (o.win_ids) WHERE o.operation_id ~ '^[1-4] ' ORDER BY o.operation_id;
SELECT status, count(*) FROM letters GROUP BY status;
TABLE amounts;
TABLE wrong;
TRUNCATE jackpot.dead_letter;

-- A spin that hits two pools which both cannot pay is two letters: each has a number and a fate of its own.
CREATE TRIGGER refuse BEFORE INSERT ON jackpot.win FOR EACH ROW WHEN (NEW.operation_id LIKE 'two%') EXECUTE FUNCTION refuse('23514');
SELECT jackpot_enqueue_spin('p', 1000, 'ann', 'two') AS spin \gset
SELECT * FROM jackpot_process_queue();
TABLE letters;
SELECT count(DISTINCT id) AS numbers, count(*) FILTER (WHERE id = :spin) AS of_the_spin,
       count(*) FILTER (WHERE payload -> 'ledger_id' = to_jsonb(:spin)) AS of_its_wager FROM jackpot.dead_letter;
SELECT id AS other FROM jackpot.dead_letter WHERE id <> :spin \gset
SELECT * FROM item(:spin);
SELECT * FROM item(:other);
-- Refused again, each keeps its number.
SELECT jackpot_requeue(:spin) = :spin AS same, jackpot_requeue(:other) = :other AS same;
SELECT * FROM item(:spin);
SELECT * FROM item(:other);
SELECT * FROM jackpot_process_queue();
SELECT id = :spin AS is_spin, id = :other AS is_other, status, attempts FROM jackpot.dead_letter ORDER BY id;
SELECT * FROM item(:spin);
SELECT * FROM item(:other);
-- One is mended, then the other.
DROP TRIGGER refuse ON jackpot.win;
SELECT jackpot_requeue(:other) = :other AS same;
SELECT status FROM item(:spin) UNION ALL SELECT status FROM item(:other);
SELECT * FROM jackpot_process_queue();
SELECT count(*) FROM wins WHERE operation_id = 'two';
SELECT kind, status, token FROM item(:spin) UNION ALL SELECT kind, status, token FROM item(:other);
SELECT jackpot_requeue(:spin) = :spin AS same;
SELECT * FROM jackpot_process_queue();
SELECT * FROM item(:spin);
SELECT * FROM item(:other);
SELECT pool, win_amount, operation_id FROM wins WHERE operation_id = 'two' ORDER BY pool;
SELECT pool, win_amount, won, replayed FROM jackpot_spin('p', 1000, 'ann', 'two');
SELECT * FROM jackpot_process_queue();
TABLE wrong;
-- One is requeued and paid, the other discarded.
CREATE TRIGGER refuse BEFORE INSERT ON jackpot.win FOR EACH ROW WHEN (NEW.operation_id LIKE 'two%') EXECUTE FUNCTION refuse('23514');
TRUNCATE jackpot.dead_letter;
SELECT jackpot_enqueue_spin('p', 1000, 'bob', 'two again') AS spin \gset
SELECT failed FROM jackpot_process_queue();
DROP TRIGGER refuse ON jackpot.win;
SELECT id AS other FROM jackpot.dead_letter WHERE id <> :spin \gset
SELECT jackpot_requeue(:spin) = :spin AS same, jackpot_discard(:other, 'test') = :other AS same;
SELECT * FROM jackpot_process_queue();
SELECT status FROM item(:spin) UNION ALL SELECT status FROM item(:other);
SELECT count(*) FROM wins WHERE operation_id = 'two again';
TABLE wrong;
TRUNCATE jackpot.dead_letter;

-- A threshold is reached by the spin that reached it, though its pool was paused and others come before it is
-- paid: whatever their priority. Nothing but the resuming has it tried.
SET jackpot.retry_delay = '1min';
SELECT a.current_amount FROM jackpot_pool('must') p, LATERAL jackpot_adjust('must', 974 - p.current_amount, 'test') a;
SELECT jackpot_enqueue_spin('t', 5000, 'ann', 'reached 1') AS spin \gset
SELECT status FROM jackpot_pause('must');
SELECT * FROM jackpot_process_queue();
SELECT status FROM item(:spin);
SELECT status FROM jackpot_resume('must');
SELECT jackpot_enqueue_spin('t', 5000, 'bob', 'after 1') > 0 AS spin, jackpot_enqueue_spin('t', 5000, 'cat', 'urgent 1', priority => 1000) > 0 AS spin;
SELECT * FROM jackpot_process_queue();
SELECT operation_id, win_amount FROM wins WHERE operation_id ~ '^(reached|after|urgent) 1';
SELECT status, token FROM item(:spin);
-- It has not been resumed before that is committed, and is paused again.
SELECT a.current_amount FROM jackpot_pool('must') p, LATERAL jackpot_adjust('must', 974 - p.current_amount, 'test') a;
SELECT jackpot_enqueue_spin('t', 5000, 'ann', 'reached 2') > 0 AS spin;
SELECT status FROM jackpot_pause('must');
SELECT * FROM jackpot_process_queue();
BEGIN;
SELECT status FROM jackpot_resume('must');
ROLLBACK;
SELECT * FROM jackpot_process_queue();
SELECT status FROM jackpot_resume('must');
SELECT status FROM jackpot_pause('must');
SELECT * FROM jackpot_process_queue();
SELECT status FROM jackpot_resume('must');
SELECT jackpot_enqueue_spin('t', 5000, 'bob', 'after 2') > 0 AS spin;
SELECT * FROM jackpot_process_queue(1);
SELECT * FROM jackpot_process_queue();
SELECT operation_id, win_amount FROM wins WHERE operation_id ~ '^(reached|after) 2';
-- So where it was a conflict that it waits for: others find the threshold reached and do not have it.
SELECT a.current_amount FROM jackpot_pool('must') p, LATERAL jackpot_adjust('must', 974 - p.current_amount, 'test') a;
CREATE TRIGGER refuse BEFORE INSERT ON jackpot.win FOR EACH ROW WHEN (NEW.operation_id LIKE 'reached%') EXECUTE FUNCTION refuse('40001');
SELECT jackpot_enqueue_spin('t', 5000, 'ann', 'reached 3') AS spin \gset
SELECT * FROM jackpot_process_queue();
DROP TRIGGER refuse ON jackpot.win;
SELECT status FROM item(:spin);
SELECT jackpot_enqueue_spin('t', 5000, 'bob', 'after 3') > 0 AS spin, jackpot_enqueue_spin('t', 5000, 'cat', 'urgent 3', priority => 1000) > 0 AS spin;
SELECT * FROM jackpot_process_queue();
SELECT count(*) FROM wins WHERE operation_id ~ ' 3$';
SELECT make_due();
SELECT * FROM jackpot_process_queue();
SELECT operation_id, win_amount FROM wins WHERE operation_id ~ ' 3$';
SELECT status, token FROM item(:spin);
TABLE wrong;

-- Reached by a wager that is voided while it waits, it is the next one's,
SELECT a.current_amount FROM jackpot_pool('must') p, LATERAL jackpot_adjust('must', 974 - p.current_amount, 'test') a;
SELECT jackpot_enqueue_spin('t', 5000, 'ann', 'voided 4') AS spin \gset
SELECT status FROM jackpot_pause('must');
SELECT * FROM jackpot_process_queue();
SELECT pool, voided FROM jackpot_void('voided 4', 'test');
SELECT status FROM jackpot_resume('must');
SELECT * FROM jackpot_process_queue();
SELECT status, wins, token FROM item(:spin);
SELECT jackpot_enqueue_spin('t', 5000, 'bob', 'next 4') > 0 AS spin;
SELECT * FROM jackpot_process_queue();
SELECT operation_id FROM wins WHERE operation_id ~ ' 4$';
-- also of one that came while it waited, where it reaches the threshold by itself,
SELECT a.current_amount FROM jackpot_pool('must') p, LATERAL jackpot_adjust('must', 974 - p.current_amount, 'test') a;
SELECT jackpot_enqueue_spin('t', 5000, 'ann', 'voided 5') > 0 AS spin;
SELECT status FROM jackpot_pause('must');
SELECT * FROM jackpot_process_queue();
SELECT pool, voided FROM jackpot_void('voided 5', 'test');
SELECT status FROM jackpot_resume('must');
SELECT jackpot_enqueue_spin('t', 5000, 'bob', 'next 5') > 0 AS spin;
SELECT * FROM jackpot_process_queue();
SELECT operation_id FROM wins WHERE operation_id ~ ' 5$';
-- and where it was refused and that letter is discarded.
SELECT a.current_amount FROM jackpot_pool('must') p, LATERAL jackpot_adjust('must', 974 - p.current_amount, 'test') a;
CREATE TRIGGER refuse BEFORE INSERT ON jackpot.win FOR EACH ROW WHEN (NEW.operation_id LIKE 'discarded%') EXECUTE FUNCTION refuse('23514');
SELECT jackpot_enqueue_spin('t', 5000, 'ann', 'discarded 6') AS spin \gset
SELECT * FROM jackpot_process_queue();
DROP TRIGGER refuse ON jackpot.win;
SELECT jackpot_discard(:spin, 'test') = :spin AS discarded;
SELECT jackpot_enqueue_spin('t', 5000, 'bob', 'next 6') > 0 AS spin;
SELECT * FROM jackpot_process_queue();
SELECT status, wins, token FROM item(:spin);
SELECT operation_id FROM wins WHERE operation_id ~ ' 6$';
-- Requeued it comes before what is enqueued then.
SELECT a.current_amount FROM jackpot_pool('must') p, LATERAL jackpot_adjust('must', 974 - p.current_amount, 'test') a;
CREATE TRIGGER refuse BEFORE INSERT ON jackpot.win FOR EACH ROW WHEN (NEW.operation_id LIKE 'refused%') EXECUTE FUNCTION refuse('23514');
SELECT jackpot_enqueue_spin('t', 5000, 'ann', 'refused 7') AS spin \gset
SELECT * FROM jackpot_process_queue();
DROP TRIGGER refuse ON jackpot.win;
SELECT jackpot_requeue(:spin) = :spin AS requeued;
SELECT jackpot_enqueue_spin('t', 5000, 'bob', 'urgent 7', priority => 1000) > 0 AS spin;
SELECT * FROM jackpot_process_queue();
SELECT operation_id FROM wins WHERE operation_id ~ ' 7$';
TABLE wrong;

-- A pool with a hit that waits is not retired.
SELECT jackpot_enqueue_spin('o', 1000, 'ann', 'retired 1') > 0 AS spin;
SELECT status FROM jackpot_pause('odds');
SELECT retried FROM jackpot_process_queue();
SELECT refused($$SELECT jackpot_retire('odds', 'minor', 'test')$$);
SELECT pool, status FROM amounts WHERE pool = 'odds';
SELECT status FROM jackpot_resume('odds');
SELECT refused($$SELECT jackpot_retire('odds', 'minor', 'test')$$) ~ '^55000 .* win_state: ' AS refused;
SELECT * FROM jackpot_process_queue();
SELECT status, current_amount FROM jackpot_retire('odds', 'minor', 'test');
-- Nor is one of which the threshold is reached; others may be.
SELECT a.current_amount FROM jackpot_pool('must') p, LATERAL jackpot_adjust('must', 974 - p.current_amount, 'test') a;
SELECT jackpot_enqueue_spin('t', 5000, 'ann', 'retired 2') > 0 AS spin;
SELECT status FROM jackpot_pause('must');
SELECT retried FROM jackpot_process_queue();
SELECT refused($$SELECT jackpot_retire('must', 'minor', 'test')$$) ~ '^55000 .* win_state: ' AS refused;
SELECT status FROM jackpot_retire('left', 'minor', 'test');
SELECT status FROM jackpot_resume('must');
SELECT * FROM jackpot_process_queue();
SELECT status FROM jackpot_retire('must', 'minor', 'test');
SELECT operation_id FROM wins WHERE operation_id LIKE 'retired%';
TABLE amounts;
TABLE wrong;

-- The first call of a connection.
\c
SELECT jackpot_queue_health() -> 'depth' AS depth;
\c
SELECT * FROM jackpot_process_queue();
\pset null -
SET client_min_messages = error;

-- An operation that is enqueued with a delay, then without, and the other way round, is the first still.
SELECT jackpot_enqueue_spin('m', 100, 'ann', 'delayed', delay => '1 day') AS delayed, jackpot_enqueue_spin('m', 100, 'ann', 'at once') AS at_once,
       jackpot_enqueue_win('minor', 'm', 'ann', 1, 'win') AS win \gset
SELECT jackpot_enqueue_spin('m', 100, 'ann', 'delayed') = :delayed AS same, jackpot_enqueue_spin('m', 100, 'ann', 'at once', delay => '1 day') = :at_once AS same,
       jackpot_enqueue_win('minor', 'm', 'ann', 1, 'win', delay => '1 day') = :win AS same;
SELECT refused($$SELECT jackpot_enqueue_spin('m', 101, 'ann', 'delayed')$$);
SELECT refused($$SELECT jackpot_enqueue_spin('m', 100, 'bob', 'delayed', delay => '1 day')$$);
SELECT refused($$SELECT jackpot_enqueue_spin('m', 101, 'ann', 'at once', delay => '1 day')$$);
SELECT refused($$SELECT jackpot_enqueue_win('minor', 'm', 'ann', 2, 'win', delay => '1 day')$$);
SELECT count(*) FROM jackpot.ledger WHERE operation_id = 'delayed';
SELECT count(*) FROM jackpot.request WHERE operation_id = 'at once';
-- It needs no room in a queue that is full; anything else is refused there, too, for what it is.
DO $$ BEGIN PERFORM pg_sleep(1.1); END $$;
SET jackpot.queue_max_items = 3;
SELECT refused($$SELECT jackpot_enqueue_spin('m', 100)$$) ~ '^53400 .* queue_full: ' AS full;
SELECT jackpot_enqueue_spin('m', 100, 'ann', 'delayed') = :delayed AS same, jackpot_enqueue_spin('m', 100, 'ann', 'delayed', delay => '1 hour') = :delayed AS same,
       jackpot_enqueue_spin('m', 100, 'ann', 'at once') = :at_once AS same, jackpot_enqueue_spin('m', 100, 'ann', 'at once', delay => '1 hour') = :at_once AS same,
       jackpot_enqueue_win('minor', 'm', 'ann', 1, 'win') = :win AS same;
SELECT left(refused(format('SELECT jackpot_enqueue_%s', call)), 5) AS mismatch
  FROM unnest(ARRAY[$$spin('m', 101, 'ann', 'delayed')$$, $$spin('m', 101, 'ann', 'delayed', delay => '1 hour')$$, $$spin('m', 101, 'ann', 'at once')$$,
                    $$spin('m', 101, 'ann', 'at once', delay => '1 hour')$$, $$win('minor', 'm', 'ann', 2, 'win')$$]) call;
RESET jackpot.queue_max_items;
SELECT * FROM jackpot_process_queue();
-- Done, it is the first still.
SELECT make_due();
SELECT * FROM jackpot_process_queue();
SELECT jackpot_enqueue_spin('m', 100, 'ann', 'delayed') = :delayed AS same, jackpot_enqueue_spin('m', 100, 'ann', 'delayed', delay => '1 day') = :delayed AS same,
       jackpot_enqueue_spin('m', 100, 'ann', 'at once') = :at_once AS same, jackpot_enqueue_spin('m', 100, 'ann', 'at once', delay => '1 day') = :at_once AS same,
       jackpot_enqueue_win('minor', 'm', 'ann', 1, 'win', delay => '1 day') = :win AS same;
SELECT * FROM jackpot_process_queue();

-- More than is looked through at a time: of one transaction, due at once, due soon, and due in one moment.
SELECT count(*) FROM generate_series(0, 19) n, LATERAL jackpot_create_pool('rich ' || n, 0.01, 10000, config => '{"game_ids": ["r"]}');
CREATE VIEW done AS
SELECT (SELECT count(*) FROM jackpot.request r WHERE r.operation_id LIKE 'many %') AS requests,
       (SELECT count(*) FROM jackpot.attempt a JOIN jackpot.request r USING (entry) WHERE r.operation_id LIKE 'many %' AND a.outcome = 'applied') AS attempts,
       (SELECT count(*) FROM jackpot.attempt) - (SELECT count(*) FROM jackpot.request) AS attempts_too_many,
       (SELECT count(*) FROM wins w WHERE w.pool LIKE 'rich %') AS wins, (SELECT count(DISTINCT w.operation_id) FROM wins w WHERE w.pool LIKE 'rich %') AS operations,
       (SELECT sum(total_won) FROM jackpot_pools() p WHERE p.pool LIKE 'rich %') AS total_won, (SELECT jackpot_queue_health() -> 'depth') AS depth;
SELECT count(jackpot_enqueue_win('rich ' || n % 20, 'r', 'u', 1, 'many ' || n)) FROM generate_series(1, 5200) n;
SELECT * FROM jackpot_process_queue();
TABLE done;
SELECT count(jackpot_enqueue_win('rich ' || n % 20, 'r', 'u', 1, 'many soon ' || n, delay => '50 ms')) FROM generate_series(1, 5200) n;
DO $$ BEGIN PERFORM pg_sleep(0.1); END $$;
SELECT * FROM jackpot_process_queue();
TABLE done;
-- The mark passes these before they are due.
SELECT count(jackpot_enqueue_win('rich ' || n % 20, 'r', 'u', 1, 'many later ' || n, delay => '1 day')) FROM generate_series(1, 5200) n;
SELECT * FROM jackpot_process_queue();
SELECT make_due();
SELECT count(*) AS requests, count(DISTINCT due_at) AS moments FROM jackpot.request WHERE operation_id LIKE 'many later %';
SELECT * FROM jackpot_process_queue(100);
SELECT count(jackpot_enqueue_win('rich ' || n % 20, 'r', 'u', 1, 'many more ' || n)) FROM generate_series(1, 5200) n;
SELECT * FROM jackpot_process_queue(700);
SELECT * FROM jackpot_process_queue(5000);
SELECT * FROM jackpot_process_queue(5000);
SELECT * FROM jackpot_process_queue();
TABLE done;
TABLE wrong;

-- A rate limit that is made wider holds at once; one that is set anew does not wait for what came before it.
SELECT current_setting('shared_preload_libraries') = 'jackpot' AS is_preloaded \gset
\if :is_preloaded
-- From empty the wider one fills as it says: a million a second.
SELECT jackpot_set_rate_limit('game', 'wide', 1, 1) \gset
DO $$ BEGIN PERFORM jackpot_enqueue_contribution('wide', 1); END $$;
DO $$ BEGIN ASSERT refused($_$SELECT jackpot_enqueue_contribution('wide', 1)$_$) ~ '^53400 .* rate_limited: 1 calls a minute, 1 at once; wait \d{5} ms'; END $$;
SELECT jackpot_set_rate_limit('game', 'wide', 60000000, 1000000) \gset
DO $$ BEGIN
    -- The first may find the old one's time, and ends it.
    PERFORM refused($_$SELECT jackpot_enqueue_contribution('wide', 1)$_$);
    PERFORM pg_sleep(0.1);
    PERFORM jackpot_enqueue_contribution('wide', 1) FROM generate_series(1, 100);
END $$;
SELECT jackpot_set_rate_limit('game', 'wide', NULL) \gset
-- A bucket that is an hour behind is a second behind by the new limit.
SELECT jackpot_set_rate_limit('game', 'anew', 1, 60) \gset
DO $$ BEGIN PERFORM jackpot_enqueue_contribution('anew', 1) FROM generate_series(1, 60); END $$;
DO $$ BEGIN ASSERT refused($_$SELECT jackpot_enqueue_contribution('anew', 1)$_$) ~ '^53400 .* rate_limited: '; END $$;
SELECT jackpot_set_rate_limit('game', 'anew', NULL) \gset
DO $$ BEGIN PERFORM jackpot_enqueue_contribution('anew', 1) FROM generate_series(1, 100); END $$;
SELECT jackpot_set_rate_limit('game', 'anew', 60, 1) \gset
DO $$
DECLARE
    answer text := refused($_$SELECT jackpot_enqueue_contribution('anew', 1)$_$);
BEGIN
    ASSERT coalesce(substring(answer FROM 'rate_limited: .*; wait (\d+) ms')::integer, 0) <= 1001, answer;
    PERFORM pg_sleep(1.1);
    PERFORM jackpot_enqueue_contribution('anew', 1);
END $$;
SELECT jackpot_set_rate_limit('game', 'anew', NULL) \gset
\endif
SELECT count(*) FROM jackpot.rate_limit;

SELECT status, count(*) FROM jackpot.dead_letter GROUP BY status ORDER BY status;
TABLE wrong;
DROP VIEW done, letters, wins, amounts, wrong;
DROP FUNCTION item, refused, refuse, make_due;
