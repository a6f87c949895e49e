-- The queue needs the right to call its functions, and nothing else; what waits is done with no more
-- rights than any other call, and who asked for it is on record.
SET client_min_messages = error;
DROP EXTENSION IF EXISTS jackpot;
CREATE EXTENSION jackpot;
\set VERBOSITY terse
SELECT pool FROM jackpot_create_pool('minor', 0.01, 100, config => '{"game_ids": ["m"]}');
SELECT pool FROM jackpot_create_pool('odds', 0.02, 100, config => '{"game_ids": ["o"], "trigger": {"kind": "odds", "one_in": 1}}');
DROP ROLE IF EXISTS regress_jackpot_player, regress_jackpot_worker;
CREATE ROLE regress_jackpot_player;
CREATE ROLE regress_jackpot_worker;
INSERT INTO jackpot.inbox (game_id, wager_amount) VALUES ('m', -1);
SELECT failed FROM jackpot_process_inbox();
SELECT id AS letter FROM jackpot.dead_letter \gset

-- Nobody may from the start.
SET ROLE regress_jackpot_player;
SELECT jackpot_enqueue_contribution('m', 1);
SELECT jackpot_enqueue_spin('o', 1);
SELECT jackpot_enqueue_win('minor', 'm', 'me');
SELECT processed FROM jackpot_process_queue();
SELECT status FROM jackpot_queue_item(1);
SELECT jackpot_requeue(:letter);
SELECT jackpot_discard(:letter, 'test');
SELECT jackpot_queue_health();
SELECT jackpot_set_rate_limit('overall', NULL, 1);
SELECT * FROM jackpot.worker_state();
SELECT * FROM jackpot.queue_waiting();
SELECT * FROM jackpot.request;
SELECT * FROM jackpot.attempt;
SELECT * FROM jackpot.queue_mark;
SELECT * FROM jackpot.rate_limit;
SELECT * FROM jackpot.dead_letter;
INSERT INTO jackpot.request DEFAULT VALUES;
RESET ROLE;

-- Who may enqueue may do nothing else.
GRANT EXECUTE ON FUNCTION jackpot_enqueue_contribution, jackpot_enqueue_spin, jackpot_enqueue_win, jackpot_queue_item TO regress_jackpot_player;
SET ROLE regress_jackpot_player;
SELECT jackpot_enqueue_contribution('m', 100, 'me', 'c') AS contribution, jackpot_enqueue_spin('o', 100, 'me', 's') AS spin, jackpot_enqueue_spin('o', 100, 'me', 'd', delay => '1 microsecond') AS delayed,
       jackpot_enqueue_win('minor', 'm', 'me', 1, 'w') AS win \gset
SELECT jackpot_enqueue_spin('o', 100, 'me', 's') = :spin AS same;
SELECT kind, status FROM jackpot_queue_item(:contribution);
SELECT kind, status FROM jackpot_queue_item(:spin);
SELECT kind, status FROM jackpot_queue_item(:delayed);
SELECT kind, status FROM jackpot_queue_item(:win);
SELECT jackpot_enqueue_win('minor', 'm', 'me', -1);
SELECT current_user;
SELECT processed FROM jackpot_process_queue();
SELECT jackpot_requeue(:letter);
SELECT jackpot_discard(:letter, 'test');
SELECT jackpot_queue_health();
SELECT jackpot_set_rate_limit('overall', NULL, 1);
SET jackpot.queue_max_items = 0;
SET jackpot.queue_max_attempts = 1;
SET jackpot.notify_wins = on;
SET jackpot.limit_synchronous_calls = on;
SELECT * FROM jackpot.request;
UPDATE jackpot.request SET payload = '{}';
DELETE FROM jackpot.attempt;
UPDATE jackpot.queue_mark SET due_until = '-infinity';
RESET ROLE;

-- Who may process may do nothing else either; not even enqueue, or pay.
GRANT EXECUTE ON FUNCTION jackpot_process_queue, jackpot_queue_health, jackpot_requeue, jackpot_discard TO regress_jackpot_worker;
SET ROLE regress_jackpot_worker;
SELECT jackpot_enqueue_win('minor', 'm', 'me');
SELECT win_amount FROM jackpot_win('minor', 'm', 'me');
SELECT status FROM jackpot_queue_item(:win);
SELECT jackpot_queue_health() -> 'depth' AS depth, jackpot_queue_health() -> 'dead_letters' AS dead_letters;
SELECT processed, wins FROM jackpot_process_queue();
SELECT current_user;
SELECT jackpot_requeue(:letter) = :letter AS requeued;
SELECT failed FROM jackpot_process_queue();
SELECT jackpot_discard(:letter, 'test') = :letter AS discarded;
SELECT jackpot_queue_health() -> 'depth' AS depth, jackpot_queue_health() -> 'dead_letters' AS dead_letters;
SELECT * FROM jackpot.win;
SELECT jackpot_set_rate_limit('overall', NULL, 1);
RESET ROLE;
SELECT operation_id, regexp_replace(actor, '/.*/', '/.../') AS actor FROM jackpot.win WHERE operation_id IN ('d', 'w') ORDER BY operation_id;
SELECT regexp_replace(resolved_by, '/.*/', '/.../') AS resolved_by FROM jackpot.dead_letter;
SET ROLE regress_jackpot_player;
SELECT i.status, i.result ->> 'win_amount' AS won FROM jackpot_queue_item(:win) i;
SELECT i.status, i.result #>> '{wins,0,win_amount}' AS won FROM jackpot_queue_item(:spin) i;
RESET ROLE;

-- Functions, operators and tables of the caller's own are not what the queue's run on: each would say so.
GRANT CREATE, TEMPORARY ON DATABASE regress TO regress_jackpot_player;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO regress_jackpot_player;
SET ROLE regress_jackpot_player;
CREATE SCHEMA evil;
DO $$
DECLARE
    signature text;
    operator record;
BEGIN
    FOREACH signature IN ARRAY ARRAY['now()', 'clock_timestamp()', 'count(bigint)', 'coalesce_(text)', 'nextval(regclass)', 'format(text, bigint)', 'greatest_(bigint)',
            'pg_visible_in_snapshot(xid8, pg_snapshot)', 'jsonb_agg(jsonb)', 'to_jsonb(text)', 'pg_is_in_recovery()', 'current_setting(text)', 'max(timestamptz)',
            'pg_notify(text, text)', 'sum(bigint)', 'jsonb_strip_nulls(jsonb)'] LOOP
        EXECUTE format('CREATE FUNCTION evil.%s RETURNS text LANGUAGE plpgsql AS
            ''BEGIN RAISE EXCEPTION ''''evil %s ran as %%'''', current_user; END''', signature, signature);
    END LOOP;
    FOR operator IN SELECT o, t FROM unnest('{=,>=,>,<,<=,<>,+,-,*,/,||,->,->>}'::text[]) o,
            unnest(ARRAY['integer', 'bigint', 'numeric', 'text', 'xid8', 'timestamptz', 'boolean', 'jsonb', 'interval']) t LOOP
        EXECUTE format('CREATE OR REPLACE FUNCTION evil.operator(%1$s, %1$s) RETURNS boolean LANGUAGE plpgsql AS
            ''BEGIN RAISE EXCEPTION ''''evil operator on %1$s ran as %%'''', current_user; END''', operator.t);
        EXECUTE format('CREATE OPERATOR evil.%s (LEFTARG = %s, RIGHTARG = %2$s, FUNCTION = evil.operator)', operator.o, operator.t);
    END LOOP;
END $$;
CREATE TEMP TABLE request (entry integer);
CREATE TEMP TABLE attempt (entry integer);
CREATE TEMP TABLE queue_mark (one text);
SET search_path = evil, pg_temp, public, pg_catalog;
SELECT 1::bigint = 1::bigint;
SELECT jackpot_enqueue_contribution('m', 100, 'me', 'evil c') AS contribution, jackpot_enqueue_spin('o', 100, 'me', 'evil s') AS spin,
       jackpot_enqueue_spin('o', 100, 'me', 'evil d', delay => '1 microsecond') AS delayed,
       jackpot_enqueue_win('minor', 'm', 'me', 1, 'evil w', metadata => '{}') AS win,
       jackpot_enqueue_win('minor', 'm', 'me', 1000000, 'evil letter', delay => '1 microsecond') AS letter \gset
SELECT jackpot_enqueue_win('minor', 'm', 'me', 1, 'evil w', metadata => '{}') OPERATOR(pg_catalog.=) :win AS same;
SELECT jackpot_queue_health() OPERATOR(pg_catalog.->) 'depth' AS depth;
SELECT processed, failed, wins FROM jackpot_process_queue();
SELECT kind, status FROM jackpot_queue_item(:contribution);
SELECT kind, status FROM jackpot_queue_item(:spin);
SELECT kind, status FROM jackpot_queue_item(:delayed);
SELECT kind, status FROM jackpot_queue_item(:letter);
SELECT jackpot_requeue(:letter) OPERATOR(pg_catalog.=) :letter AS requeued;
SELECT failed FROM jackpot_process_queue();
SELECT jackpot_discard(:letter, 'evil') OPERATOR(pg_catalog.=) :letter AS discarded;
-- A path that is set to nothing hinders nobody.
SET search_path = '';
SELECT public.jackpot_enqueue_spin('o', 100, 'me', 'no path') AS spin \gset
SELECT processed, wins FROM public.jackpot_process_queue();
SELECT status FROM public.jackpot_queue_item(:spin);
RESET search_path;
RESET ROLE;

-- Nobody else makes triggers on what the queue writes.
SET ROLE regress_jackpot_player;
CREATE FUNCTION pg_temp.steal() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'ran as %', current_user; END $$;
CREATE TRIGGER steal BEFORE INSERT ON jackpot.request FOR EACH ROW EXECUTE FUNCTION pg_temp.steal();
RESET ROLE;

DROP TABLE pg_temp.request, pg_temp.attempt, pg_temp.queue_mark;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM regress_jackpot_player, regress_jackpot_worker;
DROP OWNED BY regress_jackpot_player, regress_jackpot_worker CASCADE;
DROP ROLE regress_jackpot_player, regress_jackpot_worker;
SELECT * FROM jackpot_validate() WHERE NOT ok;
SELECT pool, difference FROM jackpot_reconcile() WHERE difference <> 0;
