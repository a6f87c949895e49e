//! What this backend knows of the extension's relations, until PostgreSQL says that they changed.

use pgrx::pg_sys;
use pgrx::prelude::*;
use std::cell::Cell;
use std::ffi::CStr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Grows whenever what is cached from `jackpot.pool` may have changed.
static GENERATION: AtomicU64 = AtomicU64::new(1);
/// Grows whenever anything about any relation may have changed.
static ANY_GENERATION: AtomicU64 = AtomicU64::new(1);
/// The relation whose invalidation counts; 0 while unknown.
static WATCHED: AtomicU32 = AtomicU32::new(0);

thread_local! {
    static CURRENT: Cell<Option<(u64, Relations)>> = const { Cell::new(None) };
}

/// The extension's relations in this database.
#[derive(Clone, Copy)]
pub struct Relations {
    /// Who owns them and whose rights the functions have.
    pub owner: pg_sys::Oid,
    /// `jackpot.pool`.
    pub pool: pg_sys::Oid,
    /// `jackpot.ledger`; a re-created extension has another.
    pub ledger: pg_sys::Oid,
    /// `jackpot.ledger_id_seq`.
    pub ledger_id_seq: pg_sys::Oid,
    /// `jackpot.operation`.
    pub operation: pg_sys::Oid,
    /// `jackpot.request`.
    pub request: pg_sys::Oid,
}

/// Whether the present transaction has made the relation.
pub fn is_made_here(relation: pg_sys::Oid) -> bool {
    // SAFETY: inside a transaction; the relation is there and open while it is looked at. 0 is no
    // subtransaction.
    unsafe {
        let relation = pg_sys::relation_open(relation, pg_sys::AccessShareLock as i32);
        let is_made_here = (*relation).rd_createSubid != 0;
        pg_sys::relation_close(relation, pg_sys::AccessShareLock as i32);
        is_made_here
    }
}

/// Registers for PostgreSQL's invalidation messages; once, when the library is loaded.
pub fn watch() {
    // SAFETY: the callback lives as long as the library, which is never unloaded.
    unsafe { pg_sys::CacheRegisterRelcacheCallback(Some(changed), pg_sys::Datum::null()) };
}

#[pg_guard]
unsafe extern "C-unwind" fn changed(_argument: pg_sys::Datum, relation: pg_sys::Oid) {
    ANY_GENERATION.fetch_add(1, Ordering::Relaxed);
    let watched = WATCHED.load(Ordering::Relaxed);
    if relation == pg_sys::InvalidOid || watched == relation.to_u32() {
        GENERATION.fetch_add(1, Ordering::Relaxed);
    }
}

/// A number that stays while nothing cached from `jackpot.pool` has changed.
pub fn generation() -> u64 {
    GENERATION.load(Ordering::Relaxed)
}

/// A number that stays while no relation has changed its columns or indexes.
pub fn any_generation() -> u64 {
    ANY_GENERATION.load(Ordering::Relaxed)
}

/// Tells every backend, at commit, that configuration has changed.
pub fn announce_change() {
    // SAFETY: the relation exists: the caller has just written to it.
    unsafe { pg_sys::CacheInvalidateRelcacheByRelid(current().pool) };
}

/// Takes in what other backends have announced. Taking a lock does not do that by itself.
pub fn accept_changes() {
    // SAFETY: inside a transaction.
    unsafe { pg_sys::AcceptInvalidationMessages() };
}

/// The relations.
pub fn current() -> Relations {
    if let Some((generation, relations)) = CURRENT.get()
        && generation == self::generation()
    {
        return relations;
    }
    let generation = generation();
    // SAFETY: catalogue look-ups inside a transaction with NUL-terminated names; the relation is
    // open while its owner is read, and keeps its lock to the end of the transaction.
    let relations = unsafe {
        let namespace = pg_sys::get_namespace_oid(c"jackpot".as_ptr(), false);
        let named = |name: &CStr| match pg_sys::get_relname_relid(name.as_ptr(), namespace) {
            pg_sys::InvalidOid => {
                error!("relation jackpot.{} does not exist", name.to_string_lossy())
            }
            oid => oid,
        };
        let pool = named(c"pool");
        WATCHED.store(pool.to_u32(), Ordering::Relaxed);
        let relation = pg_sys::relation_open(pool, pg_sys::AccessShareLock as i32);
        let owner = (*(*relation).rd_rel).relowner;
        pg_sys::relation_close(relation, pg_sys::NoLock as i32);
        Relations {
            owner,
            pool,
            ledger: named(c"ledger"),
            ledger_id_seq: named(c"ledger_id_seq"),
            operation: named(c"operation"),
            request: named(c"request"),
        }
    };
    CURRENT.set(Some((generation, relations)));
    relations
}
