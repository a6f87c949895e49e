//! Exact sums of the ledger, cheaply: a memo of (snapshot, sums at it) is a fact that never
//! changes, so a reader takes the newest it knows and adds only what has become visible since.

use crate::guc;
use crate::shmem::memo as shared;
use crate::store::snapshot;
use crate::store::tail::{self, Position, Sums};
use crate::store::{mark, relations};
use jackpot_core::{Error, Snapshot};
use pgrx::pg_sys;
use std::cell::RefCell;

/// Sums at a position in one ledger.
#[derive(Clone)]
pub struct Memo {
    /// The ledger; a re-created extension has another.
    pub ledger: pg_sys::Oid,
    /// Where they are the sums.
    pub position: Position,
    /// The sums of every pool that a wager has fed.
    pub sums: Sums,
}

thread_local! {
    static OWN: RefCell<Option<Memo>> = const { RefCell::new(None) };
}

/// The newest memo of the present ledger that this backend knows.
pub fn newest_memo() -> Option<Memo> {
    let ledger = relations::current().ledger;
    let memo = shared::get(ledger).or_else(|| OWN.with_borrow(Clone::clone));
    memo.filter(|memo| memo.ledger == ledger)
}

/// The sums in the active snapshot, with what this transaction has written. `memo` is what the
/// caller knew before the snapshot was taken, or later: it is used if the snapshot includes it.
pub fn exact(memo: Option<Memo>) -> Result<Sums, Error> {
    let now = snapshot::active();
    let (position, mut sums, is_committed) = match memo.filter(|memo| is_near(&memo.position, &now))
    {
        Some(memo) => (memo.position, memo.sums, true),
        None => match mark::base()? {
            Some(base) => (base.position, base.sums, base.is_committed),
            None => return Ok(Sums::default()),
        },
    };
    let tail = tail::read(&position, &now);
    sums.add_all(&tail.committed);
    if is_committed && mark::comparable(&position) && now.is_newer_than(&position.snapshot) {
        remember(Position { snapshot: now, ..position }, &sums);
    }
    sums.add_all(&tail.own);
    Ok(sums)
}

/// Whether the memo can serve a reader on this snapshot, and spares it more than the mark would.
fn is_near(position: &Position, now: &Snapshot) -> bool {
    let limit = u64::from(guc::SETTLE_ROWS.get().unsigned_abs());
    mark::comparable(position)
        && now.includes(&position.snapshot)
        && now.xmax() - position.snapshot.xmax() < limit
}

fn remember(position: Position, sums: &Sums) {
    let memo = Memo { ledger: relations::current().ledger, position, sums: sums.clone() };
    if !shared::put(&memo) {
        OWN.set(Some(memo));
    }
}
