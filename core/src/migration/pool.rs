//! A pool of the other system.

use crate::migration::row::Row;
use crate::migration::{Fields, Finding, Read};
use crate::{Micros, PoolConfig, Rate, Status};
use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde_json::{Map, Value, json};

/// A pool as it is taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldPool {
    /// Its name here.
    pub pool: String,
    /// How it will behave.
    pub config: PoolConfig,
    /// What it holds.
    pub meter: Micros,
    /// What waits for its next seed.
    pub reserve: Micros,
    /// Its version there, or 1.
    pub version: i64,
    /// Whether it plays.
    pub status: Status,
}

/// Reads a pool. `number` names one that has no name.
pub fn pool(row: &Map<String, Value>, fields: &Fields, number: usize) -> Read<OldPool> {
    let row = with_config(row);
    let mut row = Row::new(&row, fields);
    let pool = name(&mut row, number);
    let contribution_rate = rate(&mut row, "contribution_rate");
    let reserve_rate = match row.get("reserve_rate") {
        Some(_) => rate(&mut row, "reserve_rate"),
        None => Rate::default(),
    };
    let seed_amount = seed(&mut row);
    let max_amount = ceiling(&mut row, seed_amount);
    let config = configuration(&mut row, contribution_rate, reserve_rate, seed_amount, max_amount);
    let meter = meter(&mut row, seed_amount);
    if let Some(max_amount) = max_amount.filter(|max| meter > Micros::from_minor_units(*max)) {
        let message = format!("pool \"{pool}\" holds {meter}, above its ceiling of {max_amount}");
        row.findings.push(Finding::notice("above_max", message));
    }
    let reserve = row.amount("reserve_amount").unwrap_or_default();
    let reserve = if reserve < Micros::ZERO {
        row.found("negative_amount", format!("reserve_amount is {reserve}"), "taken as 0");
        Micros::ZERO
    } else {
        reserve
    };
    let version = version(&mut row);
    let status = match row.text("status") {
        Some(word) => word.parse().unwrap_or_else(|_| {
            row.found("malformed", format!("status is {word}"), "taken as active");
            Status::Active
        }),
        None => Status::Active,
    };
    let status = if status == Status::Retired && (meter, reserve) != (Micros::ZERO, Micros::ZERO) {
        row.found("malformed", format!("it is retired and holds {meter}"), "taken as paused");
        Status::Paused
    } else {
        status
    };
    (Some(OldPool { pool, config, meter, reserve, version, status }), row.findings)
}

/// What stands in the configuration of an export stands for the row's own fields.
fn with_config(row: &Map<String, Value>) -> Map<String, Value> {
    let config = row.get("config").and_then(Value::as_object);
    let mut all: Map<String, Value> = config.cloned().unwrap_or_default();
    all.extend(row.iter().map(|(key, value)| (key.clone(), value.clone())));
    all
}

fn name(row: &mut Row<'_>, number: usize) -> String {
    let unnamed = format!("unnamed_{number}");
    match row.pool() {
        None => {
            let message = "the pool has no group".to_owned();
            row.found("missing_group", message, format!("named {unnamed}"));
            unnamed
        }
        Some(name) if name.chars().count() > 100 => {
            let message = "the pool's name has more than 100 characters".to_owned();
            row.found("malformed", message, format!("named {unnamed}"));
            unnamed
        }
        Some(name) => name,
    }
}

/// What a number of JavaScript counts to; there is room above it for what is still to come.
const HIGHEST_VERSION: i64 = (1 << 53) - 1;

fn version(row: &mut Row<'_>) -> i64 {
    match row.whole("version") {
        Some(version) if version > HIGHEST_VERSION => {
            row.found("malformed", format!("version is {version}"), "taken as 1");
            1
        }
        Some(version) if version > 0 => version,
        _ => 1,
    }
}

fn rate(row: &mut Row<'_>, field: &str) -> Rate {
    let Some(number) = row.number(field) else {
        row.found("null_value", format!("{field} is null"), "taken as 0");
        return Rate::default();
    };
    let mended = if number < Decimal::ZERO || number > Decimal::ONE_HUNDRED {
        row.found("rate_out_of_range", format!("{field} is {number}"), "taken as 0");
        Decimal::ZERO
    } else if number > Decimal::ONE {
        let share = number / Decimal::ONE_HUNDRED;
        let repair = format!("taken as {number} per cent");
        row.found("rate_out_of_range", format!("{field} is {number}"), repair);
        share
    } else {
        number
    };
    let floor = mended.round_dp_with_strategy(6, rust_decimal::RoundingStrategy::ToZero);
    if floor != mended {
        let message = format!("{field} {mended} has more than 6 decimals");
        row.found("too_many_decimals", message, format!("rounded to {}", floor.normalize()));
    }
    let millionths = floor.checked_mul(Decimal::from(1_000_000)).and_then(|rate| rate.to_u32());
    millionths.and_then(Rate::from_millionths).unwrap_or_default()
}

fn seed(row: &mut Row<'_>) -> i64 {
    match row.whole("seed_amount") {
        Some(seed) if seed < 0 => {
            row.found("negative_amount", format!("seed_amount is {seed}"), "taken as 0");
            0
        }
        Some(seed) if Micros::from_minor_units(seed).bigint().is_err() => {
            row.found("malformed", format!("seed_amount {seed} is out of range"), "taken as 0");
            0
        }
        Some(seed) => seed,
        None => {
            row.found("null_value", "seed_amount is null".to_owned(), "taken as 0");
            0
        }
    }
}

fn ceiling(row: &mut Row<'_>, seed_amount: i64) -> Option<i64> {
    let max_amount = row.whole("max_amount")?;
    if max_amount < seed_amount || Micros::from_minor_units(max_amount).bigint().is_err() {
        let message = format!("max_amount is {max_amount}, seed_amount {seed_amount}");
        row.found("max_below_seed", message, "taken without a ceiling");
        return None;
    }
    Some(max_amount)
}

/// What it holds; the seed, where that cannot be known.
fn meter(row: &mut Row<'_>, seed_amount: i64) -> Micros {
    let seed = Micros::from_minor_units(seed_amount);
    let restart = format!("taken as the seed of {seed_amount}");
    match row.amount("current_amount") {
        None => {
            row.found("null_value", "current_amount is null".to_owned(), restart);
            seed
        }
        Some(meter) if meter < Micros::ZERO => {
            row.found("negative_amount", format!("current_amount is {meter}"), restart);
            seed
        }
        // A pool of this system may stand below its seed: it was seeded with less, or corrected.
        Some(meter) if meter < seed && !row.fields.is_exact() => {
            let message = format!("current_amount is {meter}, seed_amount {seed_amount}");
            row.found("below_seed", message, format!("raised to {seed_amount}"));
            seed
        }
        Some(meter) => meter,
    }
}

fn configuration(
    row: &mut Row<'_>,
    contribution_rate: Rate,
    reserve_rate: Rate,
    seed_amount: i64,
    max_amount: Option<i64>,
) -> PoolConfig {
    let whole = |row: &mut Row<'_>, field| row.whole(field).filter(|amount| *amount >= 0);
    let own = json!({
        "contribution_rate": contribution_rate.to_string(),
        "reserve_rate": reserve_rate.to_string(),
        "seed_amount": seed_amount,
        "max_amount": max_amount,
        "min_wager": whole(row, "min_wager"),
        "currency": row.text("currency"),
    });
    let mut config = match row.get("config") {
        None => Map::new(),
        Some(Value::Object(config)) => config.clone(),
        Some(other) => {
            let message = format!("config is {other}");
            row.found("malformed", message, "left out");
            Map::new()
        }
    };
    if let Value::Object(own) = own {
        config.extend(own.into_iter().filter(|(_, value)| !value.is_null()));
    }
    if max_amount.is_none() {
        config.remove("max_amount");
    }
    match PoolConfig::default().patched(&Value::Object(config)) {
        Ok(config) => config,
        Err(error) => {
            row.found("malformed", error.message, "taken with its rate, seed and ceiling alone");
            // Together the rates may exceed the wager: then the reserve goes without.
            let reserve_rate = Rate::default();
            let default = PoolConfig::default();
            PoolConfig { contribution_rate, reserve_rate, seed_amount, max_amount, ..default }
        }
    }
}
