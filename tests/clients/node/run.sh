#!/usr/bin/env bash
# Plays the scenario with one of the clients of Node.js:
#   PGHOST=… PGPORT=… PGUSER=… PGPASSWORD=… DATABASE_URL=… POOLED=yes|no SCENARIO=… run.sh CLIENT
set -euo pipefail
cd "$(dirname "$0")"

# Install scripts would download Prisma's Rust engines. Nothing here uses them, and generating the
# client asks no more than that a schema engine exists.
if ! cmp -s package-lock.json node_modules/.installed; then
    npm ci --ignore-scripts --no-audit --no-fund --silent
    PRISMA_SCHEMA_ENGINE_BINARY=/bin/true node_modules/.bin/prisma generate --schema schema.prisma >/dev/null
    cp package-lock.json node_modules/.installed
fi

case ${1:?usage: run.sh CLIENT} in
node-postgres | drizzle) exec node "$1.js" ;;
prisma) exec node --import tsx prisma.ts ;;
*) echo "run.sh: unknown client $1" >&2; exit 2 ;;
esac
