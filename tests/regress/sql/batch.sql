-- Many contributions as one JSON array, in the shape of the old service.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS jackpot;
CREATE EXTENSION jackpot;
\pset null -
SELECT pool FROM jackpot_create_pool('minor', 0.01, 100, reserve_rate => 0.005);
SELECT pool FROM jackpot_create_pool('major', 0.02, 1000);

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
-- One line a refusal: its place, what it is, what it says.
CREATE FUNCTION refusals(errors jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', e.index || ':', e.sqlstate, e.token, '"' || e.message || '"',
                                CASE WHEN e.message NOT LIKE '%malformed' THEN '(' || e.detail || ')' END), E'\n' ORDER BY e.place)
      FROM ROWS FROM (jsonb_to_recordset(errors) AS (index bigint, sqlstate text, token text, message text, detail text))
           WITH ORDINALITY AS e (index, sqlstate, token, message, detail, place) $$;
CREATE VIEW rows AS
SELECT l.operation_id, l.game_id, l.wager_amount, l.user_id, l.operator_id, l.game_category, l.currency, l.metadata, l.display
  FROM jackpot.ledger l ORDER BY l.id;

-- The old names and the new ones.
SELECT * FROM jackpot_contribute_batch('[
    {"gameId": "a", "wagerAmount": 1001, "userId": "ann", "operationId": "op 1", "pools": ["minor"], "operatorId": "acme",
     "gameCategory": "slots", "currency": "EUR", "metadata": {"round": 7}},
    {"game_id": "a", "wager_amount": 1001, "user_id": "ann", "operation_id": "op 2", "pools": ["minor"], "operator_id": "acme",
     "game_category": "slots", "currency": "EUR", "metadata": {"round": 7}},
    {"game_id": "b", "wagerAmount": 2050},
    {"game_id": "c", "wager_amount": 100, "user_id": null, "operationId": null, "pools": null, "operator_id": null,
     "game_category": null, "currency": null, "metadata": null}]');
TABLE rows;
SELECT pool, current_amount, reserve_amount, total_contributions, total_wagered, total_contributed FROM jackpot_pools();
-- Each is an operation of its own, which a single call repeats.
SELECT pool, contribution, current_amount, version, operation_id, replayed
  FROM jackpot_contribute('a', 1001, 'ann', 'op 1', '{minor}', 'acme', 'slots', 'EUR', '{"round": 7}');

-- Of no wagers there is nothing to do.
SELECT * FROM jackpot_contribute_batch('[]');
SELECT * FROM jackpot_contribute_batch('[]', 'abort');
-- What is no list is refused.
SELECT outcome($$SELECT * FROM jackpot_contribute_batch(NULL)$$);
SELECT outcome($$SELECT * FROM jackpot_contribute_batch('null')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute_batch('{}')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute_batch('{"game_id": "g", "wager_amount": 1}')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute_batch('"[]"')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute_batch('7')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute_batch('[]', 'ignore')$$);
SELECT count(*) FROM rows;

-- What is no wager is refused by item; the others are applied.
SELECT total, processed, failed, replayed, total_contribution, refusals(errors) FROM jackpot_contribute_batch('[
    {"game_id": "g", "wager_amount": 100},
    null, 7, "g", true,
    {}, {"game_id": "g"}, {"wager_amount": 1}, {"game_id": null, "wager_amount": 1}, {"game_id": "g", "wager_amount": null},
    {"game_id": "", "wager_amount": 1}, {"game_id": 7, "wager_amount": 1}, {"game_id": {"a": 1}, "wager_amount": 1},
    {"game_id": "g", "wager_amount": 1, "user_id": 7},
    {"game_id": "g", "wager_amount": 1, "operation_id": ""},
    {"game_id": "g", "wager_amount": 1, "operation_id": ["x"]},
    {"game_id": "g", "wager_amount": 1, "pools": "minor"},
    {"game_id": "g", "wager_amount": 1, "pools": ["minor", null]},
    {"game_id": "g", "wager_amount": 1, "pools": ["minor", 7]},
    {"game_id": "g", "wager_amount": 1, "pools": {"minor": true}},
    {"game_id": "g", "wager_amount": 1, "pools": ["nosuch"]},
    {"game_id": "g", "wager_amount": 1, "currency": ""},
    {"game_id": "g", "wager_amount": 1, "amount": 2},
    {"game_id": "g", "wager_amount": 1, "Game_ID": "h"},
    {"game_id": "g", "wager_amount": 1, "group": "minor"},
    {"game_id": "g", "gameId": "g", "wager_amount": 1},
    {"game_id": "g", "wager_amount": 1, "wagerAmount": 1},
    {"game_id": "g", "wager_amount": 200}]');
SELECT total, processed, failed, total_contribution, refusals(errors)
  FROM jackpot_contribute_batch('[[], ["g", 1], [{"game_id": "g", "wager_amount": 1}]]');
-- Numbers: whole ones, as such and as text, also where JavaScript has none.
SELECT pool FROM jackpot_create_pool('tiny', 0.000001, config => '{"game_ids": ["n"]}');
SELECT pool FROM jackpot_create_pool('huge', 0.000001, config => '{"game_ids": ["n"]}');
SELECT total, processed, failed, total_contribution, refusals(errors) FROM jackpot_contribute_batch('[
    {"game_id": "n", "pools": ["tiny"], "wager_amount": 0},
    {"game_id": "n", "pools": ["tiny"], "wager_amount": 9007199254740993},
    {"game_id": "n", "pools": ["tiny"], "wager_amount": "9007199254740995"},
    {"game_id": "n", "pools": ["huge"], "wager_amount": 9223372036854775807},
    {"game_id": "n", "pools": ["tiny"], "wager_amount": "250"},
    {"game_id": "n", "pools": ["tiny"], "wager_amount": 1e3},
    {"game_id": "n", "pools": ["tiny"], "wager_amount": 9223372036854775808},
    {"game_id": "n", "pools": ["tiny"], "wager_amount": "9223372036854775808"},
    {"game_id": "n", "pools": ["tiny"], "wager_amount": 1e40},
    {"game_id": "n", "pools": ["tiny"], "wager_amount": -1},
    {"game_id": "n", "pools": ["tiny"], "wager_amount": "-1"},
    {"game_id": "n", "pools": ["tiny"], "wager_amount": 1.5},
    {"game_id": "n", "pools": ["tiny"], "wager_amount": ""},
    {"game_id": "n", "pools": ["tiny"], "wager_amount": "ten"},
    {"game_id": "n", "pools": ["tiny"], "wager_amount": " 10"},
    {"game_id": "n", "pools": ["tiny"], "wager_amount": "10.0"},
    {"game_id": "n", "pools": ["tiny"], "wager_amount": "1e3"},
    {"game_id": "n", "pools": ["tiny"], "wager_amount": true},
    {"game_id": "n", "pools": ["tiny"], "wager_amount": [1]}]');
SELECT wager_amount, display FROM rows WHERE game_id = 'n';
-- Of a key that comes twice PostgreSQL keeps the last.
SELECT total_contribution FROM jackpot_contribute_batch('[{"game_id": "g", "wager_amount": 1, "pools": ["major"], "wager_amount": 1000}]');
-- Metadata is kept to the digit and the letter.
SELECT processed FROM jackpot_contribute_batch($$[{"game_id": "kept", "wager_amount": 1, "pools": [], "operation_id": "kept",
    "metadata": {"b": 12345678901234567890.123450, "a": [1e3, -0.10, null, {}], "ä\"\\": "\u20ac \ud83c\udfb0\n"}}]$$);
SELECT metadata FROM rows WHERE game_id = 'kept';
SELECT count(*) FROM jackpot_contribute('kept', 1, operation_id => 'kept', pools => '{}',
    metadata => $${"b": 12345678901234567890.123450, "a": [1e3, -0.10, null, {}], "ä\"\\": "\u20ac \ud83c\udfb0\n"}$$);
SELECT processed FROM jackpot_contribute_batch(jsonb_build_array(jsonb_build_object('game_id', 'deep', 'wager_amount', 1, 'pools', '[]'::jsonb,
    'metadata', (repeat('[', 3000) || repeat(']', 3000))::jsonb)));
SELECT metadata = (repeat('[', 3000) || repeat(']', 3000))::jsonb AS kept FROM rows WHERE game_id = 'deep';

-- All or nothing.
SELECT count(*) FROM rows;
SELECT outcome($$SELECT * FROM jackpot_contribute_batch('[{"game_id": "g", "wager_amount": 1}, 7, null]', 'abort')$$);
SELECT left(outcome($$SELECT * FROM jackpot_contribute_batch('[{"game_id": "g", "wager_amount": 1}, {"game_id": "g", "wager_amount": 1, "extra": 1}]', 'abort')$$), 77);
SELECT outcome($$SELECT * FROM jackpot_contribute_batch('[{"game_id": "g", "wager_amount": 1}, {"game_id": "g", "wager_amount": -1}]', 'abort')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute_batch('[{"game_id": "g", "wager_amount": 1, "pools": ["nosuch"]}]', 'abort')$$);
SELECT count(*) FROM rows;
SELECT total, processed, total_contribution FROM jackpot_contribute_batch('[{"game_id": "g", "wager_amount": 100}, {"game_id": "g", "wager_amount": 200}]', 'abort');
-- Each item names its own pools.
SELECT status FROM jackpot_pause('minor');
SELECT total, processed, failed, total_contribution, refusals(errors) FROM jackpot_contribute_batch('[
    {"game_id": "g", "wager_amount": 100, "pools": ["minor"]},
    {"game_id": "g", "wager_amount": 200, "pools": ["major"]},
    {"game_id": "g", "wager_amount": 300},
    {"game_id": "g", "wager_amount": 400, "pools": []},
    {"game_id": "g", "wager_amount": 500, "pools": ["major", "minor"]}]');
SELECT status FROM jackpot_resume('minor');
-- Contributions draw for nothing.
SELECT pool FROM jackpot_create_pool('odds', 0.1, 10, config => '{"game_ids": ["s"], "trigger": {"kind": "odds", "one_in": 100}}');
SELECT processed, total_contribution FROM jackpot_contribute_batch('[{"game_id": "s", "wager_amount": 100, "pools": ["odds"]}]');
SELECT cycle, current_amount FROM jackpot_pool('odds');

SELECT pool, current_amount, reserve_amount, total_contributions, total_wagered, total_contributed FROM jackpot_pools();
SELECT * FROM jackpot_validate() WHERE NOT ok;
SELECT pool, difference FROM jackpot_reconcile() WHERE difference <> 0;
DROP VIEW rows;
DROP FUNCTION outcome, refusals;
