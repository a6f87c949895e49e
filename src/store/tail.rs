//! Reading the ledger from a position on: what every total is made of.
//!
//! A [`Position`] is a snapshot whose sums are known. What a later snapshot sees beyond it is a
//! matter of the ledger rows that the position does not see and PostgreSQL now shows.

use crate::shmem::recent;
use crate::store::index_scan::{self, Relation, key};
use crate::store::{ledger, partition, relations, snapshot};
use jackpot_core::{ExchangeRate, Micros, Remainder, Snapshot};
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sum {
    /// Micros for the meter.
    pub display: i128,
    /// Micros for the reserve.
    pub reserve: i128,
    /// What conversions of currency left below a micro of display, in `1/ExchangeRate::SCALE`.
    pub display_remainder: i128,
    /// The same of reserve.
    pub reserve_remainder: i128,
    /// How many contributions.
    pub contributions: i64,
    /// Their wagers, in minor units of the pool's currency.
    pub wagered: i128,
    /// How many rows took a contribution back.
    pub voids: i64,
    /// What they took back, in micros.
    pub voided: i128,
    /// The time of the last (microseconds since 2000); `i64::MIN` when there is none.
    pub last_at: i64,
}

impl Sum {
    /// Nothing.
    pub const ZERO: Sum = Sum {
        display: 0,
        reserve: 0,
        display_remainder: 0,
        reserve_remainder: 0,
        contributions: 0,
        wagered: 0,
        voids: 0,
        voided: 0,
        last_at: i64::MIN,
    };

    fn add(&mut self, more: &Sum) {
        self.display += more.display;
        self.reserve += more.reserve;
        self.display_remainder += more.display_remainder;
        self.reserve_remainder += more.reserve_remainder;
        self.contributions += more.contributions;
        self.wagered += more.wagered;
        self.voids += more.voids;
        self.voided += more.voided;
        self.last_at = self.last_at.max(more.last_at);
    }

    /// Whether it is the same but for the time.
    pub fn is_same_money(&self, other: &Sum) -> bool {
        Sum { last_at: 0, ..*self } == Sum { last_at: 0, ..*other }
    }

    /// Micros for the meter, with what is carried from conversions.
    pub fn meter(&self) -> i128 {
        self.display + whole(self.display_remainder)
    }

    /// Micros for the reserve, with what is carried from conversions.
    pub fn for_reserve(&self) -> i128 {
        self.reserve + whole(self.reserve_remainder)
    }

    /// What is carried and has not become a micro yet.
    pub fn carry(&self) -> Remainder {
        let rest = |sum: i128| (sum - whole(sum) * i128::from(ExchangeRate::SCALE)) as i64;
        Remainder { display: rest(self.display_remainder), reserve: rest(self.reserve_remainder) }
    }
}

/// Whole micros in a sum of remainders, of which there are none without conversions.
fn whole(remainders: i128) -> i128 {
    if remainders == 0 { 0 } else { remainders.div_euclid(i128::from(ExchangeRate::SCALE)) }
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
                self.0.insert(index, (pool_id, Sum::ZERO));
                index
            }
        };
        if let Some((_, sum)) = self.0.get_mut(index) {
            sum.add(more);
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
static COLUMNS: [&CStr; 11] = [
    c"xid",
    c"id",
    c"at",
    c"wager_amount",
    c"pool_ids",
    c"display",
    c"reserve",
    c"voids",
    c"exchange_rates",
    c"display_remainders",
    c"reserve_remainders",
];

/// The row that a scan stands on: what it gave to each pool. Its columns are as in `COLUMNS`, but
/// for the first two, which are not looked at.
pub fn legs(row: &index_scan::Row<'_>, mut each: impl FnMut(i32, &Sum)) {
    let (last_at, wager_amount) = (row.long(2), row.long(3));
    let pool_ids: Vec<i32> = row.array(4);
    let (display, reserve) = (row.array::<i64>(5), row.array::<i64>(6));
    let is_void = !row.is_null(7);
    let converted = !row.is_null(8);
    let optional = |column| if converted { row.array::<i64>(column) } else { Vec::new() };
    let (rates, display_remainders, reserve_remainders) = (optional(8), optional(9), optional(10));
    let at = |values: &[i64], index: usize| values.get(index).copied();
    for (index, pool_id) in pool_ids.into_iter().enumerate() {
        let leg = Leg {
            display: at(&display, index).unwrap_or(0),
            reserve: at(&reserve, index).unwrap_or(0),
            exchange_rate: at(&rates, index),
            display_remainder: at(&display_remainders, index).unwrap_or(0),
            reserve_remainder: at(&reserve_remainders, index).unwrap_or(0),
        };
        each(pool_id, &leg.sum(wager_amount, is_void, last_at));
    }
}

/// What a ledger row gave to one pool, or, negative, took back.
#[derive(Clone, Copy, Debug)]
pub struct Leg {
    /// Micros for the meter.
    pub display: i64,
    /// Micros for the reserve; the sum of both fits a bigint.
    pub reserve: i64,
    /// The rate into the pool's currency, in `1/ExchangeRate::SCALE`, if it is another.
    pub exchange_rate: Option<i64>,
    /// What the conversion left below a micro of display, in the same parts.
    pub display_remainder: i64,
    /// The same of reserve.
    pub reserve_remainder: i64,
}

impl Leg {
    /// Meter and reserve together.
    pub fn total(&self) -> Micros {
        Micros::new(i128::from(self.display) + i128::from(self.reserve))
    }

    /// The same as a sum.
    pub fn sum(&self, wager_amount: i64, is_void: bool, at: i64) -> Sum {
        let (display, reserve) = (i128::from(self.display), i128::from(self.reserve));
        let wagered = match self.exchange_rate {
            // Nearly always, and a division of 128 bits is not cheap.
            None => i128::from(wager_amount),
            Some(rate) => {
                i128::from(wager_amount) * i128::from(rate) / i128::from(ExchangeRate::SCALE)
            }
        };
        Sum {
            display,
            reserve,
            display_remainder: i128::from(self.display_remainder),
            reserve_remainder: i128::from(self.reserve_remainder),
            contributions: i64::from(!is_void),
            wagered: if is_void { 0 } else { wagered },
            voids: i64::from(is_void),
            voided: if is_void { -(display + reserve) } else { 0 },
            last_at: at,
        }
    }
}

/// Reads what the active snapshot, which is `now`, shows beyond the position, in rows up to `until`
/// (microseconds since 2000). Settling gives none: it looks everywhere and takes nobody's word.
pub fn read(position: &Position, now: &Snapshot, until: Option<i64>) -> Tail {
    // Under SERIALIZABLE PostgreSQL must know of all that was looked for, also where nothing is yet.
    let serializable = snapshot::is_serializable();
    let mut tail = Tail::default();
    let mut places = if !position.anchored || serializable {
        // Rows that a restore brought along may bear any id.
        position.snapshot.unseen(u64::MAX)
    } else if now.includes(&position.snapshot) && snapshot::is_comparable() {
        let mut places = now.ended_since(&position.snapshot);
        if until.is_some() {
            let ledger = relations::current().ledger;
            recent::take(&mut places.also, ledger, &mut tail.committed);
        }
        places
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
    tail.own = known.clone().unwrap_or_default();
    if conditions.is_empty() {
        return tail;
    }
    let parent = Relation::open(relations::current().ledger);
    let until = until.filter(|_| !serializable).unwrap_or(i64::MAX);
    for partition in partition::holding(&parent, position.tail_since, until) {
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
            legs(row, |pool_id, sum| sums.add(pool_id, sum));
        });
    }
    if known.is_none() {
        ledger::set_own_sums(&tail.own);
    }
    tail
}
