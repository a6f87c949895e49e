#!/usr/bin/env bash
# Prisma: migrate dev, deploy, status, diff and reset, db push and pull. Called by ../run.sh.
# `prisma` is the real one; of its schema engine see schema-engine.js.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib.sh"
export PRISMA_SCHEMA_ENGINE_BINARY=$here/schema-engine.js PRISMA_HIDE_UPDATE_MESSAGE=1 CHECKPOINT_DISABLE=1
project "$here" "$here"/{prisma.config.ts,1.prisma,2.prisma}

prisma() { node_modules/.bin/prisma "$@"; }
schema() { cp "$1.prisma" schema.prisma; }
difference() { prisma migrate diff --from-config-datasource --to-schema schema.prisma --script --exit-code "$@"; }
# A role that owns nothing of the extension.
sql -d postgres -c "DROP ROLE IF EXISTS jackpot_migrator" -c "CREATE ROLE jackpot_migrator LOGIN PASSWORD 'secret'" || exit 1
roles=(jackpot_migrator)
as_migrator() {
    (export PGUSER=jackpot_migrator PGPASSWORD=secret DATABASE_URL=${DATABASE_URL/"$PGUSER@"/"jackpot_migrator@"} && "$@")
}
make_extension() { # STATEMENTS: a migration of them
    does "an empty migration for the extension" prisma migrate dev --create-only --name jackpot
    echo "$1" >migrations/*_jackpot/migration.sql
    does "migrate deploy" prisma migrate deploy
}

echo "client: prisma $(version prisma) ($(version @prisma/schema-engine-wasm | sed 's/\(.*\)\.\(.......\).*/schema engine \1.\2/'))"

echo "# Migrations; one of them makes the extension"
database jackpot_prisma
schema 1
does "migrate dev makes the first migration" prisma migrate dev --name bets
make_extension 'CREATE EXTENSION IF NOT EXISTS jackpot;'
traffic
remember
schema 2
# In its shadow database it plays the migrations, looks for drift, and makes the next one.
does "migrate dev makes the next one" prisma migrate dev --name note
shows "it is about the own table" 'ALTER TABLE "bets" ADD COLUMN +"note"' migrations/*_note/migration.sql
hides "it is about that alone" jackpot migrations/*_note/migration.sql
is "the table is changed" "$(columns)" id,stake,note
does "migrate status is content" prisma migrate status
does "migrate diff finds nothing" difference
unharmed "migrate"

echo "# db push and pull"
does "db push when nothing is to be done" prisma db push
shows "nothing is done" 'already in sync' output
schema 1
refuses "migrate diff finds what is to be dropped" difference
shows "the own column" 'ALTER TABLE "bets" DROP COLUMN "note"' output
hides "that alone" '"?jackpot"?[._]' output
does "db push does it" prisma db push --accept-data-loss
is "the table is changed back" "$(columns)" id,stake
does "db pull" prisma db pull --print
shows "it finds the own table" '^model Bet ' output
is "that alone" "$(grep -cE '^(model|enum|view|type) ' output)" 1
unharmed "db push and pull"

echo "# With the extension's schema in schemas"
sed 's/provider = .*/&\n  schemas = ["public", "jackpot"]/; s/@@map/@@schema("public")\n  &/' 1.prisma >schema.prisma
refuses "migrate diff finds much to drop" difference
shows "the tables of the extension" 'DROP TABLE "jackpot"."pool"' output
tables=$(sql -c "SELECT string_agg(quote_literal(oid::regclass), ', ') FROM pg_class WHERE relnamespace = 'jackpot'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition")
sed "s/^})/  experimental: { externalTables: true },\n  tables: { external: [$tables] },\n&/" prisma.config.ts >external.config.ts
does "migrate diff finds nothing when each table is external" difference --config external.config.ts
does "db push does nothing" prisma db push --config external.config.ts --accept-data-loss
unharmed "external tables"
sql -c "ALTER TABLE bets OWNER TO jackpot_migrator"
refuses "db push fails as a role that does not own the extension" as_migrator prisma db push --accept-data-loss
shows "it may not" 'permission denied for schema jackpot' output
unharmed "schemas with jackpot, as another role"
refuses "db push fails as the owner" prisma db push --accept-data-loss
shows "the server refuses to drop tables" 'because extension jackpot requires it' output
is "but foreign keys went before that" "$(sql -c "SELECT count(*) FROM pg_constraint WHERE connamespace = 'jackpot'::regnamespace AND contype = 'f'")" 0
is "and nothing else" "$(diff <(echo "$before") <(state) | grep '^[<>]' | grep -vE '^< (constraint\|.*\|FOREIGN KEY|trigger\|.*"RI_)')" ""
is "which jackpot_validate() finds" "$(sql -c 'SELECT check_name FROM jackpot_validate() WHERE NOT ok')" constraints

echo "# Reset, which drops the schema public: with the extension in a schema of its own"
database jackpot_prisma_own
rm -rf migrations
export PGOPTIONS="$PGOPTIONS -c search_path=public,casino"
schema 1
does "migrate dev makes the first migration" prisma migrate dev --name bets
make_extension 'CREATE SCHEMA IF NOT EXISTS casino; CREATE EXTENSION IF NOT EXISTS jackpot SCHEMA casino;'
traffic
remember
sql -c "INSERT INTO bets (stake) VALUES (100)"
does "migrate reset" prisma migrate reset --force
is "the own table is empty" "$(sql -c 'SELECT count(*) FROM bets')" 0
unharmed "migrate reset"
does "db push --force-reset" prisma db push --force-reset
unharmed "db push --force-reset"

echo "# The same with the extension in public"
database jackpot_prisma_public
sql -c 'CREATE EXTENSION jackpot' -c "ALTER DATABASE $PGDATABASE OWNER TO jackpot_migrator"
traffic
does "db push --force-reset as the owner of the database alone" as_migrator prisma db push --force-reset
is "the extension is gone with it" "$(sql -c "SELECT count(*) FROM pg_extension WHERE extname = 'jackpot'")" 0

is "no shadow database is left" "$(sql -c "SELECT datname FROM pg_database WHERE datname ~ '^prisma_migrate_shadow'")" ""
finish
