-- Moving out, and looking at what is moving in.

-- A moment as exports write it, whatever the session's time zone.
CREATE FUNCTION jackpot.moment(at timestamptz) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN pg_catalog.to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');

-- What the client said of an operation, without what its migration has added.
CREATE FUNCTION jackpot.own_metadata(metadata jsonb, is_history boolean) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN metadata IS NULL OR is_history AND metadata - 'migrated' = '{}' THEN '{}'
            WHEN is_history AND (metadata #> '{migrated,is_wrapped}') IS NOT NULL THEN metadata - 'migrated'
            WHEN is_history THEN pg_catalog.jsonb_build_object('metadata', metadata - 'migrated')
            ELSE pg_catalog.jsonb_build_object('metadata', metadata) END;

-- What an operation was called by whoever did it: what was taken over may have got another name.
CREATE FUNCTION jackpot.own_name(operation_id text, metadata jsonb, is_history boolean) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN is_history AND coalesce(metadata -> 'migrated' ? 'operation_id', false) THEN metadata #>> '{migrated,operation_id}' ELSE operation_id END;

-- A state that jackpot_migrate() takes. Equal states give equal exports: nothing in it tells the time
-- or which database it came from.
CREATE FUNCTION jackpot.export(include_ledger boolean) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
    SELECT jsonb_build_object('format', 'jackpot/1', 'pools', (
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                       'pool', p.pool, 'status', p.status, 'meter', jackpot.minor_units(h.meter)::text, 'reserve', jackpot.minor_units(h.reserve)::text,
                       'current_amount', r.current_amount, 'version', r.version, 'config', p.config || coalesce(m.later_config, '{}')) ORDER BY p.pool COLLATE "C"), '[]')
              FROM jackpot.pool p JOIN jackpot.holdings() h ON h.pool_id = p.id JOIN @extschema@.jackpot_pools(NULL::text[]) r ON r.pool = p.pool
              LEFT JOIN jackpot.migration_pool m ON m.pool_id = p.id))
        || CASE WHEN include_ledger THEN jsonb_build_object(
        'contributions', (
            SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                       'operation_id', jackpot.own_name(l.operation_id, l.metadata, h.is_history),
                       'at', e.at, 'game_id', l.game_id, 'user_id', l.user_id, 'operator_id', l.operator_id,
                       'game_category', l.game_category, 'currency', l.currency, 'wager_amount', l.wager_amount,
                       'contributions', s.contributions, 'reserves', s.reserves))
                       || jackpot.own_metadata(l.metadata, h.is_history) ORDER BY e.at COLLATE "C", l.id), '[]')
              FROM jackpot.ledger l
             CROSS JOIN LATERAL (SELECT coalesce((SELECT l.id <= b.last_id AND l.xid = b.xid FROM jackpot.migration_batch b
                                                   WHERE b.first_id <= l.id ORDER BY b.first_id DESC LIMIT 1), false)) AS h(is_history)
             CROSS JOIN LATERAL (SELECT coalesce(CASE WHEN h.is_history THEN l.metadata #>> '{migrated,at}' END, jackpot.moment(l.at))) AS e(at)
             CROSS JOIN LATERAL (
                   SELECT jsonb_object_agg(p.pool, jackpot.minor_units(u.display)::text) AS contributions,
                          jsonb_object_agg(p.pool, jackpot.minor_units(u.reserve)::text) FILTER (WHERE u.reserve <> 0) AS reserves
                     FROM unnest(l.pool_ids, l.display, l.reserve) AS u(pool_id, display, reserve)
                     JOIN jackpot.pool p ON p.id = u.pool_id) s
             WHERE l.voids IS NULL AND s.contributions IS NOT NULL
               AND NOT EXISTS (SELECT FROM jackpot.operation o WHERE o.operation_id = l.operation_id AND o.voided_at IS NOT NULL)),
        'wins', (
            SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                       'pool', p.pool, 'operation_id', jackpot.own_name(w.operation_id, w.metadata, right(w.actor, 8) = '/migrate'),
                       'at', jackpot.moment(w.at), 'game_id', w.game_id, 'user_id', w.user_id, 'win_amount', w.win_amount,
                       'status', CASE WHEN w.status = 'pending' THEN w.status END))
                       || jackpot.own_metadata(w.metadata, right(w.actor, 8) = '/migrate') ORDER BY w.at, w.id), '[]')
              FROM jackpot.win w JOIN jackpot.pool p ON p.id = w.pool_id WHERE w.status <> 'cancelled'),
        'voids', (
            SELECT coalesce(jsonb_agg(jsonb_build_object('operation_id', v.operation_id, 'reason', v.reason) ORDER BY v.operation_id), '[]')
              FROM (SELECT v.operation_id, v.reason FROM jackpot.void v
                    UNION ALL
                    -- Repeated they must not be paid.
                    SELECT w.operation_id, w.cancel_reason FROM jackpot.win w JOIN jackpot.operation o ON o.operation_id = w.operation_id
                     WHERE w.status = 'cancelled' AND o.ledger_id IS NULL) v)) ELSE '{}' END
        || coalesce((
            SELECT jsonb_build_object('warnings', jsonb_agg(w.warning))
              FROM (VALUES ((SELECT format('%s items wait in the queue and are not in the export', sum(q.items))
                               FROM jackpot.queue_waiting() q HAVING sum(q.items) > 0)),
                           ((SELECT format('%s rows wait in jackpot.inbox and are not in the export', count(*))
                               FROM jackpot.inbox HAVING count(*) > 0)),
                           ((SELECT format('what waits for the next cycle is not in the export: %s', string_agg(p.pool, ', ' ORDER BY p.pool))
                               FROM jackpot.pool p WHERE p.pending_config IS NOT NULL HAVING count(*) > 0))) AS w(warning)
             WHERE w.warning IS NOT NULL HAVING count(*) > 0), '{}')
$$;

CREATE FUNCTION jackpot_export(include_ledger boolean DEFAULT false) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT jackpot.export(coalesce(include_ledger, false)) $$;

-- What jackpot_validate() finds wrong.
CREATE FUNCTION jackpot.failed_checks() RETURNS TABLE (check_name text, detail text)
LANGUAGE sql STABLE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT v.check_name, v.detail FROM @extschema@.jackpot_validate(false, false) v WHERE NOT v.ok $$;

CREATE FUNCTION jackpot.running_migrations()
RETURNS TABLE (pid integer, migration_id bigint, relation oid, step text, done bigint, total bigint, started_at timestamptz, done_before bigint)
LANGUAGE c VOLATILE PARALLEL RESTRICTED ROWS 1 AS 'MODULE_PATHNAME', 'running_migrations_wrapper';

CREATE VIEW jackpot.progress AS
SELECT coalesce(r.migration_id, m.id) AS migration_id,
       coalesce(m.source, nullif(r.relation, 0::oid)::regclass::text, 'state') AS source,
       coalesce(r.step, m.step) AS step,
       CASE WHEN r.pid IS NULL THEN 'interrupted' ELSE 'running' END AS state,
       coalesce(r.done, m.done) AS done,
       coalesce(r.total, m.total) AS total,
       t.rate,
       make_interval(secs => greatest(r.total - r.done, 0) / nullif(t.rate, 0)::double precision) AS time_left,
       r.pid,
       coalesce(r.started_at, m.started_at) AS started_at
  FROM jackpot.running_migrations() r
  FULL JOIN (SELECT m.* FROM jackpot.migration m WHERE m.state = 'running') m ON m.id = r.migration_id
 CROSS JOIN LATERAL (SELECT round((r.done - r.done_before) / nullif(extract(epoch FROM clock_timestamp() - r.started_at), 0), 1)) AS t(rate);

CREATE FUNCTION jackpot_import_table(source regclass, mapping jsonb DEFAULT '{}', dry_run boolean DEFAULT false, batch_size integer DEFAULT 10000,
                                     validate boolean DEFAULT true, backup boolean DEFAULT true, repair boolean DEFAULT false,
                                     paused boolean DEFAULT false, max_batches integer DEFAULT NULL)
RETURNS TABLE (step text, status text, pools_migrated bigint, contributions_migrated bigint, wins_migrated bigint, execution_time interval,
               warnings jsonb, rollback_data jsonb, migration_id bigint)
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 8 AS 'MODULE_PATHNAME', 'jackpot_import_table_wrapper';

-- A function cannot commit; this is one that does, and so can be interrupted at any time.
CREATE PROCEDURE jackpot_import(source regclass, mapping jsonb DEFAULT '{}', batch_size integer DEFAULT 10000,
                                repair boolean DEFAULT false, paused boolean DEFAULT false)
LANGUAGE plpgsql
AS $$
DECLARE
    summary record;
    own_id bigint;
BEGIN
    LOOP
        SELECT pg_catalog.bool_or(i.status OPERATOR(pg_catalog.=) 'running') AS is_running,
               pg_catalog.max(i.migration_id) AS migration_id, pg_catalog.max(i.pools_migrated) AS pools,
               pg_catalog.max(i.contributions_migrated) AS contributions, pg_catalog.max(i.wins_migrated) AS wins INTO summary
          FROM @extschema@.jackpot_import_table(source, mapping, batch_size => batch_size, repair => repair, paused => paused, max_batches => 1) i;
        -- NULL: another session has finished it.
        IF summary.migration_id OPERATOR(pg_catalog.<>) own_id THEN
            RAISE EXCEPTION 'migration % is over', own_id
                USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = 'migration_state: another session has rolled it back, given it up or finished it';
        END IF;
        own_id := coalesce(summary.migration_id, own_id);
        COMMIT;
        EXIT WHEN NOT summary.is_running;
    END LOOP;
    RAISE NOTICE '%: migration % took over % pools, % contributions, % wins', source, own_id,
                 summary.pools, summary.contributions, summary.wins;
END $$;
