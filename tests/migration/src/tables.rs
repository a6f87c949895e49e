//! The older service's tables, in both of their shapes, and tables that are called otherwise.

use crate::image::{books, image, prove, restored, unchanged};
use crate::moving::{
    count, findings, fixture, import, migrate, moved, number, old_tables, pools, refused, rollback,
    statuses, text,
};
use crate::server::Database;

const TABLES: [&str; 3] = ["jackpots", "jackpot_contribution_history", "jackpot_win_history"];

/// What the old table shows and the pools do not.
const DIFFERENT: &str = r#"
    SELECT string_agg(format('%s: %s %s, was %s %s', o."group", n.current_amount, n.version, o.current_amount, o.version), E'\n')
      FROM jackpots o LEFT JOIN jackpot_pools() n ON n.pool = o."group"::text
     WHERE (floor(o.current_amount), o.seed_amount, o.max_amount, o.contribution_rate::text::numeric, o.version)
           IS DISTINCT FROM (n.current_amount, n.seed_amount, n.max_amount, n.contribution_rate, n.version)"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_shape() {
    let database = Database::create("late").await;
    let client = database.client().await;
    old_tables(&database, "late", 0);
    let before = image(&client).await;
    let planned = import(&client, "jackpots", "dry_run => true").await.unwrap();
    assert_eq!(statuses(&planned), ["planned"], "{planned:#?}");
    assert_eq!(moved(&planned), (3, 0, 0), "{planned:#?}");
    unchanged(&client, &before, "").await;

    // In small batches, so that the rows of a bet come in different ones.
    let expected = [(3, 0, 0), (0, 4, 0), (0, 0, 1)];
    for (table, expected) in TABLES.into_iter().zip(expected) {
        let steps = import(&client, table, "batch_size => 2").await.unwrap();
        assert_eq!(moved(&steps), expected, "{table}: {steps:#?}");
        assert_eq!(statuses(&steps), ["completed"], "{table}: {steps:#?}");
        assert_eq!(text(&client, DIFFERENT).await, "", "{table}");
        prove(&client).await;
    }
    // One bet for the rows of each bet.
    let bets = "SELECT string_agg(format('%s %s %s', operation_id, wager_amount, cardinality(pool_ids)), ', ' ORDER BY operation_id) FROM jackpot.ledger";
    assert_eq!(text(&client, bets).await, "b-1 1000 3, b-2 500 1, b-3 5000 3, b-4 1000 1");
    let totals = "SELECT string_agg(format('%s %s %s %s', pool, total_contributions, total_wagered, total_wins), ', ' ORDER BY pool) FROM jackpot_pools()";
    assert_eq!(text(&client, totals).await, "major 2 6000 0, mega 2 6000 0, minor 4 7500 1");
    let unexplained = "SELECT string_agg(pool || ' ' || trim_scale(adjustments), ', ' ORDER BY pool) FROM jackpot_reconcile() WHERE adjustments <> 0";
    assert_eq!(text(&client, unexplained).await, "major 675");

    let unchanged = books(&client).await;
    for table in TABLES {
        let steps = import(&client, table, "").await.unwrap();
        assert!(!statuses(&steps).contains(&"running"), "{table}: {steps:#?}");
        assert_eq!(moved(&steps), (0, 0, 0), "{table}: {steps:#?}");
    }
    assert_eq!(books(&client).await, unchanged);
    prove(&client).await;

    // The queries of the old service go on.
    let view = r#"SELECT string_agg(format('%s %s %s', "group", current_amount, version), ', ' ORDER BY "group") FROM jackpot.jackpots"#;
    assert_eq!(text(&client, view).await, "major 1000735 4, mega 10000030 993, minor 100020 6");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_shape() {
    let database = Database::create("early").await;
    let client = database.client().await;
    old_tables(&database, "early", 0);
    let mapping = r#"mapping => '{"rename": {"MINOR": "minor", "MAJOR": "major"}}'"#;
    let steps = import(&client, "jackpots", mapping).await.unwrap();
    assert_eq!(moved(&steps), (2, 3, 1), "{steps:#?}");
    // There were no versions: they begin with 1.
    assert_eq!(
        pools(&client).await,
        "major 1000050 version 1 seed 1000000 max none rate 0.01\nminor 100125 version 1 seed 100000 max 1000000 rate 0.02"
    );
    prove(&client).await;

    // The same as its rows in JSON.
    let other = Database::create("early_state").await.client().await;
    let state = fixture("nested.json")
        .replace(r#""version": 5"#, r#""maxAmount": 1000000"#)
        .replace(r#""version": 6"#, r#""version": 1"#);
    migrate(&other, &state, "").await.unwrap();
    let (mut ours, mut theirs) = (books(&client).await, books(&other).await);
    // Without a bet's name its contents name it, and these differ in where it stood.
    for books in [&mut ours, &mut theirs] {
        books.remove("operations");
        books.remove("ledger");
    }
    assert_eq!(ours["pools"].replace("\"min_wager\": 0, ", ""), theirs["pools"]);
    assert_eq!(ours["journal"], theirs["journal"]);
}

/// Each of the three columns may be missing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_and_without_versions() {
    let database = Database::create("columns").await;
    let client = database.client().await;
    old_tables(&database, "late", 0);
    client
        .batch_execute("DELETE FROM jackpot_contribution_history; DELETE FROM jackpot_win_history")
        .await
        .unwrap();
    let empty = image(&client).await;
    for (column, version) in [("last_modified_at", 993), ("lock_holder", 993), ("version", 1)] {
        client.batch_execute(&format!("ALTER TABLE jackpots DROP COLUMN {column}")).await.unwrap();
        let steps = import(&client, "jackpots", "").await.unwrap();
        assert_eq!(moved(&steps), (3, 0, 0), "{steps:#?}");
        assert_eq!(
            count(&client, "SELECT version FROM jackpot_pools('{mega}')").await,
            version,
            "without {column}"
        );
        prove(&client).await;
        rollback(&client, &number(&steps).to_string()).await.unwrap();
        restored(&client, &empty, "").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_of_ones_own() {
    let database = Database::create("mapping").await;
    let client = database.client().await;
    client
        .batch_execute(
            r#"CREATE SCHEMA "Old Casino";
               CREATE TABLE "Old Casino"."Progressives" ("Meter Name" text, "in cents" bigint, "start" int, "per cent""age" numeric, note text);
               INSERT INTO "Old Casino"."Progressives" VALUES ('MINOR', 150, 100, 0.02, 'x'), ('MAJOR', 1500, 1000, 0.01, 'y');
               CREATE TABLE "Old Casino".bets (meter text, slice numeric, stake int, round bigint, game int, "when" date);
               INSERT INTO "Old Casino".bets VALUES ('MINOR', 20, 1000, 1, 7, '2024-03-01'), ('MAJOR', 10, 1000, 1, 7, '2024-03-01'), ('MINOR', 4, 200, 2, 8, '2024-03-02');
               CREATE TABLE "Old Casino".prizes (meter text, who text, cents int, game int);
               INSERT INTO "Old Casino".prizes VALUES ('MAJOR', 'ann', 5, 7);"#,
        )
        .await
        .unwrap();
    let rename = r#""rename": {"MINOR": "minor", "MAJOR": "major"}"#;
    let sources = [
        (
            r#""Old Casino"."Progressives""#,
            r#""pool": "Meter Name", "current_amount": "in cents", "seed_amount": "start", "contribution_rate": "per cent\"age""#,
            (2, 0, 0),
        ),
        (
            r#""Old Casino".bets"#,
            r#""kind": "contributions", "pool": "meter", "contribution_amount": "slice", "wager_amount": "stake", "operation_id": "round", "game_id": "game", "at": "when""#,
            (0, 2, 0),
        ),
        (
            r#""Old Casino".prizes"#,
            r#""kind": "wins", "pool": "meter", "user_id": "who", "win_amount": "cents", "game_id": "game""#,
            (0, 0, 1),
        ),
    ];
    for (source, mapping, expected) in sources {
        let wrong = format!("mapping => '{{{rename}, {mapping}, \"seed_amount\": \"absent\"}}'");
        let (code, detail) = refused(import(&client, source, &wrong).await);
        assert!(code == "22023" && detail.contains("absent"), "{code} {detail}");
        let steps = import(&client, source, &format!("mapping => '{{{rename}, {mapping}}}'"))
            .await
            .unwrap();
        assert_eq!(moved(&steps), expected, "{source}: {steps:#?}");
        prove(&client).await;
    }
    assert_eq!(
        pools(&client).await,
        "major 1500 version 1 seed 1000 max none rate 0.01\nminor 150 version 1 seed 100 max none rate 0.02"
    );
    let bets = "SELECT string_agg(format('%s %s %s %s', operation_id, game_id, wager_amount, cardinality(pool_ids)), ', ' ORDER BY id) FROM jackpot.ledger";
    assert_eq!(text(&client, bets).await, "1 7 1000 2, 2 8 200 1");
    // A mapping that is none.
    for mapping in [
        "[]",
        r#"{"colour": "note"}"#,
        r#"{"kind": "prizes"}"#,
        r#"{"pool": 5}"#,
        r#"{"rename": ["minor"]}"#,
        r#"{"pool": "note; DROP TABLE jackpots"}"#,
    ] {
        let (code, detail) = refused(
            import(&client, r#""Old Casino"."Progressives""#, &format!("mapping => '{mapping}'"))
                .await,
        );
        assert!(
            code == "22023" && detail.starts_with("invalid_argument"),
            "{mapping}: {code} {detail}"
        );
    }
    prove(&client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_dirty() {
    let found = [
        (
            "jackpots",
            "early_dirty",
            vec![
                "jackpots[1] id=2: missing_group",
                "jackpots[2] id=3: negative_amount",
                "jackpots[2] id=3: rate_out_of_range",
                "jackpots[3] id=4: text_for_number",
                "jackpots[4] id=5: duplicate_pool",
            ],
        ),
        (
            "jackpots",
            "late_dirty",
            vec![
                "jackpots[1] id=2: duplicate_pool",
                "jackpots[2] id=3: missing_group",
                "jackpots[3] id=4: negative_amount",
                "jackpots[3] id=4: rate_out_of_range",
                "jackpots[4] id=5: below_seed",
                "jackpots[4] id=5: max_below_seed",
                "jackpots[4] id=5: rate_out_of_range",
                "jackpots[5] id=6: too_many_decimals",
                "jackpots[6] id=7: null_value",
                "jackpots[7] id=8: above_max",
            ],
        ),
        (
            "jackpot_contribution_history",
            "",
            vec![
                "jackpot_contribution_history[1] id=2: duplicate_operation",
                "jackpot_contribution_history[2] id=3: unknown_pool",
                "jackpot_contribution_history[3] id=4: negative_amount",
                "jackpot_contribution_history[4] id=5: null_value",
                "jackpot_contribution_history[5] id=6: missing_group",
                "jackpot_contribution_history[6] id=7: null_value",
                "jackpot_contribution_history[7] id=8: too_many_decimals",
            ],
        ),
        (
            "jackpot_win_history",
            "",
            vec![
                "jackpot_win_history[1] id=2: negative_amount",
                "jackpot_win_history[2] id=3: unknown_pool",
                "jackpot_win_history[3] id=4: duplicate_operation",
                "jackpot_win_history[4] id=5: null_value",
                "jackpot_win_history[5] id=6: missing_group",
            ],
        ),
    ];
    let mut last = None;
    for (table, fixture, expected) in found {
        let database = match last.take() {
            Some(database) if fixture.is_empty() => database,
            _ => {
                let database = Database::create(fixture).await;
                old_tables(&database, fixture, 0);
                database
            }
        };
        let client = database.client().await;
        let before = image(&client).await;
        let (code, detail) = refused(import(&client, table, "").await);
        assert!(code == "22023" && detail.contains(&format!("{table}[")), "{code} {detail}");
        let planned = import(&client, table, "dry_run => true").await.unwrap();
        assert!(planned.iter().any(|step| step.status == "refused"), "{planned:#?}");
        unchanged(&client, &before, "").await;
        for batch_size in [10_000, 1] {
            let options = format!("repair => true, batch_size => {batch_size}");
            let steps = import(&client, table, &options).await.unwrap();
            if batch_size == 10_000 {
                for expected in &expected {
                    assert!(
                        findings(&steps).iter().any(|finding| finding == expected),
                        "no {expected}: {:#?}",
                        findings(&steps)
                    );
                }
                assert_ne!(moved(&steps), (0, 0, 0), "{steps:#?}");
            } else {
                assert_eq!(moved(&steps), (0, 0, 0), "{steps:#?}");
            }
            prove(&client).await;
        }
        last = Some(database);
    }
}

/// The same rows in one batch, in batches of one, and a batch a call.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_size_of_batches_gives_the_same() {
    let mut first = None;
    for (size, options) in [(10_000, ""), (7, ""), (10, ", max_batches => 1")] {
        let database = Database::create(&format!("batches_{size}")).await;
        let client = database.client().await;
        old_tables(&database, "large", 900);
        for table in TABLES {
            loop {
                let steps = import(&client, table, &format!("batch_size => {size}{options}"))
                    .await
                    .unwrap();
                prove(&client).await;
                // Amounts and versions stay what they were, all the way.
                assert_eq!(text(&client, DIFFERENT).await, "", "{table}");
                if !statuses(&steps).contains(&"running") {
                    break;
                }
            }
        }
        assert_eq!(count(&client, "SELECT count(*) FROM jackpot.ledger").await, 300);
        let books = books(&client).await;
        assert_eq!(&books, first.get_or_insert(books.clone()), "batches of {size}");
    }
}

/// While the pools are paused, history can be taken over though bets come in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn into_paused_pools() {
    let database = Database::create("paused").await;
    let client = database.client().await;
    old_tables(&database, "late", 0);
    client.batch_execute("SELECT jackpot_create_pool('own', 0.01, 100)").await.unwrap();
    import(&client, "jackpots", "paused => true").await.unwrap();
    for table in &TABLES[1..] {
        assert_eq!(
            text(&client, "SELECT string_agg(pool, ' ') FROM jackpot_contribute('slot1', 1000)")
                .await,
            "own"
        );
        import(&client, table, "paused => true").await.unwrap();
        prove(&client).await;
    }
    let status =
        "SELECT string_agg(DISTINCT status, ' ') FROM jackpot_pools('{minor, major, mega}')";
    assert_eq!(text(&client, status).await, "paused");
    client
        .batch_execute("SELECT jackpot_resume(pool) FROM jackpot_pools('{minor, major, mega}')")
        .await
        .unwrap();
    assert_eq!(
        text(
            &client,
            "SELECT string_agg(pool, ' ' ORDER BY pool) FROM jackpot_contribute('slot1', 1000)"
        )
        .await,
        "major mega minor own"
    );
    prove(&client).await;
}
