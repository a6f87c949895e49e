//! The counters of all databases, in shared memory.

use crate::shmem::metrics::place::{PLACES, POOLS, Place, counts_calls, is_maximum};
use crate::shmem::minute::Minute;
use crate::shmem::zeroed::{OfAtomics, Zeroed};
use crate::store::session::clock;
use pgrx::{pg_guard, pg_sys};
use std::cell::Cell;
use std::sync::atomic::{AtomicI32, AtomicI64, AtomicU32, AtomicU64, Ordering};

/// Databases whose calls are counted; of more there are no metrics.
const DATABASES: usize = 16;

static BOARD: Zeroed<Board> = Zeroed::new(c"jackpot_metrics");

thread_local! {
    static OWN: Cell<Option<usize>> = const { Cell::new(None) };
}

struct Board([Database; DATABASES]);

// SAFETY: only atomic numbers.
unsafe impl OfAtomics for Board {}

/// The counters of one database. Times are microseconds since 2000.
pub struct Database {
    database: AtomicU32,
    /// The ledger; a re-created extension has another, and other pools.
    ledger: AtomicU32,
    /// When counting began.
    pub reset_at: AtomicI64,
    /// When the last sample was taken.
    pub sampled_at: AtomicI64,
    pool_ids: [AtomicI32; POOLS],
    counters: [AtomicU64; PLACES],
    /// What they were then.
    sampled: [AtomicU64; PLACES],
    /// Calls that move money, of the last minute.
    pub calls: Minute,
    /// Those that failed.
    pub errors: Minute,
    /// Conflicts that they met.
    pub conflicts: Minute,
    /// What the worker has found of the last minute.
    pub recent: Recent,
    /// What the audit has found.
    pub audit: Audit,
}

/// Latencies of the last minute, in microseconds; [`Recent::NONE`] where there was no call.
pub struct Recent {
    /// When they were computed; 0 for never.
    pub at: AtomicI64,
    /// Of calls that move money.
    pub call_p95: AtomicU64,
    /// Of wins.
    pub win_p95: AtomicU64,
}

impl Recent {
    /// There was no call.
    pub const NONE: u64 = u64::MAX;
}

/// What has been found by comparing the books with the ledger, piece by piece.
#[derive(Default)]
pub struct Audit {
    /// When the ledger was last gone through to its end; 0 for never.
    pub finished_at: AtomicI64,
    /// How often.
    pub passes: AtomicU64,
    /// Ledger rows that have been read in the present pass.
    pub rows: AtomicU64,
    /// The pool with the difference that was found last; 0 for none.
    pub pool_id: AtomicI32,
    /// The difference, in micros.
    pub difference: AtomicI64,
}

/// Asks for the memory; from `_PG_init` while the server starts.
pub fn init() {
    pgrx::pg_shmem_init!(BOARD);
}

/// This database's counters; `None` without preloading, and where there are more databases than
/// are counted.
pub fn database() -> Option<&'static Database> {
    let databases = &BOARD.get()?.0;
    // SAFETY: set once, before any function runs.
    let oid = unsafe { pg_sys::MyDatabaseId.to_u32() };
    let is_own = |database: &Database| database.database.load(Ordering::Relaxed) == oid;
    if let Some(own) = OWN.get().and_then(|own| databases.get(own)).filter(|own| is_own(own)) {
        return Some(own);
    }
    let own = databases.iter().position(is_own).or_else(|| {
        databases.iter().position(|database| {
            let order = Ordering::Relaxed;
            match database.database.compare_exchange(0, oid, order, order) {
                Ok(_) => {
                    database.reset();
                    true
                }
                Err(other) => other == oid,
            }
        })
    });
    // Another process of the database may have taken an earlier one that was freed meanwhile.
    let first = databases.iter().position(is_own);
    if let (Some(own), Some(first)) = (own, first)
        && first < own
        && let Some(late) = databases.get(own)
    {
        late.database.store(0, Ordering::Relaxed);
    }
    OWN.set(first);
    first.and_then(|first| databases.get(first))
}

/// Frees what belongs to databases that are no more.
pub fn keep(exists: impl Fn(pg_sys::Oid) -> bool) {
    let Some(Board(databases)) = BOARD.get() else { return };
    for database in databases {
        let oid = database.database.load(Ordering::Relaxed);
        if oid != 0 && !exists(pg_sys::Oid::from(oid)) {
            database.forget_pools();
            database.reset();
            database.database.store(0, Ordering::Relaxed);
        }
    }
}

impl Database {
    /// Adds to a counter.
    pub fn add(&self, place: Place, value: u64) {
        let Some(counter) = self.counters.get(place as usize) else { return };
        if is_maximum(place) {
            counter.fetch_max(value, Ordering::Relaxed);
        } else {
            counter.fetch_add(value, Ordering::Relaxed);
            if counts_calls(place) {
                self.calls.add(value, clock());
            }
        }
    }

    /// All counters as they are.
    pub fn read(&self) -> Counters {
        Counters(self.counters.iter().map(|counter| counter.load(Ordering::Relaxed)).collect())
    }

    /// All counters as they were when the last sample was taken.
    pub fn read_sampled(&self) -> Counters {
        Counters(self.sampled.iter().map(|counter| counter.load(Ordering::Relaxed)).collect())
    }

    /// A sample was taken of these.
    pub fn set_sampled(&self, counters: &Counters, at: i64) {
        for (sampled, counter) in self.sampled.iter().zip(&counters.0) {
            sampled.store(*counter, Ordering::Relaxed);
        }
        self.sampled_at.store(at, Ordering::Relaxed);
    }

    /// Starts counting anew.
    pub fn reset(&self) {
        for counter in self.counters.iter().chain(&self.sampled) {
            counter.store(0, Ordering::Relaxed);
        }
        for minute in [&self.calls, &self.errors, &self.conflicts] {
            minute.reset();
        }
        self.recent.at.store(0, Ordering::Relaxed);
        let now = clock();
        self.reset_at.store(now, Ordering::Relaxed);
        self.sampled_at.store(now, Ordering::Relaxed);
    }

    fn forget_pools(&self) {
        self.ledger.store(0, Ordering::Relaxed);
        for pool_id in &self.pool_ids {
            pool_id.store(0, Ordering::Relaxed);
        }
        self.audit.pool_id.store(0, Ordering::Relaxed);
        self.audit.finished_at.store(0, Ordering::Relaxed);
        self.audit.passes.store(0, Ordering::Relaxed);
    }

    /// Whether what is counted is of this ledger.
    pub fn is_of(&self, ledger: pg_sys::Oid) -> bool {
        self.ledger.load(Ordering::Relaxed) == ledger.to_u32()
    }

    /// What is counted is of this ledger from now on.
    pub fn set_ledger(&self, ledger: pg_sys::Oid) {
        let order = Ordering::Relaxed;
        let known = self.ledger.load(order);
        if known != ledger.to_u32()
            && self.ledger.compare_exchange(known, ledger.to_u32(), order, order).is_ok()
            && known != 0
        {
            self.forget_pools();
            self.reset();
            self.ledger.store(ledger.to_u32(), order);
        }
    }

    /// Where a pool is counted, from the place on that its id gives.
    pub fn pool(&self, pool_id: i32) -> Option<usize> {
        let first = pool_id.unsigned_abs() as usize % POOLS;
        (first..POOLS).chain(0..first).find(|place| {
            let order = Ordering::Relaxed;
            self.pool_ids.get(*place).is_some_and(|known| match known.load(order) {
                0 => match known.compare_exchange(0, pool_id, order, order) {
                    Ok(_) => true,
                    Err(other) => other == pool_id,
                },
                known => known == pool_id,
            })
        })
    }

    /// The pools that are counted: their places and ids.
    pub fn pools(&self) -> impl Iterator<Item = (usize, i32)> {
        let ids = self.pool_ids.iter().map(|pool_id| pool_id.load(Ordering::Relaxed));
        ids.enumerate().filter(|(_, pool_id)| *pool_id != 0)
    }
}

/// What counters were at a time.
#[derive(Clone)]
pub struct Counters(Vec<u64>);

impl Counters {
    /// One of them.
    pub fn get(&self, place: Place) -> u64 {
        self.0.get(place as usize).copied().unwrap_or(0)
    }

    /// What has been added since; a maximum stays what it is. After a reset all counts anew.
    pub fn since(&self, earlier: &Counters) -> Counters {
        let pairs = self.0.iter().zip(&earlier.0).zip(0..);
        let added = pairs.map(|((now, then), place)| {
            if is_maximum(place) { *now } else { now.checked_sub(*then).unwrap_or(*now) }
        });
        Counters(added.collect())
    }
}
