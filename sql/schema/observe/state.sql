-- What shared memory knows, as rows; src/api/observe.rs has the functions.

CREATE FUNCTION jackpot.shared_metrics()
RETURNS TABLE (name text, labels jsonb, value numeric, kind text, help text)
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 300 AS 'MODULE_PATHNAME', 'shared_metrics_wrapper';

CREATE FUNCTION jackpot.last_minute()
RETURNS TABLE (is_preloaded boolean, is_counted boolean, calls bigint, errors bigint, conflicts bigint,
               call_p95_us bigint, win_p95_us bigint, unsettled_rows bigint)
LANGUAGE c VOLATILE PARALLEL RESTRICTED ROWS 1 AS 'MODULE_PATHNAME', 'last_minute_wrapper';

CREATE FUNCTION jackpot.last_calls()
RETURNS TABLE (pid integer, operation text)
LANGUAGE c VOLATILE PARALLEL RESTRICTED ROWS 100 AS 'MODULE_PATHNAME', 'last_calls_wrapper';

CREATE FUNCTION jackpot.current_sample()
RETURNS TABLE (since timestamptz, at timestamptz, operations jsonb, pools jsonb)
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'current_sample_wrapper';

CREATE FUNCTION jackpot.audit_state()
RETURNS TABLE (passes bigint, finished_at timestamptz, rows_read bigint, pool text, difference numeric)
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'audit_state_wrapper';

CREATE FUNCTION jackpot.queue_state()
RETURNS TABLE (depth bigint, age_ms bigint, dead_letters bigint)
LANGUAGE sql STABLE PARALLEL UNSAFE SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, pg_temp SET jit = off
BEGIN ATOMIC
    SELECT coalesce(sum(w.items), 0)::bigint,
           coalesce(greatest(extract(epoch FROM clock_timestamp() - min(w.oldest_due_at)) * 1000, 0), 0)::bigint,
           (SELECT count(*) FROM jackpot.dead_letter d WHERE d.status = 'open')
      FROM jackpot.queue_waiting(false) w;
END;

CREATE FUNCTION jackpot.quantile_us(buckets jsonb, share numeric) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT min(c.us) FROM (
        SELECT b.key::bigint AS us, sum(b.value::bigint) OVER (ORDER BY b.key::bigint) AS up_to, sum(b.value::bigint) OVER () AS total
          FROM jsonb_each_text(buckets) b) c
     WHERE c.up_to >= ceil(share * c.total);
END;
