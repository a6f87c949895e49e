//! Appending to the ledger: the one write that every contribution makes.

use crate::store::statement::{Argument, argument, statements};
use crate::store::{relations, snapshot};
use jackpot_core::Contribution;
use pgrx::datum::{IntoDatum, TimestampWithTimeZone};
use pgrx::{JsonB, direct_function_call, pg_sys};
use std::cell::Cell;

/// A wager and what it gave to which pool.
pub struct Entry<'a> {
    /// When.
    pub at: TimestampWithTimeZone,
    /// The client's name for it.
    pub operation_id: Option<&'a str>,
    /// The game.
    pub game_id: &'a str,
    /// The player.
    pub user_id: Option<&'a str>,
    /// The operator or brand.
    pub operator_id: Option<&'a str>,
    /// The game's category.
    pub game_category: Option<&'a str>,
    /// The wager's currency.
    pub currency: Option<&'a str>,
    /// The wager in minor units.
    pub wager_amount: i64,
    /// What each pool gets.
    pub shares: &'a [Share],
    /// The client's own words.
    pub metadata: Option<JsonB>,
}

/// One pool's share of a wager.
pub struct Share {
    /// The pool's number.
    pub pool_id: i32,
    /// The configuration that it was computed with.
    pub config_version: i64,
    /// The money.
    pub contribution: Contribution,
}

statements! {
    static APPEND(INT8OID, TIMESTAMPTZOID, XID8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID,
                  INT8OID, INT4ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT4ARRAYOID, JSONBOID) = "
        INSERT INTO jackpot.ledger
               (id, at, xid, operation_id, game_id, user_id, operator_id, game_category, currency,
                wager_amount, pool_ids, display, reserve, config_versions, metadata)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
    static HIGHEST_ID() = "SELECT coalesce(pg_catalog.max(l.id), 0) FROM jackpot.ledger l";
    static LAST_ID() = "SELECT s.last_value FROM jackpot.ledger_id_seq s";
}

thread_local! {
    /// The last row that this backend appended: its transaction and its id.
    static LAST_OWN: Cell<(u64, i64)> = const { Cell::new((0, 0)) };
}

/// The id of a new row. Ids of one session grow.
pub fn next_id() -> i64 {
    // SAFETY: nextval of an existing sequence; it raises PostgreSQL's errors.
    let id = unsafe {
        direct_function_call::<i64>(
            pg_sys::nextval_oid,
            &[relations::current().ledger_id_seq.into_datum()],
        )
    };
    id.unwrap_or_else(|| pgrx::error!("nextval gave no value"))
}

/// Appends a row. Waits for nobody, locks nothing.
pub fn append(id: i64, entry: Entry<'_>) {
    let xid = snapshot::own_xid();
    let column = |pick: fn(&Share) -> i64| -> Argument {
        entry.shares.iter().map(pick).collect::<Vec<i64>>().into_datum()
    };
    let small = |pick: fn(&Share) -> i32| -> Argument {
        entry.shares.iter().map(pick).collect::<Vec<i32>>().into_datum()
    };
    let arguments = [
        argument(id),
        argument(entry.at),
        Some(pg_sys::Datum::from(xid)),
        argument(entry.operation_id),
        argument(entry.game_id),
        argument(entry.user_id),
        argument(entry.operator_id),
        argument(entry.game_category),
        argument(entry.currency),
        argument(entry.wager_amount),
        small(|share| share.pool_id),
        column(|share| share.contribution.display.get()),
        column(|share| share.contribution.reserve.get()),
        small(|share| i32::try_from(share.config_version).unwrap_or(i32::MAX)),
        argument(entry.metadata),
    ];
    APPEND.with(|statement| statement.write_on_active_snapshot(&arguments));
    LAST_OWN.set((xid, id));
}

/// The highest id that this transaction has appended, or 0.
pub fn own_highest_id() -> i64 {
    let (xid, id) = LAST_OWN.get();
    if snapshot::own_xid_if_any() == Some(xid) { id } else { 0 }
}

/// The highest id in the active snapshot, or 0.
pub fn highest_id() -> i64 {
    HIGHEST_ID.with(|statement| statement.read(&[]).first().map_or(0, |row| row.need(1)))
}

/// The highest id handed out by now, whether its row is visible or not.
pub fn last_id() -> i64 {
    LAST_ID.with(|statement| statement.read(&[]).first().map_or(0, |row| row.need(1)))
}
