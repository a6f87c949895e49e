//! The queue's mark: how far queued spins and requests have been read.

use crate::store::mark::now;
use crate::store::session;
use crate::store::snapshot;
use crate::store::statement::{Row, argument, statements};
use crate::store::tail::Position;
use jackpot_core::{Error, Snapshot};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys;

/// How far the queue has been read.
#[derive(Clone)]
pub struct QueueMark {
    /// Spins beyond it are to be drawn.
    pub spins: Position,
    /// Entries of transactions that it sees, and that were due by `due_until`, have been tried.
    pub requests: Snapshot,
    /// Microseconds since 2000.
    pub due_until: i64,
}

statements! {
    static READ() = "
        SELECT m.snapshot::pg_catalog.text, m.floor_id, m.tail_since, m.request_snapshot::pg_catalog.text, m.due_until
          FROM jackpot.queue_mark m";
    static LOCK() = "
        SELECT m.snapshot::pg_catalog.text, m.floor_id, m.tail_since, m.request_snapshot::pg_catalog.text, m.due_until
          FROM jackpot.queue_mark m FOR NO KEY UPDATE SKIP LOCKED";
    static CREATE(TEXTOID) = "
        INSERT INTO jackpot.queue_mark (snapshot, floor_id, tail_since, request_snapshot, due_until, moved_at)
        VALUES ($1::pg_catalog.pg_snapshot, 0, '-infinity', $1::pg_catalog.pg_snapshot, pg_catalog.clock_timestamp(),
                pg_catalog.clock_timestamp())
        ON CONFLICT DO NOTHING";
    static MOVE(TEXTOID, INT8OID, TIMESTAMPTZOID, TEXTOID, TIMESTAMPTZOID) = "
        UPDATE jackpot.queue_mark
           SET snapshot = $1::pg_catalog.pg_snapshot, floor_id = $2, tail_since = $3,
               request_snapshot = $4::pg_catalog.pg_snapshot, due_until = $5, moved_at = pg_catalog.clock_timestamp()";
    /// What the restored mark says has been tried is older than all that this cluster will write;
    /// the rest is as if it had just been enqueued.
    static RESTART_REQUESTS(TEXTOID, TIMESTAMPTZOID, XID8OID) = "
        UPDATE jackpot.request r
           SET xid = CASE WHEN pg_catalog.pg_visible_in_snapshot(r.xid, $1::pg_catalog.pg_snapshot) AND r.due_at <= $2
                            OR EXISTS (SELECT FROM jackpot.attempt a WHERE a.entry = r.entry)
                          THEN '0'::pg_catalog.xid8 ELSE $3 END";
    static RESTART_SPINS(TEXTOID, INT8OID, XID8OID, TEXTOID) = "
        INSERT INTO jackpot.request (id, xid, at, kind, priority, due_at, attempts, is_first, actor, payload)
        SELECT l.id, $3, l.at, 'draw', l.draw_priority, pg_catalog.clock_timestamp(), 0, false, $4, '{}'
          FROM jackpot.ledger l
         WHERE l.draw_priority IS NOT NULL AND l.id > $2
           AND NOT pg_catalog.pg_visible_in_snapshot(l.xid, $1::pg_catalog.pg_snapshot)";
}

fn mark(row: &Row<'_>) -> Result<QueueMark, Error> {
    Ok(QueueMark {
        spins: Position {
            snapshot: row.need::<String>(1).parse()?,
            floor_id: row.need(2),
            tail_since: row.need::<TimestampWithTimeZone>(3).into_inner(),
            anchored: true,
        },
        requests: row.need::<String>(4).parse()?,
        due_until: row.need::<TimestampWithTimeZone>(5).into_inner(),
    })
}

/// The mark in the active snapshot; `None` before the first write.
pub fn read() -> Result<Option<QueueMark>, Error> {
    READ.with(|statement| statement.read(&[]).first().map(|row| mark(&row)).transpose())
}

/// Locks the mark and reads it as it is now; `None` when another session processes the queue.
pub fn lock() -> Result<Option<QueueMark>, Error> {
    LOCK.with(|statement| statement.write(&[]).first().map(|row| mark(&row)).transpose())
}

/// Makes the mark, where there is none yet.
pub fn create(snapshot: &Snapshot) {
    CREATE.with(|statement| statement.write(&[argument(snapshot.to_string())]));
}

/// Moves the mark, which the caller has locked.
pub fn set(mark: &QueueMark) {
    let time = |at| TimestampWithTimeZone::try_from(at).unwrap_or_else(|_| now());
    let arguments = [
        argument(mark.spins.snapshot.to_string()),
        argument(mark.spins.floor_id),
        argument(time(mark.spins.tail_since)),
        argument(mark.requests.to_string()),
        argument(time(mark.due_until)),
    ];
    MOVE.with(|statement| statement.write(&arguments));
}

/// After a restore into another cluster, like [`crate::store::mark`]: what has not been done is
/// asked for anew, and the mark starts from `snapshot`, with all restored ledger rows below it.
pub fn anchor(
    snapshot: &Snapshot,
    floor_id: i64,
    tail_since: TimestampWithTimeZone,
) -> Result<(), Error> {
    let Some(restored) = read()? else {
        create(snapshot);
        return Ok(());
    };
    let own_xid = pg_sys::Datum::from(snapshot::own_xid());
    let due_until = TimestampWithTimeZone::try_from(restored.due_until).unwrap_or_else(|_| now());
    let requests = [argument(restored.requests.to_string()), argument(due_until), Some(own_xid)];
    RESTART_REQUESTS.with(|statement| statement.write(&requests));
    let spins = [
        argument(restored.spins.snapshot.to_string()),
        argument(restored.spins.floor_id),
        Some(own_xid),
        argument(session::actor("restore")),
    ];
    RESTART_SPINS.with(|statement| statement.write(&spins));
    let spins = Position {
        snapshot: snapshot.clone(),
        floor_id,
        tail_since: tail_since.into_inner(),
        anchored: true,
    };
    set(&QueueMark { spins, requests: snapshot.clone(), due_until: restored.due_until });
    Ok(())
}
