#!/usr/bin/env bash
# Runs the suite on a private server; see README.md.
#
#   BENCH_SECTIONS="single open batches stream reads growth wal queue watching"  BENCH_CLIENTS="1 8 16 64"
#   BENCH_SECONDS=4  BENCH_ROUNDS=3  BENCH_SCALE=1  BENCH_RESULTS=benches/results  benches/run.sh
set -euo pipefail
cd "$(dirname "$0")/.."
trap 'scripts/cluster.sh remove bench' EXIT
scripts/cluster.sh remove bench
scripts/cluster.sh start bench shared_preload_libraries=jackpot max_connections=200
eval "$(scripts/cluster.sh env bench)"
cargo run --release -p jackpot-bench
