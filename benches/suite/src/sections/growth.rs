//! The same calls on ledgers of three sizes: history must cost nothing.

use super::{P50, RATE, SOME, load, measure, note};
use crate::batch::{ARRAYS, Until};
use crate::chart::{self, Scale, Series};
use crate::database::{Database, POOLS};
use crate::format::{Target, figure};
use crate::report::Report;
use crate::samples::Samples;
use crate::settings::Settings;
use crate::table::Table;
use crate::workload::{CONTRIBUTE, READ_POOLS, Workload};
use anyhow::Result;

const ROWS: [usize; 3] = [10_000, 1_000_000, 10_000_000];
const CALLS: [Workload; 2] = [READ_POOLS, CONTRIBUTE];
const FILLERS: usize = 2;
const ROWS_A_CALL: usize = 10_000;

/// Measures them.
pub fn run(settings: &Settings) -> Result<Report> {
    let [smallest, middle, largest] = ROWS.map(|rows| settings.rows(rows));
    let mut samples = Samples::default();
    let mut proofs = Vec::new();
    let grown = [(middle, filled("grown", middle)?), (largest, filled("huge", largest)?)];
    for _ in 0..settings.rounds {
        // What is measured adds rows, so the small one is always a new one.
        let small = filled("small", smallest)?;
        for workload in CALLS {
            let all = grown.iter().map(|(rows, database)| (*rows, database));
            for (rows, database) in [(smallest, &small)].into_iter().chain(all) {
                let outcome =
                    measure(database, &load(database, &workload, 1, SOME), settings.seconds)?;
                note(&mut samples, (&rows.to_string(), workload.label), &outcome);
            }
        }
        proofs.push(small.finish()?);
    }
    for (_, database) in grown {
        proofs.push(database.finish()?);
    }
    let sizes = [smallest, middle, largest];
    let words = "One client. Time is that of a call on average, commit included.";
    Ok(Report {
        tables: vec![(words, table(sizes, &samples))],
        charts: vec![("growth", draw(sizes, &samples))],
        proofs,
        ..Report::default()
    })
}

/// A database whose ledger has so many rows, settled and vacuumed.
fn filled(purpose: &str, rows: usize) -> Result<Database> {
    let database = Database::create(purpose, &[POOLS])?;
    database.need("jackpot_contribute_arrays")?;
    let (fillers, batch) = if rows < FILLERS * ROWS_A_CALL {
        (1, rows.min(ROWS_A_CALL))
    } else {
        (FILLERS, ROWS_A_CALL)
    };
    let rate = ARRAYS.rate(&database, batch, fillers, Until::Sent(rows / fillers))?;
    eprintln!("{} filled with {rows} rows at {rate:.0}/s", database.name);
    database.rest()?;
    database.connect()?.batch_execute("VACUUM ANALYZE jackpot.ledger")?;
    Ok(database)
}

fn table(sizes: [usize; 3], samples: &Samples) -> Table {
    let [smallest, ..] = sizes.map(|rows| rows.to_string());
    let mut table = Table::new(
        1,
        &[
            "call",
            "rows in the ledger",
            "calls/s",
            "time ms",
            "p50 ms",
            "time against the smallest",
            "target",
        ],
    );
    for workload in CALLS {
        for rows in sizes {
            let name = rows.to_string();
            let place = (name.as_str(), workload.label);
            let longer = samples.ratio((&smallest, workload.label), place, RATE);
            table.row([
                workload.label.to_owned(),
                figure(Some(rows as f64), 0),
                figure(samples.median(place, RATE), 0),
                figure(samples.median(place, RATE).map(|rate| 1000.0 / rate), 3),
                figure(samples.median(place, P50), 3),
                figure(longer, 2),
                if name == smallest { String::new() } else { Target::AtMost(1.1).judge(longer) },
            ]);
        }
    }
    table
}

fn draw(sizes: [usize; 3], samples: &Samples) -> String {
    let series: Vec<Series> = CALLS
        .into_iter()
        .map(|workload| Series {
            label: workload.label,
            family: workload.family,
            points: sizes
                .into_iter()
                .filter_map(|rows| {
                    let rate = samples.median((&rows.to_string(), workload.label), RATE)?;
                    Some((rows as f64, 1000.0 / rate))
                })
                .collect(),
        })
        .collect();
    let y = Scale::linear(series.iter().flat_map(|line| &line.points).map(|point| point.1));
    chart::lines(
        "Time of a call as the ledger grows",
        "rows in the ledger",
        "milliseconds",
        y,
        &series,
    )
}
