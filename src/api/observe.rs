//! What shared memory knows, for the reports in `sql/schema/observe/`, which declare these functions.

use crate::api::{SqlResult, numeric};
use crate::call::Call;
use crate::shmem::metrics::board::{self, Recent};
use crate::shmem::{activity, metrics, workers};
use crate::store::configuration;
use crate::store::observe::{audit, sample, series};
use crate::store::session::{self, clock};
use crate::store::table::TableIterator;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::{name, pg_extern};
use pgrx::{AnyNumeric, JsonB};
use serde_json::Value;
use std::sync::atomic::Ordering;

/// A time in microseconds since 2000; 0 stands for never.
fn time(at: i64) -> Option<TimestampWithTimeZone> {
    (at != 0).then(|| TimestampWithTimeZone::try_from(at).ok()).flatten()
}

fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Counters as series.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn shared_metrics() -> Result<
    TableIterator<
        'static,
        (
            name!(name, String),
            name!(labels, JsonB),
            name!(value, AnyNumeric),
            name!(kind, String),
            name!(help, String),
        ),
    >,
    ErrorReport,
> {
    let all = session::run(Call::Observe, series::all)?;
    let rows = all.into_iter().map(|series| {
        let labels = series.labels.into_iter();
        let labels = labels.map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
        let value = numeric(series.value)?;
        let (kind, help) = (series.kind.to_owned(), series.help.to_owned());
        Ok((series.name.to_owned(), JsonB(Value::Object(labels)), value, kind, help))
    });
    Ok(TableIterator::new(rows.collect::<SqlResult<Vec<_>>>()?))
}

/// Starts counting anew.
#[pg_extern(volatile, parallel_unsafe)]
fn jackpot_reset_metrics() -> Result<(), ErrorReport> {
    session::run(Call::Observe, || {
        if let Some(database) = board::database() {
            metrics::forget();
            database.reset();
        }
        Ok(())
    })
}

/// The last minute.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn last_minute() -> TableIterator<
    'static,
    (
        name!(is_preloaded, bool),
        name!(is_counted, bool),
        name!(calls, Option<i64>),
        name!(errors, Option<i64>),
        name!(conflicts, Option<i64>),
        name!(call_p95_us, Option<i64>),
        name!(win_p95_us, Option<i64>),
        name!(unsettled_rows, Option<i64>),
    ),
> {
    let unsettled = workers::slot().map(|slot| {
        let appended = slot.appended.load(Ordering::Relaxed);
        count(appended.saturating_sub(slot.settled.load(Ordering::Relaxed)))
    });
    let is_preloaded = workers::is_preloaded();
    let Some(database) = board::database() else {
        let none = (is_preloaded, false, None, None, None, None, None, unsettled);
        return TableIterator::new(vec![none]);
    };
    let now = clock();
    let is_known = now - database.recent.at.load(Ordering::Relaxed) < 60_000_000;
    let latency = |value: u64| (is_known && value != Recent::NONE).then(|| count(value));
    TableIterator::new(vec![(
        is_preloaded,
        true,
        Some(count(database.calls.sum(now))),
        Some(count(database.errors.sum(now))),
        Some(count(database.conflicts.sum(now))),
        latency(database.recent.call_p95.load(Ordering::Relaxed)),
        latency(database.recent.win_p95.load(Ordering::Relaxed)),
        unsettled,
    )])
}

/// The call that each process has made last.
#[pg_extern(sql = false)]
fn last_calls() -> TableIterator<'static, (name!(pid, i32), name!(operation, String))> {
    let calls = activity::all().into_iter();
    TableIterator::new(calls.map(|(pid, call)| (pid, call.as_str().to_owned())).collect())
}

/// What was counted since the last sample.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn current_sample() -> Result<
    TableIterator<
        'static,
        (
            name!(since, Option<TimestampWithTimeZone>),
            name!(at, Option<TimestampWithTimeZone>),
            name!(operations, JsonB),
            name!(pools, JsonB),
        ),
    >,
    ErrorReport,
> {
    let current = session::run(Call::Observe, sample::current)?;
    let row = |(sample, _): (sample::Sample, _)| {
        (time(sample.since), time(sample.at), JsonB(sample.operations), JsonB(sample.pools))
    };
    Ok(TableIterator::new(current.map(row).into_iter().collect()))
}

/// What the audit has found; a session does a piece of it itself where no worker is at work.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn audit_state() -> Result<
    TableIterator<
        'static,
        (
            name!(passes, i64),
            name!(finished_at, Option<TimestampWithTimeZone>),
            name!(rows_read, i64),
            name!(pool, Option<String>),
            name!(difference, Option<AnyNumeric>),
        ),
    >,
    ErrorReport,
> {
    let name = session::run(Call::Observe, || {
        audit::step_unless_worker()?;
        let configuration = configuration::current()?;
        Ok(audit::with_result(|audit| match audit.pool_id.load(Ordering::Relaxed) {
            0 => None,
            pool_id => Some(configuration.name(pool_id).to_string()),
        }))
    })?;
    audit::with_result(|audit| {
        let difference = i128::from(audit.difference.load(Ordering::Relaxed));
        let difference = name.as_ref().map(|_| numeric(difference)).transpose()?;
        Ok(TableIterator::new(vec![(
            count(audit.passes.load(Ordering::Relaxed)),
            time(audit.finished_at.load(Ordering::Relaxed)),
            count(audit.rows.load(Ordering::Relaxed)),
            name,
            difference,
        )]))
    })
}
