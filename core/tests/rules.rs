//! What players are told, and the return to player by the closed forms.

#![allow(clippy::expect_used)]

mod common;

use common::*;
use jackpot_core::{Rate, Rules, return_to_player};
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::{Value, json};

fn share(value: Value) -> Option<String> {
    return_to_player(&config(value)).map(|share| share.to_string())
}

#[test]
fn the_return_is_that_of_the_closed_forms() {
    let cases = [
        // rate + seed / one_in
        (
            json!({"contribution_rate": "0.01", "seed_amount": 1_000, "trigger": {"kind": "odds", "one_in": 100_000}}),
            Some("0.02"),
        ),
        (
            json!({"contribution_rate": "0.01", "trigger": {"kind": "odds", "one_in": 7}}),
            Some("0.01"),
        ),
        (json!({"seed_amount": 1, "trigger": {"kind": "odds", "one_in": 3}}), Some("0.333333333")),
        (
            json!({"contribution_rate": "1", "seed_amount": 10, "trigger": {"kind": "odds", "one_in": 10}}),
            Some("2"),
        ),
        // rate * (seed + max) / (max - seed)
        (
            json!({"contribution_rate": "0.01", "seed_amount": 1_000, "max_amount": 2_000, "trigger": {"kind": "must_hit_by"}}),
            Some("0.03"),
        ),
        (
            json!({"contribution_rate": "0.01", "max_amount": 2_000, "trigger": {"kind": "must_hit_by"}}),
            Some("0.01"),
        ),
        (
            json!({"contribution_rate": "0.5", "seed_amount": 9, "max_amount": 10, "trigger": {"kind": "must_hit_by"}}),
            Some("9.5"),
        ),
        // What pays for the seed does not change what is paid.
        (
            json!({"contribution_rate": "0.01", "reserve_rate": "0.01", "seed_amount": 1_000, "trigger": {"kind": "odds", "one_in": 100_000}}),
            Some("0.02"),
        ),
        // It depends on how much is played.
        (json!({"contribution_rate": "0.01", "seed_amount": 1_000}), None),
        (
            json!({"contribution_rate": "0.01", "trigger": {"kind": "scheduled", "every": "daily"}}),
            None,
        ),
    ];
    for (value, expected) in cases {
        assert_eq!(share(value.clone()).as_deref(), expected, "{value}");
    }
    // The ends of the range.
    let most = i64::MAX / 1_000_000;
    for value in [
        json!({"contribution_rate": "1", "seed_amount": most, "trigger": {"kind": "odds", "one_in": 1}}),
        json!({"contribution_rate": "1", "seed_amount": most - 1, "max_amount": most, "trigger": {"kind": "must_hit_by"}}),
    ] {
        assert!(return_to_player(&config(value)).is_some_and(|share| share > Decimal::from(most)));
    }
}

#[test]
fn the_rules_say_what_the_configuration_does() {
    let whole = config(json!({
        "contribution_rate": "0.01", "reserve_rate": "0.0025", "seed_amount": 1_000, "max_amount": 9_000,
        "currency": "EUR", "trigger": {"kind": "odds", "one_in": 100_000},
    }));
    let rules = Rules::of(&whole);
    assert!(rules.funding.contains("1 %") && rules.funding.contains("0.25 %"), "{}", rules.funding);
    assert!(rules.seed.contains("1000 minor units of EUR"), "{}", rules.seed);
    assert!(rules.ceiling.contains("9000 minor units of EUR"), "{}", rules.ceiling);
    assert!(rules.odds.contains("100000 minor units of EUR"), "{}", rules.odds);
    assert!(rules.tie_policy.contains("one after the other"), "{}", rules.tie_policy);
    assert_eq!(rules.return_to_player, return_to_player(&whole));
    let odds = |trigger: Value| {
        let patch = json!({"reserve_rate": null, "currency": null, "trigger": trigger});
        let rules = Rules::of(&whole.patched(&patch).expect("valid"));
        assert!(!rules.funding.contains("reserve") && !rules.seed.contains("EUR"));
        rules.odds
    };
    assert!(odds(json!({"kind": "manual"})).contains("operator awards"));
    assert!(odds(json!({"kind": "must_hit_by"})).contains("9000 minor units"));
    let scheduled =
        odds(json!({"kind": "scheduled", "every": "6 hours", "anchor": "2026-06-01T00:00:00Z"}));
    assert!(scheduled.contains("6 hours") && scheduled.contains("2026-06-01T00:00:00Z"));
    let open = Rules::of(&config(json!({})));
    assert_eq!(open.ceiling, "There is no ceiling.");
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn the_rules_of_any_configuration_can_be_told(start in configs()) {
        let config = config(start);
        let rules = Rules::of(&config);
        for words in [&rules.funding, &rules.seed, &rules.ceiling, &rules.tie_policy, &rules.odds] {
            prop_assert!(words.ends_with('.') && !words.contains("  "), "{}", words);
        }
        if let Some(share) = rules.return_to_player {
            // No pool returns less than it is fed.
            prop_assert!(share >= Decimal::new(i64::from(config.contribution_rate.millionths()), 6));
        }
    }

    #[test]
    fn the_closed_forms_hold_to_nine_decimals(millionths in 1u32..=1_000_000, seed in 0i64..1_000_000, more in 1i64..1_000_000) {
        let rate = Rate::from_millionths(millionths).expect("at most 1").to_string();
        let (feed, seeds, room) = (f64::from(millionths) / 1e6, seed as f64, more as f64);
        let near = |value: Value, expected: f64| {
            let share: f64 = share(value).expect("determined").parse().expect("a number");
            prop_assert!((share - expected).abs() < 1e-9 * expected.max(1.0), "{} is not {}", share, expected);
            Ok(())
        };
        let fixed = |trigger: Value| json!({
            "contribution_rate": rate, "seed_amount": seed, "max_amount": seed + more, "trigger": trigger,
        });
        near(fixed(json!({"kind": "odds", "one_in": more})), feed + seeds / room)?;
        near(fixed(json!({"kind": "must_hit_by"})), feed * (2.0 * seeds + room) / room)?;
    }
}
