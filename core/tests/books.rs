//! Voids, corrections, transfers, the end of a pool, and changes of configuration: where every
//! micro goes.

#![allow(clippy::expect_used)]

mod common;

use common::*;
use jackpot_core::{
    Command, Contribution, Effective, Event, Micros, Rate, Source, Status, Token, Trigger,
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Seed 1000; of a wager a tenth to the meter and a twentieth to the reserve.
fn pool() -> Pool {
    Pool::new(
        json!({"contribution_rate": "0.1", "reserve_rate": "0.05", "seed_amount": 1_000, "max_amount": 5_000}),
        1,
    )
}

fn amounts_of(pool: &Pool) -> (Micros, Micros) {
    (pool.state.meter, pool.state.reserve)
}

fn void(contribution: Contribution, in_cycle: bool) -> Command {
    Command::Void { contribution, in_cycle }
}

fn token(result: Result<Vec<Event>, jackpot_core::Error>) -> Option<Token> {
    result.err().map(|error| error.token)
}

#[test]
fn a_void_in_the_cycle_takes_back_what_was_given() {
    let mut pool = pool();
    let before = amounts_of(&pool);
    let given = pool.contribute(1_234);
    assert_eq!(pool.must(&void(given, true)), vec![Event::Voided(given)]);
    assert_eq!(amounts_of(&pool), before);
    let totals = pool.state.totals;
    assert_eq!((totals.contributions, totals.voids), (1, 1));
    assert_eq!(totals.contributed, totals.voided);
    assert!(pool.state.conserved());
}

#[test]
fn a_void_that_finds_the_meter_emptied_is_made_good_by_the_reserve_then_the_house() {
    let mut pool = pool();
    let first = pool.contribute(4_000);
    pool.contribute(2_000);
    assert_eq!(amounts_of(&pool), (units(1_600), units(300)));
    pool.must(&Command::Adjust { amount: -1_500 });
    // 400 from a meter of 100, 200 from a reserve of 300: the reserve has 100 of the missing 300.
    assert_eq!(
        pool.must(&void(first, true)),
        vec![
            Event::Voided(first),
            Event::Seeded { source: Source::Reserve, amount: units(100) },
            Event::CoveredByHouse { display: units(200), reserve: Micros::ZERO },
        ]
    );
    assert_eq!(amounts_of(&pool), (Micros::ZERO, Micros::ZERO));
    assert!(pool.state.conserved());
}

#[test]
fn a_late_void_is_paid_by_the_reserve_then_the_house() {
    let mut pool = pool();
    let small = pool.contribute(400);
    let large = pool.contribute(4_000);
    pool.win();
    // The win left 1000 of the seed's 1000 to the reserve's 220 and the house.
    assert_eq!(amounts_of(&pool), (units(1_000), Micros::ZERO));
    pool.contribute(2_000);
    let before = pool.state.meter;
    assert_eq!(pool.must(&void(small, false)), vec![Event::VoidedLate(units(60))]);
    assert_eq!(
        pool.must(&void(large, false)),
        vec![
            Event::VoidedLate(units(600)),
            Event::CoveredByHouse { display: Micros::ZERO, reserve: units(560) },
        ]
    );
    // What is shown is not touched.
    assert_eq!(amounts_of(&pool), (before, Micros::ZERO));
    assert!(pool.state.conserved());
}

#[test]
fn a_void_is_done_in_every_status_and_never_pays() {
    let mut pool = Pool::new(
        json!({"contribution_rate": "0.1", "seed_amount": 10, "max_amount": 20, "trigger": {"kind": "must_hit_by"}}),
        1,
    );
    let given: Vec<_> = (0..3).map(|_| pool.contribute(1_000)).collect();
    let mut given = given.into_iter();
    let mut next = || given.next().expect("three");
    let hidden = pool.secret().clone();
    assert!(wins(&pool.must(&void(next(), true))).is_empty());
    pool.must(&Command::Pause);
    assert!(wins(&pool.must(&void(next(), true))).is_empty());
    assert_eq!(pool.secret(), &hidden);
    pool.must(&Command::Retire { to: Some("major".to_owned()) });
    let events = pool.must(&void(next(), false));
    assert!(matches!(events.last(), Some(Event::CoveredByHouse { .. })));
    assert_eq!(pool.state.status, Status::Retired);
}

#[test]
fn an_adjustment_changes_the_meter_and_not_below_zero() {
    let mut pool = pool();
    assert_eq!(
        pool.must(&Command::Adjust { amount: -1_000 }),
        vec![Event::Adjusted(units(-1_000))]
    );
    assert_eq!(pool.state.meter, Micros::ZERO);
    let refused = |pool: &mut Pool, amount| token(pool.apply(&Command::Adjust { amount }));
    assert_eq!(refused(&mut pool, -1), Some(Token::InsufficientFunds));
    assert_eq!(refused(&mut pool, 0), Some(Token::InvalidArgument));
    assert_eq!(refused(&mut pool, i64::MIN), Some(Token::InsufficientFunds));
    assert_eq!(refused(&mut pool, i64::MAX), Some(Token::AmountOutOfRange));
    // Above the ceiling it is overflow.
    pool.must(&Command::Adjust { amount: 6_000 });
    assert_eq!((pool.state.current_amount(), pool.state.overflow()), (5_000, units(1_000)));
    pool.must(&Command::Pause);
    pool.must(&Command::Adjust { amount: 1 });
    pool.must(&Command::Retire { to: Some("major".to_owned()) });
    assert_eq!(refused(&mut pool, 1), Some(Token::PoolNotActive));
}

#[test]
fn a_transfer_moves_what_the_meter_holds() {
    let (mut giver, mut taker) = (pool(), pool());
    let transfer = |amount| Command::TransferOut { amount, to: "major".to_owned() };
    for amount in [Micros::ZERO, units(-1)] {
        assert_eq!(token(giver.apply(&transfer(amount))), Some(Token::InvalidArgument));
    }
    let above = Micros::new(1_000 * UNIT + 1);
    assert_eq!(token(giver.apply(&transfer(above))), Some(Token::InsufficientFunds));
    giver.must(&transfer(units(1_000)));
    let take = |amount, reserve| Command::TransferIn { amount, reserve, from: "mega".to_owned() };
    taker.must(&take(units(1_000), Micros::ZERO));
    assert_eq!((giver.state.meter, taker.state.meter), (Micros::ZERO, units(2_000)));
    assert_eq!(giver.state.totals.transferred, -taker.state.totals.transferred);
    let most = Micros::new(i128::from(i64::MAX));
    for refused in [take(most, Micros::ZERO), take(units(1), Micros::new(most.get() + 1))] {
        assert_eq!(token(taker.apply(&refused)), Some(Token::AmountOutOfRange));
    }
    for mut pool in [giver, taker] {
        pool.must(&Command::Retire { to: Some("minor".to_owned()) });
        assert_eq!(token(pool.apply(&transfer(units(1)))), Some(Token::PoolNotActive));
        let received = take(units(1), Micros::ZERO);
        assert_eq!(token(pool.apply(&received)), Some(Token::PoolNotActive));
    }
}

#[test]
fn a_pool_that_ends_gives_away_meter_reserve_and_overflow() {
    let mut pool = pool();
    pool.contribute(100_003);
    assert!(pool.state.overflow() > Micros::ZERO);
    let (display, reserve) = amounts_of(&pool);
    assert_eq!(token(pool.apply(&Command::Retire { to: None })), Some(Token::InvalidArgument));
    pool.configure(json!({"seed_amount": 5}), Effective::NextCycle).expect("valid");
    let retire = Command::Retire { to: Some("major".to_owned()) };
    assert_eq!(
        pool.must(&retire),
        vec![
            Event::Transferred {
                display: Micros::new(-display.get()),
                reserve: Micros::new(-reserve.get()),
                other: "major".to_owned(),
            },
            Event::Planned { before: Some(json!({"seed_amount": 5})) },
            Event::Retired,
        ]
    );
    assert_eq!(amounts_of(&pool), (Micros::ZERO, Micros::ZERO));
    assert!(pool.state.conserved());
    for command in [
        retire,
        Command::Pause,
        Command::Resume,
        Command::Contribute { stakes: stakes(&[1]) },
        Command::Spin { stakes: stakes(&[1]) },
        Command::Win { win_amount: None, expected_cycle: None },
        Command::Configure { patch: json!({}), expected_version: None, effective: Effective::Now },
    ] {
        assert_eq!(token(pool.apply(&command)), Some(Token::PoolNotActive), "{command:?}");
    }
}

#[test]
fn an_empty_pool_ends_without_an_heir_and_reveals_what_was_hidden() {
    let mut pool = Pool::new(json!({"max_amount": 5, "trigger": {"kind": "must_hit_by"}}), 1);
    let hidden = pool.secret().clone();
    pool.must(&Command::Pause);
    assert_eq!(
        pool.must(&Command::Retire { to: None }),
        vec![Event::Retired, Event::Committed { superseded: Some(hidden) }]
    );
}

#[test]
fn pausing_and_resuming_can_be_repeated() {
    let mut pool = pool();
    assert_eq!(pool.must(&Command::Resume), vec![]);
    assert_eq!(pool.must(&Command::Pause), vec![Event::Paused]);
    assert_eq!(pool.must(&Command::Pause), vec![]);
    for command in [
        Command::Contribute { stakes: vec![] },
        Command::Spin { stakes: stakes(&[1]) },
        Command::Win { win_amount: None, expected_cycle: None },
    ] {
        assert_eq!(token(pool.apply(&command)), Some(Token::PoolNotActive));
    }
    assert_eq!(pool.must(&Command::Resume), vec![Event::Resumed]);
}

#[test]
fn a_win_for_another_cycle_or_version_is_refused() {
    let mut pool = pool();
    let win = |cycle| Command::Win { win_amount: Some(1), expected_cycle: Some(cycle) };
    assert_eq!(token(pool.apply(&win(2))), Some(Token::VersionConflict));
    pool.must(&win(1));
    assert_eq!(token(pool.apply(&win(1))), Some(Token::VersionConflict));
    let configure = |version| Command::Configure {
        patch: json!({"seed_amount": version}),
        expected_version: Some(version),
        effective: Effective::Now,
    };
    assert_eq!(token(pool.apply(&configure(2))), Some(Token::VersionConflict));
    pool.must(&configure(1));
    pool.must(&configure(2));
}

#[test]
fn a_change_for_the_next_cycle_is_applied_exactly_at_the_reset() {
    let mut pool = pool();
    pool.contribute(60_000);
    pool.must(&Command::Adjust { amount: 1_000 });
    assert_eq!(pool.state.overflow(), units(3_000));
    pool.configure(json!({"seed_amount": 4_000, "max_amount": 4_500}), Effective::NextCycle)
        .expect("valid");
    pool.configure(json!({"contribution_rate": "0.2"}), Effective::NextCycle).expect("valid");
    let before = pool.state.config.clone();
    assert_eq!(pool.contribute(10).display, units(1));
    assert_eq!(pool.state.config, before);
    let version = pool.state.config_version;
    let events = pool.win();
    // The old ceiling pays, the new seed seeds: 3001 are left, the reserve has 3000.5.
    assert_eq!(paid(&events), 5_000);
    assert!(events.contains(&Event::Configured { before: Box::new(before) }));
    assert!(events.contains(&Event::Seeded { source: Source::Reserve, amount: units(999) }));
    assert_eq!(pool.state.meter, units(4_000));
    assert_eq!(pool.state.current_amount(), 4_000);
    assert_eq!((pool.state.config_version, &pool.state.pending), (version + 1, &None));
    assert_eq!(pool.contribute(10).display, units(2));
    assert!(!pool.win().iter().any(|event| matches!(event, Event::Configured { .. })));
}

#[test]
fn a_trigger_that_waits_hides_from_the_reset_on() {
    let mut pool = pool();
    let trigger = json!({"trigger": {"kind": "must_hit_by"}});
    pool.configure(trigger, Effective::NextCycle).expect("valid");
    assert_eq!(pool.state.secret, None);
    let events = pool.win();
    assert_eq!(events.last(), Some(&Event::Committed { superseded: None }));
    assert!(pool.threshold() > units(1_000) && pool.threshold() <= units(5_000));
    pool.configure(json!({"trigger": null}), Effective::NextCycle).expect("valid");
    let hidden = pool.secret().clone();
    let events = pool.win();
    assert_eq!(wins(&events).first().and_then(|won| won.secret), Some(&hidden));
    assert_eq!((&pool.state.config.trigger, &pool.state.secret), (&Trigger::Manual, &None));
}

#[test]
fn a_change_for_the_next_cycle_can_be_cancelled() {
    let mut pool = pool();
    let plan =
        |pool: &mut Pool, patch: Value| pool.configure(patch, Effective::NextCycle).expect("valid");
    assert_eq!(plan(&mut pool, json!({"seed_amount": 7})), vec![Event::Planned { before: None }]);
    assert_eq!(plan(&mut pool, json!({"seed_amount": 7})), vec![]);
    let waited = Some(json!({"seed_amount": 7}));
    assert_eq!(
        plan(&mut pool, json!({"seed_amount": 1_000})),
        vec![Event::Planned { before: waited }]
    );
    assert_eq!(pool.state.pending, None);
    let before = pool.state.config.clone();
    assert!(!pool.win().iter().any(|event| matches!(event, Event::Configured { .. })));
    assert_eq!(pool.state.config, before);
}

#[test]
fn a_plan_holds_only_what_changes() {
    let mut pool = pool();
    let seed = pool.state.config.seed_amount;
    pool.configure(json!({"seed_amount": 50, "max_wager": 7}), Effective::NextCycle)
        .expect("valid");
    pool.configure(json!({"seed_amount": seed}), Effective::NextCycle).expect("valid");
    assert_eq!(pool.state.pending, Some(json!({"max_wager": 7})));
    // What is changed now by hand stays so, and a plan that it anticipates ends, not silently.
    pool.configure(json!({"seed_amount": 77}), Effective::Now).expect("valid");
    let events = pool.configure(json!({"max_wager": 7}), Effective::Now).expect("valid");
    assert_eq!(pool.state.pending, None);
    assert!(events.iter().any(|event| matches!(event, Event::Planned { before: Some(_) })));
    pool.must(&Command::Win { win_amount: None, expected_cycle: None });
    assert_eq!(pool.state.config.seed_amount, 77);
}

#[test]
fn what_contradicts_a_change_that_waits_is_refused() {
    let mut pool = pool();
    pool.configure(json!({"seed_amount": 4_000}), Effective::NextCycle).expect("valid");
    for effective in [Effective::Now, Effective::NextCycle] {
        let refused = pool.configure(json!({"max_amount": 3_000}), effective);
        assert_eq!(token(refused), Some(Token::InvalidArgument));
    }
    pool.configure(json!({"max_amount": 4_000}), Effective::Now).expect("still fits");
    pool.win();
    assert_eq!(pool.state.config.seed_amount, 4_000);
}

#[test]
fn a_regulated_pool_refuses_now_what_changes_the_return() {
    let regulated = |regulated: bool| {
        let mut pool = pool();
        pool.configure(json!({"regulated": regulated}), Effective::Now).expect("valid");
        pool.contribute(20_000);
        pool
    };
    assert_eq!(regulated(true).state.current_amount(), 3_000);
    let cases = [
        (json!({"contribution_rate": "0.2"}), false),
        (json!({"reserve_rate": "0.2"}), false),
        (json!({"seed_amount": 1_001}), false),
        (json!({"trigger": {"kind": "odds", "one_in": 5}}), false),
        (json!({"regulated": false}), false),
        (json!({"max_amount": 2_999}), false),
        (json!({"max_amount": 3_000}), true),
        (json!({"max_amount": 6_000}), true),
        (json!({"max_amount": null}), true),
        (json!({"verify_above": 1}), true),
        (json!({"min_wager": 1, "game_ids": ["game123"]}), true),
        // One such key spoils the others.
        (json!({"verify_above": 1, "seed_amount": 1_001}), false),
        // What is already so is no change.
        (json!({"contribution_rate": "0.1", "seed_amount": 1_000}), true),
    ];
    for (patch, harmless) in cases {
        let mut pool = regulated(true);
        let now = pool.configure(patch.clone(), Effective::Now);
        let expected = (!harmless).then_some(Token::NextCycleOnly);
        assert_eq!(token(now), expected, "{patch}");
        let mut pool = regulated(true);
        assert!(pool.configure(patch.clone(), Effective::NextCycle).is_ok(), "{patch}");
        assert!(regulated(false).configure(patch.clone(), Effective::Now).is_ok(), "{patch}");
    }
}

#[test]
fn money_does_not_become_that_of_another_currency() {
    let mut pool = Pool::new(json!({"contribution_rate": "0.1", "currency": "EUR"}), 1);
    // It has none yet.
    pool.configure(json!({"currency": "USD"}), Effective::Now).expect("an empty pool");
    let given = pool.contribute(10);
    for void_first in [false, true] {
        if void_first {
            pool.must(&void(given, true));
        }
        for effective in [Effective::Now, Effective::NextCycle] {
            for currency in [json!("EUR"), json!(null)] {
                let refused = pool.configure(json!({"currency": currency}), effective);
                assert_eq!(token(refused), Some(Token::InvalidArgument));
            }
        }
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_void_undoes_its_wager_whatever_came_between(
        start in configs(), wagers in proptest::collection::vec(wagers(), 2..8), which in 0usize..8,
    ) {
        // Of the same wagers all are applied and one is voided, or all others are applied.
        let (mut voided, mut never) = (Pool::new(start.clone(), 1), Pool::new(start, 1));
        let which = which % wagers.len();
        let mut given = None;
        for (number, stake) in wagers.iter().enumerate() {
            let command = Command::Contribute { stakes: vec![*stake] };
            if let Ok(events) = voided.apply(&command) {
                match events.first() {
                    Some(Event::Contributed(contribution)) if number == which => given = Some(*contribution),
                    _ => { never.must(&command); }
                }
            }
        }
        if let Some(given) = given {
            prop_assert_eq!(voided.must(&void(given, true)), vec![Event::Voided(given)]);
            prop_assert_eq!(held(&voided.state), held(&never.state));
            prop_assert_eq!(voided.state.carry, never.state.carry);
            prop_assert!(voided.state.conserved());
        }
    }

    #[test]
    fn voiding_all_leaves_what_was_there(start in configs(), wagers in proptest::collection::vec(wagers(), 0..12)) {
        let mut pool = Pool::new(start, 1);
        let before = held(&pool.state);
        let mut given: Vec<Contribution> = Vec::new();
        for stake in wagers {
            for event in pool.apply(&Command::Contribute { stakes: vec![stake] }).unwrap_or_default() {
                if let Event::Contributed(contribution) = event {
                    given.push(contribution);
                }
            }
        }
        for contribution in given {
            pool.must(&void(contribution, true));
        }
        prop_assert_eq!(held(&pool.state), before);
        let totals = pool.state.totals;
        prop_assert_eq!((totals.contributed, totals.seeded), (totals.voided, units(pool.state.config.seed_amount).get()));
    }

    #[test]
    fn plans_add_up_and_the_later_decides(
        start in configs(), first in patches(), second in patches(),
    ) {
        let mut planned = Pool::new(start.clone(), 1);
        let both = planned.configure(first.clone(), Effective::NextCycle).is_ok()
            && planned.configure(second.clone(), Effective::NextCycle).is_ok();
        let expected = config(start).patched(&first).and_then(|config| config.patched(&second));
        if let (true, Ok(expected)) = (both && planned.state.current_amount() > 0, expected) {
            planned.win();
            prop_assert_eq!(planned.state.config, expected);
        }
    }

    #[test]
    fn a_refused_change_changes_nothing_and_what_changes_nothing_is_no_change(start in configs(), patch in patches()) {
        let mut pool = Pool::new(start.clone(), 1);
        let before = pool.state.clone();
        for effective in [Effective::Now, Effective::NextCycle] {
            prop_assert_eq!(pool.configure(json!({}), effective), Ok(vec![]));
            prop_assert_eq!(pool.configure(start.clone(), effective), Ok(vec![]));
            prop_assert_eq!(pool.configure(pool.state.config.to_json(), effective), Ok(vec![]));
        }
        if pool.configure(patch, Effective::Now).is_err() {
            prop_assert_eq!(&pool.state, &before);
        }
    }

    #[test]
    fn the_reserve_pays_for_seeds_before_the_house(reserve in 0u32..500_000, wagers in proptest::collection::vec(1i64..100_000, 1..20)) {
        let rate = Rate::from_millionths(reserve).expect("at most 1");
        let mut pool = Pool::new(json!({"reserve_rate": rate.to_string(), "seed_amount": 1_000}), 1);
        let mut expected = i128::from(0);
        for wager in wagers {
            pool.contribute(wager);
            expected += i128::from(wager) * i128::from(reserve);
            pool.win();
            expected = (expected - 1_000 * UNIT).max(0);
            prop_assert_eq!(amounts_of(&pool), (units(1_000), Micros::new(expected)));
        }
    }
}
