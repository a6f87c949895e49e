//! How long after its commit a queued spin is drawn.

use super::worker::{self, Watch};
use crate::database::Database;
use crate::format::figure;
use crate::pgbench::{Load, percentile};
use crate::samples::Samples;
use crate::sections::{P50, P99, RATE, SOME, load};
use crate::settings::Settings;
use crate::table::Table;
use crate::workload::ENQUEUE_SPIN;
use anyhow::{Result, anyhow, ensure};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

const ENQUEUE_TEN: &str = "SELECT count(jackpot_enqueue_spin('game123', 1000, 'player')) \
                           FROM generate_series(1, 10);\n";
/// Between the spins whose lag is taken.
const BETWEEN_MARKERS: Duration = Duration::from_millis(20);
const BETWEEN_LOOKS: Duration = Duration::from_micros(500);
/// The load starts earlier and stops later than the markers.
const MARGIN: Duration = Duration::from_secs(1);
const WAITING: &str = "waiting";

/// Spins that come in meanwhile.
struct Stream {
    asked: u32,
    each: u32,
    clients: usize,
    script: &'static str,
}

const STREAMS: [Stream; 4] = [
    Stream { asked: 0, each: 1, clients: 0, script: "" },
    Stream { asked: 1_000, each: 1, clients: 16, script: ENQUEUE_SPIN.script },
    Stream { asked: 10_000, each: 1, clients: 64, script: ENQUEUE_SPIN.script },
    Stream { asked: 10_000, each: 10, clients: 16, script: ENQUEUE_TEN },
];

const ABOUT: &str = "From the commit of a queued spin, as its client learns of it, until another \
                     connection sees it drawn: fifty a second, looked at every 0.5 ms, among as many \
                     spins as are asked for. Where fewer were enqueued than asked, the machine could \
                     not offer more. Waiting is what was left when the stream ended.";

/// Measures it.
pub fn run(settings: &Settings, database: &Database) -> Result<(&'static str, Table)> {
    let mut samples = Samples::default();
    for _ in 0..settings.rounds {
        for stream in &STREAMS {
            let name = stream.name();
            let place = (name.as_str(), ENQUEUE_SPIN.label);
            worker::caught_up(database)?;
            database.rest()?;
            let (rate, waiting, lags) = stream.measure(database, settings.seconds)?;
            let (p50, p99) = (percentile(&lags, 0.5), percentile(&lags, 0.99));
            eprintln!("{name:<36} {rate:>9.0}/s {p50:>9.3} ms, p99 {p99:>9.3} ms");
            for (name, value) in [(RATE, rate), (WAITING, waiting), (P50, p50), (P99, p99)] {
                samples.record(place, name, value);
            }
        }
    }
    let mut table = Table::new(
        1,
        &["spins/s asked", "enqueued/s", "lag p50 ms", "lag p99 ms", "waiting at the end"],
    );
    for stream in &STREAMS {
        let name = stream.name();
        let place = (name.as_str(), ENQUEUE_SPIN.label);
        table.row([
            name.clone(),
            figure(samples.median(place, RATE), 0),
            figure(samples.median(place, P50), 2),
            figure(samples.median(place, P99), 2),
            figure(samples.median(place, WAITING), 0),
        ]);
    }
    Ok((ABOUT, table))
}

impl Stream {
    fn name(&self) -> String {
        match self {
            Stream { asked: 0, .. } => "nothing else".to_owned(),
            Stream { asked, each, clients, .. } => {
                let asked = figure(Some(f64::from(*asked)), 0);
                format!("{asked}, {each} a transaction, {clients} clients")
            }
        }
    }

    /// Spins a second, how many are left at the end, and the sorted lags in microseconds.
    fn measure(&self, database: &Database, seconds: f64) -> Result<(f64, f64, Vec<u64>)> {
        thread::scope(|scope| {
            let load = scope.spawn(|| self.offer(database, seconds));
            thread::sleep(MARGIN);
            let lags = lags(database, Duration::from_secs_f64(seconds));
            let (rate, waiting) = load.join().map_err(|_| anyhow!("the stream panicked"))??;
            Ok((rate, waiting, lags?))
        })
    }

    fn offer(&self, database: &Database, seconds: f64) -> Result<(f64, f64)> {
        let seconds = seconds + 2.0 * MARGIN.as_secs_f64();
        let rate = if self.asked == 0 {
            thread::sleep(Duration::from_secs_f64(seconds));
            0.0
        } else {
            let load = Load {
                script: self.script,
                pace: Some(f64::from(self.asked) / f64::from(self.each)),
                ..load(database, &ENQUEUE_SPIN, self.clients, SOME)
            };
            load.run(seconds)?.rate * f64::from(self.each)
        };
        Ok((rate, worker::depth(&mut database.connect()?)? as f64))
    }
}

/// Sorted, in microseconds. Markers go on while earlier ones are waited for, so that a slow time
/// counts as often as it deserves; they are drawn in their order, so only the oldest is looked at.
fn lags(database: &Database, time: Duration) -> Result<Vec<u64>> {
    let (sender, markers) = mpsc::channel::<(i64, Instant)>();
    thread::scope(|scope| {
        let enqueuing = scope.spawn(move || enqueue(database, time, &sender));
        let mut watch = Watch::new(database)?;
        let mut lags = Vec::new();
        for (item, committed) in markers {
            watch.applied(item, BETWEEN_LOOKS)?;
            lags.push(u64::try_from(committed.elapsed().as_micros())?);
        }
        enqueuing.join().map_err(|_| anyhow!("the markers' client panicked"))??;
        ensure!(!lags.is_empty(), "no marker was enqueued");
        lags.sort_unstable();
        Ok(lags)
    })
}

/// Enqueues markers, and tells when each had committed.
fn enqueue(database: &Database, time: Duration, markers: &Sender<(i64, Instant)>) -> Result<()> {
    let mut client = database.connect()?;
    let statement = client.prepare(ENQUEUE_SPIN.script)?;
    let started = Instant::now();
    let mut next = started;
    while started.elapsed() < time {
        let item = client.query_one(&statement, &[])?.get(0);
        markers.send((item, Instant::now()))?;
        next += BETWEEN_MARKERS;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    Ok(())
}
