-- Bets in transactions of their own, with wins between them, one in another currency and one that is
-- voided, a batch, and some that wait in the inbox. :label names the operations.
SELECT set_config('restore.label', :'label', false) \g /dev/null
DO $$
DECLARE
    label text := current_setting('restore.label');
BEGIN
    FOR i IN 1..200 LOOP
        PERFORM jackpot_contribute('game', i * 37, operation_id => CASE WHEN i % 10 = 0 THEN format('%s bet %s', label, i) END);
        IF i % 40 = 0 THEN
            PERFORM jackpot_win('mega', 'game', 'user', i, operation_id => format('%s win %s', label, i));
            PERFORM jackpot_contribute('game', 5);
        END IF;
        COMMIT;
    END LOOP;
    PERFORM jackpot_contribute('game', 777, currency => 'SEK', operation_id => format('%s converted', label));
    COMMIT;
    PERFORM jackpot_void(format('%s bet 20', label), 'rolled back');
    PERFORM jackpot_contribute_arrays(ARRAY['game', 'game'], ARRAY[11, 13], operation_ids => ARRAY[label || ' batch 1', label || ' batch 2']);
    -- They wait, the second to be refused.
    INSERT INTO jackpot.inbox (game_id, wager_amount, operation_id) VALUES ('game', 17, label || ' inbox 1'), ('game', -1, NULL);
END $$;
