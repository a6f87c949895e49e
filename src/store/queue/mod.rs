//! The queue: what is done after the transaction that asked for it.
//!
//! A contribution is applied by the row that it appends; nothing of it waits. A queued spin appends
//! the same row, which also says that a draw is due: the ledger is the queue. What is no ledger row
//! yet (wins, delayed spins, what is tried again) is a row of `jackpot.request`. Both are only ever
//! inserted, and read by snapshots: what the mark's snapshot does not see and the present one does
//! has committed in between. So nothing is locked to be taken, nothing is deleted when done, and
//! effects and mark commit together: each item is applied exactly once.
//!
//! The order: what has committed is taken in pieces, the ledger's in the order of transaction ids.
//! Within a piece a higher priority comes first, then a lower number.

mod announce;
pub mod backlog;
mod budget;
pub mod dead_letter;
mod draw;
pub mod enqueue;
mod hit;
mod item;
pub mod mark;
pub mod process;
pub mod request;
mod settling;
mod spins;
mod window;

pub use announce::{wake, watch};

use crate::store::snapshot::{self, Active};
use jackpot_core::Error;

/// Has the hits tried again that wait for the pool to be resumed.
pub fn resume(pool_id: i32) {
    if request::wake(pool_id) > 0 {
        announce::wake();
    }
}

/// Whether a spin that has fed the pool waits for its draw, or what it drew for the pool to be paid;
/// as of now, whatever the isolation level.
pub fn waits_for(pool_id: i32) -> Result<bool, Error> {
    let _active = Active::latest();
    let Some(mark) = mark::read()? else { return Ok(false) };
    let now = snapshot::active();
    Ok(request::waits_for(pool_id) || spins::wait_for(&mark.spins, &now, pool_id))
}

/// What wins have unless the client says otherwise.
pub const PRIORITY_OF_WINS: i32 = 100;
/// What spins have.
pub const PRIORITY_OF_SPINS: i32 = 50;
/// What contributions have that are tried again.
pub const PRIORITY_OF_CONTRIBUTIONS: i32 = 0;
