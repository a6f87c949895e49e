-- Every refusal of the queue: SQLSTATE, token, message and advice; and nothing has changed.
SET client_min_messages = error;
DROP EXTENSION IF EXISTS jackpot;
CREATE EXTENSION jackpot;
\pset format unaligned
\pset tuples_only on
SELECT pool FROM jackpot_create_pool('minor', 0.01, 100, 1000, currency => 'EUR');
SELECT pool FROM jackpot_create_pool('odds', 0.01, 100, config => '{"game_ids": ["o"], "trigger": {"kind": "odds", "one_in": 1}}');
SELECT pool FROM jackpot_create_pool('paused', 0.01, 100);
SELECT status FROM jackpot_pause('paused');
SELECT pool FROM jackpot_create_pool('retired');
SELECT status FROM jackpot_retire('retired', 'odds', 'test');
SELECT pool FROM jackpot_create_pool('empty', config => '{"game_ids": ["e"]}');
SELECT pool FROM jackpot_contribute('g', 5000, 'ann', 'used');
SELECT count(*) FROM jackpot_void('voided', 'test');
SELECT jackpot_enqueue_contribution('g', 100) AS contribution \gset
SELECT jackpot_enqueue_win('minor', 'g', 'ann', 1) AS win \gset
SELECT processed FROM jackpot_process_queue();

-- Runs a statement that must fail, and tells how it did.
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
CREATE VIEW now AS
SELECT (SELECT count(*) FROM jackpot.ledger) AS ledger, (SELECT count(*) FROM jackpot.request) AS request, (SELECT count(*) FROM jackpot.attempt) AS attempt,
       (SELECT count(*) FROM jackpot.win) AS win, (SELECT count(*) FROM jackpot.operation) AS operation, (SELECT count(*) FROM jackpot.journal) AS journal,
       (SELECT jsonb_agg(d) FROM jackpot.dead_letter d) AS dead_letter, (SELECT count(*) FROM jackpot.rate_limit) AS rate_limit,
       (SELECT jsonb_agg(to_jsonb(p) - 'as_of') FROM jackpot_pools() p) AS pools;
CREATE TEMP TABLE counted AS TABLE now;

-- Required arguments.
SELECT refused($$SELECT jackpot_enqueue_contribution(NULL, 1)$$);
SELECT refused($$SELECT jackpot_enqueue_contribution('g', NULL)$$);
SELECT refused($$SELECT jackpot_enqueue_contribution('g', 1, pools => ARRAY['minor', NULL])$$);
SELECT refused($$SELECT jackpot_enqueue_spin(NULL, 1)$$);
SELECT refused($$SELECT jackpot_enqueue_spin('g', NULL)$$);
SELECT refused($$SELECT jackpot_enqueue_spin('g', NULL, delay => '1 day')$$);
SELECT refused($$SELECT jackpot_enqueue_spin('g', 1, pools => ARRAY['minor', NULL], delay => '1 day')$$);
SELECT refused($$SELECT jackpot_enqueue_win(NULL, 'g', 'u')$$);
SELECT refused($$SELECT jackpot_enqueue_win('minor', NULL, 'u')$$);
SELECT refused($$SELECT jackpot_enqueue_win('minor', 'g', NULL)$$);
SELECT refused($$SELECT jackpot_queue_item(NULL)$$);
SELECT refused($$SELECT jackpot_requeue(NULL)$$);
SELECT refused($$SELECT jackpot_discard(NULL, 'test')$$);
SELECT refused($$SELECT jackpot_discard(1, NULL)$$);

-- Arguments that make no sense, with and without a delay.
SELECT refused(format('SELECT jackpot_enqueue_%s', call)) FROM unnest(ARRAY[
    $$contribution('', 1)$$, $$contribution('g', -1)$$, $$contribution('g', 1, operation_id => '')$$, $$contribution('g', 1, currency => 'a currency of many letters')$$,
    $$spin('', 1)$$, $$spin('', 1, delay => '1 day')$$, $$spin('g', -1)$$, $$spin('g', -1, delay => '1 day')$$,
    $$spin('g', 1, operation_id => '')$$, $$spin('g', 1, operation_id => '', delay => '1 day')$$,
    $$spin('g', 1, currency => 'a currency of many letters')$$, $$spin('g', 1, currency => 'a currency of many letters', delay => '1 day')$$,
    $$win('minor', '', 'u')$$, $$win('minor', 'g', '')$$, $$win('minor', 'g', 'u', 0)$$, $$win('minor', 'g', 'u', -1)$$, $$win('minor', 'g', 'u', 0, delay => '1 day')$$,
    $$win('minor', 'g', 'u', operation_id => '')$$, $$win('minor', 'g', 'u', expected_cycle => 0)$$]) call;
SELECT refused($$SELECT jackpot_enqueue_contribution('g', 1, operation_id => repeat('x', 201))$$);
SELECT refused($$SELECT jackpot_enqueue_spin('g', 1, operation_id => repeat('x', 201), delay => '1 day')$$);
SELECT refused($$SELECT jackpot_enqueue_win('minor', 'g', 'u', operation_id => repeat('x', 201))$$);
-- A rate that is not known.
SELECT refused($$SELECT jackpot_enqueue_spin('g', 1, pools => '{minor}', currency => 'USD')$$);
SELECT refused($$SELECT jackpot_enqueue_spin('g', 1, pools => '{minor}', currency => 'USD', delay => '1 day')$$);
-- More than fits.
SELECT refused($$SELECT jackpot_enqueue_contribution('g', 9223372036854775807)$$);
SELECT refused($$SELECT jackpot_enqueue_spin('g', 9223372036854775807)$$);
SELECT refused($$SELECT jackpot_enqueue_spin('g', 9223372036854775807, delay => '1 day')$$);
-- Delays and priorities.
SELECT refused($$SELECT jackpot_enqueue_spin('g', 1, delay => '-1 microsecond')$$);
SELECT refused($$SELECT jackpot_enqueue_win('minor', 'g', 'u', delay => '-1 day')$$);
SELECT refused($$SELECT jackpot_enqueue_spin('g', 1, delay => '300000 years')$$);
SELECT refused($$SELECT jackpot_enqueue_win('minor', 'g', 'u', delay => '300000 years')$$);
SELECT refused($$SELECT jackpot_enqueue_spin('g', 1, delay => 'soon')$$);
SELECT refused($$SELECT jackpot_enqueue_spin('g', 1, priority => 2147483648)$$);
SELECT refused($$SELECT jackpot_enqueue_win('minor', 'g', 'u', priority => 'high')$$);
SELECT refused($$SELECT jackpot_process_queue(0)$$);
SELECT refused($$SELECT jackpot_process_queue(-1)$$);

-- Unknown pools.
SELECT refused($$SELECT jackpot_enqueue_contribution('g', 1, pools => '{minor,nosuch}')$$);
SELECT refused($$SELECT jackpot_enqueue_spin('g', 1, pools => '{nosuch}')$$);
SELECT refused($$SELECT jackpot_enqueue_spin('g', 1, pools => '{nosuch}', delay => '1 day')$$);
SELECT refused($$SELECT jackpot_enqueue_win('nosuch', 'g', 'u')$$);
SELECT refused($$SELECT jackpot_enqueue_win('nosuch', 'g', 'u', delay => '1 day')$$);
-- Pools that are not active. A delay may mend a pause, and does not mend what is retired.
SELECT refused($$SELECT jackpot_enqueue_contribution('g', 1, pools => '{paused}')$$);
SELECT refused($$SELECT jackpot_enqueue_spin('g', 1, pools => '{paused}')$$);
SELECT refused($$SELECT jackpot_enqueue_spin('g', 1, pools => '{retired}')$$);
SELECT refused($$SELECT jackpot_enqueue_spin('g', 1, pools => '{retired}', delay => '1 day')$$);
SELECT refused($$SELECT jackpot_enqueue_win('paused', 'g', 'u')$$);
SELECT refused($$SELECT jackpot_enqueue_win('retired', 'g', 'u')$$);
SELECT refused($$SELECT jackpot_enqueue_win('retired', 'g', 'u', delay => '1 day')$$);
-- More than is payable, and another cycle.
SELECT refused($$SELECT jackpot_enqueue_win('minor', 'g', 'u', 1000)$$);
SELECT refused($$SELECT jackpot_enqueue_win('empty', 'g', 'u')$$);
SELECT refused($$SELECT jackpot_enqueue_win('minor', 'g', 'u', expected_cycle => 1)$$);
-- Operation ids.
SELECT refused($$SELECT jackpot_enqueue_contribution('g', 1, operation_id => 'used')$$);
SELECT refused($$SELECT jackpot_enqueue_spin('g', 5000, 'ann', 'used')$$);
SELECT refused($$SELECT jackpot_enqueue_spin('g', 5000, 'ann', 'used', delay => '1 day')$$);
SELECT refused($$SELECT jackpot_enqueue_win('minor', 'g', 'ann', 1, 'used')$$);
SELECT refused($$SELECT jackpot_enqueue_contribution('g', 1, operation_id => 'voided')$$);
SELECT refused($$SELECT jackpot_enqueue_spin('g', 1, operation_id => 'voided')$$);
SELECT refused($$SELECT jackpot_enqueue_spin('g', 1, operation_id => 'voided', delay => '1 day')$$);
SELECT refused($$SELECT jackpot_enqueue_win('minor', 'g', 'ann', 1, 'voided')$$);

-- Items that are none, or are not dead letters.
SELECT refused($$SELECT jackpot_queue_item(0)$$);
SELECT refused($$SELECT jackpot_queue_item(-1)$$);
SELECT refused($$SELECT jackpot_queue_item(9000000000)$$);
SELECT refused($$SELECT jackpot_requeue(9000000000)$$);
SELECT refused($$SELECT jackpot_discard(9000000000, 'test')$$);
SELECT refused(format('SELECT jackpot_requeue(%s)', :contribution)) ~ '^42704 .* unknown_item: ' AS unknown_item;
SELECT refused(format('SELECT jackpot_discard(%s, $$test$$)', :win)) ~ '^42704 .* unknown_item: ' AS unknown_item;
SELECT NOT EXISTS (TABLE counted EXCEPT TABLE now) AS nothing_changed;
-- A reason is something.
INSERT INTO jackpot.inbox (game_id, wager_amount) VALUES ('g', -1);
SELECT failed FROM jackpot_process_inbox();
SELECT id AS letter FROM jackpot.dead_letter \gset
DROP TABLE counted;
CREATE TEMP TABLE counted AS TABLE now;
SELECT refused(format('SELECT jackpot_discard(%s, $$$$)', :letter));
SELECT refused(format('SELECT jackpot_discard(%s, NULL)', :letter));

-- Rate limits: what is wrong with the arguments, or that the library is not preloaded, which comes first.
SELECT current_setting('shared_preload_libraries') = 'jackpot' AS is_preloaded \gset
SELECT refused(format('SELECT jackpot_set_rate_limit(%s)', arguments)) ~ '^(22004|22023) .* (null|invalid)_argument: ' AS invalid
  FROM unnest(ARRAY['NULL, NULL, 1', $$'user', 'u', 1$$, $$'', 'u', 1$$]) arguments;
SELECT bool_and(refused(format('SELECT jackpot_set_rate_limit(%s)', arguments))
                ~ CASE WHEN :'is_preloaded' THEN '^(22004|22023) .* (null|invalid)_argument: ' ELSE '^55000 .* not_preloaded: .* Add jackpot to shared_preload_libraries' END) AS refused
  FROM unnest(ARRAY[$$'game', NULL, 1$$, $$'operator', NULL, 1$$, $$'game', '', 1$$, $$'overall', 'g', 1$$, $$'overall', NULL, 0$$, $$'overall', NULL, -1$$,
                    $$'overall', NULL, 60000001$$, $$'overall', NULL, 1, 0$$, $$'overall', NULL, 1, -1$$]) arguments;
-- Preloaded, they are enforced: for what is enqueued, and for other calls where that is wanted.
\if :is_preloaded
SELECT jackpot_set_rate_limit('game', 'limited', 1, 2) \gset
DO $$ BEGIN PERFORM jackpot_enqueue_contribution('limited', 1), jackpot_enqueue_spin('limited', 1); END $$;
DO $$ BEGIN
    ASSERT refused($_$SELECT jackpot_enqueue_contribution('limited', 1)$_$)
           ~ '^53400 \| game "limited" has reached its rate limit \| rate_limited: 1 calls a minute, 2 at once; wait \d+ ms \| Try again';
    ASSERT refused($_$SELECT jackpot_enqueue_spin('limited', 1, delay => '1 day')$_$) ~ '^53400 .* rate_limited: .*; wait \d+ ms';
    ASSERT refused($_$SELECT jackpot_enqueue_win('minor', 'limited', 'u', 1)$_$) ~ '^53400 .* rate_limited: .*; wait \d+ ms';
    PERFORM jackpot_enqueue_contribution('others', 1), jackpot_contribute('limited', 1);
END $$;
SET jackpot.limit_synchronous_calls = on;
DO $$ BEGIN ASSERT refused($_$SELECT jackpot_contribute('limited', 1)$_$) ~ '^53400 .* rate_limited: '; END $$;
RESET jackpot.limit_synchronous_calls;
SELECT jackpot_set_rate_limit('game', 'limited', NULL) \gset
SELECT jackpot_set_rate_limit('operator', 'limited', 1) \gset
DO $$ BEGIN PERFORM jackpot_enqueue_contribution('limited', 1, operator_id => 'limited'); END $$;
DO $$ BEGIN ASSERT refused($_$SELECT jackpot_enqueue_contribution('limited', 1, operator_id => 'limited')$_$) ~ '^53400 \| operator "limited" has reached .* rate_limited: '; END $$;
SELECT jackpot_set_rate_limit('operator', 'limited', NULL) \gset
SELECT jackpot_set_rate_limit('overall', NULL, 1) \gset
DO $$ BEGIN PERFORM jackpot_enqueue_contribution('limited', 1); END $$;
DO $$ BEGIN ASSERT refused($_$SELECT jackpot_enqueue_contribution('any', 1)$_$) ~ '^53400 \| the database has reached .* rate_limited: '; END $$;
SELECT jackpot_set_rate_limit('overall', NULL, NULL) \gset
DO $$ BEGIN PERFORM jackpot_enqueue_contribution('limited', 1, operator_id => 'limited'), jackpot_process_queue(); END $$;
\endif

-- A queue that is full, of what waits in it; what needs no place in it is taken, and what is there is told again.
SET jackpot.queue_max_items = 3;
-- What waits is counted now and then.
DO $$ BEGIN PERFORM pg_sleep(1.1); END $$;
SELECT jackpot_enqueue_spin('o', 10, operation_id => 'full 1', pools => '{odds}') AS first \gset
SELECT jackpot_enqueue_win('minor', 'g', 'u', 1, operation_id => 'full 2') > 0 AS win;
SELECT jackpot_enqueue_spin('o', 10, operation_id => 'full 3', pools => '{odds}', delay => '100 years') > 0 AS spin;
DROP TABLE counted;
CREATE TEMP TABLE counted AS TABLE now;
SELECT refused($$SELECT jackpot_enqueue_spin('o', 10, pools => '{odds}')$$);
SELECT refused($$SELECT jackpot_enqueue_spin('o', 10, pools => '{odds}', delay => '1 day')$$);
SELECT refused($$SELECT jackpot_enqueue_win('minor', 'g', 'u', 1)$$);
-- What is wrong in itself is told first.
SELECT refused($$SELECT jackpot_enqueue_win('minor', 'g', 'u', -1)$$);
SELECT NOT EXISTS (TABLE counted EXCEPT TABLE now) AS nothing_changed;
SELECT jackpot_enqueue_contribution('g', 100, pools => '{minor}') > 0 AS contribution;
SELECT pool, won FROM jackpot_spin('o', 10, pools => '{odds}');
SELECT jackpot_enqueue_win('minor', 'g', 'u', 1, operation_id => 'full 2') > 0 AS win;
SELECT jackpot_enqueue_spin('o', 10, operation_id => 'full 3', pools => '{odds}', delay => '100 years') > 0 AS spin;
SELECT processed FROM jackpot_process_queue();
DO $$ BEGIN PERFORM pg_sleep(1.1); END $$;
SELECT jackpot_enqueue_spin('o', 10, pools => '{odds}') > 0 AS spin;
RESET jackpot.queue_max_items;
-- Nothing is no limit.
SET jackpot.queue_max_items = 0;
SELECT count(jackpot_enqueue_spin('o', 10, pools => '{odds}')) FROM generate_series(1, 10);
RESET jackpot.queue_max_items;
SELECT processed, wins FROM jackpot_process_queue();

-- Settings.
SELECT refused('SET jackpot.queue_max_items = -1');
SELECT refused('SET jackpot.queue_max_attempts = 0');
SELECT refused('SET jackpot.settle_interval = 10');
SELECT refused('SET jackpot.databases = ''*''');

SELECT * FROM jackpot_validate() WHERE NOT ok;
SELECT pool, difference FROM jackpot_reconcile() WHERE difference <> 0;
DROP VIEW now;
DROP FUNCTION refused;
