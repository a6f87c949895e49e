//! The amounts of all pools as they were a moment ago, for those who only want to show them.

use jackpot_core::Status;
use pgrx::lwlock::PgLwLock;
use pgrx::shmem::PGRXSharedMemory;
use pgrx::{pg_guard, pg_sys};
use std::sync::atomic::{AtomicBool, Ordering};

/// Databases that have a ticker in memory.
const DATABASES: usize = 16;
/// Pools that one can have; where there are more, the tables are read.
const POOLS: usize = 64;
/// After so long whoever wanted to read anew is taken to have failed.
const MICROSECONDS_TO_READ: i64 = 1_000_000;

static TICKERS: PgLwLock<Tickers> = unsafe {
    // SAFETY: the name is unique among this library's locks and NUL-terminated.
    PgLwLock::new(c"jackpot_ticker")
};
static PRELOADED: AtomicBool = AtomicBool::new(false);

#[derive(Clone, Copy)]
struct Tickers([Slot; DATABASES]);

// SAFETY: plain numbers without pointers.
unsafe impl PGRXSharedMemory for Tickers {}

impl Default for Tickers {
    fn default() -> Self {
        Tickers([Slot::EMPTY; DATABASES])
    }
}

#[derive(Clone, Copy)]
struct Slot {
    database: u32,
    ledger: u32,
    as_of: i64,
    /// Since when somebody reads anew; 0 for nobody.
    reading_since: i64,
    pools: usize,
    amounts: [Amount; POOLS],
}

impl Slot {
    const EMPTY: Slot = Slot {
        database: 0,
        ledger: 0,
        as_of: 0,
        reading_since: 0,
        pools: 0,
        amounts: [Amount::ZERO; POOLS],
    };
}

/// What a pool held.
#[derive(Clone, Copy)]
pub struct Amount {
    /// The pool.
    pub pool_id: i32,
    /// Whether it took part.
    pub status: Status,
    /// What was payable, in minor units.
    pub current_amount: i64,
    /// Its cycle.
    pub cycle: i64,
    /// Its version.
    pub version: i64,
}

impl Amount {
    const ZERO: Amount =
        Amount { pool_id: 0, status: Status::Active, current_amount: 0, cycle: 0, version: 0 };
}

/// Asks for the memory; from `_PG_init` while the server starts.
pub fn init() {
    pgrx::pg_shmem_init!(TICKERS);
    PRELOADED.store(true, Ordering::Relaxed);
}

/// What this database's pools held, and when (microseconds since 2000).
pub fn get(ledger: pg_sys::Oid) -> Option<(i64, Vec<Amount>)> {
    if !PRELOADED.load(Ordering::Relaxed) {
        return None;
    }
    let database = database();
    let tickers = TICKERS.share();
    let is_own = |slot: &&Slot| slot.database == database && slot.ledger == ledger.to_u32();
    let slot = tickers.0.iter().find(is_own)?;
    Some((slot.as_of, slot.amounts.iter().take(slot.pools).copied().collect()))
}

/// Whether the caller, and nobody else, is to read the amounts anew.
pub fn try_read(ledger: pg_sys::Oid, now: i64) -> bool {
    if !PRELOADED.load(Ordering::Relaxed) {
        return false;
    }
    let (database, ledger) = (database(), ledger.to_u32());
    let mut tickers = TICKERS.exclusive();
    // This database's, else one that is free.
    let Some(slot) = tickers
        .0
        .iter_mut()
        .filter(|slot| slot.database == database || slot.database == 0)
        .min_by_key(|slot| slot.database != database)
    else {
        return false;
    };
    if (slot.database, slot.ledger) != (database, ledger) {
        *slot = Slot { database, ledger, ..Slot::EMPTY };
    }
    let is_free = (now - slot.reading_since).abs() > MICROSECONDS_TO_READ;
    if is_free {
        slot.reading_since = now;
    }
    is_free
}

/// Shows what the pools held at that time, unless something newer is there.
pub fn put(ledger: pg_sys::Oid, as_of: i64, amounts: &[Amount]) {
    if !PRELOADED.load(Ordering::Relaxed) {
        return;
    }
    let database = database();
    let mut tickers = TICKERS.exclusive();
    let is_own = |slot: &&mut Slot| slot.database == database && slot.ledger == ledger.to_u32();
    let Some(slot) = tickers.0.iter_mut().find(is_own) else { return };
    slot.reading_since = 0;
    if amounts.len() > POOLS {
        return;
    }
    // Not where the clock was set back.
    if as_of > slot.as_of || slot.as_of - as_of > MICROSECONDS_TO_READ {
        slot.as_of = as_of;
        slot.pools = amounts.len();
        for (place, amount) in slot.amounts.iter_mut().zip(amounts) {
            *place = *amount;
        }
    }
}

/// Frees what belongs to databases that are no more.
pub fn keep(exists: impl Fn(pg_sys::Oid) -> bool) {
    for slot in &mut TICKERS.exclusive().0 {
        if slot.database != 0 && !exists(pg_sys::Oid::from(slot.database)) {
            *slot = Slot::EMPTY;
        }
    }
}

fn database() -> u32 {
    // SAFETY: set once, before any function runs.
    unsafe { pg_sys::MyDatabaseId.to_u32() }
}
