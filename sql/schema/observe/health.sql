-- What is wrong now, and what to do. To be asked every second.

CREATE FUNCTION jackpot_health() RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    queue constant jsonb := jackpot.queue_health(false);
    signals constant jsonb := (SELECT jsonb_object_agg(s.signal, s.value) FROM jackpot.signal s);
    is_standby constant boolean := pg_is_in_recovery();
    minute record;
    audit record;
    default_rows boolean;
    is_missing boolean;
    lag_ms bigint;
    issues jsonb := queue -> 'issues';
BEGIN
    SELECT * INTO minute FROM jackpot.last_minute();
    SELECT * INTO audit FROM jackpot.audit_state();
    IF NOT minute.is_preloaded THEN
        issues := issues || jsonb_build_object('token', 'not_preloaded', 'severity', 'info',
            'message', 'the library is not preloaded: no worker, metrics, alerts, rate limits, and no ticker in memory',
            'hint', 'Add jackpot to shared_preload_libraries and restart the server.');
    ELSIF NOT minute.is_counted THEN
        issues := issues || jsonb_build_object('token', 'not_counted', 'severity', 'info',
            'message', 'more databases use the extension than shared memory has metrics for',
            'hint', 'All else works; databases that are dropped make room.');
    ELSIF NOT current_setting('jackpot.metrics')::boolean THEN
        issues := issues || jsonb_build_object('token', 'metrics_off', 'severity', 'info',
            'message', 'calls are not counted', 'hint', 'jackpot.metrics is off.');
    END IF;
    -- What has a threshold is judged by it, also where no worker evaluates alerts; the queue's own are in its health.
    issues := issues || coalesce((
        SELECT jsonb_agg(jsonb_build_object('token', i.token, 'severity', CASE WHEN s.value >= t.critical THEN 'critical' ELSE 'warning' END,
                                            'message', format(i.message, round(s.value, 3)), 'hint', i.hint) ORDER BY i.token)
          FROM (VALUES
                ('call_p95_ms', 'calls_slow', '5 of 100 calls take more than %s ms', 'jackpot_performance_report() tells what slows them down.'),
                ('win_p95_ms', 'wins_slow', '5 of 100 wins take more than %s ms', 'jackpot_performance_report() tells what slows them down.'),
                ('error_rate', 'error_rate', '%s of 100 calls fail', 'jackpot_errors_total in jackpot_metrics() tells which and why.'),
                ('conflict_rate', 'conflict_rate', '%s of 100 calls meet a conflict', 'Callers expect versions or cycles that have changed, or run under SERIALIZABLE; jackpot_version_conflicts_total tells which.'),
                ('lock_wait_ms', 'lock_waits', 'a session has waited for a lock for %s ms', 'jackpot.activity shows who holds it.')
               ) AS i(signal, token, message, hint)
          JOIN jackpot.alert_threshold t ON t.metric = i.signal
         CROSS JOIN LATERAL (SELECT (signals ->> i.signal)::numeric) AS s(value)
         WHERE s.value >= t.warning OR s.value >= t.critical), '[]');
    IF audit.pool IS NOT NULL THEN
        issues := issues || jsonb_build_object('token', 'conservation', 'severity', 'critical',
            'message', format('the books of pool "%s" differ from ledger and journal, %s', audit.pool,
                              CASE audit.difference WHEN 0 THEN 'though not in their sum' ELSE format('by %s minor units', audit.difference) END),
            'hint', 'jackpot_validate() shows what differs. Somebody has changed a table by hand.');
    END IF;
    IF EXISTS (SELECT FROM jackpot.pool p WHERE p.pending_config IS NOT NULL) THEN
        issues := issues || jsonb_build_object('token', 'configuration_pending', 'severity', 'info',
            'message', (SELECT format('the configuration of %s changes at the next reset', string_agg(format('"%s"', p.pool), ', ' ORDER BY p.pool))
                          FROM jackpot.pool p WHERE p.pending_config IS NOT NULL),
            'hint', 'jackpot_rules() shows what waits.');
    END IF;
    IF EXISTS (SELECT FROM pg_settings s
                WHERE s.pending_restart AND (s.name LIKE 'jackpot.%' OR s.name IN ('shared_preload_libraries', 'max_worker_processes'))) THEN
        issues := issues || jsonb_build_object('token', 'restart_pending', 'severity', 'warning',
            'message', 'the server''s configuration was changed and needs a restart', 'hint', 'pg_settings.pending_restart shows what waits.');
    END IF;
    IF EXISTS (SELECT FROM jackpot.mark) THEN
        default_rows := EXISTS (SELECT FROM jackpot.ledger_default);
        is_missing := to_regclass('jackpot.ledger_' || to_char(clock_timestamp() AT TIME ZONE 'UTC' + interval '1 month', 'YYYY_MM')) IS NULL;
        IF default_rows THEN
            issues := issues || jsonb_build_object('token', 'default_partition_used', 'severity', 'info',
                'message', 'jackpot.ledger_default holds rows of months that had no partition of their own',
                'hint', 'Nothing is lost; reading them is slower. Move them to a partition of their month, with PRIMARY KEY (id) and an index on (xid).');
        END IF;
        IF is_missing THEN
            issues := issues || jsonb_build_object('token', 'partition_missing',
                'severity', CASE WHEN extract(day FROM date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC') + interval '1 month'
                                                       - (clock_timestamp() AT TIME ZONE 'UTC')) < 7 THEN 'warning' ELSE 'info' END,
                'message', 'next month''s partition of the ledger is not there yet',
                'hint', 'The worker makes it; without one, calls outside of transaction blocks do, now and then. A long lock on jackpot.ledger keeps them from it.');
        END IF;
    END IF;
    IF is_standby THEN
        lag_ms := CASE WHEN pg_last_wal_receive_lsn() IS DISTINCT FROM pg_last_wal_replay_lsn()
                       THEN extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000 ELSE 0 END;
        IF lag_ms > 30000 THEN
            issues := issues || jsonb_build_object('token', 'replication_lag', 'severity', 'warning',
                'message', format('this standby is %s ms behind', lag_ms), 'hint', 'A display may be at most 30 s old (GLI-19 4.13.2).');
        END IF;
    ELSIF current_setting('synchronous_standby_names') <> '' AND pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')
          AND NOT EXISTS (SELECT FROM pg_stat_replication r WHERE r.sync_state IN ('sync', 'quorum')) THEN
        issues := issues || jsonb_build_object('token', 'synchronous_standby_missing', 'severity', 'critical',
            'message', 'no synchronous standby is connected: commits wait for it',
            'hint', 'Start a standby that synchronous_standby_names names, or change the setting.');
    END IF;
    RETURN jsonb_build_object(
        'healthy', NOT jsonb_path_exists(issues, '$[*] ? (@.severity != "info")'),
        'issues', issues,
        'role', CASE WHEN is_standby THEN 'standby' ELSE 'primary' END,
        'replication_lag_ms', lag_ms,
        'preloaded', minute.is_preloaded,
        'rates', jsonb_build_object('calls_per_minute', minute.calls, 'errors_per_minute', minute.errors, 'conflicts_per_minute', minute.conflicts),
        'signals', signals,
        'queue', queue - 'healthy' - 'issues' - 'worker',
        'worker', queue -> 'worker',
        'audit', jsonb_build_object('passes', audit.passes, 'finished_at', audit.finished_at, 'rows_read', audit.rows_read,
                                    'pool', audit.pool, 'difference', audit.difference::text),
        'checked_at', clock_timestamp());
END $$;
