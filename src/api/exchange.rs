//! Exchange rates.

use crate::call::Call;
use crate::error::required;
use crate::store::{exchange, session};
use jackpot_core::ExchangeRate;
use pgrx::AnyNumeric;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Adds an exchange rate from a moment on.
#[pg_extern(volatile, parallel_unsafe)]
#[allow(clippy::type_complexity)]
fn jackpot_set_exchange_rate(
    from_currency: Option<&str>,
    to_currency: Option<&str>,
    rate: Option<AnyNumeric>,
    effective_from: default!(Option<TimestampWithTimeZone>, "NULL"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(from_currency, String),
            name!(to_currency, String),
            name!(rate, AnyNumeric),
            name!(effective_from, TimestampWithTimeZone),
        ),
    >,
    ErrorReport,
> {
    let row = session::run(Call::SetExchangeRate, || {
        let from = required("from_currency", from_currency)?;
        let to = required("to_currency", to_currency)?;
        let rate = required("rate", rate)?;
        let since = effective_from.unwrap_or_else(session::statement_time);
        exchange::set(from, to, ExchangeRate::parse(&rate.to_string())?, since)?;
        Ok((from.to_owned(), to.to_owned(), rate, since))
    })?;
    Ok(TableIterator::once(row))
}
