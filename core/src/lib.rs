//! The rules of progressive jackpots as one deterministic state machine.
//!
//! `apply(state, command) -> (state, events) | error`: no I/O, no clock and no randomness of its
//! own. Everything around it (SQL, locks, the ledger) only carries its inputs and outputs.
#![forbid(unsafe_code)]

mod config;
mod eligibility;
mod error;
mod money;
mod pool;
mod snapshot;

pub use config::PoolConfig;
pub use eligibility::{Wager, eligible};
pub use error::{Error, Token};
pub use jiff::Timestamp;
pub use money::{Contribution, Micros, Rate, decimal};
pub use pool::{Command, Event, PoolState, Source, Status, Totals, apply, create, current_amount};
pub use snapshot::{Places, Snapshot};
