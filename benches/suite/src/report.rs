//! What a section found, and how it is written down.

use crate::database::Proof;
use crate::format::figure;
use crate::sections::Section;
use crate::table::Table;
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

/// Tables, charts and remarks of one section.
#[derive(Default)]
pub struct Report {
    /// Tables, each with the words above it.
    pub tables: Vec<(&'static str, Table)>,
    /// Charts: name of the file without its extension, and its text.
    pub charts: Vec<(&'static str, String)>,
    /// What `jackpot_validate()` said afterwards.
    pub proofs: Vec<Proof>,
    /// What else there is to say.
    pub remarks: Vec<String>,
}

impl Report {
    /// Of a section that could not be measured.
    pub fn failure(error: &anyhow::Error) -> Self {
        Report { remarks: vec![format!("Not measured: {error:#}")], ..Report::default() }
    }

    fn markdown(&self, section: &Section) -> String {
        let mut text = format!("\n## {}\n", section.title);
        for (words, table) in &self.tables {
            text.push_str(&format!("\n{words}\n\n{}", table.markdown()));
        }
        for remark in &self.remarks {
            text.push_str(&format!("\n{remark}\n"));
        }
        if !self.proofs.is_empty() {
            let rows: i64 = self.proofs.iter().map(|proof| proof.contributions).sum();
            let checks: usize = self.proofs.iter().map(|proof| proof.checks).sum();
            let failed: usize = self.proofs.iter().map(|proof| proof.failed.len()).sum();
            text.push_str(&format!(
                "\n{} contributions; jackpot_validate(): {checks} checks, {failed} failed.\n",
                figure(Some(rows as f64), 0)
            ));
        }
        for (name, _) in &self.charts {
            text.push_str(&format!("\n![{}]({name}.svg)\n", section.title));
        }
        text
    }
}

/// Writes `latest.md` and the charts in place of all that were there, and returns the text.
pub fn write(folder: &Path, heading: &str, reports: &[(&Section, Report)]) -> Result<String> {
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "svg") {
            fs::remove_file(path)?;
        }
    }
    let mut text = format!("# Results of `make bench`\n\n{heading}\n");
    for (section, report) in reports {
        text.push_str(&report.markdown(section));
        for (name, chart) in &report.charts {
            fs::write(folder.join(name).with_extension("svg"), chart)?;
        }
    }
    fs::write(folder.join("latest.md"), &text)?;
    Ok(text)
}
