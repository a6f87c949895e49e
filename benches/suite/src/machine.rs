//! What it was measured on.

use crate::database;
use crate::settings::Settings;
use anyhow::Result;
use std::fs;
use std::thread;

/// One line for the head of the results.
pub fn describe(settings: &Settings) -> Result<String> {
    let mut client = database::connect("postgres")?;
    let server: String = client.query_one("SHOW server_version", &[])?.get(0);
    let day: String = client.query_one("SELECT current_date::text", &[])?.get(0);
    let extension: Option<String> = client
        .query_opt(
            "SELECT default_version FROM pg_available_extensions WHERE name = 'jackpot'",
            &[],
        )?
        .map(|row| row.get(0));
    let processors = thread::available_parallelism().map_or(0, usize::from);
    Ok(format!(
        "{day}; PostgreSQL {server}, jackpot {}; {processors} CPUs{}{}; {} rounds of {} s; \
         medians of the rounds, ratios taken within a round.",
        extension.as_deref().unwrap_or("not installed"),
        value("/proc/cpuinfo", "model name").map(|name| format!(" ({name})")).unwrap_or_default(),
        value("/proc/meminfo", "MemTotal")
            .and_then(|text| text.strip_suffix(" kB")?.parse::<u64>().ok())
            .map(|kib| format!(", {} GiB", kib.div_ceil(1 << 20)))
            .unwrap_or_default(),
        settings.rounds,
        settings.seconds,
    ))
}

fn value(file: &str, key: &str) -> Option<String> {
    fs::read_to_string(file).ok()?.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == key).then(|| value.trim().to_owned())
    })
}
