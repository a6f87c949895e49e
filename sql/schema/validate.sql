-- The proof that nothing is lost: everything is added up anew from ledger, journal and wins, in one
-- snapshot and by plain SQL that shares nothing with what it checks.

CREATE FUNCTION jackpot_validate()
RETURNS TABLE (check_name text, ok boolean, detail text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH mark AS MATERIALIZED (
        SELECT m.snapshot, m.floor_id FROM jackpot.mark m),
    legs AS MATERIALIZED (
        SELECT u.pool_id,
               sum(u.display) AS display, sum(u.reserve) AS reserve, count(*) AS contributions, sum(l.wager_amount) AS wagered,
               coalesce(sum(u.display) FILTER (WHERE s.settled), 0) AS settled_display,
               coalesce(sum(u.reserve) FILTER (WHERE s.settled), 0) AS settled_reserve,
               count(*) FILTER (WHERE s.settled) AS settled_contributions,
               coalesce(sum(l.wager_amount) FILTER (WHERE s.settled), 0) AS settled_wagered
          FROM jackpot.ledger l
         CROSS JOIN LATERAL unnest(l.pool_ids, l.display, l.reserve) AS u(pool_id, display, reserve)
         CROSS JOIN LATERAL (SELECT coalesce((SELECT l.id <= m.floor_id OR pg_visible_in_snapshot(l.xid, m.snapshot)
                                                FROM mark m), false)) AS s(settled)
         GROUP BY u.pool_id),
    entries AS MATERIALIZED (
        SELECT j.pool_id, sum(j.display) AS display, sum(j.reserve) AS reserve,
               coalesce(sum(j.display + j.reserve) FILTER (WHERE j.kind = 'seed'), 0) AS seeded,
               coalesce(-sum(j.display + j.reserve) FILTER (WHERE j.kind = 'win'), 0) AS won,
               coalesce(sum(abs(j.display + j.reserve)) FILTER (WHERE j.kind NOT IN ('seed', 'win')), 0) AS unexplained
          FROM jackpot.journal j GROUP BY j.pool_id),
    wins AS MATERIALIZED (
        SELECT w.pool_id, count(*) AS wins, sum(w.win_amount) AS won, max(w.cycle) AS last_cycle
          FROM jackpot.win w GROUP BY w.pool_id),
    pools AS MATERIALIZED (
        SELECT p.id, p.pool, p.meter, p.reserve, p.cycle, p.version, p.total_wins, p.total_won, p.total_seeded,
               coalesce(l.display, 0) AS ledger_display, coalesce(l.reserve, 0) AS ledger_reserve,
               coalesce(l.contributions, 0) AS contributions, coalesce(l.wagered, 0) AS wagered,
               coalesce(l.settled_display, 0) AS settled_display, coalesce(l.settled_reserve, 0) AS settled_reserve,
               coalesce(l.settled_contributions, 0) AS settled_contributions, coalesce(l.settled_wagered, 0) AS settled_wagered,
               coalesce(b.display, 0) AS balance_display, coalesce(b.reserve, 0) AS balance_reserve,
               coalesce(b.contributions, 0) AS balance_contributions, coalesce(b.wagered, 0) AS balance_wagered,
               coalesce(e.display, 0) AS journal_display, coalesce(e.reserve, 0) AS journal_reserve,
               coalesce(e.seeded, 0) AS seeded, coalesce(e.won, 0) AS won, coalesce(e.unexplained, 0) AS unexplained,
               coalesce(w.wins, 0) AS wins, coalesce(w.won, 0) AS wins_won, coalesce(w.last_cycle, 0) AS last_cycle,
               -- What the pool holds: its row, its balance, and the ledger rows that are not in the balance.
               p.meter + p.reserve + coalesce(b.display + b.reserve, 0)
                 + coalesce(l.display - l.settled_display + l.reserve - l.settled_reserve, 0) AS held,
               r.current_amount, r.max_amount, r.reserve_amount, r.overflow_amount, r.version AS public_version,
               r.total_contributions, r.total_contributed, r.total_wagered
          FROM jackpot.pool p
          LEFT JOIN legs l ON l.pool_id = p.id
          LEFT JOIN jackpot.balance b ON b.pool_id = p.id
          LEFT JOIN entries e ON e.pool_id = p.id
          LEFT JOIN wins w ON w.pool_id = p.id
          LEFT JOIN @extschema@.jackpot_pools() r ON r.pool = p.pool)
    SELECT c.check_name, coalesce(c.ok, false), p.pool || ': ' || c.detail
      FROM pools p
     CROSS JOIN LATERAL (VALUES
        ('conservation',
         p.held = p.seeded + p.ledger_display + p.ledger_reserve - p.wins_won * 1000000 AND p.unexplained = 0,
         format('holds %s; seeds %s + contributions %s - wins %s',
                jackpot.minor_units(p.held), jackpot.minor_units(p.seeded), jackpot.minor_units(p.ledger_display + p.ledger_reserve), p.wins_won)),
        ('journal', p.meter = p.journal_display AND p.reserve = p.journal_reserve AND p.total_seeded = p.seeded,
         format('pool row %s and %s, journal %s and %s',
                jackpot.minor_units(p.meter), jackpot.minor_units(p.reserve),
                jackpot.minor_units(p.journal_display), jackpot.minor_units(p.journal_reserve))),
        ('balance', p.balance_display = p.settled_display AND p.balance_reserve = p.settled_reserve
                    AND p.balance_contributions = p.settled_contributions AND p.balance_wagered = p.settled_wagered,
         format('balance %s and %s of %s rows, settled ledger %s and %s of %s rows',
                jackpot.minor_units(p.balance_display), jackpot.minor_units(p.balance_reserve), p.balance_contributions,
                jackpot.minor_units(p.settled_display), jackpot.minor_units(p.settled_reserve), p.settled_contributions)),
        ('amount', p.current_amount = floor(least((p.meter + p.ledger_display) * 0.000001, p.max_amount))
                   AND p.overflow_amount = greatest((p.meter + p.ledger_display) * 0.000001 - p.max_amount, 0)
                                           + CASE WHEN p.max_amount IS NULL THEN 0 - p.overflow_amount ELSE 0 END
                   AND p.reserve_amount = (p.reserve + p.ledger_reserve) * 0.000001
                   AND p.total_contributions = p.contributions AND p.total_wagered = p.wagered
                   AND p.total_contributed = (p.ledger_display + p.ledger_reserve) * 0.000001,
         format('shown %s, meter %s, ceiling %s', p.current_amount,
                jackpot.minor_units(p.meter + p.ledger_display), coalesce(p.max_amount::text, 'none'))),
        ('not_negative', p.meter + p.ledger_display >= 0 AND p.reserve + p.ledger_reserve >= 0,
         format('meter %s, reserve %s', jackpot.minor_units(p.meter + p.ledger_display),
                jackpot.minor_units(p.reserve + p.ledger_reserve))),
        ('wins', p.total_wins = p.wins AND p.total_won = p.wins_won AND p.won = p.wins_won * 1000000
                 AND p.cycle = p.wins + 1 AND p.last_cycle = p.wins,
         format('pool row %s wins of %s, recorded %s of %s, cycle %s', p.total_wins, p.total_won, p.wins, p.wins_won, p.cycle)),
        ('version', p.public_version = p.version + p.contributions,
         format('version %s = %s + %s contributions', p.public_version, p.version, p.contributions))
     ) AS c(check_name, ok, detail)
    UNION ALL
    SELECT 'operations', o.missing = 0,
           format('%s of %s operations have no ledger row or win of theirs', o.missing, o.total)
      FROM (SELECT count(*) AS total,
                   count(*) FILTER (WHERE o.ledger_id IS NOT NULL AND l.id IS NULL
                                       OR o.win_id IS NOT NULL AND w.id IS NULL) AS missing
              FROM jackpot.operation o
              LEFT JOIN jackpot.ledger l ON l.id = o.ledger_id AND l.operation_id = o.operation_id
              LEFT JOIN jackpot.win w ON w.id = o.win_id AND w.operation_id = o.operation_id) o;
END $$;
