//! What the tests share: a pool with a clock and chance, generated configurations and commands, and
//! a house of several pools in which money moves between them.

// Each file of tests takes from here what it needs.
#![allow(dead_code)]

use jackpot_core::{
    Command, Contribution, Effective, Error, Event, Evidence, ExchangeRate, Hidden, Micros,
    Outside, PoolConfig, PoolState, Secret, Source, Stake, Status, Timestamp, apply, create,
};
use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::{Map, Value, json};

/// Micros in a minor unit.
pub const UNIT: i128 = 1_000_000;
/// The parts of a micro in which remainders are counted.
pub const PARTS: i128 = ExchangeRate::SCALE as i128;

/// How properties are tried: always alike, unless the environment asks for other or more cases
/// (`PROPTEST_RNG_SEED`, `PROPTEST_CASES`).
pub fn cases() -> ProptestConfig {
    let asked = ProptestConfig::default();
    let rng_seed = match asked.rng_seed {
        RngSeed::Random => RngSeed::Fixed(1),
        fixed => fixed,
    };
    ProptestConfig { rng_seed, failure_persistence: None, ..asked }
}

pub fn config(value: Value) -> PoolConfig {
    PoolConfig::default().patched(&value).expect("a valid configuration")
}

pub fn chance(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

pub fn moment(text: &str) -> Timestamp {
    text.parse().expect("a moment")
}

/// A Monday noon.
pub fn noon() -> Timestamp {
    moment("2026-06-01T12:00:00Z")
}

pub fn units(amount: i64) -> Micros {
    Micros::from_minor_units(amount)
}

pub fn stakes(amounts: &[i64]) -> Vec<Stake> {
    amounts.iter().copied().map(Stake::new).collect()
}

pub fn rate(text: &str) -> ExchangeRate {
    ExchangeRate::parse(text).expect("an exchange rate")
}

/// The contribution of a wager in the pool's currency.
pub fn gives(display: i64, reserve: i64) -> Contribution {
    Contribution {
        display: Micros::new(i128::from(display)),
        reserve: Micros::new(i128::from(reserve)),
        ..Contribution::default()
    }
}

pub fn threshold(secret: &Secret) -> Option<Micros> {
    match secret.hidden() {
        Hidden::Threshold(threshold) => Some(threshold),
        Hidden::Moment(_) => None,
    }
}

pub fn hidden_moment(secret: &Secret) -> Option<Timestamp> {
    match secret.hidden() {
        Hidden::Threshold(_) => None,
        Hidden::Moment(moment) => Some(moment),
    }
}

/// What a win paid, and why.
pub struct Won<'a> {
    pub win_amount: i64,
    pub previous_amount: i64,
    pub evidence: Option<&'a Evidence>,
    pub secret: Option<&'a Secret>,
}

pub fn wins(events: &[Event]) -> Vec<Won<'_>> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Won { win_amount, previous_amount, evidence, secret } => Some(Won {
                win_amount: *win_amount,
                previous_amount: *previous_amount,
                evidence: evidence.as_ref(),
                secret: secret.as_ref(),
            }),
            _ => None,
        })
        .collect()
}

pub fn paid(events: &[Event]) -> i64 {
    wins(events).iter().map(|won| won.win_amount).sum()
}

/// One pool with a clock and chance.
#[derive(Clone)]
pub struct Pool {
    pub state: PoolState,
    pub at: Timestamp,
    pub random: ChaCha8Rng,
}

impl Pool {
    pub fn new(value: Value, seed: u64) -> Self {
        Pool::created_at(noon(), value, seed)
    }

    pub fn created_at(at: Timestamp, value: Value, seed: u64) -> Self {
        let mut random = chance(seed);
        let mut outside = Outside { at, random: &mut random };
        let state = create("mega", config(value), None, &mut outside).expect("a new pool").0;
        Pool { state, at, random }
    }

    pub fn apply(&mut self, command: &Command) -> Result<Vec<Event>, Error> {
        let mut outside = Outside { at: self.at, random: &mut self.random };
        let (state, events) = apply(self.state.clone(), command, &mut outside)?;
        self.state = state;
        Ok(events)
    }

    pub fn must(&mut self, command: &Command) -> Vec<Event> {
        self.apply(command).expect("a command that is not refused")
    }

    pub fn contribute(&mut self, amount: i64) -> Contribution {
        match self.must(&Command::Contribute { stakes: stakes(&[amount]) }).first() {
            Some(Event::Contributed(contribution)) => *contribution,
            _ => Contribution::default(),
        }
    }

    /// What the wager wins, nothing as 0.
    pub fn spin(&mut self, amount: i64) -> i64 {
        paid(&self.must(&Command::Spin { stakes: stakes(&[amount]) }))
    }

    pub fn win(&mut self) -> Vec<Event> {
        self.must(&Command::Win { win_amount: None, expected_cycle: None })
    }

    pub fn configure(&mut self, patch: Value, effective: Effective) -> Result<Vec<Event>, Error> {
        self.apply(&Command::Configure { patch, expected_version: None, effective })
    }

    pub fn wait(&mut self, seconds: i64) {
        self.at += SignedDuration::from_secs(seconds);
    }

    pub fn secret(&self) -> &Secret {
        self.state.secret.as_ref().expect("a hidden trigger")
    }

    pub fn threshold(&self) -> Micros {
        threshold(self.secret()).expect("a threshold")
    }

    pub fn moment(&self) -> Timestamp {
        hidden_moment(self.secret()).expect("a moment")
    }
}

/// Mostly everyday amounts, and the ends of the range.
pub fn amounts() -> impl Strategy<Value = i64> {
    prop_oneof![
        12 => 0i64..200_000,
        4 => 0i64..2_000,
        2 => any::<i64>(),
        1 => Just(i64::MAX),
        1 => Just(i64::MIN),
        1 => Just(0),
    ]
}

pub fn exchange_rates() -> impl Strategy<Value = ExchangeRate> {
    prop_oneof![
        8 => 1i64..20_000_000_000,
        1 => 1i64..=i64::MAX,
        1 => Just(1),
        1 => Just(i64::MAX),
    ]
    .prop_map(|raw| ExchangeRate::from_raw(raw).expect("positive"))
}

pub fn wagers() -> impl Strategy<Value = Stake> {
    (amounts(), proptest::option::of(exchange_rates())).prop_map(|(amount, rate)| match rate {
        Some(rate) => Stake::converted(amount, rate),
        None => Stake::new(amount),
    })
}

fn rates() -> impl Strategy<Value = Value> {
    prop_oneof![4 => 0u32..100_000, 1 => 0u32..=500_000]
        .prop_map(|millionths| json!(jackpot_core::decimal(i128::from(millionths))))
}

/// One of each kind, often enough hit.
pub fn triggers() -> impl Strategy<Value = Value> {
    prop_oneof![
        1 => Just(json!({"kind": "manual"})),
        2 => (1i64..1_000_000).prop_map(|one_in| json!({"kind": "odds", "one_in": one_in})),
        1 => (1i64..=i64::MAX).prop_map(|one_in| json!({"kind": "odds", "one_in": one_in})),
        4 => Just(json!({"kind": "must_hit_by"})),
        3 => (
            prop_oneof!["1 minute", "hourly", "90 minutes", "daily", "1 second"],
            prop_oneof![
                3 => Just("2024-01-01T00:00:00Z"),
                1 => Just("2026-06-01T13:00:00Z"),
                1 => Just("8999-01-01T00:00:00Z"),
            ],
        )
            .prop_map(|(every, anchor)| json!({"kind": "scheduled", "every": every, "anchor": anchor})),
    ]
}

/// A configuration as users may write it, and as `patched` lets it through.
pub fn configs() -> impl Strategy<Value = Value> {
    let seeds = prop_oneof![2 => Just(0i64), 6 => 0i64..100_000, 1 => 0i64..9_000_000_000_000];
    let rooms = prop_oneof![4 => 1i64..50_000, 1 => 1i64..3];
    (rates(), rates(), seeds, proptest::option::of(rooms), triggers(), any::<u8>()).prop_map(
        |(contribution_rate, reserve_rate, seed_amount, room, trigger, rare)| {
            let room = match trigger.get("kind").and_then(Value::as_str) {
                Some("must_hit_by") => Some(room.unwrap_or(1_000)),
                _ => room,
            };
            json!({
                "contribution_rate": contribution_rate,
                "reserve_rate": reserve_rate,
                "seed_amount": seed_amount,
                "max_amount": room.map(|room| seed_amount + room),
                "trigger": trigger,
                "regulated": rare < 50,
                "max_contribution": (rare % 10 == 0).then_some(5_000),
            })
        },
    )
}

/// Some keys of another configuration; not all of them fit.
pub fn patches() -> impl Strategy<Value = Value> {
    (configs(), proptest::sample::subsequence((0..7usize).collect::<Vec<_>>(), 0..4)).prop_map(
        |(config, keys)| match config {
            Value::Object(map) => {
                let mut index = 0..;
                let chosen = map.into_iter().filter(|_| keys.contains(&index.next().unwrap_or(0)));
                Value::Object(chosen.collect::<Map<_, _>>())
            }
            other => other,
        },
    )
}

fn effects() -> impl Strategy<Value = Effective> {
    prop_oneof![Just(Effective::Now), Just(Effective::NextCycle)]
}

/// What can be done to one pool alone.
pub fn commands() -> impl Strategy<Value = Command> {
    prop_oneof![
        5 => proptest::collection::vec(wagers(), 0..4).prop_map(|stakes| Command::Contribute { stakes }),
        9 => proptest::collection::vec(wagers(), 1..2).prop_map(|stakes| Command::Spin { stakes }),
        3 => proptest::collection::vec(wagers(), 0..5).prop_map(|stakes| Command::Spin { stakes }),
        1 => (0u64..100).prop_map(|draw| Command::Hit {
            evidence: Evidence::Drawn { draw: u128::from(draw), below: 100, out_of: 1_000 },
        }),
        2 => (proptest::option::of(amounts()), proptest::option::of(1i64..4))
            .prop_map(|(win_amount, expected_cycle)| Command::Win { win_amount, expected_cycle }),
        2 => (amounts(), any::<bool>())
            .prop_map(|(amount, out)| Command::Adjust { amount: if out { amount.saturating_neg() } else { amount } }),
        4 => (patches(), proptest::option::weighted(0.2, 1i64..4), effects())
            .prop_map(|(patch, expected_version, effective)| Command::Configure { patch, expected_version, effective }),
        1 => Just(Command::Redraw),
        1 => Just(Command::Pause),
        2 => Just(Command::Resume),
    ]
}

/// Any command on its own, also those that need a second pool or an earlier wager.
pub fn all_commands() -> impl Strategy<Value = Command> {
    let micros = || any::<i64>().prop_map(|micros| Micros::new(i128::from(micros) * 3));
    let contributions = (0..i64::MAX, 0..i64::MAX, 0..ExchangeRate::SCALE).prop_map(
        |(display, reserve, remainder)| Contribution {
            remainder: jackpot_core::Remainder { display: remainder, reserve: 0 },
            ..gives(display, reserve)
        },
    );
    prop_oneof![
        4 => commands(),
        1 => (contributions, any::<bool>())
            .prop_map(|(contribution, in_cycle)| Command::Void { contribution, in_cycle }),
        1 => micros().prop_map(|amount| Command::TransferOut { amount, to: "major".to_owned() }),
        1 => (micros(), micros()).prop_map(|(amount, reserve)| Command::TransferIn {
            amount, reserve, from: "major".to_owned(),
        }),
        1 => any::<bool>().prop_map(|to| Command::Retire { to: to.then(|| "major".to_owned()) }),
    ]
}

/// What happens in a house of several pools.
#[derive(Clone, Debug)]
pub enum Action {
    /// A command for one of them.
    To(usize, Command),
    /// One of the wagers so far is voided.
    Void(usize),
    /// Money moves from one to another.
    Transfer(usize, usize, i64),
    /// One ends in favour of another, or of none.
    Retire(usize, Option<usize>),
    /// Seconds pass.
    Wait(i64),
}

pub const POOLS: usize = 3;

pub fn actions(longest: usize) -> impl Strategy<Value = Vec<Action>> {
    let action = prop_oneof![
        24 => (0..POOLS, commands()).prop_map(|(pool, command)| Action::To(pool, command)),
        5 => (0..100usize).prop_map(Action::Void),
        2 => (0..POOLS, 0..POOLS, prop_oneof![4 => 1i64..50_000, 1 => amounts()])
            .prop_map(|(from, to, amount)| Action::Transfer(from, to, amount)),
        1 => (0..POOLS, proptest::option::weighted(0.8, 0..POOLS))
            .prop_map(|(pool, to)| Action::Retire(pool, to)),
        5 => (0i64..5_000).prop_map(Action::Wait),
    ];
    proptest::collection::vec(action, 0..longest)
}

/// One command that was done.
#[derive(Clone)]
pub struct Step {
    pub command: Command,
    pub at: Timestamp,
    /// Chance as it stood before.
    pub random: ChaCha8Rng,
    pub before: PoolState,
    pub after: PoolState,
    pub events: Vec<Event>,
}

/// A wager's contribution to a pool, in its cycle.
#[derive(Clone, Copy)]
struct Fed {
    pool: usize,
    cycle: i64,
    contribution: Contribution,
}

/// Several pools, and what fed them.
#[derive(Clone)]
pub struct House {
    pub pools: Vec<PoolState>,
    pub at: Timestamp,
    random: ChaCha8Rng,
    fed: Vec<Fed>,
}

impl House {
    pub fn new(configs: &[Value], seed: u64) -> Self {
        let (at, mut random) = (noon(), chance(seed));
        let create = |(number, value): (usize, &Value)| {
            let mut outside = Outside { at, random: &mut random };
            let name = format!("pool{number}");
            create(&name, config(value.clone()), None, &mut outside).expect("a valid seed").0
        };
        let pools = configs.iter().enumerate().map(create).collect();
        House { pools, at, random, fed: Vec::new() }
    }

    /// Does it, on all pools that it concerns or on none.
    pub fn act(&mut self, action: &Action) -> Result<Vec<Step>, Error> {
        let commands = self.commands(action);
        let mut after = self.clone();
        let steps: Result<Vec<Step>, Error> =
            commands.into_iter().map(|(pool, command)| after.apply(pool, command)).collect();
        let steps = steps?;
        if let (Action::Void(wager), false) = (action, steps.is_empty()) {
            after.fed.remove(wager % self.fed.len());
        }
        if let Action::Wait(seconds) = action {
            after.at += SignedDuration::from_secs(*seconds);
        }
        *self = after;
        Ok(steps)
    }

    fn name(&self, pool: usize) -> String {
        format!("pool{pool}")
    }

    fn commands(&self, action: &Action) -> Vec<(usize, Command)> {
        match action {
            Action::To(pool, command) => vec![(*pool, command.clone())],
            Action::Void(wager) => {
                let fed = wager.checked_rem(self.fed.len()).and_then(|wager| self.fed.get(wager));
                fed.map(|fed| (fed.pool, self.void(fed))).into_iter().collect()
            }
            Action::Transfer(from, to, amount) if from != to => {
                let amount = units(*amount);
                let giver = Command::TransferOut { amount, to: self.name(*to) };
                let from_name = self.name(*from);
                let taker = Command::TransferIn { amount, reserve: Micros::ZERO, from: from_name };
                vec![(*from, giver), (*to, taker)]
            }
            Action::Retire(pool, Some(to)) if pool != to => {
                let state = self.pools.get(*pool).expect("a pool");
                let (amount, reserve) = (state.meter, state.reserve);
                let taker = Command::TransferIn { amount, reserve, from: self.name(*pool) };
                vec![(*pool, Command::Retire { to: Some(self.name(*to)) }), (*to, taker)]
            }
            Action::Retire(pool, None) => vec![(*pool, Command::Retire { to: None })],
            Action::Transfer(..) | Action::Retire(..) | Action::Wait(_) => Vec::new(),
        }
    }

    /// What was paid out or handed over with its pool is voided late.
    fn void(&self, fed: &Fed) -> Command {
        let state = self.pools.get(fed.pool).expect("a pool");
        let in_cycle = fed.cycle == state.cycle && state.status != Status::Retired;
        Command::Void { contribution: fed.contribution, in_cycle }
    }

    fn apply(&mut self, pool: usize, command: Command) -> Result<Step, Error> {
        let (at, random) = (self.at, self.random.clone());
        let state = self.pools.get_mut(pool).expect("a pool");
        let before = state.clone();
        let mut outside = Outside { at, random: &mut self.random };
        let (after, events) = apply(before.clone(), &command, &mut outside)?;
        *state = after.clone();
        let mut cycle = before.cycle;
        for event in &events {
            match event {
                Event::Contributed(contribution) => {
                    self.fed.push(Fed { pool, cycle, contribution: *contribution });
                }
                Event::Won { .. } => cycle += 1,
                _ => {}
            }
        }
        Ok(Step { command, at, random, before, after, events })
    }
}

/// Three pools and what is to happen to them.
pub fn houses() -> impl Strategy<Value = House> {
    (proptest::collection::vec(configs(), POOLS), any::<u64>())
        .prop_map(|(configs, seed)| House::new(&configs, seed))
}

impl std::fmt::Debug for House {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.pools.fmt(formatter)
    }
}

/// What events say that meter and reserve gained, in parts of a micro.
pub fn booked(events: &[Event]) -> (i128, i128) {
    let both = |display: Micros, reserve: Micros| (display.get() * PARTS, reserve.get() * PARTS);
    let none = Micros::ZERO;
    events
        .iter()
        .map(|event| match event {
            Event::Contributed(contribution) => exact(contribution),
            Event::Voided(contribution) => {
                let (display, reserve) = exact(contribution);
                (-display, -reserve)
            }
            Event::Won { win_amount, .. } => both(Micros::new(-units(*win_amount).get()), none),
            Event::Seeded { source: Source::House, amount } => both(*amount, none),
            Event::Seeded { source: Source::Reserve, amount } => {
                both(*amount, Micros::new(-amount.get()))
            }
            Event::VoidedLate(amount) => both(none, Micros::new(-amount.get())),
            Event::CoveredByHouse { display, reserve } => both(*display, *reserve),
            Event::Adjusted(amount) => both(*amount, none),
            Event::Transferred { display, reserve, .. } => both(*display, *reserve),
            Event::Retired
            | Event::Configured { .. }
            | Event::Planned { .. }
            | Event::Committed { .. }
            | Event::Paused
            | Event::Resumed => (0, 0),
        })
        .fold((0, 0), |sum, (display, reserve)| (sum.0 + display, sum.1 + reserve))
}

/// A contribution to meter and reserve in parts of a micro.
fn exact(contribution: &Contribution) -> (i128, i128) {
    let Contribution { display, reserve, remainder } = contribution;
    (
        display.get() * PARTS + i128::from(remainder.display),
        reserve.get() * PARTS + i128::from(remainder.reserve),
    )
}

/// What meter and reserve hold with what is carried, in parts of a micro.
pub fn held(state: &PoolState) -> (i128, i128) {
    (
        state.meter.get() * PARTS + i128::from(state.carry.display),
        state.reserve.get() * PARTS + i128::from(state.carry.reserve),
    )
}
