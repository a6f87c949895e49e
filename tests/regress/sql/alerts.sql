-- Alerts: thresholds, and what is raised and cleared when values reach them. Here no worker evaluates them.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS jackpot;
CREATE EXTENSION jackpot;
\pset null -
-- Nothing of what happened before is a signal here.
SELECT jackpot_reset_metrics();
SELECT pool FROM jackpot_create_pool('minor', 0.01, 1000);
SELECT pool FROM jackpot_create_pool('major', 0.01, 500);

-- Thresholds that are in force from the beginning.
SELECT metric, labels, warning, critical, hold, notify, is_default FROM jackpot.alert_threshold ORDER BY 1, 2;
SELECT metric FROM jackpot.alert_threshold t WHERE NOT EXISTS (SELECT FROM jackpot.signal s WHERE s.signal = t.metric);
TABLE jackpot.alert;
SELECT * FROM jackpot_alerts();

-- What is refused.
CREATE FUNCTION outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
    hint text;
BEGIN
    EXECUTE statement;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(' | ', SQLSTATE, SQLERRM, detail, nullif(hint, ''));
END $$;
SELECT outcome($$SELECT jackpot_set_alert(NULL, 1, 2)$$);
SELECT outcome($$SELECT jackpot_set_alert('nosuch', 1, 2)$$);
SELECT outcome($$SELECT jackpot_set_alert('jackpot_calls_total', 1, 2)$$);
SELECT outcome($$SELECT jackpot_set_alert('', 1, 2)$$);
SELECT outcome($$SELECT jackpot_set_alert('dead_letters', 3, 2)$$);
SELECT outcome($$SELECT jackpot_set_alert('dead_letters', 'NaN', 2)$$);
SELECT outcome($$SELECT jackpot_set_alert('dead_letters', 1, 'NaN')$$);
SELECT outcome($$SELECT jackpot_set_alert('dead_letters', 'NaN', NULL)$$);
SELECT outcome($$SELECT jackpot_set_alert('dead_letters', 1, 2, '{"pool": "minor"}')$$);
SELECT outcome($$SELECT jackpot_set_alert('jackpot_pool_amount', 1, 2, '[]')$$);
SELECT outcome($$SELECT jackpot_set_alert('jackpot_pool_amount', 1, 2, '"minor"')$$);
SELECT outcome($$SELECT jackpot_set_alert('jackpot_pool_amount', 1, 2, 'null')$$);
SELECT outcome($$SELECT jackpot_set_alert('dead_letters', 1, 2, hold => '-1 s')$$);
TABLE jackpot.alert;

-- What is accepted; an explicit NULL counts as left out, and setting again replaces.
SELECT metric, labels, warning, critical, hold, notify, actor ~ '/set_alert$' AS actor, set_at BETWEEN now() AND clock_timestamp() AS now FROM jackpot_set_alert('dead_letters', 5, 5);
SELECT metric, labels, warning, critical, hold, notify FROM jackpot_set_alert('dead_letters', NULL, 7, NULL, NULL, NULL);
SELECT metric, labels, warning, critical, hold, notify FROM jackpot_set_alert('jackpot_pool_amount', 1200, NULL, '{"pool": "minor"}', '1 hour', true);
SELECT metric, labels, warning, critical, hold, notify FROM jackpot_set_alert('jackpot_pool_amount', -1, 'Infinity');
-- One without thresholds turns a default off.
SELECT metric, warning, critical FROM jackpot_set_alert('queue_fill', NULL, NULL);
SELECT metric, labels, warning, critical, hold, notify, is_default FROM jackpot.alert_threshold ORDER BY 1, 2;
-- Rolled back with its transaction.
BEGIN;
SELECT metric FROM jackpot_set_alert('error_rate', 50, 60);
ROLLBACK;
SELECT metric, warning FROM jackpot.alert_threshold WHERE metric = 'error_rate';
DELETE FROM jackpot.alert;

-- Evaluated by hand. Nothing is wrong, so nothing is written.
SELECT jackpot.evaluate_alerts();
TABLE jackpot.alert_event;
-- A pool's amount is watched: the seed of minor is 1000, of major 500.
CREATE VIEW alerts AS SELECT metric, labels, state, severity, value, threshold, meaning FROM jackpot_alerts();
SELECT metric FROM jackpot_set_alert('jackpot_pool_amount', 1100, 1200, '{"pool": "minor"}');
SELECT jackpot.evaluate_alerts();
TABLE alerts;
SELECT current_amount FROM jackpot_adjust('minor', 99, 'test');
SET jackpot.ticker_interval = 0;
SELECT jackpot.evaluate_alerts();
TABLE alerts;
-- Raised from the threshold itself on.
SELECT current_amount FROM jackpot_adjust('minor', 1, 'test');
SELECT jackpot.evaluate_alerts();
TABLE alerts;
-- Raised once, whatever becomes of the value, until it is below: nothing is written meanwhile.
SELECT xmin AS before FROM jackpot.alert_event \gset
SELECT current_amount FROM jackpot_adjust('minor', 20, 'test');
SELECT jackpot.evaluate_alerts();
SELECT xmin = :'before' AS unchanged, value, raised_at IS NOT NULL AS raised, cleared_at FROM jackpot.alert_event;
-- Worse: the warning is over, the critical one is raised.
SELECT current_amount FROM jackpot_adjust('minor', 80, 'test');
SELECT jackpot.evaluate_alerts();
TABLE alerts;
-- Better.
SELECT current_amount FROM jackpot_adjust('minor', -1, 'test');
SELECT jackpot.evaluate_alerts();
TABLE alerts;
-- Over. It was raised as long as it lasted.
SELECT current_amount FROM jackpot_adjust('minor', -100, 'test');
SELECT jackpot.evaluate_alerts();
TABLE alerts;
SELECT count(*) AS alerts, bool_and(since <= raised_at) AS since, bool_and(raised_at < cleared_at) AS cleared, count(DISTINCT since) AS occasions FROM jackpot.alert_event;
-- Another occasion; those that are raised come first, the newest of each first.
SELECT current_amount FROM jackpot_adjust('minor', 500, 'test');
SELECT jackpot.evaluate_alerts();
SELECT state, severity FROM jackpot_alerts();
SELECT state, severity FROM jackpot_alerts(2);
SELECT state, severity FROM jackpot_alerts(max_rows => 0);
SELECT state, severity FROM jackpot_alerts(-1);
SELECT count(*) FROM jackpot_alerts(NULL);
SELECT labels, value FROM jackpot_metrics() WHERE name = 'jackpot_alerts_raised' ORDER BY 1;
-- Turned off while it is raised: cleared.
SELECT metric FROM jackpot_set_alert('jackpot_pool_amount', NULL, NULL, '{"pool": "minor"}');
SELECT jackpot.evaluate_alerts();
SELECT state, severity, count(*) FROM jackpot_alerts() GROUP BY 1, 2 ORDER BY 1, 2;
-- Also where its row is deleted.
SELECT metric FROM jackpot_set_alert('jackpot_pool_amount', 1, NULL, '{"pool": "minor"}');
SELECT jackpot.evaluate_alerts();
DELETE FROM jackpot.alert;
SELECT jackpot.evaluate_alerts();
SELECT state, count(*) FROM jackpot_alerts() GROUP BY 1;
DELETE FROM jackpot.alert_event;

-- Labels: only those series; without, the highest of all. Each is an alert of its own.
SELECT labels, value FROM jackpot_metrics() WHERE name = 'jackpot_pool_amount' ORDER BY 2;
SELECT metric FROM jackpot_set_alert('jackpot_pool_amount', 400, NULL, '{"pool": "major"}');
SELECT metric FROM jackpot_set_alert('jackpot_pool_amount', 600, NULL);
SELECT metric FROM jackpot_set_alert('jackpot_pool_amount', 1, NULL, '{"pool": "nosuch"}');
SELECT metric FROM jackpot_set_alert('jackpot_pool_amount', 1, NULL, '{"pool": "minor", "other": "x"}');
SELECT jackpot.evaluate_alerts();
SELECT * FROM alerts ORDER BY labels;
SELECT current_amount FROM jackpot_adjust('minor', -1000, 'test');
SELECT jackpot.evaluate_alerts();
SELECT * FROM alerts ORDER BY labels;
DELETE FROM jackpot.alert;
DELETE FROM jackpot.alert_event;

-- Held: known at once, raised only when it has lasted, with the value of then; forgotten if it is over before.
SELECT metric, hold FROM jackpot_set_alert('jackpot_pool_amount', 500, 700, hold => '1 hour');
SELECT jackpot.evaluate_alerts();
TABLE alerts;
SELECT severity, value, raised_at, cleared_at FROM jackpot.alert_event;
SELECT current_amount FROM jackpot_adjust('minor', 50, 'test');
UPDATE jackpot.alert_event SET since = since - interval '59 minutes';
SELECT jackpot.evaluate_alerts();
TABLE alerts;
-- It becomes worse meanwhile: still the same occasion.
SELECT current_amount FROM jackpot_adjust('minor', 100, 'test');
SELECT jackpot.evaluate_alerts();
SELECT severity, value, threshold, since < now() - interval '50 minutes' AS since, raised_at, cleared_at FROM jackpot.alert_event;
UPDATE jackpot.alert_event SET since = since - interval '1 minute';
SELECT jackpot.evaluate_alerts();
TABLE alerts;
-- Once raised it need not be held again to become a warning.
SELECT current_amount FROM jackpot_adjust('minor', -100, 'test');
SELECT jackpot.evaluate_alerts();
TABLE alerts;
DELETE FROM jackpot.alert_event;
SELECT jackpot.evaluate_alerts();
SELECT severity, raised_at FROM jackpot.alert_event;
SELECT metric FROM jackpot_set_alert('jackpot_pool_amount', NULL, 700, hold => '1 hour');
SELECT jackpot.evaluate_alerts();
SELECT count(*) FROM jackpot.alert_event;
DELETE FROM jackpot.alert;

-- A signal, with what it means; one whose value is not known is not raised.
SELECT jackpot_enqueue_win('minor', 'g', 'ann', 600) > 0 AS win;
SELECT current_amount FROM jackpot_adjust('minor', -200, 'test');
SELECT failed FROM jackpot_process_queue();
SELECT jackpot.evaluate_alerts();
TABLE alerts;
SELECT jackpot_discard(id, 'test') IS NOT NULL AS discarded FROM jackpot.dead_letter;
SELECT jackpot.evaluate_alerts();
TABLE alerts;
SELECT metric FROM jackpot_set_alert('call_p95_ms', 0, 0);
SELECT jackpot.evaluate_alerts();
SELECT metric FROM alerts WHERE state = 'raised';
DELETE FROM jackpot.alert;
DELETE FROM jackpot.alert_event;

-- Announced, where it is wanted: raised and cleared, the times left out.
LISTEN jackpot_alert;
CREATE FUNCTION raise(notify boolean) RETURNS void LANGUAGE sql AS $$
    SELECT jackpot_set_alert('jackpot_pool_amount', 1, NULL, notify => notify);
    SELECT jackpot.evaluate_alerts();
$$;
CREATE FUNCTION lower() RETURNS void LANGUAGE sql AS $$
    SELECT jackpot_set_alert('jackpot_pool_amount', NULL, NULL);
    SELECT jackpot.evaluate_alerts();
$$;
\o | sed -E 's/ received from server process with PID [0-9]+\.$//; s/("(raised|cleared)_at": )"[^"]*"/\1"..."/g'
BEGIN;
SELECT raise(true);
ROLLBACK;
SELECT raise(NULL);
SELECT lower();
SELECT raise(false);
SELECT lower();
SELECT raise(true);
SELECT lower();
\o
UNLISTEN jackpot_alert;
DROP FUNCTION raise, lower();
DROP VIEW alerts;
DROP FUNCTION outcome;
SELECT * FROM jackpot_validate() WHERE NOT ok;
