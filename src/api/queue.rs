//! The queue: what is taken in now and done later.

use crate::api::{SqlResult, given_reason, numeric};
use crate::call::Call;
use crate::error::required;
use crate::shmem::workers;
use crate::store::queue::{backlog, dead_letter, enqueue, process};
use crate::store::rate_limit::{self, Scope};
use crate::store::raw_json::RawJson;
use crate::store::session::{self, clock};
use crate::store::wager::{self, Kind};
use crate::store::{pool, win};
use jackpot_core::{Error, Micros};
use pgrx::AnyNumeric;
use pgrx::datum::{Interval, TimestampWithTimeZone};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use std::sync::atomic::Ordering;

const DEFAULT_ITEMS: i64 = 10_000;

/// Adds a wager's share to every eligible pool, and returns nothing but its number.
#[pg_extern(volatile, parallel_unsafe)]
#[allow(clippy::too_many_arguments)]
fn jackpot_enqueue_contribution(
    game_id: Option<&str>,
    wager_amount: Option<i64>,
    user_id: default!(Option<&str>, "NULL"),
    operation_id: default!(Option<&str>, "NULL"),
    pools: default!(Option<Array<'_, &str>>, "NULL"),
    operator_id: default!(Option<&str>, "NULL"),
    game_category: default!(Option<&str>, "NULL"),
    currency: default!(Option<&str>, "NULL"),
    metadata: default!(Option<RawJson>, "NULL"),
    priority: default!(Option<i32>, "NULL"),
) -> Result<i64, ErrorReport> {
    // It is applied when its transaction commits: before all that waits.
    let _ = priority;
    session::run(Call::EnqueueContribution, || {
        let pools = pool::names(pools)?;
        enqueue::contribution(wager::Request {
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
    })
}

/// Contributes now and draws later; with a delay does both later.
#[pg_extern(volatile, parallel_unsafe)]
#[allow(clippy::too_many_arguments)]
fn jackpot_enqueue_spin(
    game_id: Option<&str>,
    wager_amount: Option<i64>,
    user_id: default!(Option<&str>, "NULL"),
    operation_id: default!(Option<&str>, "NULL"),
    pools: default!(Option<Array<'_, &str>>, "NULL"),
    operator_id: default!(Option<&str>, "NULL"),
    game_category: default!(Option<&str>, "NULL"),
    currency: default!(Option<&str>, "NULL"),
    metadata: default!(Option<RawJson>, "NULL"),
    priority: default!(Option<i32>, "NULL"),
    delay: default!(Option<Interval>, "NULL"),
) -> Result<i64, ErrorReport> {
    session::run(Call::EnqueueSpin, || {
        let pools = pool::names(pools)?;
        let request = wager::Request {
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
        };
        enqueue::spin(request, priority, delay)
    })
}

/// Pays a win later.
#[pg_extern(volatile, parallel_unsafe)]
#[allow(clippy::too_many_arguments)]
fn jackpot_enqueue_win(
    pool: Option<&str>,
    game_id: Option<&str>,
    user_id: Option<&str>,
    win_amount: default!(Option<i64>, "NULL"),
    operation_id: default!(Option<&str>, "NULL"),
    expected_cycle: default!(Option<i64>, "NULL"),
    metadata: default!(Option<RawJson>, "NULL"),
    priority: default!(Option<i32>, "NULL"),
    delay: default!(Option<Interval>, "NULL"),
) -> Result<i64, ErrorReport> {
    session::run(Call::EnqueueWin, || {
        let request = win::Request {
            pool: required("pool", pool)?,
            game_id: required("game_id", game_id)?,
            user_id: required("user_id", user_id)?,
            win_amount,
            operation_id,
            expected_cycle,
            metadata,
        };
        enqueue::win(request, priority, delay)
    })
}

/// Draws and pays what the queue holds, and settles.
#[pg_extern(volatile, parallel_unsafe)]
#[allow(clippy::type_complexity)]
fn jackpot_process_queue(
    max_items: default!(Option<i64>, "10000"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(processed, i64),
            name!(failed, i64),
            name!(retried, i64),
            name!(wins, i64),
            name!(total_won, AnyNumeric),
        ),
    >,
    ErrorReport,
> {
    let tally = session::run(Call::ProcessQueue, || {
        let max_items = max_items.unwrap_or(DEFAULT_ITEMS);
        if max_items < 1 {
            return Err(Error::invalid(
                format!("max_items {max_items} is not valid"),
                "max_items is 1 or more",
            ));
        }
        process::process(max_items)
    })?;
    let total_won = won(tally.won)?;
    Ok(TableIterator::once((tally.processed, tally.failed, tally.retried, tally.wins, total_won)))
}

fn won(minor_units: i128) -> SqlResult<AnyNumeric> {
    numeric(minor_units * Micros::from_minor_units(1).get())
}

/// Has a dead letter tried again.
#[pg_extern(volatile, parallel_unsafe)]
fn jackpot_requeue(id: Option<i64>) -> Result<i64, ErrorReport> {
    session::run(Call::Requeue, || {
        let id = required("id", id)?;
        dead_letter::requeue(id)?;
        Ok(id)
    })
}

/// Closes a dead letter.
#[pg_extern(volatile, parallel_unsafe)]
fn jackpot_discard(id: Option<i64>, reason: Option<&str>) -> Result<i64, ErrorReport> {
    session::run(Call::Discard, || {
        let id = required("id", id)?;
        dead_letter::discard(id, given_reason(reason)?)?;
        Ok(id)
    })
}

/// Limits how many calls are taken in.
#[pg_extern(volatile, parallel_unsafe)]
fn jackpot_set_rate_limit(
    scope: Option<&str>,
    key: Option<&str>,
    per_minute: Option<i64>,
    burst: default!(Option<i64>, "NULL"),
) -> Result<(), ErrorReport> {
    session::run(Call::SetRateLimit, || {
        let scope = Scope::parse(required("scope", scope)?)?;
        rate_limit::set(scope, key, per_minute, burst)
    })
}

/// What shared memory knows of the worker of this database; `queue_reports.sql` declares it.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn worker_state() -> TableIterator<
    'static,
    (
        name!(state, String),
        name!(pid, Option<i32>),
        name!(started_at, Option<TimestampWithTimeZone>),
        name!(last_round_at, Option<TimestampWithTimeZone>),
        name!(last_error, Option<String>),
        name!(last_error_at, Option<TimestampWithTimeZone>),
        name!(came_in, Option<i64>),
        name!(went_out, Option<i64>),
    ),
> {
    let Some(slot) = workers::slot() else {
        let state = if workers::is_preloaded() { "not running" } else { "not preloaded" };
        return TableIterator::once((state.to_owned(), None, None, None, None, None, None, None));
    };
    let at = clock();
    let time = |at: i64| (at != 0).then(|| TimestampWithTimeZone::try_from(at).ok()).flatten();
    let pid = Some(slot.pid.load(Ordering::Relaxed)).filter(|pid| *pid != 0);
    let failed_at = time(slot.failed_at.load(Ordering::Relaxed));
    let count = |count: u64| i64::try_from(count).ok();
    TableIterator::once((
        if pid.is_some() { "running" } else { "not running" }.to_owned(),
        pid,
        pid.and_then(|_| time(slot.started_at.load(Ordering::Relaxed))),
        time(slot.last_round_at.load(Ordering::Relaxed)),
        failed_at.map(|_| slot.message()),
        failed_at,
        count(slot.came_in.sum(at)),
        count(slot.went_out.sum(at)),
    ))
}

/// What waits in the queue; `queue_reports.sql` declares it.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn queue_waiting(
    is_exact: Option<bool>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(kind, String),
            name!(priority, i32),
            name!(items, i64),
            name!(attempts, i64),
            name!(oldest_due_at, Option<TimestampWithTimeZone>),
        ),
    >,
    ErrorReport,
> {
    let waiting = session::run(Call::Observe, || {
        if is_exact.unwrap_or(true) { backlog::waiting() } else { backlog::about_waiting() }
    })?;
    let time = |at: i64| TimestampWithTimeZone::try_from(at).ok();
    Ok(TableIterator::new(waiting.into_iter().map(move |waiting| {
        let oldest_due_at = waiting.oldest_due_at.and_then(time);
        let kind = waiting.kind.to_owned();
        (kind, waiting.priority, waiting.items, waiting.attempts, oldest_due_at)
    })))
}
