//! What kills hot rows: transactions that go on after the call, snapshots held open, slow commits.

use super::{ALL, P50, P99, RATE, load, measure, note};
use crate::chart::{self, Scale, Series};
use crate::database::{Database, NAIVE as NAIVE_TABLES, PLAIN, POOLS};
use crate::format::{Target, figure};
use crate::pgbench::Load;
use crate::report::Report;
use crate::samples::Samples;
use crate::settings::Settings;
use crate::table::Table;
use crate::workload::{BET, CONTRIBUTE, NAIVE, Workload};
use anyhow::Result;
use postgres::Client;

const CALLS: [Workload; 3] = [BET, NAIVE, CONTRIBUTE];
const OPEN_MILLISECONDS: [u32; 2] = [5, 50];
const OPEN_CLIENTS: [usize; 2] = [16, 64];
const SNAPSHOT_CLIENTS: usize = 16;
const COMMIT_CLIENTS: usize = 64;
/// Every flush waits 1 ms for company, as on network storage.
const SLOW_COMMITS: &str = "-c commit_delay=1000 -c commit_siblings=0";

const FREE: &str = "16 clients, no snapshot";
const HELD: &str = "16 clients, snapshot held";
const SLOW: &str = "64 clients, commits +1 ms";

const ABOUT_OPEN: &str = "Transactions that stay open after the call, for a bet's own work. The \
                          ideal is clients / time open. Somebody settles every second, as the \
                          guide asks here.";
const ABOUT_SNAPSHOT: &str = "A snapshot that another session holds open from before the first \
                              call to after the last.";
const ABOUT_COMMITS: &str = "Commits that take a millisecond longer (`commit_delay = 1000`, \
                             `commit_siblings = 0`), 64 clients.";

/// Measures them.
pub fn run(settings: &Settings) -> Result<Report> {
    let database = Database::create("open", &[POOLS, PLAIN, NAIVE_TABLES])?;
    let mut samples = Samples::default();
    for _ in 0..settings.rounds {
        for (milliseconds, clients) in open_kinds() {
            let circumstances = open_name(milliseconds, clients);
            for workload in CALLS {
                let script = workload.kept_open(milliseconds);
                let load = Load { script: &script, ..load(&database, &workload, clients, ALL) };
                let outcome = database.settling(|| measure(&database, &load, settings.seconds))?;
                note(&mut samples, (&circumstances, workload.label), &outcome);
            }
        }
        for workload in CALLS {
            let load = load(&database, &workload, SNAPSHOT_CLIENTS, ALL);
            let outcome = measure(&database, &load, settings.seconds)?;
            note(&mut samples, (FREE, workload.label), &outcome);
            let mut holder = hold_snapshot(&database)?;
            let outcome = measure(&database, &load, settings.seconds)?;
            note(&mut samples, (HELD, workload.label), &outcome);
            holder.batch_execute("ROLLBACK")?;
            database.connect()?.batch_execute("VACUUM naive.pool")?;
        }
        for workload in CALLS {
            let load =
                Load { options: SLOW_COMMITS, ..load(&database, &workload, COMMIT_CLIENTS, ALL) };
            let outcome = measure(&database, &load, settings.seconds)?;
            note(&mut samples, (SLOW, workload.label), &outcome);
        }
    }
    Ok(Report {
        tables: vec![
            (ABOUT_OPEN, open_table(&samples)),
            (ABOUT_SNAPSHOT, snapshot_table(&samples)),
            (ABOUT_COMMITS, commit_table(&samples)),
        ],
        charts: vec![("open", draw(&samples))],
        proofs: vec![database.finish()?],
        ..Report::default()
    })
}

fn open_kinds() -> impl Iterator<Item = (u32, usize)> {
    OPEN_MILLISECONDS
        .into_iter()
        .flat_map(|time| OPEN_CLIENTS.into_iter().map(move |clients| (time, clients)))
}

fn open_name(milliseconds: u32, clients: usize) -> String {
    format!("{clients} clients, open {milliseconds} ms")
}

/// A transaction that has read and goes on.
fn hold_snapshot(database: &Database) -> Result<Client> {
    let mut holder = database.connect()?;
    holder
        .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM naive.pool")?;
    Ok(holder)
}

fn open_table(samples: &Samples) -> Table {
    let mut table = Table::new(
        2,
        &[
            "circumstances",
            "call",
            "bets/s",
            "p50 ms",
            "p99 ms",
            "of the ideal",
            "target",
            "of the INSERT",
            "of the naive function",
        ],
    );
    for (milliseconds, clients) in open_kinds() {
        let circumstances = open_name(milliseconds, clients);
        let ideal = clients as f64 * 1000.0 / f64::from(milliseconds);
        for workload in CALLS {
            let place = (circumstances.as_str(), workload.label);
            let share = samples.median(place, RATE).map(|rate| rate / ideal);
            let of = |other: Workload| samples.ratio(place, (&circumstances, other.label), RATE);
            let aimed = workload.label == CONTRIBUTE.label && (milliseconds, clients) == (50, 64);
            table.row([
                circumstances.clone(),
                workload.label.to_owned(),
                figure(samples.median(place, RATE), 0),
                figure(samples.median(place, P50), 1),
                figure(samples.median(place, P99), 1),
                figure(share, 2),
                if aimed { Target::AtLeast(0.95).judge(share) } else { String::new() },
                figure(of(BET), 2),
                figure(of(NAIVE), 1),
            ]);
        }
    }
    table
}

fn snapshot_table(samples: &Samples) -> Table {
    let mut table = Table::new(
        1,
        &[
            "call, 16 clients",
            "calls/s without",
            "calls/s with",
            "p99 ms without",
            "p99 ms with",
            "with against without",
            "target",
        ],
    );
    for workload in CALLS {
        let (free, held) = ((FREE, workload.label), (HELD, workload.label));
        let ratio = samples.ratio(held, free, RATE);
        let aimed = workload.label == CONTRIBUTE.label;
        table.row([
            workload.label.to_owned(),
            figure(samples.median(free, RATE), 0),
            figure(samples.median(held, RATE), 0),
            figure(samples.median(free, P99), 2),
            figure(samples.median(held, P99), 2),
            figure(ratio, 2),
            if aimed { Target::AtLeast(0.95).judge(ratio) } else { String::new() },
        ]);
    }
    table
}

fn commit_table(samples: &Samples) -> Table {
    let mut table = Table::new(
        1,
        &[
            "call",
            "calls/s",
            "p50 ms",
            "p99 ms",
            "of the INSERT",
            "of the naive function",
            "target",
        ],
    );
    for workload in CALLS {
        let place = (SLOW, workload.label);
        let naive = samples.ratio(place, (SLOW, NAIVE.label), RATE);
        let aimed = workload.label == CONTRIBUTE.label;
        table.row([
            workload.label.to_owned(),
            figure(samples.median(place, RATE), 0),
            figure(samples.median(place, P50), 1),
            figure(samples.median(place, P99), 1),
            figure(samples.ratio(place, (SLOW, BET.label), RATE), 2),
            figure(naive, 1),
            if aimed { Target::AtLeast(30.0).judge(naive) } else { String::new() },
        ]);
    }
    table
}

fn draw(samples: &Samples) -> String {
    let mut circumstances: Vec<String> =
        open_kinds().map(|(time, clients)| open_name(time, clients)).collect();
    circumstances.extend([HELD.to_owned(), SLOW.to_owned()]);
    let series: Vec<Series> = [CONTRIBUTE, NAIVE]
        .into_iter()
        .map(|workload| Series {
            label: workload.label,
            family: workload.family,
            points: circumstances
                .iter()
                .enumerate()
                .filter_map(|(number, name)| {
                    Some((
                        number as f64,
                        samples.ratio((name, workload.label), (name, BET.label), RATE)?,
                    ))
                })
                .collect(),
        })
        .collect();
    let groups: Vec<String> =
        circumstances.iter().map(|name| name.replacen(", ", "\n", 1)).collect();
    let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
    let y = Scale::linear(
        series.iter().flat_map(|colour| &colour.points).map(|point| point.1).chain([1.0]),
    );
    chart::bars(
        "Bets a second in slow circumstances, as a share of one-row INSERTs",
        "of the INSERT",
        y,
        &groups,
        &series,
    )
}
