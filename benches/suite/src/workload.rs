//! What clients of pgbench do, one call each.

use crate::chart::Family;
use crate::chart::Family::{Jackpot, Naive, Plain};

/// One kind of call.
#[derive(Clone, Copy)]
pub struct Workload {
    /// Its name in the tables.
    pub label: &'static str,
    /// What pgbench runs.
    pub script: &'static str,
    /// Settings of the sessions, as PGOPTIONS has them.
    pub options: &'static str,
    /// Whose it is.
    pub family: Family,
}

const fn workload(family: Family, label: &'static str, script: &'static str) -> Workload {
    Workload { label, script, options: "", family }
}

/// The round trip alone.
pub const SELECT: Workload =
    workload(Plain, "`SELECT 1`", include_str!("../../scripts/select.sql"));
/// The floor for a bet that leaves a durable row.
pub const BET: Workload =
    workload(Plain, "one-row INSERT", include_str!("../../scripts/insert_bet.sql"));
/// The row that the ledger has.
pub const ROW: Workload =
    workload(Plain, "INSERT of the ledger's row", include_str!("../../scripts/insert_row.sql"));
/// The same with a unique id.
pub const ROW_WITH_ID: Workload = workload(
    Plain,
    "INSERT of the ledger's row, unique id",
    include_str!("../../scripts/insert_row_with_id.sql"),
);
/// Three rows updated in one function.
pub const NAIVE: Workload =
    workload(Naive, "naive function", include_str!("../../scripts/naive_function.sql"));
/// Three rows updated by statements of the client.
pub const STATEMENTS: Workload =
    workload(Naive, "naive statements", include_str!("../../scripts/naive_statements.sql"));
/// The extension's contribution.
pub const CONTRIBUTE: Workload =
    workload(Jackpot, "jackpot_contribute()", include_str!("../../scripts/contribute.sql"));
/// The same with an idempotency key.
pub const CONTRIBUTE_WITH_ID: Workload = workload(
    Jackpot,
    "jackpot_contribute(), operation id",
    include_str!("../../scripts/contribute_with_id.sql"),
);
/// The same without totals in its result.
pub const NO_TOTALS: Workload = Workload {
    label: "jackpot_contribute(), totals off",
    options: "-c jackpot.totals=off",
    ..CONTRIBUTE
};
/// The same without being counted.
pub const NO_METRICS: Workload = Workload {
    label: "jackpot_contribute(), metrics off",
    options: "-c jackpot.metrics=off",
    ..CONTRIBUTE
};
/// A spin on pools that nothing but a call pays.
pub const SPIN: Workload =
    workload(Jackpot, "jackpot_spin()", include_str!("../../scripts/spin.sql"));
/// A spin that draws for each pool.
pub const SPIN_WITH_ODDS: Workload = Workload { label: "jackpot_spin(), drawn by odds", ..SPIN };
/// A contribution by the queue: the append alone.
pub const ENQUEUE_CONTRIBUTION: Workload = workload(
    Jackpot,
    "jackpot_enqueue_contribution()",
    include_str!("../../scripts/enqueue_contribution.sql"),
);
/// A spin that is drawn later.
pub const ENQUEUE_SPIN: Workload =
    workload(Jackpot, "jackpot_enqueue_spin()", include_str!("../../scripts/enqueue_spin.sql"));
/// All pools as they are.
pub const READ_POOLS: Workload =
    workload(Jackpot, "jackpot_pools()", include_str!("../../scripts/read_pools.sql"));
/// The same a moment ago.
pub const READ_TICKER: Workload =
    workload(Jackpot, "jackpot_ticker()", include_str!("../../scripts/read_ticker.sql"));
/// The naive design's three rows.
pub const READ_NAIVE: Workload =
    workload(Naive, "SELECT of three rows", include_str!("../../scripts/read_naive.sql"));

impl Workload {
    /// The same in a transaction that does its own work for so long after the call.
    pub fn kept_open(&self, milliseconds: u32) -> String {
        format!("BEGIN;\n{}\\sleep {milliseconds} ms\nCOMMIT;\n", self.script)
    }
}
