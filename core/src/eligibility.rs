//! Which pools a wager feeds.

use crate::{Error, PoolConfig, Status, Token};
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

/// Whether the wager feeds the pool. `named` says that the caller asked for this very pool: then
/// a pool that is not active is an error (55000), and so is another currency (22023); otherwise
/// the pool is passed over, so that it never stops a bet.
pub fn eligible(
    pool: &str,
    status: Status,
    config: &PoolConfig,
    wager: &Wager<'_>,
    named: bool,
) -> Result<bool, Error> {
    if status != Status::Active {
        return if named { Err(status.refusal(pool)) } else { Ok(false) };
    }
    if let (Some(own), Some(theirs)) = (config.currency.as_deref(), wager.currency)
        && own != theirs
    {
        return if named {
            Err(Error::new(
                Token::InvalidArgument,
                format!("pool \"{pool}\" does not take wagers in {theirs}"),
                format!("the pool's currency is {own}"),
            ))
        } else {
            Ok(false)
        };
    }
    Ok(one_of(&config.operator_ids, wager.operator_id)
        && one_of(&config.game_categories, wager.game_category)
        && one_of(&config.game_ids, Some(wager.game_id))
        && config.min_wager.is_none_or(|min| wager.amount >= min)
        && config.max_wager.is_none_or(|max| wager.amount <= max)
        && config.starts_at.is_none_or(|start| wager.at >= start)
        && config.ends_at.is_none_or(|end| wager.at < end))
}

fn one_of(allowed: &Option<Vec<String>>, value: Option<&str>) -> bool {
    match (allowed, value) {
        (None, _) => true,
        (Some(allowed), Some(value)) => allowed.iter().any(|item| item == value),
        (Some(_), None) => false,
    }
}
