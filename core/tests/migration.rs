//! Moving in: whatever stands in a row, what is taken over is sound; and a clean row is taken as it
//! is.

use jackpot_core::Micros;
use jackpot_core::migration::{Fields, Replay, contribution, pool, win};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn anything() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        (-5i64..200).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0f64..2.0).prop_map(Value::from),
        "[a-z0-9.]{0,12}".prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(json!([1])),
        Just(json!({"minor": 5, "major": "x", "mega": -1})),
    ]
}

fn rows() -> impl Strategy<Value = Map<String, Value>> {
    let keys = prop::sample::select(vec![
        "group",
        "jackpotType",
        "currentAmount",
        "current_amount",
        "seedAmount",
        "maxAmount",
        "contributionRate",
        "rate",
        "version",
        "status",
        "config",
        "minBet",
        "wagerAmount",
        "contributions",
        "contributionAmount",
        "gameId",
        "userId",
        "betTransactionId",
        "timestamp",
        "winAmount",
        "amountWon",
        "reserve",
    ]);
    prop::collection::vec((keys, anything()), 0..12)
        .prop_map(|pairs| pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

proptest! {
    #[test]
    fn a_mended_pool_is_sound(row in rows()) {
        let fields = Fields::default();
        let (read, _) = pool(&row, &fields, 3);
        let read = read.unwrap();
        prop_assert!(!read.pool.is_empty() && read.pool.chars().count() <= 100);
        prop_assert!(read.meter >= Micros::from_minor_units(read.config.seed_amount));
        prop_assert!(read.meter.bigint().is_ok() && read.reserve >= Micros::ZERO);
        prop_assert!(read.version >= 1);
        // It can be made: its configuration is one.
        let again = jackpot_core::PoolConfig::default().patched(&read.config.to_json()).unwrap();
        prop_assert_eq!(&again, &read.config);
        // Read back from what is kept of it, it is the same.
        let kept = object(json!({
            "pool": read.pool, "config": read.config.to_json(), "meter": read.meter.to_string(),
            "reserve": read.reserve.to_string(), "version": read.version, "status": read.status.as_str(),
        }));
        let (same, findings) = pool(&kept, &Fields::of_export(), 9);
        prop_assert!(findings.iter().all(|finding| finding.repair.is_none()), "{findings:?}");
        prop_assert_eq!(same.unwrap(), read);
    }

    #[test]
    fn mended_history_is_sound(row in rows()) {
        let fields = Fields::default();
        let (read, findings) = contribution(&row, &fields, None);
        prop_assert!(read.is_some() || !findings.is_empty() || row.contains_key("contributions"));
        if let Some(read) = read {
            prop_assert!(read.wager_amount >= 0 && !read.game_id.is_empty());
            prop_assert!(!read.shares.is_empty());
            for share in &read.shares {
                prop_assert!(share.display >= Micros::ZERO && share.display.bigint().is_ok());
            }
        }
        let (read, findings) = win(&row, &fields, None);
        prop_assert!(read.is_some() || !findings.is_empty());
        if let Some(read) = read {
            prop_assert!(read.win_amount > 0);
        }
    }

    #[test]
    fn a_replay_conserves(seed in 0i64..1_000_000, steps in prop::collection::vec((any::<bool>(), 1i64..2_000_000), 0..40)) {
        let mut replay = Replay::new(Micros::from_minor_units(seed), seed);
        let (mut put_in, mut paid) = (Micros::from_minor_units(seed), Micros::ZERO);
        for (is_win, amount) in steps {
            if is_win {
                let replayed = replay.win(amount).unwrap();
                paid = paid.plus(Micros::from_minor_units(amount)).unwrap();
                put_in = put_in.plus(replayed.top_up).unwrap();
                prop_assert!(replayed.top_up >= Micros::ZERO && replayed.top_up <= Micros::from_minor_units(seed));
                prop_assert!(replayed.previous_amount >= amount && replayed.current_amount >= 0);
            } else {
                replay.add(Micros::from_minor_units(amount)).unwrap();
                put_in = put_in.plus(Micros::from_minor_units(amount)).unwrap();
            }
            prop_assert_eq!(replay.meter, put_in.minus(paid).unwrap());
        }
    }
}

#[test]
fn a_clean_pool_is_taken_as_it_is() {
    let row = object(json!({
        "group": "minor", "currentAmount": 150_000, "seedAmount": 100_000, "maxAmount": 1_000_000,
        "contributionRate": 0.02, "minBet": 20, "version": 17, "totalContributions": 50_000,
    }));
    let (read, findings) = pool(&row, &Fields::default(), 0);
    let read = read.unwrap();
    assert_eq!(findings, []);
    assert_eq!((read.pool.as_str(), read.version), ("minor", 17));
    assert_eq!(read.meter, Micros::from_minor_units(150_000));
    assert_eq!(read.config.contribution_rate.to_string(), "0.02");
    assert_eq!(read.config.max_amount, Some(1_000_000));
    assert_eq!(read.config.min_wager, Some(20));
}

#[test]
fn each_wrong_has_its_token() {
    let wrong = |extra: Value| {
        let mut row = object(
            json!({"group": "minor", "current_amount": 100, "seed_amount": 100, "rate": 0.01}),
        );
        row.extend(object(extra));
        let (_, findings) = pool(&row, &Fields::default(), 0);
        findings.into_iter().map(|finding| finding.token).collect::<Vec<_>>()
    };
    assert_eq!(wrong(json!({"group": null})), ["missing_group"]);
    assert_eq!(wrong(json!({"current_amount": -1})), ["negative_amount"]);
    assert_eq!(wrong(json!({"current_amount": 99})), ["below_seed"]);
    assert_eq!(wrong(json!({"current_amount": null})), ["null_value"]);
    assert_eq!(wrong(json!({"current_amount": "100"})), ["text_for_number"]);
    assert_eq!(wrong(json!({"current_amount": "lots"})), ["text_for_number", "null_value"]);
    assert_eq!(wrong(json!({"current_amount": 100.1234567})), ["too_many_decimals"]);
    assert_eq!(wrong(json!({"rate": 2})), ["rate_out_of_range"]);
    assert_eq!(wrong(json!({"rate": -0.1})), ["rate_out_of_range"]);
    assert_eq!(wrong(json!({"seed_amount": null})), ["null_value"]);
    assert_eq!(wrong(json!({"max_amount": 50})), ["max_below_seed"]);
    assert_eq!(wrong(json!({"max_amount": 100, "current_amount": 200})), ["above_max"]);
    assert_eq!(wrong(json!({"status": "open"})), ["malformed"]);
}

#[test]
fn names_and_moments_are_read_in_all_their_forms() {
    let fields = Fields::new(&json!({"pool": "tier", "rename": {"MINI": "minor"}})).unwrap();
    let row = object(json!({
        "tier": "MINI", "contributionAmount": 20, "wager_amount": 1000, "gameId": "g", "betTransactionId": "b",
        "createdAt": "2025-11-01 04:47:00", "operator_id": "o",
    }));
    let (read, findings) = contribution(&row, &fields, None);
    let read = read.unwrap();
    assert_eq!(findings, []);
    assert_eq!(read.shares[0].pool, "minor");
    assert_eq!(read.at.unwrap().to_string(), "2025-11-01T04:47:00Z");
    let row = object(
        json!({"group": "x", "amountWon": 5, "gameId": "g", "timeStampOfWin": 1_761_972_420_000_i64}),
    );
    let (read, findings) = win(&row, &Fields::default(), None);
    assert_eq!(findings, []);
    assert_eq!(read.unwrap().at.unwrap().to_string(), "2025-11-01T04:47:00Z");
    assert!(Fields::new(&json!({"nonsense": "column"})).is_err());
    let row = object(json!({
        "jackpotGROUP": "x", "contributionAmount": 20, "gameID": "g", "userID": 7, "betTransactionID": "b-1",
        "timestamp": 1_761_972_420,
    }));
    let (read, findings) = contribution(&row, &Fields::default(), None);
    let read = read.unwrap();
    assert_eq!(read.operation_id.as_deref(), Some("b-1"));
    assert_eq!((read.game_id.as_str(), read.user_id.as_deref()), ("g", Some("7")));
    assert_eq!(read.at.unwrap().to_string(), "2025-11-01T04:47:00Z");
    let tokens: Vec<&str> = findings.iter().map(|finding| finding.token).collect();
    assert_eq!(tokens, ["null_value", "malformed"], "no wager, and seconds: {findings:?}");
}

#[test]
fn nothing_is_left_out_without_a_word() {
    let tokens = |row: Value| {
        let (read, findings) = contribution(&object(row), &Fields::default(), None);
        (read.is_some(), findings.iter().map(|finding| finding.token).collect::<Vec<_>>())
    };
    let bet = |contributions: Value, id: Value| json!({"gameId": "g", "wagerAmount": 5, "contributions": contributions, "betTransactionId": id});
    assert_eq!(tokens(bet(json!({"minor": 1}), json!("b"))), (true, vec![]));
    assert_eq!(tokens(bet(json!({}), json!("b"))), (false, vec!["no_share"]));
    assert_eq!(tokens(bet(json!({"minor": 0}), json!("b"))), (false, vec!["no_share"]));
    assert_eq!(tokens(bet(json!({"minor": 1}), json!({"id": 1}))), (true, vec!["malformed"]));
}
