-- Thresholds, and what is raised when they are reached.

CREATE FUNCTION jackpot_set_alert(metric text, warning numeric, critical numeric, labels jsonb DEFAULT '{}',
                                  hold interval DEFAULT '0', notify boolean DEFAULT NULL)
RETURNS jackpot.alert
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    wanted constant jackpot.alert := ROW(
        jackpot_set_alert.metric, coalesce(jackpot_set_alert.labels, '{}'), jackpot_set_alert.warning, jackpot_set_alert.critical,
        coalesce(jackpot_set_alert.hold, '0'), jackpot_set_alert.notify,
        format('%s/%s/set_alert', session_user, current_setting('application_name')), clock_timestamp());
    is_signal constant boolean := jackpot.signal_meaning(wanted.metric) IS NOT NULL;
BEGIN
    IF wanted.metric IS NULL THEN
        RAISE EXCEPTION 'metric must not be null' USING ERRCODE = '22004', DETAIL = 'null_argument: metric is required';
    END IF;
    IF NOT is_signal AND wanted.metric NOT IN ('jackpot_call_duration_quantile_seconds', 'jackpot_unsettled_rows', 'jackpot_pool_amount',
                                               'jackpot_queue_depth', 'jackpot_queue_oldest_age_seconds', 'jackpot_dead_letters') THEN
        RAISE EXCEPTION 'metric "%" is unknown', wanted.metric
              USING ERRCODE = '22023', DETAIL = 'invalid_argument: it is neither a signal nor a gauge that can be watched',
                    HINT = 'jackpot.signal lists the signals.';
    END IF;
    IF jsonb_typeof(wanted.labels) <> 'object' OR is_signal AND wanted.labels <> '{}' OR length(wanted.labels::text) > 1000 THEN
        RAISE EXCEPTION 'labels % do not fit metric "%"', wanted.labels, wanted.metric
              USING ERRCODE = '22023', DETAIL = 'invalid_argument: labels are an object of at most 1000 characters, and signals have none';
    END IF;
    IF 'NaN' IN (wanted.warning, wanted.critical) OR wanted.warning > wanted.critical THEN
        RAISE EXCEPTION 'warning % and critical % are not thresholds', wanted.warning, wanted.critical
              USING ERRCODE = '22023', DETAIL = 'invalid_argument: warning is not above critical';
    END IF;
    IF wanted.hold < '0' OR wanted.hold > '30 days' THEN
        RAISE EXCEPTION 'hold % is out of range', wanted.hold USING ERRCODE = '22023', DETAIL = 'invalid_argument: hold is from 0 to 30 days';
    END IF;
    INSERT INTO jackpot.alert AS a SELECT wanted.*
    ON CONFLICT ON CONSTRAINT alert_pkey DO UPDATE
       SET warning = excluded.warning, critical = excluded.critical, hold = excluded.hold, notify = excluded.notify,
           actor = excluded.actor, set_at = excluded.set_at;
    RETURN wanted;
END $$;

-- By the worker, each jackpot.alert_interval. Writes only what changes.
CREATE FUNCTION jackpot.evaluate_alerts() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    watched record;
    now constant timestamptz := clock_timestamp();
BEGIN
    FOR watched IN
        WITH thresholds AS MATERIALIZED (SELECT t.* FROM jackpot.alert_threshold t),
             signals AS MATERIALIZED (SELECT s.signal, s.value FROM jackpot.signal s),
             gauges AS MATERIALIZED (
                 SELECT g.name, g.labels, g.value
                   FROM (SELECT FROM thresholds t WHERE t.metric LIKE 'jackpot\_%' LIMIT 1) needed, @extschema@.jackpot_metrics() g
                  WHERE g.kind = 'gauge'),
             found AS (
                 SELECT t.metric, t.labels, t.warning, t.critical, t.hold, t.notify,
                        coalesce((SELECT s.value FROM signals s WHERE s.signal = t.metric),
                                 (SELECT max(g.value) FROM gauges g WHERE g.name = t.metric AND g.labels @> t.labels)) AS value
                   FROM thresholds t),
             judged AS (
                 SELECT f.*, CASE WHEN f.value >= f.critical THEN 'critical' WHEN f.value >= f.warning THEN 'warning' END AS severity FROM found f)
        SELECT coalesce(j.metric, e.metric) AS metric, coalesce(j.labels, e.labels) AS labels, j.severity, j.value, j.hold,
               coalesce(j.notify, current_setting('jackpot.notify_alerts')::boolean) AS notify,
               CASE j.severity WHEN 'critical' THEN j.critical ELSE j.warning END AS threshold,
               e.id, e.severity AS known_severity, e.since, e.raised_at
          FROM judged j
          FULL JOIN (SELECT e.* FROM jackpot.alert_event e WHERE e.cleared_at IS NULL) e ON e.metric = j.metric AND e.labels = j.labels
         WHERE j.severity IS NOT NULL OR e.id IS NOT NULL
    LOOP
        -- What is over, or has become worse or better.
        IF watched.id IS NOT NULL AND watched.severity IS DISTINCT FROM watched.known_severity THEN
            IF watched.raised_at IS NULL THEN
                DELETE FROM jackpot.alert_event e WHERE e.id = watched.id;
            ELSE
                UPDATE jackpot.alert_event e SET cleared_at = now WHERE e.id = watched.id;
                PERFORM jackpot.announce_alert(watched.id);
            END IF;
        END IF;
        IF watched.severity IS NULL THEN
            CONTINUE;
        END IF;
        IF watched.severity IS DISTINCT FROM watched.known_severity THEN
            INSERT INTO jackpot.alert_event (metric, labels, severity, value, threshold, notify, since, raised_at)
            VALUES (watched.metric, watched.labels, watched.severity, watched.value, watched.threshold, watched.notify,
                    coalesce(watched.since, now),
                    CASE WHEN watched.raised_at IS NOT NULL OR now - coalesce(watched.since, now) >= watched.hold THEN now END)
            RETURNING id, raised_at INTO watched.id, watched.raised_at;
            IF watched.raised_at IS NOT NULL THEN
                PERFORM jackpot.announce_alert(watched.id);
            END IF;
        ELSIF watched.raised_at IS NULL AND now - watched.since >= watched.hold THEN
            UPDATE jackpot.alert_event e SET raised_at = now, value = watched.value WHERE e.id = watched.id;
            PERFORM jackpot.announce_alert(watched.id);
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION jackpot.announce_alert(id bigint) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    alert jackpot.alert_event;
BEGIN
    SELECT e.* INTO alert FROM jackpot.alert_event e WHERE e.id = announce_alert.id;
    RAISE LOG 'jackpot alert %: % % is % (threshold %)', CASE WHEN alert.cleared_at IS NULL THEN 'raised' ELSE 'cleared' END,
              alert.severity, concat_ws(' ', alert.metric, nullif(alert.labels, '{}')), alert.value, alert.threshold;
    IF alert.notify THEN
        PERFORM pg_notify('jackpot_alert', jsonb_build_object(
            'state', CASE WHEN alert.cleared_at IS NULL THEN 'raised' ELSE 'cleared' END, 'metric', alert.metric, 'labels', alert.labels,
            'severity', alert.severity, 'value', alert.value, 'threshold', alert.threshold,
            'raised_at', alert.raised_at, 'cleared_at', alert.cleared_at)::text);
    END IF;
END $$;

CREATE FUNCTION jackpot_alerts(max_rows bigint DEFAULT 100)
RETURNS TABLE (metric text, labels jsonb, state text, severity text, value numeric, threshold numeric, raised_at timestamptz,
               cleared_at timestamptz, meaning text)
LANGUAGE sql STABLE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT e.metric, e.labels, CASE WHEN e.cleared_at IS NULL THEN 'raised' ELSE 'cleared' END, e.severity, e.value, e.threshold,
           e.raised_at, e.cleared_at, jackpot.signal_meaning(e.metric)
      FROM jackpot.alert_event e
     WHERE e.raised_at IS NOT NULL
     ORDER BY e.cleared_at IS NOT NULL, CASE WHEN e.cleared_at IS NULL THEN e.severity END, e.raised_at DESC, e.id DESC
     LIMIT greatest(coalesce(max_rows, 100), 0)
$$;
