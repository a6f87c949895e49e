//! What must hold for every sequence of commands on several pools, whatever the amounts.

#![allow(clippy::expect_used)]

mod common;

use common::*;
use jackpot_core::{
    Command, Effective, Event, Evidence, Micros, Outside, PoolConfig, PoolState, Secret, Source,
    Stake, Status, Token, Trigger, apply, below, create,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::BTreeMap;

/// What one step must satisfy.
type Verdict = Result<(), TestCaseError>;

/// Does all that is not refused, and looks at each step.
fn every_step(
    mut house: House,
    actions: &[Action],
    mut look: impl FnMut(&Step) -> Verdict,
) -> Verdict {
    for action in actions {
        for step in house.act(action).unwrap_or_default() {
            look(&step)?;
        }
    }
    Ok(())
}

/// Does commands in their order, all or none.
fn apply_all(
    state: PoolState,
    commands: &[Command],
    outside: &mut Outside<'_>,
) -> Result<(PoolState, Vec<Event>), jackpot_core::Error> {
    commands.iter().try_fold((state, Vec::new()), |(state, mut events), command| {
        let (state, more) = apply(state, command, outside)?;
        events.extend(more);
        Ok((state, events))
    })
}

fn is_hidden(trigger: &Trigger) -> bool {
    matches!(trigger, Trigger::MustHitBy | Trigger::Scheduled { .. })
}

fn count(events: &[Event], is: impl Fn(&Event) -> bool) -> i64 {
    i64::try_from(events.iter().filter(|event| is(event)).count()).expect("few")
}

/// The payable amount that each win of the events finds, by another way than the machine's.
fn payable_at_wins(step: &Step) -> Vec<i64> {
    let Step { before, after, events, .. } = step;
    let (mut meter, mut config) = (held(before).0, &before.config);
    let mut payable = Vec::new();
    for event in events {
        if matches!(event, Event::Won { .. }) {
            let floor = i64::try_from(meter.div_euclid(PARTS * UNIT)).expect("fits");
            payable.push(config.max_amount.map_or(floor, |max| floor.min(max)));
        }
        if matches!(event, Event::Configured { .. }) {
            config = &after.config;
        }
        meter += booked(std::slice::from_ref(event)).0;
    }
    payable
}

/// A single wager with the state that its draw saw: its contribution is in.
fn drawn(step: &Step) -> Option<(Stake, PoolState)> {
    let Command::Spin { stakes } = &step.command else { return None };
    let [stake] = stakes.as_slice() else { return None };
    let command = Command::Contribute { stakes: stakes.clone() };
    let mut random = step.random.clone();
    let mut outside = Outside { at: step.at, random: &mut random };
    let (fed, _) = apply(step.before.clone(), &command, &mut outside).expect("the spin was done");
    Some((*stake, fed))
}

/// What a property says of a rule is worth nothing where the rule never came into play.
#[test]
fn the_sequences_bring_every_rule_into_play() {
    let mut runner = TestRunner::new(cases());
    let mut seen = BTreeMap::new();
    let mut mark = |what: &'static str, is: bool| *seen.entry(what).or_insert(0) += u32::from(is);
    for _ in 0..cases().cases {
        let tree = (houses(), actions(60)).new_tree(&mut runner).expect("generated");
        let (mut house, actions) = tree.current();
        for action in &actions {
            let steps = house.act(action);
            mark("refused", steps.is_err());
            for Step { command, before, after, events, .. } in steps.unwrap_or_default() {
                for event in &events {
                    mark("contributed", matches!(event, Event::Contributed(_)));
                    mark(
                        "seeded by the reserve",
                        matches!(event, Event::Seeded { source: Source::Reserve, .. }),
                    );
                    mark(
                        "seeded by the house",
                        matches!(event, Event::Seeded { source: Source::House, .. }),
                    );
                    mark("voided", matches!(event, Event::Voided(_)));
                    mark("voided late", matches!(event, Event::VoidedLate(_)));
                    mark("covered", matches!(event, Event::CoveredByHouse { .. }));
                    mark("adjusted", matches!(event, Event::Adjusted(_)));
                    mark("transferred", matches!(event, Event::Transferred { .. }));
                    mark("configured", matches!(event, Event::Configured { .. }));
                    mark("planned", matches!(event, Event::Planned { .. }));
                    mark("superseded", matches!(event, Event::Committed { superseded: Some(_) }));
                    mark("retired", matches!(event, Event::Retired));
                    mark("paused", matches!(event, Event::Paused));
                    mark("resumed", matches!(event, Event::Resumed));
                }
                let wins = wins(&events);
                for won in &wins {
                    mark("drawn", matches!(won.evidence, Some(Evidence::Drawn { .. })));
                    mark("reached", matches!(won.evidence, Some(Evidence::Reached { .. })));
                    mark("fell", matches!(won.evidence, Some(Evidence::Fell { .. })));
                    mark("awarded", won.evidence.is_none());
                }
                mark("several wins at once", wins.len() > 1);
                mark(
                    "a plan applied",
                    before.pending.is_some() && !wins.is_empty() && before.config != after.config,
                );
                mark("overflow carried", !wins.is_empty() && before.overflow() > Micros::ZERO);
                let crossed = before
                    .secret
                    .as_ref()
                    .and_then(threshold)
                    .is_some_and(|threshold| before.meter >= threshold);
                mark(
                    "crossed before the spin",
                    crossed && matches!(command, Command::Spin { .. }) && !wins.is_empty(),
                );
                mark("carried", before.carry != after.carry);
                let paused = before.status == Status::Paused;
                mark("administered while paused", paused && held(&before) != held(&after));
            }
        }
    }
    let missing: Vec<_> = seen.iter().filter(|(_, count)| **count < 5).collect();
    assert!(missing.is_empty(), "{missing:?} of {seen:?}");
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn every_command_conserves_money_and_its_events_explain_it(house in houses(), actions in actions(60)) {
        every_step(house, &actions, |Step { before, after, events, .. }| {
            prop_assert!(after.conserved());
            // To the part of a micro, so that what is carried is neither lost nor paid twice.
            let ((meter, reserve), (gained, put_by)) = (held(before), booked(events));
            prop_assert_eq!(held(after), (meter + gained, reserve + put_by));
            for carry in [after.carry.display, after.carry.reserve] {
                prop_assert!((0..PARTS).contains(&i128::from(carry)));
            }
            Ok(())
        })?;
    }

    #[test]
    fn the_totals_are_those_of_the_events(house in houses(), actions in actions(60)) {
        every_step(house, &actions, |Step { command, before, after, events, .. }| {
            let (old, new) = (&before.totals, &after.totals);
            let wagers = count(events, |event| matches!(event, Event::Contributed(_)));
            let voids = count(events, |event| matches!(event, Event::Voided(_) | Event::VoidedLate(_)));
            let wins = wins(events);
            prop_assert_eq!(new.contributions - old.contributions, wagers);
            prop_assert_eq!(new.voids - old.voids, voids);
            prop_assert_eq!(new.wins - old.wins, i64::try_from(wins.len()).expect("few"));
            prop_assert_eq!(new.won - old.won, wins.iter().map(|won| i128::from(won.win_amount)).sum::<i128>());
            let wagered: i128 = match command {
                Command::Contribute { stakes } | Command::Spin { stakes } => {
                    prop_assert_eq!(wagers, i64::try_from(stakes.len()).expect("few"));
                    stakes.iter().map(|stake| i128::from(stake.minor_units().expect("taken"))).sum()
                }
                _ => 0,
            };
            prop_assert_eq!(new.wagered - old.wagered, wagered);
            let (mut seeded, mut adjusted, mut transferred) = (0, 0, 0);
            for event in events {
                match event {
                    Event::Seeded { source: Source::House, amount } => seeded += amount.get(),
                    Event::CoveredByHouse { display, reserve } => seeded += display.get() + reserve.get(),
                    Event::Adjusted(amount) => adjusted += amount.get(),
                    Event::Transferred { display, reserve, .. } => transferred += display.get() + reserve.get(),
                    _ => {}
                }
            }
            prop_assert_eq!(new.seeded - old.seeded, seeded);
            prop_assert_eq!(new.adjusted - old.adjusted, adjusted);
            prop_assert_eq!(new.transferred - old.transferred, transferred);
            Ok(())
        })?;
    }

    #[test]
    fn nothing_is_negative_or_above_the_ceiling(house in houses(), actions in actions(60)) {
        every_step(house, &actions, |Step { after, .. }| {
            prop_assert!(after.meter >= Micros::ZERO && after.reserve >= Micros::ZERO);
            prop_assert!(after.overflow() >= Micros::ZERO);
            prop_assert!((0..=after.config.max_amount.unwrap_or(i64::MAX)).contains(&after.current_amount()));
            // The ceiling diverts: shown, fraction and overflow are the whole meter.
            if after.overflow() > Micros::ZERO {
                prop_assert_eq!(units(after.current_amount()).plus(after.overflow()), Ok(after.meter));
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_refusal_changes_nothing_and_says_why(house in houses(), actions in actions(60)) {
        let mut house = house;
        for action in &actions {
            let before = house.clone();
            if let Err(error) = house.act(action) {
                prop_assert_eq!(&house.pools, &before.pools);
                prop_assert!(!error.message.is_empty() && !error.detail.is_empty());
            }
        }
    }

    #[test]
    fn versions_tell_every_change(house in houses(), actions in actions(60)) {
        every_step(house, &actions, |Step { before, after, events, .. }| {
            prop_assert!(after.version >= before.version && after.config_version >= before.config_version);
            prop_assert_eq!(after.version > before.version, !events.is_empty());
            prop_assert_eq!(after == before, events.is_empty());
            if before.config != after.config {
                prop_assert!(after.config_version > before.config_version);
                let told = events.iter().any(|event| match event {
                    Event::Configured { before: told } => **told == before.config,
                    _ => false,
                });
                prop_assert!(told);
            }
            prop_assert_eq!(after.cycle - before.cycle, i64::try_from(wins(events).len()).expect("few"));
            Ok(())
        })?;
    }

    #[test]
    fn a_hit_pays_exactly_what_is_payable(house in houses(), actions in actions(60)) {
        every_step(house, &actions, |step| {
            for (won, payable) in wins(&step.events).iter().zip(payable_at_wins(step)) {
                prop_assert!(won.win_amount > 0 && won.win_amount <= payable);
                prop_assert_eq!(won.previous_amount, payable);
                if !matches!(step.command, Command::Win { win_amount: Some(_), .. }) {
                    prop_assert_eq!(won.win_amount, payable);
                }
            }
            Ok(())
        })?;
    }

    #[test]
    fn only_spins_and_wins_pay(house in houses(), actions in actions(60)) {
        every_step(house, &actions, |Step { command, before, events, .. }| {
            for won in wins(events) {
                match (command, won.evidence, &before.config.trigger) {
                    (Command::Win { .. }, None, _) | (Command::Hit { .. }, Some(_), _) => {}
                    // In a batch the trigger may have changed at a reset.
                    (Command::Spin { stakes }, Some(_), _) if stakes.len() > 1 => {}
                    (Command::Spin { .. }, Some(Evidence::Drawn { .. }), Trigger::Odds { .. })
                    | (Command::Spin { .. }, Some(Evidence::Reached { .. }), Trigger::MustHitBy)
                    | (Command::Spin { .. }, Some(Evidence::Fell { .. }), Trigger::Scheduled { .. }) => {}
                    _ => prop_assert!(false, "{command:?} paid for {:?}", won.evidence),
                }
                prop_assert_eq!(before.status, Status::Active);
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_reset_leaves_the_seed_or_more(house in houses(), actions in actions(60)) {
        every_step(house, &actions, |Step { command, before, after, events, .. }| {
            if matches!(command, Command::Win { .. } | Command::Hit { .. }) {
                let rest = before.meter.get() - i128::from(paid(events)) * UNIT;
                prop_assert_eq!(after.meter.get(), rest.max(units(after.config.seed_amount).get()));
                let from = |which: Source| events.iter().find_map(|event| match event {
                    Event::Seeded { source, amount } if *source == which => Some(*amount),
                    _ => None,
                });
                // The house pays only what the reserve could not.
                if from(Source::House).is_some() {
                    prop_assert_eq!(after.reserve, Micros::ZERO);
                }
                prop_assert_eq!(before.reserve.minus(from(Source::Reserve).unwrap_or_default()), Ok(after.reserve));
            }
            Ok(())
        })?;
    }

    #[test]
    fn odds_are_one_draw_in_proportion_to_the_wager(house in houses(), actions in actions(60)) {
        every_step(house, &actions, |step| {
            let (Trigger::Odds { one_in }, Some((stake, fed))) = (&step.before.config.trigger, drawn(step)) else {
                return Ok(());
            };
            let (numerator, denominator) = stake.fraction();
            let out_of = u128::try_from(i128::from(*one_in) * denominator).expect("positive");
            let wager = u128::try_from(numerator).expect("not negative");
            let draw = below(out_of, &mut step.random.clone());
            let wins = wins(&step.events);
            prop_assert_eq!(wins.len(), usize::from(draw < wager && fed.current_amount() > 0));
            for won in wins {
                prop_assert_eq!(won.evidence, Some(&Evidence::Drawn { draw, below: wager, out_of }));
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_threshold_is_met_by_the_wager_that_reaches_it(house in houses(), actions in actions(60)) {
        every_step(house, &actions, |step| {
            let (Trigger::MustHitBy, Some((stake, fed))) = (&step.before.config.trigger, drawn(step)) else {
                return Ok(());
            };
            let threshold = step.before.secret.as_ref().and_then(threshold).expect("hidden");
            // Whatever took the meter there, the wager that finds it there wins; not one of nothing,
            // nor before a whole minor unit can be paid.
            let reached = fed.meter >= threshold && stake.amount() > 0 && fed.current_amount() > 0;
            let wins = wins(&step.events);
            prop_assert_eq!(wins.len(), usize::from(reached));
            for won in wins {
                prop_assert_eq!(won.evidence, Some(&Evidence::Reached { meter: fed.meter }));
                prop_assert!(won.win_amount <= step.before.config.max_amount.expect("a ceiling"));
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_moment_is_met_by_the_first_wager_at_or_after_it(house in houses(), actions in actions(60)) {
        every_step(house, &actions, |step| {
            let (Trigger::Scheduled { .. }, Some((stake, fed))) = (&step.before.config.trigger, drawn(step)) else {
                return Ok(());
            };
            let moment = step.before.secret.as_ref().and_then(hidden_moment).expect("hidden");
            let due = step.at >= moment && stake.amount() > 0 && fed.current_amount() > 0;
            let wins = wins(&step.events);
            prop_assert_eq!(wins.len(), usize::from(due));
            for won in wins {
                prop_assert_eq!(won.evidence, Some(&Evidence::Fell { at: step.at }));
            }
            Ok(())
        })?;
    }

    #[test]
    fn what_is_hidden_is_of_its_pool_and_cycle_and_is_revealed_once(house in houses(), actions in actions(60)) {
        for state in &house.pools {
            prop_assert_eq!(state.secret.is_some(), is_hidden(&state.config.trigger));
        }
        every_step(house, &actions, |Step { before, after, events, .. }| {
            let active = after.status != Status::Retired;
            prop_assert_eq!(after.secret.is_some(), active && is_hidden(&after.config.trigger));
            if let Some(secret) = &after.secret {
                prop_assert_eq!(secret.cycle(), after.cycle);
                prop_assert_eq!(Secret::parse(secret.text()), Ok(secret.clone()));
                if let Some(threshold) = threshold(secret) {
                    prop_assert!(threshold <= units(after.config.max_amount.expect("a ceiling")));
                }
            }
            // The old one is revealed when it is replaced, and at no other time.
            let revealed: Vec<&Secret> = events.iter().filter_map(|event| match event {
                Event::Won { secret, .. } => secret.as_ref(),
                Event::Committed { superseded } => superseded.as_ref(),
                _ => None,
            }).collect();
            let expected = before.secret.as_ref().filter(|_| before.secret != after.secret);
            if wins(events).len() < 2 {
                prop_assert_eq!(revealed.first().copied(), expected);
            }
            prop_assert!(revealed.iter().all(|secret| (before.cycle..=after.cycle).contains(&secret.cycle())));
            prop_assert!(revealed.windows(2).all(|two| two.first().map(|one| one.cycle()) < two.last().map(|one| one.cycle())));
            // What is drawn anew is committed to.
            let committed = events.iter().any(|event| matches!(event, Event::Committed { .. }));
            prop_assert!(!committed || before.secret != after.secret);
            prop_assert!(committed || before.secret == after.secret || after.secret.is_none());
            Ok(())
        })?;
    }

    #[test]
    fn a_new_threshold_lies_between_the_meter_and_the_ceiling(house in houses(), actions in actions(60)) {
        every_step(house, &actions, |Step { before, after, .. }| {
            if let Some(threshold) = after.secret.as_ref().filter(|_| before.secret != after.secret).and_then(threshold) {
                let ceiling = units(after.config.max_amount.expect("a ceiling"));
                // Wagers of the same batch may have gone on after the reset; without room it is the
                // ceiling.
                prop_assert!(threshold > units(after.config.seed_amount).min(after.meter) || threshold == ceiling);
                prop_assert!(threshold <= ceiling);
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_change_for_the_next_cycle_waits_for_the_reset(house in houses(), actions in actions(60)) {
        every_step(house, &actions, |Step { command, before, after, events, .. }| {
            if let Some(pending) = &before.pending {
                // It fits, whatever has been changed meanwhile.
                let planned = before.config.patched(pending);
                prop_assert!(planned.is_ok());
                if !wins(events).is_empty() {
                    prop_assert_eq!(Ok(&after.config), planned.as_ref());
                    prop_assert_eq!(&after.pending, &None);
                }
            }
            if let Command::Configure { effective: Effective::NextCycle, .. } = command {
                prop_assert_eq!(&before.config, &after.config);
                prop_assert_eq!(&before.secret, &after.secret);
            } else if wins(events).is_empty() && after.status != Status::Retired {
                // What a change anticipates needs no plan any more; the journal is told.
                let is_told = events.iter().any(|event| matches!(event, Event::Planned { .. }));
                prop_assert_eq!(before.pending != after.pending, is_told);
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_regulated_pool_changes_its_return_only_at_a_reset(house in houses(), actions in actions(60)) {
        let fixed = |config: &PoolConfig| {
            (config.contribution_rate, config.reserve_rate, config.seed_amount, config.trigger.clone(), config.regulated)
        };
        every_step(house, &actions, |Step { before, after, events, .. }| {
            if before.config.regulated && wins(events).is_empty() {
                prop_assert_eq!(fixed(&before.config), fixed(&after.config));
                if let (Some(max), true) = (after.config.max_amount, before.config != after.config) {
                    prop_assert!(max >= before.current_amount() || before.config.max_amount == Some(max));
                }
            }
            Ok(())
        })?;
    }

    #[test]
    fn money_between_pools_is_neither_made_nor_lost(house in houses(), actions in actions(60)) {
        let mut house = house;
        for action in &actions {
            let together = |house: &House| house.pools.iter().map(|state| state.meter.get() + state.reserve.get()).sum::<i128>();
            let before = together(&house);
            if house.act(action).is_ok() && matches!(action, Action::Transfer(..) | Action::Retire(..)) {
                prop_assert_eq!(together(&house), before);
            }
            let transferred: i128 = house.pools.iter().map(|state| state.totals.transferred).sum();
            prop_assert_eq!(transferred, 0);
        }
    }

    #[test]
    fn a_retired_pool_holds_nothing_and_does_nothing(house in houses(), actions in actions(60)) {
        every_step(house, &actions, |Step { command, before, after, .. }| {
            if after.status == Status::Retired {
                prop_assert_eq!((after.meter, after.reserve), (Micros::ZERO, Micros::ZERO));
                prop_assert_eq!((&after.pending, &after.secret), (&None, &None));
            }
            // What it has paid out may still have to be taken back.
            if before.status == Status::Retired && before != after {
                let late = matches!(command, Command::Void { in_cycle: false, .. });
                prop_assert!(late, "{:?}", command);
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_paused_pool_keeps_its_amounts(house in houses(), actions in actions(60)) {
        every_step(house, &actions, |Step { command, before, after, .. }| {
            if before.status == Status::Paused {
                let by_administration = matches!(command,
                    Command::Void { .. } | Command::Adjust { .. } | Command::TransferOut { .. }
                    | Command::TransferIn { .. } | Command::Retire { .. });
                if !by_administration {
                    prop_assert_eq!((after.meter, after.reserve, after.carry), (before.meter, before.reserve, before.carry));
                    prop_assert_eq!((after.cycle, &after.totals), (before.cycle, &before.totals));
                }
                let plays = matches!(command,
                    Command::Contribute { .. } | Command::Spin { .. } | Command::Hit { .. } | Command::Win { .. });
                prop_assert!(!plays);
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_batch_is_the_same_as_its_wagers_one_by_one(
        start in configs(), wagers in proptest::collection::vec(wagers(), 1..20), spins in any::<bool>(), seed in any::<u64>(),
    ) {
        let command = |stakes: &[Stake]| match spins {
            true => Command::Spin { stakes: stakes.to_vec() },
            false => Command::Contribute { stakes: stakes.to_vec() },
        };
        let state = Pool::new(start, seed).state;
        let single: Vec<Command> = wagers.iter().map(|stake| command(&[*stake])).collect();
        let (mut one, mut other) = (chance(seed), chance(seed));
        let by_one = apply_all(state.clone(), &single, &mut Outside { at: noon(), random: &mut one });
        let at_once = apply(state, &command(&wagers), &mut Outside { at: noon(), random: &mut other });
        prop_assert_eq!(by_one, at_once);
    }

    #[test]
    fn the_same_chance_gives_the_same_outcome(house in houses(), actions in actions(40)) {
        let (mut one, mut other) = (house.clone(), house);
        for action in &actions {
            let outcome = |house: &mut House| house.act(action).map(|steps| {
                steps.into_iter().map(|step| (step.after, step.events)).collect::<Vec<_>>()
            });
            prop_assert_eq!(outcome(&mut one), outcome(&mut other));
        }
    }

    #[test]
    fn a_win_pays_what_is_asked_and_leaves_the_seed(start in configs(), wager in 0i64..1_000_000_000, ask in proptest::option::of(amounts())) {
        let mut pool = Pool::new(start, 1);
        let _ = pool.apply(&Command::Contribute { stakes: stakes(&[wager]) });
        let before = pool.state.clone();
        let payable = before.current_amount();
        match pool.apply(&Command::Win { win_amount: ask, expected_cycle: None }) {
            Ok(events) => {
                let wins = wins(&events);
                let Some(won) = wins.first() else {
                    return Err(TestCaseError::fail("a win begins with what it pays"));
                };
                prop_assert!(won.win_amount > 0 && won.win_amount <= payable);
                prop_assert_eq!(won.previous_amount, payable);
                prop_assert_eq!(won.win_amount, ask.unwrap_or(payable));
                prop_assert_eq!(won.evidence, None);
                let seed = units(before.config.seed_amount);
                let rest = before.meter.get() - i128::from(won.win_amount) * UNIT;
                prop_assert_eq!(pool.state.meter.get(), rest.max(seed.get()));
                prop_assert_eq!(pool.state.cycle, before.cycle + 1);
            }
            Err(error) => {
                let ask = ask.unwrap_or(payable);
                prop_assert!(ask <= 0 || ask > payable, "{}", error);
                prop_assert!(matches!(error.token, Token::InsufficientFunds | Token::InvalidArgument));
            }
        }
    }

    #[test]
    fn nothing_panics_on_any_state(
        meter in any::<i64>(), reserve in any::<i64>(), cycle in 0i64..i64::MAX - 100, version in 0i64..i64::MAX - 100,
        status in prop_oneof![Just(Status::Active), Just(Status::Paused), Just(Status::Retired)],
        start in configs(), keep in any::<bool>(), commands in proptest::collection::vec(all_commands(), 1..6),
        at in -377_705_023_201i64..253_402_207_200,
    ) {
        let created = Pool::new(start, 7).state;
        let secret = created.secret.clone().filter(|_| keep);
        let (meter, reserve) = (Micros::new(i128::from(meter) * 3), Micros::new(i128::from(reserve) * 3));
        let mut state = PoolState { status, meter, reserve, cycle, version, secret, ..created };
        let _ = (state.current_amount(), state.overflow(), state.conserved());
        let at = jackpot_core::Timestamp::from_second(at).expect("a moment");
        let mut random = chance(11);
        for command in &commands {
            match apply(state.clone(), command, &mut Outside { at, random: &mut random }) {
                Ok((after, _)) => state = after,
                Err(error) => prop_assert!(!error.message.is_empty() && !error.detail.is_empty()),
            }
        }
    }

    #[test]
    fn a_new_pool_holds_its_initial_amount(start in configs(), initial in proptest::option::of(amounts())) {
        let config = config(start);
        let mut random = chance(3);
        let mut outside = Outside { at: noon(), random: &mut random };
        let fits = initial.is_none_or(|initial| {
            (0..=config.max_amount.unwrap_or(9_000_000_000_000)).contains(&initial)
        });
        match create("mega", config.clone(), initial, &mut outside) {
            Ok((state, events)) => {
                prop_assert_eq!(state.meter, units(initial.unwrap_or(config.seed_amount)));
                prop_assert_eq!(booked(&events), held(&state));
                prop_assert!(state.conserved());
                prop_assert_eq!((state.status, state.cycle, state.config_version), (Status::Active, 1, 1));
                if let Some(threshold) = state.secret.as_ref().and_then(threshold) {
                    prop_assert!(threshold > state.meter || threshold == units(config.max_amount.expect("a ceiling")));
                }
            }
            Err(error) => prop_assert!(!fits, "{}", error),
        }
    }
}
