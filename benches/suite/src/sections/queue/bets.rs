//! What the jackpot adds to a bet's transaction, and what the calls cost alone.

use super::measure_caught_up;
use crate::chart::{self, Scale, Series};
use crate::database::Database;
use crate::format::figure;
use crate::pgbench::Load;
use crate::samples::Samples;
use crate::sections::{ALL, P50, P99, RATE, SOME, load, note};
use crate::settings::Settings;
use crate::table::Table;
use crate::workload::{
    BET, CONTRIBUTE, ENQUEUE_CONTRIBUTION, ENQUEUE_SPIN, NAIVE, NO_TOTALS, SPIN_WITH_ODDS, Workload,
};
use anyhow::Result;

/// What a bet does for ten milliseconds before anything else.
const OWN_WORK: &str = "SELECT pg_sleep(0.010);\n";
const NOTHING: Workload = Workload { label: "nothing", script: "", ..BET };

const WAYS: [Workload; 6] =
    [NOTHING, NAIVE, CONTRIBUTE, SPIN_WITH_ODDS, ENQUEUE_CONTRIBUTION, ENQUEUE_SPIN];
const BET_CLIENTS: [usize; 2] = [16, 64];

const CALLS: [Workload; 5] = [BET, NO_TOTALS, ENQUEUE_CONTRIBUTION, SPIN_WITH_ODDS, ENQUEUE_SPIN];
const CALL_CLIENTS: [usize; 3] = [1, 16, 64];

const ABOUT_BETS: &str = "A bet's transaction: 10 ms of its own work, a one-row INSERT of the bet, \
                          then the jackpot, then COMMIT. Added is what a bet takes longer than one \
                          that does nothing for the jackpot. The worker is there and draws for the \
                          queued spins meanwhile.";
const ABOUT_CALLS: &str = "The calls alone, a transaction each, while the worker draws for the \
                           queued spins.";

/// A bet with the jackpot done in each way; the table and its chart.
pub fn run(settings: &Settings, database: &Database) -> Result<((&'static str, Table), String)> {
    let mut samples = Samples::default();
    for _ in 0..settings.rounds {
        for clients in BET_CLIENTS {
            let circumstances = in_a_bet(clients);
            for way in WAYS {
                let script = format!("BEGIN;\n{OWN_WORK}{}{}COMMIT;\n", BET.script, way.script);
                let load = Load { script: &script, ..load(database, &way, clients, ALL) };
                let outcome = measure_caught_up(database, &load, settings.seconds)?;
                note(&mut samples, (&circumstances, way.label), &outcome);
            }
        }
    }
    Ok(((ABOUT_BETS, bet_table(&samples)), draw(&samples)))
}

fn in_a_bet(clients: usize) -> String {
    format!("{clients} clients, 10 ms of work")
}

fn bet_table(samples: &Samples) -> Table {
    let mut table = Table::new(
        2,
        &[
            "clients",
            "for the jackpot",
            "bets/s",
            "p50 ms",
            "p99 ms",
            "added p50 ms",
            "added p99 ms",
            "bets/s against nothing",
        ],
    );
    for clients in BET_CLIENTS {
        let circumstances = in_a_bet(clients);
        let nothing = (circumstances.as_str(), NOTHING.label);
        for way in WAYS {
            let place = (circumstances.as_str(), way.label);
            table.row([
                clients.to_string(),
                way.label.to_owned(),
                figure(samples.median(place, RATE), 0),
                figure(samples.median(place, P50), 2),
                figure(samples.median(place, P99), 2),
                figure(samples.difference(place, nothing, P50), 2),
                figure(samples.difference(place, nothing, P99), 2),
                figure(samples.ratio(place, nothing, RATE), 2),
            ]);
        }
    }
    table
}

fn draw(samples: &Samples) -> String {
    let groups: Vec<(usize, &'static str)> =
        BET_CLIENTS.into_iter().flat_map(|clients| [(clients, P50), (clients, P99)]).collect();
    let series: Vec<Series> = [NAIVE, CONTRIBUTE, ENQUEUE_CONTRIBUTION, ENQUEUE_SPIN]
        .into_iter()
        .map(|way| Series {
            label: way.label,
            family: way.family,
            points: groups
                .iter()
                .enumerate()
                .filter_map(|(number, &(clients, name))| {
                    let circumstances = in_a_bet(clients);
                    let added = samples.difference(
                        (&circumstances, way.label),
                        (&circumstances, NOTHING.label),
                        name,
                    )?;
                    // Where nothing can be told apart from noise there is no bar.
                    (added > 0.0).then_some((number as f64, added))
                })
                .collect(),
        })
        .collect();
    let names: Vec<String> =
        groups.iter().map(|(clients, name)| format!("{clients} clients\n{name}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let y =
        Scale::logarithmic(series.iter().flat_map(|colour| &colour.points).map(|point| point.1));
    chart::bars("What the jackpot adds to a bet of 10 ms", "milliseconds", y, &names, &series)
}

/// The calls alone.
pub fn run_bare(settings: &Settings, database: &Database) -> Result<(&'static str, Table)> {
    let mut samples = Samples::default();
    for _ in 0..settings.rounds {
        for clients in CALL_CLIENTS {
            for call in CALLS {
                let load = load(database, &call, clients, SOME);
                let outcome = measure_caught_up(database, &load, settings.seconds)?;
                note(&mut samples, (&clients.to_string(), call.label), &outcome);
            }
        }
    }
    let mut table = Table::new(
        2,
        &[
            "clients",
            "call",
            "calls/s",
            "p50 ms",
            "p99 ms",
            "of the INSERT",
            "of jackpot_contribute(), totals off",
            "of jackpot_spin()",
        ],
    );
    for clients in CALL_CLIENTS {
        let circumstances = clients.to_string();
        for call in CALLS {
            let place = (circumstances.as_str(), call.label);
            let of = |other: Workload| samples.ratio(place, (&circumstances, other.label), RATE);
            table.row([
                circumstances.clone(),
                call.label.to_owned(),
                figure(samples.median(place, RATE), 0),
                figure(samples.median(place, P50), 2),
                figure(samples.median(place, P99), 2),
                figure(of(BET), 2),
                figure(of(NO_TOTALS), 2),
                figure(of(SPIN_WITH_ODDS), 2),
            ]);
        }
    }
    Ok((ABOUT_CALLS, table))
}
