//! What these tests do to clusters beyond starting them.

use crate::cluster::{Cluster, succeed};
use crate::server::connect;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};
use tokio_postgres::Client;

pub const PRELOADED: &str = "shared_preload_libraries='jackpot'";
/// Only servers crash here, not the machine: nothing has to reach the disk.
pub const CARELESS: &str = "fsync=off";
/// How long to wait for what comes at once on a machine with nothing else to do.
pub const PATIENCE: Duration = Duration::from_secs(60);

impl Cluster {
    /// A standby of the other.
    pub fn copy(name: &'static str, from: &Cluster, settings: &[&str]) -> Self {
        let settings = settings.iter().map(|&setting| setting.to_owned()).collect();
        let cluster = Cluster { name, settings };
        cluster.script("remove", &[]);
        cluster.script("copy", &[from.name]);
        cluster.resume();
        cluster
    }

    pub fn stop(&self, mode: &str) {
        self.script("stop", &[mode]);
    }

    /// As it crashes where the kernel is short of memory; started again when its children have gone.
    pub fn kill_postmaster(&self) {
        let file = format!("{}/data/postmaster.pid", self.script("path", &[]));
        let postmaster: i32 =
            std::fs::read_to_string(file).unwrap().lines().next().unwrap().parse().unwrap();
        // Stopped, it forks none that would be missing in the list.
        signal("-STOP", postmaster);
        let mut processes = children(postmaster);
        assert!(!processes.is_empty());
        processes.push(postmaster);
        kill(postmaster);
        let deadline = Instant::now() + PATIENCE;
        for process in processes {
            while std::fs::exists(format!("/proc/{process}")).unwrap() {
                assert!(Instant::now() < deadline, "process {process} survives its postmaster");
                sleep(Duration::from_millis(10));
            }
        }
        self.resume();
    }

    /// What a client's command prints.
    pub fn run(&self, command: &[&str]) -> String {
        let led = r#"eval "$1"; shift; exec "$@""#;
        let environment = self.script("env", &[]);
        let mut bash = Command::new("bash");
        succeed(bash.args(["-c", led, "bash", &environment]).args(command).output().unwrap())
    }

    /// In the database postgres, which lacks the extension.
    pub async fn client(&self) -> Client {
        connect(&self.host(), "postgres").await.unwrap()
    }
}

pub fn kill(process: i32) {
    signal("-KILL", process);
}

fn signal(signal: &str, process: i32) {
    succeed(Command::new("kill").args([signal, &process.to_string()]).output().unwrap());
}

fn children(process: i32) -> Vec<i32> {
    let output =
        Command::new("ps").args(["-o", "pid=", "--ppid", &process.to_string()]).output().unwrap();
    succeed(output).split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}
