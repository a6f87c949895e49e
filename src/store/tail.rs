//! Reading the ledger from a position on: what every total is made of.
//!
//! A [`Position`] is a snapshot whose sums are known. What a later snapshot sees beyond it is a
//! matter of the ledger rows that the position does not see and PostgreSQL now shows.

use crate::store::index_scan::{self, Relation, key};
use crate::store::{ledger, partition, relations, snapshot};
use jackpot_core::Snapshot;
use pgrx::pg_sys::{self, Datum};
use std::ffi::CStr;

/// A snapshot of the ledger whose sums are known.
#[derive(Clone, Debug)]
pub struct Position {
    /// Rows of transactions that it sees are in the sums.
    pub snapshot: Snapshot,
    /// Rows up to this id are in the sums whatever their transaction.
    pub floor_id: i64,
    /// No row outside the sums is older (microseconds since 2000).
    pub tail_since: i64,
    /// Whether the snapshot speaks of this cluster's transaction ids.
    pub anchored: bool,
}

/// What ledger rows gave to one pool.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum {
    /// Micros for the meter.
    pub display: i128,
    /// Micros for the reserve.
    pub reserve: i128,
    /// How many rows.
    pub contributions: i64,
    /// Their wagers, in minor units.
    pub wagered: i128,
    /// The time of the last (microseconds since 2000); `i64::MIN` when there is none.
    pub last_at: i64,
}

/// The sums of all pools, by id.
#[derive(Clone, Debug, Default)]
pub struct Sums(Vec<(i32, Sum)>);

impl Sums {
    /// From pairs in the order of their ids.
    pub fn from_sorted(sums: impl IntoIterator<Item = (i32, Sum)>) -> Self {
        Sums(sums.into_iter().collect())
    }

    /// A pool's sum.
    pub fn get(&self, pool_id: i32) -> Option<&Sum> {
        let index = self.0.binary_search_by_key(&pool_id, |(id, _)| *id).ok()?;
        self.0.get(index).map(|(_, sum)| sum)
    }

    /// All of them, in the order of their ids.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &(i32, Sum)> {
        self.0.iter()
    }

    /// Adds to a pool's sum.
    pub fn add(&mut self, pool_id: i32, more: &Sum) {
        let index = match self.0.binary_search_by_key(&pool_id, |(id, _)| *id) {
            Ok(index) => index,
            Err(index) => {
                self.0.insert(index, (pool_id, Sum { last_at: i64::MIN, ..Sum::default() }));
                index
            }
        };
        if let Some((_, sum)) = self.0.get_mut(index) {
            sum.display += more.display;
            sum.reserve += more.reserve;
            sum.contributions += more.contributions;
            sum.wagered += more.wagered;
            sum.last_at = sum.last_at.max(more.last_at);
        }
    }

    /// Adds all of another's.
    pub fn add_all(&mut self, more: &Sums) {
        for (pool_id, sum) in &more.0 {
            self.add(*pool_id, sum);
        }
    }
}

/// What the active snapshot shows beyond a position.
#[derive(Debug, Default)]
pub struct Tail {
    /// Committed by others.
    pub committed: Sums,
    /// Written by this transaction and not committed yet.
    pub own: Sums,
    /// How many rows were committed.
    pub rows: u64,
}

/// The ledger's columns that sums need, the indexed one first.
static COLUMNS: [&CStr; 7] =
    [c"xid", c"id", c"at", c"wager_amount", c"pool_ids", c"display", c"reserve"];

/// Reads what the active snapshot, which is `now`, shows beyond the position.
pub fn read(position: &Position, now: &Snapshot) -> Tail {
    // Under SERIALIZABLE PostgreSQL must know of all that was looked for, also where nothing is yet.
    let serializable = snapshot::is_serializable();
    let mut places = if !position.anchored || serializable {
        // Rows that a restore brought along may bear any id.
        position.snapshot.unseen(u64::MAX)
    } else if now.includes(&position.snapshot) && snapshot::is_comparable() {
        now.ended_since(&position.snapshot)
    } else {
        position.snapshot.unseen(snapshot::next_xid())
    };
    // What this transaction wrote is known, as a rule, without reading it.
    let known = ledger::own_sums();
    if known.is_none() {
        let own_xid = snapshot::own_xid_if_any();
        places.also.extend(own_xid.filter(|xid| !places.contain(*xid)));
    }
    let range = [
        key(pg_sys::BTGreaterEqualStrategyNumber, pg_sys::F_XID8GE, Datum::from(places.from)),
        key(pg_sys::BTLessStrategyNumber, pg_sys::F_XID8LT, Datum::from(places.end)),
    ];
    let single =
        |xid: &u64| [key(pg_sys::BTEqualStrategyNumber, pg_sys::F_XID8EQ, Datum::from(*xid))];
    let singles: Vec<[pg_sys::ScanKeyData; 1]> = places.also.iter().map(single).collect();
    let mut conditions: Vec<&[pg_sys::ScanKeyData]> =
        singles.iter().map(|one| one.as_slice()).collect();
    if places.from < places.end {
        conditions.push(&range);
    }
    let mut tail = Tail { own: known.clone().unwrap_or_default(), ..Tail::default() };
    if conditions.is_empty() {
        return tail;
    }
    let parent = Relation::open(relations::current().ledger);
    for partition in partition::holding(&parent, position.tail_since) {
        if !serializable && partition.is_empty() {
            continue;
        }
        index_scan::scan(&partition, &COLUMNS, &conditions, |row| {
            let xid = row.long(0).cast_unsigned();
            let id = row.long(1);
            let sums = if ledger::is_own(xid, id) {
                if known.is_some() {
                    return;
                }
                &mut tail.own
            } else if id <= position.floor_id || position.snapshot.sees(xid) {
                return;
            } else {
                tail.rows += 1;
                &mut tail.committed
            };
            let (last_at, wagered) = (row.long(2), i128::from(row.long(3)));
            let pool_ids: Vec<i32> = row.array(4);
            let shares = pool_ids.into_iter().zip(row.array::<i64>(5)).zip(row.array::<i64>(6));
            for ((pool_id, display), reserve) in shares {
                let (display, reserve) = (i128::from(display), i128::from(reserve));
                sums.add(pool_id, &Sum { display, reserve, contributions: 1, wagered, last_at });
            }
        });
    }
    if known.is_none() {
        ledger::set_own_sums(&tail.own);
    }
    tail
}
