-- Which pools a wager feeds.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS jackpot;
CREATE EXTENSION jackpot;

SELECT count(*) FROM jackpot_create_pool('everyone', 0.01);
SELECT count(*) FROM jackpot_create_pool('acme', 0.01, config => '{"operator_ids": ["acme", "apex"]}');
SELECT count(*) FROM jackpot_create_pool('game', 0.01, config => '{"game_ids": ["g1"]}');
SELECT count(*) FROM jackpot_create_pool('slots', 0.01, config => '{"game_categories": ["slots"]}');
SELECT count(*) FROM jackpot_create_pool('euro', 0.01, currency => 'EUR');
SELECT count(*) FROM jackpot_create_pool('from ten', 0.01, config => '{"min_wager": 1000}');
SELECT count(*) FROM jackpot_create_pool('to ten', 0.01, config => '{"max_wager": 1000}');
SELECT count(*) FROM jackpot_create_pool('over', 0.01, config => '{"ends_at": "2001-01-01T00:00:00Z"}');
SELECT count(*) FROM jackpot_create_pool('to come', 0.01, config => '{"starts_at": "2999-01-01T00:00:00Z"}');
SELECT count(*) FROM jackpot_create_pool('open', 0.01, config => '{"starts_at": "2001-01-01T00:00:00Z", "ends_at": "2999-01-01"}');
SELECT count(*) FROM jackpot_create_pool('nobody', 0.01, config => '{"operator_ids": []}');
SELECT count(*) FROM jackpot_create_pool('paused', 0.01);
SELECT status FROM jackpot_pause('paused');

CREATE FUNCTION fed(game_id text, wager_amount bigint, operator_id text DEFAULT NULL, game_category text DEFAULT NULL,
                    currency text DEFAULT NULL, pools text[] DEFAULT NULL) RETURNS text
BEGIN ATOMIC
    SELECT string_agg(c.pool, ', ') FROM jackpot_contribute(game_id, wager_amount, operator_id => operator_id,
           game_category => game_category, currency => currency, pools => pools) c;
END;

SELECT fed('g', 999);
-- Both bounds belong to the range.
SELECT fed('g', 1000);
SELECT fed('g', 1001);
SELECT fed('g', 999, operator_id => 'acme');
SELECT fed('g', 999, operator_id => 'ACME');
SELECT fed('g', 999, operator_id => '');
SELECT fed('g1', 999);
SELECT fed('g', 999, game_category => 'slots');
-- Another currency is not the pool's money; a wager without one is.
SELECT fed('g', 999, currency => 'EUR');
SELECT fed('g', 999, currency => 'USD');
-- All at once, and only some of them.
SELECT fed('g1', 1000, 'apex', 'slots', 'EUR');
SELECT fed('g1', 1000, 'apex', 'slots', 'EUR', '{game,acme,over}');
-- A pool that is named and does not take the wager is no error, unless it cannot take any.
SELECT fed('g', 1000, pools => '{game}');
SELECT fed('g', 1000, currency => 'USD', pools => '{euro}');
SELECT fed('g', 1000, pools => '{everyone,paused}');

-- What a pool takes can change at any time.
SELECT config_version FROM jackpot_update_config('over', '{"ends_at": null}');
SELECT fed('g', 1000, pools => '{over}');
SELECT status FROM jackpot_resume('paused');
SELECT fed('g', 1000, pools => '{everyone,paused}');
BEGIN;
SELECT config_version FROM jackpot_update_config('over', '{"max_wager": 1}');
SELECT fed('g', 1000, pools => '{over}');
ROLLBACK;
SELECT fed('g', 1000, pools => '{over}');

SELECT * FROM jackpot_validate() WHERE NOT ok;
DROP FUNCTION fed;
