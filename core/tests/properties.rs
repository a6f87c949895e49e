//! What must hold for every sequence of commands, whatever the amounts.

#![allow(clippy::expect_used)]

use jackpot_core::{
    Command, Error, Event, Micros, PoolConfig, PoolState, Rate, Source, Status, Token, apply,
    create,
};
use proptest::prelude::*;

/// Mostly everyday amounts, and the ends of the range.
fn amounts() -> impl Strategy<Value = i64> {
    prop_oneof![
        8 => 0i64..2_000_000,
        2 => any::<i64>(),
        1 => Just(i64::MAX),
        1 => Just(i64::MIN),
        1 => Just(0),
    ]
}

fn rates() -> impl Strategy<Value = Rate> {
    prop_oneof![4 => 0u32..100_000, 1 => 0u32..=500_000]
        .prop_map(|millionths| Rate::from_millionths(millionths).expect("at most 1"))
}

/// A configuration as `patched` lets it through.
fn configs() -> impl Strategy<Value = PoolConfig> {
    let seeds = prop_oneof![4 => 0i64..1_000_000, 1 => 0i64..9_000_000_000_000];
    (rates(), rates(), seeds, proptest::option::of(0i64..2_000_000)).prop_map(
        |(contribution_rate, reserve_rate, seed_amount, room)| PoolConfig {
            contribution_rate,
            reserve_rate,
            seed_amount,
            max_amount: room.map(|room| seed_amount + room),
            ..PoolConfig::default()
        },
    )
}

fn commands() -> impl Strategy<Value = Command> {
    prop_oneof![
        6 => proptest::collection::vec(amounts(), 0..4)
            .prop_map(|wager_amounts| Command::Contribute { wager_amounts }),
        3 => (proptest::option::of(amounts()), proptest::option::of(1i64..4))
            .prop_map(|(win_amount, expected_cycle)| Command::Win { win_amount, expected_cycle }),
        1 => (configs(), proptest::option::of(1i64..4)).prop_map(|(config, expected_version)| {
            Command::Configure { config: Box::new(config), expected_version }
        }),
        1 => Just(Command::Pause),
        2 => Just(Command::Resume),
    ]
}

fn pools() -> impl Strategy<Value = PoolState> {
    configs().prop_map(|config| create("mega", config, None).expect("a valid seed").0)
}

/// The books as the events tell them, to compare with the state.
fn booked(events: &[Event]) -> i128 {
    events
        .iter()
        .map(|event| match event {
            Event::Contributed(contribution) => {
                contribution.display.get() + contribution.reserve.get()
            }
            Event::Won { win_amount, .. } => -i128::from(*win_amount) * 1_000_000,
            Event::Seeded { source: Source::House, amount } => amount.get(),
            _ => 0,
        })
        .sum()
}

/// Does commands in their order, all or none.
fn apply_all(state: PoolState, commands: &[Command]) -> Result<(PoolState, Vec<Event>), Error> {
    commands.iter().try_fold((state, Vec::new()), |(state, mut events), command| {
        let (state, more) = apply(state, command)?;
        events.extend(more);
        Ok((state, events))
    })
}

fn held(state: &PoolState) -> i128 {
    state.meter.get() + state.reserve.get()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_sequence_conserves_money(start in pools(), commands in proptest::collection::vec(commands(), 0..40)) {
        let mut state = start;
        for command in &commands {
            let before = state.clone();
            // A refusal leaves the state as it was, because the state is a value.
            if let Ok((after, events)) = apply(before.clone(), command) {
                prop_assert!(after.conserved());
                prop_assert_eq!(held(&after) - held(&before), booked(&events));
                prop_assert!(after.version >= before.version);
                prop_assert!(after.config_version >= before.config_version);
                prop_assert_eq!(after.version > before.version, !events.is_empty());
                state = after;
            }
            prop_assert!(state.meter >= Micros::ZERO);
            prop_assert!(state.reserve >= Micros::ZERO);
            prop_assert!(state.overflow() >= Micros::ZERO);
            if let Some(max) = state.config.max_amount {
                prop_assert!(state.current_amount() <= max);
            }
        }
    }

    #[test]
    fn a_win_pays_what_is_payable_and_leaves_the_seed(state in pools(), wager in 0i64..1_000_000_000, ask in proptest::option::of(amounts())) {
        let (state, _) = match apply(state.clone(), &Command::Contribute { wager_amounts: vec![wager] }) {
            Ok(done) => done,
            Err(_) => (state, Vec::new()),
        };
        let payable = state.current_amount();
        match apply(state.clone(), &Command::Win { win_amount: ask, expected_cycle: None }) {
            Ok((after, events)) => {
                let Some(Event::Won { win_amount, previous_amount }) = events.first() else {
                    return Err(TestCaseError::fail("a win begins with what it pays"));
                };
                prop_assert!(*win_amount > 0 && *win_amount <= payable);
                prop_assert_eq!(*previous_amount, payable);
                prop_assert_eq!(*win_amount, ask.unwrap_or(payable));
                let seed = Micros::from_minor_units(state.config.seed_amount);
                let rest = state.meter.get() - i128::from(*win_amount) * 1_000_000;
                prop_assert_eq!(after.meter.get(), rest.max(seed.get()));
                prop_assert_eq!(after.cycle, state.cycle + 1);
                // The house pays only what the reserve could not.
                let house = events.iter().any(|event| matches!(event, Event::Seeded { source: Source::House, .. }));
                prop_assert!(!house || after.reserve == Micros::ZERO);
            }
            Err(error) => {
                let ask = ask.unwrap_or(payable);
                prop_assert!(ask <= 0 || ask > payable, "{}", error);
                prop_assert!(matches!(error.token, Token::InsufficientFunds | Token::InvalidArgument));
            }
        }
    }

    #[test]
    fn the_meter_falls_by_wins_only(start in pools(), commands in proptest::collection::vec(commands(), 0..40)) {
        let mut state = start;
        for command in &commands {
            if let Ok((after, events)) = apply(state.clone(), command) {
                let paid: i64 = events.iter().map(|event| match event {
                    Event::Won { win_amount, .. } => *win_amount,
                    _ => 0,
                }).sum();
                prop_assert!(after.meter.get() >= state.meter.get() - i128::from(paid) * 1_000_000);
                state = after;
            }
        }
    }

    #[test]
    fn a_batch_is_the_same_as_its_wagers_one_by_one(state in pools(), wager_amounts in proptest::collection::vec(amounts(), 0..20)) {
        let single: Vec<Command> = wager_amounts.iter()
            .map(|wager| Command::Contribute { wager_amounts: vec![*wager] }).collect();
        let batch = Command::Contribute { wager_amounts };
        prop_assert_eq!(apply_all(state.clone(), &single), apply(state, &batch));
    }

    #[test]
    fn a_paused_pool_keeps_its_amounts(state in pools(), commands in proptest::collection::vec(commands(), 0..20)) {
        let (mut paused, _) = apply(state.clone(), &Command::Pause).expect("an active pool can be paused");
        for command in commands.iter().filter(|command| **command != Command::Resume) {
            if let Ok((after, _)) = apply(paused.clone(), command) {
                paused = after;
            }
        }
        let (resumed, _) = apply(paused, &Command::Resume).expect("a paused pool can be resumed");
        prop_assert_eq!((resumed.meter, resumed.reserve, resumed.cycle, resumed.totals), (state.meter, state.reserve, state.cycle, state.totals));
    }

    #[test]
    fn nothing_panics_on_any_state(
        meter in any::<i64>(), reserve in any::<i64>(), cycle in 0i64..i64::MAX - 1, version in 0i64..i64::MAX - 100,
        retired in any::<bool>(), config in configs(), command in commands(),
    ) {
        let status = if retired { Status::Retired } else { Status::Active };
        let (state, _) = create("mega", config, None).expect("a valid seed");
        let state = PoolState { status, meter: Micros::new(i128::from(meter) * 3), reserve: Micros::new(i128::from(reserve) * 3), cycle, version, ..state };
        let _ = (state.current_amount(), state.overflow(), state.conserved());
        if let Err(error) = apply(state, &command) {
            prop_assert!(!error.message.is_empty() && !error.detail.is_empty());
        }
    }

    #[test]
    fn the_whole_wager_is_split_without_rounding(millionths in 0u32..=1_000_000, wager in 0i64..9_000_000_000_000) {
        let rate = Rate::from_millionths(millionths).expect("at most 1");
        prop_assert_eq!(rate.of(wager).expect("fits").get(), i128::from(wager) * i128::from(millionths));
        prop_assert_eq!(rate.to_string().parse::<Rate>().expect("reads what it wrote"), rate);
    }
}
