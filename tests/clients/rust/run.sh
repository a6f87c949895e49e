#!/usr/bin/env bash
# The scenario by a Rust client: tokio-postgres or sqlx.
set -euo pipefail
here=$(cd "$(dirname "$0")/../../.." && pwd)
export RUST_BACKTRACE=${RUST_BACKTRACE:-0}
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$here/target/tests}
cd "$here"
cargo build --quiet --package jackpot-clients
exec "$CARGO_TARGET_DIR/debug/jackpot-clients" "$1"
