//! What was counted last of a long queue: counting it again for everybody who asks would take longer
//! than working it off.

use pgrx::lwlock::PgLwLock;
use pgrx::shmem::PGRXSharedMemory;
use pgrx::{pg_guard, pg_sys};
use std::sync::atomic::{AtomicBool, Ordering};

/// Databases whose counts are kept.
const DATABASES: usize = 16;
/// Kinds and priorities that one can have.
const GROUPS: usize = 16;

static BACKLOGS: PgLwLock<Backlogs> = unsafe {
    // SAFETY: the name is unique among this library's locks and NUL-terminated.
    PgLwLock::new(c"jackpot_backlog")
};
static PRELOADED: AtomicBool = AtomicBool::new(false);

#[derive(Clone, Copy)]
struct Backlogs([Slot; DATABASES]);

// SAFETY: plain numbers without pointers.
unsafe impl PGRXSharedMemory for Backlogs {}

impl Default for Backlogs {
    fn default() -> Self {
        Backlogs([Slot::EMPTY; DATABASES])
    }
}

#[derive(Clone, Copy)]
struct Slot {
    database: u32,
    ledger: u32,
    good_until: i64,
    groups: usize,
    counts: [Group; GROUPS],
}

impl Slot {
    const EMPTY: Slot =
        Slot { database: 0, ledger: 0, good_until: 0, groups: 0, counts: [Group::NONE; GROUPS] };
}

/// Items of one kind and priority.
#[derive(Clone, Copy)]
pub struct Group {
    /// The kind, by its number.
    pub kind: u8,
    /// The priority.
    pub priority: i32,
    /// How many.
    pub items: i64,
    /// How often they have been tried.
    pub attempts: i64,
    /// Since when the oldest that is due is due (microseconds since 2000); `i64::MAX` for none.
    pub oldest_due_at: i64,
}

impl Group {
    const NONE: Group = Group { kind: 0, priority: 0, items: 0, attempts: 0, oldest_due_at: 0 };
}

/// Asks for the memory; from `_PG_init` while the server starts.
pub fn init() {
    pgrx::pg_shmem_init!(BACKLOGS);
    PRELOADED.store(true, Ordering::Relaxed);
}

/// What was counted, if that is still good.
pub fn get(ledger: pg_sys::Oid, now: i64) -> Option<Vec<Group>> {
    if !PRELOADED.load(Ordering::Relaxed) {
        return None;
    }
    let backlogs = BACKLOGS.share();
    let slot = backlogs.0.iter().find(|slot| slot.is_of(ledger))?;
    (now < slot.good_until).then(|| slot.counts.iter().take(slot.groups).copied().collect())
}

/// Keeps what was counted until then.
pub fn put(ledger: pg_sys::Oid, good_until: i64, groups: &[Group]) {
    if !PRELOADED.load(Ordering::Relaxed) || groups.len() > GROUPS {
        return;
    }
    let database = database();
    let mut backlogs = BACKLOGS.exclusive();
    // This database's, else the one that is out of date for longest.
    let slot =
        backlogs.0.iter_mut().min_by_key(|slot| (slot.database != database, slot.good_until));
    if let Some(slot) = slot {
        let ledger = ledger.to_u32();
        *slot = Slot { database, ledger, good_until, groups: groups.len(), ..Slot::EMPTY };
        for (place, group) in slot.counts.iter_mut().zip(groups) {
            *place = *group;
        }
    }
}

impl Slot {
    fn is_of(&self, ledger: pg_sys::Oid) -> bool {
        self.database == database() && self.ledger == ledger.to_u32()
    }
}

fn database() -> u32 {
    // SAFETY: set once, before any function runs.
    unsafe { pg_sys::MyDatabaseId.to_u32() }
}
