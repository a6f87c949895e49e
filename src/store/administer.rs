//! Creating, configuring and ending pools, pausing and resuming them, correcting their money.

use crate::store::journal::{self, Occasion};
use crate::store::pool::{self, Locked, Pool};
use crate::store::session::timestamp;
use crate::store::snapshot::Active;
use crate::store::{configuration, life, lock, mark, partition, queue, random, session};
use jackpot_core::{
    Command, Effective, Error, Micros, Outside, PoolConfig, PoolState, Status, Token, apply,
    create as create_state, return_to_player,
};
use pgrx::PgSqlErrorCode;
use serde_json::Value;

/// Makes a pool; 42710 when the name is taken.
pub fn create(name: &str, config: &Value, initial_amount: Option<i64>) -> Result<Pool, Error> {
    if name.is_empty() || name.chars().count() > 100 {
        return Err(Error::invalid(
            format!("pool name \"{name}\" is not valid"),
            "a pool's name has 1 to 100 characters",
        ));
    }
    let config = PoolConfig::default().patched(config)?;
    mark::ensure()?;
    let is_first = configuration::current()?.pools().is_empty();
    let occasion = Occasion::new("create_pool", None);
    let mut outside = Outside { at: timestamp(occasion.at), random: &mut random::Strong };
    let (state, events) = create_state(name, config, initial_amount, &mut outside)?;
    let Some(id) = pool::insert(&state, &occasion)? else {
        return Err(Error::new(
            Token::PoolExists,
            format!("pool \"{name}\" already exists"),
            format!("a pool is named \"{name}\""),
        )
        .hint("Change it with jackpot_update_config()."));
    };
    journal::created(id, &state, &events, &occasion)?;
    warn_of_generosity(name, &state.config);
    // In a transaction block its locks would stay and hold up bets, of which there are none yet
    // before the first pool.
    if session::is_autocommit() || is_first {
        partition::ensure();
    }
    queue::wake();
    let _active = Active::fresh();
    pool::read_one(id)
}

/// A pool whose seeds outrun its contributions returns more than is wagered.
fn warn_of_generosity(name: &str, config: &PoolConfig) {
    let Some(share) = return_to_player(config).filter(|share| *share > 1.into()) else { return };
    pgrx::ereport!(
        pgrx::PgLogLevel::WARNING,
        PgSqlErrorCode::ERRCODE_WARNING,
        format!("pool \"{name}\" is expected to return more than is wagered"),
        format!("its expected return to player is {share} of the wagers")
    );
}

/// Changes keys of a pool's configuration, all or nothing.
pub fn update_config(
    name: &str,
    patch: &Value,
    expected_version: Option<i64>,
    reason: Option<&str>,
    effective: Effective,
) -> Result<Pool, Error> {
    mark::ensure()?;
    let is_about_currency = patch.get("currency").is_some();
    if is_about_currency {
        // No bet may be in flight: its money would become another currency's.
        lock::close_gate()?;
    } else {
        lock::pass_gate();
    }
    let locked = pool::lock(name)?;
    if is_about_currency || locked.pool.state.secret.is_some() {
        refuse_outdated(&locked)?;
    }
    let command = Command::Configure { patch: patch.clone(), expected_version, effective };
    let after = change_locked(&locked, &command, &Occasion::new("update_config", reason))?;
    let before = locked.pool.state;
    let config = match &after.pending {
        Some(pending) => after.config.patched(pending)?,
        None => after.config.clone(),
    };
    if before.config_version != after.config_version {
        warn_of_generosity(name, &config);
    }
    current(name)
}

/// Stops contributions to and wins of a pool, once the bets in flight have ended.
pub fn pause(name: &str, reason: Option<&str>) -> Result<Pool, Error> {
    mark::ensure()?;
    lock::close_gate()?;
    change(name, &Command::Pause, &Occasion::new("pause", reason))?;
    current(name)
}

/// Lets them go on.
pub fn resume(name: &str, reason: Option<&str>) -> Result<Pool, Error> {
    mark::ensure()?;
    lock::pass_gate();
    change(name, &Command::Resume, &Occasion::new("resume", reason))?;
    queue::resume(configuration::current()?.named(name)?.id);
    current(name)
}

/// Corrects a pool's meter by so many minor units.
pub fn adjust(name: &str, amount: i64, reason: &str) -> Result<Pool, Error> {
    mark::ensure()?;
    lock::pass_gate();
    change(name, &Command::Adjust { amount }, &Occasion::new("adjust", Some(reason)))?;
    current(name)
}

/// Moves so many minor units from one pool's meter to another's.
pub fn transfer(from: &str, to: &str, amount: i64, reason: &str) -> Result<Vec<Pool>, Error> {
    mark::ensure()?;
    lock::pass_gate();
    let (giver, taker) = lock_both(from, to)?;
    let amount = Micros::from_minor_units(amount);
    let give = Command::TransferOut { amount, to: to.to_owned() };
    let take = Command::TransferIn { amount, reserve: Micros::ZERO, from: from.to_owned() };
    let occasion = Occasion::new("transfer", Some(reason));
    move_between(&giver, &give, &taker, Some(&take), occasion)?;
    Ok(vec![current(from)?, current(to)?])
}

/// Ends a pool, once the bets in flight have ended, and moves all that it holds to another.
pub fn retire(name: &str, to: Option<&str>, reason: &str) -> Result<Pool, Error> {
    mark::ensure()?;
    lock::close_gate()?;
    let command = Command::Retire { to: to.map(str::to_owned) };
    let occasion = Occasion::new("retire", Some(reason));
    let Some(to) = to else {
        let locked = pool::lock(name)?;
        refuse_outdated(&locked)?;
        life::refuse_pending(&locked.pool)?;
        change_locked(&locked, &command, &occasion)?;
        return current(name);
    };
    let (giver, taker) = lock_both(name, to)?;
    refuse_outdated(&giver)?;
    life::refuse_pending(&giver.pool)?;
    let state = &giver.pool.state;
    let is_empty = state.meter == Micros::ZERO && state.reserve == Micros::ZERO;
    let take =
        Command::TransferIn { amount: state.meter, reserve: state.reserve, from: name.to_owned() };
    move_between(&giver, &command, &taker, (!is_empty).then_some(&take), occasion)?;
    current(name)
}

/// 40001 unless all that the pool holds is known: what is left in a retired pool would be lost, and
/// a threshold that has been reached drawn anew.
fn refuse_outdated(locked: &Locked) -> Result<(), Error> {
    match locked.newer()? {
        Some(state) => Err(pool::outdated(&state.pool)),
        None => Ok(()),
    }
}

/// Locks two pools, in the order of their ids; 22023 unless they differ and have one currency.
fn lock_both(from: &str, to: &str) -> Result<(Locked, Locked), Error> {
    let configuration = configuration::current()?;
    let (giver, taker) = (configuration.named(from)?.id, configuration.named(to)?.id);
    if giver == taker {
        return Err(Error::invalid(
            format!("pool \"{from}\" cannot give to itself"),
            "a transfer takes two pools",
        ));
    }
    let (giver, taker) = if giver < taker {
        let giver = pool::lock(from)?;
        (giver, pool::lock(to)?)
    } else {
        let taker = pool::lock(to)?;
        (pool::lock(from)?, taker)
    };
    let currencies = (&giver.pool.state.config.currency, &taker.pool.state.config.currency);
    if currencies.0 != currencies.1 {
        let name = |currency: &Option<String>| currency.clone().unwrap_or("none".to_owned());
        return Err(Error::invalid(
            format!("pools \"{from}\" and \"{to}\" have different currencies"),
            format!("{} and {}", name(currencies.0), name(currencies.1)),
        ));
    }
    if taker.pool.state.status == Status::Retired {
        return Err(taker.pool.state.status.refusal(to));
    }
    Ok((giver, taker))
}

/// Has one pool give and the other take, if there is anything to take.
fn move_between(
    giver: &Locked,
    give: &Command,
    taker: &Locked,
    take: Option<&Command>,
    occasion: Occasion<'_>,
) -> Result<(), Error> {
    let occasion = Occasion { other_pool_id: Some(taker.pool.id), ..occasion };
    change_locked(giver, give, &occasion)?;
    if let Some(take) = take {
        let occasion = Occasion { other_pool_id: Some(giver.pool.id), ..occasion };
        change_locked(taker, take, &occasion)?;
    }
    Ok(())
}

/// Does a command to one pool.
fn change(name: &str, command: &Command, occasion: &Occasion<'_>) -> Result<(), Error> {
    change_locked(&pool::lock(name)?, command, occasion).map(drop)
}

/// Does a command to a locked pool and returns its state after.
pub fn change_locked(
    locked: &Locked,
    command: &Command,
    occasion: &Occasion<'_>,
) -> Result<PoolState, Error> {
    let (id, before) = (locked.pool.id, &locked.pool.state);
    let mut outside = Outside { at: timestamp(occasion.at), random: &mut random::Strong };
    let (after, events) = apply(before.clone(), command, &mut outside)?;
    if !events.is_empty() {
        pool::update(id, before, &after, occasion)?;
        journal::happened(id, before, &after, &events, occasion)?;
    }
    Ok(after)
}

/// The pool as it is now.
fn current(name: &str) -> Result<Pool, Error> {
    let id = configuration::current()?.named(name)?.id;
    let _active = Active::fresh();
    pool::read_one(id)
}
