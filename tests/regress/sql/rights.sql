-- Who may call may do nothing else, and nobody's objects run with the owner's rights.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS jackpot;
CREATE EXTENSION jackpot;
\set VERBOSITY terse
SELECT pool FROM jackpot_create_pool('minor', 0.01, 100);
DROP ROLE IF EXISTS regress_jackpot_player;
CREATE ROLE regress_jackpot_player;

SET ROLE regress_jackpot_player;
SELECT pool FROM jackpot_contribute('g', 1);
SELECT pool FROM jackpot_pools();
RESET ROLE;

GRANT EXECUTE ON FUNCTION jackpot_contribute, jackpot_pools TO regress_jackpot_player;
SET ROLE regress_jackpot_player;
SELECT pool, contribution, current_amount FROM jackpot_contribute('g', 100, operation_id => 'played');
SELECT pool, contribution, replayed FROM jackpot_contribute('g', 100, operation_id => 'played');
SELECT pool, current_amount FROM jackpot_pools();
SELECT win_amount FROM jackpot_win('minor', 'g', 'me');
SELECT pool FROM jackpot_create_pool('mine');
SELECT pool FROM jackpot_update_config('minor', '{"contribution_rate": 1}');
SELECT pool FROM jackpot_pause('minor');
SELECT jackpot_settle();
SELECT * FROM jackpot_validate();
SELECT * FROM jackpot_history('minor');
SELECT * FROM jackpot_statistics();
SELECT * FROM jackpot.pool;
SELECT * FROM jackpot.jackpots;
INSERT INTO jackpot.ledger DEFAULT VALUES;
UPDATE jackpot.pool SET meter = 0;
DELETE FROM jackpot.win;
TRUNCATE jackpot.journal;
-- The rights are the owner's for the time of the call alone, also when it fails.
SELECT current_user;
SELECT pool FROM jackpot_contribute('g', -1);
SELECT current_user;
SELECT current_setting('search_path') = '"$user", public' AS same_path;
RESET ROLE;
-- Who did it is on record, not whose rights did it.
GRANT EXECUTE ON FUNCTION jackpot_update_config TO regress_jackpot_player;
SET ROLE regress_jackpot_player;
SELECT lock_holder FROM jackpot_update_config('minor', '{"seed_amount": 200}', reason => 'because');
RESET ROLE;
REVOKE EXECUTE ON FUNCTION jackpot_update_config FROM regress_jackpot_player;

-- A role that puts functions and operators of its own before those of PostgreSQL: none of them
-- may run, each would say so.
GRANT CREATE ON DATABASE regress TO regress_jackpot_player;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO regress_jackpot_player;
SET ROLE regress_jackpot_player;
CREATE SCHEMA evil;
DO $$
DECLARE
    signature text;
    operator record;
BEGIN
    FOREACH signature IN ARRAY ARRAY['coalesce_(text)', 'now()', 'clock_timestamp()', 'jsonb_typeof(jsonb)', 'count(integer)',
            'pg_visible_in_snapshot(xid8, pg_snapshot)', 'array_position(integer[], integer)', 'floor(numeric)',
            'trim_scale(numeric)', 'format(text, text)', 'nextval(regclass)', 'to_char(timestamp, text)',
            'date_trunc(text, timestamptz)', 'abs(bigint)', 'length(text)', 'round(numeric, integer)',
            'jackpot_pools(text[])', 'array_to_string(text[], text)'] LOOP
        EXECUTE format('CREATE FUNCTION evil.%s RETURNS text LANGUAGE plpgsql AS
            ''BEGIN RAISE EXCEPTION ''''evil %s ran as %%'''', current_user; END''', signature, signature);
    END LOOP;
    FOR operator IN SELECT o, t, r FROM (VALUES ('=', 'boolean'), ('>=', 'boolean'), ('>', 'boolean'), ('<', 'boolean'),
            ('<=', 'boolean'), ('<>', 'boolean'), ('+', NULL), ('-', NULL), ('*', NULL), ('/', NULL)) AS operators(o, r),
            unnest(ARRAY['integer', 'bigint', 'numeric', 'text', 'xid8', 'timestamptz', 'boolean', 'oid', 'name']) t LOOP
        EXECUTE format('CREATE OR REPLACE FUNCTION evil.operator(%1$s, %1$s) RETURNS boolean LANGUAGE plpgsql AS
            ''BEGIN RAISE EXCEPTION ''''evil operator on %1$s ran as %%'''', current_user; END''', operator.t);
        EXECUTE format('CREATE OPERATOR evil.%s (LEFTARG = %s, RIGHTARG = %2$s, FUNCTION = evil.operator)',
            operator.o, operator.t);
    END LOOP;
END $$;
RESET ROLE;
INSERT INTO jackpot.inbox (kind, game_id, wager_amount, pools) VALUES ('spin', 'g', 100, '{minor}'), ('contribute', 'g', -1, '{minor}');
SET ROLE regress_jackpot_player;
-- Tables and types in the session's own schema are found first of all, unless that is prevented.
CREATE TEMP TABLE pool (id integer);
CREATE TEMP TABLE pg_stat_activity (xact_start text, backend_xid text, datid text);
CREATE TEMP TABLE pg_prepared_xacts (gid text);
SET search_path = evil, pg_temp, public, pg_catalog;
SELECT 1 = 1;
SELECT pool, contribution FROM jackpot_contribute('g', 100);
SELECT pool, replayed FROM jackpot_contribute('g', 100, 'u', 'evil', '{minor}', 'o', 'c', 'EUR', '{}');
SELECT pool, replayed FROM jackpot_contribute('g', 100, 'u', 'evil', '{minor}', 'o', 'c', 'EUR', '{}');
SELECT pool, current_amount FROM public.jackpot_pools('{minor}'::text[]);
SELECT pool, current_amount FROM jackpot_pool('minor');
SELECT pool FROM jackpot_create_pool('second', 0.01, config => '{"game_ids": ["x"]}');
SELECT pool FROM jackpot_update_config('minor', '{"seed_amount": 10}');
SELECT status FROM jackpot_pause('second');
SELECT status FROM jackpot_resume('second');
SELECT win_amount, replayed FROM jackpot_win('minor', 'g', 'me', 2, 'evil win', metadata => '{}');
SELECT win_amount, replayed FROM jackpot_win('minor', 'g', 'me', 2, 'evil win', metadata => '{}');
SELECT pool, won FROM jackpot_spin('g', 100, operation_id => 'evil spin', pools => '{minor}');
SELECT processed FROM jackpot_contribute_arrays('{g,g}', '{100,200}', '{u,u}', '{evil arrays,evil}', '{minor}');
SELECT processed FROM jackpot_spin_arrays('{g,g}', '{100,200}', operation_ids => '{evil spin 2,evil spin}', pools => '{minor}');
SELECT processed FROM jackpot_contribute_batch('[{"game_id": "g", "wager_amount": "100", "operation_id": "evil batch", "pools": ["minor"]}]');
SELECT processed FROM jackpot_win_batch('[{"pool": "minor", "game_id": "g", "user_id": "me", "win_amount": 2}, {"pool": "minor", "game_id": "g", "user_id": "me", "win_amount": 999}]');
SELECT processed, failed FROM jackpot_process_inbox();
SELECT pool FROM jackpot_update_config('second', '{"max_amount": 11, "seed_amount": 10, "verify_above": 1, "currency": "EUR", "trigger": {"kind": "must_hit_by"}}');
SELECT pool FROM jackpot_update_config('second', '{"seed_amount": 9}', effective => 'next_cycle');
SELECT rate FROM jackpot_set_exchange_rate('USD', 'EUR', 0.9);
SELECT pool FROM jackpot_adjust('second', 20, 'evil');
SELECT won, win_id FROM jackpot_spin('x', 100, operation_id => 'evil hit', pools => '{second}', currency => 'USD') \gset
SELECT status FROM jackpot_confirm_win(:win_id, 'evil');
SELECT status FROM jackpot_cancel_win(:win_id, 'evil');
SELECT pool FROM jackpot_void('evil hit', 'evil');
SELECT pool FROM jackpot_void('evil spin', 'evil');
SELECT pool FROM jackpot_void('evil tombstone', 'evil');
SELECT pool FROM jackpot_create_pool('third', currency => 'EUR');
SELECT pool FROM jackpot_transfer('second', 'third', 1, 'evil');
SELECT status FROM jackpot_retire('second', 'third', 'evil');
SELECT ok FROM jackpot_verify_win(:win_id);
SELECT pool FROM jackpot_rules('minor');
SELECT pool, difference FROM jackpot_reconcile();
SELECT pool FROM jackpot_liability();
SELECT jackpot_settle();
SELECT kind FROM jackpot_history('minor', kinds => '{win}');
SELECT pool FROM jackpot_statistics('{minor}');
SELECT check_name FROM jackpot_validate() WHERE ok IS NOT TRUE;
-- A path that is set to nothing hinders nobody.
SET search_path = '';
SELECT pool, contribution FROM public.jackpot_contribute('g', 100);
SELECT pool FROM public.jackpot_pool('minor');
RESET search_path;
RESET ROLE;

DROP TABLE pg_temp.pool, pg_temp.pg_stat_activity, pg_temp.pg_prepared_xacts;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM regress_jackpot_player;
SET client_min_messages = error;
DROP OWNED BY regress_jackpot_player CASCADE;
DROP ROLE regress_jackpot_player;
SELECT * FROM jackpot_validate() WHERE NOT ok;
