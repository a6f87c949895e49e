//! What the environment asks for.

use crate::sections::{SECTIONS, Section};
use anyhow::{Context, Result, bail, ensure};
use std::env;
use std::path::PathBuf;
use std::str::FromStr;

/// How long, how often, with how many clients, and what.
pub struct Settings {
    /// Length of one measurement.
    pub seconds: f64,
    /// How often each is repeated.
    pub rounds: usize,
    /// Numbers of clients of the single calls.
    pub clients: Vec<usize>,
    /// Factor of the sizes of streams and ledgers.
    pub scale: f64,
    /// Where tables and charts go.
    pub results: PathBuf,
    /// The names of the sections to run.
    chosen: Vec<String>,
}

impl Settings {
    /// Reads `BENCH_SECONDS`, `BENCH_ROUNDS`, `BENCH_CLIENTS`, `BENCH_SCALE`, `BENCH_RESULTS` and
    /// `BENCH_SECTIONS`.
    pub fn from_environment() -> Result<Self> {
        let all = SECTIONS.map(|section| section.name).join(" ");
        let settings = Settings {
            seconds: f64::from(variable::<u32>("BENCH_SECONDS", "4")?),
            rounds: variable("BENCH_ROUNDS", "3")?,
            clients: list("BENCH_CLIENTS", "1 8 16 64")?,
            scale: variable("BENCH_SCALE", "1")?,
            results: variable("BENCH_RESULTS", "benches/results")?,
            chosen: list("BENCH_SECTIONS", &all)?,
        };
        ensure!(
            settings.seconds > 0.0 && settings.rounds > 0 && settings.scale > 0.0,
            "seconds, rounds and scale must be above 0"
        );
        for name in &settings.chosen {
            if !SECTIONS.iter().any(|section| section.name == name) {
                bail!("there is no section {name}; the sections are: {all}");
            }
        }
        Ok(settings)
    }

    /// The chosen sections, in their order.
    pub fn sections(&self) -> impl Iterator<Item = &'static Section> {
        SECTIONS.iter().filter(|section| self.chosen.iter().any(|name| name == section.name))
    }

    /// A number of rows, scaled.
    pub fn rows(&self, full: usize) -> usize {
        ((full as f64 * self.scale) as usize).max(1_000)
    }
}

fn variable<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(
    name: &str,
    default: &str,
) -> Result<T> {
    let value = env::var(name).unwrap_or_else(|_| default.to_owned());
    value.parse().with_context(|| format!("{name} is {value}"))
}

fn list<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(
    name: &str,
    default: &str,
) -> Result<Vec<T>> {
    let value = env::var(name).unwrap_or_else(|_| default.to_owned());
    value
        .split_whitespace()
        .map(|word| word.parse().with_context(|| format!("{name} has {word}")))
        .collect()
}
