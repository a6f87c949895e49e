//! Drawing: what a hidden trigger hides, and whether a wager hits.

use crate::{
    Hidden, Micros, Outside, PoolConfig, PoolState, Secret, Stake, Status, Trigger, below,
};
use jiff::Timestamp;
use serde_json::{Value, json};

/// What is known of a hit before the pool is locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// It does not hit.
    Miss,
    /// It hits, whatever others do.
    Hit(Evidence),
    /// Only the exact state, under the pool's lock, can tell.
    Unsure,
}

/// Why a pool was hit, for the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// `draw`, uniform in `0..out_of`, came below `below`.
    Drawn {
        /// What was drawn.
        draw: u128,
        /// The wager.
        below: u128,
        /// `one_in`, in the wager's measure.
        out_of: u128,
    },
    /// The meter, with this wager's contribution, reached the threshold.
    Reached {
        /// The exact meter.
        meter: Micros,
    },
    /// The wager came at or after the moment.
    Fell {
        /// When it came.
        at: Timestamp,
    },
}

impl Evidence {
    /// The word for the kind of trigger that it speaks of.
    pub fn kind(&self) -> &'static str {
        match self {
            Evidence::Drawn { .. } => "odds",
            Evidence::Reached { .. } => "must_hit_by",
            Evidence::Fell { .. } => "scheduled",
        }
    }

    /// As the database keeps it; whole numbers as strings, they may be large.
    pub fn to_json(&self) -> Value {
        match self {
            Evidence::Drawn { draw, below, out_of } => json!({
                "draw": draw.to_string(), "below": below.to_string(), "out_of": out_of.to_string(),
            }),
            Evidence::Reached { meter } => json!({"meter": meter.to_string()}),
            Evidence::Fell { at } => json!({"at": at.to_string()}),
        }
    }

    /// What was drawn, from the database; `None` for any other evidence.
    pub fn drawn_from_json(value: &Value) -> Option<Self> {
        let whole = |key| value.get(key)?.as_str()?.parse().ok();
        Some(Evidence::Drawn {
            draw: whole("draw")?,
            below: whole("below")?,
            out_of: whole("out_of")?,
        })
    }
}

/// Which window a moment is drawn from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Window {
    /// What remains of the present one: nothing has dropped in it.
    Present,
    /// The next one: the pool has just dropped.
    Next,
}

/// From which window the next moment is drawn when the pool drops now: the next one, for each has
/// one drop; but a drop that rolled over from an earlier window leaves the present one its own.
pub(crate) fn window_after(state: &PoolState, at: Timestamp) -> Window {
    match (&state.config.trigger, state.secret.as_ref().map(Secret::hidden)) {
        (Trigger::Scheduled { every, anchor }, Some(Hidden::Moment(moment))) => {
            let number = |at: Timestamp| {
                at.as_microsecond().saturating_sub(anchor.as_microsecond()).div_euclid(every.micros)
            };
            if number(moment) < number(at) { Window::Present } else { Window::Next }
        }
        _ => Window::Present,
    }
}

/// Draws what a hidden trigger hides, for a pool whose meter and cycle stand as they will.
pub(crate) fn draw(state: &PoolState, window: Window, outside: &mut Outside<'_>) -> Option<Secret> {
    let hidden = match (&state.config.trigger, state.config.max_amount) {
        (Trigger::MustHitBy, Some(max_amount)) => {
            let ceiling = Micros::from_minor_units(max_amount);
            let room = u128::try_from(ceiling.get() - state.meter.get()).unwrap_or(0);
            // Above the meter and up to the ceiling; at the ceiling where there is no room.
            let step = i128::try_from(below(room, outside.random)).unwrap_or(0) + 1;
            let threshold = Micros::new(state.meter.get().saturating_add(step)).min(ceiling);
            Hidden::Threshold(threshold)
        }
        (Trigger::Scheduled { every, anchor }, _) => {
            Hidden::Moment(draw_moment(every.micros, *anchor, window, outside))
        }
        _ => return None,
    };
    let mut salt = [0; 32];
    outside.random.fill_bytes(&mut salt);
    Some(Secret::new(&state.pool, state.cycle, hidden, &salt))
}

fn draw_moment(
    every: i64,
    anchor: Timestamp,
    window: Window,
    outside: &mut Outside<'_>,
) -> Timestamp {
    let (anchor, at) = (anchor.as_microsecond(), outside.at.as_microsecond());
    let start_of = |number: i64| anchor.saturating_add(number.saturating_mul(every));
    let present = at.saturating_sub(anchor).div_euclid(every);
    let (start, end) = match window {
        // Before the first window begins.
        _ if at < anchor => (anchor, start_of(1)),
        Window::Present => (at, start_of(present + 1)),
        Window::Next => (start_of(present + 1), start_of(present + 2)),
    };
    let length = u128::try_from(end.saturating_sub(start)).unwrap_or(0);
    let offset = i64::try_from(below(length, outside.random)).unwrap_or(0);
    Timestamp::from_microsecond(start.saturating_add(offset)).unwrap_or(Timestamp::MAX)
}

/// What can be said without the pool's lock about a wager of a pool of this configuration. `secret`
/// is the present cycle's and `meter` what is visible with this wager's contribution; where either
/// is unknown, only the exact state can tell. `margin` is how much may be in flight. A wager of
/// nothing wins nothing.
pub fn outlook(
    config: &PoolConfig,
    stake: Stake,
    secret: Option<&Secret>,
    meter: Option<Micros>,
    margin: Micros,
    outside: &mut Outside<'_>,
) -> Outlook {
    if stake.amount() <= 0 {
        return Outlook::Miss;
    }
    match (&config.trigger, secret.map(Secret::hidden), meter) {
        (Trigger::Manual, ..) => Outlook::Miss,
        (Trigger::Odds { one_in }, ..) => draw_odds(*one_in, stake, outside),
        (_, Some(Hidden::Threshold(threshold)), Some(meter))
            if meter.get().saturating_add(margin.get()) < threshold.get() =>
        {
            Outlook::Miss
        }
        (_, Some(Hidden::Moment(moment)), _) if outside.at < moment => Outlook::Miss,
        _ => Outlook::Unsure,
    }
}

/// How near to a threshold a wager must be decided under the pool's lock: what `others` bets in
/// flight may add, where the configuration limits a bet, else the fiftieth part of the way from
/// seed to ceiling. It does not depend on the wager, and the secret blurs it by up to its double:
/// whoever sees the lock taken learns that the threshold is near, not where it is.
pub fn margin(config: &PoolConfig, secret: &Secret, others: u32) -> Micros {
    let rate = i128::from(config.contribution_rate.millionths());
    let by_wager = config.max_wager.map(|max| i128::from(max).saturating_mul(rate));
    let by_contribution = config.max_contribution.map(|max| Micros::from_minor_units(max).get());
    let way = config.max_amount.unwrap_or(0).saturating_sub(config.seed_amount);
    let margin = match by_wager.into_iter().chain(by_contribution).min() {
        Some(limit) => limit.saturating_mul(i128::from(others)),
        None => Micros::from_minor_units(way).get() / 50,
    };
    Micros::new(margin.saturating_add(margin.saturating_mul(i128::from(secret.blur())) / 256))
}

impl PoolState {
    /// Whether something should be hidden and is not.
    pub fn lacks_secret(&self) -> bool {
        self.secret.is_none()
            && self.status != Status::Retired
            && matches!(self.config.trigger, Trigger::MustHitBy | Trigger::Scheduled { .. })
    }

    /// Whether what is hidden has been reached: the meter or the time is there.
    pub(crate) fn is_met(&self, at: Timestamp) -> bool {
        match self.secret.as_ref().map(Secret::hidden) {
            Some(Hidden::Threshold(threshold)) => self.meter >= threshold,
            Some(Hidden::Moment(moment)) => at >= moment,
            None => false,
        }
    }

    /// Whether a wager that this exact state includes meets what is hidden.
    pub fn reached(&self, stake: Stake, at: Timestamp) -> Option<Evidence> {
        match self.secret.as_ref().map(Secret::hidden)? {
            _ if stake.amount() <= 0 || !self.is_met(at) => None,
            Hidden::Threshold(_) => Some(Evidence::Reached { meter: self.meter }),
            Hidden::Moment(_) => Some(Evidence::Fell { at }),
        }
    }
}

/// `uniform(0, one_in) < wager`; for a converted wager both sides are multiplied by the
/// denominator of its fraction.
fn draw_odds(one_in: i64, stake: Stake, outside: &mut Outside<'_>) -> Outlook {
    let (numerator, denominator) = stake.fraction();
    let wager = u128::try_from(numerator).unwrap_or(0);
    let out_of = u128::try_from(i128::from(one_in) * denominator).unwrap_or(u128::MAX);
    let draw = below(out_of, outside.random);
    if draw < wager {
        Outlook::Hit(Evidence::Drawn { draw, below: wager, out_of })
    } else {
        Outlook::Miss
    }
}
