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
    RAISE EXCEPTION USING ERRCODE = 'P0001', MESSAGE = coalesce(nullif(found, ''), 'NOTHING FOUND');
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

-- What came with voids, transfers, hidden triggers, large wins and conversions.
SELECT pool FROM jackpot_create_pool('must', 0.01, 10, 11, config => '{"game_ids": ["m"], "trigger": {"kind": "must_hit_by"}}');
SELECT pool FROM jackpot_create_pool('euro', 0.012345, 50, reserve_rate => 0.000007, currency => 'EUR', config => '{"game_ids": ["e"], "verify_above": 1}');
SELECT count(*) FROM jackpot_set_exchange_rate('CHF', 'EUR', 1.0526315789, '2001-01-01');
SELECT won FROM jackpot_spin('m', 1000, operation_id => 'hit', pools => '{must}');
SELECT count(*) FROM generate_series(1, 10) n, LATERAL jackpot_contribute('e', n, operation_id => 'euro ' || n, pools => '{euro}', currency => 'CHF') c;
SELECT count(*) FROM jackpot_void('euro 3', 'in its cycle');
SELECT win_amount FROM jackpot_win('euro', 'g', 'ann', 1);
SELECT win_amount FROM jackpot_win('euro', 'g', 'ann', 2);
SELECT win_amount FROM jackpot_win('euro', 'g', 'ann', 3);
SELECT status FROM jackpot_confirm_win(4, 'cheque');
SELECT status FROM jackpot_cancel_win(5, 'malfunction');
SELECT count(*) FROM jackpot_void('euro 5', 'in a later cycle');
SELECT count(*) FROM jackpot_void('to come', 'before the wager');
SELECT count(*) FROM jackpot_contribute('nobody', 1, operation_id => 'nobody', pools => '{}');
SELECT count(*) FROM jackpot_void('nobody', 'nothing');
SELECT pool FROM jackpot_adjust('minor', 3, 'gift');
SELECT pool FROM jackpot_transfer('minor', 'major', 4, 'move');
SELECT jackpot_settle() > 0 AS settled;
SELECT count(*) FROM jackpot_contribute('e', 11, operation_id => 'euro 11', pools => '{euro}', currency => 'CHF');
SELECT * FROM jackpot_validate() WHERE NOT ok;
-- Secrets and commitments; those of wins, too.
SELECT damage($$UPDATE jackpot.secret SET secret = secret || ' '$$);
SELECT damage($$UPDATE jackpot.secret SET secret = replace(secret, '"salt":"', '"salt":"0')$$);
SELECT damage($$DELETE FROM jackpot.secret$$);
SELECT damage($$INSERT INTO jackpot.secret VALUES (1, '{}')$$);
SELECT damage($$UPDATE jackpot.pool SET commitment = md5('') || md5('') WHERE pool = 'must'$$);
SELECT damage($$UPDATE jackpot.pool SET commitment = NULL WHERE pool = 'must'$$);
SELECT damage($$UPDATE jackpot.pool SET commitment = md5('') || md5('') WHERE pool = 'minor'$$);
SELECT damage($$DELETE FROM jackpot.secret; UPDATE jackpot.pool SET commitment = NULL$$);
SELECT damage($$UPDATE jackpot.win SET secret = secret || ' '$$);
SELECT damage($$UPDATE jackpot.win SET secret = NULL$$);
SELECT damage($$UPDATE jackpot.win SET commitment = md5('') || md5('') WHERE secret IS NOT NULL$$);
SELECT damage($$UPDATE jackpot.win SET commitment = NULL$$);
SELECT damage($$UPDATE jackpot.win SET secret = '{}' WHERE id = 1$$);
SELECT damage($$UPDATE jackpot.win SET secret = NULL, commitment = NULL$$);
-- The life of wins.
SELECT damage($$UPDATE jackpot.win SET status = 'paid' WHERE status = 'pending'$$);
SELECT damage($$UPDATE jackpot.win SET status = 'pending' WHERE id = 4$$);
SELECT damage($$UPDATE jackpot.win SET status = 'paid' WHERE status = 'cancelled'$$);
SELECT damage($$UPDATE jackpot.win SET status = 'pending' WHERE status = 'cancelled'$$);
SELECT damage($$UPDATE jackpot.win SET status = 'cancelled' WHERE id = 3$$);
SELECT damage($$UPDATE jackpot.win SET status = 'cancelled', cancelled_at = now() WHERE id = 3$$);
SELECT damage($$UPDATE jackpot.win SET cancelled_at = NULL WHERE status = 'cancelled'$$);
SELECT damage($$UPDATE jackpot.win SET confirmed_at = now() WHERE status = 'pending'$$);
SELECT damage($$UPDATE jackpot.journal SET display = display + 1 WHERE kind = 'adjust' AND win_id IS NOT NULL$$);
SELECT damage($$DELETE FROM jackpot.journal WHERE kind = 'adjust' AND win_id IS NOT NULL$$);
-- Voids.
SELECT damage($$DELETE FROM jackpot.void WHERE operation_id = 'euro 3'$$);
SELECT damage($$DELETE FROM jackpot.void WHERE operation_id = 'euro 5'$$);
SELECT damage($$DELETE FROM jackpot.void WHERE operation_id = 'to come'$$);
SELECT damage($$UPDATE jackpot.void SET from_meter[1] = from_meter[1] + 1 WHERE operation_id = 'euro 3'$$);
SELECT damage($$UPDATE jackpot.void SET from_reserve[1] = from_reserve[1] - 1 WHERE operation_id = 'euro 5'$$);
SELECT damage($$UPDATE jackpot.void SET from_house[1] = from_house[1] + 1 WHERE operation_id = 'euro 5'$$);
SELECT damage($$UPDATE jackpot.void SET pool_ids = '{1}' WHERE operation_id = 'euro 5'$$);
SELECT damage($$UPDATE jackpot.void SET pool_ids = '{}', from_meter = '{}', from_reserve = '{}', from_house = '{}' WHERE operation_id = 'euro 3'$$);
SELECT damage($$UPDATE jackpot.void SET ledger_id = NULL WHERE operation_id = 'euro 3'$$);
SELECT damage($$UPDATE jackpot.void SET ledger_id = ledger_id - 1 WHERE operation_id = 'euro 3'$$);
SELECT damage($$UPDATE jackpot.operation SET voided_at = NULL WHERE operation_id = 'euro 5'$$);
SELECT damage($$UPDATE jackpot.operation SET voided_at = now() WHERE operation_id = 'euro 6'$$);
SELECT damage($$DELETE FROM jackpot.ledger WHERE voids IS NOT NULL$$);
SELECT damage($$UPDATE jackpot.ledger SET display[1] = display[1] - 1 WHERE voids IS NOT NULL$$);
SELECT damage($$UPDATE jackpot.ledger SET reserve[1] = reserve[1] + 1 WHERE voids IS NOT NULL$$);
SELECT damage($$UPDATE jackpot.ledger SET voids = voids + 1 WHERE voids IS NOT NULL$$);
SELECT damage($$UPDATE jackpot.ledger SET voids = NULL WHERE voids IS NOT NULL$$);
SELECT damage($$INSERT INTO jackpot.ledger SELECT (l).* FROM (SELECT jsonb_populate_record(l, '{"id": 1000000}') AS l
                  FROM jackpot.ledger l WHERE voids IS NOT NULL) l$$);
SELECT damage($$UPDATE jackpot.journal SET reserve = reserve + 1 WHERE kind = 'void'$$);
SELECT damage($$DELETE FROM jackpot.journal WHERE kind = 'cover'$$);
SELECT damage($$UPDATE jackpot.journal SET kind = 'adjust' WHERE kind = 'void'$$);
-- A late void made larger everywhere but in its record.
SELECT damage($$UPDATE jackpot.journal SET reserve = reserve - 1 WHERE kind = 'void';
                UPDATE jackpot.pool SET reserve = reserve - 1 WHERE pool = 'euro'$$);
-- Transfers and adjustments.
SELECT damage($$DELETE FROM jackpot.journal WHERE kind = 'transfer' AND display < 0$$);
SELECT damage($$UPDATE jackpot.journal SET display = display + 1 WHERE kind = 'transfer' AND display > 0$$);
SELECT damage($$UPDATE jackpot.journal SET display = display + 1 WHERE kind = 'transfer' AND display > 0;
                UPDATE jackpot.pool SET meter = meter + 1 WHERE pool = 'major'$$);
SELECT damage($$UPDATE jackpot.journal SET kind = 'adjust' WHERE kind = 'transfer' AND display > 0$$);
SELECT damage($$UPDATE jackpot.journal SET display = display + 1 WHERE kind = 'adjust' AND win_id IS NULL$$);
SELECT damage($$UPDATE jackpot.journal SET kind = 'configure' WHERE kind = 'adjust' AND win_id IS NULL$$);
-- Remainders; also what makes up no micro.
SELECT damage($$UPDATE jackpot.balance SET display_remainder = display_remainder + 1 WHERE pool_id = 4$$);
SELECT damage($$UPDATE jackpot.balance SET reserve_remainder = reserve_remainder + 10000000000 WHERE pool_id = 4$$);
SELECT damage($$UPDATE jackpot.balance SET voids = voids + 1 WHERE pool_id = 4$$);
SELECT damage($$UPDATE jackpot.balance SET voided = voided - 1 WHERE pool_id = 4$$);
SELECT damage($$UPDATE jackpot.ledger SET display_remainders[1] = display_remainders[1] + 1 WHERE operation_id = 'euro 1'$$);
SELECT damage($$UPDATE jackpot.ledger SET reserve_remainders = NULL WHERE operation_id = 'euro 1'$$);
SELECT damage($$UPDATE jackpot.ledger SET display_remainders[1] = display_remainders[1] - 1 WHERE voids IS NOT NULL$$);
SELECT damage($$UPDATE jackpot.ledger SET exchange_rates[1] = exchange_rates[1] * 2 WHERE operation_id = 'euro 1'$$);
-- Rows of the ledger that are not what rows can be; what they hold for no pool, no sum sees.
SELECT damage($$UPDATE jackpot.ledger SET pool_ids = pool_ids || 1000000, display = display || 1::bigint, reserve = reserve || 0::bigint,
                  config_versions = config_versions || 1 WHERE operation_id = 'settled, 1'$$);
SELECT damage($$UPDATE jackpot.ledger SET pool_ids = pool_ids || NULL::integer, display = display || 1::bigint, reserve = reserve || 0::bigint,
                  config_versions = config_versions || 1 WHERE operation_id = 'settled, 1'$$);
SELECT damage($$UPDATE jackpot.ledger SET pool_ids = pool_ids || 1, display = display || 0::bigint, reserve = reserve || 0::bigint,
                  config_versions = config_versions || 1 WHERE operation_id = 'settled, 1'$$);
SELECT damage($$UPDATE jackpot.ledger SET display = display || 1::bigint WHERE operation_id = 'settled, 1'$$);
SELECT damage($$UPDATE jackpot.ledger SET reserve = reserve || 1::bigint WHERE operation_id = 'settled, 1'$$);
SELECT damage($$UPDATE jackpot.ledger SET config_versions = '{}' WHERE operation_id LIKE 'settled%'$$);
SELECT damage($$UPDATE jackpot.ledger SET exchange_rates = exchange_rates || 1::bigint WHERE operation_id = 'euro 1'$$);
SELECT damage($$UPDATE jackpot.ledger SET display_remainders = display_remainders || 1::bigint WHERE operation_id = 'euro 1'$$);
SELECT damage($$UPDATE jackpot.ledger SET reserve_remainders = reserve_remainders || 1::bigint WHERE operation_id = 'euro 1'$$);
SELECT damage($$UPDATE jackpot.ledger SET pool_ids = pool_ids || 1 WHERE voids IS NOT NULL$$);
SELECT damage($$UPDATE jackpot.ledger SET display[1] = display[1] + CASE operation_id WHEN 'settled, 1' THEN 1 ELSE -1 END * 1000000000
                 WHERE operation_id LIKE 'settled%'$$);
SELECT damage($$UPDATE jackpot.ledger SET reserve[2] = CASE operation_id WHEN 'settled, 1' THEN 1 ELSE -1 END WHERE operation_id LIKE 'settled%'$$);
SELECT damage($$UPDATE jackpot.ledger SET reserve[2] = NULL WHERE operation_id = 'settled, 1'$$);
-- What was taken over: its counts, its batches and its names. A bet of the same transaction is not of it.
BEGIN;
SELECT step, status FROM jackpot_migrate('{
    "pools": {"old": {"group": "old", "currentAmount": 1000}, "older": {"group": "older", "currentAmount": 500}},
    "config": {"old": {"rate": 0.02, "seedAmount": 100}, "older": {"rate": 0.01, "seedAmount": 100}},
    "contributions": [
        {"gameId": "o", "wagerAmount": 100, "contributions": {"old": 2, "older": 1}, "betTransactionId": "old 1"},
        {"gameId": "o", "wagerAmount": 200, "contributions": {"old": 4, "older": 0}, "betTransactionId": "old 2"}],
    "wins": [{"group": "old", "gameId": "o", "userId": "ann", "winAmount": 90}]}');
SELECT count(*) FROM jackpot_contribute('o', 300, operation_id => 'new', pools => '{old,older}');
COMMIT;
SELECT check_name, ok, detail FROM jackpot_validate() WHERE check_name IN ('ledger', 'migrations');
SELECT damage($$UPDATE jackpot.migration_pool SET contributions = contributions + 1 FROM jackpot.pool p WHERE p.id = pool_id AND p.pool = 'old'$$);
SELECT damage($$UPDATE jackpot.migration_pool SET contributed = contributed - 1$$);
SELECT damage($$UPDATE jackpot.migration_pool SET wins = wins - 1 WHERE wins > 0$$);
SELECT damage($$UPDATE jackpot.migration_pool SET won = won + 1 WHERE wins > 0$$);
SELECT damage($$DELETE FROM jackpot.migration_pool m USING jackpot.pool p WHERE p.id = m.pool_id AND p.pool = 'older'$$);
SELECT damage($$UPDATE jackpot.win SET actor = 'postgres//win' WHERE right(actor, 8) = '/migrate'$$);
SELECT damage($$DELETE FROM jackpot.operation WHERE operation_id = 'old 2'$$);
SELECT damage($$UPDATE jackpot.operation SET ledger_id = NULL WHERE operation_id LIKE 'old _'$$);
SELECT damage($$DELETE FROM jackpot.ledger WHERE operation_id = 'old 2'$$);
SELECT damage($$DELETE FROM jackpot.migration_batch$$);
SELECT damage($$UPDATE jackpot.migration_batch SET xid = '3'$$);
SELECT damage($$INSERT INTO jackpot.migration_batch SELECT 1000000, 1000001, b.xid, b.migration_id, b.first_at, b.last_at FROM jackpot.migration_batch b$$);
SELECT damage($$UPDATE jackpot.migration_batch SET last_id = first_id$$);

-- All of it was undone.
SELECT * FROM jackpot_validate() WHERE NOT ok;
DROP FUNCTION damage;
