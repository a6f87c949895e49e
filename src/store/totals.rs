//! Exact sums of the ledger, cheaply: a memo of (snapshot, sums at it) is a fact that never
//! changes, so a reader takes the newest it knows and adds only what has become visible since.

use crate::guc;
use crate::shmem::memo as shared;
use crate::store::session::clock;
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
    /// When the mark was read from which they have been carried on (microseconds since 2000).
    pub based_at: i64,
}

/// How long sums are carried on before they start again from the mark: it knows a later
/// `tail_since`, which leaves out old partitions.
const MICROSECONDS_CARRIED_ON: i64 = 600_000_000;

/// How far ahead of the clock rows are looked for: it may have been set back since. Settling looks
/// everywhere.
const MICROSECONDS_AHEAD: i64 = 3_600_000_000;

thread_local! {
    static OWN: RefCell<Option<Memo>> = const { RefCell::new(None) };
}

/// The newest memo of the present ledger that this backend knows.
pub fn newest_memo() -> Option<Memo> {
    let ledger = relations::current().ledger;
    let own = OWN.with_borrow(Clone::clone).filter(|memo| memo.ledger == ledger);
    match (shared::get(ledger), own) {
        (Some(shared), Some(own)) => {
            let own_is_newer = own.position.snapshot.is_newer_than(&shared.position.snapshot);
            Some(if own_is_newer { own } else { shared })
        }
        (shared, own) => shared.or(own),
    }
}

/// The sums in the active snapshot, with what this transaction has written. `memo` is what the
/// caller knew before the snapshot was taken, or later: it is used if the snapshot includes it.
pub fn exact(memo: Option<Memo>) -> Result<Sums, Error> {
    let now = snapshot::active();
    let (position, mut sums, based_at, is_committed) = match memo.filter(|memo| is_near(memo, &now))
    {
        Some(memo) => (memo.position, memo.sums, memo.based_at, true),
        None => match mark::base()? {
            Some(base) => (base.position, base.sums, clock(), base.is_committed),
            None => return Ok(Sums::default()),
        },
    };
    // A standby's clock is not the one by which rows were written.
    let until = snapshot::is_comparable().then(|| clock().saturating_add(MICROSECONDS_AHEAD));
    let tail = tail::read(&position, &now, until);
    sums.add_all(&tail.committed);
    if is_committed && mark::comparable(&position) && now.is_newer_than(&position.snapshot) {
        remember(Position { snapshot: now, ..position }, &sums, based_at);
    }
    sums.add_all(&tail.own);
    Ok(sums)
}

/// Whether the memo can serve a reader on this snapshot, and spares it more than the mark would.
fn is_near(memo: &Memo, now: &Snapshot) -> bool {
    let position = &memo.position;
    let limit = u64::from(guc::SETTLE_ROWS.get().unsigned_abs());
    mark::comparable(position)
        && now.includes(&position.snapshot)
        && now.xmax() - position.snapshot.xmax() < limit
        && clock() - memo.based_at < MICROSECONDS_CARRIED_ON
}

fn remember(position: Position, sums: &Sums, based_at: i64) {
    let ledger = relations::current().ledger;
    let memo = Memo { ledger, position, sums: sums.clone(), based_at };
    if !shared::put(&memo) {
        OWN.set(Some(memo));
    }
}
