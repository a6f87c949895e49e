-- Bets in transactions of their own, with wins between them, one in another currency and one that is
-- voided. :label names the operations.
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
END $$;
