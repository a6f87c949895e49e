//! Reading fields of a row.

use crate::migration::Finding;
use crate::{Error, Micros};
use jiff::{Timestamp, civil, tz::TimeZone};
use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::str::FromStr;

/// The fields that a row may have, and the keys under which each is looked for, in snake_case.
pub const FIELDS: &[(&str, &[&str])] = &[
    ("pool", &["pool", "group", "jackpot_group", "jackpot_type", "name"]),
    ("current_amount", &["meter", "current_amount", "current"]),
    ("reserve_amount", &["reserve_amount", "reserve"]),
    ("seed_amount", &["seed_amount", "seed"]),
    ("max_amount", &["max_amount", "max", "ceiling"]),
    ("contribution_rate", &["contribution_rate", "rate"]),
    ("reserve_rate", &["reserve_rate"]),
    ("currency", &["currency"]),
    ("min_wager", &["min_wager", "min_bet"]),
    ("status", &["status"]),
    ("version", &["version"]),
    ("config", &["config"]),
    ("id", &["id"]),
    (
        "operation_id",
        &["operation_id", "bet_transaction_id", "winning_spin_transaction_id", "transaction_id"],
    ),
    ("game_id", &["game_id", "game"]),
    ("user_id", &["user_id", "player_id"]),
    ("operator_id", &["operator_id"]),
    ("game_category", &["game_category"]),
    ("wager_amount", &["wager_amount", "wager", "bet_amount"]),
    ("contributions", &["contributions"]),
    ("reserves", &["reserves"]),
    ("contribution_amount", &["contribution_amount", "contribution"]),
    ("win_amount", &["win_amount", "amount_won", "actual_win_amount", "amount"]),
    ("at", &["at", "timestamp", "created_at", "timestamp_of_win", "time_stamp_of_win", "won_at"]),
    ("reason", &["reason"]),
    ("metadata", &["metadata"]),
    ("contribution_history", &["contribution_history"]),
    ("win_history", &["win_history", "jackpot_wins"]),
];

/// The name that a pool's row gives it, before any renaming.
pub fn pool_name(row: &Map<String, Value>, fields: &Fields) -> Option<String> {
    Row::new(row, fields).text("pool")
}

/// How rows of one source are read.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    /// The key of a field, where it is none of its usual ones.
    keys: BTreeMap<String, String>,
    /// Other names for pools.
    rename: BTreeMap<String, String>,
    /// Whether numbers may stand as text: an export of this system has exact fractions so.
    is_exact: bool,
}

impl Fields {
    /// From a mapping: a field's key, and under `rename` other names for pools. 22023 for anything
    /// else. `kind` is not looked at.
    pub fn new(mapping: &Value) -> Result<Self, Error> {
        let wrong = |key: &str, why: &str| {
            Error::invalid(format!("mapping \"{key}\" is not valid"), why.to_owned()).hint(format!(
                "The fields are {}.",
                FIELDS.iter().map(|(field, _)| *field).collect::<Vec<_>>().join(", ")
            ))
        };
        let Value::Object(mapping) = mapping else {
            return Err(Error::invalid("mapping is not an object", "it must be a JSON object"));
        };
        let mut fields = Fields::default();
        for (key, value) in mapping {
            match (key.as_str(), value) {
                ("kind", _) => {}
                ("rename", Value::Object(names)) => {
                    for (old, new) in names {
                        let new =
                            new.as_str().ok_or_else(|| wrong(old, "a pool's name is text"))?;
                        fields.rename.insert(old.clone(), new.to_owned());
                    }
                }
                (field, Value::String(column)) if FIELDS.iter().any(|(name, _)| *name == field) => {
                    fields.keys.insert(field.to_owned(), column.clone());
                }
                (key, _) => return Err(wrong(key, "a mapping gives a field its column's name")),
            }
        }
        Ok(fields)
    }

    /// Of an export of this system.
    pub fn of_export() -> Self {
        Fields { is_exact: true, ..Fields::default() }
    }

    /// The columns that it names.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.keys.values().map(String::as_str)
    }

    /// Whether a row with these keys has the field.
    pub fn is_among(&self, field: &str, keys: &[&str]) -> bool {
        match self.keys.get(field) {
            Some(column) => keys.contains(&column.as_str()),
            None => keys.iter().any(|key| usual(field).contains(&snake_case(key).as_str())),
        }
    }

    pub(super) fn is_exact(&self) -> bool {
        self.is_exact
    }

    pub(super) fn renamed(&self, pool: &str) -> String {
        self.rename.get(pool).cloned().unwrap_or_else(|| pool.to_owned())
    }
}

fn usual(field: &str) -> &'static [&'static str] {
    FIELDS.iter().find(|(name, _)| *name == field).map_or(&[], |(_, keys)| keys)
}

/// `winningSpinId` and `winningSpinID` as `winning_spin_id`.
fn snake_case(key: &str) -> String {
    let mut snake = String::with_capacity(key.len() + 4);
    let mut is_in_word = false;
    for letter in key.chars() {
        if letter.is_uppercase() {
            if is_in_word {
                snake.push('_');
            }
            snake.extend(letter.to_lowercase());
        } else {
            snake.push(letter);
        }
        is_in_word = letter.is_lowercase() || letter.is_numeric();
    }
    snake
}

/// From 1973 to 5138 as seconds; as milliseconds, in the first years of the seventies.
const SECONDS: std::ops::Range<f64> = 1e8..1e11;

/// A row that is being read.
pub(super) struct Row<'a> {
    row: &'a Map<String, Value>,
    snake: Option<Map<String, Value>>,
    pub(super) fields: &'a Fields,
    pub(super) findings: Vec<Finding>,
}

impl<'a> Row<'a> {
    pub(super) fn new(row: &'a Map<String, Value>, fields: &'a Fields) -> Self {
        let has_camel_case = row.keys().any(|key| key.chars().any(char::is_uppercase));
        let in_snake_case =
            || row.iter().map(|(key, value)| (snake_case(key), value.clone())).collect();
        Row { row, snake: has_camel_case.then(in_snake_case), fields, findings: Vec::new() }
    }

    /// A field that is there and not null.
    pub(super) fn get(&self, field: &str) -> Option<&Value> {
        let value = match self.fields.keys.get(field) {
            Some(column) => self.row.get(column),
            None => {
                let row = self.snake.as_ref().unwrap_or(self.row);
                usual(field).iter().find_map(|key| row.get(*key).filter(|value| !value.is_null()))
            }
        };
        value.filter(|value| !value.is_null())
    }

    pub(super) fn found(
        &mut self,
        token: &'static str,
        message: String,
        repair: impl Into<String>,
    ) {
        self.findings.push(Finding::wrong(token, message, repair));
    }

    /// What the client said, if PostgreSQL can hold it.
    pub(super) fn metadata(&self) -> Option<Value> {
        self.get("metadata").filter(|value| !value.to_string().contains("\\u0000")).cloned()
    }

    /// Text, or a number or boolean as it would be written. PostgreSQL's text holds no NUL.
    pub(super) fn text(&self, field: &str) -> Option<String> {
        match self.get(field)? {
            Value::String(text) => Some(text.replace('\0', "")),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            _ => None,
        }
        .filter(|text| !text.is_empty())
    }

    /// The name of a pool, as it is called here.
    pub(super) fn pool(&self) -> Option<String> {
        self.text("pool").map(|name| self.fields.renamed(&name))
    }

    /// A number of any kind; a finding where it is text, or no number.
    pub(super) fn number(&mut self, field: &str) -> Option<Decimal> {
        let value = self.get(field)?.clone();
        self.decimal(field, &value)
    }

    pub(super) fn decimal(&mut self, field: &str, value: &Value) -> Option<Decimal> {
        let (text, is_text) = match value {
            Value::Number(number) => (number.to_string(), false),
            Value::String(text) => (text.trim().to_owned(), !self.fields.is_exact()),
            _ => {
                self.found("malformed", format!("{field} is {value}"), "taken as null");
                return None;
            }
        };
        let number = Decimal::from_str(&text).or_else(|_| Decimal::from_scientific(&text)).ok();
        if is_text {
            let repair = if number.is_some() { "taken as a number" } else { "taken as null" };
            self.found("text_for_number", format!("{field} is the text {value}"), repair);
        } else if number.is_none() {
            self.found("malformed", format!("{field} is {value}"), "taken as null");
        }
        number
    }

    /// An amount of minor units, exact to the micro.
    pub(super) fn amount(&mut self, field: &str) -> Option<Micros> {
        let number = self.number(field)?;
        self.micros(field, number)
    }

    pub(super) fn micros(&mut self, field: &str, number: Decimal) -> Option<Micros> {
        let floor = number.round_dp_with_strategy(6, rust_decimal::RoundingStrategy::ToZero);
        if floor != number {
            let message = format!("{field} {number} has more than 6 decimals");
            self.found("too_many_decimals", message, format!("rounded to {}", floor.normalize()));
        }
        let micros = floor.checked_mul(Decimal::from(1_000_000)).and_then(|micros| micros.to_i64());
        if micros.is_none() {
            self.found("malformed", format!("{field} {number} is out of range"), "taken as null");
        }
        micros.map(|micros| Micros::new(micros.into()))
    }

    /// A whole number of minor units.
    pub(super) fn whole(&mut self, field: &str) -> Option<i64> {
        let number = self.number(field)?;
        let floor = number.trunc();
        if floor != number {
            let message = format!("{field} {number} is no whole number of minor units");
            self.found("too_many_decimals", message, format!("rounded to {floor}"));
        }
        let whole = floor.to_i64();
        if whole.is_none() {
            self.found("malformed", format!("{field} {number} is out of range"), "taken as null");
        }
        whole
    }

    /// Text as above; a finding where it is an object or an array.
    pub(super) fn name(&mut self, field: &str) -> Option<String> {
        if let Some(Value::Object(_) | Value::Array(_)) = self.get(field) {
            self.found("malformed", format!("{field} is no text"), "taken without");
        }
        self.text(field)
    }

    /// A moment: text in ISO 8601, without an offset UTC, or milliseconds since 1970.
    pub(super) fn moment(&mut self, field: &str) -> Option<Timestamp> {
        let value = self.get(field)?.clone();
        let moment = match &value {
            Value::Number(number) => number.to_string().parse::<f64>().ok().and_then(|number| {
                if SECONDS.contains(&number) {
                    let message = format!("{field} {number} is in seconds, not milliseconds");
                    self.found("malformed", message, "taken as seconds");
                    return Timestamp::from_second(number as i64).ok();
                }
                Timestamp::from_millisecond(number as i64).ok()
            }),
            Value::String(text) => text.parse::<Timestamp>().ok().or_else(|| {
                let civil = text.parse::<civil::DateTime>().ok()?;
                TimeZone::UTC.to_ambiguous_timestamp(civil).unambiguous().ok()
            }),
            _ => None,
        };
        if moment.is_none() {
            self.found("malformed", format!("{field} {value} is no moment"), "taken as unknown");
        }
        moment
    }
}
