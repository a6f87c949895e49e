//! Creating, configuring, pausing, resuming and ending pools, and correcting their money.

use crate::api::given_reason;
use crate::api::pools::{returns_pools, rows};
use crate::call::Call;
use crate::error::required;
use crate::store::{administer, session};
use jackpot_core::{Effective, Error};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{AnyNumeric, JsonB};
use serde_json::{Value, json};

returns_pools! {
    /// Makes a pool.
    #[pg_extern(volatile, parallel_unsafe)]
    #[allow(clippy::too_many_arguments)]
    fn jackpot_create_pool(
        pool: Option<&str>,
        contribution_rate: default!(Option<AnyNumeric>, "NULL"),
        seed_amount: default!(Option<i64>, "NULL"),
        max_amount: default!(Option<i64>, "NULL"),
        initial_amount: default!(Option<i64>, "NULL"),
        reserve_rate: default!(Option<AnyNumeric>, "NULL"),
        currency: default!(Option<&str>, "NULL"),
        config: default!(Option<JsonB>, "NULL"),
    ) {
        let created = session::run(Call::CreatePool, || {
            let arguments = [
                ("contribution_rate", contribution_rate.map(|rate| json!(rate.to_string()))),
                ("seed_amount", seed_amount.map(Value::from)),
                ("max_amount", max_amount.map(Value::from)),
                ("reserve_rate", reserve_rate.map(|rate| json!(rate.to_string()))),
                ("currency", currency.map(Value::from)),
            ];
            let config = merged(config, arguments)?;
            administer::create(required("pool", pool)?, &config, initial_amount)
        })?;
        rows(vec![created])
    }

    /// Changes keys of a pool's configuration.
    #[pg_extern(volatile, parallel_unsafe)]
    fn jackpot_update_config(
        pool: Option<&str>,
        config: Option<JsonB>,
        expected_version: default!(Option<i64>, "NULL"),
        reason: default!(Option<&str>, "NULL"),
        effective: default!(Option<&str>, "'now'"),
    ) {
        let changed = session::run(Call::UpdateConfig, || {
            let JsonB(config) = required("config", config)?;
            let effective = match effective.unwrap_or("now") {
                "now" => Effective::Now,
                "next_cycle" => Effective::NextCycle,
                other => {
                    return Err(Error::invalid(
                        format!("effective \"{other}\" is not valid"),
                        "a change is effective now or next_cycle",
                    ));
                }
            };
            let pool = required("pool", pool)?;
            administer::update_config(pool, &config, expected_version, reason, effective)
        })?;
        rows(vec![changed])
    }

    /// Stops contributions and wins.
    #[pg_extern(volatile, parallel_unsafe)]
    fn jackpot_pause(pool: Option<&str>, reason: default!(Option<&str>, "NULL")) {
        let paused = session::run(Call::Pause, || administer::pause(required("pool", pool)?, reason))?;
        rows(vec![paused])
    }

    /// Lets them go on.
    #[pg_extern(volatile, parallel_unsafe)]
    fn jackpot_resume(pool: Option<&str>, reason: default!(Option<&str>, "NULL")) {
        let resumed = session::run(Call::Resume, || administer::resume(required("pool", pool)?, reason))?;
        rows(vec![resumed])
    }

    /// Corrects a pool's meter.
    #[pg_extern(volatile, parallel_unsafe)]
    fn jackpot_adjust(pool: Option<&str>, amount: Option<i64>, reason: Option<&str>) {
        let adjusted = session::run(Call::Adjust, || {
            let (pool, amount) = (required("pool", pool)?, required("amount", amount)?);
            administer::adjust(pool, amount, given_reason(reason)?)
        })?;
        rows(vec![adjusted])
    }

    /// Moves money from one pool's meter to another's.
    #[pg_extern(volatile, parallel_unsafe)]
    fn jackpot_transfer(
        from_pool: Option<&str>,
        to_pool: Option<&str>,
        amount: Option<i64>,
        reason: Option<&str>,
    ) {
        rows(session::run(Call::Transfer, || {
            let (from, to) = (required("from_pool", from_pool)?, required("to_pool", to_pool)?);
            administer::transfer(from, to, required("amount", amount)?, given_reason(reason)?)
        })?)
    }

    /// Ends a pool.
    #[pg_extern(volatile, parallel_unsafe)]
    fn jackpot_retire(pool: Option<&str>, transfer_to: Option<&str>, reason: Option<&str>) {
        let retired = session::run(Call::Retire, || {
            administer::retire(required("pool", pool)?, transfer_to, given_reason(reason)?)
        })?;
        rows(vec![retired])
    }
}

/// The configuration with what came as arguments of their own; naming a key twice is refused.
fn merged(config: Option<JsonB>, arguments: [(&str, Option<Value>); 5]) -> Result<Value, Error> {
    let mut config = match config {
        None => serde_json::Map::new(),
        Some(JsonB(Value::Object(config))) => config,
        Some(_) => {
            return Err(Error::invalid("config is not an object", "config must be a JSON object"));
        }
    };
    for (key, value) in arguments {
        if let Some(value) = value
            && config.insert(key.to_owned(), value).is_some()
        {
            return Err(Error::invalid(
                format!("{key} is given twice"),
                format!("{key} stands among the arguments and in config"),
            ));
        }
    }
    Ok(Value::Object(config))
}
