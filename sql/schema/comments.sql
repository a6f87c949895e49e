-- What every object means, so that \df+ jackpot_* and \d+ teach the whole interface; and who may
-- use it: nobody but the owner until granted, because these functions move money.

COMMENT ON FUNCTION jackpot_create_pool IS 'Makes a pool. Amounts in minor units (cents), rates from 0 to 1 with at most 6 decimals; initial_amount (default: seed_amount) is put in by the house. config takes the same and further keys. Returns the pool as jackpot_pools() does. Errors: 42710 pool_exists, 22023 invalid_argument, 22003 amount_out_of_range.';
COMMENT ON FUNCTION jackpot_update_config IS 'Changes the keys of a pool''s configuration that config names, all or nothing; null takes a key back to its default. expected_version is the config_version that the caller knows. What is so already is no change. Returns the pool. Errors: 42704 unknown_pool, 22023 invalid_argument, 40001 version_conflict, 55000 pool_not_active (retired), 55P03 lock_timeout.';
COMMENT ON FUNCTION jackpot_pause IS 'Stops contributions to and wins of a pool, after the bets in flight have ended; amounts stay. Repeating it changes nothing. Keep its transaction short: new bets wait for it. Errors: 42704 unknown_pool, 55P03 lock_timeout, 55000 pool_not_active (retired).';
COMMENT ON FUNCTION jackpot_resume IS 'Lets contributions to and wins of a paused pool go on, with the identical amounts; bets see it once it is committed and do not wait for it. Errors as jackpot_pause().';
COMMENT ON FUNCTION jackpot_contribute IS 'Adds a wager''s share to every eligible pool (or to those of pools that are eligible) and returns a row for each: contribution is what meter and reserve got, exactly; current_amount is payable after it; version grows. wager_amount in minor units; 0 is recorded and adds nothing. operation_id (at most 200 characters) makes it idempotent: the same id and arguments return the first result with replayed = true. Waits for nobody but a pause in progress and another call with its operation_id. Errors: 22004, 22023 invalid_argument, 42704 unknown_pool, 55000 pool_not_active (only for a pool named in pools), 23505 operation_mismatch, 22003 amount_out_of_range, 55P03 lock_timeout, 40001 version_conflict.';
COMMENT ON FUNCTION jackpot_win IS 'Pays a win (win_amount minor units; NULL: all that is payable) and ends the cycle: the meter falls by the win and is topped up to the seed, from the reserve first and the house for the rest. Contributions in flight count to the next cycle; simultaneous wins take turns, each on what stands after the one before. Idempotent by operation_id. Errors: 23514 insufficient_funds, 55000 pool_not_active, 40001 version_conflict (expected_cycle differs), 42704 unknown_pool, 23505 operation_mismatch, 22004, 22023, 55P03.';
COMMENT ON FUNCTION jackpot_pools IS 'Pools with their exact amounts and configuration in the statement''s snapshot; all, or those named. current_amount, seed_amount, max_amount in minor units; overflow_amount, reserve_amount, total_contributed exact to the micro; total_contributions counts. Read-only, works on a standby. Errors: 42704 unknown_pool, 22004.';
COMMENT ON FUNCTION jackpot_pool IS 'One pool, as jackpot_pools() has it. Errors: 42704 unknown_pool, 22004.';
COMMENT ON FUNCTION jackpot_statistics IS 'Totals and averages of pools over their whole life, in minor units; NULL averages where there was nothing. Errors: 42704 unknown_pool.';
COMMENT ON FUNCTION jackpot_history IS 'What happened to a pool, newest first: contributions and the journal as rows. amount is what the meter gained (negative: paid), reserve_amount the same of the reserve, both exact minor units. since is inclusive, until exclusive. kinds: contribution, create, seed, reseed, win, configure, pause, resume. Errors: 22004, 42704 unknown_pool, 22023 invalid_argument.';
COMMENT ON FUNCTION jackpot_validate IS 'Adds everything up anew from the ledger and compares: one row per check and pool. conservation: meter + reserve = seeds + contributions - wins, to the micro. Reads the whole ledger.';
COMMENT ON FUNCTION jackpot_settle IS 'Folds the committed tail of the ledger into the balances and returns how many ledger rows that were; 0 also when another session is settling. Never needed for exactness, keeps reading fast.';

COMMENT ON VIEW jackpot.jackpots IS 'The columns of the old service''s jackpots table, with exact amounts.';
COMMENT ON FUNCTION jackpot.minor_units IS 'Micros as exact minor units.';
COMMENT ON FUNCTION jackpot.win_saw IS 'Whether a win saw a ledger row, that is, whether it paid it out or an earlier win did.';
COMMENT ON FUNCTION jackpot.cycle_of IS 'The cycle of a pool that a ledger row belongs to.';
COMMENT ON SEQUENCE jackpot.pool_id_seq IS 'Numbers pools.';
COMMENT ON SEQUENCE jackpot.ledger_id_seq IS 'Numbers ledger rows. Cached by each session, so ids grow within a session and only roughly across sessions.';
COMMENT ON SEQUENCE jackpot.win_id_seq IS 'Numbers wins; gaps are wins that failed.';
COMMENT ON SEQUENCE jackpot.journal_id_seq IS 'Numbers journal rows.';

DO $$
DECLARE
    function regprocedure;
BEGIN
    FOR function IN SELECT p.oid FROM pg_catalog.pg_proc p
                     JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid
                      AND d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.deptype = 'e'
                     JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid AND e.extname = 'jackpot' LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', function);
    END LOOP;
END $$;
