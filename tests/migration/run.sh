#!/usr/bin/env bash
# Moves old states and old tables in and out, interrupts it, and runs the guide and the scripts; against
# private clusters, without the library preloaded and with it. Ends with "N passed, M failed".
#   tests/migration/run.sh [NAME_OF_A_TEST]
# MIGRATION_SEED repeats the random choices of an earlier run, which printed it. MIGRATION_ROWS is how many
# contributions the large migrations have (preloaded 1000000, else 120000).
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
cluster() { "$here/scripts/cluster.sh" "$@"; }
log=$(mktemp)
# The tests that stop a server have one of their own; what an interrupted run has left is removed, too.
trap 'cluster remove migration; cluster remove migration_interrupted; rm -f "$log"' EXIT

export RUST_BACKTRACE=${RUST_BACKTRACE:-0}
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$here/target/tests}
status=0
for libraries in "" jackpot; do
    echo "== shared_preload_libraries = '$libraries'"
    cluster remove migration
    # Only servers are stopped here, not the machine: nothing has to reach the disk. Images of all tables
    # are compared: no worker may write its samples between two.
    cluster start migration "shared_preload_libraries='$libraries'" max_connections=100 fsync=off \
        jackpot.sample_interval=0 jackpot.alert_interval=0
    (eval "$(cluster env migration)" && cd "$here" &&
        MIGRATION_LIBRARIES=$libraries MIGRATION_ROWS=${MIGRATION_ROWS:-$([ "$libraries" ] && echo 1000000 || echo 120000)} \
            cargo test --quiet --package jackpot-migration -- --test-threads=2 --nocapture "$@") 2>&1 | tee -a "$log" || status=1
    cluster remove migration
done
awk '/^test result:/ { passed += $4; failed += $6; n++ }
     END { if (n < 2) failed++
           printf "%d passed, %d failed\n", passed, failed; exit failed > 0 }' "$log" || status=1
exit $status
