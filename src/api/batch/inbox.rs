//! Wagers that come in by COPY or INSERT.

use crate::api::batch::{contribution, won};
use crate::call::Call;
use crate::store::{inbox, session};
use jackpot_core::Error;
use pgrx::AnyNumeric;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

const DEFAULT_ROWS: i64 = 100_000;

/// Applies rows of the inbox.
#[pg_extern(volatile, parallel_unsafe)]
#[allow(clippy::type_complexity)]
fn jackpot_process_inbox(
    max_rows: default!(Option<i64>, "100000"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(total, i64),
            name!(processed, i64),
            name!(failed, i64),
            name!(replayed, i64),
            name!(total_contribution, AnyNumeric),
            name!(total_won, AnyNumeric),
        ),
    >,
    ErrorReport,
> {
    let summary = session::run(Call::ProcessInbox, || {
        let max_rows = max_rows.unwrap_or(DEFAULT_ROWS);
        if max_rows < 1 {
            return Err(Error::invalid(
                format!("max_rows {max_rows} is not valid"),
                "max_rows is 1 or more",
            ));
        }
        inbox::process(max_rows)
    })?;
    let (contribution, won) = (contribution(&summary)?, won(&summary)?);
    Ok(TableIterator::once((
        summary.total,
        summary.processed,
        summary.failed,
        summary.replayed,
        contribution,
        won,
    )))
}
