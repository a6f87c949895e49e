-- Wagers in another currency than a pool's: converted exactly, at the rate of the moment.
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
SELECT pool FROM jackpot_create_pool('euro', 0.01, 100, reserve_rate => 0.002, currency => 'EUR');
SELECT pool FROM jackpot_create_pool('dollar', 0.01, 100, currency => 'USD');
SELECT pool FROM jackpot_create_pool('any', 0.01, 100);
SELECT pool FROM jackpot_create_pool('other game', 0.01, currency => 'EUR', config => '{"game_ids": ["other"]}');

-- Rates, from a moment on; the latest that has begun is in force.
SELECT from_currency, to_currency, rate, effective_from <= statement_timestamp() AS at_once FROM jackpot_set_exchange_rate('USD', 'EUR', 0.5);
SELECT rate, effective_from FROM jackpot_set_exchange_rate('USD', 'EUR', 0.25, '2001-01-01T00:00:00Z') r(f, t, rate, at),
       LATERAL (SELECT at = '2001-01-01T00:00:00Z' AS effective_from) m;
SELECT rate FROM jackpot_set_exchange_rate('USD', 'EUR', 7, '2999-01-01');
SELECT rate FROM jackpot_set_exchange_rate('USD', 'EUR', 3, '-infinity');
SELECT pool, contribution FROM jackpot_contribute('g', 1000, operation_id => 'half', currency => 'USD');
SELECT rate FROM jackpot_set_exchange_rate('USD', 'EUR', 0.9, NULL);
SELECT pool, contribution, current_amount, version FROM jackpot_contribute('g', 1000, operation_id => 'nine tenths', currency => 'USD');
-- The rate used stays with the wager, and what has been stays as it was.
SELECT pool, contribution, replayed FROM jackpot_contribute('g', 1000, operation_id => 'half', currency => 'USD');
SELECT operation_id, currency, wager_amount, pool_ids, display, reserve, exchange_rates, display_remainders, reserve_remainders
  FROM jackpot.ledger ORDER BY id;
SELECT amount, reserve_amount, currency, wager_amount FROM jackpot_history('euro', kinds => '{contribution}') ORDER BY id;
SELECT pool, total_wagered, total_contributed FROM jackpot_pools();
-- The pool's own currency and none need no rate.
SELECT pool, contribution FROM jackpot_contribute('g', 1000, pools => '{euro,any}', currency => 'EUR');
SELECT pool, contribution FROM jackpot_contribute('g', 1000, pools => '{euro,any}');
SELECT exchange_rates FROM jackpot.ledger ORDER BY id DESC LIMIT 2;

-- No rate: the pool is passed over and the call says so, unless it would have been anyway; where the
-- pool was named it is an error. A rate leads in one direction only.
SET client_min_messages = notice;
SELECT pool, contribution FROM jackpot_contribute('g', 1000, currency => 'EUR');
SELECT pool, contribution FROM jackpot_contribute('g', 1000, currency => 'GBP', operation_id => 'pounds');
SELECT pool, contribution, replayed FROM jackpot_contribute('g', 1000, currency => 'GBP', operation_id => 'pounds');
SELECT pool, won FROM jackpot_spin('g', 1000, currency => 'GBP');
SELECT pool FROM jackpot_contribute('g', 1000, pools => '{any}', currency => 'GBP');
SET client_min_messages = warning;
SELECT outcome($$SELECT * FROM jackpot_contribute('g', 1000, pools => '{any,euro}', currency => 'GBP')$$);
SELECT outcome($$SELECT * FROM jackpot_spin('g', 1000, pools => '{euro}', currency => 'GBP')$$);
SELECT outcome($$SELECT * FROM jackpot_contribute('g', 1000, pools => '{euro}', currency => 'usd')$$);
SELECT count(*) FROM jackpot_contribute('g', 1000, pools => '{other game}', currency => 'GBP');
-- A rate is in force at once where it was set, and not at all when that was undone.
BEGIN;
SELECT rate FROM jackpot_set_exchange_rate('GBP', 'EUR', 1.2);
SELECT pool, contribution FROM jackpot_contribute('g', 1000, pools => '{euro}', currency => 'GBP');
ROLLBACK;
SELECT outcome($$SELECT * FROM jackpot_contribute('g', 1000, pools => '{euro}', currency => 'GBP')$$);

-- What is below a micro is carried: many small wagers make what one large one would, to the micro.
SELECT pool FROM jackpot_create_pool('exact', 0.012345, reserve_rate => 0.000007, currency => 'EUR', config => '{"game_ids": ["exact"]}');
SELECT rate FROM jackpot_set_exchange_rate('JPY', 'EUR', 0.0061234567, '2001-01-01');
SELECT rate FROM jackpot_set_exchange_rate('CHF', 'EUR', 1.0526315789, '2001-01-01');
CREATE VIEW exact AS
SELECT h.meter = floor(s.exact * 12345) AS meter, h.reserve = floor(s.exact * 7) AS reserve,
       p.total_contributed * 1000000 = floor(s.exact * 12345) + floor(s.exact * 7) AS contributed,
       p.reserve_amount * 1000000 = h.reserve AS shown, p.total_wagered = s.wagered AS wagered,
       p.current_amount = floor(s.exact * 0.012345) AS current, p.total_contributions
  FROM jackpot.pool t JOIN jackpot.holdings() h ON h.pool_id = t.id JOIN jackpot_pools() p ON p.pool = t.pool
 CROSS JOIN (SELECT sum(l.wager_amount * r.rate) AS exact, sum(floor(l.wager_amount * r.rate)) AS wagered
               FROM jackpot.ledger l
               JOIN (VALUES ('JPY', 0.0061234567), ('CHF', 1.0526315789), ('EUR', 1)) r(currency, rate) USING (currency)
              WHERE l.game_id = 'exact' AND l.voids IS NULL
                AND NOT EXISTS (SELECT FROM jackpot.ledger v WHERE v.voids = l.id)) s
 WHERE t.pool = 'exact';
SELECT count(*), sum(c.contribution) > 0 AS something
  FROM generate_series(1, 700) n, LATERAL jackpot_contribute('exact', n % 7 + 1, pools => '{exact}', currency => 'JPY') c;
SELECT * FROM exact;
SELECT count(*) FROM generate_series(1, 300) n,
       LATERAL jackpot_contribute('exact', n, pools => '{exact}', currency => (ARRAY['CHF', 'EUR', 'JPY'])[n % 3 + 1]) c;
SELECT * FROM exact;
SELECT jackpot_settle() > 0 AS settled;
SELECT * FROM exact;
-- What a call shows is what is there, settled or not.
DO $$
DECLARE
    shown record;
    pool record;
BEGIN
    FOR n IN 1..60 LOOP
        SELECT * INTO shown FROM jackpot_contribute('exact', 97 * n, pools => '{exact}', currency => 'CHF');
        SELECT * INTO pool FROM jackpot_pool('exact');
        IF shown.current_amount <> pool.current_amount OR shown.version <> pool.version THEN
            RAISE EXCEPTION '% and not %', shown, pool;
        END IF;
        IF n % 20 = 0 THEN PERFORM jackpot_settle(); END IF;
    END LOOP;
END $$;
SELECT * FROM exact;

-- A void takes back the remainder, too: what is left is as if the wager had never been.
SELECT count(*) FROM generate_series(1, 30) n,
       LATERAL jackpot_contribute('exact', n, operation_id => 'void ' || n, pools => '{exact}', currency => 'CHF') c;
SELECT count(*), bool_and(v.from_house = 0) AS by_the_pool FROM generate_series(1, 30, 2) n, LATERAL jackpot_void('void ' || n, 'test') v;
SELECT meter, reserve, shown, current FROM exact;
SELECT jackpot_settle() > 0 AS settled;
SELECT count(*), bool_and(v.from_house = 0) AS by_the_pool FROM generate_series(2, 30, 2) n, LATERAL jackpot_void('void ' || n, 'test') v;
SELECT meter, reserve, shown, current FROM exact;
-- The last of its micros.
SELECT pool FROM jackpot_create_pool('last', 0.000001, currency => 'EUR', config => '{"game_ids": ["last"]}');
SELECT rate FROM jackpot_set_exchange_rate('XXX', 'EUR', 0.6, '2001-01-01');
SELECT contribution FROM jackpot_contribute('last', 1, operation_id => 'last 1', pools => '{last}', currency => 'XXX');
SELECT contribution FROM jackpot_contribute('last', 1, operation_id => 'last 2', pools => '{last}', currency => 'XXX');
SELECT total_contributed, total_wagered FROM jackpot_pool('last');
SELECT voided, from_meter, from_house FROM jackpot_void('last 1', 'test');
SELECT closing, contributions, voids, difference FROM jackpot_reconcile('{last}');
SELECT voided, from_meter, from_house FROM jackpot_void('last 2', 'test');
SELECT closing, contributions, voids, difference FROM jackpot_reconcile('{last}');
-- In a later cycle what had been given in whole micros.
SELECT contribution FROM jackpot_contribute('g', 333, operation_id => 'late', pools => '{euro}', currency => 'USD');
SELECT win_amount FROM jackpot_win('euro', 'g', 'ann');
SELECT * FROM jackpot_void('late', 'test');

-- Smallest and largest wagers are in the pool's currency.
SELECT pool FROM jackpot_create_pool('bounds', 0.01, currency => 'EUR', config => '{"game_ids": ["bounds"], "min_wager": 90, "max_wager": 180}');
SELECT w AS wager, count(c.pool) AS taken
  FROM unnest(ARRAY[89, 99, 100, 101, 200, 201, 202]) w LEFT JOIN LATERAL jackpot_contribute('bounds', w, pools => '{bounds}', currency => 'USD') c ON true
 GROUP BY w ORDER BY w;
-- So is the limit on a contribution.
SELECT config_version FROM jackpot_update_config('bounds', '{"max_wager": null, "max_contribution": 9}');
SELECT contribution FROM jackpot_contribute('bounds', 1000, pools => '{bounds}', currency => 'USD');
SELECT outcome($$SELECT * FROM jackpot_contribute('bounds', 1001, pools => '{bounds}', currency => 'USD')$$);

-- Odds are those of the amount in the pool's currency, exactly.
SELECT pool FROM jackpot_create_pool('odds', 0, 5, currency => 'EUR', config => '{"game_ids": ["odds"], "trigger": {"kind": "odds", "one_in": 90}}');
SELECT won, win_amount FROM jackpot_spin('odds', 100, pools => '{odds}', currency => 'USD');
SELECT won, win_amount FROM jackpot_spin('odds', 90, pools => '{odds}', currency => 'EUR');
-- At a rate of 1, and in one wager with a pool that needs no rate.
SELECT rate FROM jackpot_set_exchange_rate('BAM', 'EUR', 1, '2001-01-01');
SELECT won, win_amount FROM jackpot_spin('odds', 90, pools => '{odds}', currency => 'BAM');
SELECT pool FROM jackpot_create_pool('own odds', 0, 1, currency => 'USD', config => '{"game_ids": ["odds"], "trigger": {"kind": "odds", "one_in": 100}}');
SELECT pool, won FROM jackpot_spin('odds', 100, pools => '{odds,own odds}', currency => 'USD');
SELECT w.evidence ->> 'out_of' AS out_of, w.evidence ->> 'below' AS below, v.ok, (w.evidence ->> 'draw')::numeric < (w.evidence ->> 'out_of')::numeric AS drawn
  FROM jackpot.win w, LATERAL jackpot_verify_win(w.id) v WHERE w.trigger = 'odds' ORDER BY w.id;
-- A threshold is reached by what the wager is worth.
SELECT pool FROM jackpot_create_pool('must', 0.01, 10, 11, currency => 'EUR', config => '{"game_ids": ["must"], "trigger": {"kind": "must_hit_by"}}');
SELECT won, win_amount, contribution FROM jackpot_spin('must', 112, pools => '{must}', currency => 'USD');

-- Rates are never changed, only followed by others.
SELECT outcome($$SELECT * FROM jackpot_set_exchange_rate('USD', 'EUR', 0.26, '2001-01-01T00:00:00Z')$$);
SELECT count(*) FROM jackpot_set_exchange_rate('USD', 'EUR', 0.25, '2001-01-01T00:00:00Z');
SELECT count(*), count(DISTINCT actor ~ '/set_exchange_rate$') FROM jackpot.exchange_rate WHERE from_currency = 'USD';
SELECT rate FROM jackpot_set_exchange_rate('min', 'EUR', 0.0000000001);
SELECT rate FROM jackpot_set_exchange_rate('max', 'EUR', 922337203.6854775807);
SELECT r.rate FROM jackpot.exchange_rate r WHERE from_currency IN ('min', 'max') ORDER BY rate;
SELECT pool, contribution FROM jackpot_contribute('g', 1000000, pools => '{euro}', currency => 'min');
SELECT pool, contribution FROM jackpot_contribute('g', 1, pools => '{euro}', currency => 'max');
SELECT outcome($$SELECT * FROM jackpot_contribute('g', 9223372036854775807, pools => '{euro}', currency => 'max')$$);
SELECT outcome($$SELECT * FROM jackpot_set_exchange_rate('USD', 'EUR', 0)$$);
SELECT outcome($$SELECT * FROM jackpot_set_exchange_rate('USD', 'EUR', -1)$$);
SELECT outcome($$SELECT * FROM jackpot_set_exchange_rate('USD', 'EUR', 0.00000000001)$$);
SELECT outcome($$SELECT * FROM jackpot_set_exchange_rate('USD', 'EUR', 922337203.6854775808)$$);
SELECT outcome($$SELECT * FROM jackpot_set_exchange_rate('USD', 'EUR', 1e40)$$);
SELECT outcome($$SELECT * FROM jackpot_set_exchange_rate('USD', 'EUR', 'NaN')$$);
SELECT outcome($$SELECT * FROM jackpot_set_exchange_rate('USD', 'EUR', 'Infinity')$$);
SELECT outcome($$SELECT * FROM jackpot_set_exchange_rate('USD', 'USD', 1)$$);
SELECT outcome($$SELECT * FROM jackpot_set_exchange_rate('', 'EUR', 1)$$);
SELECT outcome($$SELECT * FROM jackpot_set_exchange_rate('USD', '', 1)$$);
SELECT outcome($$SELECT * FROM jackpot_set_exchange_rate(NULL, 'EUR', 1)$$);
SELECT outcome($$SELECT * FROM jackpot_set_exchange_rate('USD', NULL, 1)$$);
SELECT outcome($$SELECT * FROM jackpot_set_exchange_rate('USD', 'EUR', NULL)$$);

SELECT outcome(format($$SELECT * FROM jackpot_set_exchange_rate('USD', %L, 1)$$, repeat('E', 21)));
SELECT outcome(format($$SELECT * FROM jackpot_spin('g', 1, currency => %L)$$, repeat('E', 21)));
-- Money does not become another currency's: not once a pool is played for, and not for later.
SELECT pool, currency FROM jackpot_create_pool('fresh', 0.01, 10, currency => 'JPY');
SELECT outcome($$SELECT * FROM jackpot_update_config('fresh', '{"currency": "EUR"}', effective => 'next_cycle')$$);
SELECT pool, currency FROM jackpot_update_config('fresh', '{"currency": "EUR"}');
SELECT pool, contribution FROM jackpot_contribute('g', 100, pools => '{fresh}', currency => 'EUR');
SELECT outcome($$SELECT * FROM jackpot_update_config('fresh', '{"currency": "USD"}')$$);
SELECT outcome($$SELECT * FROM jackpot_update_config('fresh', '{"currency": null}')$$);

SELECT * FROM jackpot_validate() WHERE NOT ok;
SELECT pool, difference FROM jackpot_reconcile() WHERE difference <> 0;
DROP VIEW exact;
DROP FUNCTION outcome;
