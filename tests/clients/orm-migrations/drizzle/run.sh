#!/usr/bin/env bash
# Drizzle Kit: generate, migrate, push and pull. Called by ../run.sh.
#   drizzle/run.sh 0.31|1.0
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib.sh"
release=${1:?usage: drizzle/run.sh RELEASE}
project "$here/$release" "$here"/{drizzle.config,1,2}.ts
sed '/schemaFilter/d' drizzle.config.ts >without.config.ts
sed "s/\['public'\]/['public', 'jackpot']/" drizzle.config.ts >wrong.config.ts
database "jackpot_drizzle_${release//./_}"

kit() { node_modules/.bin/drizzle-kit "$@"; }
push() { kit push --force --verbose "$@"; }
schema() { cp "$1.ts" schema.ts; }
migration() { cat drizzle/*_"$1".sql drizzle/*_"$1"/migration.sql 2>/dev/null; } # in 0.31 a file, in 1.0 a folder
# What push has done or wants to do. Other lines have paths of this machine.
statements() { grep -oE '(ALTER|CREATE|DROP|TRUNCATE|COMMENT|GRANT|REVOKE) .*' output >statements || true; }

echo "client: drizzle-kit $(version drizzle-kit) (drizzle-orm $(version drizzle-orm))"

echo "# Migrations; one of them makes the extension"
schema 1
does "generate the first migration" kit generate --name bets
does "generate an empty one for the extension" kit generate --custom --name jackpot
for file in drizzle/*_jackpot.sql drizzle/*_jackpot/migration.sql; do
    [ ! -f "$file" ] || echo 'CREATE EXTENSION IF NOT EXISTS jackpot;' >"$file"
done
does "migrate" kit migrate
traffic
remember
schema 2
does "generate the next one" kit generate --name note
migration note >note.sql
shows "it is about the own table" 'ALTER TABLE "bets" ADD COLUMN "note"' note.sql
hides "it is about that alone" jackpot note.sql
does "migrate again" kit migrate
is "the table is changed" "$(columns)" id,stake,note
unharmed "migrate"

echo "# push"
does "push when nothing is to be done" push
statements
is "no statement" "$(cat statements)" ""
schema 1
does "push what is dropped" push
statements
shows "push is about the own column" 'ALTER TABLE "bets" DROP COLUMN "note"' statements
hides "that alone" jackpot statements
is "the table is changed back" "$(columns)" id,stake
unharmed "push"

echo "# pull"
does "pull" kit pull
find drizzle -newer schema.ts -name '*.ts' -exec cat {} + >pulled.ts
shows "pull finds the own table" 'pgTable\("bets"' pulled.ts
hides "that alone" jackpot pulled.ts
unharmed "pull"

echo "# With the extension's schema among the own"
wants_to_drop() { # WHAT CONFIG
    if [ "$release" = 0.31 ]; then
        push --config "$2" >output 2>&1 # says so, but exits with 0
        shows "$1: push wants to drop everything" 'DROP (TABLE|VIEW) "jackpot"' output
    else
        refuses "$1: push asks back" push --config "$2"
        shows "$1: push wants to drop everything" 'Confirm data loss .* table +jackpot.ledger' output
        grep -oE '\{ "type".*\}' output | paste -sd, | sed 's/.*/[&]/' >hints.json
        refuses "$1: push with the answers fails" push --config "$2" --hints-file hints.json
    fi
    shows "$1: the server refuses" 'because extension jackpot requires it' output
    unharmed "$1"
}
wants_to_drop "schemaFilter with jackpot" wrong.config.ts

echo "# Without schemaFilter"
if [ "$release" = 0.31 ]; then
    does "push takes care of public only" push --config without.config.ts
    statements
    is "no statement" "$(cat statements)" ""
    unharmed "push without schemaFilter"
else
    sed "s/\['public'\]/['!jackpot']/" drizzle.config.ts >not.config.ts
    does "push with schemaFilter !jackpot" push --config not.config.ts
    statements
    is "no statement" "$(cat statements)" ""
    wants_to_drop "no schemaFilter" without.config.ts
fi
finish
