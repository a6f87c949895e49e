//! Snapshots of this server, as the core's sets of transaction ids.

use jackpot_core::{Places, Snapshot};
use pgrx::pg_sys;

/// A snapshot that stays active while this lives; statements that read "on the active snapshot"
/// use it.
pub struct Active(());

impl Active {
    /// All that has committed by now under READ COMMITTED; the transaction's own snapshot under
    /// the stricter levels.
    pub fn fresh() -> Self {
        // SAFETY: inside a transaction; popped by `drop`, or by its abort when an error unwinds.
        // What this transaction wrote just now becomes visible to itself first.
        unsafe {
            pg_sys::CommandCounterIncrement();
            pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot());
        }
        Active(())
    }

    /// All that has committed by now, whatever the isolation level: for configuration, which
    /// every bet must see.
    pub fn latest() -> Self {
        // SAFETY: as above.
        unsafe {
            pg_sys::CommandCounterIncrement();
            pg_sys::PushActiveSnapshot(pg_sys::GetLatestSnapshot());
        }
        Active(())
    }

    /// All that has been committed by now, as another session sees it: without what this
    /// transaction has written itself.
    pub fn committed() -> Self {
        let latest = Self::latest();
        // SAFETY: the snapshot that was just pushed is a copy of its own. None of this
        // transaction's commands came before its first one.
        unsafe { (*pg_sys::GetActiveSnapshot()).curcid = pg_sys::FirstCommandId };
        latest
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: the snapshot that the constructor pushed is the innermost one again.
            unsafe { pg_sys::PopActiveSnapshot() };
        }
    }
}

/// The active snapshot. The transaction's own id counts as in progress, unlike in PostgreSQL's:
/// what this transaction writes later must not look settled or seen.
pub fn active() -> Snapshot {
    // SAFETY: a snapshot is active whenever a function runs, and its xip array has xcnt entries.
    unsafe {
        let snapshot = &*pg_sys::GetActiveSnapshot();
        let next = next_xid();
        let running = match snapshot.xcnt {
            0 => &[],
            count => std::slice::from_raw_parts(snapshot.xip, count as usize),
        };
        Snapshot::new(
            widen(snapshot.xmin, next),
            widen(snapshot.xmax, next),
            running.iter().map(|xid| widen(*xid, next)).chain(own_xid_if_any()),
        )
    }
}

/// Whether the active snapshot lists the transactions in progress: one taken during recovery does
/// not, and cannot be compared with a position.
pub fn is_comparable() -> bool {
    // SAFETY: a snapshot is active whenever a function runs.
    unsafe { !(*pg_sys::GetActiveSnapshot()).takenDuringRecovery }
}

/// The first command of this transaction that the active snapshot does not show.
pub fn active_command() -> pg_sys::CommandId {
    // SAFETY: as above.
    unsafe { (*pg_sys::GetActiveSnapshot()).curcid }
}

/// The command of this transaction that is running.
pub fn current_command() -> pg_sys::CommandId {
    // SAFETY: only reads the transaction's state.
    unsafe { pg_sys::GetCurrentCommandId(false) }
}

/// The next transaction id to be assigned by this cluster.
pub fn next_xid() -> u64 {
    // SAFETY: reads shared memory under its own lock.
    unsafe { pg_sys::ReadNextFullTransactionId().value }
}

/// The top-level transaction's id, assigned now if it has none.
pub fn own_xid() -> u64 {
    // SAFETY: inside a transaction; fails with PostgreSQL's error on a standby.
    unsafe { pg_sys::GetTopFullTransactionId().value }
}

/// The top-level transaction's id, if it has one.
pub fn own_xid_if_any() -> Option<u64> {
    // SAFETY: only reads the transaction's state.
    let xid = unsafe { pg_sys::GetTopFullTransactionIdIfAny().value };
    (xid != 0).then_some(xid)
}

/// A 32-bit transaction id with the epoch that puts it nearest below `next`.
fn widen(xid: pg_sys::TransactionId, next: u64) -> u64 {
    let xid = u64::from(xid.into_inner());
    let candidate = (next & !0xFFFF_FFFF) | xid;
    if candidate > next { candidate.saturating_sub(1 << 32) } else { candidate }
}

/// Where to look for what the active snapshot, which is `now`, shows and an earlier one does not.
pub fn places_since(now: &Snapshot, earlier: &Snapshot) -> Places {
    if now.includes(earlier) && is_comparable() {
        now.ended_since(earlier)
    } else {
        earlier.unseen(next_xid())
    }
}

/// Whether the isolation level is SERIALIZABLE.
pub fn is_serializable() -> bool {
    // SAFETY: reads a variable of this backend.
    unsafe { pg_sys::XactIsoLevel == pg_sys::XACT_SERIALIZABLE as i32 }
}

/// Whether the isolation level keeps one snapshot for the whole transaction.
pub fn is_kept() -> bool {
    // SAFETY: reads a variable of this backend.
    unsafe { pg_sys::XactIsoLevel >= pg_sys::XACT_REPEATABLE_READ as i32 }
}
