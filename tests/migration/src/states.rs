//! States that the older service kept in memory.

use crate::image::{books, export, image, prove, restored, unchanged};
use crate::moving::{
    count, find, findings, fixture, migrate, moved, number, pools, refused, rollback, statuses,
    text,
};
use crate::server::Database;
use std::collections::BTreeSet;

/// What the clean state shows, whatever its shape.
const CLEAN: &str = "\
major 1000624 version 3 seed 1000000 max 10000000 rate 0.01
mega 10000062 version 120 seed 10000000 max none rate 0.005
minor 100124 version 8 seed 100000 max 1000000 rate 0.02";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clean_state_shows_what_it_showed() {
    let database = Database::create("clean").await;
    let client = database.client().await;
    let state = fixture("clean.json");
    let steps = migrate(&client, &state, "").await.unwrap();
    let names: Vec<&str> = steps.iter().map(|step| step.step.as_str()).collect();
    for step in ["backup", "validate", "pools", "contributions", "wins", "verify"] {
        assert!(names.contains(&step), "{names:?}");
    }
    assert_eq!(moved(&steps), (3, 6, 1), "{steps:#?}");
    assert_eq!(findings(&steps), ["pools.major: not_explained"], "{steps:#?}");
    assert_eq!(pools(&client).await, CLEAN);
    prove(&client).await;

    let backup = find(&steps, "pools").rollback_data.as_ref().unwrap();
    assert_eq!(backup["migration_id"], number(&steps));
    assert_eq!(backup["pools"].as_array().unwrap().len(), 3, "{backup}");
    assert!(backup["backup"]["pools"].as_array().unwrap().is_empty(), "{backup}");

    // Exact amounts, and where they came from: of major's money, 500 from nowhere.
    let exact = "SELECT string_agg(format('%s contributions %s seeds %s adjustments %s wins %s holds %s', pool, trim_scale(contributions), trim_scale(seeds),
                                          trim_scale(adjustments), trim_scale(wins), trim_scale(closing)), E'\\n' ORDER BY pool) FROM jackpot_reconcile()";
    assert_eq!(
        text(&client, exact).await,
        "major contributions 124.84 seeds 1000000 adjustments 500 wins 0 holds 1000624.84\n\
         mega contributions 62.42 seeds 10000000 adjustments 0 wins 0 holds 10000062.42\n\
         minor contributions 2249.68 seeds 200000 adjustments 0 wins 102125 holds 100124.68"
    );
    let opening = "SELECT string_agg(DISTINCT pool, ' ') FROM jackpot_pools() p WHERE EXISTS
                    (SELECT FROM jackpot_history(p.pool, kinds => '{adjust}', max_rows => 1000) WHERE reason LIKE 'opening adjustment%')";
    assert_eq!(text(&client, opening).await, "major mega minor");
    // Who played what, and when.
    let bets = "SELECT string_agg(format('%s %s %s %s %s', h.wager_amount, h.user_id, h.operator_id, h.operation_id, h.metadata -> 'migrated' ->> 'at'), E'\\n' ORDER BY h.id)
                  FROM jackpot_history('minor', kinds => '{contribution}') h WHERE h.operation_id ~ '^b-'";
    assert_eq!(
        text(&client, bets).await,
        "1000 ann acme b-1 2024-03-01T10:00:00.000000Z\n250 bob  b-2 2024-03-01T11:00:00.123000Z\n\
         100000 cem 🎰  b-4 2024-03-01T13:00:00.000000Z\n1234 ann  b-5 2024-03-01T14:00:00.000000Z"
    );
    let won = "SELECT format('%s %s %s %s', at AT TIME ZONE 'UTC', user_id, win_amount, operation_id) FROM jackpot.win";
    assert_eq!(text(&client, won).await, "2024-03-01 13:30:00 cem 🎰 102125 b-4-win");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_run_changes_nothing() {
    let database = Database::create("again").await;
    let client = database.client().await;
    let state = fixture("clean.json");
    let first = migrate(&client, &state, "").await.unwrap();
    let (before, told) = (image(&client).await, export(&client, true).await);
    for again in [&state, &fixture("clean_snake.json")] {
        let steps = migrate(&client, again, "").await.unwrap();
        for step in ["pools", "contributions", "wins"] {
            assert_eq!(find(&steps, step).status, "unchanged", "{steps:#?}");
        }
        assert_eq!(moved(&steps), (0, 0, 0), "{steps:#?}");
        restored(&client, &before, "a second run").await;
        assert_eq!(export(&client, true).await, told);
    }
    assert_eq!(number(&first), 1);
    prove(&client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_shape_and_every_order_of_steps_gives_the_same() {
    let database = Database::create("whole").await;
    let client = database.client().await;
    migrate(&client, &fixture("clean.json"), "").await.unwrap();
    let (expected, told) = (books(&client).await, export(&client, true).await);

    let snake = Database::create("snake").await.client().await;
    migrate(&snake, &fixture("clean_snake.json"), "batch_size => 1").await.unwrap();
    assert_eq!(books(&snake).await, expected);
    assert_eq!(export(&snake, true).await, told);
    prove(&snake).await;

    let piecemeal = Database::create("steps").await.client().await;
    let mut shown = String::new();
    for step in
        ["backup", "validate", "pools", "contributions", "wins", "voids", "triggers", "verify"]
    {
        let options = format!("steps => '{{{step}}}'");
        let steps = migrate(&piecemeal, &fixture("clean.json"), &options).await.unwrap();
        // Whatever is to be done, its rows are read and checked.
        let told: BTreeSet<&str> = steps.iter().map(|step| step.step.as_str()).collect();
        assert!(
            told.contains(step) && told.is_subset(&BTreeSet::from([step, "validate"])),
            "{told:?}"
        );
        prove(&piecemeal).await;
        shown = pools(&piecemeal).await;
        // Taking over history changes nothing that is shown.
        assert_eq!(
            shown,
            if ["backup", "validate"].contains(&step) { "" } else { CLEAN },
            "{step}"
        );
    }
    assert_eq!(shown, CLEAN);
    assert_eq!(books(&piecemeal).await, expected);
    assert_eq!(export(&piecemeal, true).await, told);
    for step in ["pools", "contributions", "wins", "verify"] {
        let options = format!("steps => '{{{step}}}'");
        let steps = migrate(&piecemeal, &fixture("clean.json"), &options).await.unwrap();
        assert_eq!(moved(&steps), (0, 0, 0), "{steps:#?}");
    }
    assert_eq!(books(&piecemeal).await, expected);
    let (state, detail) =
        refused(migrate(&piecemeal, &fixture("clean.json"), "steps => '{pools,tidy}'").await);
    assert!(state == "22023" && detail.starts_with("invalid_argument"), "{state} {detail}");
}

/// Rows of one bet in the histories of several pools are one bet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_within_the_pools() {
    let database = Database::create("nested").await;
    let client = database.client().await;
    let steps = migrate(&client, &fixture("nested.json"), "").await.unwrap();
    assert_eq!(findings(&steps), [""; 0], "{steps:#?}");
    assert_eq!(
        pools(&client).await,
        "major 1000050 version 6 seed 1000000 max none rate 0.01\nminor 100125 version 5 seed 100000 max none rate 0.02"
    );
    assert_eq!(count(&client, "SELECT count(*) FROM jackpot.ledger").await, 3);
    let wagered = "SELECT string_agg(format('%s %s %s', pool, total_contributions, total_wagered), ', ' ORDER BY pool) FROM jackpot_pools()";
    assert_eq!(text(&client, wagered).await, "major 2 6000, minor 3 6250");
    assert_eq!(
        count(
            &client,
            "SELECT sum(amount)::bigint FROM jackpot_history('minor', kinds => '{adjust}')"
        )
        .await,
        0
    );
    prove(&client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_says_what_would_be_done_and_does_nothing() {
    let database = Database::create("dry").await;
    let client = database.client().await;
    client
        .batch_execute(
            "SELECT jackpot_create_pool('own', 0.01, 100); SELECT jackpot_contribute('game', 100)",
        )
        .await
        .unwrap();
    let (before, told) = (image(&client).await, export(&client, true).await);
    let state = fixture("clean.json");
    let planned = migrate(&client, &state, "dry_run => true").await.unwrap();
    assert_eq!(statuses(&planned), ["planned"], "{planned:#?}");
    assert_eq!(moved(&planned), (3, 6, 1), "{planned:#?}");
    assert_eq!(findings(&planned), ["pools.major: not_explained"], "{planned:#?}");
    for options in [
        "dry_run => true, steps => '{pools}'",
        "dry_run => true, repair => true",
        "dry_run => true, batch_size => 1, backup => false",
    ] {
        migrate(&client, &state, options).await.unwrap();
    }
    let dirty = migrate(&client, &fixture("dirty.json"), "dry_run => true").await.unwrap();
    assert!(dirty.iter().any(|step| step.status == "refused"), "{dirty:#?}");
    unchanged(&client, &before, "").await;
    assert_eq!(export(&client, true).await, told);
    prove(&client).await;
}

/// Where nothing has ever happened, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_leaves_no_trace_in_an_empty_database() {
    let client = Database::create("untouched").await.client().await;
    let tables = "SELECT string_agg(c.relname, ' ' ORDER BY c.relname) FROM pg_class c WHERE c.relnamespace = 'jackpot'::regnamespace";
    let rows = "SELECT (SELECT count(*) FROM jackpot.mark) + (SELECT count(*) FROM jackpot.pool) + (SELECT count(*) FROM jackpot.migration)";
    let before = (text(&client, tables).await, count(&client, rows).await);
    let planned = migrate(&client, &fixture("clean.json"), "dry_run => true").await.unwrap();
    assert_eq!(statuses(&planned), ["planned"], "{planned:#?}");
    assert_eq!((text(&client, tables).await, count(&client, rows).await), before);
}

/// A migration does not meddle with pools that are there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pools_that_exist_are_refused() {
    let database = Database::create("exists").await;
    let client = database.client().await;
    client.batch_execute("SELECT jackpot_create_pool('minor', 0.01, 100); SELECT jackpot_contribute('game', 100)").await.unwrap();
    let before = image(&client).await;
    let (state, detail) = refused(migrate(&client, &fixture("clean.json"), "").await);
    assert!(
        ["22023", "42710"].contains(&state.as_str()) && detail.contains("pool_exists"),
        "{state} {detail}"
    );
    unchanged(&client, &before, "").await;
    prove(&client).await;
}

/// History has to be there before the pool plays: a cycle of the past cannot be put before a bet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_comes_before_bets() {
    let database = Database::create("late_history").await;
    let client = database.client().await;
    let state = fixture("clean.json");
    migrate(&client, &state, "steps => '{pools}'").await.unwrap();
    client
        .batch_execute("SELECT jackpot_contribute('game', 1000, operation_id => 'new')")
        .await
        .unwrap();
    let before = image(&client).await;
    let (code, detail) = refused(migrate(&client, &state, "steps => '{contributions}'").await);
    assert_eq!(code, "55000", "{detail}");
    restored(&client, &before, "history that is refused").await;
    prove(&client).await;
}

/// The mended state, and what was written down of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dirty_state_is_refused_or_mended() {
    let database = Database::create("dirty").await;
    let client = database.client().await;
    let state = fixture("dirty.json");
    let before = image(&client).await;
    let (code, detail) = refused(migrate(&client, &state, "").await);
    assert!(code == "22023" && detail.starts_with("invalid_argument"), "{code} {detail}");
    assert!(detail.contains("pools[1]") && detail.contains("missing_group"), "{detail}");
    unchanged(&client, &before, "").await;

    let steps = migrate(&client, &state, "repair => true").await.unwrap();
    let found = findings(&steps);
    for expected in [
        "pools[1]: missing_group",
        "pools[2]: duplicate_pool",
        "pools[3]: negative_amount",
        "pools[4]: below_seed",
        "pools[5]: rate_out_of_range",
        "pools[6]: rate_out_of_range",
        "pools[7]: too_many_decimals",
        "pools[8]: null_value",
        "pools[9]: text_for_number",
        "pools[10]: max_below_seed",
        "pools[11]: above_max",
        "pools[12]: malformed",
        "contributions[1]: duplicate_operation",
        "contributions[2]: unknown_pool",
        "contributions[3]: negative_amount",
        "contributions[4]: malformed",
        "contributions[5]: null_value",
        "contributions[6]: missing_group",
        "contributions[7]: null_value",
        "contributions[8]: text_for_number",
        "wins[1]: negative_amount",
        "wins[2]: unknown_pool",
        "wins[3]: duplicate_operation",
        "wins[4]: null_value",
        "wins[5]: missing_group",
    ] {
        assert!(found.iter().any(|finding| finding == expected), "no {expected}: {found:#?}");
    }
    assert_eq!(
        pools(&client).await,
        "empty 0 version 1 seed 0 max none rate 0\n\
         fine 12 version 1 seed 0 max none rate 0\n\
         high 500 version 1 seed 0 max 500 rate 0\n\
         inverted 100 version 1 seed 100 max none rate 0\n\
         major 1000 version 1 seed 1000 max none rate 0\n\
         mega 1000 version 1 seed 1000 max none rate 0\n\
         minor 150000 version 9 seed 100000 max 1000000 rate 0.02\n\
         percent 100 version 1 seed 0 max none rate 0.02\n\
         unnamed_1 77 version 1 seed 0 max none rate 0\n\
         wild 100 version 1 seed 0 max none rate 0\n\
         worded 1500 version 1 seed 0 max none rate 0"
    );
    assert_eq!(moved(&steps), (11, 3, 1), "{steps:#?}");
    assert_eq!(
        text(&client, "SELECT trim_scale(closing)::text FROM jackpot_reconcile('{fine}')").await,
        "12.123456"
    );
    prove(&client).await;

    let again = migrate(&client, &state, "repair => true").await.unwrap();
    assert_eq!(moved(&again), (0, 0, 0), "{again:#?}");
    let (status, ..) = rollback(&client, &number(&steps).to_string()).await.unwrap();
    assert_eq!(status, "rolled_back");
    restored(&client, &before, "").await;
    prove(&client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_state_is_refused() {
    let database = Database::create("nonsense").await;
    let client = database.client().await;
    let before = image(&client).await;
    for nonsense in [
        "[]",
        "1",
        "\"minor\"",
        r#"{"pools": 5}"#,
        r#"{"pools": {"minor": []}}"#,
        r#"{"contributions": {}}"#,
        r#"{"pools": {"minor": {"currentAmount": 99999999999999999999}}}"#,
        r#"{"pools": {"minor": {"currentAmount": 1e400, "seedAmount": 0}}}"#,
        r#"{"format": "jackpot/2", "pools": []}"#,
        r#"{"Jackpots": {"minor": {"currentAmount": 5, "seedAmount": 0, "rate": 0}}}"#,
    ] {
        let (code, detail) = refused(migrate(&client, nonsense, "").await);
        assert!(
            code == "22023" && detail.starts_with("invalid_argument"),
            "{nonsense}: {code} {detail}"
        );
    }
    for options in ["batch_size => 0", "batch_size => -1"] {
        let (code, _) = refused(migrate(&client, &fixture("clean.json"), options).await);
        assert_eq!(code, "22023", "{options}");
    }
    unchanged(&client, &before, "").await;
    prove(&client).await;
}
