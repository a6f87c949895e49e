//! A pool's configuration: how it is funded, what it restarts from, which wagers feed it.

use crate::currency;
use crate::json::{amount, flag, moment, rate, text, texts};
use crate::{Contribution, Error, Micros, Rate, Stake, Token, Trigger};
use jiff::Timestamp;
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
    /// A contribution, meter and reserve together, of more than this many minor units is refused
    /// as unreasonable (New Jersey 13:69E-1.39A(a)6).
    pub max_contribution: Option<i64>,
    /// Wins of at least this many minor units must be confirmed (GLI-19 2.9.4).
    pub verify_above: Option<i64>,
    /// Whether what changes the return to player must wait for the next cycle (GLI-19 2.4.2).
    pub regulated: bool,
    /// What decides that the pool is hit.
    pub trigger: Trigger,
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
            "max_contribution" => self.max_contribution = amount(key, value)?,
            "verify_above" => self.verify_above = amount(key, value)?,
            "regulated" => self.regulated = flag(key, value)?,
            "trigger" => self.trigger = Trigger::parse(key, value)?,
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

    /// Whether the key has that value already.
    pub(crate) fn has(&self, key: &str, value: &Value) -> bool {
        let mut config = self.clone();
        config.set(key, value).is_ok() && config == *self
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
        if let Some(currency) = &self.currency {
            currency::check(currency)?;
        }
        if self.trigger == Trigger::MustHitBy
            && self.max_amount.is_none_or(|max_amount| max_amount <= self.seed_amount)
        {
            return Err(Error::invalid(
                "a must_hit_by trigger needs a max_amount above seed_amount",
                format!(
                    "max_amount {}, seed_amount {}",
                    self.max_amount.map_or("none".to_owned(), |max_amount| max_amount.to_string()),
                    self.seed_amount
                ),
            ));
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
        put("max_contribution", self.max_contribution.map(Value::from));
        put("verify_above", self.verify_above.map(Value::from));
        put("regulated", self.regulated.then_some(Value::from(true)));
        put("trigger", self.trigger.to_json());
        Value::Object(map)
    }

    /// What a wager adds to a pool of this configuration; 22003 when it does not fit, 22023 above
    /// the pool's limit.
    pub fn contribution(&self, stake: Stake) -> Result<Contribution, Error> {
        let contribution = stake.contribution(self.contribution_rate, self.reserve_rate)?;
        match self.max_contribution {
            Some(max) if contribution.total()? > Micros::from_minor_units(max) => {
                Err(Error::invalid(
                    format!("a contribution of {} is too large", contribution.total()?),
                    format!("max_contribution is {max}"),
                )
                .hint("The wager is unreasonable for this pool, or its max_contribution too low."))
            }
            _ => Ok(contribution),
        }
    }

    /// Why a pool under regulation cannot have `after` at once (55000): what changes the return to
    /// player waits for the next cycle, and a ceiling may not cut off what is shown.
    pub(crate) fn refuse_unless_harmless(
        &self,
        after: &PoolConfig,
        current_amount: i64,
    ) -> Result<(), Error> {
        let changed = [
            ("contribution_rate", self.contribution_rate != after.contribution_rate),
            ("reserve_rate", self.reserve_rate != after.reserve_rate),
            ("seed_amount", self.seed_amount != after.seed_amount),
            ("trigger", self.trigger != after.trigger),
            ("regulated", self.regulated != after.regulated),
            (
                "max_amount",
                after.max_amount.is_some_and(|max_amount| {
                    self.max_amount != after.max_amount && max_amount < current_amount
                }),
            ),
        ];
        match changed.iter().find(|(_, changed)| self.regulated && *changed) {
            Some((key, _)) => Err(Error::new(
                Token::NextCycleOnly,
                format!("{key} of a regulated pool cannot change within a cycle"),
                "rates, seed, trigger and a ceiling below the present amount wait for the reset",
            )
            .hint("Pass effective => 'next_cycle'.")),
            None => Ok(()),
        }
    }
}

/// Every key of a pool's configuration.
const KEYS: [&str; 16] = [
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
    "max_contribution",
    "verify_above",
    "regulated",
    "trigger",
];
