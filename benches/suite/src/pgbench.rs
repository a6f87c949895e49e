//! Load by pgbench: prepared statements, a number of clients, for some seconds.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::PathBuf;
use std::process::{self, Command};
use std::sync::atomic::{AtomicU32, Ordering};

/// Seconds before each measurement: connections, caches, plans, and the full-page images that
/// follow the checkpoint.
const WARM_UP_SECONDS: f64 = 1.0;

/// What pgbench is asked for.
pub struct Load<'a> {
    /// Where.
    pub database: &'a str,
    /// Its script's text.
    pub script: &'a str,
    /// Settings of the sessions, as PGOPTIONS has them.
    pub options: &'a str,
    /// How many at a time.
    pub clients: usize,
    /// The share of transactions whose latency is kept.
    pub sampling: f64,
    /// Transactions a second, where it is not as many as possible.
    pub pace: Option<f64>,
}

/// What pgbench says.
pub struct Outcome {
    /// Transactions.
    pub transactions: f64,
    /// Transactions a second.
    pub rate: f64,
    /// Median latency in milliseconds.
    pub p50: f64,
    /// Of the slowest twentieth.
    pub p95: f64,
    /// Of the slowest hundredth.
    pub p99: f64,
}

impl Load<'_> {
    /// What comes before a measurement.
    pub fn warm_up(&self) -> Result<()> {
        self.run(WARM_UP_SECONDS).map(|_| ())
    }

    /// One measurement.
    pub fn run(&self, seconds: f64) -> Result<Outcome> {
        let scratch = Scratch::create()?;
        let script = scratch.0.join("script.sql");
        fs::write(&script, self.script)?;
        let output = Command::new("pgbench")
            .args(["--no-vacuum", "--protocol=prepared", "--jobs=2", "--log"])
            .arg(format!("--log-prefix={}", scratch.0.join("log").display()))
            .arg(format!("--sampling-rate={}", self.sampling))
            .arg(format!("--client={}", self.clients))
            .arg(format!("--time={}", seconds.ceil()))
            .args(self.pace.map(|pace| format!("--rate={pace}")))
            .arg(format!("--file={}", script.display()))
            .arg(self.database)
            .env("PGOPTIONS", self.options)
            .output()
            .context("pgbench")?;
        let (said, complained) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if !output.status.success() || complained.contains("aborted") {
            bail!("pgbench failed: {complained}");
        }
        let latencies = scratch.latencies()?;
        Ok(Outcome {
            transactions: number_after(&said, "number of transactions actually processed: ")?,
            rate: number_after(&said, "tps = ")?,
            p50: percentile(&latencies, 0.5),
            p95: percentile(&latencies, 0.95),
            p99: percentile(&latencies, 0.99),
        })
    }
}

fn number_after(text: &str, words: &str) -> Result<f64> {
    text.split_once(words)
        .and_then(|(_, rest)| rest.split(|c: char| c != '.' && !c.is_ascii_digit()).next())
        .and_then(|number| number.parse().ok())
        .with_context(|| format!("pgbench did not say \"{words}\": {text}"))
}

/// In milliseconds, of sorted microseconds.
pub fn percentile(sorted: &[u64], share: f64) -> f64 {
    let position = (sorted.len().saturating_sub(1) as f64 * share) as usize;
    sorted.get(position).map_or(f64::NAN, |&microseconds| microseconds as f64 / 1000.0)
}

/// A folder for the script and the logs of one run.
struct Scratch(PathBuf);

impl Scratch {
    fn create() -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("jackpot-bench-{}-{number}", process::id()));
        fs::create_dir(&folder).with_context(|| format!("making {}", folder.display()))?;
        Ok(Scratch(folder))
    }

    /// The third field of each line of the logs, sorted.
    fn latencies(&self) -> Result<Vec<u64>> {
        let mut latencies = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "sql") {
                for line in fs::read_to_string(path)?.lines() {
                    latencies
                        .extend(line.split(' ').nth(2).and_then(|field| field.parse::<u64>().ok()));
                }
            }
        }
        latencies.sort_unstable();
        Ok(latencies)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing depends on it.
        let _ = fs::remove_dir_all(&self.0);
    }
}
