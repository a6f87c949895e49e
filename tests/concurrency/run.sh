#!/usr/bin/env bash
# Runs many connections at once against private clusters, without the library preloaded and with it.
#   tests/concurrency/run.sh [NAME_OF_A_TEST]
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
cluster() { "$here/scripts/cluster.sh" "$@"; }
trap 'cluster remove concurrency' EXIT

export RUST_BACKTRACE=${RUST_BACKTRACE:-0}
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$here/target/tests}
for preload in "" jackpot; do
    echo "== shared_preload_libraries = '$preload'"
    cluster start concurrency "shared_preload_libraries='$preload'" max_connections=100
    # Two at once: transactions of another database stand in every snapshot, and the connections suffice.
    (eval "$(cluster env concurrency)" && cd "$here" &&
        cargo test --quiet --package jackpot-concurrency -- --test-threads=2 --nocapture "$@")
    cluster remove concurrency
done
