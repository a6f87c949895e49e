//! Wins.

use crate::error::required;
use crate::store::session;
use crate::store::win::{Request, win};
use pgrx::JsonB;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Pays a win and starts the next cycle.
#[pg_extern(volatile, parallel_unsafe)]
#[allow(clippy::too_many_arguments, clippy::type_complexity)]
fn jackpot_win(
    pool: Option<&str>,
    game_id: Option<&str>,
    user_id: Option<&str>,
    win_amount: default!(Option<i64>, "NULL"),
    operation_id: default!(Option<&str>, "NULL"),
    expected_cycle: default!(Option<i64>, "NULL"),
    metadata: default!(Option<JsonB>, "NULL"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(win_id, i64),
            name!(pool, String),
            name!(win_amount, i64),
            name!(previous_amount, i64),
            name!(current_amount, i64),
            name!(cycle, i64),
            name!(version, i64),
            name!(operation_id, Option<String>),
            name!(replayed, bool),
        ),
    >,
    ErrorReport,
> {
    let paid = session::run("win", || {
        win(Request {
            pool: required("pool", pool)?,
            game_id: required("game_id", game_id)?,
            user_id: required("user_id", user_id)?,
            win_amount,
            operation_id,
            expected_cycle,
            metadata,
        })
    })?;
    Ok(TableIterator::once((
        paid.win_id,
        paid.pool,
        paid.win_amount,
        paid.previous_amount,
        paid.current_amount,
        paid.cycle,
        paid.version,
        operation_id.map(str::to_owned),
        paid.replayed,
    )))
}
