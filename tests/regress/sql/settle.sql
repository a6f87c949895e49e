-- Settling: the ledger's tail moves into the balances, and no amount changes.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS jackpot;
CREATE EXTENSION jackpot;
SELECT pool FROM jackpot_create_pool('minor', 0.01, 100);
SELECT pool FROM jackpot_create_pool('major', 0.015, 1000, reserve_rate => 0.005);

-- What the balances have, and what stands in the ledger alone.
CREATE VIEW settled AS
SELECT p.pool, b.display, b.reserve, b.contributions, b.wagered,
       (SELECT count(*) FROM jackpot.ledger l, jackpot.mark m
         WHERE p.id = ANY (l.pool_ids) AND NOT pg_visible_in_snapshot(l.xid, m.snapshot)) AS tail
  FROM jackpot.pool p JOIN jackpot.balance b ON b.pool_id = p.id
 ORDER BY p.id;
CREATE VIEW amounts AS
SELECT pool, current_amount, reserve_amount, total_contributions, total_wagered, total_contributed, cycle, version
  FROM jackpot_pools();

SELECT jackpot_settle();
SELECT count(*) FROM generate_series(1, 50) n, LATERAL jackpot_contribute('g', n);
SELECT count(*) FROM generate_series(1, 3) n, LATERAL jackpot_contribute('g', n, pools => '{minor}');
SELECT win_amount FROM jackpot_win('minor', 'g', 'ann');
SELECT * FROM settled;
CREATE TEMP TABLE before AS SELECT * FROM amounts;
SELECT jackpot_settle();
SELECT * FROM settled;
TABLE amounts EXCEPT TABLE before;
TABLE amounts;
SELECT jackpot_settle();
SELECT * FROM jackpot_validate() WHERE NOT ok;

-- What a transaction writes after it has settled is no part of that settlement.
BEGIN;
SELECT jackpot_settle();
SELECT current_amount, version FROM jackpot_contribute('g', 100, pools => '{minor}');
COMMIT;
SELECT * FROM settled WHERE pool = 'minor';
SELECT current_amount, version FROM jackpot_pool('minor');
-- Nor is what it wrote before.
BEGIN;
SELECT current_amount, version FROM jackpot_contribute('g', 100, pools => '{minor}');
SELECT jackpot_settle();
SELECT * FROM settled WHERE pool = 'minor';
SELECT current_amount, version FROM jackpot_contribute('g', 100, pools => '{minor}');
SELECT current_amount, version FROM jackpot_pool('minor');
COMMIT;
SELECT * FROM settled WHERE pool = 'minor';
SELECT jackpot_settle();
SELECT * FROM settled WHERE pool = 'minor';
SELECT current_amount, version FROM jackpot_pool('minor');
SELECT * FROM jackpot_validate() WHERE NOT ok;

-- Undone, a settlement has not been, and nothing is lost.
SELECT current_amount, version FROM jackpot_contribute('g', 100, pools => '{minor}');
BEGIN;
SELECT jackpot_settle();
SELECT * FROM settled WHERE pool = 'minor';
ROLLBACK;
SELECT * FROM settled WHERE pool = 'minor';
SELECT current_amount, version FROM jackpot_pool('minor');
BEGIN;
SAVEPOINT undone;
SELECT jackpot_settle();
ROLLBACK TO undone;
SELECT current_amount, version FROM jackpot_contribute('g', 100, pools => '{minor}');
COMMIT;
SELECT jackpot_settle();
SELECT current_amount, version FROM jackpot_pool('minor');
SELECT * FROM jackpot_validate() WHERE NOT ok;

-- Two settlements with a contribution between them in one transaction.
BEGIN;
SELECT jackpot_settle();
SELECT current_amount, version FROM jackpot_contribute('g', 100, pools => '{minor}');
SELECT jackpot_settle();
SELECT win_amount FROM jackpot_win('minor', 'g', 'ann', 1);
SELECT jackpot_settle();
COMMIT;
SELECT jackpot_settle();
SELECT * FROM jackpot_validate() WHERE NOT ok;

-- A snapshot older than the settlement reads what it always read.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT current_amount, version FROM jackpot_pool('minor');
SELECT jackpot_settle();
SELECT current_amount, version FROM jackpot_pool('minor');
COMMIT;

-- A long tail is settled by the calls themselves, standing alone. They look now and then.
SET jackpot.settle_rows = 1;
CREATE TEMP TABLE settled_before AS SELECT * FROM settled;
\set ECHO none
\o /dev/null
SELECT 'SELECT jackpot_contribute(''g'', 100, pools => ''{minor}'')' FROM generate_series(1, 250) \gexec
\o
\set ECHO all
SELECT s.contributions > b.contributions AS settled, s.tail <= 101 AS short
  FROM settled s JOIN settled_before b USING (pool) WHERE pool = 'minor';
RESET jackpot.settle_rows;
SELECT current_amount, total_contributions, version FROM jackpot_pool('minor');
SELECT * FROM jackpot_validate() WHERE NOT ok;
DROP VIEW settled, amounts;
