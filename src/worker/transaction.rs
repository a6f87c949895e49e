//! The worker's transactions: what is done in each is done or undone, and an error ends none of its
//! other work.

use crate::call::Call;
use crate::store::{lock, mark, relations, session};
use jackpot_core::Error;
use pgrx::pg_sys::panic::{CaughtError, ErrorReport};
use pgrx::{PgTryBuilder, pg_sys};
use std::panic::AssertUnwindSafe;

/// Whether the extension is there and nobody is about to drop it; then it stays to the end of the
/// transaction.
pub fn has_extension() -> bool {
    // SAFETY: a look-up in the catalogue inside a transaction.
    let find = || unsafe { pg_sys::get_extension_oid(c"jackpot".as_ptr(), true) };
    let extension = find();
    extension != pg_sys::InvalidOid && lock::try_extension(extension) && {
        relations::accept_changes();
        find() == extension
    }
}

/// What is done in one transaction. An error is logged and undone, and its message returned.
pub fn transaction<T>(work: impl FnOnce() -> Result<T, ErrorReport>) -> Result<T, String> {
    // SAFETY: outside of a transaction. Whatever is raised inside is caught, and the transaction
    // aborted, as PostgreSQL's own background processes do.
    unsafe {
        pg_sys::SetCurrentStatementStartTimestamp();
        PgTryBuilder::new(AssertUnwindSafe(|| {
            pg_sys::StartTransactionCommand();
            pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot());
            match work() {
                Ok(done) => {
                    pg_sys::PopActiveSnapshot();
                    pg_sys::CommitTransactionCommand();
                    Ok(done)
                }
                Err(report) => {
                    let message = report.message().to_owned();
                    pg_sys::AbortCurrentTransaction();
                    Err(message)
                }
            }
        }))
        .catch_others(|caught| {
            let (CaughtError::PostgresError(report)
            | CaughtError::ErrorReport(report)
            | CaughtError::RustPanic { ereport: report, .. }) = caught;
            let message = report.message().to_owned();
            pg_sys::AbortCurrentTransaction();
            Err(message)
        })
        .execute()
    }
}

/// Does in one transaction what needs the extension, unless it is gone, or its tables are being
/// restored.
pub fn in_extension(call: Call, work: impl FnOnce() -> Result<(), Error>) -> Result<(), String> {
    transaction(|| {
        if !has_extension() {
            return Ok(());
        }
        session::run(call, || if mark::is_anchored()? { work() } else { Ok(()) })
    })
}
