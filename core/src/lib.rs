//! The rules of progressive jackpots as one deterministic state machine.
//!
//! `apply(state, command, outside) -> (state, events) | error`: no I/O, and no clock and no
//! randomness of its own; both come in from [`Outside`]. Everything around it (SQL, locks, the
//! ledger) only carries its inputs and outputs.
#![forbid(unsafe_code)]

mod apply;
mod books;
mod command;
mod config;
pub mod currency;
mod draw;
mod eligibility;
mod error;
mod json;
mod latency;
pub mod migration;
mod money;
mod pool;
mod random;
mod rules;
mod secret;
mod snapshot;
mod trigger;

pub use apply::{apply, create};
pub use command::{Command, Effective, Event, Outside, Source};
pub use config::PoolConfig;
pub use currency::{ExchangeRate, Remainder, Stake};
pub use draw::{Evidence, Outlook, margin, outlook};
pub use eligibility::{Eligibility, Wager, eligible};
pub use error::{Error, Token};
pub use jiff::Timestamp;
pub use latency::{BUCKETS, Latencies, bucket};
pub use money::{Contribution, Micros, Rate, decimal};
pub use pool::{PoolState, Status, Totals, current_amount};
pub use rand_core::{self, RngCore};
pub use random::below;
pub use rules::{Rules, return_to_player};
pub use secret::{Hidden, Secret};
pub use snapshot::{Places, Snapshot};
pub use trigger::{Period, Trigger};
