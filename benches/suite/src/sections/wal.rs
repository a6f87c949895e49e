//! How much WAL a bet writes.

use super::{SOME, load};
use crate::batch::{ARRAYS, ARRAYS_WITH_IDS, Batch, INSERT, INSERT_WITH_IDS, Until};
use crate::database::{Database, NAIVE as NAIVE_TABLES, PLAIN, POOLS};
use crate::format::{Target, figure};
use crate::report::Report;
use crate::samples::Samples;
use crate::settings::Settings;
use crate::table::Table;
use crate::workload::{
    BET, CONTRIBUTE, CONTRIBUTE_WITH_ID, NAIVE, ROW, ROW_WITH_ID, STATEMENTS, Workload,
};
use anyhow::Result;

const SINGLE: [Workload; 7] =
    [BET, ROW, ROW_WITH_ID, NAIVE, STATEMENTS, CONTRIBUTE, CONTRIBUTE_WITH_ID];
const BATCHES: [Batch; 4] = [INSERT, INSERT_WITH_IDS, ARRAYS, ARRAYS_WITH_IDS];
const ROWS_A_CALL: usize = 1_000;
const ROWS: usize = 200_000;
/// Bytes have no moods: less time will do, and one round.
const SHARE_OF_THE_TIME: f64 = 0.4;

const BYTES: &str = "bytes";
const IMAGES: &str = "images";
const ONE: &str = "one a call";
const MANY: &str = "1,000 a call";

/// Measures it.
pub fn run(settings: &Settings) -> Result<Report> {
    let database = Database::create("wal", &[POOLS, PLAIN, NAIVE_TABLES])?;
    database.connect()?.batch_execute("CREATE EXTENSION pg_walinspect")?;
    database.need("jackpot_contribute_arrays")?;
    let mut samples = Samples::default();
    for workload in SINGLE {
        let load = load(&database, &workload, 1, SOME);
        database.rest()?;
        load.warm_up()?;
        let written = written(&database, || {
            Ok(load.run(settings.seconds * SHARE_OF_THE_TIME)?.transactions)
        })?;
        keep(&mut samples, ONE, workload.label, written);
    }
    for batch in BATCHES {
        let rows = settings.rows(ROWS).next_multiple_of(ROWS_A_CALL);
        database.rest()?;
        batch.rate(&database, ROWS_A_CALL, 1, Until::Sent(rows / 4))?;
        let written = written(&database, || {
            batch.rate(&database, ROWS_A_CALL, 1, Until::Sent(rows))?;
            Ok(rows as f64)
        })?;
        keep(&mut samples, MANY, batch.label, written);
    }
    let words = "Everything that was written to the log meanwhile, with `full_page_writes = on`, a \
                 second after a checkpoint; page images, which are part of it, have their own column.";
    Ok(Report {
        tables: vec![(words, table(&samples))],
        proofs: vec![database.finish()?],
        ..Report::default()
    })
}

/// Bytes of WAL, and those of page images, for each bet of the work, which returns their number.
fn written(database: &Database, work: impl FnOnce() -> Result<f64>) -> Result<(f64, f64)> {
    let mut client = database.connect()?;
    let before: String = client.query_one("SELECT pg_current_wal_flush_lsn()::text", &[])?.get(0);
    let bets = work()?;
    let row = client.query_one(
        "SELECT (e.lsn - b.lsn)::float8,
                (SELECT sum(fpi_size)::float8 FROM pg_get_wal_stats(b.lsn, e.lsn))
           FROM (SELECT $1::text::pg_lsn AS lsn) b, (SELECT pg_current_wal_flush_lsn() AS lsn) e",
        &[&before],
    )?;
    let (bytes, images): (f64, f64) = (row.get(0), row.get(1));
    Ok((bytes / bets, images / bets))
}

fn keep(samples: &mut Samples, how: &str, label: &str, (bytes, images): (f64, f64)) {
    eprintln!("{how:<26} {label:<42} {bytes:>9.0} bytes, {images:.0} of images");
    samples.record((how, label), BYTES, bytes);
    samples.record((how, label), IMAGES, images);
}

fn table(samples: &Samples) -> Table {
    let mut table = Table::new(
        2,
        &[
            "bets",
            "call",
            "bytes of WAL a bet",
            "of them page images",
            "against the INSERT",
            "target",
        ],
    );
    let single = SINGLE.map(|workload| (ONE, workload.label, ROW.label));
    let batches = BATCHES.map(|batch| (MANY, batch.label, INSERT.label));
    for (how, label, baseline) in single.into_iter().chain(batches) {
        let place = (how, label);
        let bytes = samples.median(place, BYTES);
        let target = match label {
            _ if label == CONTRIBUTE.label => Some(Target::AtMost(400.0)),
            _ if label == ARRAYS.label => Some(Target::AtMost(250.0)),
            _ => None,
        };
        table.row([
            how.to_owned(),
            label.to_owned(),
            figure(bytes, 0),
            figure(samples.median(place, IMAGES), 0),
            figure(samples.ratio(place, (how, baseline), BYTES), 2),
            target.map(|target| target.judge(bytes)).unwrap_or_default(),
        ]);
    }
    table
}
