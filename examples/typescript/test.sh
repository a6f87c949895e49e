#!/usr/bin/env bash
# Tests the module against a server of its own, preloaded; ends with "N passed, M failed".
#   examples/typescript/test.sh [OPTION OF node --test ...]
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
cluster=typescript
trap '"$here/scripts/cluster.sh" remove $cluster' EXIT

for needed in node npm; do
    command -v $needed >/dev/null || { echo "$needed is missing"; echo '0 passed, 1 failed'; exit 1; }
done
cd "$here/examples/typescript"
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    npm ci --no-audit --no-fund --silent
fi

# Only the server is stopped here, not the machine: nothing has to reach the disk.
"$here/scripts/cluster.sh" remove $cluster
"$here/scripts/cluster.sh" start $cluster shared_preload_libraries=jackpot fsync=off
eval "$("$here/scripts/cluster.sh" env $cluster)"
unset DATABASE_URL
node --import tsx --test --test-concurrency=1 --test-reporter=./test/reporter.js --test-reporter-destination=stdout "$@" test/*.test.ts
