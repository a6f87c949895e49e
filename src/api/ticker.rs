//! The ticker.

use crate::api::SqlResult;
use crate::call::Call;
use crate::store::session::{self, clock};
use crate::store::table::TableIterator;
use crate::store::{pool, ticker};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::{Array, default, name, pg_extern};

/// What pools held a moment ago.
#[pg_extern(volatile, parallel_unsafe)]
#[allow(clippy::type_complexity)]
fn jackpot_ticker(
    pools: default!(Option<Array<'_, &str>>, "NULL"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(pool, String),
            name!(status, String),
            name!(currency, Option<String>),
            name!(current_amount, i64),
            name!(cycle, i64),
            name!(version, i64),
            name!(as_of, TimestampWithTimeZone),
            name!(age_ms, i64),
            name!(source, String),
        ),
    >,
    ErrorReport,
> {
    let ticks = session::run(Call::Ticker, || ticker::read(pool::names(pools)?))?;
    let as_of = TimestampWithTimeZone::try_from(ticks.as_of)
        .unwrap_or_else(|_| pgrx::error!("the clock is out of range"));
    let age = ((clock() - ticks.as_of) / 1_000).max(0);
    let source = if ticks.is_from_memory { "memory" } else { "tables" };
    let rows = ticks.ticks.into_iter().map(|tick| {
        let amount = tick.amount;
        Ok((
            tick.pool.to_string(),
            amount.status.to_string(),
            tick.currency,
            amount.current_amount,
            amount.cycle,
            amount.version,
            as_of,
            age,
            source.to_owned(),
        ))
    });
    Ok(TableIterator::new(rows.collect::<SqlResult<Vec<_>>>()?))
}
