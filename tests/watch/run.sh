#!/usr/bin/env bash
# Has every issue of jackpot_health() and every alert fire by a real cause, and counts along with the
# metrics; every test has clusters of its own.
#   tests/watch/run.sh [NAME_OF_A_TEST]
# WATCH_SEED repeats the random choices of an earlier run, which printed it.
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
# What a test that was interrupted has left.
trap 'for name in $(sed -n "s/.*\"\(watch_[a-z_]*\)\".*/\1/p" "$here"/tests/watch/src/*.rs); do "$here/scripts/cluster.sh" remove "$name"; done' EXIT

export RUST_BACKTRACE=${RUST_BACKTRACE:-0}
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$here/target/tests}
export PGPORT=5432 PGUSER=postgres
unset PGPASSWORD PGSERVICE PGOPTIONS PGHOSTADDR
cd "$here"
cargo test --quiet --package jackpot-watch -- --test-threads=2 --nocapture "$@"
