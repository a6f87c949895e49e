//! When a pool is hit, what is hidden until then, and how it is proved afterwards.

#![allow(clippy::expect_used)]

mod common;

use common::*;
use jackpot_core::{
    Command, Effective, Event, Evidence, ExchangeRate, Hidden, Micros, Outlook, Outside, Secret,
    Stake, Timestamp, Token, below, margin, outlook,
};
use jiff::SignedDuration;
use proptest::prelude::*;
use rand_chacha::rand_core::RngCore;
use serde_json::json;

/// Chance that gives the same bits for ever, or until it has given as many words as told.
struct Words(Vec<u64>);

impl RngCore for Words {
    fn next_u32(&mut self) -> u32 {
        self.next_u64() as u32
    }

    fn next_u64(&mut self) -> u64 {
        if self.0.len() > 1 { self.0.remove(0) } else { self.0.first().copied().unwrap_or(0) }
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

/// One in every tenth unit goes to a pool between 1000 and 2000.
fn must_hit_by(seed: u64) -> Pool {
    Pool::new(
        json!({
            "contribution_rate": "0.1", "seed_amount": 1_000, "max_amount": 2_000,
            "trigger": {"kind": "must_hit_by"},
        }),
        seed,
    )
}

fn hourly(seed: u64) -> Pool {
    Pool::new(
        json!({
            "contribution_rate": "0.1", "seed_amount": 1_000,
            "trigger": {"kind": "scheduled", "every": "hourly"},
        }),
        seed,
    )
}

fn odds(one_in: i64) -> Pool {
    Pool::new(
        json!({
            "contribution_rate": "0.1", "seed_amount": 1_000,
            "trigger": {"kind": "odds", "one_in": one_in},
        }),
        1,
    )
}

#[test]
fn a_manual_pool_is_never_hit_by_a_spin() {
    let mut pool =
        Pool::new(json!({"contribution_rate": "0.1", "seed_amount": 10, "max_amount": 20}), 1);
    for _ in 0..1_000 {
        assert_eq!(pool.spin(1_000), 0);
    }
    assert_eq!(paid(&pool.win()), 20);
}

#[test]
fn odds_hit_below_the_wager_and_not_at_it() {
    // With 2^32 a word is its own draw.
    let one_in = 1_i64 << 32;
    for (draw, wager, hits) in [
        (0, 1, true),
        (1, 1, false),
        (99, 100, true),
        (100, 100, false),
        ((1 << 32) - 1, one_in, true),
        ((1 << 32) - 1, one_in - 1, false),
    ] {
        let pool = odds(one_in);
        let mut random = Words(vec![draw]);
        let mut outside = Outside { at: noon(), random: &mut random };
        let command = Command::Spin { stakes: stakes(&[wager]) };
        let (_, events) =
            jackpot_core::apply(pool.state, &command, &mut outside).expect("a valid wager");
        assert_eq!(!wins(&events).is_empty(), hits, "draw {draw}, wager {wager}");
    }
}

#[test]
fn a_wager_of_one_in_or_more_always_hits_and_none_never() {
    let mut pool = odds(500);
    for wager in 500..700 {
        assert!(pool.spin(wager) >= 1_000);
    }
    let mut pool = odds(1);
    for _ in 0..200 {
        assert_eq!(pool.spin(0), 0);
    }
}

#[test]
fn a_wager_of_nothing_wins_nothing_whatever_the_trigger() {
    let mut pool = must_hit_by(1);
    pool.must(&Command::Adjust { amount: 5_000 });
    assert_eq!(pool.spin(0), 0);
    assert_eq!(pool.spin(1), 2_000);
    let mut pool = hourly(1);
    pool.wait(7_200);
    assert_eq!(pool.spin(0), 0);
    assert!(pool.spin(1) > 0);
}

#[test]
fn where_nothing_is_nothing_is_won_and_the_cycle_goes_on() {
    // Half a unit cannot be paid.
    let mut pool =
        Pool::new(json!({"contribution_rate": "0.5", "trigger": {"kind": "odds", "one_in": 1}}), 1);
    assert_eq!((pool.spin(1), pool.state.cycle), (0, 1));
    assert_eq!((pool.spin(1), pool.state.cycle), (1, 2));
}

#[test]
fn a_hit_that_was_drawn_elsewhere_is_paid_all_that_is_payable() {
    let mut pool = must_hit_by(1);
    pool.must(&Command::Adjust { amount: 7 });
    let evidence = Evidence::Reached { meter: pool.state.meter };
    let hidden = pool.secret().clone();
    let events = pool.must(&Command::Hit { evidence: evidence.clone() });
    let wins = wins(&events);
    let won = wins.first().expect("a win");
    assert_eq!((won.win_amount, won.evidence, won.secret), (1_007, Some(&evidence), Some(&hidden)));
    pool.must(&Command::Pause);
    let refused = pool.apply(&Command::Hit { evidence }).map_err(|error| error.token);
    assert_eq!(refused, Err(Token::PoolNotActive));
}

#[test]
fn administration_never_pays_and_the_next_wager_after_a_crossing_wins() {
    let mut by_adjustment = must_hit_by(2);
    by_adjustment.must(&Command::Adjust { amount: 1_000 });
    let mut by_transfer = must_hit_by(3);
    by_transfer.must(&Command::TransferIn {
        amount: units(1_500),
        reserve: Micros::ZERO,
        from: "minor".to_owned(),
    });
    let mut by_contribution = must_hit_by(4);
    by_contribution.contribute(10_000);
    for mut pool in [by_adjustment, by_transfer, by_contribution] {
        assert!(pool.state.meter >= pool.threshold());
        assert_eq!((pool.state.cycle, pool.state.totals.wins), (1, 0));
        // Not while it is paused, and not by what feeds without drawing.
        pool.must(&Command::Pause);
        pool.must(&Command::Resume);
        pool.contribute(1);
        assert_eq!(pool.state.cycle, 1);
        assert_eq!(pool.spin(1), 2_000);
    }
}

#[test]
fn what_has_been_reached_is_not_drawn_anew() {
    for seed in 0..20 {
        let mut pool = must_hit_by(seed);
        pool.must(&Command::Adjust { amount: 1_000 });
        let secret = pool.state.secret.clone();
        pool.configure(json!({"max_amount": 3_000, "regulated": true}), Effective::Now)
            .expect("valid");
        assert_eq!(pool.state.secret, secret);
        assert_eq!(pool.spin(1), 2_000);
        // The ceiling that cuts it off pays what it still lets show.
        let mut pool = must_hit_by(seed);
        pool.must(&Command::Adjust { amount: 1_000 });
        pool.configure(json!({"max_amount": 1_001}), Effective::Now).expect("valid");
        assert_eq!(pool.spin(1), 1_001);
    }
    let mut pool = hourly(1);
    pool.at = pool.moment();
    pool.configure(json!({"trigger": {"kind": "scheduled", "every": "2 hours"}}), Effective::Now)
        .expect("valid");
    assert_eq!(pool.spin(10), 1_001);
}

#[test]
fn the_same_period_in_other_words_is_no_change() {
    let mut pool = hourly(1);
    let secret = pool.state.secret.clone();
    let trigger = json!({"trigger": {"kind": "scheduled", "every": "60 minutes"}});
    assert!(pool.configure(trigger, Effective::Now).expect("valid").is_empty());
    assert_eq!(pool.state.secret, secret);
}

#[test]
fn the_very_micro_of_the_threshold_wins() {
    for seed in 0..20 {
        let mut pool = Pool::new(
            json!({
                "contribution_rate": "0.000001", "seed_amount": 1_000, "max_amount": 2_000,
                "trigger": {"kind": "must_hit_by"},
            }),
            seed,
        );
        // A unit of wager is a micro.
        let way = pool.threshold().minus(pool.state.meter).expect("fits").get();
        assert_eq!(pool.spin(i64::try_from(way - 1).expect("small")), 0);
        let payable = pool.threshold().floor();
        assert_eq!((pool.spin(1), pool.state.cycle), (payable, 2));
    }
}

#[test]
fn the_very_moment_wins_and_not_the_microsecond_before() {
    for seed in 0..20 {
        let mut pool = hourly(seed);
        let moment = pool.moment();
        pool.at = moment - SignedDuration::from_micros(1);
        assert_eq!(pool.spin(10), 0);
        pool.at = moment;
        assert_eq!(pool.spin(10), 1_002);
    }
}

#[test]
fn a_correction_that_takes_the_meter_back_takes_the_hit_back() {
    let mut pool = must_hit_by(2);
    pool.must(&Command::Adjust { amount: 1_000 });
    pool.must(&Command::Adjust { amount: -1_000 });
    assert_eq!(pool.spin(1), 0);
}

#[test]
fn a_pool_at_its_ceiling_is_won_by_the_next_wager() {
    // All that wagers and resets leave above the ceiling goes on into the next cycle.
    let mut pool = must_hit_by(5);
    pool.contribute(1_000_000);
    assert_eq!(pool.state.overflow(), units(99_000));
    for left in (1..=10).map(|wins| 101_000 - 1_999 * wins) {
        assert_eq!(pool.spin(10), 2_000);
        assert_eq!(pool.state.meter, units(left));
        assert_eq!(pool.threshold(), units(2_000));
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_threshold_is_drawn_from_every_micro_above_the_meter_up_to_the_ceiling(
        seed in 0i64..1_000_000, room in 1i64..1_000_000, initial in 0i64..1_000_000, word in any::<u64>(),
    ) {
        let config = config(json!({
            "seed_amount": seed, "max_amount": seed + room, "trigger": {"kind": "must_hit_by"},
        }));
        let initial = initial.min(seed + room - 1);
        let drawn = |word: u64| {
            let mut random = Words(vec![word]);
            let mut outside = Outside { at: noon(), random: &mut random };
            let (state, _) = jackpot_core::create("mega", config.clone(), Some(initial), &mut outside).expect("valid");
            state.secret.as_ref().and_then(threshold).expect("hidden")
        };
        let bound = u128::try_from(units(config.max_amount.expect("given") - initial).get()).expect("positive");
        let expected = |word: u64| {
            let step = below(bound, &mut Words(vec![word]));
            units(initial).get() + i128::try_from(step).expect("small") + 1
        };
        prop_assert_eq!(drawn(u64::MAX - word / 2).get(), expected(u64::MAX - word / 2));
        // The ends: the lowest and the highest of the draws.
        let lowest = (u64::MAX / u64::try_from(bound).expect("small")) * u64::try_from(bound).expect("small");
        prop_assert_eq!(drawn(lowest).get(), units(initial).get() + 1);
        prop_assert_eq!(drawn(lowest - 1), units(seed + room));
    }

    #[test]
    fn spins_meet_the_threshold_exactly(seed in any::<u64>(), wagers in proptest::collection::vec(0i64..500, 200)) {
        let mut pool = must_hit_by(seed);
        for wager in wagers {
            let (cycle, threshold, before) = (pool.state.cycle, pool.threshold(), pool.state.meter);
            prop_assert!(before < threshold && threshold <= units(2_000));
            let gain = i128::from(wager) * 100_000;
            let paid = pool.spin(wager);
            prop_assert_eq!(paid > 0, before.get() + gain >= threshold.get());
            prop_assert_eq!(pool.state.cycle, cycle + i64::from(paid > 0));
            prop_assert!(paid <= 2_000);
        }
    }

    #[test]
    fn a_new_ceiling_draws_a_new_threshold_from_what_is_left(
        seed in any::<u64>(), fed in 0i64..9_000, max_amount in 1_000i64..3_000,
    ) {
        let mut pool = must_hit_by(seed);
        // Not reached yet.
        let fed = fed.min(((pool.threshold().get() - 1) / 100_000 - 10_000).try_into().expect("small"));
        pool.contribute(fed.max(0));
        let (old, meter) = (pool.secret().clone(), pool.state.meter);
        let patch = json!({"max_amount": max_amount.max(meter.floor() + 1)});
        let events = pool.configure(patch, Effective::Now).expect("above the meter");
        prop_assert_eq!(pool.state.config.max_amount == Some(2_000), events.is_empty());
        if !events.is_empty() {
            prop_assert_eq!(events.last(), Some(&Event::Committed { superseded: Some(old) }));
            prop_assert!(pool.threshold() > meter);
            prop_assert!(pool.threshold() <= units(pool.state.config.max_amount.expect("given")));
            prop_assert_eq!(pool.state.meter, meter);
        }
    }

    #[test]
    fn other_changes_keep_what_is_hidden(seed in any::<u64>(), effective in prop_oneof![Just(Effective::Now), Just(Effective::NextCycle)]) {
        for mut pool in [must_hit_by(seed), hourly(seed)] {
            let hidden = pool.secret().clone();
            pool.configure(json!({"contribution_rate": "0.2", "seed_amount": 900, "verify_above": 5}), effective).expect("valid");
            prop_assert_eq!(pool.secret(), &hidden);
            pool.must(&Command::Pause);
            pool.must(&Command::Resume);
            prop_assert_eq!(pool.secret(), &hidden);
        }
    }

    #[test]
    fn a_moment_lies_in_the_right_window(
        seed in any::<u64>(), offset in 0i64..86_400, waits in proptest::collection::vec(0i64..10_000, 40),
        every in prop_oneof![Just(("hourly", 3_600i64)), Just(("90 minutes", 5_400)), Just(("1 second", 1)), Just(("1d", 86_400)), Just(("daily", 86_400))],
    ) {
        let anchor = moment("2024-01-01T00:00:00Z");
        let (every, length) = every;
        let length = SignedDuration::from_secs(length);
        let window = |at: Timestamp| {
            let number = at.duration_since(anchor).as_micros().div_euclid(length.as_micros());
            anchor + length * i32::try_from(number).expect("few")
        };
        // Each window has one drop: the next one follows, unless this one had rolled over and
        // leaves the present window its own.
        let follows = |hidden: Timestamp, pool: &Pool| {
            let next = window(pool.at) + length;
            match window(hidden) < window(pool.at) {
                true => pool.moment() >= pool.at && pool.moment() < next,
                false => pool.moment() >= next && pool.moment() < next + length,
            }
        };
        let start = noon() + SignedDuration::from_secs(offset);
        let mut pool = Pool::created_at(start, json!({
            "contribution_rate": "0.1", "seed_amount": 100, "trigger": {"kind": "scheduled", "every": every},
        }), seed);
        // What remains of the window that it was created in.
        prop_assert!(pool.moment() >= start && pool.moment() < window(start) + length);
        for wait in waits {
            pool.wait(wait);
            let due = pool.at >= pool.moment();
            let hidden = pool.secret().clone();
            prop_assert_eq!(pool.spin(100) > 0, due);
            if due {
                let hidden = hidden_moment(&hidden).expect("a moment");
                prop_assert!(follows(hidden, &pool));
            } else {
                prop_assert_eq!(pool.secret(), &hidden);
            }
        }
        let hidden = pool.moment();
        pool.win();
        prop_assert!(follows(hidden, &pool));
    }

    #[test]
    fn before_the_anchor_it_is_the_first_window(seed in any::<u64>(), ahead in 1i64..1_000_000_000) {
        let anchor = noon() + SignedDuration::from_secs(ahead);
        let mut pool = Pool::new(json!({
            "contribution_rate": "0.1", "seed_amount": 100,
            "trigger": {"kind": "scheduled", "every": "1 day", "anchor": anchor.to_string()},
        }), seed);
        let first = anchor..anchor + SignedDuration::from_hours(24);
        prop_assert!(first.contains(&pool.moment()));
        pool.win();
        prop_assert!(first.contains(&pool.moment()));
        pool.at = anchor - SignedDuration::from_micros(1);
        prop_assert_eq!(pool.spin(100), 0);
    }

    #[test]
    fn an_early_outlook_is_never_wrong(
        seed in any::<u64>(), fed in 0i64..12_000, wager in 0i64..2_000, unseen in 0i64..2_000, margin in 0i64..200,
    ) {
        let mut pool = must_hit_by(seed);
        pool.contribute(fed);
        let known = pool.state.meter;
        pool.contribute(unseen);
        pool.contribute(wager);
        let stake = Stake::new(wager);
        let reached = pool.state.reached(stake, pool.at).is_some();
        let margin = units(margin);
        let mut random = chance(seed);
        let mut see = |secret: Option<&Secret>, meter: Option<Micros>| {
            outlook(&pool.state.config, stake, secret, meter, margin, &mut Outside { at: noon(), random: &mut random })
        };
        let visible = known.plus(Micros::new(i128::from(wager) * 100_000)).expect("fits");
        // A miss is sure, as long as no more was in flight than the margin allows.
        let allowed = i128::from(unseen) * 100_000 <= margin.get();
        let early = see(pool.state.secret.as_ref(), Some(visible));
        prop_assert!(!matches!(early, Outlook::Hit(_)));
        prop_assert!(!(early == Outlook::Miss && reached && allowed));
        // And nothing is sure where something is not known.
        let unsure = if wager == 0 { Outlook::Miss } else { Outlook::Unsure };
        prop_assert_eq!(see(None, Some(visible)), unsure.clone());
        prop_assert_eq!(see(pool.state.secret.as_ref(), None), unsure);
    }

    #[test]
    fn the_margin_allows_for_all_that_may_be_in_flight(
        seed in any::<u64>(), max_wager in proptest::option::of(0i64..1_000_000), limit in proptest::option::of(0i64..1_000_000), others in 0u32..1_000,
    ) {
        let pool = must_hit_by(seed);
        let secret = pool.state.secret.clone().expect("hidden");
        let mut config = pool.state.config;
        config.max_wager = max_wager;
        config.max_contribution = limit;
        let margin = margin(&config, &secret, others).get();
        let largest = [max_wager.map(|max| i128::from(max) * 100_000), limit.map(|max| i128::from(max) * UNIT)];
        let least = largest.into_iter().flatten().min().map_or(20 * UNIT, |largest| largest * i128::from(others));
        prop_assert!(margin >= least && margin < 2 * least.max(1), "{margin} {least}");
    }

    #[test]
    fn a_secret_is_read_back_and_hashes_to_its_commitment(
        pool in any::<String>(), cycle in any::<i64>(), micros in any::<i64>(), seconds in -377_705_023_201i64..253_402_207_200,
        fraction in 0i32..1_000_000, salt in any::<[u8; 32]>(),
    ) {
        let at = Timestamp::new(seconds, fraction * 1_000).expect("a moment");
        for hidden in [Hidden::Threshold(Micros::new(i128::from(micros))), Hidden::Moment(at)] {
            let secret = Secret::new(&pool, cycle, hidden, &salt);
            prop_assert_eq!(Secret::parse(secret.text()), Ok(secret.clone()));
            let value: serde_json::Value = serde_json::from_str(secret.text()).expect("JSON");
            prop_assert_eq!(value.get("pool"), Some(&json!(pool)));
            prop_assert_eq!(value.get("cycle"), Some(&json!(cycle)));
            prop_assert!(!secret.text().contains('\n'));
            // One other bit of salt is another commitment.
            let mut other = salt;
            if let Some(byte) = other.first_mut() {
                *byte ^= 1;
            }
            prop_assert_ne!(Secret::new(&pool, cycle, hidden, &other).commitment(), secret.commitment());
        }
    }

    #[test]
    fn what_is_hidden_is_in_no_output_before_the_win(seed in any::<u64>(), wager in 0i64..1_000) {
        let mut threshold = Pool::new(json!({
            "contribution_rate": "0.1", "seed_amount": 1_000_000_000, "max_amount": 9_000_000_000i64,
            "trigger": {"kind": "must_hit_by"},
        }), seed);
        let mut moment = hourly(seed);
        for pool in [&mut threshold, &mut moment] {
            let events = [
                pool.must(&Command::Spin { stakes: stakes(&[wager]) }),
                pool.configure(json!({"verify_above": 7}), Effective::Now).expect("valid"),
                pool.configure(json!({"seed_amount": 7}), Effective::NextCycle).expect("valid"),
            ];
            let refusals = [
                pool.apply(&Command::Adjust { amount: i64::MIN }).map_err(|error| error.to_string()),
                pool.configure(json!({"max_amount": -1}), Effective::Now).map_err(|error| error.to_string()),
            ];
            let secret = pool.secret();
            let value: serde_json::Value = serde_json::from_str(secret.text()).expect("JSON");
            let salt = value.get("salt").and_then(|salt| salt.as_str()).expect("a salt");
            let (hidden, raw) = match secret.hidden() {
                Hidden::Threshold(threshold) => (threshold.to_string(), threshold.get().to_string()),
                Hidden::Moment(moment) => (moment.to_string(), moment.as_microsecond().to_string()),
            };
            let shown = format!("{:?} {:?} {:?} {:?} {:?}", pool.state, secret, secret.hidden(), events, refusals);
            for hidden in [secret.text(), salt, &hidden, &raw] {
                prop_assert!(!shown.contains(hidden), "{} in {}", hidden, shown);
            }
            // Nor in the events that reveal it, which carry it as a value.
            let hidden = secret.text().to_owned();
            let revealed = format!("{:?}", pool.win());
            prop_assert!(!revealed.contains(&hidden) && !revealed.contains(&salt.to_owned()));
        }
    }

    #[test]
    fn a_draw_is_below_its_bound(bound in prop_oneof![1u128..100, any::<u64>().prop_map(u128::from), any::<u128>()], words in proptest::collection::vec(any::<u64>(), 1..4)) {
        let mut random = chance(words.first().copied().unwrap_or(0));
        let drawn = below(bound, &mut random);
        prop_assert!(drawn < bound.max(1));
    }

    #[test]
    fn surplus_bits_are_drawn_anew(bound in 2u64..u64::MAX, word in any::<u64>()) {
        // 2^64 mod bound values would make the lowest numbers too likely.
        let surplus = ((1_u128 << 64) % u128::from(bound)) as u64;
        if surplus > 0 {
            let refused = word % surplus;
            let next = surplus.max(word);
            let drawn = below(u128::from(bound), &mut Words(vec![refused, next]));
            prop_assert_eq!(drawn, u128::from(next % bound));
        }
    }

    #[test]
    fn a_converted_wager_has_the_odds_of_its_worth(amount in 1i64..1_000_000_000, raw in 1i64..100_000_000_000, one_in in 1i64..1_000_000, seed in any::<u64>()) {
        let rate = ExchangeRate::from_raw(raw).expect("positive");
        let mut pool = odds(one_in);
        pool.random = chance(seed);
        let stake = Stake::converted(amount, rate);
        for event in pool.must(&Command::Spin { stakes: vec![stake] }) {
            if let Event::Won { evidence, .. } = event {
                let Some(Evidence::Drawn { draw, below, out_of }) = evidence else {
                    return Err(TestCaseError::fail("odds are drawn"));
                };
                prop_assert!(draw < below && draw < out_of);
                // below / out_of = amount * rate / one_in, exactly.
                prop_assert_eq!(below, u128::try_from(amount).expect("positive") * u128::try_from(raw).expect("positive"));
                prop_assert_eq!(out_of, u128::try_from(one_in).expect("positive") * u128::try_from(PARTS).expect("positive"));
            }
        }
    }
}

#[test]
fn the_commitment_is_what_sha256sum_prints() {
    let hidden = Hidden::Threshold(Micros::new(1_234_567_890));
    let secret = Secret::new("mega", 7, hidden, &[0xab; 32]);
    let salt = "ab".repeat(32);
    assert_eq!(
        secret.text(),
        format!(
            r#"{{"pool":"mega","cycle":7,"trigger":"must_hit_by","threshold":"1234.56789","salt":"{salt}"}}"#
        )
    );
    assert_eq!(
        secret.commitment(),
        "3e36aca6621357b348f641300357552972b4e4ea87dd5b824894bdaf80d872f2"
    );
    let secret = Secret::new("mega", 7, Hidden::Moment(noon()), &[0xab; 32]);
    assert_eq!(
        secret.text(),
        format!(
            r#"{{"pool":"mega","cycle":7,"trigger":"scheduled","moment":"2026-06-01T12:00:00Z","salt":"{salt}"}}"#
        )
    );
    assert_eq!(
        secret.commitment(),
        "94b6b68c58a10e51de7ce9bdd3c05af2d5b042136b3ef5468557c3c790f306c3"
    );
}

#[test]
fn a_lost_secret_is_drawn_anew_and_no_other() {
    for mut pool in [must_hit_by(1), hourly(1)] {
        let hidden = pool.secret().clone();
        assert_eq!(pool.must(&Command::Redraw), vec![]);
        assert_eq!(pool.secret(), &hidden);
        // Without it no wager hits, and an award reveals nothing.
        pool.state.secret = None;
        pool.must(&Command::Adjust { amount: 10_000 });
        pool.wait(7_200);
        assert!(pool.state.lacks_secret() && pool.spin(1_000) == 0);
        let version = pool.state.version;
        assert_eq!(pool.must(&Command::Redraw), vec![Event::Committed { superseded: None }]);
        assert_eq!(pool.state.version, version + 1);
        assert!(!pool.state.lacks_secret() && pool.secret() != &hidden);
        assert_eq!(pool.secret().cycle(), pool.state.cycle);
    }
    assert_eq!(odds(1).must(&Command::Redraw), vec![]);
}

#[test]
fn a_malformed_secret_is_refused_without_being_repeated() {
    for text in [
        "",
        "hush",
        "{}",
        r#"{"cycle":1,"threshold":"hush"}"#,
        r#"{"cycle":1,"threshold":"1.0000001"}"#,
        r#"{"cycle":1,"moment":"hush"}"#,
        r#"{"cycle":"hush","threshold":"1"}"#,
        r#"{"threshold":"1","hush":1}"#,
    ] {
        let error = Secret::parse(text).expect_err("it is malformed");
        assert_eq!(error.token, Token::InvalidArgument);
        assert!(!format!("{error} {error:?}").contains("hush"));
    }
}

#[test]
fn evidence_is_kept_with_whole_numbers_as_text() {
    let drawn = Evidence::Drawn { draw: 1 << 100, below: 5, out_of: u128::MAX };
    assert_eq!(
        drawn.to_json(),
        json!({"draw": (1_u128 << 100).to_string(), "below": "5", "out_of": u128::MAX.to_string()})
    );
    assert_eq!(
        Evidence::Reached { meter: Micros::new(1_500_000) }.to_json(),
        json!({"meter": "1.5"})
    );
    assert_eq!(Evidence::Fell { at: noon() }.to_json(), json!({"at": "2026-06-01T12:00:00Z"}));
}

#[test]
fn what_was_drawn_survives_the_database() {
    let drawn = Evidence::Drawn { draw: 7, below: u128::MAX, out_of: u128::MAX - 1 };
    assert_eq!(Evidence::drawn_from_json(&drawn.to_json()), Some(drawn));
    for other in [json!({}), json!({"meter": "1"}), json!({"draw": "1", "below": "2"}), json!(null)]
    {
        assert_eq!(Evidence::drawn_from_json(&other), None);
    }
}
