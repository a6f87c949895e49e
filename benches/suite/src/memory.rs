//! Peak memory of a backend.

use anyhow::{Context, Result};
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

const BETWEEN_LOOKS: Duration = Duration::from_millis(2);

/// Does the work and returns how many MB of anonymous memory the process had at most above what it
/// had before. Shared buffers are not in it: they belong to all.
pub fn peak<T>(process: i32, work: impl FnOnce() -> Result<T>) -> Result<(T, f64)> {
    let before = anonymous(process)?;
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut most = before;
            while !over.load(Ordering::Relaxed) {
                most = most.max(anonymous(process)?);
                thread::sleep(BETWEEN_LOOKS);
            }
            anyhow::Ok(most)
        });
        let result = work();
        over.store(true, Ordering::Relaxed);
        let most = watcher.join().map_err(|_| anyhow::anyhow!("the watcher panicked"))??;
        Ok((result?, (most - before) * 1024.0 / 1e6))
    })
}

/// In KiB, as Linux says.
fn anonymous(process: i32) -> Result<f64> {
    fs::read_to_string(format!("/proc/{process}/status"))?
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:")?.trim().strip_suffix(" kB")?.parse().ok())
        .context("/proc does not tell a process's anonymous memory")
}
