-- The ticker: what pools held a moment ago, and never what has not been committed.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS jackpot;
CREATE EXTENSION jackpot;
\pset null -
SET jackpot.ticker_interval = 0;
-- What is the same without and with preloading: the columns without times and source.
CREATE VIEW ticker AS SELECT pool, status, currency, current_amount, cycle, version FROM jackpot_ticker();
-- How often it was read from memory and from the tables; nothing is counted without preloading.
CREATE VIEW read AS
SELECT sum(value) FILTER (WHERE labels = '{"source": "memory"}') AS memory, sum(value) FILTER (WHERE labels = '{"source": "tables"}') AS tables
  FROM jackpot.shared_metrics() WHERE name = 'jackpot_ticker_reads_total';

SELECT count(*) FROM jackpot_ticker();
SELECT pool FROM jackpot_create_pool('minor', 0.01, 100, currency => 'EUR');
SELECT pool FROM jackpot_create_pool('major', 0.02, 1000, 2010, 2000);
TABLE ticker;
-- The same amounts as the pools', the ceiling included.
SELECT pool, contribution FROM jackpot_contribute('g', 5099);
TABLE ticker;
SELECT pool, current_amount, cycle, version FROM jackpot_pools() EXCEPT SELECT pool, current_amount, cycle, version FROM ticker;
SELECT win_amount FROM jackpot_win('minor', 'g', 'ann');
SELECT pool, contribution FROM jackpot_contribute('g', 1000, operation_id => 'void');
SELECT count(*) FROM jackpot_void('void', 'test');
TABLE ticker;
SELECT pool, current_amount, cycle, version FROM jackpot_pools() EXCEPT SELECT pool, current_amount, cycle, version FROM ticker;
-- All of one moment, which is now.
SELECT count(DISTINCT as_of) AS moments, bool_and(as_of BETWEEN statement_timestamp() AND clock_timestamp()) AS is_now,
       bool_and(age_ms BETWEEN 0 AND 60000) AS is_young, array_agg(DISTINCT source) AS sources FROM jackpot_ticker();

-- Named pools: each once, in the order of all; none is none.
SELECT pool, current_amount FROM jackpot_ticker('{major}');
SELECT pool, current_amount FROM jackpot_ticker('{major,minor,major}');
SELECT pool FROM jackpot_ticker('{}');
SELECT pool FROM jackpot_ticker(NULL);
SELECT pool FROM jackpot_ticker(pools => ARRAY['minor', 'nosuch']);
DO $$ BEGIN PERFORM jackpot_ticker(ARRAY['MINOR']); EXCEPTION WHEN undefined_object THEN RAISE INFO '%', SQLSTATE; END $$;
DO $$ BEGIN PERFORM jackpot_ticker(ARRAY['minor', NULL]); EXCEPTION WHEN null_value_not_allowed THEN RAISE INFO '%', SQLSTATE; END $$;

-- What the own transaction has done is not shown before it has committed, though jackpot_pools() shows it.
BEGIN;
SELECT pool, contribution FROM jackpot_contribute('g', 10000, pools => '{minor}');
SELECT win_amount FROM jackpot_win('major', 'g', 'ann');
SELECT pool, current_amount, cycle FROM jackpot_pools();
TABLE ticker;
SELECT current_amount FROM jackpot_adjust('minor', 7, 'test');
SAVEPOINT inner_one;
SELECT pool, contribution FROM jackpot_contribute('g', 20000, pools => '{minor}');
TABLE ticker;
RELEASE inner_one;
SELECT jackpot_settle() >= 0 AS settled;
TABLE ticker;
SELECT current_amount FROM jackpot_pool('minor');
COMMIT;
TABLE ticker;
-- What is rolled back is not shown ever.
BEGIN;
SELECT pool, contribution FROM jackpot_contribute('g', 10000);
SELECT win_amount FROM jackpot_win('major', 'g', 'ann', 1);
TABLE ticker;
ROLLBACK;
TABLE ticker;
BEGIN;
SAVEPOINT undone;
SELECT pool, contribution FROM jackpot_contribute('g', 10000, pools => '{minor}');
ROLLBACK TO undone;
TABLE ticker;
SELECT pool, contribution FROM jackpot_contribute('g', 1000, pools => '{minor}');
TABLE ticker;
COMMIT;
TABLE ticker;

-- The stricter levels: there, too, the own writes are not shown.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT current_amount FROM ticker WHERE pool = 'minor';
SELECT pool, contribution FROM jackpot_contribute('g', 1000, pools => '{minor}');
SELECT current_amount FROM ticker WHERE pool = 'minor';
SELECT current_amount FROM jackpot_pool('minor');
COMMIT;
SELECT current_amount FROM ticker WHERE pool = 'minor';
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT current_amount FROM ticker WHERE pool = 'minor';
SELECT pool, contribution FROM jackpot_contribute('g', 1000, pools => '{minor}');
SELECT win_amount FROM jackpot_win('minor', 'g', 'bob', 1);
SELECT current_amount FROM ticker WHERE pool = 'minor';
ROLLBACK;
SELECT current_amount FROM ticker WHERE pool = 'minor';
-- Where nothing may be written.
BEGIN READ ONLY;
SELECT current_amount FROM ticker WHERE pool = 'minor';
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE;
SELECT current_amount FROM ticker WHERE pool = 'minor';
COMMIT;

-- A new pool is there at once, for its own transaction when that has committed.
BEGIN;
SELECT pool FROM jackpot_create_pool('new', 0.01, 5);
TABLE ticker;
COMMIT;
TABLE ticker;
-- Statuses and what a pool's retirement leaves.
SELECT status FROM jackpot_pause('minor');
SELECT pool, status FROM jackpot_ticker('{minor}');
SELECT status FROM jackpot_resume('minor');
SELECT pool, status FROM jackpot_ticker('{minor}');
SELECT pool FROM jackpot_retire('new', 'major', 'test');
TABLE ticker;

-- From memory for as long as it is young enough, where the library is preloaded.
SELECT current_setting('shared_preload_libraries') = 'jackpot' AS is_preloaded \gset
SET jackpot.ticker_interval = '30s';
SELECT jackpot_reset_metrics();
SELECT current_amount AS before FROM jackpot_ticker('{minor}') \gset
SELECT pool, contribution FROM jackpot_contribute('g', 10000, pools => '{minor}');
SELECT current_amount - :before = CASE WHEN :'is_preloaded' THEN 0 ELSE 100 END AS is_old,
       source = CASE WHEN :'is_preloaded' THEN 'memory' ELSE 'tables' END AS source, age_ms BETWEEN 0 AND 30000 AS is_young
  FROM jackpot_ticker('{minor}');
SELECT memory = 2 AND tables = 0 AS counted FROM read WHERE :'is_preloaded' UNION ALL SELECT memory IS NULL AND tables IS NULL FROM read WHERE NOT :'is_preloaded';
-- Whoever wants it new reads the tables, and others have that, too.
SET jackpot.ticker_interval = 0;
SELECT current_amount - :before AS more, source FROM jackpot_ticker('{minor}');
SET jackpot.ticker_interval = '30s';
SELECT current_amount - :before AS more, source = CASE WHEN :'is_preloaded' THEN 'memory' ELSE 'tables' END AS source FROM jackpot_ticker('{minor}');
-- Memory has what had been committed, also for the transaction that wrote more.
BEGIN;
SELECT pool, contribution FROM jackpot_contribute('g', 10000, pools => '{minor}');
SELECT current_amount - :before AS more FROM jackpot_ticker('{minor}');
SET LOCAL jackpot.ticker_interval = 0;
SELECT current_amount - :before AS more FROM jackpot_ticker('{minor}');
ROLLBACK;
SELECT current_amount - :before AS more FROM jackpot_ticker('{minor}');
-- A pool that memory does not know yet has the tables read.
SELECT pool FROM jackpot_create_pool('newer', 0.01, 6);
SELECT pool, current_amount, source FROM jackpot_ticker('{newer}');
SELECT pool, source = CASE WHEN :'is_preloaded' THEN 'memory' ELSE 'tables' END AS source FROM jackpot_ticker('{newer}');
SELECT memory = 6 AND tables = 3 AS counted FROM read WHERE :'is_preloaded' UNION ALL SELECT memory IS NULL AND tables IS NULL FROM read WHERE NOT :'is_preloaded';
-- Nor does memory know the pools of an extension that was dropped.
DROP VIEW ticker, read;
DROP EXTENSION jackpot;
CREATE EXTENSION jackpot;
SELECT count(*) FROM jackpot_ticker();
SELECT pool FROM jackpot_create_pool('minor', 0.01, 42);
SELECT pool, current_amount, source FROM jackpot_ticker();

-- The interval is milliseconds from 0 on.
SHOW jackpot.ticker_interval;
RESET jackpot.ticker_interval;
SHOW jackpot.ticker_interval;
SET jackpot.ticker_interval = -1;
SET jackpot.ticker_interval = '31s';
SELECT * FROM jackpot_validate() WHERE NOT ok;
