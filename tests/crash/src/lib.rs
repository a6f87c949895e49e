//! Tests of the queue and its worker on servers that are killed, stopped, copied and restored.
//! Each starts clusters of its own; `tests/crash/run.sh` runs them.
#![cfg(test)]

// Of what these two share with tests/concurrency, each uses a part.
#[allow(dead_code)]
#[path = "../../concurrency/src/cluster.rs"]
mod cluster;
mod queue;
#[allow(dead_code)]
#[path = "../../concurrency/src/server.rs"]
mod server;
mod servers;

mod databases_come_and_go;
mod dumps_take_the_queue_along;
mod kills_lose_nothing;
mod life_of_the_worker;
mod prepared_transactions;
mod snapshots_stop_nobody;
mod standby;
mod stop_does_not_wait;
