//! Which pools a wager feeds.

use crate::{Error, ExchangeRate, PoolConfig, Stake, Status, Token};
use jiff::Timestamp;

/// One wager, as far as pools care who placed it, where and when.
#[derive(Clone, Copy, Debug)]
pub struct Wager<'a> {
    /// The game it was placed on.
    pub game_id: &'a str,
    /// Its amount in minor units.
    pub amount: i64,
    /// The operator or brand that took it.
    pub operator_id: Option<&'a str>,
    /// The category of the game.
    pub game_category: Option<&'a str>,
    /// Its currency; without one it is in the pool's.
    pub currency: Option<&'a str>,
    /// When it was placed.
    pub at: Timestamp,
}

/// Whether, and as what, a wager feeds a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Eligibility {
    /// It does, with this stake.
    Feeds(Stake),
    /// It does not.
    PassedOver,
    /// It would if there were a rate from its currency into the pool's.
    NoExchangeRate,
}

/// Whether the wager feeds the pool. `rate` gives the exchange rate in force from the first
/// currency to the second. `named` says that the caller asked for this very pool: then a pool that
/// is not active is an error (55000), and so is a missing exchange rate (22023); otherwise the pool
/// is passed over, so that it never stops a bet.
pub fn eligible(
    pool: &str,
    status: Status,
    config: &PoolConfig,
    wager: &Wager<'_>,
    rate: impl Fn(&str, &str) -> Option<ExchangeRate>,
    named: bool,
) -> Result<Eligibility, Error> {
    if status != Status::Active {
        return if named { Err(status.refusal(pool)) } else { Ok(Eligibility::PassedOver) };
    }
    let is_meant = one_of(&config.operator_ids, wager.operator_id)
        && one_of(&config.game_categories, wager.game_category)
        && one_of(&config.game_ids, Some(wager.game_id))
        && config.starts_at.is_none_or(|start| wager.at >= start)
        && config.ends_at.is_none_or(|end| wager.at < end);
    if !is_meant {
        return Ok(Eligibility::PassedOver);
    }
    let stake = match (config.currency.as_deref(), wager.currency) {
        (Some(own), Some(theirs)) if own != theirs => match rate(theirs, own) {
            Some(rate) => Stake::converted(wager.amount, rate),
            None if named => {
                return Err(Error::new(
                    Token::NoExchangeRate,
                    format!("pool \"{pool}\" does not take wagers in {theirs}"),
                    format!("there is no exchange rate from {theirs} to {own}"),
                )
                .hint("Give one with jackpot_set_exchange_rate()."));
            }
            None => return Ok(Eligibility::NoExchangeRate),
        },
        _ => Stake::new(wager.amount),
    };
    let amount = stake.minor_units()?;
    let fits = config.min_wager.is_none_or(|min| amount >= min)
        && config.max_wager.is_none_or(|max| amount <= max);
    Ok(if fits { Eligibility::Feeds(stake) } else { Eligibility::PassedOver })
}

fn one_of(allowed: &Option<Vec<String>>, value: Option<&str>) -> bool {
    match (allowed, value) {
        (None, _) => true,
        (Some(allowed), Some(value)) => allowed.iter().any(|item| item == value),
        (Some(_), None) => false,
    }
}
