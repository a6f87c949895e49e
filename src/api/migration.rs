//! Moving in, and going back.

use crate::api::SqlResult;
use crate::call::Call;
use crate::error::required;
use crate::store::migration::{self, Options, Report, RolledBack, Source, Step, Wanted, progress};
use crate::store::raw_json::RawJson;
use crate::store::session::{self, clock};
use crate::store::table::TableIterator;
use jackpot_core::Error;
use pgrx::datum::{Interval, TimestampWithTimeZone};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::{default, name, pg_extern};
use pgrx::{Array, JsonB, pg_sys};
use serde_json::Value;
use std::collections::BTreeSet;

const DEFAULT_BATCH: i32 = 10_000;

/// Declares the functions that report steps.
macro_rules! reports_steps {
    ($($(#[$meta:meta])* fn $name:ident($($arguments:tt)*) $body:block)*) => { $(
        $(#[$meta])*
        #[allow(clippy::type_complexity, clippy::too_many_arguments)]
        fn $name($($arguments)*) -> Result<
            TableIterator<
                'static,
                (
                    name!(step, String),
                    name!(status, String),
                    name!(pools_migrated, i64),
                    name!(contributions_migrated, i64),
                    name!(wins_migrated, i64),
                    name!(execution_time, Interval),
                    name!(warnings, JsonB),
                    name!(rollback_data, Option<JsonB>),
                    name!(migration_id, Option<i64>),
                ),
            >,
            ErrorReport,
        > $body
    )* };
}

reports_steps! {
    /// Takes over an old state.
    #[pg_extern(volatile, parallel_unsafe)]
    fn jackpot_migrate(
        state: Option<RawJson>,
        dry_run: default!(Option<bool>, "false"),
        batch_size: default!(Option<i32>, "10000"),
        validate: default!(Option<bool>, "true"),
        backup: default!(Option<bool>, "true"),
        steps: default!(Option<Array<'_, &str>>, "NULL"),
        repair: default!(Option<bool>, "false"),
        paused: default!(Option<bool>, "false"),
    ) {
        let reports = session::run(Call::Migrate, || {
            let state = parsed_state(required("state", state)?)?;
            migration::run(&Source::State(state), &Options {
                dry_run: dry_run.unwrap_or(false),
                batch_size: batch_size.unwrap_or(DEFAULT_BATCH).into(),
                validate: validate.unwrap_or(true),
                backup: backup.unwrap_or(true),
                steps: parsed(steps)?,
                repair: repair.unwrap_or(false),
                paused: paused.unwrap_or(false),
                max_batches: None,
            })
        })?;
        rows(reports)
    }

    /// Takes over an old table.
    #[pg_extern(sql = false)]
    fn jackpot_import_table(
        source: Option<pg_sys::Oid>,
        mapping: default!(Option<JsonB>, "'{}'"),
        dry_run: default!(Option<bool>, "false"),
        batch_size: default!(Option<i32>, "10000"),
        validate: default!(Option<bool>, "true"),
        backup: default!(Option<bool>, "true"),
        repair: default!(Option<bool>, "false"),
        paused: default!(Option<bool>, "false"),
        max_batches: default!(Option<i32>, "NULL"),
    ) {
        let reports = session::run(Call::ImportTable, || {
            let mapping = mapping.map_or_else(|| Value::Object(Default::default()), |JsonB(mapping)| mapping);
            let source = Source::table(required("source", source)?, mapping)?;
            source.fields()?;
            migration::run(&source, &Options {
                dry_run: dry_run.unwrap_or(false),
                batch_size: batch_size.unwrap_or(DEFAULT_BATCH).into(),
                validate: validate.unwrap_or(true),
                backup: backup.unwrap_or(true),
                steps: None,
                repair: repair.unwrap_or(false),
                paused: paused.unwrap_or(false),
                max_batches: max_batches.map(i64::from),
            })
        })?;
        rows(reports)
    }
}

/// 22023 where it is nested too deeply for what reads it.
fn parsed_state(state: RawJson) -> Result<Value, Error> {
    serde_json::from_str(&state.text()).map_err(|error| {
        Error::invalid("state is not valid", format!("{error}; 127 levels can be nested"))
    })
}

fn parsed(steps: Option<Array<'_, &str>>) -> Result<Option<BTreeSet<Step>>, Error> {
    let Some(steps) = steps else { return Ok(None) };
    steps
        .iter()
        .map(|step| Step::parse(required("a step", step)?))
        .collect::<Result<_, _>>()
        .map(Some)
}

#[allow(clippy::type_complexity)]
fn rows(
    reports: Vec<Report>,
) -> SqlResult<
    TableIterator<
        'static,
        (String, String, i64, i64, i64, Interval, JsonB, Option<JsonB>, Option<i64>),
    >,
> {
    let rows = reports.into_iter().map(|report| {
        (
            report.step.as_str().to_owned(),
            report.status.to_owned(),
            report.pools,
            report.contributions,
            report.wins,
            interval(report.took),
            JsonB(report.warnings),
            report.rollback_data.map(JsonB),
            report.migration_id,
        )
    });
    Ok(TableIterator::new(rows.collect()))
}

fn interval(microseconds: i64) -> Interval {
    Interval::from_micros(microseconds)
}

/// Goes back to what was there before a migration.
#[pg_extern(volatile, parallel_unsafe)]
#[allow(clippy::type_complexity)]
fn jackpot_rollback(
    migration_id: default!(Option<i64>, "NULL"),
    rollback_data: default!(Option<JsonB>, "NULL"),
    validate_only: default!(Option<bool>, "false"),
    force: default!(Option<bool>, "false"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(status, String),
            name!(migration_id, i64),
            name!(pools_removed, i64),
            name!(contributions_removed, i64),
            name!(wins_removed, i64),
            name!(lost, Option<JsonB>),
            name!(execution_time, Interval),
        ),
    >,
    ErrorReport,
> {
    let began = clock();
    let done: RolledBack = session::run(Call::Rollback, || {
        let named =
            rollback_data.as_ref().and_then(|JsonB(data)| data.get("migration_id")?.as_i64());
        if rollback_data.is_some() && named.is_none() {
            return Err(Error::invalid(
                "rollback_data names no migration",
                "it is what the step backup of a migration returned",
            ));
        }
        if let (Some(one), Some(other)) = (migration_id, named)
            && one != other
        {
            return Err(Error::invalid(
                "migration_id and rollback_data differ",
                format!("{one} and {other}"),
            ));
        }
        migration::rollback(&Wanted {
            migration_id: required("migration_id", migration_id.or(named))?,
            pools: pools_of(rollback_data.as_ref()),
            validate_only: validate_only.unwrap_or(false),
            force: force.unwrap_or(false),
        })
    })?;
    let lost = (!done.lost.is_null()).then_some(JsonB(done.lost));
    Ok(TableIterator::new(vec![(
        done.status.to_owned(),
        done.migration_id,
        done.pools,
        done.contributions,
        done.wins,
        lost,
        interval(clock() - began),
    )]))
}

/// The pools that the data names.
fn pools_of(data: Option<&JsonB>) -> Vec<String> {
    let pools = data.and_then(|JsonB(data)| data.get("pools")?.as_array());
    let names = pools.into_iter().flatten().filter_map(Value::as_str);
    names.map(str::to_owned).collect()
}

/// The migrations that sessions run now.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn running_migrations() -> Result<
    TableIterator<
        'static,
        (
            name!(pid, i32),
            name!(migration_id, i64),
            name!(relation, pg_sys::Oid),
            name!(step, String),
            name!(done, i64),
            name!(total, i64),
            name!(started_at, Option<TimestampWithTimeZone>),
            name!(done_before, i64),
        ),
    >,
    ErrorReport,
> {
    let running = session::run(Call::Observe, || Ok(progress::running()))?;
    let rows = running.into_iter().map(|running| {
        (
            running.pid,
            running.migration_id,
            running.relation,
            running.step.to_owned(),
            running.done,
            running.total,
            TimestampWithTimeZone::try_from(running.began).ok(),
            running.before,
        )
    });
    Ok(TableIterator::new(rows.collect()))
}
