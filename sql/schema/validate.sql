-- The proof that nothing is lost: everything is added up anew from ledger, journal and wins, in one
-- snapshot and by plain SQL that shares nothing with what it checks.

-- A value of a configuration as a number: 0 where there is none, NULL where it is none.
CREATE FUNCTION jackpot.number_of(value jsonb) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN value #>> '{}' IS NULL THEN 0
                WHEN value #>> '{}' ~ '^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$' THEN (value #>> '{}')::numeric END
$$;

-- The keys of a configuration whose values are of another type than theirs. Keys that nobody knows
-- are not among them: on those, reading the pools fails.
CREATE FUNCTION jackpot.mistyped_keys(config jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN jsonb_typeof(config) <> 'object' THEN 'all' ELSE
        (SELECT string_agg(e.key, ', ' ORDER BY e.key)
           FROM jsonb_each(config) e
          CROSS JOIN LATERAL jsonb_typeof(e.value) AS t(type)
          WHERE t.type <> 'null'
            AND CASE WHEN e.key IN ('contribution_rate', 'reserve_rate')
                     THEN t.type NOT IN ('number', 'string') OR jackpot.number_of(e.value) IS NULL
                     WHEN e.key IN ('seed_amount', 'max_amount', 'min_wager', 'max_wager', 'max_contribution', 'verify_above')
                     THEN t.type <> 'number'
                     WHEN e.key IN ('operator_ids', 'game_ids', 'game_categories')
                     THEN t.type <> 'array' OR jsonb_path_exists(e.value, '$[*] ? (@.type() != "string")')
                     WHEN e.key IN ('currency', 'starts_at', 'ends_at') THEN t.type <> 'string'
                     WHEN e.key = 'regulated' THEN t.type <> 'boolean'
                     WHEN e.key = 'trigger' THEN t.type <> 'object' END) END
$$;

CREATE FUNCTION jackpot_validate(schema_only boolean DEFAULT false, detailed boolean DEFAULT false)
RETURNS TABLE (check_name text, ok boolean, detail text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    is_detailed constant boolean := coalesce(jackpot_validate.detailed, false);
    -- What jackpot_pools() shows; NULL where it fails, for the reason in trouble.
    shown jsonb;
    trouble text;
BEGIN
    IF jackpot_validate.schema_only THEN
        RETURN QUERY SELECT * FROM jackpot.schema_checks(is_detailed);
        RETURN;
    END IF;
    BEGIN
        SELECT coalesce(jsonb_agg(to_jsonb(r) - 'config'), '[]') INTO shown FROM @extschema@.jackpot_pools() r;
    EXCEPTION WHEN data_exception OR internal_error THEN
        trouble := SQLERRM;
    END;
    RETURN QUERY
    WITH mark AS MATERIALIZED (
        SELECT m.snapshot, m.floor_id FROM jackpot.mark m),
    legs AS MATERIALIZED (
        SELECT t.pool_id,
               t.display + jackpot.carried(t.display_remainder) AS display,
               t.reserve + jackpot.carried(t.reserve_remainder) AS reserve,
               t.contributions, t.wagered, t.voids, t.voided, t.config_version,
               t.settled
          FROM (SELECT u.pool_id, sum(u.display) AS display, sum(u.reserve) AS reserve,
                       sum(coalesce(u.display_remainder, 0)) AS display_remainder, sum(coalesce(u.reserve_remainder, 0)) AS reserve_remainder,
                       count(*) FILTER (WHERE l.voids IS NULL) AS contributions,
                       coalesce(sum(f.wagered) FILTER (WHERE l.voids IS NULL), 0) AS wagered,
                       count(l.voids) AS voids,
                       coalesce(-sum(u.display + u.reserve) FILTER (WHERE l.voids IS NOT NULL), 0) AS voided,
                       -- An own bet may know a configuration that the transaction's snapshot does not show yet.
                       max(u.config_version) FILTER (WHERE l.xid IS DISTINCT FROM (SELECT pg_current_xact_id_if_assigned())) AS config_version,
                       ARRAY[coalesce(sum(u.display) FILTER (WHERE l.settled), 0),
                             coalesce(sum(u.reserve) FILTER (WHERE l.settled), 0),
                             coalesce(sum(u.display_remainder) FILTER (WHERE l.settled), 0),
                             coalesce(sum(u.reserve_remainder) FILTER (WHERE l.settled), 0),
                             count(*) FILTER (WHERE l.settled AND l.voids IS NULL),
                             coalesce(sum(f.wagered) FILTER (WHERE l.settled AND l.voids IS NULL), 0),
                             count(l.voids) FILTER (WHERE l.settled),
                             coalesce(-sum(u.display + u.reserve) FILTER (WHERE l.settled AND l.voids IS NOT NULL), 0)] AS settled
                  -- Asked once a row: without the OFFSET, each sum would ask anew.
                  FROM (SELECT l.*, coalesce((SELECT l.id <= m.floor_id OR pg_visible_in_snapshot(l.xid, m.snapshot) FROM mark m), false) AS settled
                          FROM jackpot.ledger l OFFSET 0) l
                 CROSS JOIN LATERAL unnest(l.pool_ids, l.display, l.reserve, l.config_versions, l.exchange_rates, l.display_remainders, l.reserve_remainders)
                                 AS u(pool_id, display, reserve, config_version, rate, display_remainder, reserve_remainder)
                 CROSS JOIN LATERAL (SELECT CASE WHEN u.rate IS NULL THEN l.wager_amount
                                                 ELSE floor(l.wager_amount::numeric * u.rate / 10000000000) END) AS f(wagered)
                 GROUP BY u.pool_id) t),
    -- Rows are many, sets of pools are few: what concerns only the pools is asked once for all rows that feed the same.
    feeds AS MATERIALIZED (
        SELECT l.pool_ids, count(*) AS rows, min(l.id) AS first_id,
               CASE WHEN NOT (cardinality(l.display) = cardinality(l.pool_ids) AND cardinality(l.reserve) = cardinality(l.pool_ids)
                               AND cardinality(l.config_versions) = cardinality(l.pool_ids)
                               AND (l.exchange_rates IS NULL OR cardinality(l.exchange_rates) = cardinality(l.pool_ids))
                               AND (l.display_remainders IS NULL OR cardinality(l.display_remainders) = cardinality(l.pool_ids))
                               AND (l.reserve_remainders IS NULL OR cardinality(l.reserve_remainders) = cardinality(l.pool_ids)))
                    THEN 'has arrays of different lengths'
                    WHEN l.voids IS NULL AND (0 <= ALL (l.display) AND 0 <= ALL (l.reserve)) IS NOT TRUE
                    THEN 'has a contribution that is negative or NULL' END AS wrong,
               -- An own bet may feed a pool that the transaction's snapshot does not show yet.
               l.xid IS NOT DISTINCT FROM (SELECT pg_current_xact_id_if_assigned()) AS is_own
          FROM jackpot.ledger l
         GROUP BY 1, 4, 5),
    entries AS MATERIALIZED (
        SELECT j.pool_id, sum(j.display) AS display, sum(j.reserve) AS reserve, max(j.config_version) AS config_version,
               coalesce(sum(j.display + j.reserve) FILTER (WHERE j.kind IN ('seed', 'cover')), 0) AS seeded,
               coalesce(-sum(j.display + j.reserve) FILTER (WHERE j.kind = 'win'), 0) AS won,
               coalesce(-sum(j.display + j.reserve) FILTER (WHERE j.kind = 'void'), 0) AS voided,
               coalesce(sum(j.display + j.reserve) FILTER (WHERE j.kind = 'adjust'), 0) AS adjusted,
               coalesce(sum(j.display + j.reserve) FILTER (WHERE j.kind = 'transfer'), 0) AS transferred,
               coalesce(sum(abs(j.display + j.reserve))
                        FILTER (WHERE j.kind NOT IN ('seed', 'cover', 'win', 'void', 'adjust', 'transfer')), 0) AS unexplained
          FROM jackpot.journal j GROUP BY j.pool_id),
    late AS MATERIALIZED (
        SELECT j.operation_id, j.pool_id, -sum(j.display + j.reserve) FILTER (WHERE j.kind = 'void') AS voided,
               sum(j.display + j.reserve) FILTER (WHERE j.kind = 'cover') AS covered
          FROM jackpot.journal j WHERE j.operation_id IS NOT NULL GROUP BY j.operation_id, j.pool_id),
    configs AS MATERIALIZED (
        SELECT j.pool_id, j.id, lead(j.id) OVER (PARTITION BY j.pool_id ORDER BY j.id) AS next_id,
               CASE jsonb_typeof(j.after -> 'verify_above') WHEN 'number' THEN (j.after -> 'verify_above')::numeric END AS verify_above,
               j.after AS config, j.before IS DISTINCT FROM lag(j.after) OVER (PARTITION BY j.pool_id ORDER BY j.id) AS is_torn
          FROM jackpot.journal j WHERE j.kind IN ('create', 'configure')),
    plans AS MATERIALIZED (
        SELECT DISTINCT ON (j.pool_id) j.pool_id, j.after FROM jackpot.journal j WHERE j.kind = 'plan' ORDER BY j.pool_id, j.id DESC),
    -- A change of the configuration writes one of these, and sometimes two; a retirement drops a plan and changes none.
    versions AS MATERIALIZED (
        SELECT j.pool_id, count(DISTINCT j.config_version) AS changes
          FROM jackpot.journal j WHERE j.kind IN ('create', 'configure', 'plan') GROUP BY j.pool_id),
    -- What was published last in a cycle.
    published AS MATERIALIZED (
        SELECT DISTINCT ON (j.pool_id, j.cycle) j.pool_id, j.cycle, j.after ->> 'commitment' AS commitment
          FROM jackpot.journal j WHERE j.kind = 'commit' ORDER BY j.pool_id, j.cycle, j.id DESC),
    wins AS MATERIALIZED (
        SELECT w.pool_id, count(*) AS wins, sum(w.win_amount) AS won, max(w.cycle) AS last_cycle,
               count(*) FILTER (WHERE w.commitment IS DISTINCT FROM encode(sha256(convert_to(w.secret, 'UTF8')), 'hex')
                                   OR w.commitment IS DISTINCT FROM c.commitment) AS unproven,
               count(*) FILTER (WHERE CASE w.status WHEN 'cancelled' THEN w.cancelled_at IS NULL OR a.amount IS DISTINCT FROM w.win_amount * 1000000::numeric
                                                    WHEN 'pending' THEN w.confirmed_at IS NOT NULL OR w.cancelled_at IS NOT NULL OR a.amount IS NOT NULL
                                                    ELSE w.cancelled_at IS NOT NULL OR a.amount IS NOT NULL
                                                      OR (w.confirmed_at IS NOT NULL) <> coalesce(w.win_amount >= v.verify_above, false) END) AS astray
          FROM jackpot.win w
          LEFT JOIN jackpot.journal e ON e.win_id = w.id AND e.kind = 'win'
          LEFT JOIN published c ON c.pool_id = w.pool_id AND c.cycle = w.cycle
          LEFT JOIN configs v ON v.pool_id = w.pool_id AND v.id < e.id AND (v.next_id > e.id OR v.next_id IS NULL)
          LEFT JOIN (SELECT j.win_id, sum(j.display + j.reserve) AS amount FROM jackpot.journal j
                      WHERE j.kind = 'adjust' AND j.win_id IS NOT NULL GROUP BY j.win_id) a ON a.win_id = w.id
         GROUP BY w.pool_id),
    -- IS NOT DISTINCT FROM keeps the index of xids out: a migration of many batches may be one transaction.
    history AS MATERIALIZED (
        SELECT u.pool_id, sum(u.contributions) AS contributions, sum(u.contributed) AS contributed
          FROM jackpot.migration_batch b
         CROSS JOIN LATERAL (SELECT u.pool_id, count(*) AS contributions, sum(u.display + u.reserve) AS contributed
                               FROM (SELECT unnest(l.pool_ids) AS pool_id, unnest(l.display) AS display, unnest(l.reserve) AS reserve
                                       FROM jackpot.ledger l
                                      WHERE l.id BETWEEN b.first_id AND b.last_id AND l.xid IS NOT DISTINCT FROM b.xid) u
                              WHERE u.pool_id IS NOT NULL
                              GROUP BY u.pool_id) u
         GROUP BY u.pool_id),
    pools AS MATERIALIZED (
        SELECT p.id, p.pool, p.meter, p.reserve, p.cycle, p.version, p.total_wins, p.total_won, p.total_seeded, p.commitment,
               coalesce(l.display, 0) AS ledger_display, coalesce(l.reserve, 0) AS ledger_reserve,
               coalesce(l.contributions, 0) AS contributions, coalesce(l.wagered, 0) AS wagered,
               coalesce(l.voids, 0) AS voids, coalesce(l.voided, 0) AS ledger_voided,
               coalesce(l.settled, array_fill(0::numeric, ARRAY[8])) AS settled,
               ARRAY[coalesce(b.display, 0), coalesce(b.reserve, 0), coalesce(b.display_remainder, 0), coalesce(b.reserve_remainder, 0),
                     coalesce(b.contributions, 0), coalesce(b.wagered, 0), coalesce(b.voids, 0), coalesce(b.voided, 0)] AS balance,
               coalesce(e.display, 0) AS journal_display, coalesce(e.reserve, 0) AS journal_reserve,
               coalesce(e.seeded, 0) AS seeded, coalesce(e.won, 0) AS won, coalesce(e.voided, 0) AS journal_voided,
               coalesce(e.adjusted, 0) AS adjusted, coalesce(e.transferred, 0) AS transferred, coalesce(e.unexplained, 0) AS unexplained,
               coalesce(w.wins, 0) AS wins, coalesce(w.won, 0) AS wins_won, coalesce(w.last_cycle, 0) AS last_cycle,
               coalesce(w.unproven, 0) AS unproven, coalesce(w.astray, 0) AS astray,
               h.meter + h.reserve AS held,
               coalesce(p.config -> 'trigger' ->> 'kind', 'manual') IN ('must_hit_by', 'scheduled') AND p.status <> 'retired' AS hides,
               p.status = 'retired' AS retired,
               (SELECT encode(sha256(convert_to(s.secret, 'UTF8')), 'hex') FROM jackpot.secret s WHERE s.pool_id = p.id) AS secret,
               r.current_amount, r.max_amount, r.reserve_amount, r.overflow_amount, r.version AS public_version,
               r.total_contributions, r.total_contributed, r.total_wagered,
               p.status, p.config, p.pending_config, p.config_version, b.pool_id IS NOT NULL AS has_balance,
               concat_ws(', ', jackpot.mistyped_keys(p.config), jackpot.mistyped_keys(p.pending_config)) AS mistyped,
               v.config IS NOT DISTINCT FROM p.config AND p.id NOT IN (SELECT c.pool_id FROM configs c WHERE c.is_torn)
                 AND (p.pending_config IS NULL OR p.pending_config IS NOT DISTINCT FROM t.after) AS is_journaled,
               coalesce(n.changes, 0) AS changes, coalesce(e.config_version, 0) AS journal_version, coalesce(l.config_version, 0) AS ledger_version
          FROM jackpot.pool p
          JOIN jackpot.holdings() h ON h.pool_id = p.id
          LEFT JOIN legs l ON l.pool_id = p.id
          LEFT JOIN jackpot.balance b ON b.pool_id = p.id
          LEFT JOIN entries e ON e.pool_id = p.id
          LEFT JOIN wins w ON w.pool_id = p.id
          LEFT JOIN configs v ON v.pool_id = p.id AND v.next_id IS NULL
          LEFT JOIN plans t ON t.pool_id = p.id
          LEFT JOIN versions n ON n.pool_id = p.id
          LEFT JOIN jsonb_to_recordset(shown) AS r(pool text, current_amount bigint, max_amount bigint, reserve_amount numeric,
                                                   overflow_amount numeric, version bigint, total_contributions bigint,
                                                   total_contributed numeric, total_wagered numeric) ON r.pool = p.pool
         ORDER BY p.id)
    SELECT c.check_name, coalesce(c.ok, false), p.pool || ': ' || c.detail
      FROM pools p
     CROSS JOIN LATERAL (VALUES
        ('conservation',
         p.held = p.seeded + p.ledger_display + p.ledger_reserve + p.adjusted + p.transferred - p.journal_voided - p.wins_won * 1000000
           AND p.unexplained = 0,
         format('holds %s; seeds %s + contributions %s + adjustments %s + transfers %s - voids %s - wins %s',
                jackpot.minor_units(p.held), jackpot.minor_units(p.seeded),
                jackpot.minor_units(p.ledger_display + p.ledger_reserve + p.ledger_voided), jackpot.minor_units(p.adjusted),
                jackpot.minor_units(p.transferred), jackpot.minor_units(p.ledger_voided + p.journal_voided), p.wins_won)),
        ('journal', p.meter = p.journal_display AND p.reserve = p.journal_reserve AND p.total_seeded = p.seeded,
         format('pool row %s and %s, journal %s and %s',
                jackpot.minor_units(p.meter), jackpot.minor_units(p.reserve),
                jackpot.minor_units(p.journal_display), jackpot.minor_units(p.journal_reserve))),
        ('balance', p.balance = p.settled,
         format('balance %s and %s of %s rows, settled ledger %s and %s of %s rows',
                jackpot.minor_units(p.balance[1]), jackpot.minor_units(p.balance[2]), p.balance[5] + p.balance[7],
                jackpot.minor_units(p.settled[1]), jackpot.minor_units(p.settled[2]), p.settled[5] + p.settled[7])),
        ('amount', p.current_amount = floor(least((p.meter + p.ledger_display) * 0.000001, p.max_amount))
                   AND p.overflow_amount = greatest((p.meter + p.ledger_display) * 0.000001 - p.max_amount, 0)
                                           + CASE WHEN p.max_amount IS NULL THEN 0 - p.overflow_amount ELSE 0 END
                   AND p.reserve_amount = (p.reserve + p.ledger_reserve) * 0.000001
                   AND p.total_contributions = p.contributions AND p.total_wagered = p.wagered
                   AND p.total_contributed = (p.ledger_display + p.ledger_reserve + p.ledger_voided) * 0.000001,
         format('shown %s, meter %s, ceiling %s', p.current_amount,
                jackpot.minor_units(p.meter + p.ledger_display), coalesce(p.max_amount::text, 'none'))),
        ('not_negative', p.meter + p.ledger_display >= 0 AND p.reserve + p.ledger_reserve >= 0 AND (p.held = 0 OR NOT p.retired),
         format('meter %s, reserve %s', jackpot.minor_units(p.meter + p.ledger_display),
                jackpot.minor_units(p.reserve + p.ledger_reserve))),
        ('wins', p.total_wins = p.wins AND p.total_won = p.wins_won AND p.won = p.wins_won * 1000000
                 AND p.cycle = p.wins + 1 AND p.last_cycle = p.wins AND p.astray = 0,
         format('pool row %s wins of %s, recorded %s of %s, cycle %s, %s with a wrong status',
                p.total_wins, p.total_won, p.wins, p.wins_won, p.cycle, p.astray)),
        ('commitment', p.commitment IS NOT DISTINCT FROM p.secret AND (p.commitment IS NOT NULL) = p.hides AND p.unproven = 0,
         format('%s; %s of %s wins revealed another secret than was committed to',
                CASE WHEN p.commitment IS DISTINCT FROM p.secret THEN 'the secret is not the one that is committed to'
                     WHEN p.hides THEN 'committed' ELSE 'nothing hidden' END, p.unproven, p.wins)),
        ('version', p.public_version = p.version + p.contributions + p.voids,
         format('version %s = %s + %s contributions + %s voids', p.public_version, p.version, p.contributions, p.voids))
     ) AS c(check_name, ok, detail)
     -- What nobody is shown cannot be compared.
     WHERE trouble IS NULL OR c.check_name NOT IN ('amount', 'version')
    UNION ALL
    SELECT 'operations', o.missing = 0,
           format('%s of %s operations have no ledger row or win of theirs', o.missing, o.total)
      FROM (SELECT count(*) AS total,
                   count(*) FILTER (WHERE o.ledger_id IS NOT NULL AND l.id IS NULL
                                       OR EXISTS (SELECT FROM unnest(o.win_ids) AS i(id)
                                                   WHERE i.id IS NOT NULL
                                                     AND NOT EXISTS (SELECT FROM jackpot.win w WHERE w.id = i.id AND w.operation_id = o.operation_id))) AS missing
              FROM jackpot.operation o
              LEFT JOIN jackpot.ledger l ON l.id = o.ledger_id AND l.operation_id = o.operation_id AND l.voids IS NULL) o
    UNION ALL
    -- Each void takes back exactly what its wager gave, in the pools that it names, once.
    SELECT 'voids', v.wrong = 0, format('%s of %s voids are wrong', v.wrong, v.total)
      FROM (SELECT count(*) AS total,
                   count(*) FILTER (WHERE v.operation_id IS NULL OR o.voided_at IS NULL
                                       OR (v.ledger_id IS NOT NULL) <> (t.id IS NOT NULL)
                                       OR v.ledger_id IS NOT NULL AND t.voids IS DISTINCT FROM o.ledger_id
                                       OR v.pool_ids IS DISTINCT FROM coalesce(g.pool_ids, '{}')
                                       OR EXISTS (SELECT FROM unnest(v.pool_ids, v.from_reserve, v.from_house) AS u(id, reserve, house)
                                                    LEFT JOIN late j ON j.operation_id = v.operation_id AND j.pool_id = u.id
                                                   WHERE u.house <> coalesce(j.covered, 0)
                                                      OR j.voided IS DISTINCT FROM CASE WHEN u.id = ANY (t.pool_ids) THEN NULL ELSE u.reserve + u.house END)
                                       OR EXISTS (SELECT FROM unnest(v.pool_ids, v.from_meter, v.from_reserve, v.from_house) AS u(id, meter, reserve, house)
                                                   WHERE u.meter + u.reserve + u.house IS DISTINCT FROM
                                                         (SELECT g.display[i.i] + g.reserve[i.i] FROM array_position(g.pool_ids, u.id) AS i(i)))
                                       OR EXISTS (SELECT FROM unnest(t.pool_ids, t.display, t.reserve) AS u(id, display, reserve)
                                                   WHERE (-u.display, -u.reserve) IS DISTINCT FROM
                                                         (SELECT ROW(g.display[i.i], g.reserve[i.i]) FROM array_position(g.pool_ids, u.id) AS i(i)))) AS wrong
              FROM jackpot.void v
              FULL JOIN (SELECT o.* FROM jackpot.operation o WHERE o.voided_at IS NOT NULL) o ON o.operation_id = v.operation_id
              FULL JOIN (SELECT l.* FROM jackpot.ledger l WHERE l.voids IS NOT NULL) t ON t.id = v.ledger_id
              LEFT JOIN jackpot.ledger g ON g.id = o.ledger_id) v
    UNION ALL
    SELECT 'ledger', f.wrong = 0, format('%s of %s ledger rows are wrong%s', f.wrong, f.total, '; row ' || f.first)
      FROM (SELECT coalesce(sum(f.rows), 0) AS total, coalesce(sum(f.rows) FILTER (WHERE a.wrong IS NOT NULL), 0) AS wrong,
                   (array_agg(f.first_id || ' ' || a.wrong ORDER BY f.first_id) FILTER (WHERE a.wrong IS NOT NULL))[1] AS first
              FROM feeds f
             CROSS JOIN LATERAL (
                   SELECT CASE WHEN f.wrong IS NOT NULL THEN f.wrong
                               WHEN count(*) > count(i.id) THEN 'has a pool that is NULL'
                               WHEN count(*) > count(DISTINCT i.id) THEN 'names a pool twice'
                               WHEN NOT f.is_own AND count(*) > count(p.id) THEN 'names a pool that does not exist' END
                     FROM unnest(f.pool_ids) AS i(id)
                     LEFT JOIN jackpot.pool p ON p.id = i.id) AS a(wrong)) f
    UNION ALL
    -- What is history of each pool that was migrated; and then, that all of it is there and has its operation.
    SELECT 'migrations', (m.contributions, m.contributed, m.wins, m.won) = (m.taken, m.taken_amount, m.taken_wins, m.taken_won),
           format('%s: %s contributions of %s and %s wins of %s counted, %s of %s and %s of %s taken over',
                  m.pool, m.contributions, jackpot.minor_units(m.contributed), m.wins, m.won,
                  m.taken, jackpot.minor_units(m.taken_amount), m.taken_wins, m.taken_won)
      FROM (SELECT coalesce(p.pool, 'pool ' || pool_id) AS pool,
                   coalesce(m.contributions, 0) AS contributions, coalesce(m.contributed, 0) AS contributed,
                   coalesce(m.wins, 0) AS wins, coalesce(m.won, 0) AS won,
                   coalesce(h.contributions, 0) AS taken, coalesce(h.contributed, 0) AS taken_amount,
                   coalesce(w.wins, 0) AS taken_wins, coalesce(w.won, 0) AS taken_won
              FROM jackpot.migration_pool m
              FULL JOIN history h USING (pool_id)
              FULL JOIN (SELECT w.pool_id, count(*) AS wins, sum(w.win_amount) AS won
                           FROM jackpot.win w WHERE right(w.actor, 8) = '/migrate' GROUP BY w.pool_id) w USING (pool_id)
              LEFT JOIN jackpot.pool p ON p.id = pool_id
             ORDER BY pool_id) m
    UNION ALL
    SELECT 'migrations', b.empty = 0 AND b.nameless = 0,
           format('%s of %s batches hold no ledger row%s; %s of %s contributions taken over have no operation%s', b.empty, b.total,
                  ', first that from row ' || b.first_empty, b.nameless, b.taken, ', first row ' || b.first_nameless)
      FROM (SELECT count(DISTINCT b.first_id) AS total, count(*) FILTER (WHERE l.id IS NULL) AS empty,
                   min(b.first_id) FILTER (WHERE l.id IS NULL) AS first_empty, count(l.id) AS taken,
                   count(l.id) FILTER (WHERE o.operation_id IS NULL) AS nameless, min(l.id) FILTER (WHERE o.operation_id IS NULL) AS first_nameless
              FROM jackpot.migration_batch b
              LEFT JOIN LATERAL (SELECT l.id, l.operation_id FROM jackpot.ledger l
                                  WHERE l.id BETWEEN b.first_id AND b.last_id AND l.xid IS NOT DISTINCT FROM b.xid OFFSET 0) l ON true
              LEFT JOIN jackpot.operation o ON o.operation_id = l.operation_id AND o.ledger_id = l.id) b
    UNION ALL
    SELECT 'transfers', coalesce(sum(j.display + j.reserve), 0) = 0,
           format('pools gave %s to one another and got %s',
                  jackpot.minor_units(coalesce(-sum(j.display + j.reserve) FILTER (WHERE j.display + j.reserve < 0), 0)),
                  jackpot.minor_units(coalesce(sum(j.display + j.reserve) FILTER (WHERE j.display + j.reserve > 0), 0)))
      FROM jackpot.journal j WHERE j.kind = 'transfer'
    UNION ALL
    SELECT s.check_name, s.ok, s.detail FROM jackpot.schema_checks(is_detailed) s
    UNION ALL
    SELECT 'pools', false, 'jackpot_pools() fails: ' || trouble WHERE trouble IS NOT NULL
    UNION ALL
    SELECT c.check_name, coalesce(c.ok, false), p.pool || ': ' || c.detail
      FROM pools p
     -- What is in force, and what will be after the reset.
     CROSS JOIN LATERAL (
           SELECT bool_and(coalesce(n.contribution_rate BETWEEN 0 AND 1 AND n.reserve_rate BETWEEN 0 AND 1
                                    AND n.contribution_rate + n.reserve_rate <= 1
                                    AND trunc(n.contribution_rate, 6) = n.contribution_rate
                                    AND trunc(n.reserve_rate, 6) = n.reserve_rate, false)) AS rates,
                  bool_and(coalesce(n.seed BETWEEN 0 AND n.highest AND trunc(n.seed) = n.seed
                                    AND n.ceiling BETWEEN n.seed AND n.highest AND trunc(n.ceiling) = n.ceiling, false)) AS amounts
             FROM (VALUES (p.config), (p.config || p.pending_config)) AS c(config)
            CROSS JOIN LATERAL (
                  SELECT jackpot.number_of(c.config -> 'contribution_rate') AS contribution_rate,
                         jackpot.number_of(c.config -> 'reserve_rate') AS reserve_rate,
                         jackpot.number_of(c.config -> 'seed_amount') AS seed,
                         -- As many minor units as micros fit a bigint.
                         9223372036854 AS highest,
                         CASE WHEN c.config ->> 'max_amount' IS NULL THEN 9223372036854
                              ELSE jackpot.number_of(c.config -> 'max_amount') END AS ceiling) AS n
            WHERE c.config IS NOT NULL) AS are
     CROSS JOIN LATERAL (SELECT coalesce('; next cycle ' || left(p.pending_config::text, 100), '')) AS t(later)
     CROSS JOIN LATERAL (VALUES
        ('pools', length(p.pool) BETWEEN 1 AND 100 AND p.status IN ('active', 'paused', 'retired') AND p.has_balance AND p.mistyped = ''
                  AND coalesce(length(p.config ->> 'currency') BETWEEN 1 AND 20, true),
         concat_ws(', ', p.status, coalesce(p.config ->> 'currency', 'no currency'), CASE WHEN NOT p.has_balance THEN 'no balance' END,
                   'cannot be read: ' || nullif(p.mistyped, ''))),
        ('rates', are.rates, format('contribution %s, reserve %s%s', coalesce(p.config ->> 'contribution_rate', '0'),
                                    coalesce(p.config ->> 'reserve_rate', '0'), t.later)),
        ('amounts', are.amounts AND coalesce(p.current_amount BETWEEN 0 AND coalesce(p.max_amount, p.current_amount)
                                             AND p.reserve_amount >= 0 AND p.overflow_amount >= 0, true),
         format('seed %s, ceiling %s, shown %s%s', coalesce(p.config ->> 'seed_amount', '0'), coalesce(p.config ->> 'max_amount', 'none'),
                coalesce(p.current_amount::text, 'nothing'), t.later)),
        ('versions', p.config_version >= 1 AND p.changes = p.config_version AND p.journal_version = p.config_version
                     AND p.ledger_version <= p.config_version AND p.is_journaled,
         format('configuration %s; the journal has %s changes up to %s, the ledger knows %s%s', p.config_version, p.changes, p.journal_version,
                p.ledger_version, CASE WHEN NOT p.is_journaled THEN '; the journal says otherwise' END))
     ) AS c(check_name, ok, detail);
EXCEPTION WHEN syntax_error_or_access_rule_violation OR data_exception OR internal_error THEN
    -- What is missing or of another type cannot be added up.
    RETURN QUERY SELECT 'conservation', false, 'the books cannot be read: ' || SQLERRM
           UNION ALL SELECT s.check_name, s.ok, s.detail FROM jackpot.schema_checks(is_detailed) s;
END $$;
