//! Everything that touches tables, locks and snapshots; all SQL text and the kept plans.

pub mod administer;
pub mod batch;
pub mod configuration;
mod direct_insert;
pub mod exchange;
pub mod inbox;
mod index_scan;
pub mod item;
mod journal;
mod ledger;
pub mod life;
pub mod lock;
pub mod mark;
pub mod migration;
pub mod observe;
mod operation;
mod outlook;
pub mod partition;
mod payment;
pub mod play;
pub mod pool;
pub mod queue;
mod random;
pub mod rate_limit;
pub mod raw_json;
pub mod relations;
pub mod session;
pub mod settle;
pub mod snapshot;
mod spin;
pub mod statement;
mod subtransaction;
pub mod table;
pub mod tail;
pub mod ticker;
pub mod totals;
pub mod void;
pub mod wager;
pub mod win;

/// Registers with PostgreSQL; once, when the library is loaded.
pub fn init() {
    relations::watch();
    ledger::watch();
    queue::watch();
    // SAFETY: the prefix is a NUL-terminated literal.
    unsafe { pgrx::pg_sys::MarkGUCPrefixReserved(c"jackpot".as_ptr()) };
}
