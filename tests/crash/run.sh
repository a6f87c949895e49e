#!/usr/bin/env bash
# Crashes servers under the queue and its worker; every test has clusters of its own.
#   tests/crash/run.sh [NAME_OF_A_TEST]
# CRASH_SEED repeats the random choices of an earlier run, which printed it.
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
# What a test that was interrupted has left.
trap 'for name in $(sed -n "s/.*\"\(crash_[a-z_]*\)\".*/\1/p" "$here"/tests/crash/src/*.rs); do "$here/scripts/cluster.sh" remove "$name"; done' EXIT

export RUST_BACKTRACE=${RUST_BACKTRACE:-0}
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$here/target/tests}
export PGPORT=5432 PGUSER=postgres
unset PGPASSWORD PGSERVICE PGOPTIONS PGHOSTADDR
cd "$here"
cargo test --quiet --package jackpot-crash -- --test-threads=2 --nocapture "$@"
