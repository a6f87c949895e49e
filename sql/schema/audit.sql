-- Accounts and proofs for auditors: plain SQL over the tables, in one snapshot.

-- Micros of ten-billionths: what remainders of conversions add up to.
CREATE FUNCTION jackpot.carried(remainders numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN pg_catalog.floor(coalesce(remainders, 0) / 10000000000);

-- What each pool holds, in micros: its row, its balance, and the ledger rows that are not in the balance.
CREATE FUNCTION jackpot.holdings() RETURNS TABLE (pool_id integer, meter numeric, reserve numeric)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
    WITH tail AS (
        SELECT u.pool_id, sum(u.display) AS display, sum(u.reserve) AS reserve,
               sum(u.display_remainder) AS display_remainder, sum(u.reserve_remainder) AS reserve_remainder
          FROM jackpot.ledger l
         CROSS JOIN LATERAL unnest(l.pool_ids, l.display, l.reserve, l.display_remainders, l.reserve_remainders)
                         AS u(pool_id, display, reserve, display_remainder, reserve_remainder)
         WHERE l.xid >= coalesce((SELECT pg_snapshot_xmin(m.snapshot) FROM jackpot.mark m), '0')
           AND NOT EXISTS (SELECT FROM jackpot.mark m WHERE l.id <= m.floor_id OR pg_visible_in_snapshot(l.xid, m.snapshot))
         GROUP BY u.pool_id)
    SELECT p.id,
           p.meter + coalesce(b.display, 0) + coalesce(t.display, 0)
             + jackpot.carried(coalesce(b.display_remainder, 0) + coalesce(t.display_remainder, 0)),
           p.reserve + coalesce(b.reserve, 0) + coalesce(t.reserve, 0)
             + jackpot.carried(coalesce(b.reserve_remainder, 0) + coalesce(t.reserve_remainder, 0))
      FROM jackpot.pool p
      LEFT JOIN jackpot.balance b ON b.pool_id = p.id
      LEFT JOIN tail t ON t.pool_id = p.id
$$;

-- The ids of pools by name, all for NULL; 42704 for an unknown one.
CREATE FUNCTION jackpot.pool_ids(pools text[]) RETURNS integer[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unknown text;
BEGIN
    IF EXISTS (SELECT FROM unnest(pools) n WHERE n IS NULL) THEN
        RAISE EXCEPTION 'a pool''s name must not be null'
              USING ERRCODE = '22004', DETAIL = 'null_argument: a pool''s name is required';
    END IF;
    SELECT n INTO unknown FROM unnest(pools) n WHERE n NOT IN (SELECT p.pool FROM jackpot.pool p) LIMIT 1;
    IF unknown IS NOT NULL THEN
        RAISE EXCEPTION 'pool "%" does not exist', unknown
              USING ERRCODE = '42704', DETAIL = format('unknown_pool: no pool is named "%s"', unknown),
                    HINT = 'jackpot_pools() lists the pools.';
    END IF;
    RETURN ARRAY(SELECT p.id FROM jackpot.pool p WHERE pools IS NULL OR p.pool = ANY (pools) ORDER BY p.id);
END $$;

CREATE FUNCTION jackpot_reconcile(pools text[] DEFAULT NULL, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL)
RETURNS TABLE (pool text, currency text, period_start timestamptz, period_end timestamptz, movements bigint, opening numeric,
               contributions numeric, seeds numeric, adjustments numeric, voids numeric, transfers_in numeric,
               transfers_out numeric, wins numeric, closing numeric, difference numeric)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    wanted constant integer[] := jackpot.pool_ids(jackpot_reconcile.pools);
    first constant timestamptz := coalesce(jackpot_reconcile.since, '-infinity');
    last constant timestamptz := coalesce(jackpot_reconcile.until, 'infinity');
BEGIN
    IF first > last THEN
        RAISE EXCEPTION 'since is after until'
              USING ERRCODE = '22023', DETAIL = format('invalid_argument: %s > %s', first, last);
    END IF;
    RETURN QUERY
    WITH legs AS MATERIALIZED (
        SELECT u.pool_id,
               coalesce(sum(u.display + u.reserve) FILTER (WHERE l.at < first), 0) AS earlier,
               coalesce(sum(u.display + u.reserve) FILTER (WHERE l.at >= last), 0) AS later,
               coalesce(sum(u.display + u.reserve) FILTER (WHERE s.present AND l.voids IS NULL), 0) AS contributed,
               coalesce(-sum(u.display + u.reserve) FILTER (WHERE s.present AND l.voids IS NOT NULL), 0) AS voided,
               count(*) FILTER (WHERE s.present) AS movements,
               jackpot.carried(sum(u.display_remainder) FILTER (WHERE l.at < first))
                 + jackpot.carried(sum(u.reserve_remainder) FILTER (WHERE l.at < first)) AS carried_first,
               jackpot.carried(sum(u.display_remainder) FILTER (WHERE l.at < last))
                 + jackpot.carried(sum(u.reserve_remainder) FILTER (WHERE l.at < last)) AS carried_last,
               jackpot.carried(sum(u.display_remainder)) + jackpot.carried(sum(u.reserve_remainder)) AS carried_now
          FROM jackpot.ledger l
         CROSS JOIN LATERAL unnest(l.pool_ids, l.display, l.reserve, l.display_remainders, l.reserve_remainders)
                         AS u(pool_id, display, reserve, display_remainder, reserve_remainder)
         CROSS JOIN LATERAL (SELECT l.at >= first AND l.at < last) AS s(present)
         GROUP BY u.pool_id),
    entries AS MATERIALIZED (
        SELECT j.pool_id,
               coalesce(sum(j.display + j.reserve) FILTER (WHERE j.at < first), 0) AS earlier,
               coalesce(sum(j.display + j.reserve) FILTER (WHERE j.at >= last), 0) AS later,
               coalesce(sum(j.display + j.reserve) FILTER (WHERE s.present AND j.kind IN ('seed', 'cover')), 0) AS seeded,
               coalesce(sum(j.display + j.reserve) FILTER (WHERE s.present AND j.kind = 'adjust'), 0) AS adjusted,
               coalesce(-sum(j.display + j.reserve) FILTER (WHERE s.present AND j.kind = 'void'), 0) AS voided,
               coalesce(sum(j.display + j.reserve) FILTER (WHERE s.present AND j.kind = 'transfer' AND j.display + j.reserve > 0), 0) AS moved_in,
               coalesce(-sum(j.display + j.reserve) FILTER (WHERE s.present AND j.kind = 'transfer' AND j.display + j.reserve < 0), 0) AS moved_out,
               coalesce(-sum(j.display + j.reserve) FILTER (WHERE s.present AND j.kind = 'win'), 0) AS won,
               count(*) FILTER (WHERE s.present AND (j.display <> 0 OR j.reserve <> 0)) AS movements
          FROM jackpot.journal j
         CROSS JOIN LATERAL (SELECT j.at >= first AND j.at < last) AS s(present)
         GROUP BY j.pool_id),
    sums AS (
        SELECT p.id, p.pool, p.config ->> 'currency' AS currency,
               coalesce(l.movements, 0) + coalesce(e.movements, 0) AS movements,
               coalesce(l.earlier + l.carried_first, 0) + coalesce(e.earlier, 0) AS opening,
               coalesce(l.contributed + l.carried_last - l.carried_first, 0) AS contributed,
               coalesce(e.seeded, 0) AS seeded, coalesce(e.adjusted, 0) AS adjusted,
               coalesce(l.voided, 0) + coalesce(e.voided, 0) AS voided,
               coalesce(e.moved_in, 0) AS moved_in, coalesce(e.moved_out, 0) AS moved_out, coalesce(e.won, 0) AS won,
               -- From what the pool holds now back to the end of the period.
               h.meter + h.reserve - coalesce(l.later + l.carried_now - l.carried_last, 0) - coalesce(e.later, 0) AS closing
          FROM jackpot.pool p
          JOIN jackpot.holdings() h ON h.pool_id = p.id
          LEFT JOIN legs l ON l.pool_id = p.id
          LEFT JOIN entries e ON e.pool_id = p.id
         WHERE p.id = ANY (wanted))
    SELECT s.pool, s.currency, first, last, s.movements, jackpot.minor_units(s.opening), jackpot.minor_units(s.contributed),
           jackpot.minor_units(s.seeded), jackpot.minor_units(s.adjusted), jackpot.minor_units(s.voided),
           jackpot.minor_units(s.moved_in), jackpot.minor_units(s.moved_out), jackpot.minor_units(s.won),
           jackpot.minor_units(s.closing),
           jackpot.minor_units(s.closing - (s.opening + s.contributed + s.seeded + s.adjusted - s.voided
                                            + s.moved_in - s.moved_out - s.won))
      FROM sums s ORDER BY s.id;
END $$;

CREATE FUNCTION jackpot_liability(as_of timestamptz DEFAULT NULL)
RETURNS TABLE (pool text, operator_id text, currency text, meter numeric, reserve numeric, pending_wins numeric, liability numeric)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    last constant timestamptz := coalesce(jackpot_liability.as_of, 'infinity');
BEGIN
    RETURN QUERY
    WITH later AS MATERIALIZED (
        SELECT u.pool_id, sum(u.display) AS display, sum(u.reserve) AS reserve
          FROM jackpot.ledger l
         CROSS JOIN LATERAL unnest(l.pool_ids, l.display, l.reserve) AS u(pool_id, display, reserve)
         WHERE l.at >= last GROUP BY u.pool_id
         UNION ALL
        SELECT j.pool_id, sum(j.display), sum(j.reserve) FROM jackpot.journal j WHERE j.at >= last GROUP BY j.pool_id
         UNION ALL
        -- What conversions carried after the moment.
        SELECT u.pool_id,
               jackpot.carried(sum(u.display_remainder)) - jackpot.carried(sum(u.display_remainder) FILTER (WHERE l.at < last)),
               jackpot.carried(sum(u.reserve_remainder)) - jackpot.carried(sum(u.reserve_remainder) FILTER (WHERE l.at < last))
          FROM jackpot.ledger l
         CROSS JOIN LATERAL unnest(l.pool_ids, l.display_remainders, l.reserve_remainders)
                         AS u(pool_id, display_remainder, reserve_remainder)
         WHERE l.exchange_rates IS NOT NULL GROUP BY u.pool_id),
    totals AS MATERIALIZED (
        SELECT h.pool_id, h.meter - coalesce(sum(l.display), 0) AS meter, h.reserve - coalesce(sum(l.reserve), 0) AS reserve
          FROM jackpot.holdings() h LEFT JOIN later l ON l.pool_id = h.pool_id
         GROUP BY h.pool_id, h.meter, h.reserve),
    -- What operators' wagers gave to the cycle that was open then; a retired pool has given all away.
    latest AS MATERIALIZED (
        SELECT DISTINCT ON (w.pool_id) w.pool_id, w AS win FROM jackpot.win w WHERE w.at < last
         ORDER BY w.pool_id, w.cycle DESC),
    retired AS MATERIALIZED (
        SELECT j.pool_id FROM jackpot.journal j WHERE j.kind = 'retire' AND j.at < last),
    shares AS (
        SELECT u.pool_id, l.operator_id, sum(u.display) AS meter, 0::numeric AS pending
          FROM jackpot.ledger l
         CROSS JOIN LATERAL unnest(l.pool_ids, l.display) AS u(pool_id, display)
          LEFT JOIN latest w ON w.pool_id = u.pool_id
         WHERE l.at < last AND l.operator_id IS NOT NULL
           AND u.pool_id NOT IN (SELECT r.pool_id FROM retired r)
           AND CASE WHEN w.pool_id IS NULL THEN true
                    WHEN l.id > (w.win).last_id THEN true
                    WHEN l.id <= (w.win).floor_id THEN false
                    ELSE NOT jackpot.win_saw(w.win, l.id, l.xid) END
         GROUP BY u.pool_id, l.operator_id
         UNION ALL
        SELECT w.pool_id, (SELECT l.operator_id FROM jackpot.ledger l WHERE l.id = w.ledger_id), 0, w.win_amount * 1000000::numeric
          FROM jackpot.win w
         WHERE w.at < last
           AND coalesce(least(w.confirmed_at, w.cancelled_at), 'infinity') >= last
           -- It was pending at first.
           AND (w.status = 'pending' OR w.confirmed_at IS NOT NULL
                OR EXISTS (SELECT FROM jackpot.journal j
                            WHERE j.win_id = w.id AND j.kind = 'cancel' AND j.before ->> 'status' = 'pending'))),
    by_operator AS (
        SELECT s.pool_id, s.operator_id, sum(s.meter) AS meter, sum(s.pending) AS pending
          FROM shares s GROUP BY s.pool_id, s.operator_id),
    lines AS (
        SELECT o.pool_id, o.operator_id, o.meter, 0::numeric AS reserve, o.pending
          FROM by_operator o WHERE o.operator_id IS NOT NULL
         UNION ALL
        -- What is no operator's: seeds, what was carried over, corrections, the reserve.
        SELECT t.pool_id, NULL, t.meter - coalesce((SELECT sum(o.meter) FROM by_operator o WHERE o.pool_id = t.pool_id AND o.operator_id IS NOT NULL), 0),
               t.reserve, coalesce((SELECT o.pending FROM by_operator o WHERE o.pool_id = t.pool_id AND o.operator_id IS NULL), 0)
          FROM totals t)
    SELECT p.pool, l.operator_id, p.config ->> 'currency', jackpot.minor_units(l.meter), jackpot.minor_units(l.reserve),
           jackpot.minor_units(l.pending), jackpot.minor_units(l.meter + l.reserve + l.pending)
      FROM lines l JOIN jackpot.pool p ON p.id = l.pool_id
     WHERE p.created_at < last
     ORDER BY p.id, l.operator_id NULLS FIRST;
END $$;

CREATE FUNCTION jackpot_verify_win(win_id bigint)
RETURNS TABLE (ok boolean, pool text, cycle bigint, status text, trigger text, win_amount bigint, detail text,
               commitment text, secret text, computed text, threshold numeric, moment timestamptz, evidence jsonb)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    win jackpot.win;
    name text;
    revealed jsonb;
    computed text;
    wager record;
    one_in numeric;
    wrong text;
    -- What is revealed stays hidden until it is committed: a roll-back would take the revealing back.
    hidden boolean;
BEGIN
    IF jackpot_verify_win.win_id IS NULL THEN
        RAISE EXCEPTION 'win_id must not be null'
              USING ERRCODE = '22004', DETAIL = 'null_argument: win_id is required';
    END IF;
    SELECT w.* INTO win FROM jackpot.win w WHERE w.id = jackpot_verify_win.win_id;
    IF win.id IS NULL THEN
        RAISE EXCEPTION 'win % does not exist', jackpot_verify_win.win_id
              USING ERRCODE = '42704', DETAIL = format('unknown_win: no win has the number %s', jackpot_verify_win.win_id),
                    HINT = 'jackpot_history(pool, kinds => ''{win}'') lists the wins.';
    END IF;
    SELECT p.pool INTO name FROM jackpot.pool p WHERE p.id = win.pool_id;
    IF win.secret IS NOT NULL THEN
        computed := encode(sha256(convert_to(win.secret, 'UTF8')), 'hex');
        revealed := win.secret::jsonb;
    END IF;
    hidden := win.secret IS NOT NULL AND coalesce(win.xid = pg_current_xact_id_if_assigned(), false);
    SELECT l.wager_amount * coalesce(l.exchange_rates[i.i] * 0.0000000001, 1) AS amount,
           l.config_versions[i.i] AS config_version, l.at INTO wager
      FROM jackpot.ledger l, array_position(l.pool_ids, win.pool_id) AS i(i) WHERE l.id = win.ledger_id AND i.i IS NOT NULL;
    -- The odds by which the wager was taken.
    SELECT (j.after -> 'trigger' ->> 'one_in')::numeric INTO one_in
      FROM jackpot.journal j
     WHERE j.pool_id = win.pool_id AND j.kind IN ('create', 'configure') AND j.config_version <= wager.config_version
     ORDER BY j.id DESC LIMIT 1;
    wrong := CASE
        WHEN win.trigger <> 'manual' AND wager IS NULL THEN 'the ledger has no wager that hit'
        WHEN win.trigger = 'manual' AND (win.ledger_id IS NOT NULL OR win.evidence IS NOT NULL) THEN 'a win by hand has no wager'
        WHEN win.trigger IN ('must_hit_by', 'scheduled') AND win.secret IS NULL THEN 'nothing was revealed'
        WHEN win.commitment IS DISTINCT FROM computed THEN 'the secret is not the one that was committed to'
        WHEN revealed ->> 'pool' IS DISTINCT FROM name AND revealed IS NOT NULL
          OR (revealed ->> 'cycle')::bigint <> win.cycle THEN 'the secret is of another pool or cycle'
        WHEN computed IS NOT NULL
         AND win.commitment IS DISTINCT FROM (SELECT j.after ->> 'commitment' FROM jackpot.journal j
                                               WHERE j.pool_id = win.pool_id AND j.kind = 'commit' AND j.cycle = win.cycle
                                               ORDER BY j.id DESC LIMIT 1)
        THEN 'the commitment is not the one that was published in the cycle'
        WHEN win.trigger = 'odds' AND coalesce((win.evidence ->> 'draw')::numeric >= (win.evidence ->> 'below')::numeric
              OR (win.evidence ->> 'draw')::numeric >= (win.evidence ->> 'out_of')::numeric
              OR (win.evidence ->> 'below')::numeric * one_in <> (win.evidence ->> 'out_of')::numeric * wager.amount, true)
        THEN 'the draw does not hit'
        WHEN win.trigger = 'odds'
         AND (win.evidence ->> 'out_of')::numeric NOT IN (one_in, one_in * 10000000000)
        THEN 'the draw was not by the odds of the configuration'
        WHEN win.trigger = 'must_hit_by' AND coalesce((win.evidence ->> 'meter')::numeric < (revealed ->> 'threshold')::numeric, true)
        THEN 'the meter had not reached the threshold'
        WHEN win.trigger = 'must_hit_by'
         AND NOT EXISTS (SELECT FROM jackpot.journal j WHERE j.win_id = win.id AND j.kind = 'win'
                            AND (j.before ->> 'meter')::numeric = (win.evidence ->> 'meter')::numeric)
        THEN 'the journal knows another meter'
        WHEN win.trigger = 'scheduled' AND coalesce((win.evidence ->> 'at')::timestamptz < (revealed ->> 'moment')::timestamptz, true)
        THEN 'the moment had not come'
        WHEN win.trigger = 'scheduled' AND (win.evidence ->> 'at')::timestamptz > wager.at THEN 'the wager came earlier'
    END;
    RETURN QUERY SELECT
        wrong IS NULL, name, win.cycle, win.status, win.trigger, win.win_amount,
        coalesce(wrong, CASE
            WHEN win.trigger = 'odds' THEN format('drew %s of %s, below the wager of %s', win.evidence ->> 'draw',
                                                  win.evidence ->> 'out_of', win.evidence ->> 'below')
            WHEN hidden THEN 'what was hidden is shown once the win is committed'
            WHEN win.trigger = 'must_hit_by' THEN format('the meter of %s reached the threshold of %s',
                                                         win.evidence ->> 'meter', revealed ->> 'threshold')
            WHEN win.trigger = 'scheduled' THEN format('the wager of %s came after the moment of %s',
                                                       win.evidence ->> 'at', revealed ->> 'moment')
            ELSE 'awarded by jackpot_win()' END),
        win.commitment, CASE WHEN NOT hidden THEN win.secret END, computed,
        CASE WHEN NOT hidden THEN trim_scale((revealed ->> 'threshold')::numeric) END,
        CASE WHEN NOT hidden THEN (revealed ->> 'moment')::timestamptz END, win.evidence;
END $$;
