-- Configuration that waits for the next cycle, and pools under regulation, for which most of it must.
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
SELECT pool FROM jackpot_create_pool('minor', 0.01, 100, 1000);

-- It is kept, and shown in the rules; nothing else changes.
SELECT config_version, version, seed_amount, contribution_rate, config
  FROM jackpot_update_config('minor', '{"seed_amount": 200, "contribution_rate": 0.02}', 1, 'autumn', 'next_cycle');
SELECT next_cycle FROM jackpot_rules('minor');
SELECT contribution FROM jackpot_contribute('g', 100);
-- More is added; the later word counts.
SELECT config_version FROM jackpot_update_config('minor', '{"contribution_rate": 0.03, "reserve_rate": 0.01}', effective => 'next_cycle');
SELECT next_cycle FROM jackpot_rules('minor');
-- What waits already is no change.
SELECT config_version, version FROM jackpot_update_config('minor', '{"contribution_rate": 0.03}', effective => 'next_cycle');
SELECT config_version, version FROM jackpot_update_config('minor', '{}', effective => 'next_cycle');
-- The version that the caller knows.
SELECT outcome($$SELECT config_version FROM jackpot_update_config('minor', '{"seed_amount": 1}', 2, effective => 'next_cycle')$$);
SELECT config_version FROM jackpot_update_config('minor', '{"min_wager": 5}', 3, effective => 'next_cycle');
-- The reset applies it: to the seed of the new cycle, and not to what the old one pays.
SELECT win_amount, previous_amount, current_amount FROM jackpot_win('minor', 'g', 'ann');
SELECT config_version, seed_amount, contribution_rate, reserve_rate, config FROM jackpot_pool('minor');
SELECT next_cycle FROM jackpot_rules('minor');
SELECT contribution FROM jackpot_contribute('g', 100);
SELECT pool FROM jackpot_contribute('g', 4);
SELECT kind, cycle, config_version, amount, reason, before, after
  FROM jackpot_history('minor', kinds => '{plan,configure,win,seed}') ORDER BY id;
SELECT amount, reserve_amount, config_version FROM jackpot_history('minor', kinds => '{contribution}') ORDER BY id;

-- Taken back by naming what is; one of two as well.
SELECT config_version FROM jackpot_update_config('minor', '{"seed_amount": 300, "max_amount": 2000}', effective => 'next_cycle');
SELECT config_version FROM jackpot_update_config('minor', '{"seed_amount": 200}', reason => 'no', effective => 'next_cycle');
SELECT config_version FROM jackpot_update_config('minor', '{"max_amount": 1000}', reason => 'no', effective => 'next_cycle');
SELECT next_cycle FROM jackpot_rules('minor');
SELECT win_amount, current_amount FROM jackpot_win('minor', 'g', 'ann');
SELECT config_version, seed_amount, max_amount FROM jackpot_pool('minor');
SELECT kind, config_version, reason, before, after FROM jackpot_history('minor', kinds => '{plan}', max_rows => 3) ORDER BY id;

-- It must fit what is now and what will be: refused at once, not at the reset.
SELECT outcome($$SELECT * FROM jackpot_update_config('minor', '{"seed_amount": 1001}', effective => 'next_cycle')$$);
SELECT outcome($$SELECT * FROM jackpot_update_config('minor', '{"colour": 1}', effective => 'next_cycle')$$);
SELECT outcome($$SELECT * FROM jackpot_update_config('minor', '{"contribution_rate": 2}', effective => 'next_cycle')$$);
SELECT outcome($$SELECT * FROM jackpot_update_config('minor', '[]', effective => 'next_cycle')$$);
SELECT config_version FROM jackpot_update_config('minor', '{"max_amount": 500}', effective => 'next_cycle');
SELECT outcome($$SELECT * FROM jackpot_update_config('minor', '{"seed_amount": 501}', effective => 'next_cycle')$$);
SELECT outcome($$SELECT * FROM jackpot_update_config('minor', '{"seed_amount": 501}')$$);
SELECT config_version FROM jackpot_update_config('minor', '{"seed_amount": 400}');
SELECT next_cycle FROM jackpot_rules('minor');
-- A change at once of what waits does not hinder it.
SELECT config_version, max_amount FROM jackpot_update_config('minor', '{"max_amount": 5000}');
SELECT win_amount, current_amount FROM jackpot_win('minor', 'g', 'ann');
SELECT seed_amount, max_amount FROM jackpot_pool('minor');
-- A spin that hits is a reset, too: the trigger changes with it.
SELECT pool FROM jackpot_create_pool('odds', 0.01, 10, 20, config => '{"game_ids": ["s"], "trigger": {"kind": "odds", "one_in": 100}}');
SELECT config_version, commitment FROM jackpot_update_config('odds',
    '{"trigger": {"kind": "must_hit_by"}, "max_amount": 11, "contribution_rate": null}', effective => 'next_cycle');
SELECT won, win_amount FROM jackpot_spin('s', 100, pools => '{odds}');
SELECT config, length(commitment) FROM jackpot_pool('odds');
SELECT kind, cycle FROM jackpot_history('odds', kinds => '{configure,commit}') ORDER BY id;
-- A reset that is rolled back leaves it waiting; so does a win that is refused.
SELECT config_version FROM jackpot_update_config('odds', '{"trigger": null}', effective => 'next_cycle');
BEGIN;
SELECT win_amount FROM jackpot_win('odds', 'g', 'ann');
SELECT commitment FROM jackpot_pool('odds');
ROLLBACK;
SELECT outcome($$SELECT * FROM jackpot_win('odds', 'g', 'ann', 1000)$$);
SELECT next_cycle, length(commitment) FROM jackpot_rules('odds');
-- Paused, a plan can be made; adjustments and transfers are no reset.
SELECT status FROM jackpot_pause('odds');
SELECT config_version FROM jackpot_update_config('odds', '{"seed_amount": 3}', effective => 'next_cycle');
SELECT current_amount FROM jackpot_adjust('odds', -10, 'empty');
SELECT next_cycle FROM jackpot_rules('odds');
SELECT status FROM jackpot_resume('odds');
-- An explicit NULL is now.
SELECT config_version, config -> 'min_wager' AS min_wager FROM jackpot_update_config('odds', '{"min_wager": 1}', effective => NULL);

-- Under regulation, what changes the return to player waits.
SELECT pool FROM jackpot_create_pool('strict', 0.01, 100, 200, reserve_rate => 0.001,
    config => '{"regulated": true, "game_ids": ["r"], "trigger": {"kind": "must_hit_by"}}', initial_amount => 150);
SELECT outcome($$SELECT * FROM jackpot_update_config('strict', '{"contribution_rate": 0.02}')$$);
SELECT outcome($$SELECT * FROM jackpot_update_config('strict', '{"reserve_rate": 0.002}')$$);
SELECT outcome($$SELECT * FROM jackpot_update_config('strict', '{"seed_amount": 50}')$$);
SELECT outcome($$SELECT * FROM jackpot_update_config('strict', '{"trigger": {"kind": "odds", "one_in": 5}}')$$);
SELECT outcome($$SELECT * FROM jackpot_update_config('strict', '{"trigger": null}')$$);
SELECT outcome($$SELECT * FROM jackpot_update_config('strict', '{"regulated": false}')$$);
SELECT outcome($$SELECT * FROM jackpot_update_config('strict', '{"regulated": null, "seed_amount": 50}')$$);
SELECT outcome($$SELECT * FROM jackpot_update_config('strict', '{"max_amount": 149}')$$);
SELECT config_version FROM jackpot_pool('strict');
-- A ceiling may move down to what is shown, and up; then the threshold is drawn anew, below it and
-- above the meter.
CREATE TEMP TABLE before AS SELECT commitment FROM jackpot_pool('strict');
SELECT config_version, max_amount, commitment <> (TABLE before) AS drawn_anew FROM jackpot_update_config('strict', '{"max_amount": 151}');
SELECT (s.secret::jsonb ->> 'threshold')::numeric BETWEEN 150.000001 AND 151 AS inside
  FROM jackpot.secret s JOIN jackpot.pool p ON p.id = s.pool_id WHERE p.pool = 'strict';
SELECT config_version, max_amount FROM jackpot_update_config('strict', '{"max_amount": 150}');
SELECT (s.secret::jsonb ->> 'threshold')::numeric AS at_the_ceiling
  FROM jackpot.secret s JOIN jackpot.pool p ON p.id = s.pool_id WHERE p.pool = 'strict';
SELECT config_version, max_amount FROM jackpot_update_config('strict', '{"max_amount": 300}');
-- It had been reached, so it is not drawn anew: the next wager's win is not taken away.
SELECT (s.secret::jsonb ->> 'threshold')::numeric = 150 AS kept
  FROM jackpot.secret s JOIN jackpot.pool p ON p.id = s.pool_id WHERE p.pool = 'strict';
SELECT h.before ? 'secret' AS revealed, h.after ? 'secret' AS shown FROM jackpot_history('strict', kinds => '{commit}') h ORDER BY h.id;
-- What players are not promised anything by changes at once, and what is so already is no change.
SELECT config_version FROM jackpot_update_config('strict', '{"contribution_rate": 0.01, "regulated": true}');
SELECT config_version FROM jackpot_update_config('strict', '{"min_wager": 10, "verify_above": 1000, "max_contribution": 50}');
-- The rest waits, the end of the regulation as well.
SELECT config_version FROM jackpot_update_config('strict',
    '{"contribution_rate": 0.02, "seed_amount": 50, "trigger": {"kind": "odds", "one_in": 1000}, "regulated": false, "max_amount": 120}',
    effective => 'next_cycle');
SELECT contribution FROM jackpot_contribute('r', 100, pools => '{strict}');
SELECT win_amount, current_amount FROM jackpot_win('strict', 'r', 'ann', 101);
SELECT config, commitment FROM jackpot_pool('strict');
SELECT config_version FROM jackpot_update_config('strict', '{"seed_amount": 60}');
-- Without a ceiling there is nothing below it.
SELECT pool FROM jackpot_create_pool('open', 0.01, 100, config => '{"regulated": true, "game_ids": ["r"]}');
SELECT outcome($$SELECT * FROM jackpot_update_config('open', '{"max_amount": 99}')$$);
SELECT pool FROM jackpot_adjust('open', 50, 'gift');
SELECT outcome($$SELECT * FROM jackpot_update_config('open', '{"max_amount": 149}')$$);
SELECT max_amount FROM jackpot_update_config('open', '{"max_amount": 150}');
SELECT max_amount FROM jackpot_update_config('open', '{"max_amount": null}');
-- A pool comes under regulation at once.
SELECT config -> 'regulated' AS regulated FROM jackpot_update_config('minor', '{"regulated": true}');
SELECT outcome($$SELECT * FROM jackpot_update_config('minor', '{"seed_amount": 1}')$$);

SELECT * FROM jackpot_validate() WHERE NOT ok;
SELECT pool, difference FROM jackpot_reconcile() WHERE difference <> 0;
DROP FUNCTION outcome;
