//! The state machine of one pool.

use crate::{Error, Micros, PoolConfig, Remainder, Secret, Token};
use serde_json::Value;
use std::fmt;
use std::str::FromStr;

/// Whether a pool takes contributions and pays wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It does.
    Active,
    /// It does neither until it is resumed, and keeps its amounts (GLI-19 4.15.2).
    Paused,
    /// It never will again.
    Retired,
}

impl Status {
    /// The word that stands in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Active => "active",
            Status::Paused => "paused",
            Status::Retired => "retired",
        }
    }

    /// Why a pool of this status does not take part (55000).
    pub fn refusal(self, pool: &str) -> Error {
        Error::new(
            Token::PoolNotActive,
            format!("pool \"{pool}\" is not active"),
            format!("the pool is {}", self.as_str()),
        )
        .hint(match self {
            Status::Retired => "A retired pool cannot be used again.",
            _ => "Resume it with jackpot_resume().",
        })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Status {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "active" => Ok(Status::Active),
            "paused" => Ok(Status::Paused),
            "retired" => Ok(Status::Retired),
            _ => Err(Error::invalid(
                format!("unknown status \"{text}\""),
                "active, paused or retired",
            )),
        }
    }
}

/// What has gone through a pool since it was created: the other side of its conservation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// How many wagers fed it.
    pub contributions: i64,
    /// Their sum in minor units.
    pub wagered: i128,
    /// What they contributed to meter and reserve, in micros.
    pub contributed: i128,
    /// How many wins it paid.
    pub wins: i64,
    /// Their sum in minor units.
    pub won: i128,
    /// What the house put in, as seeds and to cover voids, in micros.
    pub seeded: i128,
    /// How many contributions were voided.
    pub voids: i64,
    /// What they had contributed, in micros.
    pub voided: i128,
    /// What adjustments put in, less what they took out, in micros.
    pub adjusted: i128,
    /// What transfers brought in, less what they took away, in micros.
    pub transferred: i128,
}

/// One pool at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolState {
    /// Its name.
    pub pool: String,
    /// Whether it takes part.
    pub status: Status,
    /// How it behaves.
    pub config: PoolConfig,
    /// Grows with every change of configuration.
    pub config_version: i64,
    /// The exact money in the pool.
    pub meter: Micros,
    /// The exact money that waits to pay for the next seed.
    pub reserve: Micros,
    /// The time between two resets, numbered from 1.
    pub cycle: i64,
    /// Grows with every change of any kind.
    pub version: i64,
    /// What conversions of currency have left below a micro so far; what adds up to a micro goes
    /// to meter and reserve.
    pub carry: Remainder,
    /// Keys of the configuration that change at the next reset.
    pub pending: Option<Value>,
    /// What decides this cycle, with a hidden trigger. Not read where nobody may know it.
    pub secret: Option<Secret>,
    /// What has gone through it.
    pub totals: Totals,
}

impl PoolState {
    /// What is shown and payable, in minor units.
    pub fn current_amount(&self) -> i64 {
        current_amount(self.meter, self.config.max_amount)
    }

    /// What stands in the meter above the ceiling and carries into the next cycle. The ceiling
    /// diverts, it does not destroy (GLI-19 4.13.3).
    pub fn overflow(&self) -> Micros {
        self.config
            .max_amount
            .and_then(|max| self.meter.minus(Micros::from_minor_units(max)).ok())
            .map_or(Micros::ZERO, |above| above.max(Micros::ZERO))
    }

    /// Whether every micro is accounted for: meter + reserve = seeds + contributions + adjustments
    /// + transfers - voids - wins.
    pub fn conserved(&self) -> bool {
        let totals = &self.totals;
        self.meter.get() + self.reserve.get()
            == totals.seeded + totals.contributed + totals.adjusted + totals.transferred
                - totals.voided
                - totals.won * 1_000_000
    }

    pub(crate) fn refuse_unless_active(&self) -> Result<(), Error> {
        match self.status {
            Status::Active => Ok(()),
            status => Err(status.refusal(&self.pool)),
        }
    }
}

/// What is shown and payable of a meter, in minor units: `floor(least(meter, max_amount))`.
pub fn current_amount(meter: Micros, max_amount: Option<i64>) -> i64 {
    max_amount.map_or(meter.floor(), |max| meter.floor().min(max))
}
