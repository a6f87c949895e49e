//! Many bets in one call, against the plain INSERT of the same rows.

use super::RATE;
use crate::batch::{ARRAYS, ARRAYS_WITH_IDS, Batch, INSERT, INSERT_WITH_IDS, JSON, SPINS, Until};
use crate::chart::{self, Scale, Series};
use crate::database::{Database, PLAIN, POOLS};
use crate::format::{Target, figure};
use crate::report::Report;
use crate::samples::Samples;
use crate::settings::Settings;
use crate::table::Table;
use anyhow::Result;
use std::time::Duration;

const BATCHES: [Batch; 6] = [INSERT, ARRAYS, JSON, SPINS, INSERT_WITH_IDS, ARRAYS_WITH_IDS];
const SIZES: [usize; 3] = [100, 1_000, 10_000];
const CLIENTS: [usize; 2] = [1, 4];
/// Each bet feeds so many pools.
const POOLS_OF_A_BET: f64 = 3.0;
/// Batches fill disks: a tenth of the time of other measurements gives some hundred thousand rows.
const SHARE_OF_THE_TIME: f64 = 0.1;
/// Twice the 750,000 transfers a second that TigerBeetle did where the target was set.
const MOVEMENTS: f64 = 1_500_000.0;

/// Measures them.
pub fn run(settings: &Settings) -> Result<Report> {
    let mut samples = Samples::default();
    let mut proofs = Vec::new();
    let time = Duration::from_secs_f64(settings.seconds * SHARE_OF_THE_TIME);
    for _ in 0..settings.rounds {
        let database = Database::create("batches", &[POOLS, PLAIN])?;
        for function in
            ["jackpot_contribute_arrays", "jackpot_contribute_batch", "jackpot_spin_arrays"]
        {
            database.need(function)?;
        }
        for (size, clients) in kinds() {
            for batch in BATCHES {
                database.rest()?;
                // A taste of it, for the caches.
                batch.rate(&database, size, clients, Until::Sent(1))?;
                let rate = batch.rate(&database, size, clients, Until::Passed(time))?;
                let circumstances = name(size, clients);
                eprintln!("{circumstances:<26} {:<42} {rate:>9.0}/s", batch.label);
                samples.record((&circumstances, batch.label), RATE, rate);
            }
        }
        proofs.push(database.finish()?);
    }
    let words = "Arrays and JSON are real parameters of prepared statements; making them is not timed, \
                 sending them is.";
    Ok(Report {
        tables: vec![(words, table(&samples))],
        charts: vec![("batches", draw(&samples))],
        proofs,
        ..Report::default()
    })
}

fn kinds() -> impl Iterator<Item = (usize, usize)> {
    SIZES.into_iter().flat_map(|size| CLIENTS.into_iter().map(move |clients| (size, clients)))
}

fn name(size: usize, clients: usize) -> String {
    format!("{size} rows, {clients} clients")
}

fn table(samples: &Samples) -> Table {
    let mut table = Table::new(
        3,
        &[
            "rows a call",
            "clients",
            "call",
            "bets/s",
            "pool movements/s",
            "target",
            "of the INSERT",
            "target",
        ],
    );
    for (size, clients) in kinds() {
        let circumstances = name(size, clients);
        for batch in BATCHES {
            let place = (circumstances.as_str(), batch.label);
            let rate = samples.median(place, RATE);
            let movements = rate.map(|rate| rate * POOLS_OF_A_BET);
            let ratio = samples.ratio(place, (&circumstances, batch.baseline), RATE);
            let aimed = size == 10_000 && batch.label == ARRAYS_WITH_IDS.label;
            let judge =
                |target: Target, value| if aimed { target.judge(value) } else { String::new() };
            table.row([
                figure(Some(size as f64), 0),
                clients.to_string(),
                batch.label.to_owned(),
                figure(rate, 0),
                figure(movements, 0),
                judge(Target::AtLeast(MOVEMENTS), movements),
                figure(ratio, 2),
                judge(Target::AtLeast(0.8), ratio),
            ]);
        }
    }
    table
}

fn draw(samples: &Samples) -> String {
    let clients = CLIENTS.into_iter().max().unwrap_or(1);
    let series: Vec<Series> = BATCHES
        .into_iter()
        .map(|batch| Series {
            label: batch.label,
            family: batch.family,
            points: SIZES
                .into_iter()
                .filter_map(|size| {
                    Some((size as f64, samples.median((&name(size, clients), batch.label), RATE)?))
                })
                .collect(),
        })
        .collect();
    let y = Scale::linear(series.iter().flat_map(|line| &line.points).map(|point| point.1));
    chart::lines(
        &format!("Batches from {clients} clients"),
        "rows a call",
        "bets a second",
        y,
        &series,
    )
}
