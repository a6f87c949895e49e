//! One reader beside sixteen writers.

use super::{ALL, P50, P95, P99, RATE, SOME, load, note};
use crate::database::{Database, NAIVE as NAIVE_TABLES, POOLS};
use crate::format::{Target, figure};
use crate::report::Report;
use crate::samples::Samples;
use crate::settings::Settings;
use crate::table::Table;
use crate::workload::{CONTRIBUTE, NAIVE, READ_NAIVE, READ_POOLS, Workload};
use anyhow::{Result, anyhow};
use std::thread;
use std::time::Duration;

const WRITERS: usize = 16;
const WRITES: &str = "writes";
/// Writers start earlier and stop later than the reader.
const MARGIN_SECONDS: f64 = 1.0;

/// A reader and what goes on meanwhile.
const PAIRS: [(Workload, Workload); 3] =
    [(READ_POOLS, CONTRIBUTE), (READ_NAIVE, CONTRIBUTE), (READ_NAIVE, NAIVE)];

/// Measures them.
pub fn run(settings: &Settings) -> Result<Report> {
    let database = Database::create("reads", &[POOLS, NAIVE_TABLES])?;
    let mut samples = Samples::default();
    for _ in 0..settings.rounds {
        for (reads, writes) in PAIRS {
            database.rest()?;
            let writer = load(&database, &writes, WRITERS, SOME);
            let reader = load(&database, &reads, 1, ALL);
            let (written, read) = thread::scope(|scope| {
                let writing = scope.spawn(|| writer.run(settings.seconds + 2.0 * MARGIN_SECONDS));
                thread::sleep(Duration::from_secs_f64(MARGIN_SECONDS));
                let read = reader.run(settings.seconds);
                let written = writing.join().map_err(|_| anyhow!("the writers panicked"))?;
                anyhow::Ok((written?, read?))
            })?;
            let place = (writes.label, reads.label);
            note(&mut samples, place, &read);
            samples.record(place, WRITES, written.rate);
        }
    }
    let mut table = Table::new(
        2,
        &[
            "read",
            "meanwhile, 16 clients",
            "writes/s",
            "reads/s",
            "p50 ms",
            "p95 ms",
            "p99 ms",
            "target",
        ],
    );
    for (reads, writes) in PAIRS {
        let place = (writes.label, reads.label);
        let slow = samples.median(place, P99);
        table.row([
            reads.label.to_owned(),
            writes.label.to_owned(),
            figure(samples.median(place, WRITES), 0),
            figure(samples.median(place, RATE), 0),
            figure(samples.median(place, P50), 2),
            figure(samples.median(place, P95), 2),
            figure(slow, 2),
            if reads.label == READ_POOLS.label {
                Target::AtMost(2.0).judge(slow)
            } else {
                String::new()
            },
        ]);
    }
    let words = "One client that reads as fast as it can.";
    Ok(Report {
        tables: vec![(words, table)],
        proofs: vec![database.finish()?],
        ..Report::default()
    })
}
