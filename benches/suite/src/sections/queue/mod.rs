//! The queue: what it adds to a bet, how fast it takes in and works off, and how late it is.

mod bets;
mod drain;
mod lag;
mod worker;

use super::measure;
use crate::database::{Database, NAIVE as NAIVE_TABLES, ODDS_POOLS, PLAIN};
use crate::pgbench::{Load, Outcome};
use crate::report::Report;
use crate::settings::Settings;
use anyhow::Result;

/// Measures it.
pub fn run(settings: &Settings) -> Result<Report> {
    // Spins draw for each of the three pools.
    let database = Database::create("queue", &[ODDS_POOLS, PLAIN, NAIVE_TABLES])?;
    for function in ["jackpot_enqueue_contribution", "jackpot_enqueue_spin", "jackpot_queue_item"] {
        database.need(function)?;
    }
    let (bets, added) = bets::run(settings, &database)?;
    let calls = bets::run_bare(settings, &database)?;
    let lag = lag::run(settings, &database)?;
    worker::caught_up(&database)?;
    let mut proofs = vec![database.finish()?];
    let drain = drain::run(settings, &mut proofs)?;
    Ok(Report {
        tables: vec![bets, calls, drain, lag],
        charts: vec![("queue", added)],
        proofs,
        ..Report::default()
    })
}

/// One measurement beside a worker that has nothing left to do from earlier ones.
fn measure_caught_up(database: &Database, load: &Load, seconds: f64) -> Result<Outcome> {
    worker::caught_up(database)?;
    measure(database, load, seconds)
}
