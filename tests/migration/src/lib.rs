//! Tests of moving in and out: states and tables of the older service, clean and dirty, large and
//! interrupted; rollback, export, the guide and the scripts. They need a server that the PG* variables
//! lead to; `tests/migration/run.sh` starts one.
#![cfg(test)]

// Of what these share with tests/concurrency and tests/crash, each uses a part.
#[allow(dead_code)]
#[path = "../../concurrency/src/cluster.rs"]
mod cluster;
mod image;
mod moving;
#[allow(dead_code)]
#[path = "../../crash/src/queue.rs"]
mod queue;
#[allow(dead_code)]
#[path = "../../concurrency/src/server.rs"]
mod server;
#[allow(dead_code)]
#[path = "../../crash/src/servers.rs"]
mod servers;

mod bets;
mod export;
mod findings;
mod guide;
mod interrupted;
mod large;
mod rights;
mod rollback;
mod side_by_side;
mod states;
mod tables;
mod traffic;
