//! What it costs to count calls, and how often the ticker can be read.

use super::{ALL, P50, P95, P99, RATE, SOME, load, measure, note};
use crate::database::{Database, NAIVE as NAIVE_TABLES, POOLS};
use crate::format::figure;
use crate::report::Report;
use crate::samples::Samples;
use crate::settings::Settings;
use crate::table::Table;
use crate::workload::{CONTRIBUTE, NO_METRICS, READ_NAIVE, READ_POOLS, READ_TICKER, SELECT};
use anyhow::{Result, anyhow};
use std::thread;
use std::time::{Duration, Instant};

/// Calls between two switches of one session.
const CALLS: usize = 200;
/// Measurements with many clients in each round: what is looked for is smaller than the noise.
const TIMES: usize = 4;
const MANY: usize = 16;
const WRITERS: usize = 4;
const READERS: [usize; 2] = [1, 64];
/// Writers start earlier and stop later than the readers.
const MARGIN_SECONDS: f64 = 1.0;

/// The time of a call in microseconds.
const TIME: &str = "time";
const ONE_SESSION: &str = "1, switching";

/// Measures them.
pub fn run(settings: &Settings) -> Result<Report> {
    let database = Database::create("watching", &[POOLS, NAIVE_TABLES])?;
    let mut samples = Samples::default();
    switch(&database, settings, &mut samples)?;
    let many = MANY.to_string();
    for round in 0..settings.rounds * TIMES {
        // In turn first, as whoever is first has the smaller ledger.
        let pair = if round.is_multiple_of(2) {
            [CONTRIBUTE, NO_METRICS]
        } else {
            [NO_METRICS, CONTRIBUTE]
        };
        for workload in pair {
            let outcome = measure(
                &database,
                &load(&database, &workload, MANY, SOME),
                settings.seconds / 2.0,
            )?;
            note(&mut samples, (&many, workload.label), &outcome);
        }
    }
    for _ in 0..settings.rounds {
        read(&database, settings, &mut samples)?;
    }
    Ok(Report {
        tables: vec![
            (
                "The same call with `jackpot.metrics` on and off. One session that switches every 200 calls, and 16 clients of pgbench.",
                cost(&samples),
            ),
            (
                "Readers as fast as they can, while 4 clients contribute as fast as they can.",
                reads(&samples),
            ),
        ],
        proofs: vec![database.finish()?],
        ..Report::default()
    })
}

/// One session that calls with and without counting, by turns.
fn switch(database: &Database, settings: &Settings, samples: &mut Samples) -> Result<()> {
    let mut client = database.connect()?;
    let call = client.prepare(CONTRIBUTE.script.trim_end().trim_end_matches(';'))?;
    let until = Instant::now() + Duration::from_secs_f64(settings.seconds * settings.rounds as f64);
    let mut workloads = [CONTRIBUTE, NO_METRICS];
    while Instant::now() < until {
        for workload in workloads {
            let state = if workload.label == CONTRIBUTE.label { "on" } else { "off" };
            client.batch_execute(&format!("SET jackpot.metrics = {state}"))?;
            let began = Instant::now();
            for _ in 0..CALLS {
                client.query(&call, &[])?;
            }
            let time = began.elapsed().as_secs_f64() * 1e6 / CALLS as f64;
            samples.record((ONE_SESSION, workload.label), TIME, time);
        }
        // On, off, off, on: what drifts falls on both.
        workloads.reverse();
    }
    Ok(())
}

fn read(database: &Database, settings: &Settings, samples: &mut Samples) -> Result<()> {
    for readers in READERS {
        for reads in [READ_TICKER, READ_POOLS, READ_NAIVE, SELECT] {
            database.rest()?;
            let writer = load(database, &CONTRIBUTE, WRITERS, SOME);
            let reader = load(database, &reads, readers, if readers == 1 { ALL } else { SOME });
            let outcome = thread::scope(|scope| {
                let writing = scope.spawn(|| writer.run(settings.seconds + 2.0 * MARGIN_SECONDS));
                thread::sleep(Duration::from_secs_f64(MARGIN_SECONDS));
                let outcome = reader.run(settings.seconds)?;
                writing.join().map_err(|_| anyhow!("the writers panicked"))??;
                anyhow::Ok(outcome)
            })?;
            note(samples, (&readers.to_string(), reads.label), &outcome);
        }
    }
    Ok(())
}

fn cost(samples: &Samples) -> Table {
    let mut table = Table::new(2, &["clients", "call", "calls/s", "µs a call", "time, on to off"]);
    for workload in [CONTRIBUTE, NO_METRICS] {
        let place = (ONE_SESSION, workload.label);
        let off = (ONE_SESSION, NO_METRICS.label);
        table.row([
            ONE_SESSION.to_owned(),
            workload.label.to_owned(),
            String::new(),
            figure(samples.median(place, TIME), 2),
            figure(samples.ratio(place, off, TIME), 3),
        ]);
    }
    let many = MANY.to_string();
    for workload in [CONTRIBUTE, NO_METRICS] {
        let place = (many.as_str(), workload.label);
        let off = (many.as_str(), NO_METRICS.label);
        table.row([
            many.clone(),
            workload.label.to_owned(),
            figure(samples.median(place, RATE), 0),
            String::new(),
            figure(samples.ratio(off, place, RATE), 3),
        ]);
    }
    table
}

fn reads(samples: &Samples) -> Table {
    let mut table = Table::new(
        2,
        &[
            "readers",
            "read",
            "reads/s",
            "p50 ms",
            "p95 ms",
            "p99 ms",
            "of jackpot_pools()",
            "of the three rows",
        ],
    );
    for readers in READERS {
        let readers = readers.to_string();
        for workload in [READ_TICKER, READ_POOLS, READ_NAIVE, SELECT] {
            let place = (readers.as_str(), workload.label);
            let of = |other| samples.ratio(place, (&readers, other), RATE);
            table.row([
                readers.clone(),
                workload.label.to_owned(),
                figure(samples.median(place, RATE), 0),
                figure(samples.median(place, P50), 3),
                figure(samples.median(place, P95), 3),
                figure(samples.median(place, P99), 3),
                figure(of(READ_POOLS.label), 2),
                figure(of(READ_NAIVE.label), 2),
            ]);
        }
    }
    table
}
