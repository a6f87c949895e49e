//! What the transactions that committed last have appended to the ledger, so that readers need not
//! look for their rows. Whatever is not found here must be looked for there: what was rolled back,
//! what was prepared, what fed many pools, and what was long ago.

use crate::store::tail::{Sum, Sums};
use pgrx::lwlock::PgLwLock;
use pgrx::shmem::PGRXSharedMemory;
use pgrx::{pg_guard, pg_sys};
use std::sync::atomic::{AtomicBool, Ordering};

/// How many transactions are kept, each in the place that its id gives.
const TRANSACTIONS: usize = 512;
/// Pools that one of them can have fed.
const POOLS: usize = 8;

static RECENT: PgLwLock<Ring> = unsafe {
    // SAFETY: the name is unique among this library's locks and NUL-terminated.
    PgLwLock::new(c"jackpot_recent")
};
static PRELOADED: AtomicBool = AtomicBool::new(false);

#[derive(Clone, Copy)]
struct Ring([Slot; TRANSACTIONS]);

// SAFETY: plain numbers without pointers.
unsafe impl PGRXSharedMemory for Ring {}

impl Default for Ring {
    fn default() -> Self {
        Ring([Slot::EMPTY; TRANSACTIONS])
    }
}

#[derive(Clone, Copy)]
struct Slot {
    xid: u64,
    /// Transaction ids are the cluster's, oids of ledgers each database's own.
    ledger: (u32, u32),
    pools: usize,
    sums: [(i32, Sum); POOLS],
}

impl Slot {
    const EMPTY: Slot = Slot { xid: 0, ledger: (0, 0), pools: 0, sums: [(0, Sum::ZERO); POOLS] };
}

/// Asks for the memory; from `_PG_init` while the server starts.
pub fn init() {
    pgrx::pg_shmem_init!(RECENT);
    PRELOADED.store(true, Ordering::Relaxed);
}

/// Tells what a transaction has appended, which has just committed.
pub fn put(xid: u64, ledger: pg_sys::Oid, sums: &Sums) {
    if !PRELOADED.load(Ordering::Relaxed) || sums.iter().len() > POOLS {
        return;
    }
    let ledger = place(ledger);
    if let Some(slot) = RECENT.exclusive().0.get_mut(xid as usize % TRANSACTIONS) {
        slot.xid = xid;
        slot.ledger = ledger;
        slot.pools = sums.iter().len();
        for (slot, sum) in slot.sums.iter_mut().zip(sums.iter()) {
            *slot = *sum;
        }
    }
}

/// Takes those of the committed transactions that are known out of the list and adds what they
/// gave.
pub fn take(xids: &mut Vec<u64>, ledger: pg_sys::Oid, into: &mut Sums) {
    if !PRELOADED.load(Ordering::Relaxed) || xids.is_empty() {
        return;
    }
    let ledger = place(ledger);
    let ring = RECENT.share();
    xids.retain(|xid| match ring.0.get(*xid as usize % TRANSACTIONS) {
        Some(slot) if slot.xid == *xid && slot.ledger == ledger => {
            for (pool_id, sum) in slot.sums.iter().take(slot.pools) {
                into.add(*pool_id, sum);
            }
            false
        }
        _ => true,
    });
}

fn place(ledger: pg_sys::Oid) -> (u32, u32) {
    // SAFETY: set once, before any function runs.
    (unsafe { pg_sys::MyDatabaseId.to_u32() }, ledger.to_u32())
}
