//! Trying something whose failure must undo its effects but not the whole transaction.

use pgrx::pg_sys;
use pgrx::pg_sys::panic::{CaughtError, ErrorReportWithLevel};
use pgrx::{PgSqlErrorCode, PgTryBuilder};
use std::panic::AssertUnwindSafe;

/// Runs `work` in a subtransaction. `None` when it failed in a way that is `expected`: then all it
/// did is undone. Any other error goes on to the caller.
pub fn attempt<T>(expected: fn(PgSqlErrorCode) -> bool, work: impl FnOnce() -> T) -> Option<T> {
    catch(expected, |_| (), || Ok(work())).ok()
}

/// The same, telling what `describe` makes of the error. What `work` refuses is undone as well.
pub fn catch<T, E>(
    expected: fn(PgSqlErrorCode) -> bool,
    describe: fn(&ErrorReportWithLevel) -> E,
    work: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    // SAFETY: the pattern of PL/pgSQL's exception blocks: the memory context and resource owner
    // of the caller are put back after the subtransaction has ended either way, and an error has
    // been copied out of PostgreSQL's error state by PgTryBuilder before the roll-back.
    unsafe {
        let context = pg_sys::CurrentMemoryContext;
        let owner = pg_sys::CurrentResourceOwner;
        pg_sys::BeginInternalSubTransaction(std::ptr::null());
        pg_sys::MemoryContextSwitchTo(context);

        PgTryBuilder::new(AssertUnwindSafe(|| {
            let done = work();
            match done {
                Ok(_) => pg_sys::ReleaseCurrentSubTransaction(),
                Err(_) => pg_sys::RollbackAndReleaseCurrentSubTransaction(),
            }
            pg_sys::MemoryContextSwitchTo(context);
            pg_sys::CurrentResourceOwner = owner;
            done
        }))
        .catch_others(move |caught| {
            let (CaughtError::PostgresError(report)
            | CaughtError::ErrorReport(report)
            | CaughtError::RustPanic { ereport: report, .. }) = &caught;
            let (code, described) = (report.sql_error_code(), describe(report));
            // Also before an error goes on: whoever catches it must find the transaction as it
            // was, without a subtransaction left open.
            pg_sys::RollbackAndReleaseCurrentSubTransaction();
            pg_sys::MemoryContextSwitchTo(context);
            pg_sys::CurrentResourceOwner = owner;
            if !expected(code) {
                caught.rethrow();
            }
            Err(described)
        })
        .execute()
    }
}
