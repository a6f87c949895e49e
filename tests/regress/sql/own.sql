-- What a transaction has written itself: always in its totals, whatever was rolled back, and only
-- where the snapshot shows it.
\set ECHO all
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS jackpot CASCADE;
CREATE EXTENSION jackpot;
SELECT pool FROM jackpot_create_pool('own', 0.01, 100);

-- Many bets in one transaction, some taken back.
BEGIN;
SELECT current_amount, version FROM jackpot_contribute('g', 1000);
SAVEPOINT a;
SELECT current_amount, version FROM jackpot_contribute('g', 1000);
SAVEPOINT b;
SELECT current_amount, version FROM jackpot_contribute('g', 1000);
ROLLBACK TO b;
SELECT current_amount, version FROM jackpot_contribute('g', 2000);
ROLLBACK TO a;
SELECT current_amount, version FROM jackpot_contribute('g', 4000);
SELECT current_amount, version FROM jackpot_pool('own');
DO $$ BEGIN
    PERFORM jackpot_contribute('g', 8000);
    RAISE division_by_zero;
EXCEPTION WHEN division_by_zero THEN
    PERFORM jackpot_contribute('g', 16000);
END $$;
SELECT current_amount, version FROM jackpot_pool('own');
SELECT check_name FROM jackpot_validate() WHERE NOT ok;
COMMIT;
SELECT current_amount, version FROM jackpot_pool('own');

-- An older snapshot of the same transaction does not show a later bet, and does not hide it from
-- those that come after.
BEGIN;
DECLARE before CURSOR FOR SELECT current_amount, version FROM jackpot_pools();
SELECT current_amount, version FROM jackpot_contribute('g', 10000);
SAVEPOINT a;
ROLLBACK TO a;
FETCH ALL FROM before;
SELECT current_amount, version FROM jackpot_pool('own');
SELECT win_amount, current_amount FROM jackpot_win('own', 'g', 'ann');
SELECT check_name FROM jackpot_validate() WHERE NOT ok;
COMMIT;

-- Several bets in one statement.
SELECT c.current_amount, c.version FROM generate_series(1, 3) AS n, LATERAL jackpot_contribute('g', 100 * n) c;

-- A new extension knows nothing of what the transaction gave to the old one.
BEGIN;
SELECT current_amount, version FROM jackpot_contribute('g', 10000);
DROP EXTENSION jackpot CASCADE;
CREATE EXTENSION jackpot;
SELECT current_amount, version FROM jackpot_create_pool('own', 0.01, 100);
SELECT current_amount, version FROM jackpot_contribute('g', 1000);
SELECT win_amount, current_amount FROM jackpot_win('own', 'g', 'ann');
SELECT check_name FROM jackpot_validate() WHERE NOT ok;
COMMIT;
SELECT check_name FROM jackpot_validate() WHERE NOT ok;
