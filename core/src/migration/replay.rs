//! What a pool's own history explains of what it holds.

use crate::{Error, Micros};

/// A pool that is played through again from its first seed: contributions and wins in their order,
/// and the seed that the house puts in after a win. It may fall below zero where the history has
/// gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replay {
    /// What it holds, as far as the history tells.
    pub meter: Micros,
    seed: Micros,
}

/// What a win was in the replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// What the pool showed before, in minor units: what it paid, at least.
    pub previous_amount: i64,
    /// What the house put in for the next cycle.
    pub top_up: Micros,
    /// What it showed then.
    pub current_amount: i64,
}

impl Replay {
    /// Goes on from there.
    pub fn new(meter: Micros, seed_amount: i64) -> Self {
        Replay { meter, seed: Micros::from_minor_units(seed_amount) }
    }

    /// Contributions.
    pub fn add(&mut self, amount: Micros) -> Result<(), Error> {
        self.meter = self.meter.plus(amount)?;
        Ok(())
    }

    /// A win, as this system pays it: `meter := greatest(meter - win, seed)`. The house puts in a
    /// seed at most: what a history with gaps lacks beyond that came from elsewhere.
    pub fn win(&mut self, win_amount: i64) -> Result<Replayed, Error> {
        let previous_amount = self.meter.floor().max(win_amount);
        self.meter = self.meter.minus(Micros::from_minor_units(win_amount))?;
        let top_up = self.seed.minus(self.meter)?.max(Micros::ZERO).min(self.seed);
        self.meter = self.meter.plus(top_up)?;
        Ok(Replayed { previous_amount, top_up, current_amount: self.meter.floor().max(0) })
    }
}
