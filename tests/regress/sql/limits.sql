-- A single contribution that is unreasonable is refused, and the bet with it.
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
SELECT pool FROM jackpot_create_pool('minor', 0.01, 100, reserve_rate => 0.005, config => '{"max_contribution": 15}');
SELECT pool FROM jackpot_create_pool('major', 0.02);

-- Meter and reserve together, the limit included.
SELECT contribution FROM jackpot_contribute('g', 1000, pools => '{minor}');
SELECT outcome($$SELECT * FROM jackpot_contribute('g', 1001, pools => '{minor}')$$);
SELECT outcome($$SELECT * FROM jackpot_spin('g', 1001, pools => '{minor}')$$);
-- No pool gets anything of a wager that one of them refuses; where that one is not meant, they do.
SELECT outcome($$SELECT * FROM jackpot_contribute('g', 5000, operation_id => 'large')$$);
SELECT pool, contribution, replayed FROM jackpot_contribute('g', 5000, operation_id => 'large', pools => '{major}');
SELECT config_version FROM jackpot_update_config('minor', '{"max_wager": 2000}');
SELECT pool, contribution FROM jackpot_contribute('g', 5000);
-- Of nothing but nothing.
SELECT config_version FROM jackpot_update_config('minor', '{"max_contribution": 0}');
SELECT contribution FROM jackpot_contribute('g', 0, pools => '{minor}');
SELECT outcome($$SELECT * FROM jackpot_contribute('g', 1, pools => '{minor}')$$);
SELECT config FROM jackpot_update_config('minor', '{"max_contribution": null}');
SELECT contribution FROM jackpot_contribute('g', 2000, pools => '{minor}');
SELECT outcome($$SELECT * FROM jackpot_update_config('minor', '{"max_contribution": -1}')$$);
SELECT outcome($$SELECT * FROM jackpot_update_config('minor', '{"max_contribution": 1.5}')$$);
-- Adjustments and transfers are no contributions.
SELECT config_version FROM jackpot_update_config('minor', '{"max_contribution": 1}');
SELECT pool FROM jackpot_transfer('major', 'minor', 50, 'move');
SELECT current_amount FROM jackpot_adjust('minor', 50, 'gift');

SELECT * FROM jackpot_validate() WHERE NOT ok;
DROP FUNCTION outcome;
