//! The SQL surface: checks arguments, calls the store, maps results. What each function means
//! stands in its COMMENT (`sql/schema/comments.sql`).

mod administer;
mod batch;
mod exchange;
mod migration;
mod observe;
pub mod pools;
mod queue;
mod rules;
mod ticker;
mod void;
mod wager;
mod win;

use crate::error::report;
use jackpot_core::{Micros, decimal};
use pgrx::AnyNumeric;
use pgrx::pg_sys::panic::ErrorReport;

/// What every function returns: errors carry their SQLSTATE, token, DETAIL and HINT.
type SqlResult<T> = Result<T, ErrorReport>;

/// The reason of a call that moves money outside of play; 22004 when it is NULL, 22023 when empty.
fn given_reason(reason: Option<&str>) -> Result<&str, jackpot_core::Error> {
    match crate::error::required("reason", reason)? {
        "" => Err(jackpot_core::Error::invalid("reason is empty", "say why, for the record")),
        reason => Ok(reason),
    }
}

/// An exact amount of minor units, as numeric.
fn numeric(micros: i128) -> SqlResult<AnyNumeric> {
    let whole = Micros::from_minor_units(1).get();
    if micros % whole == 0 {
        return Ok(AnyNumeric::from(micros / whole));
    }
    AnyNumeric::try_from(decimal(micros).as_str()).map_err(|error| {
        report(jackpot_core::Error::invalid("malformed amount", error.to_string()))
    })
}
