//! The board on which sessions, workers and the launcher see one another: who works for which
//! database, and what there is to do.

use crate::shmem::minute::Minute;
use pgrx::shmem::PGRXSharedMemory;
use pgrx::{PgAtomic, pg_guard, pg_sys};
use std::cell::Cell;
use std::sync::atomic::{
    AtomicBool, AtomicI32, AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering,
};

/// Databases that can have a worker at a time.
const DATABASES: usize = 64;
/// Bytes of an error's message that are kept.
const MESSAGE_BYTES: usize = 256;
/// How long a worker may not be heard of before its work is others' again.
const MICROSECONDS_OF_TRUST: i64 = 10_000_000;
/// No process.
const NOBODY: i32 = -1;

static BOARD: PgAtomic<Board> = unsafe {
    // SAFETY: the name is unique in this library and NUL-terminated.
    PgAtomic::new(c"jackpot_workers")
};
static PRELOADED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// Where this database's slot is.
    static OWN: Cell<Option<usize>> = const { Cell::new(None) };
}

struct Board {
    launcher: AtomicI32,
    slots: [Slot; DATABASES],
}

// SAFETY: atomic numbers without pointers.
unsafe impl PGRXSharedMemory for Board {}

impl Default for Board {
    fn default() -> Self {
        let slots = std::array::from_fn(|_| Slot::default());
        Board { launcher: AtomicI32::new(NOBODY), slots }
    }
}

/// What is known of a database and its worker. Times are microseconds since 2000.
pub struct Slot {
    database: AtomicU32,
    process: AtomicI32,
    /// The worker's process id; 0 while there is none.
    pub pid: AtomicI32,
    /// When the worker started.
    pub started_at: AtomicI64,
    /// When it looked for work last.
    pub last_round_at: AtomicI64,
    /// Whether a worker is missed.
    is_wanted: AtomicBool,
    /// Whether the worker has found the extension and not seen it go.
    pub has_extension: AtomicBool,
    /// Items enqueued, of transactions that have committed.
    pub enqueued: AtomicU64,
    /// Ledger rows appended, of transactions that have committed.
    pub appended: AtomicU64,
    /// How many of these the worker had settled when it settled last.
    pub settled: AtomicU64,
    /// Items that were enqueued.
    pub came_in: Minute,
    /// Items that were done, by the worker or by a call.
    pub went_out: Minute,
    /// When the worker failed last; 0 for never.
    pub failed_at: AtomicI64,
    message: [AtomicU8; MESSAGE_BYTES],
}

impl Default for Slot {
    fn default() -> Self {
        Slot {
            database: AtomicU32::new(0),
            process: AtomicI32::new(NOBODY),
            pid: AtomicI32::new(0),
            started_at: AtomicI64::new(0),
            last_round_at: AtomicI64::new(0),
            is_wanted: AtomicBool::new(false),
            has_extension: AtomicBool::new(false),
            enqueued: AtomicU64::new(0),
            appended: AtomicU64::new(0),
            settled: AtomicU64::new(0),
            came_in: Minute::default(),
            went_out: Minute::default(),
            failed_at: AtomicI64::new(0),
            message: std::array::from_fn(|_| AtomicU8::new(0)),
        }
    }
}

/// Asks for the memory; from `_PG_init` while the server starts.
pub fn init() {
    pgrx::pg_shmem_init!(BOARD);
    PRELOADED.store(true, Ordering::Relaxed);
}

/// Whether there are workers at all.
pub fn is_preloaded() -> bool {
    PRELOADED.load(Ordering::Relaxed)
}

/// This database's slot; `None` without preloading, and where more databases than there are slots
/// use the extension.
pub fn slot() -> Option<&'static Slot> {
    if !is_preloaded() {
        return None;
    }
    // SAFETY: set once, before any function runs.
    let database = unsafe { pg_sys::MyDatabaseId.to_u32() };
    let slots = &BOARD.get().slots;
    let is_own = |slot: &Slot| slot.database.load(Ordering::Relaxed) == database;
    if let Some(own) = OWN.get().and_then(|own| slots.get(own)).filter(|slot| is_own(slot)) {
        return Some(own);
    }
    let own = slots.iter().position(is_own).or_else(|| {
        slots.iter().position(|slot| {
            let taken =
                slot.database.compare_exchange(0, database, Ordering::Relaxed, Ordering::Relaxed);
            taken == Ok(0) || taken == Err(database)
        })
    });
    OWN.set(own);
    own.and_then(|own| slots.get(own))
}

/// The databases that have asked for a worker.
pub fn wanted() -> Vec<pg_sys::Oid> {
    let slots = BOARD.get().slots.iter();
    slots
        .filter(|slot| slot.is_wanted.load(Ordering::Relaxed))
        .map(|slot| pg_sys::Oid::from(slot.database.load(Ordering::Relaxed)))
        .collect()
}

/// This database does not have the extension, so nobody misses a worker.
pub fn forget() {
    // SAFETY: set in every process that is connected to a database.
    let database = unsafe { pg_sys::MyDatabaseId.to_u32() };
    for slot in &BOARD.get().slots {
        if slot.database.load(Ordering::Relaxed) == database {
            slot.is_wanted.store(false, Ordering::Relaxed);
            slot.has_extension.store(false, Ordering::Relaxed);
        }
    }
}

/// Whether a worker of the database, if it ended, did so against its will.
pub fn is_missed(database: pg_sys::Oid) -> bool {
    BOARD.get().slots.iter().any(|slot| {
        slot.database.load(Ordering::Relaxed) == database.to_u32()
            && slot.has_extension.load(Ordering::Relaxed)
    })
}

/// Frees the slots of databases that are no more.
pub fn keep(exists: impl Fn(pg_sys::Oid) -> bool) {
    for slot in &BOARD.get().slots {
        let database = slot.database.load(Ordering::Relaxed);
        if database != 0 && !exists(pg_sys::Oid::from(database)) {
            slot.is_wanted.store(false, Ordering::Relaxed);
            slot.has_extension.store(false, Ordering::Relaxed);
            slot.failed_at.store(0, Ordering::Relaxed);
            slot.database.store(0, Ordering::Relaxed);
        }
    }
}

/// The calling process is the launcher from now on.
pub fn announce_launcher() {
    BOARD.get().launcher.store(own_process(), Ordering::Release);
}

impl Slot {
    /// The calling process is the database's worker from now on.
    pub fn take(&self, at: i64) {
        self.is_wanted.store(false, Ordering::Relaxed);
        // SAFETY: a variable of this process.
        self.pid.store(unsafe { pg_sys::MyProcPid }, Ordering::Relaxed);
        self.started_at.store(at, Ordering::Relaxed);
        self.last_round_at.store(at, Ordering::Relaxed);
        self.process.store(own_process(), Ordering::Release);
    }

    /// The calling process no longer is.
    pub fn leave(&self) {
        self.process.store(NOBODY, Ordering::Relaxed);
        self.pid.store(0, Ordering::Relaxed);
    }

    /// Whether a worker is there and has been heard of lately.
    pub fn is_at_work(&self, at: i64) -> bool {
        self.pid.load(Ordering::Relaxed) != 0
            && at - self.last_round_at.load(Ordering::Relaxed) < MICROSECONDS_OF_TRUST
    }

    /// Wakes the worker, or the launcher where there is none. May be called while a transaction
    /// commits.
    pub fn wake(&self) {
        match self.process.load(Ordering::Acquire) {
            NOBODY if !self.is_wanted.swap(true, Ordering::Relaxed) => {
                set_latch(BOARD.get().launcher.load(Ordering::Acquire));
            }
            process => set_latch(process),
        }
    }

    /// Keeps why the worker failed.
    pub fn fail(&self, message: &str, at: i64) {
        let bytes = message.bytes().chain(std::iter::repeat(0));
        for (place, byte) in self.message.iter().zip(bytes) {
            place.store(byte, Ordering::Relaxed);
        }
        self.failed_at.store(at, Ordering::Relaxed);
    }

    /// Why the worker failed last.
    pub fn message(&self) -> String {
        let bytes = self.message.iter().map(|place| place.load(Ordering::Relaxed));
        let bytes: Vec<u8> = bytes.take_while(|byte| *byte != 0).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

fn own_process() -> i32 {
    // SAFETY: every process with access to shared memory has its entry.
    unsafe { (*pg_sys::MyProc).pgprocno }
}

/// Sets the latch of a process; at worst that of another which has taken its place, and looks up
/// for nothing.
fn set_latch(process: i32) {
    let Ok(process) = usize::try_from(process) else { return };
    // SAFETY: the number is that of an entry, which stays as long as shared memory does.
    unsafe {
        let entry = (*pg_sys::ProcGlobal).allProcs.add(process);
        pg_sys::SetLatch(&raw mut (*entry).procLatch);
    }
}
