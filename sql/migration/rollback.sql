-- Takes a migration back, to exactly what was there before: validate, roll back, validate.
--
--   psql -v migration_id=1 -f sql/migration/rollback.sql
--
-- Without migration_id it lists the migrations. With -v force=true also what has happened since to the pools of
-- the migration is given up; it tells what that was.
\set ON_ERROR_STOP on
\set QUIET on
\if :{?migration_id}
\else
    SELECT id AS migration_id, source, state, pools, contributions, wins, started_at FROM jackpot.migration ORDER BY id;
    DO $$ BEGIN RAISE 'the variable migration_id is not set'; END $$;
\endif
\if :{?force}
\else
    \set force false
\endif

\echo '== validate'
SELECT status, pools_removed, contributions_removed, wins_removed, lost FROM jackpot_rollback(:migration_id, validate_only => true);

\echo '== roll back'
SELECT status, pools_removed, contributions_removed, wins_removed, lost FROM jackpot_rollback(:migration_id, force => :force);

\echo '== validate'
SELECT check_name, detail FROM jackpot_validate() WHERE NOT ok;
SELECT :ROW_COUNT > 0 AS failed \gset
\if :failed
    DO $$ BEGIN RAISE 'the database is not sound'; END $$;
\endif
SELECT pool, status, current_amount, version FROM jackpot_pools();
