#!/usr/bin/env bash
# Looks at examples/ticker in headless Chromium, against a cluster of its own; ends with
# "N passed, M failed". Screenshots are kept in target/browser.
#   tests/browser/run.sh [OPTION OF node --test ...]
# CHROMIUM names the browser (default: Debian's).
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
export CLUSTER=browser CHROMIUM=${CHROMIUM:-/usr/bin/chromium} SCREENSHOTS=$here/target/browser
result=$(mktemp)
trap '"$here/scripts/cluster.sh" remove $CLUSTER; rm -f "$result"' EXIT

for needed in node npm "$CHROMIUM"; do
    command -v "$needed" >/dev/null || { echo "$needed is missing"; echo '0 passed, 1 failed'; exit 1; }
done
for folder in examples/ticker tests/browser; do
    (
        cd "$here/$folder"
        cmp -s package-lock.json node_modules/.installed && exit
        # A registry may fail once.
        npm ci --no-audit --no-fund --silent || npm ci --no-audit --no-fund --silent
        cp package-lock.json node_modules/.installed
    )
done

# Only servers are restarted here, not the machine: nothing has to reach the disk.
"$here/scripts/cluster.sh" remove $CLUSTER
"$here/scripts/cluster.sh" start $CLUSTER shared_preload_libraries=jackpot fsync=off
eval "$("$here/scripts/cluster.sh" env $CLUSTER)"
psql -Xq -v ON_ERROR_STOP=1 -c 'CREATE DATABASE browser'
export PGDATABASE=browser
psql -Xq -v ON_ERROR_STOP=1 -f "$here/examples/demo/pools.sql" >/dev/null
mkdir -p "$SCREENSHOTS"

cd "$here/tests/browser"
node --test --test-concurrency=1 --test-reporter=spec --test-reporter-destination=stdout \
    --test-reporter=tap --test-reporter-destination="$result" "$@" players.test.js operators.test.js || true
awk '/^# (pass|fail|cancelled) / { n[$2] += $3 }
     END { failed = n["fail"] + n["cancelled"]
           if (n["pass"] + failed == 0) failed = 1
           printf "%d passed, %d failed\n", n["pass"], failed; exit failed > 0 }' "$result"
