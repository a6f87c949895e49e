//! COPY into the inbox and its processing: rows a second, and the memory of the backend.

use super::RATE;
use crate::database::{Database, POOLS};
use crate::format::{Target, figure};
use crate::memory;
use crate::report::Report;
use crate::samples::Samples;
use crate::settings::Settings;
use crate::table::Table;
use anyhow::{Result, ensure};
use std::io::Write;
use std::time::Instant;

const ROWS: [usize; 3] = [10_000, 1_000_000, 5_000_000];
const PLAIN_INBOX: &str =
    "CREATE SCHEMA plain; CREATE TABLE plain.inbox (LIKE jackpot.inbox INCLUDING ALL)";
const MEMORY: &str = "memory";
const MEGABYTES: f64 = 50.0;

const COPY_PLAIN: &str = "COPY into a plain table";
const COPY: &str = "COPY into jackpot.inbox";
const PROCESS: &str = "jackpot_process_inbox()";
const BOTH: &str = "COPY and processing";
const STEPS: [&str; 4] = [COPY_PLAIN, COPY, PROCESS, BOTH];

/// What a step took.
struct Step {
    seconds: f64,
    megabytes: f64,
}

/// Measures them.
pub fn run(settings: &Settings) -> Result<Report> {
    let mut samples = Samples::default();
    let mut proofs = Vec::new();
    for round in 0..settings.rounds {
        let database = Database::create("stream", &[POOLS])?;
        database.need("jackpot_process_inbox")?;
        database.connect()?.batch_execute(PLAIN_INBOX)?;
        // Memory has no moods: the largest stream comes once.
        let sizes = ROWS.iter().take(if round == 0 { ROWS.len() } else { ROWS.len() - 1 });
        for rows in sizes.map(|&rows| settings.rows(rows)) {
            let plain = copy(&database, "plain.inbox", rows, round)?;
            let copied = copy(&database, "jackpot.inbox", rows, round)?;
            let processed = process(&database, rows)?;
            let both = Step {
                seconds: copied.seconds + processed.seconds,
                megabytes: copied.megabytes.max(processed.megabytes),
            };
            let name = rows.to_string();
            for (step, taken) in STEPS.into_iter().zip([plain, copied, processed, both]) {
                let rate = rows as f64 / taken.seconds;
                eprintln!("{name:<26} {step:<42} {rate:>9.0}/s {:>9.1} MB", taken.megabytes);
                samples.record((&name, step), RATE, rate);
                samples.record((&name, step), MEMORY, taken.megabytes);
            }
        }
        proofs.push(database.finish()?);
    }
    let words = "Every row has an operation id. Processing is one call for all rows. Memory is the \
                 most that the backend's anonymous memory (RssAnon) grew, looked at every 2 ms; \
                 shared buffers are not in it.";
    Ok(Report { tables: vec![(words, table(settings, &samples))], proofs, ..Report::default() })
}

fn copy(database: &Database, table: &str, rows: usize, round: usize) -> Result<Step> {
    database.rest()?;
    let mut client = database.connect()?;
    let process = client.query_one("SELECT pg_backend_pid()", &[])?.get(0);
    let (seconds, megabytes) = memory::peak(process, || {
        let started = Instant::now();
        let statement =
            format!("COPY {table} (game_id, wager_amount, user_id, operation_id) FROM STDIN");
        let mut writer = client.copy_in(&statement)?;
        for row in 0..rows {
            let (game, wager) = (row % 200, row % 1_000 + 1);
            writeln!(writer, "game-{game}\t{wager}\tplayer-{row}\tbet-{round}-{rows}-{row}")?;
        }
        writer.finish()?;
        Ok(started.elapsed().as_secs_f64())
    })?;
    Ok(Step { seconds, megabytes })
}

fn process(database: &Database, rows: usize) -> Result<Step> {
    database.rest()?;
    let mut client = database.connect()?;
    let process = client.query_one("SELECT pg_backend_pid()", &[])?.get(0);
    let wanted = i64::try_from(rows)?;
    let (seconds, megabytes) = memory::peak(process, || {
        let started = Instant::now();
        let processed: i64 =
            client.query_one("SELECT processed FROM jackpot_process_inbox($1)", &[&wanted])?.get(0);
        ensure!(processed == wanted, "jackpot_process_inbox() took {processed} of {rows} rows");
        Ok(started.elapsed().as_secs_f64())
    })?;
    Ok(Step { seconds, megabytes })
}

fn table(settings: &Settings, samples: &Samples) -> Table {
    let mut table = Table::new(
        2,
        &["rows", "step", "rows/s", "of the plain COPY", "memory MB above idle", "target"],
    );
    for rows in ROWS.map(|rows| settings.rows(rows)) {
        let name = rows.to_string();
        for step in STEPS {
            let place = (name.as_str(), step);
            let memory = samples.median(place, MEMORY);
            table.row([
                figure(Some(rows as f64), 0),
                step.to_owned(),
                figure(samples.median(place, RATE), 0),
                figure(samples.ratio(place, (&name, COPY_PLAIN), RATE), 2),
                figure(memory, 1),
                if step == BOTH { Target::AtMost(MEGABYTES).judge(memory) } else { String::new() },
            ]);
        }
    }
    table
}
