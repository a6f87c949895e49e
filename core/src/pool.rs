//! The state machine of one pool.

use crate::{Contribution, Error, Micros, PoolConfig, Token};
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
    pub(crate) fn refusal(self, pool: &str) -> Error {
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
    /// What the house put in as seeds, in micros.
    pub seeded: i128,
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

    /// Whether every micro is accounted for: meter + reserve = seeds + contributions - wins.
    pub fn conserved(&self) -> bool {
        let held = self.meter.get() + self.reserve.get();
        held == self.totals.seeded + self.totals.contributed - self.totals.won * 1_000_000
    }

    fn refuse_unless_active(&self) -> Result<(), Error> {
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

/// What can be done to a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Wagers of so many minor units feed the pool, in this order.
    Contribute {
        /// The amounts of the wagers.
        wager_amounts: Vec<i64>,
    },
    /// The pool is won.
    Win {
        /// How much, in minor units; all that is payable when absent.
        win_amount: Option<i64>,
        /// The cycle that the caller believes to be current.
        expected_cycle: Option<i64>,
    },
    /// The configuration changes.
    Configure {
        /// The whole new configuration.
        config: Box<PoolConfig>,
        /// The `config_version` that the caller believes to be current.
        expected_version: Option<i64>,
    },
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
    },
    /// The meter was topped up to the seed.
    Seeded {
        /// By whom.
        source: Source,
        /// By how much.
        amount: Micros,
    },
    /// The configuration changed.
    Configured {
        /// What it was; the new one is in the state.
        before: Box<PoolConfig>,
    },
    /// The pool was paused.
    Paused,
    /// The pool was resumed.
    Resumed,
}

/// A new pool that holds `initial_amount` minor units, put in by the house.
pub fn create(
    pool: &str,
    config: PoolConfig,
    initial_amount: Option<i64>,
) -> Result<(PoolState, Vec<Event>), Error> {
    let initial_amount = initial_amount.unwrap_or(config.seed_amount);
    let meter = Micros::from_minor_units(initial_amount);
    meter.bigint()?;
    if initial_amount < 0 || config.max_amount.is_some_and(|max| initial_amount > max) {
        return Err(Error::invalid(
            format!("initial_amount {initial_amount} is not valid"),
            "it must lie between 0 and max_amount",
        ));
    }
    let state = PoolState {
        pool: pool.to_owned(),
        status: Status::Active,
        config,
        config_version: 1,
        meter,
        reserve: Micros::ZERO,
        cycle: 1,
        version: 1,
        totals: Totals { seeded: meter.get(), ..Totals::default() },
    };
    Ok((state, seeded(Source::House, meter).into_iter().collect()))
}

/// Does one command: the new state and what happened, or a refusal that changes nothing.
pub fn apply(state: PoolState, command: &Command) -> Result<(PoolState, Vec<Event>), Error> {
    match command {
        Command::Contribute { wager_amounts } => contribute(state, wager_amounts),
        Command::Win { win_amount, expected_cycle } => win(state, *win_amount, *expected_cycle),
        Command::Configure { config, expected_version } => {
            configure(state, config, *expected_version)
        }
        Command::Pause => set_status(state, Status::Paused, Event::Paused),
        Command::Resume => set_status(state, Status::Active, Event::Resumed),
    }
}

fn contribute(
    mut state: PoolState,
    wager_amounts: &[i64],
) -> Result<(PoolState, Vec<Event>), Error> {
    state.refuse_unless_active()?;
    let mut events = Vec::with_capacity(wager_amounts.len());
    for &wager_amount in wager_amounts {
        if wager_amount < 0 {
            return Err(Error::invalid(
                format!("wager_amount {wager_amount} is negative"),
                "a wager is 0 or more minor units",
            ));
        }
        let contribution = state.config.contribution(wager_amount)?;
        state.meter = state.meter.plus(contribution.display)?;
        state.reserve = state.reserve.plus(contribution.reserve)?;
        state.meter.bigint()?;
        state.reserve.bigint()?;
        state.totals.contributions += 1;
        state.totals.wagered += i128::from(wager_amount);
        state.totals.contributed += contribution.total()?.get();
        state.version += 1;
        events.push(Event::Contributed(contribution));
    }
    Ok((state, events))
}

/// One rule for full and partial wins: `meter := greatest(meter - win, seed)`, the top-up taken
/// from the reserve first and from the house for the rest. The fraction of a minor unit and the
/// overflow stay in the meter.
fn win(
    mut state: PoolState,
    win_amount: Option<i64>,
    expected_cycle: Option<i64>,
) -> Result<(PoolState, Vec<Event>), Error> {
    state.refuse_unless_active()?;
    expect(&state.pool, "cycle", expected_cycle, state.cycle)?;
    let payable = state.current_amount();
    let win_amount = win_amount.unwrap_or(payable);
    if win_amount < 0 || (win_amount == 0 && payable > 0) {
        return Err(Error::invalid(
            format!("win_amount {win_amount} is not positive"),
            "a win is 1 or more minor units",
        ));
    }
    if win_amount > payable || win_amount == 0 {
        return Err(Error::new(
            Token::InsufficientFunds,
            format!("pool \"{}\" cannot pay {win_amount}", state.pool),
            format!("{payable} is payable"),
        )
        .hint(match payable {
            0 => "The pool is empty until wagers feed it.",
            _ => "Leave win_amount out to pay all that is payable.",
        }));
    }
    let rest = state.meter.minus(Micros::from_minor_units(win_amount))?;
    let seed = Micros::from_minor_units(state.config.seed_amount);
    let top_up = seed.minus(rest)?.max(Micros::ZERO);
    let from_reserve = top_up.min(state.reserve.max(Micros::ZERO));
    let from_house = top_up.minus(from_reserve)?;

    state.meter = rest.plus(top_up)?;
    state.reserve = state.reserve.minus(from_reserve)?;
    state.cycle += 1;
    state.version += 1;
    state.totals.wins += 1;
    state.totals.won += i128::from(win_amount);
    state.totals.seeded += from_house.get();

    let won = Event::Won { win_amount, previous_amount: payable };
    let events = std::iter::once(won)
        .chain(seeded(Source::Reserve, from_reserve))
        .chain(seeded(Source::House, from_house))
        .collect();
    Ok((state, events))
}

fn seeded(source: Source, amount: Micros) -> Option<Event> {
    (amount > Micros::ZERO).then_some(Event::Seeded { source, amount })
}

/// What changes nothing is no change, so it can be repeated.
fn configure(
    mut state: PoolState,
    config: &PoolConfig,
    expected_version: Option<i64>,
) -> Result<(PoolState, Vec<Event>), Error> {
    if state.status == Status::Retired {
        return Err(state.status.refusal(&state.pool));
    }
    expect(&state.pool, "config_version", expected_version, state.config_version)?;
    if state.config == *config {
        return Ok((state, Vec::new()));
    }
    let before = std::mem::replace(&mut state.config, config.clone());
    state.config_version += 1;
    state.version += 1;
    Ok((state, vec![Event::Configured { before: Box::new(before) }]))
}

/// Pausing what is paused and resuming what is active changes nothing, so both can be repeated.
fn set_status(
    mut state: PoolState,
    status: Status,
    event: Event,
) -> Result<(PoolState, Vec<Event>), Error> {
    if state.status == Status::Retired {
        return Err(state.status.refusal(&state.pool));
    }
    if state.status == status {
        return Ok((state, Vec::new()));
    }
    state.status = status;
    state.version += 1;
    Ok((state, vec![event]))
}

fn expect(pool: &str, what: &str, expected: Option<i64>, actual: i64) -> Result<(), Error> {
    match expected {
        Some(expected) if expected != actual => Err(Error::new(
            Token::VersionConflict,
            format!("pool \"{pool}\" has changed"),
            format!("expected {what} {expected}, found {actual}"),
        )
        .hint("Read the pool again and decide anew.")),
        _ => Ok(()),
    }
}
