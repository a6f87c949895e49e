//! The benchmark suite: every figure beside its baseline, measured in the same run.
//!
//! `benches/run.sh` starts a private server and runs this; `benches/README.md` says what is
//! measured.

mod batch;
mod chart;
mod database;
mod format;
mod machine;
mod memory;
mod optimistic;
mod pgbench;
mod report;
mod samples;
mod sections;
mod settings;
mod table;
mod workload;

use anyhow::{Result, bail};
use report::Report;
use settings::Settings;
use std::time::Instant;

fn main() -> Result<()> {
    let settings = Settings::from_environment()?;
    let heading = machine::describe(&settings)?;
    let mut reports = Vec::new();
    let mut wrong = Vec::new();
    for section in settings.sections() {
        eprintln!("== {}", section.name);
        let started = Instant::now();
        let report = (section.run)(&settings).unwrap_or_else(|error| {
            wrong.push(format!("{} failed: {error:#}", section.name));
            Report::failure(&error)
        });
        eprintln!("== {} took {} s", section.name, started.elapsed().as_secs());
        wrong.extend(report.proofs.iter().filter_map(|proof| proof.complaint(section.name)));
        reports.push((section, report));
    }
    let text = report::write(&settings.results, &heading, &reports)?;
    println!("{text}");
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n"));
    }
    Ok(())
}
