//! Creating and configuring pools, pausing and resuming them.

use crate::store::journal::{self, Occasion};
use crate::store::snapshot::Active;
use crate::store::{lock, mark, partition, pool, session};
use jackpot_core::{Command, Error, PoolConfig, Token, apply, create as create_state};
use serde_json::Value;

/// Makes a pool; 42710 when the name is taken.
pub fn create(
    name: &str,
    config: &Value,
    initial_amount: Option<i64>,
) -> Result<pool::Pool, Error> {
    if name.is_empty() || name.chars().count() > 100 {
        return Err(Error::invalid(
            format!("pool name \"{name}\" is not valid"),
            "a pool's name has 1 to 100 characters",
        ));
    }
    let config = PoolConfig::default().patched(config)?;
    let (state, events) = create_state(name, config, initial_amount)?;
    mark::ensure()?;
    let occasion = Occasion::new("create_pool", None);
    let Some(id) = pool::insert(&state, &occasion)? else {
        return Err(Error::new(
            Token::PoolExists,
            format!("pool \"{name}\" already exists"),
            format!("a pool is named \"{name}\""),
        )
        .hint("Change it with jackpot_update_config()."));
    };
    journal::created(id, &state, &events, &occasion)?;
    if session::is_autocommit() {
        partition::ensure();
    }
    let _active = Active::fresh();
    pool::read_one(id)
}

/// Changes keys of a pool's configuration, all or nothing.
pub fn update_config(
    name: &str,
    patch: &Value,
    expected_version: Option<i64>,
    reason: Option<&str>,
) -> Result<pool::Pool, Error> {
    mark::ensure()?;
    lock::pass_gate();
    change(name, "update_config", reason, |pool| {
        let config = Box::new(pool.state.config.patched(patch)?);
        Ok(Command::Configure { config, expected_version })
    })
}

/// Stops contributions to and wins of a pool, once the bets in flight have ended.
pub fn pause(name: &str, reason: Option<&str>) -> Result<pool::Pool, Error> {
    mark::ensure()?;
    lock::close_gate()?;
    change(name, "pause", reason, |_| Ok(Command::Pause))
}

/// Lets them go on.
pub fn resume(name: &str, reason: Option<&str>) -> Result<pool::Pool, Error> {
    mark::ensure()?;
    lock::pass_gate();
    change(name, "resume", reason, |_| Ok(Command::Resume))
}

fn change(
    name: &str,
    operation: &'static str,
    reason: Option<&str>,
    command: impl FnOnce(&pool::Pool) -> Result<Command, Error>,
) -> Result<pool::Pool, Error> {
    let before = pool::lock(name)?.pool;
    let (after, events) = apply(before.state.clone(), &command(&before)?)?;
    if !events.is_empty() {
        let occasion = Occasion::new(operation, reason);
        pool::update(&before, &after, &occasion)?;
        journal::happened(before.id, &before.state, &after, &events, &occasion)?;
    }
    let _active = Active::fresh();
    pool::read_one(before.id)
}
