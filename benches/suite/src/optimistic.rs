//! The old service's way: read in the client, write if nobody was faster, else wait and try again.

use crate::database::Database;
use crate::pgbench::Outcome;
use anyhow::{Context, Result, ensure};
use std::process::{Command, Stdio};

const FOLDER: &str = "benches/optimistic";
/// What it is called in the tables.
pub const LABEL: &str = "optimistic retry, node-postgres";

/// Installs node-postgres as its lock file says.
pub fn prepare() -> Result<()> {
    let output = Command::new("npm")
        .args(["ci", "--silent", "--no-audit", "--no-fund"])
        .current_dir(FOLDER)
        .stdin(Stdio::null())
        .output()
        .context("npm is needed to measure the old service's way")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "npm ci in {FOLDER}: {}", complaint.trim());
    Ok(())
}

/// So many callers at a time over 16 connections, and the share of calls that failed in the end.
pub fn run(database: &Database, callers: usize, seconds: f64) -> Result<(Outcome, f64)> {
    let output = Command::new("node")
        .args(["optimistic.mjs", &callers.to_string(), &seconds.to_string()])
        .current_dir(FOLDER)
        .env("PGDATABASE", &database.name)
        .output()
        .context("node")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "optimistic.mjs: {}", complaint.trim());
    let said = String::from_utf8_lossy(&output.stdout);
    let figures: Vec<f64> = said.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let [transactions, failed, rate, p50, p95, p99] = figures[..] else {
        anyhow::bail!("optimistic.mjs said: {said}");
    };
    Ok((Outcome { transactions, rate, p50, p95, p99 }, failed / (transactions + failed)))
}
