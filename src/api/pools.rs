//! Reading pools, and the columns that every function returning pools has.

use crate::api::{SqlResult, numeric};
use crate::call::Call;
use crate::error::required;
use crate::store::pool::Pool;
use crate::store::{pool, session};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{AnyNumeric, JsonB};

/// A pool as SQL sees it; the names of the columns stand in `returns_pools`.
#[rustfmt::skip]
pub type Row = (
    String, String, Option<String>,
    i64, i64, Option<i64>,
    AnyNumeric, AnyNumeric, AnyNumeric, AnyNumeric,
    i64, AnyNumeric, AnyNumeric, i64, AnyNumeric,
    i64, i64, i64, JsonB,
    Option<String>, TimestampWithTimeZone, String, TimestampWithTimeZone,
);

/// Declares SQL functions that return pools.
macro_rules! returns_pools {
    ($($(#[$meta:meta])* fn $name:ident($($arguments:tt)*) $body:block)*) => { $(
        $(#[$meta])*
        #[allow(clippy::type_complexity)]
        fn $name($($arguments)*) -> Result<
            TableIterator<
                'static,
                (
                    name!(pool, String),
                    name!(status, String),
                    name!(currency, Option<String>),
                    name!(current_amount, i64),
                    name!(seed_amount, i64),
                    name!(max_amount, Option<i64>),
                    name!(contribution_rate, AnyNumeric),
                    name!(reserve_rate, AnyNumeric),
                    name!(overflow_amount, AnyNumeric),
                    name!(reserve_amount, AnyNumeric),
                    name!(total_contributions, i64),
                    name!(total_wagered, AnyNumeric),
                    name!(total_contributed, AnyNumeric),
                    name!(total_wins, i64),
                    name!(total_won, AnyNumeric),
                    name!(cycle, i64),
                    name!(version, i64),
                    name!(config_version, i64),
                    name!(config, JsonB),
                    name!(commitment, Option<String>),
                    name!(last_modified_at, TimestampWithTimeZone),
                    name!(lock_holder, String),
                    name!(as_of, TimestampWithTimeZone),
                ),
            >,
            ErrorReport,
        > $body
    )* };
}
pub(crate) use returns_pools;

/// The pools as rows of SQL.
pub fn rows(pools: Vec<Pool>) -> SqlResult<TableIterator<'static, Row>> {
    let rows = pools.into_iter().map(row).collect::<SqlResult<Vec<_>>>()?;
    Ok(TableIterator::new(rows))
}

fn row(pool: Pool) -> SqlResult<Row> {
    let Pool { state, commitment, lock_holder, last_modified_at, .. } = pool;
    let current_amount = state.current_amount();
    Ok((
        state.pool.clone(),
        state.status.to_string(),
        state.config.currency.clone(),
        current_amount,
        state.config.seed_amount,
        state.config.max_amount,
        numeric(i128::from(state.config.contribution_rate.millionths()))?,
        numeric(i128::from(state.config.reserve_rate.millionths()))?,
        numeric(state.overflow().get())?,
        numeric(state.reserve.get())?,
        state.totals.contributions,
        AnyNumeric::from(state.totals.wagered),
        numeric(state.totals.contributed)?,
        state.totals.wins,
        AnyNumeric::from(state.totals.won),
        state.cycle,
        state.version,
        state.config_version,
        JsonB(state.config.to_json()),
        commitment,
        last_modified_at,
        lock_holder,
        session::statement_time(),
    ))
}

returns_pools! {
    /// The pools of these names, or all.
    #[pg_extern(stable, parallel_unsafe)]
    fn jackpot_pools(pools: default!(Option<Array<'_, &str>>, "NULL")) {
        rows(session::run(Call::Pools, || pool::read(pool::ids(pools)?.as_deref()))?)
    }

    /// One pool.
    #[pg_extern(stable, parallel_unsafe)]
    fn jackpot_pool(pool: Option<&str>) {
        rows(session::run(Call::Pool, || {
            let names = [required("pool", pool)?.to_owned()];
            pool::read(Some(&pool::ids_of(&names)?))
        })?)
    }
}
