//! What prepared transactions have done. Whoever commits one may be another session, and nobody is
//! told; so it is found out when counters are read, until when nobody can tell the difference, and
//! now and then by the worker, to make room.

use crate::shmem::metrics::board;
use crate::shmem::metrics::place::{OfDatabase, Place, of_database};
use crate::shmem::workers;
use crate::store::snapshot;
use pgrx::lwlock::PgLwLock;
use pgrx::shmem::PGRXSharedMemory;
use pgrx::{pg_guard, pg_sys};

/// Counts of all prepared transactions together, some ten a transaction.
const COUNTS: usize = 8_192;
/// So far back the log may no longer know what became of a transaction.
const TRANSACTIONS_REMEMBERED: u64 = 1_000_000_000;

static PREPARED: PgLwLock<Table> = unsafe {
    // SAFETY: the name is unique among this library's locks and NUL-terminated.
    PgLwLock::new(c"jackpot_prepared")
};

#[derive(Clone, Copy)]
struct Count {
    /// 0 where there is none.
    xid: u64,
    database: u32,
    place: Place,
    value: u64,
}

const NONE: Count = Count { xid: 0, database: 0, place: 0, value: 0 };

/// Those that are in use stand first.
#[derive(Clone, Copy)]
struct Table {
    used: usize,
    counts: [Count; COUNTS],
}

// SAFETY: plain numbers without pointers.
unsafe impl PGRXSharedMemory for Table {}

impl Default for Table {
    fn default() -> Self {
        Table { used: 0, counts: [NONE; COUNTS] }
    }
}

impl Table {
    /// Keeps those that are wanted.
    fn retain(&mut self, is_wanted: impl Fn(&Count) -> bool) {
        let mut kept = 0;
        for place in 0..self.used {
            let count = self.counts.get(place).copied().filter(&is_wanted);
            if let (Some(count), Some(free)) = (count, self.counts.get_mut(kept)) {
                *free = count;
                kept += 1;
            }
        }
        self.used = kept;
    }
}

/// Asks for the memory; from `_PG_init` while the server starts.
pub fn init() {
    pgrx::pg_shmem_init!(PREPARED);
}

/// Keeps what the present transaction has done, which has just been prepared. Not after a restart:
/// counting then begins anew.
pub fn keep(counts: &[(Place, u64)]) {
    let Some(database) = board::database() else { return };
    let Some(xid) = snapshot::own_xid_if_any() else { return };
    let oid = own_database();
    let mut table = PREPARED.exclusive();
    let used = table.used;
    let free = table.counts.iter_mut().skip(used);
    if free.len() < counts.len() {
        drop(table);
        database.add(of_database(OfDatabase::Lost), 1);
    } else {
        for (free, (place, value)) in free.zip(counts) {
            *free = Count { xid, database: oid, place: *place, value: *value };
        }
        table.used = used + counts.len();
    }
    // The worker makes room.
    if used > COUNTS / 2
        && let Some(slot) = workers::slot()
    {
        slot.wake();
    }
}

/// Counts what has been committed since, and forgets what has been rolled back.
pub fn resolve() {
    let Some(database) = board::database() else { return };
    let oid = own_database();
    let mut xids: Vec<u64> = {
        let table = PREPARED.share();
        let own = table.counts.iter().take(table.used).filter(|count| count.database == oid);
        own.map(|count| count.xid).collect()
    };
    xids.dedup();
    if xids.is_empty() {
        return;
    }
    let oldest = snapshot::next_xid().saturating_sub(TRANSACTIONS_REMEMBERED);
    xids.retain(|xid| *xid < oldest || !is_in_progress(*xid));
    let committed: Vec<u64> =
        xids.iter().copied().filter(|xid| *xid >= oldest && has_committed(*xid)).collect();
    let is_over = |count: &Count| count.database == oid && xids.contains(&count.xid);
    let mut table = PREPARED.exclusive();
    for count in table.counts.iter().take(table.used).filter(|count| is_over(count)) {
        if committed.contains(&count.xid) {
            database.add(count.place, count.value);
        }
    }
    table.retain(|count| !is_over(count));
}

/// After a reset nothing that was prepared before counts.
pub fn forget() {
    let oid = own_database();
    PREPARED.exclusive().retain(|count| count.database != oid);
}

/// Frees what belongs to databases that are no more.
pub fn keep_databases(exists: impl Fn(pg_sys::Oid) -> bool) {
    PREPARED.exclusive().retain(|count| exists(pg_sys::Oid::from(count.database)));
}

fn is_in_progress(xid: u64) -> bool {
    // SAFETY: reads shared memory under its own locks.
    unsafe { pg_sys::TransactionIdIsInProgress(short(xid)) }
}

fn has_committed(xid: u64) -> bool {
    // SAFETY: as above; the log still has what is not too old.
    unsafe { pg_sys::TransactionIdDidCommit(short(xid)) }
}

fn short(xid: u64) -> pg_sys::TransactionId {
    pg_sys::TransactionId::from(xid as u32)
}

fn own_database() -> u32 {
    // SAFETY: set once, before any function runs.
    unsafe { pg_sys::MyDatabaseId.to_u32() }
}
