//! Trying something whose failure must undo its effects but not the whole transaction.

use pgrx::pg_sys;
use pgrx::{PgSqlErrorCode, PgTryBuilder};
use std::panic::AssertUnwindSafe;

/// Runs `work` in a subtransaction. `None` when it failed with one of `expected`: then all it did
/// is undone. Any other error goes on to the caller, whose transaction it aborts.
pub fn attempt<T>(expected: &[PgSqlErrorCode], work: impl FnOnce() -> T) -> Option<T> {
    // SAFETY: the pattern of PL/pgSQL's exception blocks: the memory context and resource owner
    // of the caller are put back after the subtransaction has ended either way, and an error has
    // been copied out of PostgreSQL's error state by PgTryBuilder before the roll-back.
    unsafe {
        let context = pg_sys::CurrentMemoryContext;
        let owner = pg_sys::CurrentResourceOwner;
        pg_sys::BeginInternalSubTransaction(std::ptr::null());
        pg_sys::MemoryContextSwitchTo(context);

        let mut attempt = PgTryBuilder::new(AssertUnwindSafe(|| {
            let done = work();
            pg_sys::ReleaseCurrentSubTransaction();
            pg_sys::MemoryContextSwitchTo(context);
            pg_sys::CurrentResourceOwner = owner;
            Some(done)
        }));
        for code in expected {
            attempt = attempt.catch_when(*code, move |_| {
                pg_sys::RollbackAndReleaseCurrentSubTransaction();
                pg_sys::MemoryContextSwitchTo(context);
                pg_sys::CurrentResourceOwner = owner;
                None
            });
        }
        attempt.execute()
    }
}
