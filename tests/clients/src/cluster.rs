//! A cluster for one test alone, which may crash it.

use std::process::Command;

pub struct Cluster {
    name: &'static str,
}

impl Cluster {
    /// With the library preloaded or not, as asked.
    pub fn start(name: &'static str, preload: &str) -> Self {
        let cluster = Cluster { name };
        cluster.script("remove", &[]);
        cluster.script("start", &[&format!("shared_preload_libraries='{preload}'")]);
        cluster
    }

    /// Where it listens.
    pub fn host(&self) -> String {
        self.script("path", &[])
    }

    fn script(&self, action: &str, arguments: &[&str]) -> String {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/cluster.sh");
        let output =
            Command::new(path).arg(action).arg(self.name).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.script("remove", &[]);
    }
}
