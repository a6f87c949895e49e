#!/usr/bin/env bash
# Races, as permutations of the steps of several sessions. Runs them against the installed
# extension, without and with preloading: both must end the same, but for what needs it (NAME_1.out).
#
#   tests/isolation/run.sh [SPEC ...]     all of specs/, or these
set -euo pipefail
cd "$(dirname "$0")/../.."

pg_config=${PG_CONFIG:-$(scripts/pg_config.sh)}
# Finds isolationtester beside itself.
pg_isolation_regress=$("$pg_config" --pkglibdir)/pgxs/src/test/isolation/pg_isolation_regress
trap 'scripts/cluster.sh remove isolation' EXIT
scripts/cluster.sh remove isolation

[ $# -gt 0 ] || set -- $(cd tests/isolation/specs && ls | sed -n 's/\.spec$//p')
status=0

for libraries in '' jackpot; do
    out=target/isolation/${libraries:+preloaded}
    out=${out%/}
    mkdir -p "$out"
    echo "# shared_preload_libraries = '$libraries'"
    # Without workers: the sessions of a permutation are alone.
    scripts/cluster.sh start isolation "shared_preload_libraries='$libraries'" max_prepared_transactions=2 "jackpot.databases=''"
    eval "$(scripts/cluster.sh env isolation)"
    if ! "$pg_isolation_regress" --host="$PGHOST" --port="$PGPORT" --user="$PGUSER" --dbname=isolation \
        --bindir="$("$pg_config" --bindir)" --inputdir=tests/isolation --outputdir="$out" "$@"; then
        status=1
        cat "$out/regression.diffs"
    fi
    scripts/cluster.sh stop isolation
done
exit $status
