//! Back to exactly what was there before.

use crate::image::{export, image, prove, restored, unchanged};
use crate::moving::{
    count, find, fixture, import, migrate, number, old_tables, pools, refused, rollback, text,
};
use crate::server::{Database, connect};
use serde_json::Value;
use tokio_postgres::Client;

/// A database in which something plays already.
async fn stage(name: &str) -> (Database, Client) {
    let database = Database::create(name).await;
    let client = database.client().await;
    client
        .batch_execute(
            "SELECT jackpot_create_pool('own', 0.01, 100, reserve_rate => 0.001);
             SELECT jackpot_contribute('game', 1000, operation_id => 'own-1');
             SELECT jackpot_win('own', 'game', 'ann')",
        )
        .await
        .unwrap();
    (database, client)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaves_nothing_behind() {
    let (database, client) = stage("rollback").await;
    let (before, told, told_all) =
        (image(&client).await, export(&client, false).await, export(&client, true).await);
    for state in ["clean.json", "clean_snake.json", "nested.json"] {
        let steps = migrate(&client, &fixture(state), "batch_size => 2").await.unwrap();
        let id = number(&steps);
        let moved = crate::moving::moved(&steps);
        let migrated = image(&client).await;
        let (status, ..) =
            rollback(&client, &format!("{id}, validate_only => true")).await.unwrap();
        assert_eq!(status, "possible");
        unchanged(&client, &migrated, "").await;
        let (status, pools, contributions, wins, lost) =
            rollback(&client, &id.to_string()).await.unwrap();
        assert_eq!(
            (status.as_str(), (pools, contributions, wins)),
            ("rolled_back", moved),
            "{lost}"
        );
        restored(&client, &before, "").await;
        assert_eq!(export(&client, false).await, told);
        assert_eq!(export(&client, true).await, told_all);
        let (status, ..) = rollback(&client, &id.to_string()).await.unwrap();
        assert_eq!(status, "unchanged");
        prove(&client).await;
    }
    // Tables, in three calls: the history goes with the pools, and not by itself.
    old_tables(&database, "late", 0);
    let mut ids = Vec::new();
    for table in ["jackpots", "jackpot_contribution_history", "jackpot_win_history"] {
        ids.push(number(&import(&client, table, "batch_size => 2").await.unwrap()));
    }
    for history in &ids[1..] {
        let (code, detail) = refused(rollback(&client, &history.to_string()).await);
        assert_eq!(code, "55000", "{detail}");
    }
    let (status, pools, contributions, wins, _) =
        rollback(&client, &ids[0].to_string()).await.unwrap();
    assert_eq!((status.as_str(), pools, contributions, wins), ("rolled_back", 3, 4, 1));
    for id in &ids {
        assert_eq!(rollback(&client, &id.to_string()).await.unwrap().0, "unchanged");
    }
    restored(&client, &before, "").await;
    assert_eq!(export(&client, true).await, told_all);
    // And what was rolled back can be taken over again.
    migrate(&client, &fixture("clean.json"), "").await.unwrap();
    client
        .batch_execute("SELECT jackpot_contribute('slot1', 1000, operation_id => 'b-new')")
        .await
        .unwrap();
    prove(&client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_its_data() {
    let (_database, client) = stage("rollback_data").await;
    let before = image(&client).await;
    let steps = migrate(&client, &fixture("clean.json"), "").await.unwrap();
    let data = find(&steps, "backup").rollback_data.clone().unwrap();
    let quoted = data.to_string().replace('\'', "''");
    let (status, ..) =
        rollback(&client, &format!("rollback_data => '{quoted}', validate_only => true"))
            .await
            .unwrap();
    assert_eq!(status, "possible");
    let (status, pools, ..) =
        rollback(&client, &format!("rollback_data => '{quoted}'")).await.unwrap();
    assert_eq!((status.as_str(), pools), ("rolled_back", 3));
    restored(&client, &before, "").await;
    // Data of nobody, two that contradict each other, and none at all where there is none.
    for options in [
        "rollback_data => '{}'",
        "rollback_data => '[]'",
        "rollback_data => '{\"migration_id\": 999}'",
        "999",
    ] {
        let (code, detail) = refused(rollback(&client, options).await);
        assert!(["22023", "42704"].contains(&code.as_str()), "{options}: {code} {detail}");
    }
    prove(&client).await;
}

/// Whatever has happened since is told; by force, it is lost, and that is told, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn not_over_what_has_happened_since() {
    let happenings = [
        (
            "a bet",
            "SELECT jackpot_contribute('slot1', 1000, pools => '{minor, own}')",
            ["bets", "1 bet"],
        ),
        (
            "a queued bet",
            "SELECT jackpot_enqueue_contribution('slot1', 1000, pools => '{minor}')",
            ["bets", "1 bet"],
        ),
        ("a win", "SELECT jackpot_win('minor', 'slot1', 'ann', 7)", ["wins", "1 win"]),
        (
            "a change of configuration",
            "SELECT jackpot_update_config('major', '{\"contribution_rate\": 0.03}')",
            ["changes", "1 change"],
        ),
        ("an adjustment", "SELECT jackpot_adjust('mega', 5, 'found')", ["changes", "1 change"]),
        ("a void", "SELECT jackpot_void('b-2', 'refund')", ["voids", "1 void"]),
    ];
    for (what, statement, [counted, told]) in happenings {
        let name = what.replace(' ', "_");
        let (_database, client) = stage(&name).await;
        let own = pools(&client).await;
        let id = number(&migrate(&client, &fixture("clean.json"), "").await.unwrap());
        client.batch_execute(statement).await.unwrap();
        let after = image(&client).await;
        let (status, ..) =
            rollback(&client, &format!("{id}, validate_only => true")).await.unwrap();
        assert_eq!(status, "refused", "{what}");
        let (code, detail) = refused(rollback(&client, &id.to_string()).await);
        assert!(
            code == "55000" && detail.starts_with("migration_in_use"),
            "{what}: {code} {detail}"
        );
        assert!(detail.contains(told), "{what}: {detail}");
        unchanged(&client, &after, what).await;

        let (status, pools_removed, .., lost) =
            rollback(&client, &format!("{id}, force => true")).await.unwrap();
        assert_eq!((status.as_str(), pools_removed), ("rolled_back", 3), "{what}");
        assert!(lost[counted].as_i64().unwrap() >= 1, "{what}: {lost}");
        prove(&client).await;
        if !statement.contains("own") {
            assert_eq!(pools(&client).await, own, "{what}");
        }
    }
}

/// What a forced rollback says it lost, to the micro; and other pools that the same bets fed keep theirs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_force() {
    let (_database, client) = stage("force").await;
    let id = number(&migrate(&client, &fixture("clean.json"), "").await.unwrap());
    client
        .batch_execute(
            "SELECT jackpot_contribute('slot1', 1234, operation_id => 'both-' || i) FROM generate_series(1, 50) i;
             SELECT jackpot_settle();
             SELECT jackpot_contribute('slot1', 1234, operation_id => 'tail-' || i) FROM generate_series(1, 50) i;
             SELECT jackpot_contribute('slot1', 77, operation_id => 'alone', pools => '{own}');
             SELECT jackpot_void('both-7', 'refund');
             SELECT jackpot_win('minor', 'slot1', 'ann', 250, operation_id => 'w');
             SELECT jackpot_win('own', 'slot1', 'bob', 10, operation_id => 'own-w');
             SELECT jackpot_update_config('major', '{\"contribution_rate\": 0.03}');",
        )
        .await
        .unwrap();
    let kept = "SELECT (to_jsonb(p) - '{as_of,lock_holder,last_modified_at}'::text[])::text FROM jackpot_pool('own') p";
    let history = "SELECT md5(string_agg(format('%s %s %s %s', h.kind, h.amount, h.operation_id, h.cycle), ' ' ORDER BY h.kind, h.id)) FROM jackpot_history('own', max_rows => 1000) h";
    let before = (text(&client, kept).await, text(&client, history).await);
    let (status, _, contributions, wins, lost) =
        rollback(&client, &format!("{id}, force => true")).await.unwrap();
    assert_eq!((status.as_str(), contributions, wins), ("rolled_back", 6, 1), "{lost}");
    let told = |key: &str| match &lost[key] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    // A hundred bets gave 3.5 % each to the three pools, and one was taken back.
    assert_eq!(told("bets"), "100", "{lost}");
    assert_eq!(told("voids"), "1", "{lost}");
    assert!(
        (told("contributed").parse::<f64>().unwrap() - 99.0 * 1234.0 * 0.035).abs() < 1e-6,
        "{lost}"
    );
    assert_eq!(
        (told("wins").as_str(), told("won").parse::<f64>().unwrap()),
        ("1", 250.0),
        "{lost}"
    );
    assert!(lost["changes"].as_i64().unwrap() >= 1, "{lost}");
    assert_eq!((text(&client, kept).await, text(&client, history).await), before);
    prove(&client).await;

    // A bet that fed both is still known.
    assert_eq!(count(&client, "SELECT count(*) FROM jackpot_contribute('slot1', 1234, operation_id => 'both-8') WHERE replayed").await, 1);
    client.batch_execute("SELECT jackpot_void('both-9', 'refund'); SELECT jackpot_contribute('slot1', 5000); SELECT jackpot_win('own', 'slot1', 'ann')").await.unwrap();
    prove(&client).await;
}

/// A pause is no obstacle; money that went to a pool that stays is, even by force.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pauses_and_transfers() {
    let (_database, client) = stage("transfers").await;
    let before = image(&client).await;
    let id = number(&migrate(&client, &fixture("clean.json"), "").await.unwrap());
    client.batch_execute("SELECT jackpot_pause('major', 'lunch')").await.unwrap();
    assert_eq!(rollback(&client, &id.to_string()).await.unwrap().0, "rolled_back");
    restored(&client, &before, "").await;

    let id = number(&migrate(&client, &fixture("clean.json"), "").await.unwrap());
    client.batch_execute("SELECT jackpot_transfer('minor', 'own', 5, 'moved')").await.unwrap();
    let after = image(&client).await;
    for force in ["false", "true"] {
        assert_eq!(
            rollback(&client, &format!("{id}, force => {force}, validate_only => true"))
                .await
                .unwrap()
                .0,
            "refused"
        );
        let (code, detail) = refused(rollback(&client, &format!("{id}, force => {force}")).await);
        assert!(code == "55000" && detail.contains("own"), "{code} {detail}");
    }
    unchanged(&client, &after, "").await;
    prove(&client).await;
}

/// Bets that are under way when the rollback comes are not lost without a word.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bets_in_flight() {
    let (database, client) = stage("in_flight").await;
    let id = number(&migrate(&client, &fixture("clean.json"), "").await.unwrap());
    let player = connect(&database.host, &database.name).await.unwrap();
    player.batch_execute("BEGIN; SELECT jackpot_contribute('slot1', 1000)").await.unwrap();
    client.batch_execute("SET jackpot.lock_timeout = '300ms'").await.unwrap();
    let (code, detail) = refused(rollback(&client, &id.to_string()).await);
    assert!(["55P03", "55000"].contains(&code.as_str()), "{code} {detail}");
    player.batch_execute("COMMIT").await.unwrap();
    let (code, detail) = refused(rollback(&client, &id.to_string()).await);
    assert!(code == "55000" && detail.starts_with("migration_in_use"), "{code} {detail}");
    prove(&client).await;

    // A bet that waited for the rollback finds the pools gone.
    client.batch_execute("BEGIN").await.unwrap();
    rollback(&client, &format!("{id}, force => true")).await.unwrap();
    let waiting = tokio::spawn(async move {
        player
            .query("SELECT pool FROM jackpot_contribute('slot1', 1000)", &[])
            .await
            .map(|rows| rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>())
    });
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    client.batch_execute("COMMIT").await.unwrap();
    match waiting.await.unwrap() {
        Ok(fed) => assert_eq!(fed, ["own"]),
        Err(error) => assert_eq!(error.code().map(|code| code.code()), Some("55P03"), "{error}"),
    }
    prove(&client).await;
}
