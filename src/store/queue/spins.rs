//! Queued spins: ledger rows beyond the mark of which the draw is due.

use crate::store::index_scan::{self, Names, Relation, Row, key};
use crate::store::statement::{argument, statements};
use crate::store::tail::Position;
use crate::store::{partition, relations, snapshot};
use jackpot_core::{ExchangeRate, Snapshot, Stake};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// A spin that has fed its pools and has not drawn.
#[derive(Clone, Debug)]
pub struct Spin {
    /// The ledger row.
    pub id: i64,
    /// When the wager came (microseconds since 2000).
    pub at: i64,
    /// What is higher goes first.
    pub priority: i32,
    /// The pools that it fed.
    pub fed: Vec<Fed>,
}

/// A pool that a spin fed.
#[derive(Clone, Copy, Debug)]
pub struct Fed {
    /// The pool.
    pub pool_id: i32,
    /// The configuration by which it did.
    pub config_version: i64,
    /// The wager, in the pool's currency.
    pub stake: Stake,
}

/// A piece of the ledger beyond the mark.
pub struct Piece {
    /// The spins in the order in which they draw.
    pub spins: Vec<Spin>,
    /// How many rows were read, spins or not.
    pub rows: u64,
    /// What the mark sees once they have drawn.
    pub end: Snapshot,
    /// Whether nothing is left.
    pub is_last: bool,
}

/// The ledger's columns that a draw needs, the indexed one first.
static COLUMNS: Names = &[
    c"xid",
    c"id",
    c"at",
    c"draw_priority",
    c"wager_amount",
    c"pool_ids",
    c"config_versions",
    c"exchange_rates",
];

/// The next piece that the active snapshot, which is `now`, shows beyond the mark: transaction by
/// transaction, until there are `limit` spins.
pub fn read(mark: &Position, now: &Snapshot, limit: usize) -> Piece {
    let mut spins = Vec::new();
    let mut rows = 0;
    let end = each(mark, now, COLUMNS, |_, row, may_end| {
        if may_end && spins.len() >= limit {
            return ControlFlow::Break(());
        }
        rows += 1;
        if !row.is_null(3) {
            spins.push(spin(row));
        }
        ControlFlow::Continue(())
    });
    spins.sort_unstable_by_key(|spin| (Reverse(spin.priority), spin.id));
    let is_last = end.is_none();
    Piece { spins, rows, end: end.map_or_else(|| now.clone(), |end| now.until(end)), is_last }
}

fn spin(row: &Row<'_>) -> Spin {
    let rates = if row.is_null(7) { Vec::new() } else { row.array::<i64>(7) };
    let fed = fed(row.long(4), row.array::<i32>(5), &row.array::<i32>(6), &rates);
    Spin { id: row.long(1), at: row.long(2), priority: row.int(3), fed }
}

/// The pools of a ledger row; there are no rates where no pool needed one.
fn fed(amount: i64, pool_ids: Vec<i32>, config_versions: &[i32], rates: &[i64]) -> Vec<Fed> {
    let pools = pool_ids.into_iter().zip(config_versions).enumerate();
    let fed = pools.map(|(place, (pool_id, config_version))| {
        let rate = rates.get(place).copied().filter(|rate| *rate != ExchangeRate::SCALE);
        let stake = match rate.and_then(ExchangeRate::from_raw) {
            Some(rate) => Stake::converted(amount, rate),
            None => Stake::new(amount),
        };
        Fed { pool_id, config_version: i64::from(*config_version), stake }
    });
    fed.collect()
}

/// How many spins wait beyond the mark with which priority, and when the oldest came.
pub fn waiting(mark: &Position, now: &Snapshot) -> BTreeMap<i32, (usize, i64)> {
    static COLUMNS: Names = &[c"xid", c"id", c"at", c"draw_priority"];
    let mut waiting = BTreeMap::new();
    each(mark, now, COLUMNS, |_, row, _| {
        if !row.is_null(3) {
            let (count, oldest) = waiting.entry(row.int(3)).or_insert((0, i64::MAX));
            *count += 1;
            *oldest = row.long(2).min(*oldest);
        }
        ControlFlow::Continue(())
    });
    waiting
}

/// Whether a spin that has fed the pool waits beyond the mark.
pub fn wait_for(mark: &Position, now: &Snapshot, pool_id: i32) -> bool {
    static COLUMNS: Names = &[c"xid", c"id", c"draw_priority", c"pool_ids"];
    let mut waits = false;
    each(mark, now, COLUMNS, |_, row, _| {
        waits |= !row.is_null(2) && row.array::<i32>(3).contains(&pool_id);
        if waits { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    waits
}

/// How many spins wait beyond the mark, up to a limit.
pub fn count(mark: &Position, now: &Snapshot, limit: usize) -> usize {
    static COLUMNS: Names = &[c"xid", c"id", c"draw_priority"];
    let mut count = 0;
    each(mark, now, COLUMNS, |_, row, _| {
        count += usize::from(!row.is_null(2));
        if count < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    count
}

/// A row beyond the mark, and what it gave to a pool's meter.
pub struct Given {
    /// Its transaction.
    pub xid: u64,
    /// The ledger row.
    pub id: i64,
    /// Micros.
    pub display: i128,
}

/// What the rows beyond the mark that `seen` sees gave to a pool's meter. The active snapshot is
/// `now`, no older than `seen`.
pub fn given(mark: &Position, seen: &Snapshot, now: &Snapshot, pool_id: i32) -> Vec<Given> {
    static COLUMNS: Names = &[c"xid", c"id", c"pool_ids", c"display"];
    let mut given = Vec::new();
    each(mark, now, COLUMNS, |xid, row, _| {
        if seen.sees(xid) {
            let legs = row.array::<i32>(2).into_iter().zip(row.array::<i64>(3));
            let display =
                legs.filter(|(pool, _)| *pool == pool_id).map(|(_, display)| i128::from(display));
            given.push(Given { xid, id: row.long(1), display: display.sum() });
        }
        ControlFlow::Continue(())
    });
    given
}

statements! {
    static FIND(INT8OID) = "
        SELECT l.id, l.at, coalesce(l.draw_priority, 0), l.wager_amount, l.pool_ids, l.config_versions, l.exchange_rates
          FROM jackpot.ledger l WHERE l.id = $1";
}

/// The spin of that ledger row; `None` when it is not there.
pub fn find(id: i64) -> Option<Spin> {
    FIND.with(|statement| {
        statement.write(&[argument(id)]).first().map(|row| {
            let fed = fed(
                row.need(4),
                row.need(5),
                &row.need::<Vec<i32>>(6),
                &row.get::<Vec<i64>>(7).unwrap_or_default(),
            );
            let at = row.need::<TimestampWithTimeZone>(2).into_inner();
            Spin { id, at, priority: row.need(3), fed }
        })
    })
}

/// Calls `each` with every row that the active snapshot, which is `now`, shows beyond the mark, its
/// transaction, and whether the piece may end before it: all rows of transactions before that one
/// have been shown then, and none of that one and of later ones. Where `each` breaks off there,
/// returns that transaction.
fn each(
    mark: &Position,
    now: &Snapshot,
    columns: Names,
    mut each: impl FnMut(u64, &Row<'_>, bool) -> ControlFlow<()>,
) -> Option<u64> {
    let (places, own) = (snapshot::places_since(now, &mark.snapshot), snapshot::own_xid_if_any());
    let single = |xid: &u64| {
        [key(pg_sys::BTEqualStrategyNumber, pg_sys::F_XID8EQ, pg_sys::Datum::from(*xid))]
    };
    let singles: Vec<_> = places.also.iter().map(single).collect();
    let parent = Relation::open(relations::current().ledger);
    // The mark cannot go back behind what it saw: those that it knew to be in progress are shown all.
    let (mut end, mut highest) = (None, mark.snapshot.xmax().saturating_sub(1));
    for partition in partition::holding(&parent, mark.tail_since, i64::MAX) {
        let range = [
            key(pg_sys::BTGreaterEqualStrategyNumber, pg_sys::F_XID8GE, places.from.into()),
            key(pg_sys::BTLessStrategyNumber, pg_sys::F_XID8LT, end.unwrap_or(places.end).into()),
        ];
        let mut conditions: Vec<&[pg_sys::ScanKeyData]> =
            singles.iter().map(|one| one.as_slice()).collect();
        conditions.push(&range);
        index_scan::scan_while(&partition, columns, &conditions, |row| {
            let xid = row.long(0).cast_unsigned();
            let is_beyond = row.long(1) > mark.floor_id
                && Some(xid) != own
                && !mark.snapshot.sees(xid)
                && end.is_none_or(|end| xid < end);
            if !is_beyond {
                return ControlFlow::Continue(());
            }
            let flow = each(xid, row, end.is_none() && xid > highest);
            if flow.is_break() {
                end = Some(xid);
            }
            highest = highest.max(xid);
            flow
        });
    }
    end
}
