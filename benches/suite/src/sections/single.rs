//! Single calls, each its own transaction, on three hot pools.

use super::{P50, P95, P99, RATE, SOME, load, measure, note};
use crate::chart::{self, Family, Scale, Series};
use crate::database::{Database, NAIVE as NAIVE_TABLES, ODDS_POOLS, PLAIN, POOLS};
use crate::format::{Target, figure};
use crate::optimistic;
use crate::report::Report;
use crate::samples::Samples;
use crate::settings::Settings;
use crate::table::Table;
use crate::workload::{
    BET, CONTRIBUTE, NAIVE, NO_TOTALS, ROW, SELECT, SPIN, SPIN_WITH_ODDS, STATEMENTS,
};
use anyhow::Result;

const FAILED: &str = "failed";

/// In the order of the table.
const CALLS: [(&str, Family); 10] = [
    (SELECT.label, Family::Plain),
    (BET.label, Family::Plain),
    (ROW.label, Family::Plain),
    (NAIVE.label, Family::Naive),
    (STATEMENTS.label, Family::Naive),
    (optimistic::LABEL, Family::Naive),
    (CONTRIBUTE.label, Family::Jackpot),
    (NO_TOTALS.label, Family::Jackpot),
    (SPIN.label, Family::Jackpot),
    (SPIN_WITH_ODDS.label, Family::Jackpot),
];

/// Measures them.
pub fn run(settings: &Settings) -> Result<Report> {
    let database = Database::create("single", &[POOLS, PLAIN, NAIVE_TABLES])?;
    let odds = Database::create("odds", &[ODDS_POOLS])?;
    let no_node = optimistic::prepare().err();
    let mut samples = Samples::default();
    for _ in 0..settings.rounds {
        for &clients in &settings.clients {
            let circumstances = clients.to_string();
            for workload in [SELECT, BET, ROW, NAIVE, STATEMENTS, CONTRIBUTE, NO_TOTALS, SPIN] {
                let outcome = measure(
                    &database,
                    &load(&database, &workload, clients, SOME),
                    settings.seconds,
                )?;
                note(&mut samples, (&circumstances, workload.label), &outcome);
            }
            let outcome =
                measure(&odds, &load(&odds, &SPIN_WITH_ODDS, clients, SOME), settings.seconds)?;
            note(&mut samples, (&circumstances, SPIN_WITH_ODDS.label), &outcome);
            if no_node.is_none() {
                database.rest()?;
                let (outcome, failed) = optimistic::run(&database, clients, settings.seconds)?;
                let place = (circumstances.as_str(), optimistic::LABEL);
                note(&mut samples, place, &outcome);
                samples.record(place, FAILED, failed);
            }
        }
    }
    let words = "Each call is a transaction; the pools are three, and every bet feeds all of them.";
    Ok(Report {
        tables: vec![(words, table(settings, &samples))],
        charts: charts(settings, &samples),
        proofs: vec![database.finish()?, odds.finish()?],
        remarks: no_node
            .map(|error| format!("Not measured: {}: {error:#}", optimistic::LABEL))
            .into_iter()
            .collect(),
    })
}

fn table(settings: &Settings, samples: &Samples) -> Table {
    let mut table = Table::new(
        2,
        &[
            "clients",
            "call",
            "calls/s",
            "p50 ms",
            "p95 ms",
            "p99 ms",
            "failed",
            "of the INSERT",
            "target",
            "of the ledger's row",
            "of the naive function",
            "target",
        ],
    );
    for &clients in &settings.clients {
        let circumstances = clients.to_string();
        for (call, _) in CALLS {
            let place = (circumstances.as_str(), call);
            let Some(rate) = samples.median(place, RATE) else { continue };
            let of = |other| samples.ratio(place, (&circumstances, other), RATE);
            let (insert, naive) = (of(BET.label), of(NAIVE.label));
            let targets = targets(call, clients);
            table.row([
                circumstances.clone(),
                call.to_owned(),
                figure(Some(rate), 0),
                figure(samples.median(place, P50), 2),
                figure(samples.median(place, P95), 2),
                figure(samples.median(place, P99), 2),
                samples
                    .median(place, FAILED)
                    .map(|share| format!("{:.1} %", share * 100.0))
                    .unwrap_or_default(),
                figure(insert, 2),
                targets.0.map(|target| target.judge(insert)).unwrap_or_default(),
                figure(of(ROW.label), 2),
                figure(naive, 1),
                targets.1.map(|target| target.judge(naive)).unwrap_or_default(),
            ]);
        }
    }
    table
}

/// Against the INSERT, and against the naive function.
fn targets(call: &str, clients: usize) -> (Option<Target>, Option<Target>) {
    let insert = match (call == CONTRIBUTE.label, call == NO_TOTALS.label, clients) {
        (true, _, 1) => Some(0.6),
        (true, _, 16) => Some(0.75),
        (true, _, 64) => Some(0.65),
        (_, true, 1) => Some(0.7),
        (_, true, 16) => Some(0.9),
        (_, true, 64) => Some(0.8),
        _ => None,
    };
    let naive = match (call == CONTRIBUTE.label, clients) {
        (true, 16) => Some(6.0),
        (true, 64) => Some(10.0),
        _ => None,
    };
    (insert.map(Target::AtLeast), naive.map(Target::AtLeast))
}

fn charts(settings: &Settings, samples: &Samples) -> Vec<(&'static str, String)> {
    let series = |name: &'static str| -> Vec<Series> {
        let shown = CALLS.into_iter().filter(|(call, _)| *call != SELECT.label);
        shown
            .map(|(label, family)| Series {
                label,
                family,
                points: settings
                    .clients
                    .iter()
                    .filter_map(|&clients| {
                        Some((clients as f64, samples.median((&clients.to_string(), label), name)?))
                    })
                    .collect(),
            })
            .filter(|line| !line.points.is_empty())
            .collect()
    };
    let draw = |title: &str, y_label: &str, series: &[Series]| {
        let y =
            Scale::logarithmic(series.iter().flat_map(|line| &line.points).map(|point| point.1));
        chart::lines(title, "clients", y_label, y, series)
    };
    vec![
        ("single", draw("One bet on three hot pools", "calls a second", &series(RATE))),
        ("latency", draw("The slowest hundredth of calls", "p99 in milliseconds", &series(P99))),
    ]
}
