//! Wins and their life.

use crate::api::given_reason;
use crate::call::Call;
use crate::error::required;
use crate::store::life::{self, Life};
use crate::store::raw_json::RawJson;
use crate::store::win::{Request, win};
use crate::store::{rate_limit, session};
use jackpot_core::Error;
use pgrx::datum::TimestampWithTimeZone;
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
    metadata: default!(Option<RawJson>, "NULL"),
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
    let paid = session::run(Call::Win, || {
        rate_limit::admit_synchronous(game_id, None)?;
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

/// A win's life as a row of SQL; the names of the columns stand in `returns_life`.
type Row = (
    i64,
    String,
    i64,
    String,
    Option<String>,
    Option<TimestampWithTimeZone>,
    Option<String>,
    Option<TimestampWithTimeZone>,
    Option<String>,
    Option<String>,
);

/// Declares SQL functions that return a win's life.
macro_rules! returns_life {
    ($($(#[$meta:meta])* fn $name:ident($($arguments:tt)*) $body:block)*) => { $(
        $(#[$meta])*
        #[allow(clippy::type_complexity)]
        fn $name($($arguments)*) -> Result<
            TableIterator<
                'static,
                (
                    name!(win_id, i64),
                    name!(pool, String),
                    name!(win_amount, i64),
                    name!(status, String),
                    name!(reference, Option<String>),
                    name!(confirmed_at, Option<TimestampWithTimeZone>),
                    name!(confirmed_by, Option<String>),
                    name!(cancelled_at, Option<TimestampWithTimeZone>),
                    name!(cancelled_by, Option<String>),
                    name!(cancel_reason, Option<String>),
                ),
            >,
            ErrorReport,
        > $body
    )* };
}

returns_life! {
    /// Confirms a pending win.
    #[pg_extern(volatile, parallel_unsafe)]
    fn jackpot_confirm_win(win_id: Option<i64>, reference: Option<&str>) {
        let win = session::run(Call::ConfirmWin, || {
            let reference = required("reference", reference)?;
            if reference.is_empty() {
                return Err(Error::invalid("reference is empty", "name what confirms the win"));
            }
            life::confirm(required("win_id", win_id)?, reference)
        })?;
        Ok(TableIterator::once(row(win)))
    }

    /// Cancels a win.
    #[pg_extern(volatile, parallel_unsafe)]
    fn jackpot_cancel_win(win_id: Option<i64>, reason: Option<&str>) {
        let win = session::run(Call::CancelWin, || {
            life::cancel(required("win_id", win_id)?, given_reason(reason)?)
        })?;
        Ok(TableIterator::once(row(win)))
    }
}

fn row(win: Life) -> Row {
    (
        win.win_id,
        win.pool,
        win.win_amount,
        win.status,
        win.reference,
        win.confirmed_at,
        win.confirmed_by,
        win.cancelled_at,
        win.cancelled_by,
        win.cancel_reason,
    )
}
