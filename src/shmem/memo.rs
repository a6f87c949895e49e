//! The newest sums that any backend has read, so that each ledger row is added about once
//! altogether and not once per backend.

use crate::store::tail::{Position, Sum, Sums};
use crate::store::totals::Memo;
use jackpot_core::Snapshot;
use pgrx::lwlock::PgLwLock;
use pgrx::shmem::PGRXSharedMemory;
use pgrx::{pg_guard, pg_sys};
use std::sync::atomic::{AtomicBool, Ordering};

/// Databases that can share at a time.
const DATABASES: usize = 8;
/// Pools that a shared memo can hold.
const POOLS: usize = 64;
/// Transactions in progress that a shared memo can hold.
const IN_PROGRESS: usize = 256;

static MEMOS: PgLwLock<Slots> = unsafe {
    // SAFETY: the name is unique among this library's locks and NUL-terminated.
    PgLwLock::new(c"jackpot_memo")
};
static PRELOADED: AtomicBool = AtomicBool::new(false);

#[derive(Clone, Copy)]
struct Slots {
    slots: [Slot; DATABASES],
    /// Counts what is shared, to tell which slot has lain idle longest.
    shared: u64,
}

// SAFETY: plain numbers without pointers.
unsafe impl PGRXSharedMemory for Slots {}

impl Default for Slots {
    fn default() -> Self {
        Slots { slots: [Slot::EMPTY; DATABASES], shared: 0 }
    }
}

#[derive(Clone, Copy)]
struct Slot {
    shared_at: u64,
    database: u32,
    ledger: u32,
    floor_id: i64,
    tail_since: i64,
    based_at: i64,
    xmin: u64,
    xmax: u64,
    running: usize,
    in_progress: [u64; IN_PROGRESS],
    pools: usize,
    sums: [(i32, Sum); POOLS],
}

impl Slot {
    const EMPTY: Slot = Slot {
        shared_at: 0,
        database: 0,
        ledger: 0,
        floor_id: 0,
        tail_since: 0,
        based_at: 0,
        xmin: 0,
        xmax: 0,
        running: 0,
        in_progress: [0; IN_PROGRESS],
        pools: 0,
        sums: [(0, Sum::ZERO); POOLS],
    };

    fn snapshot(&self) -> Snapshot {
        let running = self.in_progress.iter().take(self.running).copied();
        Snapshot::new(self.xmin, self.xmax, running)
    }

    fn fill(&mut self, memo: &Memo) {
        let snapshot = &memo.position.snapshot;
        self.ledger = memo.ledger.to_u32();
        self.floor_id = memo.position.floor_id;
        self.tail_since = memo.position.tail_since;
        self.based_at = memo.based_at;
        self.xmin = snapshot.xmin();
        self.xmax = snapshot.xmax();
        self.running = snapshot.in_progress().len();
        for (slot, xid) in self.in_progress.iter_mut().zip(snapshot.in_progress()) {
            *slot = *xid;
        }
        self.pools = memo.sums.iter().len();
        for (slot, sum) in self.sums.iter_mut().zip(memo.sums.iter()) {
            *slot = *sum;
        }
    }
}

/// Asks for the memory; from `_PG_init` while the server starts.
pub fn init() {
    pgrx::pg_shmem_init!(MEMOS);
    PRELOADED.store(true, Ordering::Relaxed);
}

/// The shared memo of a ledger of this database.
pub fn get(ledger: pg_sys::Oid) -> Option<Memo> {
    if !PRELOADED.load(Ordering::Relaxed) {
        return None;
    }
    let database = database();
    let slots = MEMOS.share();
    let slot = slots
        .slots
        .iter()
        .find(|slot| slot.database == database && slot.ledger == ledger.to_u32())?;
    Some(Memo {
        ledger,
        position: Position {
            snapshot: slot.snapshot(),
            floor_id: slot.floor_id,
            tail_since: slot.tail_since,
            anchored: true,
        },
        sums: Sums::from_sorted(slot.sums.iter().take(slot.pools).copied()),
        based_at: slot.based_at,
    })
}

/// Shares a memo unless a newer one is there. False when it cannot be shared.
pub fn put(memo: &Memo) -> bool {
    let snapshot = &memo.position.snapshot;
    if !PRELOADED.load(Ordering::Relaxed)
        || snapshot.in_progress().len() > IN_PROGRESS
        || memo.sums.iter().len() > POOLS
    {
        return false;
    }
    let database = database();
    let mut slots = MEMOS.exclusive();
    let slots = &mut *slots;
    slots.shared += 1;
    // This database's, else the one that has lain idle longest.
    let mine = |slot: &&mut Slot| (slot.database != database, slot.shared_at);
    let Some(slot) = slots.slots.iter_mut().min_by_key(mine) else { return false };
    let known = slot.database == database && slot.ledger == memo.ledger.to_u32();
    // As Snapshot::is_newer_than, without building one under the lock.
    let newer = (snapshot.xmax(), slot.running) > (slot.xmax, snapshot.in_progress().len());
    if !known || newer {
        slot.database = database;
        slot.fill(memo);
        slot.shared_at = slots.shared;
    }
    true
}

fn database() -> u32 {
    // SAFETY: set once, before any function runs.
    unsafe { pg_sys::MyDatabaseId.to_u32() }
}
