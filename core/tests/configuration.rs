//! Configuration as users write it, and which wagers a pool takes.

#![allow(clippy::expect_used)]

mod common;

use common::{cases, configs};
use jackpot_core::{
    Eligibility, Error, Places, PoolConfig, Rate, Snapshot, Stake, Status, Timestamp, Token, Wager,
    eligible,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn config(value: Value) -> Result<PoolConfig, Error> {
    PoolConfig::default().patched(&value)
}

fn wager() -> Wager<'static> {
    Wager {
        game_id: "game123",
        amount: 1_000,
        operator_id: Some("acme"),
        game_category: Some("slots"),
        currency: Some("EUR"),
        at: Timestamp::UNIX_EPOCH,
    }
}

#[test]
fn rates_are_exact_and_bounded() {
    for (text, millionths) in [
        ("0", 0),
        ("1", 1_000_000),
        ("0.01", 10_000),
        ("0.000001", 1),
        ("0.0100000000", 10_000),
        ("1e-2", 10_000),
    ] {
        assert_eq!(text.parse::<Rate>().map(Rate::millionths), Ok(millionths), "{text}");
    }
    for text in [
        "0.0000001",
        "1.000001",
        "-0.01",
        "NaN",
        "Infinity",
        "",
        "0,01",
        "0.00000000000000000000000000000000001",
    ] {
        assert_eq!(
            text.parse::<Rate>().map_err(|error| error.token),
            Err(Token::InvalidArgument),
            "{text}"
        );
    }
}

#[test]
fn unknown_or_malformed_configuration_is_refused() {
    for value in [
        json!({"contribution_rat": 0.1}),
        json!({"contribution_rate": true}),
        json!({"contribution_rate": "0.7", "reserve_rate": "0.4"}),
        json!({"seed_amount": -1}),
        json!({"seed_amount": 1.5}),
        json!({"seed_amount": "10"}),
        json!({"seed_amount": 100, "max_amount": 99}),
        json!({"currency": ""}),
        json!({"operator_ids": "acme"}),
        json!({"operator_ids": [1]}),
        json!({"min_wager": 2, "max_wager": 1}),
        json!({"starts_at": "soon"}),
        json!({"starts_at": "2026-12-02T00:00:00Z", "ends_at": "2026-12-01T00:00:00Z"}),
        json!({"max_contribution": -1}),
        json!({"verify_above": "all"}),
        json!({"regulated": "yes"}),
        json!({"trigger": "odds"}),
        json!({"trigger": {}}),
        json!({"trigger": {"kind": "luck"}}),
        json!({"trigger": {"kind": "manual", "one_in": 5}}),
        json!({"trigger": {"kind": "odds"}}),
        json!({"trigger": {"kind": "odds", "one_in": 0}}),
        json!({"trigger": {"kind": "odds", "one_in": 1.5}}),
        json!({"trigger": {"kind": "odds", "one_in": "5"}}),
        json!({"trigger": {"kind": "must_hit_by"}}),
        json!({"max_amount": 5, "seed_amount": 5, "trigger": {"kind": "must_hit_by"}}),
        json!({"max_amount": 5, "trigger": {"kind": "must_hit_by", "threshold": 3}}),
        json!({"trigger": {"kind": "scheduled"}}),
        json!({"trigger": {"kind": "scheduled", "every": "often"}}),
        json!({"trigger": {"kind": "scheduled", "every": "0 seconds"}}),
        json!({"trigger": {"kind": "scheduled", "every": "-1 day"}}),
        json!({"trigger": {"kind": "scheduled", "every": "1 month"}}),
        json!({"trigger": {"kind": "scheduled", "every": "3661 days"}}),
        json!({"trigger": {"kind": "scheduled", "every": 5}}),
        json!({"trigger": {"kind": "scheduled", "every": "daily", "anchor": "noon"}}),
        json!({"trigger": {"kind": "scheduled", "every": "daily", "anchor": "9000-01-01T00:00:00Z"}}),
        json!([]),
        json!(null),
    ] {
        assert_eq!(
            config(value.clone()).map_err(|error| error.token),
            Err(Token::InvalidArgument),
            "{value}"
        );
    }
    assert_eq!(
        config(json!({"seed_amount": i64::MAX})).map_err(|error| error.token),
        Err(Token::AmountOutOfRange)
    );
}

#[test]
fn configuration_survives_json_and_null_takes_a_key_back() {
    let whole = json!({
        "contribution_rate": "0.01", "reserve_rate": "0.002", "seed_amount": 1_000, "max_amount": 5_000,
        "currency": "EUR", "operator_ids": ["acme"], "game_ids": ["game123"], "game_categories": ["slots"],
        "min_wager": 1, "max_wager": 9, "starts_at": "2026-12-01T00:00:00Z", "ends_at": "2026-12-02T00:00:00Z",
        "max_contribution": 7, "verify_above": 2_000, "regulated": true,
        "trigger": {"kind": "scheduled", "every": "6 hours", "anchor": "2026-12-01T00:00:00Z"},
    });
    let parsed = config(whole.clone()).expect("valid");
    assert_eq!(parsed.to_json(), whole);
    let local =
        config(json!({"starts_at": "2026-12-01 00:00:00"})).expect("without an offset it is UTC");
    assert_eq!(local.starts_at, parsed.starts_at);
    let fewer = parsed
        .patched(&json!({"max_amount": null, "operator_ids": null, "ends_at": null, "trigger": null, "regulated": null}))
        .expect("valid");
    assert_eq!((fewer.trigger.kind(), fewer.regulated), ("manual", false));
    assert_eq!((fewer.max_amount, fewer.operator_ids, fewer.ends_at), (None, None, None));
    assert_eq!(fewer.seed_amount, 1_000);
}

#[test]
fn each_key_decides_about_a_wager() {
    let cases = [
        (json!({}), true),
        (json!({"operator_ids": ["acme"]}), true),
        (json!({"operator_ids": ["other"]}), false),
        (json!({"operator_ids": []}), false),
        (json!({"game_ids": ["game123"]}), true),
        (json!({"game_ids": ["game124"]}), false),
        (json!({"game_categories": ["slots"]}), true),
        (json!({"game_categories": ["table"]}), false),
        (json!({"currency": "EUR"}), true),
        (json!({"min_wager": 1_000}), true),
        (json!({"min_wager": 1_001}), false),
        (json!({"max_wager": 1_000}), true),
        (json!({"max_wager": 999}), false),
        (json!({"starts_at": "1970-01-01T00:00:00Z"}), true),
        (json!({"starts_at": "1970-01-01T00:00:01Z"}), false),
        (json!({"ends_at": "1970-01-01T00:00:00Z"}), false),
        (json!({"ends_at": "1970-01-01T00:00:01Z"}), true),
    ];
    let unknown = |_: &str, _: &str| None;
    let take = |status, config: &PoolConfig, wager: &Wager<'_>, named| {
        eligible("mega", status, config, wager, unknown, named)
    };
    for (value, feeds) in cases {
        let config = config(value.clone()).expect("valid");
        let expected =
            if feeds { Eligibility::Feeds(Stake::new(1_000)) } else { Eligibility::PassedOver };
        for named in [false, true] {
            let taken = take(Status::Active, &config, &wager(), named);
            assert_eq!(taken.as_ref(), Ok(&expected), "{value}");
        }
        for status in [Status::Paused, Status::Retired] {
            let passed = take(status, &config, &wager(), false);
            assert_eq!(passed, Ok(Eligibility::PassedOver), "{value}");
            let named = take(status, &config, &wager(), true);
            assert_eq!(named.map_err(|error| error.token), Err(Token::PoolNotActive));
        }
    }
    let restricted = config(json!({"operator_ids": ["acme"], "currency": "USD"})).expect("valid");
    let anonymous = Wager { operator_id: None, currency: None, ..wager() };
    let passed = take(Status::Active, &restricted, &anonymous, true);
    assert_eq!(passed, Ok(Eligibility::PassedOver));
    // Only a wager that is meant for the pool needs a rate.
    let foreign = Wager { operator_id: Some("other"), ..wager() };
    assert_eq!(take(Status::Active, &restricted, &foreign, true), Ok(Eligibility::PassedOver));
    let foreign = take(Status::Active, &restricted, &wager(), true);
    assert_eq!(foreign.map_err(|error| error.token), Err(Token::NoExchangeRate));
}

#[test]
fn a_period_is_kept_as_it_was_written() {
    for every in ["hourly", "daily", "weekly", "1 day", "90 minutes", "1h 30m", "PT2H", "1 second"]
    {
        let trigger = json!({"kind": "scheduled", "every": every});
        let parsed = config(json!({"trigger": trigger})).expect("valid");
        let anchored =
            json!({"kind": "scheduled", "every": every, "anchor": "2024-01-01T00:00:00Z"});
        assert_eq!(parsed.to_json().get("trigger"), Some(&anchored), "{every}");
    }
}

fn snapshots() -> impl Strategy<Value = Snapshot> {
    (1u64..500, 0u64..200, proptest::collection::vec(1u64..700, 0..20))
        .prop_map(|(xmin, width, running)| Snapshot::new(xmin, xmin + width, running))
}

fn looked_up(places: &Places, xid: u64) -> usize {
    usize::from(places.from <= xid && xid < places.end)
        + places.also.iter().filter(|also| **also == xid).count()
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn any_configuration_survives_json(start in configs()) {
        let parsed = config(start).expect("valid");
        prop_assert_eq!(config(parsed.to_json()), Ok(parsed));
    }

    #[test]
    fn a_snapshot_survives_text(snapshot in snapshots()) {
        prop_assert_eq!(snapshot.to_string().parse::<Snapshot>(), Ok(snapshot));
    }

    #[test]
    fn what_is_unseen_is_looked_up_once(snapshot in snapshots(), more in 0u64..100, xid in 1u64..1_000) {
        let end = snapshot.xmax() + more;
        let places = snapshot.unseen(end);
        prop_assert_eq!(looked_up(&places, xid), usize::from(places.contain(xid)));
        prop_assert!(snapshot.sees(xid) || xid >= end || places.contain(xid));
    }

    #[test]
    fn what_has_ended_is_looked_up_once(
        earlier in snapshots(), ends in proptest::collection::vec(any::<bool>(), 20),
        begun in proptest::collection::vec(any::<bool>(), 0..80), xid in 1u64..1_000,
    ) {
        // Of those in progress some have ended; of those begun since some are in progress.
        let old = earlier.in_progress().iter().zip(ends).filter(|(_, ended)| !ended).map(|(xid, _)| *xid);
        let xmax = earlier.xmax() + begun.len() as u64;
        let new = (earlier.xmax()..).zip(&begun).filter(|(_, ended)| !**ended).map(|(xid, _)| xid);
        let now = Snapshot::new(earlier.xmin(), xmax, old.chain(new));
        let places = now.ended_since(&earlier);
        prop_assert!(now.includes(&earlier));
        prop_assert_eq!(looked_up(&places, xid), usize::from(places.contain(xid)));
        prop_assert!(!now.sees(xid) || earlier.sees(xid) || places.contain(xid));
    }

    #[test]
    fn a_part_sees_the_same_up_to_its_end(snapshot in snapshots(), end in 0u64..1_100, xid in 0u64..1_100) {
        let part = snapshot.until(end);
        prop_assert_eq!(part.sees(xid), xid < end && snapshot.sees(xid));
        prop_assert!(snapshot.includes(&part));
    }

    #[test]
    fn inclusion_is_that_of_sets(one in snapshots(), other in snapshots()) {
        let subset = (0..1_000).all(|xid| !other.sees(xid) || one.sees(xid));
        // Equal where the larger xmax says only that the rest has ended.
        prop_assert!(!one.includes(&other) || subset);
    }

    #[test]
    fn ending_a_transaction_makes_a_newer_snapshot(snapshot in snapshots(), begun in 0u64..5) {
        let before = &snapshot;
        if let Some(ended) = before.in_progress().first().copied() {
            let rest = before.in_progress().iter().copied().filter(|xid| *xid != ended);
            let after = Snapshot::new(before.xmin(), before.xmax() + begun, rest.chain(before.xmax()..before.xmax() + begun));
            prop_assert!(after.includes(before) && !before.includes(&after));
            prop_assert!(begun > 0 || after.is_newer_than(before));
            prop_assert!(!before.is_newer_than(&after));
            prop_assert!(after.sees(ended) && !before.sees(ended));
        }
    }
}
