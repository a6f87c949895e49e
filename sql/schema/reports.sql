-- Reports: pure reading, in plain SQL. Money leaves as numeric minor units.

-- Micros as exact minor units, without trailing zeros.
CREATE FUNCTION jackpot.minor_units(micros numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN pg_catalog.trim_scale(micros * 0.000001);

-- Whether a win saw a ledger row: rows up to its floor_id, of its own transaction those up to own_id,
-- and otherwise what its snapshot shows among the ids handed out by then (after a restore into another
-- cluster later rows have small xids).
CREATE FUNCTION jackpot.win_saw(win jackpot.win, ledger_id bigint, xid xid8) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ledger_id <= (win).floor_id
    OR ledger_id <= (win).last_id
       AND CASE WHEN (win).xid = win_saw.xid THEN ledger_id <= (win).own_id
                ELSE pg_catalog.pg_visible_in_snapshot(win_saw.xid, (win).snapshot) END;

-- A contribution belongs to the cycle of the first win that saw it. Each win on a pool sees all that
-- the one before it saw, and cycles are numbered without gaps: a binary search finds the first.
CREATE FUNCTION jackpot.cycle_of(pool_id integer, ledger_id bigint, xid xid8) RETURNS bigint
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    low bigint := 1;
    high bigint;
    middle bigint;
BEGIN
    SELECT p.cycle INTO high FROM jackpot.pool p WHERE p.id = cycle_of.pool_id;
    WHILE low < high LOOP
        middle := (low + high) / 2;
        IF (SELECT jackpot.win_saw(w, cycle_of.ledger_id, cycle_of.xid)
              FROM jackpot.win w WHERE w.pool_id = cycle_of.pool_id AND w.cycle = middle) THEN
            high := middle;
        ELSE
            low := middle + 1;
        END IF;
    END LOOP;
    RETURN low;
END $$;

CREATE FUNCTION jackpot_statistics(pools text[] DEFAULT NULL)
RETURNS TABLE (pool text, status text, current_amount bigint, total_contributions bigint, total_wagered numeric,
               total_contributed numeric, average_contribution numeric, total_wins bigint, total_won numeric,
               average_win numeric, largest_win bigint, last_win_at timestamptz, total_seeded numeric,
               reserve_amount numeric, cycle bigint, version bigint, last_modified_at timestamptz)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT s.pool, s.status, s.current_amount, s.total_contributions, s.total_wagered, s.total_contributed,
           trim_scale(round(s.total_contributed / nullif(s.total_contributions, 0), 6)),
           s.total_wins, s.total_won,
           trim_scale(round(s.total_won / nullif(s.total_wins, 0), 6)),
           w.largest, w.last_at, jackpot.minor_units(p.total_seeded),
           s.reserve_amount, s.cycle, s.version, s.last_modified_at
      FROM @extschema@.jackpot_pools(jackpot_statistics.pools) s
      JOIN jackpot.pool p ON p.pool = s.pool
      LEFT JOIN LATERAL (SELECT max(w.win_amount) AS largest, max(w.at) AS last_at
                           FROM jackpot.win w WHERE w.pool_id = p.id) w ON true
     ORDER BY p.id;
END $$;

CREATE FUNCTION jackpot_history(pool text, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL,
                                kinds text[] DEFAULT NULL, max_rows bigint DEFAULT 100)
RETURNS TABLE (at timestamptz, kind text, id bigint, cycle bigint, amount numeric, reserve_amount numeric,
               operation_id text, game_id text, user_id text, operator_id text, game_category text,
               currency text, wager_amount bigint, config_version bigint, win_id bigint, actor text,
               reason text, before jsonb, after jsonb, metadata jsonb)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    wanted constant text[] := ARRAY['contribution', 'void', 'create', 'seed', 'reseed', 'win', 'cover', 'adjust', 'transfer', 'retire',
                                     'plan', 'configure', 'commit', 'pause', 'resume', 'confirm', 'cancel'];
    since constant timestamptz := coalesce(jackpot_history.since, '-infinity');
    until constant timestamptz := coalesce(jackpot_history.until, 'infinity');
    kinds constant text[] := coalesce(jackpot_history.kinds, wanted);
    max_rows constant bigint := coalesce(jackpot_history.max_rows, 100);
    wanted_id integer;
BEGIN
    IF jackpot_history.pool IS NULL THEN
        RAISE EXCEPTION 'pool must not be null'
              USING ERRCODE = '22004', DETAIL = 'null_argument: pool is required';
    END IF;
    SELECT p.id INTO wanted_id FROM jackpot.pool p WHERE p.pool = jackpot_history.pool;
    IF wanted_id IS NULL THEN
        RAISE EXCEPTION 'pool "%" does not exist', jackpot_history.pool
              USING ERRCODE = '42704', DETAIL = format('unknown_pool: no pool is named "%s"', jackpot_history.pool),
                    HINT = 'jackpot_pools() lists the pools.';
    END IF;
    IF NOT kinds <@ wanted OR array_position(kinds, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'unknown kind in %', kinds
              USING ERRCODE = '22023', DETAIL = format('invalid_argument: the kinds are %s', array_to_string(wanted, ', '));
    END IF;
    IF max_rows < 0 THEN
        RAISE EXCEPTION 'max_rows % is negative', max_rows
              USING ERRCODE = '22023', DETAIL = 'invalid_argument: max_rows is 0 or more';
    END IF;
    RETURN QUERY
    SELECT h.at, h.kind, h.id,
           coalesce(h.cycle, jackpot.cycle_of(wanted_id, h.id, h.xid)),
           jackpot.minor_units(h.display), jackpot.minor_units(h.reserve),
           h.operation_id, h.game_id, h.user_id, h.operator_id, h.game_category, h.currency, h.wager_amount,
           h.config_version, h.win_id, h.actor, h.reason, h.before, h.after, h.metadata
      FROM ((SELECT l.at, CASE WHEN l.voids IS NULL THEN 'contribution' ELSE 'void' END AS kind, l.id, l.xid, NULL::bigint AS cycle,
                    l.display[i.i]::numeric AS display, l.reserve[i.i]::numeric AS reserve,
                    l.operation_id, l.game_id, l.user_id, l.operator_id, l.game_category, l.currency,
                    l.wager_amount, l.config_versions[i.i]::bigint AS config_version, NULL::bigint AS win_id,
                    v.actor, v.reason, NULL::jsonb AS before, NULL::jsonb AS after, l.metadata
               FROM jackpot.ledger l
              CROSS JOIN LATERAL array_position(l.pool_ids, wanted_id) AS i(i)
               LEFT JOIN jackpot.void v ON v.ledger_id = l.id AND v.operation_id = l.operation_id
              -- Asked for wins alone, it does not look at the ledger.
              WHERE kinds && ARRAY['contribution', 'void']
                AND l.at >= since AND l.at < until AND i.i IS NOT NULL
                AND CASE WHEN l.voids IS NULL THEN 'contribution' ELSE 'void' END = ANY (kinds)
              ORDER BY l.at DESC, l.id DESC
              LIMIT max_rows)
            UNION ALL
            (SELECT j.at, j.kind, j.id, NULL, j.cycle, j.display, j.reserve,
                    coalesce(w.operation_id, j.operation_id), w.game_id, w.user_id, NULL, NULL, NULL, NULL, j.config_version, j.win_id,
                    j.actor, j.reason,
                    -- What is revealed stays hidden until it is committed: a roll-back would take the revealing back.
                    CASE WHEN j.kind = 'commit' AND j.xid = pg_current_xact_id_if_assigned() THEN j.before - 'secret' ELSE j.before END,
                    j.after, w.metadata
               FROM jackpot.journal j
               LEFT JOIN jackpot.win w ON w.id = j.win_id
              WHERE j.pool_id = wanted_id AND j.at >= since AND j.at < until AND j.kind = ANY (kinds)
              ORDER BY j.at DESC, j.id DESC
              LIMIT max_rows)) h
     ORDER BY h.at DESC, h.id DESC
     LIMIT max_rows;
END $$;
