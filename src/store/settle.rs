//! Settling: folding the tail of the ledger into the balances and moving the mark.

use crate::guc;
use crate::shmem::{metrics, workers};
use crate::store::session::clock;
use crate::store::snapshot::{self, Active};
use crate::store::statement::{argument, statements};
use crate::store::tail::{self, Position};
use crate::store::{mark, partition, session};
use jackpot_core::{Error, Snapshot};
use pgrx::datum::TimestampWithTimeZone;
use std::cell::Cell;

/// How many contributions a backend makes between two looks at the mark.
const CALLS_BETWEEN_LOOKS: u32 = 100;

thread_local! {
    static CALLS_TO_NEXT_LOOK: Cell<u32> = const { Cell::new(0) };
    /// Rows of batches that this backend has appended since it settled last.
    static APPENDED: Cell<u64> = const { Cell::new(0) };
}

statements! {
    static ADD(INT4OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT8OID, TEXTOID, INT8OID, TEXTOID, TIMESTAMPTZOID) = "
        INSERT INTO jackpot.balance AS b
               (pool_id, display, reserve, display_remainder, reserve_remainder, contributions, wagered, voids, voided, last_at)
        VALUES ($1, $2::pg_catalog.numeric, $3::pg_catalog.numeric, $4::pg_catalog.numeric, $5::pg_catalog.numeric,
                $6, $7::pg_catalog.numeric, $8, $9::pg_catalog.numeric, $10)
        ON CONFLICT (pool_id) DO UPDATE
           SET display = b.display + excluded.display,
               reserve = b.reserve + excluded.reserve,
               display_remainder = b.display_remainder + excluded.display_remainder,
               reserve_remainder = b.reserve_remainder + excluded.reserve_remainder,
               contributions = b.contributions + excluded.contributions,
               wagered = b.wagered + excluded.wagered,
               voids = b.voids + excluded.voids,
               voided = b.voided + excluded.voided,
               last_at = greatest(b.last_at, excluded.last_at)";
}

/// Settles what has committed and returns how many ledger rows that were; 0 when another session
/// is at it. Balances and mark change together or not at all.
pub fn settle() -> Result<u64, Error> {
    mark::ensure()?;
    let Some(position) = mark::lock()? else { return Ok(0) };
    let tail_since = mark::tail_since();
    // Taken after the lock, so it sees what the last settlement left.
    let _active = Active::fresh();
    let now = snapshot::active();
    let rows = fold(&position, &now);
    mark::set(&now, position.floor_id, tail_since);
    metrics::wrote(rows);
    Ok(rows)
}

/// The same without moving the mark where nothing has come since.
pub fn settle_if_needed() -> Result<u64, Error> {
    let is_needed = {
        let _active = Active::latest();
        let is_long = |position| tail::read(&position, &snapshot::active(), None).rows > 0;
        mark::read()?.is_some_and(is_long)
    };
    if is_needed { settle() } else { Ok(0) }
}

/// Adds to the balances what the active snapshot, which is `now`, shows beyond the position and
/// has committed.
pub fn fold(position: &Position, now: &Snapshot) -> u64 {
    let tail = tail::read(position, now, None);
    for (pool_id, sum) in tail.committed.iter() {
        let last_at = TimestampWithTimeZone::try_from(sum.last_at).ok();
        let arguments = [
            argument(*pool_id),
            argument(sum.display.to_string()),
            argument(sum.reserve.to_string()),
            argument(sum.display_remainder.to_string()),
            argument(sum.reserve_remainder.to_string()),
            argument(sum.contributions),
            argument(sum.wagered.to_string()),
            argument(sum.voids),
            argument(sum.voided.to_string()),
            argument(last_at),
        ];
        ADD.with(|statement| statement.write(&arguments));
    }
    tail.rows
}

/// What a call that stands alone does for all where no worker does it: makes the
/// ledger's partitions, and settles when the tail may have grown to `jackpot.settle_rows`. Looks
/// only now and then: the distance between the mark and the next transaction id tells of single
/// bets, what this backend has appended itself of batches. A call in a transaction block does
/// neither, as the locks would stay with it; so it is the last thing that a call does.
pub fn upkeep(rows: usize) -> Result<(), Error> {
    if workers::slot().is_some_and(|slot| slot.is_at_work(clock())) {
        return Ok(());
    }
    let limit = u64::from(guc::SETTLE_ROWS.get().unsigned_abs());
    let of_batches = if rows > 1 { rows as u64 } else { 0 };
    let appended = APPENDED.get().saturating_add(of_batches);
    APPENDED.set(appended);
    let calls = CALLS_TO_NEXT_LOOK.get();
    if calls > 0 && appended < limit {
        CALLS_TO_NEXT_LOOK.set(calls - 1);
        return Ok(());
    }
    CALLS_TO_NEXT_LOOK.set(CALLS_BETWEEN_LOOKS);
    if !session::stands_alone() || snapshot::is_kept() {
        return Ok(());
    }
    partition::ensure();
    let is_long = || -> Result<bool, Error> {
        let _active = Active::fresh();
        let position = mark::read()?;
        Ok(position.is_some_and(|position| {
            snapshot::next_xid().saturating_sub(position.snapshot.xmax()) >= limit
        }))
    };
    if appended >= limit || is_long()? {
        settle()?;
        // What this call has appended is not committed yet, and stays for the next.
        APPENDED.set(of_batches);
    }
    Ok(())
}
