-- All that a monitoring system asks for, in one statement.

CREATE FUNCTION jackpot_metrics()
RETURNS TABLE (name text, labels jsonb, value numeric, kind text, help text)
LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
    SELECT m.name, m.labels, m.value, m.kind, m.help FROM jackpot.shared_metrics() m
    UNION ALL
    SELECT g.name, '{}', g.value, 'gauge', g.help
      FROM jackpot.queue_state() q, jackpot.worker_state() w,
           LATERAL (VALUES
            ('jackpot_queue_depth', q.depth::numeric, 'Items that wait in the queue.'),
            ('jackpot_queue_oldest_age_seconds', round(q.age_ms / 1000.0, 3), 'How long the oldest item that is due has waited.'),
            ('jackpot_dead_letters', q.dead_letters::numeric, 'Items that were refused and wait for a decision.'),
            ('jackpot_primary', CASE WHEN pg_is_in_recovery() THEN 0 ELSE 1 END::numeric, 'Whether the server takes writes; a standby has no worker.'),
            ('jackpot_worker_up', CASE w.state WHEN 'running' THEN 1 ELSE 0 END::numeric, 'Whether this database''s worker runs.'),
            ('jackpot_preloaded', CASE w.state WHEN 'not preloaded' THEN 0 ELSE 1 END::numeric, 'Whether the library is preloaded.')
           ) AS g(name, value, help)
    UNION ALL
    SELECT 'jackpot_alerts_raised', jsonb_build_object('severity', s.severity),
           (SELECT count(*) FROM jackpot.alert_event e WHERE e.raised_at IS NOT NULL AND e.cleared_at IS NULL AND e.severity = s.severity)::numeric,
           'gauge', 'Alerts of the extension that are raised.'
      FROM (VALUES ('warning'), ('critical')) AS s(severity)
$$;
