//! What is measured, a module each.

mod batches;
mod growth;
mod open;
mod queue;
mod reads;
mod single;
mod stream;
mod wal;
mod watching;

use crate::database::Database;
use crate::pgbench::{Load, Outcome};
use crate::report::Report;
use crate::samples::{Place, Samples};
use crate::settings::Settings;
use crate::workload::Workload;
use anyhow::Result;

/// One part of the suite.
pub struct Section {
    /// As BENCH_SECTIONS has it.
    pub name: &'static str,
    /// As the results have it.
    pub title: &'static str,
    /// Measures it.
    pub run: fn(&Settings) -> Result<Report>,
}

/// All parts, in their order.
pub const SECTIONS: [Section; 9] = [
    Section { name: "single", title: "Single calls", run: single::run },
    Section {
        name: "open",
        title: "Slow transactions, old snapshots, slow commits",
        run: open::run,
    },
    Section { name: "batches", title: "Batches", run: batches::run },
    Section { name: "stream", title: "Streams", run: stream::run },
    Section { name: "reads", title: "Reads under write load", run: reads::run },
    Section { name: "growth", title: "A growing ledger", run: growth::run },
    Section { name: "wal", title: "WAL", run: wal::run },
    Section { name: "queue", title: "The queue and its worker", run: queue::run },
    Section { name: "watching", title: "Metrics and the ticker", run: watching::run },
];

/// Calls a second.
const RATE: &str = "rate";
/// Latencies in milliseconds.
const P50: &str = "p50";
const P95: &str = "p95";
const P99: &str = "p99";

/// A tenth of the latencies is enough where calls are many.
const SOME: f64 = 0.1;
const ALL: f64 = 1.0;

/// A load of one workload.
fn load<'a>(
    database: &'a Database,
    workload: &Workload,
    clients: usize,
    sampling: f64,
) -> Load<'a> {
    Load {
        database: &database.name,
        script: workload.script,
        options: workload.options,
        clients,
        sampling,
        pace: None,
    }
}

/// A rest, a warm-up and one measurement.
fn measure(database: &Database, load: &Load, seconds: f64) -> Result<Outcome> {
    database.rest()?;
    load.warm_up()?;
    load.run(seconds)
}

/// Keeps what was measured, and says it.
fn note(samples: &mut Samples, place: Place, outcome: &Outcome) {
    for (name, value) in
        [(RATE, outcome.rate), (P50, outcome.p50), (P95, outcome.p95), (P99, outcome.p99)]
    {
        samples.record(place, name, value);
    }
    eprintln!("{:<26} {:<42} {:>9.0}/s {:>9.3} ms", place.0, place.1, outcome.rate, outcome.p50);
}
