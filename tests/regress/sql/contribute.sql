-- Contributions: exact shares, who is fed, and what transactions make of them.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS jackpot;
CREATE EXTENSION jackpot;
\pset null -

SELECT pool, current_amount FROM jackpot_create_pool('minor', 0.01, 100);
-- The fraction is kept, what is shown is rounded down.
SELECT * FROM jackpot_contribute('g', 1001);
SELECT * FROM jackpot_contribute('g', 1099);
SELECT current_amount, total_contributed FROM jackpot_pool('minor');
-- Named arguments in any order.
SELECT pool, contribution, operation_id FROM jackpot_contribute(
    wager_amount => 100, game_id => 'g', user_id => 'ann', operation_id => 'op', pools => '{minor}',
    operator_id => 'acme', game_category => 'slots', currency => 'EUR', metadata => '{"round": 7}');
SELECT game_id, user_id, operator_id, game_category, currency, wager_amount, amount, metadata
  FROM jackpot_history('minor', max_rows => 1);
-- An explicit NULL is as omitted.
SELECT pool, contribution, operation_id, replayed FROM jackpot_contribute('g', 100, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

-- A thousand bets of one cent at one millionth each: none of them is anything that can be shown,
-- all of them are the thousandth of a cent that they should be.
SELECT pool FROM jackpot_create_pool('dust', 0.000001, config => '{"game_ids": ["dust"]}');
SELECT count(*), sum(c.contribution) FROM generate_series(1, 1000) n, LATERAL jackpot_contribute('dust', n - n + 1, pools => '{dust}') c;
SELECT current_amount, total_contributions, total_wagered, total_contributed FROM jackpot_pool('dust');
SELECT contribution, current_amount FROM jackpot_contribute('dust', 998999, pools => '{dust}');
SELECT contribution, current_amount FROM jackpot_contribute('dust', 1, pools => '{dust}');

-- Money can be large too, and stays exact in every report.
SELECT pool FROM jackpot_create_pool('large', 1, config => '{"game_ids": ["large"]}');
SELECT pool FROM jackpot_update_config('large', '{"contribution_rate": 0.999999}');
SELECT pool, contribution FROM jackpot_contribute('large', 9000000000001, pools => '{large}');
SELECT current_amount, total_contributed FROM jackpot_pool('large');
SELECT amount FROM jackpot_history('large', kinds => '{contribution}');
SELECT total_contributed, average_contribution FROM jackpot_statistics('{large}');
SELECT * FROM jackpot_validate() WHERE NOT ok;

-- The ceiling freezes what is shown, not what is kept. The reserve has none.
SELECT pool FROM jackpot_create_pool('capped', 0.1, 100, 150, reserve_rate => 0.05, config => '{"game_ids": ["capped"]}');
SELECT pool, contribution, current_amount, version FROM jackpot_contribute('capped', 499, pools => '{capped}');
SELECT current_amount, overflow_amount, reserve_amount FROM jackpot_pool('capped');
SELECT pool, contribution, current_amount, version FROM jackpot_contribute('capped', 15, pools => '{capped}');
SELECT current_amount, overflow_amount, reserve_amount FROM jackpot_pool('capped');
SELECT pool, contribution, current_amount, version FROM jackpot_contribute('capped', 1001, pools => '{capped}');
SELECT current_amount, overflow_amount, reserve_amount FROM jackpot_pool('capped');

-- A wager of nothing is recorded and adds nothing.
SELECT pool, contribution, current_amount, version FROM jackpot_contribute('g', 0);
SELECT wager_amount, amount FROM jackpot_history('minor', max_rows => 1);

-- One row a pool, in the order of their making; the version counts every contribution.
SELECT pool FROM jackpot_create_pool('major', 0.02, 1000);
SELECT pool, contribution, current_amount, version FROM jackpot_contribute('g', 50);
SELECT pool, contribution, current_amount, version FROM jackpot_contribute('g', 50, pools => '{major,minor,major}');
SELECT pool, contribution, current_amount, version FROM jackpot_contribute('g', 50, pools => '{major}');

-- Without totals nothing but totals is missing.
SET jackpot.totals = off;
SELECT * FROM jackpot_contribute('g', 50, operation_id => 'no totals');
RESET jackpot.totals;
SELECT * FROM jackpot_contribute('g', 50, operation_id => 'no totals');
SELECT pool, contribution, current_amount, version FROM jackpot_contribute('g', 50);

-- A wager that nobody takes is recorded all the same.
SELECT * FROM jackpot_contribute('nobody', 77, pools => '{dust}', operation_id => 'nobody');
SELECT * FROM jackpot_contribute('g', 78, pools => '{}');
SELECT operation_id, wager_amount, pool_ids, display, reserve, config_versions FROM jackpot.ledger ORDER BY id DESC LIMIT 2;
SELECT * FROM jackpot_contribute('nobody', 77, pools => '{dust}', operation_id => 'nobody');
SELECT count(*) FROM jackpot.ledger WHERE game_id = 'nobody';

-- Savepoints take the contribution along, and the totals know.
BEGIN;
SELECT current_amount, version FROM jackpot_contribute('g', 100, pools => '{minor}');
SAVEPOINT one;
SELECT current_amount, version FROM jackpot_contribute('g', 100000, pools => '{minor}', operation_id => 'savepoint');
ROLLBACK TO one;
SELECT current_amount, version FROM jackpot_contribute('g', 100, pools => '{minor}');
SAVEPOINT two;
SELECT current_amount, version FROM jackpot_contribute('g', 100, pools => '{minor}');
RELEASE two;
SELECT current_amount, version FROM jackpot_pool('minor');
COMMIT;
SELECT current_amount, version FROM jackpot_pool('minor');
-- So do a function's exception blocks.
DO $$
BEGIN
    PERFORM jackpot_contribute('g', 100000, pools => '{minor}');
    RAISE EXCEPTION 'no';
EXCEPTION WHEN raise_exception THEN NULL;
END $$;
SELECT current_amount, version FROM jackpot_pool('minor');
-- The operation that was rolled back has never been.
SELECT contribution, replayed FROM jackpot_contribute('g', 1, pools => '{minor}', operation_id => 'savepoint');
-- Several in one statement see one another.
SELECT c.current_amount, c.version FROM generate_series(98, 100) n, LATERAL jackpot_contribute('g', n, pools => '{minor}') c;
-- A transaction that is rolled back leaves nothing.
BEGIN;
SELECT current_amount, version FROM jackpot_contribute('g', 100000, pools => '{minor}');
ROLLBACK;
SELECT current_amount, version FROM jackpot_pool('minor');

SELECT * FROM jackpot_validate() WHERE NOT ok;
SELECT count(*) FROM jackpot_validate();
