//! Many wagers or wins in one statement.

mod arrays;
mod inbox;
mod json;

use crate::api::{SqlResult, numeric};
use crate::store::batch::Summary;
use jackpot_core::Micros;
use pgrx::{AnyNumeric, JsonB};
use serde_json::Value;

/// What was contributed, exactly, in minor units.
fn contribution(summary: &Summary) -> SqlResult<AnyNumeric> {
    numeric(summary.contribution)
}

/// What was won, in minor units.
fn won(summary: &Summary) -> SqlResult<AnyNumeric> {
    numeric(summary.won * Micros::from_minor_units(1).get())
}

fn json_array(values: Vec<Value>) -> JsonB {
    JsonB(Value::Array(values))
}
