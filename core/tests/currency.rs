//! Wagers in another currency: converted in integers, what is left below a micro carried.

#![allow(clippy::expect_used)]

mod common;

use common::*;
use jackpot_core::{
    Command, Eligibility, Event, ExchangeRate, Micros, PoolConfig, Rate, Stake, Status, Token,
    Wager, eligible,
};
use proptest::prelude::*;
use serde_json::json;

#[test]
fn exchange_rates_are_exact_and_positive() {
    for (text, raw) in [
        ("1", ExchangeRate::SCALE),
        ("0.0000000001", 1),
        ("1.0850000000000", 10_850_000_000),
        ("149.35", 1_493_500_000_000),
        ("1e-3", 10_000_000),
        ("922337203.6854775807", i64::MAX),
    ] {
        let rate = ExchangeRate::parse(text);
        assert_eq!(rate.map(ExchangeRate::raw), Ok(raw), "{text}");
    }
    for text in
        ["0", "-1", "", "NaN", "1,5", "0.00000000001", "922337203.6854775808", "1e30", "many"]
    {
        let refused = ExchangeRate::parse(text).map_err(|error| error.token);
        assert_eq!(refused, Err(Token::InvalidArgument), "{text}");
    }
    assert_eq!((ExchangeRate::from_raw(0), ExchangeRate::from_raw(-1)), (None, None));
}

#[test]
fn a_conversion_is_carried_until_it_is_a_micro() {
    // A third of a micro each: 0.000001 of 0.3333333333 minor units.
    let mut pool = Pool::new(json!({"contribution_rate": "0.000001"}), 1);
    let stake = Stake::converted(1, rate("0.3333333333"));
    let mut meters = Vec::new();
    for _ in 0..4 {
        pool.must(&Command::Contribute { stakes: vec![stake] });
        meters.push((pool.state.meter.get(), pool.state.carry.display));
    }
    assert_eq!(
        meters,
        vec![(0, 3_333_333_333), (0, 6_666_666_666), (0, 9_999_999_999), (1, 3_333_333_332)]
    );
}

#[test]
fn voiding_takes_back_the_micro_that_the_remainder_had_carried_over() {
    let mut pool = Pool::new(json!({"contribution_rate": "0.000001"}), 1);
    let stake = Stake::converted(1, rate("0.6"));
    let feed =
        |pool: &mut Pool| match pool.must(&Command::Contribute { stakes: vec![stake] }).first() {
            Some(Event::Contributed(contribution)) => *contribution,
            _ => unreachable!("a contribution"),
        };
    let first = feed(&mut pool);
    feed(&mut pool);
    assert_eq!((pool.state.meter, pool.state.carry.display), (Micros::new(1), 2_000_000_000));
    pool.must(&Command::Void { contribution: first, in_cycle: true });
    assert_eq!((pool.state.meter, pool.state.carry.display), (Micros::ZERO, 6_000_000_000));
    assert!(pool.state.conserved());
}

#[test]
fn a_wager_that_does_not_fit_is_refused() {
    let mut pool = Pool::new(json!({"contribution_rate": "0.000001", "seed_amount": 5}), 1);
    let before = pool.state.clone();
    let largest = ExchangeRate::from_raw(i64::MAX).expect("positive");
    for stake in [
        Stake::converted(i64::MAX, largest),
        Stake::new(-1),
        Stake::converted(-1, largest),
        Stake::converted(i64::MIN, largest),
    ] {
        let refused = pool.apply(&Command::Contribute { stakes: vec![Stake::new(7), stake] });
        let token = refused.map_err(|error| error.token);
        let expected =
            if stake.amount() < 0 { Token::InvalidArgument } else { Token::AmountOutOfRange };
        assert_eq!(token, Err(expected));
        assert_eq!(pool.state, before);
    }
    // A meter may be filled to the last micro of the range.
    let mut pool = Pool::new(json!({"contribution_rate": "1"}), 1);
    let most = i64::MAX / 1_000_000;
    pool.contribute(most);
    let refused = pool.apply(&Command::Contribute { stakes: stakes(&[1]) });
    assert_eq!(refused.map_err(|error| error.token), Err(Token::AmountOutOfRange));
}

#[test]
fn an_unreasonable_contribution_is_refused() {
    let mut pool = Pool::new(
        json!({"contribution_rate": "0.1", "reserve_rate": "0.1", "max_contribution": 100}),
        1,
    );
    pool.contribute(500);
    let refused = pool.apply(&Command::Spin { stakes: stakes(&[1, 501]) });
    assert_eq!(refused.map_err(|error| error.token), Err(Token::InvalidArgument));
    assert_eq!(pool.state.totals.contributions, 1);
}

#[test]
fn a_rate_decides_about_a_foreign_wager() {
    let wager = Wager {
        game_id: "game123",
        amount: 1_000,
        operator_id: None,
        game_category: None,
        currency: Some("USD"),
        at: noon(),
    };
    let euros = config(json!({"currency": "EUR", "min_wager": 900, "max_wager": 950}));
    let take = |config: &PoolConfig, wager: &Wager<'_>, worth: Option<&str>, named| {
        let known = |from: &str, to: &str| {
            assert_eq!((from, to), ("USD", "EUR"));
            worth.map(rate)
        };
        eligible("mega", Status::Active, config, wager, known, named)
    };
    // The limits are those of the pool's currency.
    for (worth, fits) in
        [("0.8999", false), ("0.9", true), ("0.9509999999", true), ("0.951", false), ("1.1", false)]
    {
        let expected = match fits {
            true => Eligibility::Feeds(Stake::converted(1_000, rate(worth))),
            false => Eligibility::PassedOver,
        };
        assert_eq!(take(&euros, &wager, Some(worth), false), Ok(expected), "{worth}");
    }
    assert_eq!(take(&euros, &wager, None, false), Ok(Eligibility::NoExchangeRate));
    let named = take(&euros, &wager, None, true).map_err(|error| error.token);
    assert_eq!(named, Err(Token::NoExchangeRate));
    // No rate is asked for where none is needed.
    let own = Wager { currency: Some("EUR"), amount: 900, ..wager };
    let unsaid = Wager { currency: None, amount: 900, ..wager };
    for wager in [own, unsaid] {
        assert_eq!(take(&euros, &wager, None, true), Ok(Eligibility::Feeds(Stake::new(900))));
    }
    let any = config(json!({}));
    assert_eq!(take(&any, &wager, None, true), Ok(Eligibility::Feeds(Stake::new(1_000))));
    let enormous = Wager { amount: i64::MAX, ..wager };
    let refused = take(&euros, &enormous, Some("922337203"), false).map_err(|error| error.token);
    assert_eq!(refused, Err(Token::AmountOutOfRange));
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn an_exchange_rate_survives_text(raw in 1i64..=i64::MAX) {
        let rate = ExchangeRate::from_raw(raw).expect("positive");
        prop_assert_eq!(ExchangeRate::parse(&rate.to_string()), Ok(rate));
    }

    #[test]
    fn a_share_is_split_without_rounding(
        display in 0u32..=500_000, reserve in 0u32..=500_000, amount in 0i64..4_000_000_000_000, raw in proptest::option::of(1i64..20_000_000_000),
    ) {
        let rates = [display, reserve].map(|rate| Rate::from_millionths(rate).expect("at most 1"));
        let [display_rate, reserve_rate] = rates;
        let stake = match raw {
            Some(raw) => Stake::converted(amount, ExchangeRate::from_raw(raw).expect("positive")),
            None => Stake::new(amount),
        };
        let given = stake.contribution(display_rate, reserve_rate).expect("fits");
        let worth = i128::from(amount) * raw.map_or(PARTS, i128::from);
        let exact = |micros: Micros, remainder: i64| micros.get() * PARTS + i128::from(remainder);
        prop_assert_eq!(exact(given.display, given.remainder.display), worth * i128::from(display));
        prop_assert_eq!(exact(given.reserve, given.remainder.reserve), worth * i128::from(reserve));
        for remainder in [given.remainder.display, given.remainder.reserve] {
            prop_assert!((0..ExchangeRate::SCALE).contains(&remainder));
            prop_assert!(raw.is_some() || remainder == 0);
        }
        for rate in rates {
            prop_assert_eq!(rate.to_string().parse::<Rate>(), Ok(rate));
        }
    }

    #[test]
    fn the_meter_gets_the_sum_of_the_exact_fractions_floored(
        display in 0u32..=500_000, reserve in 0u32..=500_000,
        wagers in proptest::collection::vec((0i64..10_000, 1i64..30_000_000_000), 1..60), one_by_one in any::<bool>(),
    ) {
        let text = |millionths: u32| Rate::from_millionths(millionths).expect("at most 1").to_string();
        let mut pool = Pool::new(json!({"contribution_rate": text(display), "reserve_rate": text(reserve)}), 1);
        let stakes: Vec<Stake> = wagers.iter()
            .map(|(amount, raw)| Stake::converted(*amount, ExchangeRate::from_raw(*raw).expect("positive")))
            .collect();
        match one_by_one {
            true => stakes.iter().for_each(|stake| { pool.must(&Command::Contribute { stakes: vec![*stake] }); }),
            false => { pool.must(&Command::Contribute { stakes }); }
        }
        let worth: i128 = wagers.iter().map(|(amount, raw)| i128::from(*amount) * i128::from(*raw)).sum();
        prop_assert_eq!(pool.state.meter.get(), (worth * i128::from(display)).div_euclid(PARTS));
        prop_assert_eq!(pool.state.reserve.get(), (worth * i128::from(reserve)).div_euclid(PARTS));
    }
}
