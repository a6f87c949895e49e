//! The mark: up to where the ledger is settled, and in which cluster's transaction ids.

use crate::store::session::{clock, system_identifier};
use crate::store::snapshot::{self, Active};
use crate::store::statement::{Row, argument, statements};
use crate::store::tail::{Position, Sum, Sums};
use crate::store::{ledger, lock, queue, relations, settle};
use jackpot_core::{Error, Snapshot};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys;
use std::cell::Cell;

statements! {
    static READ() = "
        SELECT m.snapshot::pg_catalog.text, m.floor_id, m.tail_since, m.system_identifier, m.ledger, m.xmin
          FROM jackpot.mark m";
    static LOCK() = "
        SELECT m.snapshot::pg_catalog.text, m.floor_id, m.tail_since, m.system_identifier, m.ledger
          FROM jackpot.mark m FOR NO KEY UPDATE SKIP LOCKED";
    static CREATE(TEXTOID, INT8OID, OIDOID) = "
        INSERT INTO jackpot.mark (snapshot, floor_id, tail_since, system_identifier, ledger, settled_at)
        VALUES ($1::pg_catalog.pg_snapshot, 0, '-infinity', $2, $3, pg_catalog.clock_timestamp())
        ON CONFLICT DO NOTHING";
    static MOVE(TEXTOID, INT8OID, TIMESTAMPTZOID, INT8OID, OIDOID) = "
        UPDATE jackpot.mark
           SET snapshot = $1::pg_catalog.pg_snapshot, floor_id = $2, tail_since = $3,
               system_identifier = $4, ledger = $5, settled_at = pg_catalog.clock_timestamp()";
    static BALANCES() = "
        SELECT b.pool_id, b.display::pg_catalog.text, b.reserve::pg_catalog.text, b.contributions,
               b.wagered::pg_catalog.text, b.last_at, b.xmin, b.display_remainder::pg_catalog.text,
               b.reserve_remainder::pg_catalog.text, b.voids, b.voided::pg_catalog.text
          FROM jackpot.balance b ORDER BY b.pool_id";
    /// The start of the oldest transaction of this database that holds an xid, less an hour for
    /// clocks that step back; and not after this transaction's own start, since which it may have
    /// kept what pg_stat_activity showed. No bound where that cannot be known: prepared transactions have no
    /// start, and other sessions' are hidden from an owner without pg_read_all_stats.
    static TAIL_SINCE() = "
        SELECT CASE
               WHEN EXISTS (SELECT FROM pg_catalog.pg_prepared_xacts)
                 OR NOT pg_catalog.pg_has_role(CURRENT_USER, 'pg_read_all_stats', 'USAGE')
               THEN '-infinity'
               ELSE least(pg_catalog.min(coalesce(a.xact_start, '-infinity')), pg_catalog.now())
                    - interval '1 hour' END
          FROM pg_catalog.pg_stat_activity a
         WHERE a.backend_xid IS NOT NULL
           AND a.datid = (SELECT d.oid FROM pg_catalog.pg_database d
                           WHERE d.datname = pg_catalog.current_database())";
}

thread_local! {
    /// The ledger whose mark was seen to be committed and anchored in this cluster.
    static ANCHORED: Cell<Option<pg_sys::Oid>> = const { Cell::new(None) };
}

fn position(row: &Row<'_>) -> Result<Position, Error> {
    Ok(Position {
        snapshot: row.need::<String>(1).parse()?,
        floor_id: row.need(2),
        tail_since: row.need::<TimestampWithTimeZone>(3).into_inner(),
        anchored: row.need::<i64>(4) == system_identifier()
            && row.need::<pg_sys::Oid>(5) == relations::current().ledger,
    })
}

/// The mark in the active snapshot; `None` before the first write.
pub fn read() -> Result<Option<Position>, Error> {
    Ok(read_with_origin()?.map(|(position, _)| position))
}

/// The mark in the active snapshot, and whether it has been committed.
fn read_with_origin() -> Result<Option<(Position, bool)>, Error> {
    READ.with(|statement| {
        let rows = statement.read(&[]);
        rows.first().map(|row| Ok((position(&row)?, is_committed(row.need(6))))).transpose()
    })
}

/// Whether what the active snapshot shows of that origin is another transaction's.
fn is_committed(xmin: pg_sys::TransactionId) -> bool {
    // SAFETY: only reads the transaction's state.
    unsafe { !pg_sys::TransactionIdIsCurrentTransactionId(xmin) }
}

/// Locks the mark and reads it as it is now; `None` when another settles, or before the first
/// write.
pub fn lock() -> Result<Option<Position>, Error> {
    LOCK.with(|statement| statement.write(&[]).first().map(|row| position(&row)).transpose())
}

/// Moves the mark, which the caller has locked.
pub fn set(snapshot: &Snapshot, floor_id: i64, tail_since: TimestampWithTimeZone) {
    let arguments = [
        argument(snapshot.to_string()),
        argument(floor_id),
        argument(tail_since),
        argument(system_identifier()),
        argument(relations::current().ledger),
    ];
    MOVE.with(|statement| statement.write(&arguments));
}

/// A time before every row that is not settled. To be read before the snapshot that the mark will
/// have: whoever gets a transaction id later writes later.
pub fn tail_since() -> TimestampWithTimeZone {
    TAIL_SINCE.with(|statement| statement.write(&[]).first().map(|row| row.need(1))).unwrap_or_else(
        // An aggregate without GROUP BY always has its row.
        || pgrx::error!("pg_stat_activity gave no row"),
    )
}

/// Sees to it that there is a mark and that it speaks of this cluster's transaction ids: no ledger
/// row and no win may be written before. Once per backend; to be called before the gate is passed.
pub fn ensure() -> Result<(), Error> {
    let ledger = relations::current().ledger;
    if ANCHORED.get() == Some(ledger) {
        return Ok(());
    }
    let mark = {
        let _active = Active::latest();
        read_with_origin()?
    };
    match mark {
        None => {
            let snapshot = {
                let _active = Active::latest();
                snapshot::active()
            };
            let arguments =
                [argument(snapshot.to_string()), argument(system_identifier()), argument(ledger)];
            CREATE.with(|statement| statement.write(&arguments));
            queue::mark::create(&snapshot);
        }
        Some((position, _)) if !position.anchored => anchor()?,
        // What this transaction wrote itself may be rolled back.
        Some((_, is_committed)) => ANCHORED.set(is_committed.then_some(ledger)),
    }
    Ok(())
}

/// Whether there is a mark and it speaks of this cluster's transaction ids. The worker makes and
/// anchors none: it cannot know whether a restore is still under way. Whoever writes can.
pub fn is_anchored() -> Result<bool, Error> {
    let _active = Active::latest();
    Ok(read()?.is_some_and(|position| position.anchored))
}

/// After a restore into another cluster, transaction ids start anew and a new row's small xid
/// would look settled. So all that was restored is folded, by plain comparison of numbers, and the
/// mark starts anew from here. Bets are held off meanwhile. A restore into the same cluster would
/// not need it, but a copy of it that went its own way has the same identifier: so every restored
/// ledger is anchored.
fn anchor() -> Result<(), Error> {
    lock::close_gate()?;
    let tail_since = tail_since();
    let _active = Active::latest();
    match read()? {
        Some(position) if !position.anchored => {
            let floor_id = ledger::highest_id().max(position.floor_id);
            let now = snapshot::active();
            settle::fold(&position, &now);
            set(&now, floor_id, tail_since);
            queue::mark::anchor(&now, floor_id, tail_since)
        }
        _ => Ok(()),
    }
}

/// A position to read from, with its sums.
pub struct Base {
    /// The mark.
    pub position: Position,
    /// The balances.
    pub sums: Sums,
    /// Whether all of it has been committed, so that it is the same for everybody.
    pub is_committed: bool,
}

/// The position to read from when no newer one is known: mark and balances in the active snapshot.
pub fn base() -> Result<Option<Base>, Error> {
    let Some((position, mut is_committed)) = read_with_origin()? else { return Ok(None) };
    let mut sums = Vec::new();
    BALANCES.with(|statement| {
        statement.read(&[]).each(|row| {
            is_committed &= self::is_committed(row.need(7));
            let sum = Sum {
                display: row.whole(2),
                reserve: row.whole(3),
                display_remainder: row.whole(8),
                reserve_remainder: row.whole(9),
                contributions: row.need(4),
                wagered: row.whole(5),
                voids: row.need(10),
                voided: row.whole(11),
                last_at: row.get::<TimestampWithTimeZone>(6).map_or(i64::MIN, |at| at.into_inner()),
            };
            sums.push((row.need(1), sum));
        });
    });
    Ok(Some(Base { position, sums: Sums::from_sorted(sums), is_committed }))
}

/// Whether the active snapshot can be compared with a position's.
pub fn comparable(position: &Position) -> bool {
    position.anchored && snapshot::is_comparable()
}

/// The present time as SQL takes it.
pub fn now() -> TimestampWithTimeZone {
    TimestampWithTimeZone::try_from(clock())
        .unwrap_or_else(|_| pgrx::error!("the clock is out of range"))
}
