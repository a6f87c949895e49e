#!/usr/bin/env bash
# The goldens: what every function answers, and refuses, on one connection. Runs them against the
# installed extension, without and with preloading: both must answer the same, but for what needs it (NAME_1.out).
#
#   tests/regress/run.sh [TEST ...]     all tests of sql/, or these
set -euo pipefail
cd "$(dirname "$0")/../.."

pg_config=${PG_CONFIG:-$(scripts/pg_config.sh)}
pg_regress=$("$pg_config" --pkglibdir)/pgxs/src/test/regress/pg_regress
trap 'scripts/cluster.sh remove regress' EXIT
scripts/cluster.sh remove regress

[ $# -gt 0 ] || set -- $(cd tests/regress/sql && ls | sed -n 's/\.sql$//p')
status=0

# The examples of the README must run as they stand, against a database that has nothing.
readme() {
    [ -f README.md ] || { echo "no README.md: its examples are left out"; return 0; }
    awk '/^```sql$/ { inside = 1; next } /^```/ { inside = 0 } inside' README.md >"$out/readme.sql"
    dropdb --if-exists readme && createdb readme
    if psql -Xq -v ON_ERROR_STOP=1 -d readme -f "$out/readme.sql" >"$out/readme.out" 2>&1; then
        echo "readme: ok"
        psql -Xq -c 'DROP DATABASE readme' -c 'DROP ROLE casino'
    else
        tail -n 20 "$out/readme.out"
        return 1
    fi
}

for libraries in '' jackpot; do
    out=target/regress/${libraries:+preloaded}
    out=${out%/}
    mkdir -p "$out"
    echo "# shared_preload_libraries = '$libraries'"
    # Without workers: what is queued is processed where the test says so.
    scripts/cluster.sh start regress "shared_preload_libraries='$libraries'" "jackpot.databases=''"
    eval "$(scripts/cluster.sh env regress)"
    if ! "$pg_regress" --host="$PGHOST" --port="$PGPORT" --user="$PGUSER" --dbname=regress \
        --bindir="$("$pg_config" --bindir)" --inputdir=tests/regress --outputdir="$out" "$@"; then
        status=1
        cat "$out/regression.diffs"
    fi
    readme || status=1
    scripts/cluster.sh stop regress
done
exit $status
