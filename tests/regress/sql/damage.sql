-- jackpot_validate() finds what someone with the owner's rights has done behind its back.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS jackpot;
CREATE EXTENSION jackpot;
-- So that sums are read from the tables, not from what the session remembers.
SET jackpot.settle_rows = 1;
SELECT pool FROM jackpot_create_pool('minor', 0.01, 100, reserve_rate => 0.005);
SELECT pool FROM jackpot_create_pool('major', 0.02, 1000, 2000);
SELECT count(*) FROM jackpot_contribute('g', 10000, operation_id => 'settled, 1');
SELECT count(*) FROM jackpot_contribute('g', 20000, operation_id => 'settled, 2');
SELECT win_amount FROM jackpot_win('minor', 'g', 'ann', operation_id => 'win');
SELECT jackpot_settle();
SELECT count(*) FROM jackpot_contribute('g', 30000, operation_id => 'in the tail');
SELECT check_name, ok, detail FROM jackpot_validate();

-- Damages, looks, and undoes it.
CREATE FUNCTION damage(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    EXECUTE statement;
    SELECT string_agg(check_name || ' of ' || split_part(detail, ':', 1), ', ') INTO found
      FROM jackpot_validate() WHERE NOT ok AND check_name <> 'operations';
    found := concat_ws(', ', found, (SELECT check_name FROM jackpot_validate() WHERE NOT ok AND check_name = 'operations'));
    RAISE EXCEPTION USING ERRCODE = 'P0001', MESSAGE = coalesce(found, 'NOTHING FOUND');
EXCEPTION WHEN raise_exception THEN RETURN SQLERRM;
END $$;

-- Balances.
SELECT damage('UPDATE jackpot.balance SET display = display + 1 WHERE pool_id = 1');
SELECT damage('UPDATE jackpot.balance SET reserve = reserve - 1 WHERE pool_id = 1');
SELECT damage('UPDATE jackpot.balance SET contributions = contributions + 1 WHERE pool_id = 1');
SELECT damage('UPDATE jackpot.balance SET wagered = wagered + 1 WHERE pool_id = 1');
SELECT damage('DELETE FROM jackpot.balance WHERE pool_id = 2');
-- The ledger, settled and not.
SELECT damage($$DELETE FROM jackpot.ledger WHERE operation_id = 'settled, 1'$$);
SELECT damage($$DELETE FROM jackpot.ledger WHERE operation_id = 'in the tail'$$);
SELECT damage($$UPDATE jackpot.ledger SET display[1] = display[1] + 1 WHERE operation_id = 'settled, 1'$$);
SELECT damage($$UPDATE jackpot.ledger SET wager_amount = wager_amount + 1 WHERE operation_id = 'settled, 1'$$);
SELECT damage($$INSERT INTO jackpot.ledger SELECT (l).* FROM (SELECT jsonb_populate_record(l, '{"id": 1000000}') AS l
                  FROM jackpot.ledger l WHERE operation_id = 'settled, 1') l$$);
-- The mark set back: settled rows would count twice.
SELECT damage($$UPDATE jackpot.mark SET snapshot = '3:3:'$$);
-- Pools.
SELECT damage('UPDATE jackpot.pool SET meter = meter + 1 WHERE id = 1');
SELECT damage('UPDATE jackpot.pool SET reserve = reserve + 1 WHERE id = 1');
SELECT damage('UPDATE jackpot.pool SET meter = meter - 1000000000 WHERE id = 1');
SELECT damage('UPDATE jackpot.pool SET cycle = cycle + 1 WHERE id = 1');
SELECT damage('UPDATE jackpot.pool SET total_won = total_won - 1 WHERE id = 1');
SELECT damage('UPDATE jackpot.pool SET total_wins = total_wins + 1 WHERE id = 1');
SELECT damage('UPDATE jackpot.pool SET total_seeded = total_seeded + 1 WHERE id = 1');
-- Wins and the journal.
SELECT damage('DELETE FROM jackpot.journal WHERE win_id IS NOT NULL; DELETE FROM jackpot.win');
SELECT damage($$DELETE FROM jackpot.journal WHERE kind = 'win'$$);
SELECT damage('UPDATE jackpot.win SET win_amount = win_amount + 1');
SELECT damage('UPDATE jackpot.win SET cycle = cycle + 1');
SELECT damage($$UPDATE jackpot.journal SET display = display + 1 WHERE kind = 'seed' AND pool_id = 2$$);
SELECT damage($$UPDATE jackpot.journal SET kind = 'reseed' WHERE kind = 'seed' AND pool_id = 2$$);
-- A win and its seed made larger together, so that the pool's row agrees.
SELECT damage($$UPDATE jackpot.win SET win_amount = win_amount + 1;
                UPDATE jackpot.journal SET display = display - 1000000 WHERE kind = 'win';
                UPDATE jackpot.pool SET meter = meter - 1000000 WHERE id = 1$$);

-- All of it was undone.
SELECT * FROM jackpot_validate() WHERE NOT ok;
DROP FUNCTION damage;
