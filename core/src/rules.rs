//! A pool's rules in words and figures, for players who ask for them (UK RTS 9A).

use crate::{PoolConfig, Rate, Trigger};
use rust_decimal::Decimal;

/// What a player may know of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// What feeds it.
    pub funding: String,
    /// What it restarts from, and who pays for that.
    pub seed: String,
    /// What happens at the ceiling.
    pub ceiling: String,
    /// Who is paid what when several hit at once.
    pub tie_policy: String,
    /// When it is hit.
    pub odds: String,
    /// The expected share of a wager that comes back through this pool, where the rules determine
    /// it: 0.015 is 1.5 %.
    pub return_to_player: Option<Decimal>,
}

impl Rules {
    /// Those of a pool of this configuration.
    pub fn of(config: &PoolConfig) -> Self {
        Rules {
            funding: funding(config),
            seed: seed(config),
            ceiling: ceiling(config),
            tie_policy:
                "Simultaneous hits are paid one after the other, in the order in which they \
                         lock the pool: the first takes all that is payable, the next what stands \
                         after the reset. What was in flight at a hit counts to the next cycle."
                    .to_owned(),
            odds: odds(config),
            return_to_player: return_to_player(config),
        }
    }
}

/// The expected return to the player through the pool, as a share of the wager; `None` where it
/// depends on how much is played.
///
/// With odds of one in N minor units it is `rate + seed / N`. With a threshold uniform between
/// seed and max, `(max - seed) / (2 * rate)` is wagered to a hit on average, of `(seed + max) / 2`
/// on average: `rate * (seed + max) / (max - seed)`.
pub fn return_to_player(config: &PoolConfig) -> Option<Decimal> {
    let rate = fraction(config.contribution_rate);
    let seed = Decimal::from(config.seed_amount);
    let share = match (&config.trigger, config.max_amount.map(Decimal::from)) {
        (Trigger::Odds { one_in }, _) => {
            rate.checked_add(seed.checked_div(Decimal::from(*one_in))?)?
        }
        (Trigger::MustHitBy, Some(max)) => {
            rate.checked_mul(seed.checked_add(max)?)?.checked_div(max.checked_sub(seed)?)?
        }
        _ => return None,
    };
    Some(share.round_dp(9).normalize())
}

fn fraction(rate: Rate) -> Decimal {
    Decimal::new(i64::from(rate.millionths()), 6)
}

fn percent(share: Decimal) -> String {
    format!("{} %", (share * Decimal::ONE_HUNDRED).normalize())
}

fn money(amount: i64, config: &PoolConfig) -> String {
    match &config.currency {
        Some(currency) => format!("{amount} minor units of {currency}"),
        None => format!("{amount} minor units"),
    }
}

fn funding(config: &PoolConfig) -> String {
    let display = percent(fraction(config.contribution_rate));
    if config.reserve_rate == Rate::default() {
        format!("{display} of each eligible wager goes to the jackpot.")
    } else {
        let reserve = percent(fraction(config.reserve_rate));
        format!(
            "{display} of each eligible wager goes to the jackpot, {reserve} to a reserve that pays \
             for the next seed."
        )
    }
}

fn seed(config: &PoolConfig) -> String {
    format!(
        "After a win the jackpot restarts from {} or from what is left if that is more; what is \
         missing comes from the reserve first and from the house for the rest.",
        money(config.seed_amount, config)
    )
}

fn ceiling(config: &PoolConfig) -> String {
    match config.max_amount {
        Some(max) => format!(
            "At most {} is shown and paid; what wagers add above it is kept for the next cycle.",
            money(max, config)
        ),
        None => "There is no ceiling.".to_owned(),
    }
}

fn odds(config: &PoolConfig) -> String {
    match &config.trigger {
        Trigger::Manual => "The operator awards the jackpot; no wager draws for it.".to_owned(),
        Trigger::Odds { one_in } => format!(
            "Each wager draws once; its chance to win is its amount divided by {}.",
            money(*one_in, config)
        ),
        Trigger::MustHitBy => format!(
            "The wager whose contribution takes the jackpot to a hidden amount wins. The amount is \
             drawn at each reset, every value above the jackpot and up to {} being equally likely.",
            money(config.max_amount.unwrap_or(0), config)
        ),
        Trigger::Scheduled { every, anchor } => format!(
            "The first eligible wager at or after a hidden moment wins. The moment is drawn for each \
             window of {}, counted from {anchor}, every moment being equally likely; if nobody \
             plays, it waits for the next wager.",
            every.in_words()
        ),
    }
}
