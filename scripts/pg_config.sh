#!/usr/bin/env bash
# Prints the path of the pg_config to build for: PG_CONFIG, else Debian's installation of the
# supported major version.
set -euo pipefail
if [ -n "${PG_CONFIG:-}" ]; then
    command -v "$PG_CONFIG" || { echo "PG_CONFIG=$PG_CONFIG is not there" >&2; exit 1; }
    exit
fi
debian=/usr/lib/postgresql/15/bin/pg_config
[ -x "$debian" ] || { echo "PostgreSQL 15 is not installed: apt-get install postgresql-15 postgresql-server-dev-15, or set PG_CONFIG" >&2; exit 1; }
echo "$debian"
