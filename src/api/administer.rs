//! Creating, configuring, pausing and resuming pools.

use crate::api::pools::{returns_pools, rows};
use crate::error::required;
use crate::store::{administer, session};
use jackpot_core::Error;
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
        let created = session::run("create_pool", || {
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
        let changed = session::run("update_config", || {
            let JsonB(config) = required("config", config)?;
            match effective.unwrap_or("now") {
                "now" => {}
                other => {
                    return Err(Error::invalid(
                        format!("effective \"{other}\" is not supported"),
                        "a change is effective now",
                    ));
                }
            }
            administer::update_config(required("pool", pool)?, &config, expected_version, reason)
        })?;
        rows(vec![changed])
    }

    /// Stops contributions and wins.
    #[pg_extern(volatile, parallel_unsafe)]
    fn jackpot_pause(pool: Option<&str>, reason: default!(Option<&str>, "NULL")) {
        let paused = session::run("pause", || administer::pause(required("pool", pool)?, reason))?;
        rows(vec![paused])
    }

    /// Lets them go on.
    #[pg_extern(volatile, parallel_unsafe)]
    fn jackpot_resume(pool: Option<&str>, reason: default!(Option<&str>, "NULL")) {
        let resumed = session::run("resume", || administer::resume(required("pool", pool)?, reason))?;
        rows(vec![resumed])
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
