//! Wagers, with and without a draw, and settling.

use crate::api::{SqlResult, numeric};
use crate::call::Call;
use crate::error::required;
use crate::store::play::play;
use crate::store::raw_json::RawJson;
use crate::store::table::TableIterator;
use crate::store::wager::{Kind, Request};
use crate::store::{pool, rate_limit, session, settle};
use pgrx::AnyNumeric;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Adds a wager's share to every eligible pool.
#[pg_extern(volatile, parallel_unsafe)]
#[allow(clippy::too_many_arguments, clippy::type_complexity)]
fn jackpot_contribute(
    game_id: Option<&str>,
    wager_amount: Option<i64>,
    user_id: default!(Option<&str>, "NULL"),
    operation_id: default!(Option<&str>, "NULL"),
    pools: default!(Option<Array<'_, &str>>, "NULL"),
    operator_id: default!(Option<&str>, "NULL"),
    game_category: default!(Option<&str>, "NULL"),
    currency: default!(Option<&str>, "NULL"),
    metadata: default!(Option<RawJson>, "NULL"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(pool, String),
            name!(contribution, AnyNumeric),
            name!(current_amount, Option<i64>),
            name!(version, Option<i64>),
            name!(operation_id, Option<String>),
            name!(replayed, bool),
        ),
    >,
    ErrorReport,
> {
    let outcome = session::run(Call::Contribute, || {
        rate_limit::admit_synchronous(game_id, operator_id)?;
        let pools = pool::names(pools)?;
        play(Request {
            kind: Kind::Contribute,
            game_id: required("game_id", game_id)?,
            wager_amount: required("wager_amount", wager_amount)?,
            user_id,
            operation_id,
            pools: pools.as_deref(),
            operator_id,
            game_category,
            currency,
            metadata,
        })
    })?;
    let replayed = outcome.replayed;
    let rows = outcome
        .lines
        .into_iter()
        .map(|line| {
            let contribution = numeric(line.contribution.get())?;
            let operation_id = operation_id.map(str::to_owned);
            Ok((
                line.pool.to_string(),
                contribution,
                line.current_amount,
                line.version,
                operation_id,
                replayed,
            ))
        })
        .collect::<SqlResult<Vec<_>>>()?;
    Ok(TableIterator::new(rows))
}

/// Contributes, draws for every eligible pool and pays those that are hit.
#[pg_extern(volatile, parallel_unsafe)]
#[allow(clippy::too_many_arguments, clippy::type_complexity)]
fn jackpot_spin(
    game_id: Option<&str>,
    wager_amount: Option<i64>,
    user_id: default!(Option<&str>, "NULL"),
    operation_id: default!(Option<&str>, "NULL"),
    pools: default!(Option<Array<'_, &str>>, "NULL"),
    operator_id: default!(Option<&str>, "NULL"),
    game_category: default!(Option<&str>, "NULL"),
    currency: default!(Option<&str>, "NULL"),
    metadata: default!(Option<RawJson>, "NULL"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(pool, String),
            name!(contribution, AnyNumeric),
            name!(current_amount, Option<i64>),
            name!(version, Option<i64>),
            name!(operation_id, Option<String>),
            name!(replayed, bool),
            name!(won, bool),
            name!(win_id, Option<i64>),
            name!(win_amount, Option<i64>),
        ),
    >,
    ErrorReport,
> {
    let outcome = session::run(Call::Spin, || {
        rate_limit::admit_synchronous(game_id, operator_id)?;
        let pools = pool::names(pools)?;
        play(Request {
            kind: Kind::Spin,
            game_id: required("game_id", game_id)?,
            wager_amount: required("wager_amount", wager_amount)?,
            user_id,
            operation_id,
            pools: pools.as_deref(),
            operator_id,
            game_category,
            currency,
            metadata,
        })
    })?;
    let replayed = outcome.replayed;
    let rows = outcome
        .lines
        .into_iter()
        .map(|line| {
            Ok((
                line.pool.to_string(),
                numeric(line.contribution.get())?,
                line.current_amount,
                line.version,
                operation_id.map(str::to_owned),
                replayed,
                line.won.is_some(),
                line.won.map(|(win_id, _)| win_id),
                line.won.map(|(_, win_amount)| win_amount),
            ))
        })
        .collect::<SqlResult<Vec<_>>>()?;
    Ok(TableIterator::new(rows))
}

/// Settles the tail of the ledger; returns how many rows that were.
#[pg_extern(volatile, parallel_unsafe)]
fn jackpot_settle() -> Result<i64, ErrorReport> {
    let rows = session::run(Call::Settle, settle::settle)?;
    Ok(i64::try_from(rows).unwrap_or(i64::MAX))
}
