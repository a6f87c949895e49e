//! The audit: all the time, a few rows at a time, the ledger is added up and compared with the
//! balances, and the journal with the pools. What `jackpot_validate()` proves at once and at length,
//! this finds in the background, within the time that it takes to read the ledger once.

use crate::guc;
use crate::shmem::metrics::board::{self, Audit};
use crate::shmem::workers;
use crate::store::index_scan::{self, Names, Relation, key};
use crate::store::session::clock;
use crate::store::snapshot::Active;
use crate::store::statement::{argument, statements};
use crate::store::tail::{self, Position, Sum, Sums};
use crate::store::{mark, partition, relations};
use jackpot_core::Error;
use pgrx::pg_sys::{self, Datum};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

/// How long pools are compared with their journals at a time; one of them at least.
const MICROSECONDS_AT_ONCE: i64 = 10_000;
/// Rows that a session reads when it asks for what was found: some milliseconds' worth.
const ROWS_OF_A_SESSION: usize = 2_000;

statements! {
    /// What the row of the next pool holds beyond what its journal explains.
    static JOURNAL(INT4OID) = "
        SELECT p.id, (p.meter - j.display + p.reserve - j.reserve)::pg_catalog.text, p.meter = j.display AND p.reserve = j.reserve
          FROM (SELECT p.* FROM jackpot.pool p WHERE p.id > $1 ORDER BY p.id LIMIT 1) p
         CROSS JOIN LATERAL (SELECT coalesce(pg_catalog.sum(j.display), 0) AS display, coalesce(pg_catalog.sum(j.reserve), 0) AS reserve
                               FROM jackpot.journal j WHERE j.pool_id = p.id) j";
}

/// The ledger's columns, as [`tail::legs`] numbers them, by another index.
static COLUMNS: Names = &[
    c"id",
    c"xid",
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

/// Once through the ledger, as far as it was settled when this began.
struct Pass {
    ledger: pg_sys::Oid,
    position: Position,
    balances: Sums,
    partitions: Vec<pg_sys::Oid>,
    /// The one that is being read, by its place.
    partition: usize,
    /// The last id that was read there.
    last_id: i64,
    rows: u64,
    sums: Sums,
}

/// What this process has found. What another has found stays until this one has looked at all of it.
#[derive(Default)]
struct Found {
    pass: Option<Pass>,
    /// Whether the ledger has been read to its end, since the journals were begun.
    is_through_ledger: bool,
    /// The pool whose journal was compared last.
    last_pool: i32,
    is_through_journals: bool,
    /// Differences, in micros, by pool; 0 stands for counts that differ.
    differences: BTreeMap<i32, i128>,
    /// Where nothing is shared.
    own: Audit,
}

thread_local! {
    static FOUND: RefCell<Found> = RefCell::default();
}

/// Reads so many rows more, and compares some pools with their journals. Tells whether it is through
/// all of it.
pub fn step(rows: usize) -> Result<bool, Error> {
    FOUND.with_borrow_mut(|found| {
        let _active = Active::committed();
        if !found.is_through_journals {
            found.compare_journals();
        }
        if !found.is_through_ledger {
            found.read_ledger(rows)?;
        }
        Ok(found.publish())
    })
}

/// Reads a few rows, if the audit is wanted and no worker is at work.
pub fn step_unless_worker() -> Result<(), Error> {
    let is_worker_there = workers::slot().is_some_and(|slot| slot.is_at_work(clock()));
    let rows = usize::try_from(guc::AUDIT_ROWS.get()).unwrap_or(0);
    if is_worker_there || rows == 0 { Ok(()) } else { step(rows.min(ROWS_OF_A_SESSION)).map(drop) }
}

/// Looks at what has been found: by the worker, or by this process.
pub fn with_result<T>(look: impl FnOnce(&Audit) -> T) -> T {
    match board::database() {
        Some(database) => look(&database.audit),
        None => FOUND.with_borrow(|found| look(&found.own)),
    }
}

impl Found {
    fn compare_journals(&mut self) {
        let began = clock();
        while !self.is_through_journals && clock() - began < MICROSECONDS_AT_ONCE {
            self.is_through_journals = JOURNAL.with(|statement| {
                let rows = statement.read(&[argument(self.last_pool)]);
                let Some(row) = rows.first() else { return true };
                self.last_pool = row.need(1);
                if !row.need::<bool>(3) {
                    self.differences.insert(self.last_pool, row.whole(2));
                }
                false
            });
        }
    }

    fn read_ledger(&mut self, rows: usize) -> Result<(), Error> {
        let parent = Relation::open(relations::current().ledger);
        let partitions = partition::all(&parent);
        let is_of_these = |pass: &Pass| {
            pass.ledger == relations::current().ledger && pass.partitions == partitions
        };
        let mut pass = match self.pass.take().filter(is_of_these) {
            Some(pass) => pass,
            None => match Pass::begin(partitions)? {
                Some(pass) => pass,
                // Nothing was ever written, or nothing since a restore.
                None => {
                    self.is_through_ledger = true;
                    return Ok(());
                }
            },
        };
        self.is_through_ledger = pass.read(rows);
        if self.is_through_ledger {
            self.differences.extend(pass.differences());
        } else {
            self.pass = Some(pass);
        }
        Ok(())
    }

    /// Tells what is known. A difference at once, that there is none at the end, when all begins
    /// anew.
    fn publish(&mut self) -> bool {
        let audit = board::database().map_or(&self.own, |database| &database.audit);
        let order = Ordering::Relaxed;
        let is_through = self.is_through_ledger && self.is_through_journals;
        audit.rows.store(self.pass.as_ref().map_or(0, |pass| pass.rows), order);
        let first = self.differences.first_key_value();
        if first.is_some() || is_through {
            let (pool_id, difference) = first.map_or((0, 0), |(pool_id, found)| (*pool_id, *found));
            let difference = difference.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
            audit.difference.store(difference, order);
            audit.pool_id.store(pool_id, order);
        }
        if is_through {
            audit.passes.fetch_add(1, order);
            audit.finished_at.store(clock(), order);
            (self.is_through_ledger, self.is_through_journals) = (false, false);
            self.last_pool = 0;
            self.differences.clear();
        }
        is_through
    }
}

impl Pass {
    /// From the mark as it is; `None` where there is none, or the database has been restored and
    /// nothing was written since.
    fn begin(partitions: Vec<pg_sys::Oid>) -> Result<Option<Self>, Error> {
        let base = mark::base()?.filter(|base| base.position.anchored);
        Ok(base.map(|base| Pass {
            ledger: relations::current().ledger,
            position: base.position,
            balances: base.sums,
            partitions,
            partition: 0,
            last_id: i64::MIN,
            rows: 0,
            sums: Sums::default(),
        }))
    }

    /// Reads so many rows. True at the end.
    fn read(&mut self, mut rows: usize) -> bool {
        while let Some(oid) = self.partitions.get(self.partition).copied() {
            let partition = Relation::open(oid);
            let later =
                [key(pg_sys::BTGreaterStrategyNumber, pg_sys::F_INT8GT, Datum::from(self.last_id))];
            let before = rows;
            index_scan::scan_while(&partition, COLUMNS, &[&later], |row| {
                if rows == 0 {
                    return ControlFlow::Break(());
                }
                rows -= 1;
                self.last_id = row.long(0);
                let is_settled = self.last_id <= self.position.floor_id
                    || self.position.snapshot.sees(row.long(1).cast_unsigned());
                if is_settled {
                    tail::legs(row, |pool_id, sum| self.sums.add(pool_id, sum));
                }
                ControlFlow::Continue(())
            });
            self.rows += (before - rows) as u64;
            if rows == 0 {
                return false;
            }
            self.partition += 1;
            self.last_id = i64::MIN;
        }
        true
    }

    /// By how much, in micros, balances are above what the ledger says.
    fn differences(&self) -> BTreeMap<i32, i128> {
        let pools = self.balances.iter().chain(self.sums.iter()).map(|(pool_id, _)| *pool_id);
        pools
            .filter_map(|pool_id| {
                let balance = self.balances.get(pool_id).copied().unwrap_or(Sum::ZERO);
                let ledger = self.sums.get(pool_id).copied().unwrap_or(Sum::ZERO);
                let total = |sum: &Sum| sum.meter() + sum.for_reserve();
                (!balance.is_same_money(&ledger))
                    .then(|| (pool_id, total(&balance) - total(&ledger)))
            })
            .collect()
    }
}
