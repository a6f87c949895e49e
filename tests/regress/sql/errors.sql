-- Every refusal: SQLSTATE, token, message and advice; and nothing has changed.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS jackpot;
CREATE EXTENSION jackpot;
\pset format unaligned
\pset tuples_only on
SELECT pool FROM jackpot_create_pool('minor', 0.01, 100, 1000, currency => 'EUR');
SELECT pool FROM jackpot_create_pool('paused', 0.01, 100);
SELECT status FROM jackpot_pause('paused');
SELECT pool FROM jackpot_create_pool('empty');
SELECT pool FROM jackpot_contribute('g', 5000, 'ann', 'used');

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
CREATE TEMP TABLE counted AS
SELECT (SELECT count(*) FROM jackpot.ledger) AS ledger, (SELECT count(*) FROM jackpot.journal) AS journal,
       (SELECT count(*) FROM jackpot.win) AS win, (SELECT count(*) FROM jackpot.operation) AS operation,
       (SELECT jsonb_agg(to_jsonb(p) - 'as_of') FROM jackpot_pools() p) AS pools;

-- Unknown pools.
SELECT refused($$SELECT jackpot_contribute('g', 1, pools => '{minor,nosuch}')$$);
SELECT refused($$SELECT jackpot_win('nosuch', 'g', 'u')$$);
SELECT refused($$SELECT jackpot_pool('nosuch')$$);
SELECT refused($$SELECT jackpot_pools('{minor,nosuch}')$$);
SELECT refused($$SELECT jackpot_statistics('{nosuch}')$$);
SELECT refused($$SELECT jackpot_history('nosuch')$$);
SELECT refused($$SELECT jackpot_update_config('nosuch', '{}')$$);
SELECT refused($$SELECT jackpot_pause('nosuch')$$);
SELECT refused($$SELECT jackpot_resume('nosuch')$$);
-- Names are compared as they are written.
SELECT refused($$SELECT jackpot_pool('MINOR')$$);
SELECT refused($$SELECT jackpot_pool('')$$);

-- Required arguments.
SELECT refused($$SELECT jackpot_contribute(NULL, 1)$$);
SELECT refused($$SELECT jackpot_contribute('g', NULL)$$);
SELECT refused($$SELECT jackpot_contribute('g', 1, pools => ARRAY['minor', NULL])$$);
SELECT refused($$SELECT jackpot_win(NULL, 'g', 'u')$$);
SELECT refused($$SELECT jackpot_win('minor', NULL, 'u')$$);
SELECT refused($$SELECT jackpot_win('minor', 'g', NULL)$$);
SELECT refused($$SELECT jackpot_pool(NULL)$$);
SELECT refused($$SELECT jackpot_pools(ARRAY[NULL])$$);
SELECT refused($$SELECT jackpot_statistics(ARRAY[NULL])$$);
SELECT refused($$SELECT jackpot_history(NULL)$$);
SELECT refused($$SELECT jackpot_create_pool(NULL)$$);
SELECT refused($$SELECT jackpot_update_config(NULL, '{}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', NULL)$$);
SELECT refused($$SELECT jackpot_pause(NULL)$$);
SELECT refused($$SELECT jackpot_resume(NULL)$$);

-- Wagers.
SELECT refused($$SELECT jackpot_contribute('g', -1)$$);
SELECT refused($$SELECT jackpot_contribute('', 1)$$);
SELECT refused($$SELECT jackpot_contribute('g', 9223372036854775807)$$);
SELECT refused($$SELECT jackpot_contribute('g', -9223372036854775808)$$);
SELECT refused($$SELECT jackpot_contribute('g', 1, pools => '{minor}', currency => 'USD')$$);
SELECT refused($$SELECT jackpot_contribute('g', 1, pools => '{paused}')$$);
SELECT refused($$SELECT jackpot_contribute('g', 1, operation_id => '')$$);
SELECT refused($$SELECT jackpot_contribute('g', 1, operation_id => repeat('x', 201))$$);
SELECT refused($$SELECT jackpot_contribute('g', 1, operation_id => 'used')$$);

-- Wins.
SELECT refused($$SELECT jackpot_win('minor', 'g', 'u', 151)$$);
SELECT refused($$SELECT jackpot_win('minor', 'g', 'u', 9223372036854775807)$$);
SELECT refused($$SELECT jackpot_win('minor', 'g', 'u', 0)$$);
SELECT refused($$SELECT jackpot_win('minor', 'g', 'u', -1)$$);
SELECT refused($$SELECT jackpot_win('empty', 'g', 'u')$$);
SELECT refused($$SELECT jackpot_win('empty', 'g', 'u', 1)$$);
SELECT refused($$SELECT jackpot_win('paused', 'g', 'u')$$);
SELECT refused($$SELECT jackpot_win('minor', 'g', 'u', expected_cycle => 2)$$);
SELECT refused($$SELECT jackpot_win('minor', 'g', 'u', operation_id => repeat('x', 201))$$);
SELECT refused($$SELECT jackpot_win('minor', 'g', 'u', operation_id => 'used')$$);

-- New pools.
SELECT refused($$SELECT jackpot_create_pool('minor')$$);
SELECT refused($$SELECT jackpot_create_pool('')$$);
SELECT refused($$SELECT jackpot_create_pool(repeat('x', 101))$$);
SELECT refused($$SELECT jackpot_create_pool('new', 1.000001)$$);
SELECT refused($$SELECT jackpot_create_pool('new', -0.000001)$$);
SELECT refused($$SELECT jackpot_create_pool('new', 0.0000001)$$);
SELECT refused($$SELECT jackpot_create_pool('new', 'NaN')$$);
SELECT refused($$SELECT jackpot_create_pool('new', 'Infinity')$$);
SELECT refused($$SELECT jackpot_create_pool('new', 0.6, reserve_rate => 0.400001)$$);
SELECT refused($$SELECT jackpot_create_pool('new', 0.01, -1)$$);
SELECT refused($$SELECT jackpot_create_pool('new', 0.01, 100, 99)$$);
SELECT refused($$SELECT jackpot_create_pool('new', 0.01, 100, 200, 201)$$);
SELECT refused($$SELECT jackpot_create_pool('new', 0.01, initial_amount => -1)$$);
SELECT refused($$SELECT jackpot_create_pool('new', 0.01, 9223372036854775807)$$);
SELECT refused($$SELECT jackpot_create_pool('new', 0.01, initial_amount => 9223372036855)$$);
SELECT refused($$SELECT jackpot_create_pool('new', currency => '')$$);
SELECT refused($$SELECT jackpot_create_pool('new', 0.1, config => '{"contribution_rate": 0.1}')$$);
SELECT refused($$SELECT jackpot_create_pool('new', config => '[]')$$);

-- Configuration.
SELECT refused($$SELECT jackpot_update_config('minor', '{"colour": "red"}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"seed_amount": 5, "Max_amount": 1}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '[]')$$);
SELECT refused($$SELECT jackpot_update_config('minor', 'null')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"contribution_rate": 0.1234567}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"contribution_rate": 1.5}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"contribution_rate": -0.5}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"contribution_rate": "one half"}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"contribution_rate": true}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"reserve_rate": 1}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"max_amount": 99}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"seed_amount": 1.5}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"seed_amount": "5"}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"max_amount": 1e30}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"max_amount": 9223372036855}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"operator_ids": "acme"}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"game_ids": ["g", 7]}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"game_categories": ["g", null]}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"min_wager": -1}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"min_wager": 10, "max_wager": 9}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"starts_at": "tomorrow"}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"ends_at": 5}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"starts_at": "2026-01-02", "ends_at": "2026-01-02"}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{}', 2)$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{}', effective => 'yesterday')$$);

-- Triggers.
SELECT refused($$SELECT jackpot_update_config('minor', '{"trigger": "odds"}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"trigger": {}}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"trigger": {"kind": "often"}}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"trigger": {"kind": "manual", "one_in": 5}}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"trigger": {"kind": "odds"}}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"trigger": {"kind": "odds", "one_in": 0}}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"trigger": {"kind": "odds", "one_in": 1.5}}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"trigger": {"kind": "odds", "one_in": "5"}}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"trigger": {"kind": "odds", "one_in": 9223372036854775808}}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"trigger": {"kind": "must_hit_by"}, "max_amount": null}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"trigger": {"kind": "must_hit_by"}, "seed_amount": 1000}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"trigger": {"kind": "must_hit_by", "threshold": 500}}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"trigger": {"kind": "scheduled"}}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"trigger": {"kind": "scheduled", "every": "now and then"}}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"trigger": {"kind": "scheduled", "every": 3600}}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"trigger": {"kind": "scheduled", "every": "999 milliseconds"}}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"trigger": {"kind": "scheduled", "every": "-1 day"}}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"trigger": {"kind": "scheduled", "every": "3661 days"}}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"trigger": {"kind": "scheduled", "every": "1 month"}}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"trigger": {"kind": "scheduled", "every": "daily", "anchor": "monday"}}')$$);
SELECT refused($$SELECT jackpot_update_config('minor', '{"regulated": "yes"}')$$);

-- History.
SELECT refused($$SELECT jackpot_history('minor', kinds => '{win,lose}')$$);
SELECT refused($$SELECT jackpot_history('minor', kinds => ARRAY['win', NULL])$$);
SELECT refused($$SELECT jackpot_history('minor', max_rows => -1)$$);

-- A meter that is full takes no more. Without totals a bet does not read the pool, and bets in flight
-- cannot see one another: then it may run over, and can still be read and won from.
SELECT pool FROM jackpot_create_pool('full', 0.000001, initial_amount => 9223372036854, config => '{"game_ids": ["full"]}');
CREATE TEMP TABLE full_counted AS SELECT count(*) FROM jackpot.ledger;
SELECT refused($$SELECT jackpot_contribute('full', 775808, pools => '{full}')$$);
BEGIN;
SET LOCAL jackpot.totals = off;
SELECT contribution, current_amount FROM jackpot_contribute('full', 1775808, pools => '{full}');
SET LOCAL jackpot.totals = on;
SELECT current_amount FROM jackpot_pools('{full}');
SELECT refused($$SELECT jackpot_contribute('full', 1, pools => '{full}')$$);
SELECT win_amount, current_amount FROM jackpot_win('full', 'g', 'u', 9000000000000);
SELECT contribution, current_amount FROM jackpot_contribute('full', 1, pools => '{full}');
SELECT * FROM jackpot_validate() WHERE NOT ok;
ROLLBACK;
SELECT current_amount, total_contributions FROM jackpot_pool('full');
SELECT count(*) = (TABLE full_counted) AS unchanged FROM jackpot.ledger;
SELECT contribution, current_amount FROM jackpot_contribute('full', 775807, pools => '{full}');

-- Nothing of all this has left a trace.
SELECT (SELECT count(*) - 1 FROM jackpot.ledger) = ledger AS ledger, (SELECT count(*) - 2 FROM jackpot.journal) = journal AS journal,
       (SELECT count(*) FROM jackpot.win) = win AS win, (SELECT count(*) FROM jackpot.operation) = operation AS operation,
       (SELECT jsonb_agg(to_jsonb(p) - 'as_of') FROM jackpot_pools('{minor,paused,empty}') p) = pools AS pools
  FROM counted;
SELECT check_name, detail FROM jackpot_validate() WHERE NOT ok;
DROP FUNCTION refused;
