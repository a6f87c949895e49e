//! Reading the ledger from a position on: what every total is made of.
//!
//! A [`Position`] is a snapshot whose sums are known. What a later snapshot sees beyond it is a
//! matter of the ledger rows that the position does not see and PostgreSQL now shows.

use crate::store::snapshot;
use crate::store::statement::{Argument, argument, statements};
use jackpot_core::Snapshot;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys;

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

statements! {
    /// Only transaction ids below $2 can be this cluster's: rows that a restore brought along may
    /// bear higher ones. $4 lets PostgreSQL leave out partitions.
    static TAIL(XID8OID, XID8OID, XID8ARRAYOID, TIMESTAMPTZOID, INT8OID) = "
        SELECT l.xid, l.pool_ids, l.display, l.reserve, l.wager_amount, l.at
          FROM jackpot.ledger l
         WHERE l.xid >= $1 AND l.xid < $2 AND l.at >= $4 AND l.id > $5
         UNION ALL
        SELECT l.xid, l.pool_ids, l.display, l.reserve, l.wager_amount, l.at
          FROM jackpot.ledger l
         WHERE l.xid = ANY ($3) AND l.at >= $4 AND l.id > $5";
}

/// Reads what the active snapshot shows beyond the position.
pub fn read(position: &Position) -> Tail {
    let unseen = position.snapshot.unseen();
    let end = if position.anchored { snapshot::next_xid() } else { u64::MAX };
    let own_xid = snapshot::own_xid_if_any();
    let arguments = [
        Some(pg_sys::Datum::from(unseen.from)),
        Some(pg_sys::Datum::from(end)),
        xid_array(&unseen.also),
        Some(pg_sys::Datum::from(position.tail_since)),
        argument(position.floor_id),
    ];
    let mut tail = Tail::default();
    TAIL.with(|statement| {
        statement.stream(&arguments, |row| {
            let xid = row.need::<i64>(1).cast_unsigned();
            let target = if Some(xid) == own_xid {
                &mut tail.own
            } else if position.snapshot.sees(xid) {
                return;
            } else {
                tail.rows += 1;
                &mut tail.committed
            };
            let pool_ids: Vec<i32> = row.need(2);
            let display: Vec<i64> = row.need(3);
            let reserve: Vec<i64> = row.need(4);
            let wagered = i128::from(row.need::<i64>(5));
            let last_at = row.need::<TimestampWithTimeZone>(6).into_inner();
            for ((pool_id, display), reserve) in pool_ids.into_iter().zip(display).zip(reserve) {
                let (display, reserve) = (i128::from(display), i128::from(reserve));
                target.add(pool_id, &Sum { display, reserve, contributions: 1, wagered, last_at });
            }
        });
    });
    tail
}

fn xid_array(xids: &[u64]) -> Argument {
    let mut datums: Vec<pg_sys::Datum> = xids.iter().map(|xid| pg_sys::Datum::from(*xid)).collect();
    // SAFETY: xid8 is passed by value, 8 bytes, double aligned; construct_array copies.
    unsafe {
        let array = pg_sys::construct_array(
            datums.as_mut_ptr(),
            datums.len() as i32,
            pg_sys::XID8OID,
            8,
            true,
            pg_sys::TYPALIGN_DOUBLE as std::ffi::c_char,
        );
        Some(pg_sys::Datum::from(array))
    }
}
