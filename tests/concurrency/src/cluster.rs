//! A cluster for one test alone, which may crash it.

use std::process::{Command, Output};

pub struct Cluster {
    pub(crate) name: &'static str,
    pub(crate) settings: Vec<String>,
}

impl Cluster {
    /// With the library preloaded or not, as asked.
    pub fn start(name: &'static str, preload: &str) -> Self {
        Cluster::start_with(name, &[&format!("shared_preload_libraries='{preload}'")])
    }

    /// With these settings, each time it starts.
    pub fn start_with(name: &'static str, settings: &[&str]) -> Self {
        let settings = settings.iter().map(|&setting| setting.to_owned()).collect();
        let cluster = Cluster { name, settings };
        cluster.script("remove", &[]);
        cluster.resume();
        cluster
    }

    /// Starts it unless it runs.
    pub fn resume(&self) {
        self.script("start", &self.settings.iter().map(String::as_str).collect::<Vec<_>>());
    }

    /// Where it listens.
    pub fn host(&self) -> String {
        self.script("path", &[])
    }

    pub(crate) fn script(&self, action: &str, arguments: &[&str]) -> String {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/cluster.sh");
        succeed(Command::new(path).arg(action).arg(self.name).args(arguments).output().unwrap())
    }
}

/// What it printed.
pub(crate) fn succeed(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.script("remove", &[]);
    }
}
