//! What can be done to a pool, and what it does.

use crate::{Contribution, Evidence, Micros, PoolConfig, Secret, Stake};
use jiff::Timestamp;
use rand_core::RngCore;
use serde_json::Value;

/// What a command takes from outside the machine.
pub struct Outside<'a> {
    /// The time.
    pub at: Timestamp,
    /// Chance. In production the operating system's strong generator.
    pub random: &'a mut dyn RngCore,
}

/// When a change of configuration takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effective {
    /// At once.
    Now,
    /// At the next reset, before the pool is seeded.
    NextCycle,
}

/// What can be done to a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Wagers feed the pool, in this order.
    Contribute {
        /// Their amounts.
        stakes: Vec<Stake>,
    },
    /// Wagers feed the pool, and each draws: one that hits is paid all that is payable.
    Spin {
        /// Their amounts.
        stakes: Vec<Stake>,
    },
    /// The pool is won by a spin that has been drawn: all that is payable is paid.
    Hit {
        /// Why.
        evidence: Evidence,
    },
    /// The pool is won.
    Win {
        /// How much, in minor units; all that is payable when absent.
        win_amount: Option<i64>,
        /// The cycle that the caller believes to be current.
        expected_cycle: Option<i64>,
    },
    /// A contribution is taken back.
    Void {
        /// What the wager contributed.
        contribution: Contribution,
        /// Whether it belongs to the present cycle. Else it has been paid out: the reserve is
        /// debited, then the house.
        in_cycle: bool,
    },
    /// The meter is corrected by so many minor units.
    Adjust {
        /// Negative to take out.
        amount: i64,
    },
    /// Money goes to another pool.
    TransferOut {
        /// From the meter.
        amount: Micros,
        /// Whereto.
        to: String,
    },
    /// Money comes from another pool.
    TransferIn {
        /// To the meter.
        amount: Micros,
        /// To the reserve.
        reserve: Micros,
        /// Wherefrom.
        from: String,
    },
    /// The pool ends; all that it holds goes to another one (GLI-19 2.4.3).
    Retire {
        /// Whereto; none for an empty pool.
        to: Option<String>,
    },
    /// The configuration changes.
    Configure {
        /// The keys that change.
        patch: Value,
        /// The `config_version` that the caller believes to be current.
        expected_version: Option<i64>,
        /// When.
        effective: Effective,
    },
    /// What is hidden is drawn anew, where it was lost.
    Redraw,
    /// Contributions and wins stop.
    Pause,
    /// They go on.
    Resume,
}

/// Where the money of a seed came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The pool's own reserve.
    Reserve,
    /// The house.
    House,
}

/// What a command did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// One wager fed the pool.
    Contributed(Contribution),
    /// The pool was won; the cycle ended.
    Won {
        /// What is paid, in minor units.
        win_amount: i64,
        /// What was payable before.
        previous_amount: i64,
        /// Why, of a spin.
        evidence: Option<Evidence>,
        /// What had been hidden in the cycle, revealed.
        secret: Option<Secret>,
    },
    /// The meter was topped up, to the seed or after a void.
    Seeded {
        /// By whom.
        source: Source,
        /// By how much.
        amount: Micros,
    },
    /// A contribution of the present cycle was taken back: a ledger row.
    Voided(Contribution),
    /// A contribution of an earlier cycle was taken back from the reserve.
    VoidedLate(Micros),
    /// The house paid what a void had left missing.
    CoveredByHouse {
        /// To the meter.
        display: Micros,
        /// To the reserve.
        reserve: Micros,
    },
    /// The meter was corrected.
    Adjusted(Micros),
    /// Money came from another pool, or went to it (negative).
    Transferred {
        /// Of the meter.
        display: Micros,
        /// Of the reserve.
        reserve: Micros,
        /// Which one.
        other: String,
    },
    /// The pool ended.
    Retired,
    /// The configuration changed.
    Configured {
        /// What it was; the new one is in the state.
        before: Box<PoolConfig>,
    },
    /// A change of configuration waits for the next reset, or does no longer.
    Planned {
        /// The patch that waited until now; the new one is in the state.
        before: Option<Value>,
    },
    /// What is hidden was drawn, and is committed to; the new secret, if any, is in the state.
    Committed {
        /// The secret of this cycle that is replaced without a win, revealed.
        superseded: Option<Secret>,
    },
    /// The pool was paused.
    Paused,
    /// The pool was resumed.
    Resumed,
}
