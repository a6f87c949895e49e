//! Tests of what those see who watch: metrics, health, alerts, samples, reports and the ticker. What
//! they show is made to happen. Each test starts clusters of its own; `tests/watch/run.sh` runs them.
#![cfg(test)]

// Of what these share with tests/concurrency and tests/crash, each uses a part.
#[allow(dead_code)]
#[path = "../../concurrency/src/cluster.rs"]
mod cluster;
#[allow(dead_code)]
#[path = "../../crash/src/queue.rs"]
mod queue;
mod seen;
#[allow(dead_code)]
#[path = "../../concurrency/src/server.rs"]
mod server;
#[allow(dead_code)]
#[path = "../../crash/src/servers.rs"]
mod servers;

mod absent_worker;
mod alerts;
mod book;
mod books;
mod configuration;
mod locks;
mod metrics_are_exact;
mod queued;
mod rates;
mod reports;
mod resets;
mod samples;
mod standby;
mod ticker;
mod traffic;
