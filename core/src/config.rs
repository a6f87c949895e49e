//! A pool's configuration: how it is funded, what it restarts from, which wagers feed it.

use crate::{Contribution, Error, Micros, Rate};
use jiff::{Timestamp, civil};
use serde_json::{Map, Value, json};

/// The whole configuration of a pool. As JSON it has the keys of these fields, all optional; an
/// absent or null key stands for the value in [`PoolConfig::default`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PoolConfig {
    /// The share of a wager that goes to the meter.
    pub contribution_rate: Rate,
    /// The share of a wager that goes to the reserve.
    pub reserve_rate: Rate,
    /// What the pool restarts from after a win, in minor units.
    pub seed_amount: i64,
    /// The ceiling of what is displayed and payable, in minor units; none when absent.
    pub max_amount: Option<i64>,
    /// The pool's currency. Without one the pool takes every wager as its own money.
    pub currency: Option<String>,
    /// Only wagers of these operators.
    pub operator_ids: Option<Vec<String>>,
    /// Only wagers on these games.
    pub game_ids: Option<Vec<String>>,
    /// Only wagers on games of these categories.
    pub game_categories: Option<Vec<String>>,
    /// Only wagers of at least this many minor units.
    pub min_wager: Option<i64>,
    /// Only wagers of at most this many minor units.
    pub max_wager: Option<i64>,
    /// Only wagers from this moment on.
    pub starts_at: Option<Timestamp>,
    /// Only wagers before this moment.
    pub ends_at: Option<Timestamp>,
}

impl PoolConfig {
    /// This configuration with the given keys changed; a null value takes a key back to its
    /// default. 22023 for an unknown key, a malformed value or an inconsistent result.
    pub fn patched(&self, patch: &Value) -> Result<PoolConfig, Error> {
        let Value::Object(patch) = patch else {
            return Err(Error::invalid("config is not an object", "config must be a JSON object"));
        };
        let mut config = self.clone();
        for (key, value) in patch {
            config.set(key, value)?;
        }
        config.check()?;
        Ok(config)
    }

    fn set(&mut self, key: &str, value: &Value) -> Result<(), Error> {
        match key {
            "contribution_rate" => self.contribution_rate = rate(key, value)?,
            "reserve_rate" => self.reserve_rate = rate(key, value)?,
            "seed_amount" => self.seed_amount = amount(key, value)?.unwrap_or(0),
            "max_amount" => self.max_amount = amount(key, value)?,
            "currency" => self.currency = text(key, value)?,
            "operator_ids" => self.operator_ids = texts(key, value)?,
            "game_ids" => self.game_ids = texts(key, value)?,
            "game_categories" => self.game_categories = texts(key, value)?,
            "min_wager" => self.min_wager = amount(key, value)?,
            "max_wager" => self.max_wager = amount(key, value)?,
            "starts_at" => self.starts_at = moment(key, value)?,
            "ends_at" => self.ends_at = moment(key, value)?,
            _ => {
                return Err(Error::invalid(
                    format!("unknown configuration key \"{key}\""),
                    format!("\"{key}\" is not a key of a pool's configuration"),
                )
                .hint(format!("The keys are {}.", KEYS.join(", "))));
            }
        }
        Ok(())
    }

    /// What the values must be to one another.
    fn check(&self) -> Result<(), Error> {
        let rates = self.contribution_rate.millionths() + self.reserve_rate.millionths();
        if rates > Rate::ONE.millionths() {
            return Err(Error::invalid(
                "contribution_rate and reserve_rate exceed the wager",
                format!("{} + {} > 1", self.contribution_rate, self.reserve_rate),
            ));
        }
        Micros::from_minor_units(self.seed_amount).bigint()?;
        if let Some(max_amount) = self.max_amount {
            Micros::from_minor_units(max_amount).bigint()?;
            if max_amount < self.seed_amount {
                return Err(Error::invalid(
                    "max_amount is below seed_amount",
                    format!("max_amount {max_amount}, seed_amount {}", self.seed_amount),
                ));
            }
        }
        if let (Some(min), Some(max)) = (self.min_wager, self.max_wager)
            && min > max
        {
            return Err(Error::invalid("min_wager is above max_wager", format!("{min} > {max}")));
        }
        if let (Some(start), Some(end)) = (self.starts_at, self.ends_at)
            && start >= end
        {
            return Err(Error::invalid(
                "starts_at is not before ends_at",
                format!("{start} >= {end}"),
            ));
        }
        Ok(())
    }

    /// The configuration as JSON: amounts are numbers, rates (exact fractions) strings, and keys
    /// that hold nothing are left out.
    pub fn to_json(&self) -> Value {
        let mut map = Map::new();
        let mut put = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                map.insert(key.to_owned(), value);
            }
        };
        put("contribution_rate", Some(json!(self.contribution_rate.to_string())));
        put("reserve_rate", Some(json!(self.reserve_rate.to_string())));
        put("seed_amount", Some(json!(self.seed_amount)));
        put("max_amount", self.max_amount.map(Value::from));
        put("currency", self.currency.clone().map(Value::from));
        put("operator_ids", self.operator_ids.clone().map(Value::from));
        put("game_ids", self.game_ids.clone().map(Value::from));
        put("game_categories", self.game_categories.clone().map(Value::from));
        put("min_wager", self.min_wager.map(Value::from));
        put("max_wager", self.max_wager.map(Value::from));
        put("starts_at", self.starts_at.map(|moment| json!(moment.to_string())));
        put("ends_at", self.ends_at.map(|moment| json!(moment.to_string())));
        Value::Object(map)
    }

    /// What a wager of so many minor units adds to a pool of this configuration; 22003 when it
    /// does not fit.
    pub fn contribution(&self, wager_amount: i64) -> Result<Contribution, Error> {
        let contribution = Contribution {
            display: self.contribution_rate.of(wager_amount)?,
            reserve: self.reserve_rate.of(wager_amount)?,
        };
        contribution.total()?;
        Ok(contribution)
    }
}

/// Every key of a pool's configuration.
const KEYS: [&str; 12] = [
    "contribution_rate",
    "reserve_rate",
    "seed_amount",
    "max_amount",
    "currency",
    "operator_ids",
    "game_ids",
    "game_categories",
    "min_wager",
    "max_wager",
    "starts_at",
    "ends_at",
];

fn wrong(key: &str, value: &Value, wanted: &str) -> Error {
    Error::invalid(format!("{key} {value} is not valid"), format!("{key} must be {wanted}"))
}

fn rate(key: &str, value: &Value) -> Result<Rate, Error> {
    match value {
        Value::Null => Ok(Rate::default()),
        Value::Number(number) => Rate::parse(key, number.as_str()),
        Value::String(text) => Rate::parse(key, text),
        _ => Err(wrong(key, value, "a number or a string that holds one")),
    }
}

fn amount(key: &str, value: &Value) -> Result<Option<i64>, Error> {
    match value {
        Value::Null => Ok(None),
        _ => match value.as_i64() {
            Some(amount) if amount >= 0 => Ok(Some(amount)),
            _ => Err(wrong(key, value, "a whole number of minor units, not negative")),
        },
    }
}

fn text(key: &str, value: &Value) -> Result<Option<String>, Error> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if !text.is_empty() => Ok(Some(text.clone())),
        _ => Err(wrong(key, value, "a string that is not empty")),
    }
}

fn texts(key: &str, value: &Value) -> Result<Option<Vec<String>>, Error> {
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
fn moment(key: &str, value: &Value) -> Result<Option<Timestamp>, Error> {
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
