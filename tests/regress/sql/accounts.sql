-- The accounts: for every period, opening and all that moved make closing, to the micro; and what is owed.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS jackpot;
CREATE EXTENSION jackpot;
\pset null -
\set SHOW_CONTEXT never
SELECT pool FROM jackpot_create_pool('minor', 0.01, 100, reserve_rate => 0.005, config => '{"verify_above": 150}');
SELECT pool FROM jackpot_create_pool('euro', 0.012345, 50, reserve_rate => 0.000007, currency => 'EUR');
SELECT pool FROM jackpot_create_pool('odds', 0.01, 10, config => '{"game_ids": ["s"], "verify_above": 0, "trigger": {"kind": "odds", "one_in": 1000}}');
SELECT count(*) FROM jackpot_set_exchange_rate('CHF', 'EUR', 1.0526315789, '2001-01-01');
CREATE TEMP TABLE moment (n integer PRIMARY KEY, at timestamptz NOT NULL);
INSERT INTO moment VALUES (1, clock_timestamp());
-- The first period: bets.
SELECT count(*) FROM generate_series(1, 20) n, LATERAL jackpot_contribute('g', 100 + n, operation_id => 'bet ' || n,
       operator_id => (ARRAY['acme', 'apex'])[n % 3 + 1], currency => (ARRAY['CHF', 'EUR'])[n % 2 + 1]) c;
SELECT pool FROM jackpot_create_pool('idle', 0.01, 7, config => '{"game_ids": ["none"]}');
INSERT INTO moment VALUES (2, clock_timestamp());
-- The second: voids of its bets, and more of them.
SELECT count(*) FROM generate_series(1, 5) n, LATERAL jackpot_void('bet ' || n, 'void') v;
SELECT count(*) FROM jackpot_contribute('g', 4000, operation_id => 'large', operator_id => 'acme', currency => 'CHF');
SELECT jackpot_settle() > 0 AS settled;
INSERT INTO moment VALUES (3, clock_timestamp());
-- The third: wins, of which two wait, and a void of what was won.
SELECT win_id, win_amount FROM jackpot_win('minor', 'g', 'ann');
SELECT win_id, win_amount FROM jackpot_win('euro', 'g', 'bob');
SELECT won, win_id, win_amount FROM jackpot_spin('s', 1000, pools => '{odds}', operator_id => 'acme');
SELECT pool, from_meter > 0 AS from_meter, from_house > 0 AS from_house FROM jackpot_void('bet 7', 'late');
INSERT INTO moment VALUES (4, clock_timestamp());
-- Nothing.
INSERT INTO moment VALUES (5, clock_timestamp());
-- The fifth: corrections and transfers, a win that waited is cancelled, another one waits.
SELECT pool FROM jackpot_adjust('minor', -5, 'correction');
SELECT pool FROM jackpot_adjust('euro', 9, 'correction');
SELECT pool FROM jackpot_transfer('idle', 'minor', 3, 'move');
SELECT status FROM jackpot_cancel_win(1, 'malfunction');
SELECT win_id, win_amount FROM jackpot_win('minor', 'g', 'ann');
SELECT count(*) FROM jackpot_contribute('g', 30, operator_id => 'apex', currency => 'CHF');
INSERT INTO moment VALUES (6, clock_timestamp());
-- The sixth: it is confirmed, and a pool ends.
SELECT status FROM jackpot_confirm_win(4, 'cheque');
SELECT status FROM jackpot_retire('idle', 'minor', 'over');
INSERT INTO moment VALUES (7, clock_timestamp());

-- The whole of time, without bounds.
SELECT pool, currency, period_start, period_end, movements, opening, contributions, seeds, adjustments, voids, transfers_in, transfers_out, wins,
       closing, difference
  FROM jackpot_reconcile();
-- Period by period; every pool has a row, also where nothing happened.
CREATE VIEW period AS
SELECT f.n, r.*, r.period_start = f.at AND r.period_end = t.at AS asked
  FROM moment f JOIN moment t ON t.n = f.n + 1, LATERAL jackpot_reconcile(NULL, f.at, t.at) r;
SELECT n, pool, asked, movements, opening, contributions, seeds, adjustments, voids, transfers_in, transfers_out, wins, closing, difference
  FROM period ORDER BY pool, n;
-- One closes with what the next opens with, and together they are the whole.
SELECT count(*) FILTER (WHERE a.closing <> b.opening) AS gaps, count(*) FROM period a JOIN period b ON b.pool = a.pool AND b.n = a.n + 1;
SELECT p.pool, w.contributions = p.contributions AND w.adjustments = p.adjustments AND w.voids = p.voids AND w.wins = p.wins
         AND w.transfers_in = p.transfers_in AND w.transfers_out = p.transfers_out AND w.closing = p.closing AS whole,
       trim_scale(w.seeds - p.seeds) AS seeds_before
  FROM jackpot_reconcile() w
  JOIN (SELECT pool, sum(contributions) AS contributions, sum(seeds) AS seeds, sum(adjustments) AS adjustments, sum(voids) AS voids,
               sum(wins) AS wins, sum(transfers_in) AS transfers_in, sum(transfers_out) AS transfers_out,
               max(closing) FILTER (WHERE n = 6) AS closing
          FROM period GROUP BY pool) p ON p.pool = w.pool;
-- At every moment at which something was written.
SELECT count(*) > 100 AS many, count(*) FILTER (WHERE r.difference <> 0 OR s.difference <> 0) AS wrong,
       count(*) FILTER (WHERE r.closing <> s.opening) AS gaps
  FROM (SELECT at FROM jackpot.ledger UNION SELECT at FROM jackpot.journal) t,
       LATERAL jackpot_reconcile(until => t.at) r JOIN LATERAL jackpot_reconcile(since => t.at) s USING (pool);
-- Both bounds at one moment, one bound only, some pools only.
SELECT r.pool, r.movements, r.opening = r.closing AS same, r.difference FROM moment m, LATERAL jackpot_reconcile(NULL, m.at, m.at) r WHERE m.n = 3;
SELECT pool, movements, opening FROM jackpot_reconcile('{euro,idle,euro}', since => 'infinity');
SELECT pool, movements, closing FROM jackpot_reconcile('{idle}', until => '-infinity');
SELECT count(*) FROM jackpot_reconcile('{}');
SELECT * FROM jackpot_reconcile('{minor,nosuch}');
SELECT * FROM jackpot_reconcile(ARRAY['minor', NULL]);
SELECT * FROM jackpot_reconcile(since => '2026-01-02', until => '2026-01-01');

-- What is owed: by pool and by operator; what is no operator's stands in the row without one.
SELECT * FROM jackpot_liability();
-- At each of the moments: meter and reserve are what the accounts close with, and a win is owed until
-- it is confirmed or cancelled.
SELECT m.n, l.pool, l.operator_id, l.currency, l.meter, l.reserve, l.pending_wins, l.liability
  FROM moment m, LATERAL jackpot_liability(m.at) l ORDER BY l.pool, m.n, l.operator_id NULLS FIRST;
SELECT count(*) FILTER (WHERE l.held <> r.closing OR l.pending <> coalesce(w.pending, 0) OR l.liability <> l.held + l.pending) AS wrong, count(*)
  FROM moment m
 CROSS JOIN LATERAL (SELECT pool, sum(meter + reserve) AS held, sum(pending_wins) AS pending, sum(liability) AS liability
                       FROM jackpot_liability(m.at) GROUP BY pool) l
  JOIN LATERAL jackpot_reconcile(until => m.at) r USING (pool)
  LEFT JOIN (VALUES (4, 'minor', 156), (5, 'minor', 156), (6, 'minor', 254),
                    (4, 'odds', 20), (5, 'odds', 20), (6, 'odds', 20), (7, 'odds', 20)) w(n, pool, pending) ON w.n = m.n AND w.pool = l.pool;
SELECT l.pool, l.held = p.meter + p.reserve AS held, l.pending
  FROM (SELECT pool, sum(meter + reserve) * 1000000 AS held, sum(pending_wins) AS pending FROM jackpot_liability() GROUP BY pool) l
  JOIN jackpot.pool t USING (pool) JOIN jackpot.holdings() p ON p.pool_id = t.id ORDER BY t.id;
-- A pool is nothing before it is made.
SELECT count(*) FROM jackpot_liability('2001-01-01');
SELECT count(*) FILTER (WHERE pool = 'idle') AS idle FROM jackpot_liability((SELECT at FROM moment WHERE n = 1));

-- Damage shows: what the pools hold is not what the books say.
CREATE FUNCTION damage(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    EXECUTE statement;
    SELECT string_agg(format('%s %s', r.pool, r.difference), ', ') INTO found FROM jackpot_reconcile() r WHERE r.difference <> 0;
    RAISE EXCEPTION USING ERRCODE = 'P0001', MESSAGE = coalesce(found, 'NOTHING FOUND');
EXCEPTION WHEN raise_exception THEN RETURN SQLERRM;
END $$;
SELECT damage('UPDATE jackpot.pool SET meter = meter + 1');
SELECT damage('UPDATE jackpot.pool SET reserve = reserve - 1 WHERE id = 2');
SELECT damage('UPDATE jackpot.balance SET display = display + 1000000 WHERE pool_id = 1');
SELECT damage('UPDATE jackpot.balance SET display_remainder = display_remainder + 10000000000 WHERE pool_id = 2');
SELECT damage($$UPDATE jackpot.journal SET display = display + 1 WHERE kind = 'win'$$);
SELECT damage($$DELETE FROM jackpot.journal WHERE kind = 'transfer' AND display < 0$$);
SELECT damage($$UPDATE jackpot.journal SET kind = 'configure' WHERE kind = 'adjust'$$);
SELECT damage($$DELETE FROM jackpot.ledger WHERE operation_id = 'bet 20'$$);
SELECT damage($$DELETE FROM jackpot.ledger WHERE voids IS NOT NULL AND operation_id = 'bet 1'$$);
SELECT damage($$UPDATE jackpot.ledger SET reserve[1] = reserve[1] + 1 WHERE operation_id = 'large'$$);
SELECT * FROM jackpot_reconcile() WHERE difference <> 0;
SELECT * FROM jackpot_validate() WHERE NOT ok;
DROP FUNCTION damage;
DROP VIEW period;
