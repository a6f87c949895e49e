-- Takes the tables of an older jackpot service over: back up, validate, dry run, migrate, validate.
--
--   psql -v pools=jackpots -v contributions=jackpot_contribution_history -v wins=jackpot_win_history -f sql/migration/migrate.sql
--
-- Only pools is needed. More variables:
--   pools_mapping, contributions_mapping, wins_mapping   JSON: which column is what, other names for pools ('{}')
--   repair=true        mend bad data instead of refusing it
--   paused=true        the pools take no bets until jackpot_resume()
--   batch_size=10000   rows to a transaction
--   dry_run=true       stop before anything is changed
--   backup=FILE        pg_dump the database into the file first
--
-- It stops at the first thing that is wrong. Interrupted, it goes on where it was when it is run again; run
-- once more, it changes nothing. jackpot.progress tells other sessions how far it is.
\set ON_ERROR_STOP on
\set QUIET on
\if :{?pools}
\else
    \warn 'usage: psql -v pools=TABLE [-v contributions=TABLE] [-v wins=TABLE] -f migrate.sql; the file tells the other variables'
    DO $$ BEGIN RAISE 'the variable pools is not set'; END $$;
\endif
\if :{?pools_mapping}
\else
    \set pools_mapping '{}'
\endif
\if :{?contributions_mapping}
\else
    \set contributions_mapping '{}'
\endif
\if :{?wins_mapping}
\else
    \set wins_mapping '{}'
\endif
\if :{?repair}
\else
    \set repair false
\endif
\if :{?paused}
\else
    \set paused false
\endif
\if :{?batch_size}
\else
    \set batch_size 10000
\endif
\if :{?dry_run}
\else
    \set dry_run false
\endif

\if :{?backup}
    \echo '== back up into' :backup
    -- pg_dump connects as psql has.
    \setenv PGHOST :HOST
    \setenv PGPORT :PORT
    \setenv PGUSER :USER
    \setenv PGDATABASE :DBNAME
    \setenv JACKPOT_BACKUP :backup
    \set dumped `pg_dump --format=custom --file="$JACKPOT_BACKUP" && echo true`
    SELECT :'dumped' <> 'true' AS failed \gset
    \if :failed
        DO $$ BEGIN RAISE 'the backup failed'; END $$;
    \endif
\endif

\echo '== validate what is here'
SELECT check_name, detail FROM jackpot_validate() WHERE NOT ok;
SELECT :ROW_COUNT > 0 AS failed \gset
\if :failed
    DO $$ BEGIN RAISE 'the database is not sound: nothing is taken over'; END $$;
\endif

\echo '== dry run'
-- All tables are tried in a transaction that is rolled back: history is only known by the pools that it belongs to.
BEGIN;
CREATE TEMPORARY TABLE jackpot_dry_run ON COMMIT DROP AS
SELECT :'pools' AS source, * FROM jackpot_import_table(:'pools', :'pools_mapping', dry_run => true, repair => :repair);
SELECT coalesce(bool_or(status = 'refused'), false) AS failed FROM jackpot_dry_run \gset
\if :failed
\else
    SELECT count(*) AS steps FROM jackpot_import_table(:'pools', :'pools_mapping', repair => :repair) \gset
    \if :{?contributions}
        INSERT INTO jackpot_dry_run
        SELECT :'contributions', * FROM jackpot_import_table(:'contributions', :'contributions_mapping', dry_run => true, repair => :repair);
    \endif
    \if :{?wins}
        INSERT INTO jackpot_dry_run
        SELECT :'wins', * FROM jackpot_import_table(:'wins', :'wins_mapping', dry_run => true, repair => :repair);
    \endif
\endif
SELECT source, step, status, pools_migrated AS pools, contributions_migrated AS contributions, wins_migrated AS wins FROM jackpot_dry_run;
SELECT DISTINCT w ->> 'row' AS "row", w ->> 'token' AS finding, w ->> 'message' AS message, w ->> 'repair' AS repair
  FROM jackpot_dry_run CROSS JOIN jsonb_array_elements(warnings) w ORDER BY 1, 2 LIMIT 100;
SELECT coalesce(bool_or(status = 'refused'), false) AS failed FROM jackpot_dry_run \gset
ROLLBACK;
\if :failed
    DO $$ BEGIN RAISE 'rows are refused: mend them, or take them over with -v repair=true'; END $$;
\endif
\if :dry_run
    \echo 'nothing was changed'
    \quit
\endif

\echo '== migrate'
CALL jackpot_import(:'pools', :'pools_mapping', :batch_size, :repair, :paused);
\if :{?contributions}
    CALL jackpot_import(:'contributions', :'contributions_mapping', :batch_size, :repair, :paused);
\endif
\if :{?wins}
    CALL jackpot_import(:'wins', :'wins_mapping', :batch_size, :repair, :paused);
\endif

\echo '== validate'
SELECT check_name, detail FROM jackpot_validate() WHERE NOT ok;
SELECT :ROW_COUNT > 0 AS failed \gset
\if :failed
    DO $$ BEGIN RAISE 'the database is not sound: see rollback.sql'; END $$;
\endif
SELECT id AS migration_id, source, state, pools, contributions, wins FROM jackpot.migration WHERE state <> 'rolled_back' ORDER BY id;
SELECT pool, status, current_amount, version FROM jackpot_pools();
