//! Taking wagers back.

use crate::api::{SqlResult, given_reason, numeric};
use crate::call::Call;
use crate::error::required;
use crate::store::session;
use crate::store::void::void;
use pgrx::AnyNumeric;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Takes back the wager of an operation.
#[pg_extern(volatile, parallel_unsafe)]
#[allow(clippy::type_complexity)]
fn jackpot_void(
    operation_id: Option<&str>,
    reason: Option<&str>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(operation_id, String),
            name!(pool, Option<String>),
            name!(voided, AnyNumeric),
            name!(from_meter, AnyNumeric),
            name!(from_reserve, AnyNumeric),
            name!(from_house, AnyNumeric),
            name!(replayed, bool),
        ),
    >,
    ErrorReport,
> {
    let outcome = session::run(Call::Void, || {
        void(required("operation_id", operation_id)?, given_reason(reason)?)
    })?;
    let replayed = outcome.replayed;
    let rows = outcome
        .lines
        .into_iter()
        .map(|line| {
            let (meter, reserve) = (line.from_meter.get(), line.from_reserve.get());
            let house = line.from_house.get();
            Ok((
                operation_id.unwrap_or_default().to_owned(),
                line.pool,
                numeric(meter + reserve + house)?,
                numeric(meter)?,
                numeric(reserve)?,
                numeric(house)?,
                replayed,
            ))
        })
        .collect::<SqlResult<Vec<_>>>()?;
    Ok(TableIterator::new(rows))
}
