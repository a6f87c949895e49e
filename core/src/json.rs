//! Reading values of a configuration, each with an error that names its key.

use crate::{Error, Rate};
use jiff::{Timestamp, civil};
use serde_json::Value;

/// What a wrong value is told (22023).
pub fn wrong(key: &str, value: &Value, wanted: &str) -> Error {
    Error::invalid(format!("{key} {value} is not valid"), format!("{key} must be {wanted}"))
}

pub fn rate(key: &str, value: &Value) -> Result<Rate, Error> {
    match value {
        Value::Null => Ok(Rate::default()),
        Value::Number(number) => Rate::parse(key, number.as_str()),
        Value::String(text) => Rate::parse(key, text),
        _ => Err(wrong(key, value, "a number or a string that holds one")),
    }
}

pub fn amount(key: &str, value: &Value) -> Result<Option<i64>, Error> {
    match value {
        Value::Null => Ok(None),
        _ => match value.as_i64() {
            Some(amount) if amount >= 0 => Ok(Some(amount)),
            _ => Err(wrong(key, value, "a whole number of minor units, not negative")),
        },
    }
}

pub fn flag(key: &str, value: &Value) -> Result<bool, Error> {
    match value {
        Value::Null => Ok(false),
        Value::Bool(flag) => Ok(*flag),
        _ => Err(wrong(key, value, "true or false")),
    }
}

pub fn text(key: &str, value: &Value) -> Result<Option<String>, Error> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if !text.is_empty() => Ok(Some(text.clone())),
        _ => Err(wrong(key, value, "a string that is not empty")),
    }
}

pub fn texts(key: &str, value: &Value) -> Result<Option<Vec<String>>, Error> {
    match value {
        Value::Null => Ok(None),
        Value::Array(items) => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect::<Option<Vec<_>>>()
            .map(Some)
            .ok_or_else(|| wrong(key, value, "an array of strings")),
        _ => Err(wrong(key, value, "an array of strings")),
    }
}

/// A moment as RFC 3339 has it; without an offset it is meant as UTC, so that a configuration
/// means the same in every session.
pub fn moment(key: &str, value: &Value) -> Result<Option<Timestamp>, Error> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => text
            .parse::<Timestamp>()
            .or_else(|_| {
                text.parse::<civil::DateTime>().and_then(|civil| {
                    jiff::tz::TimeZone::UTC.to_ambiguous_timestamp(civil).unambiguous()
                })
            })
            .map(Some)
            .map_err(|_| wrong(key, value, "a moment such as \"2026-12-01T18:00:00Z\"")),
        _ => Err(wrong(key, value, "a moment such as \"2026-12-01T18:00:00Z\"")),
    }
}
