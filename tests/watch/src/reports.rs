//! The report tells what slows things down, and who.

use crate::cluster::Cluster;
use crate::queue::{until, until_worker};
use crate::server::{Database, create_pool, prove, settle, sqlstate};
use crate::servers::{CARELESS, PATIENCE, PRELOADED};
use futures::future::join_all;
use serde_json::Value;
use std::time::{Duration, Instant, SystemTime};
use tokio::time::sleep;
use tokio_postgres::Client;

async fn report(client: &Client, since: SystemTime) -> Value {
    let query = "SELECT jackpot_performance_report($1)";
    client.query_one(query, &[&since]).await.unwrap().get(0)
}

async fn now(client: &Client) -> SystemTime {
    client.query_one("SELECT clock_timestamp()", &[]).await.unwrap().get(0)
}

fn find<'a>(report: &'a Value, list: &str, token: &str) -> Option<&'a Value> {
    let found = report[list].as_array().unwrap().iter().find(|item| item["token"] == token)?;
    assert!(found["message"].as_str().is_some_and(|message| !message.is_empty()), "{found}");
    Some(found)
}

/// Waits until it is told, and gives it with the whole report.
async fn until_told(client: &Client, since: SystemTime, list: &str, token: &str) -> (Value, Value) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let report = report(client, since).await;
        if let Some(found) = find(&report, list, token) {
            return (found.clone(), report);
        }
        assert!(Instant::now() < deadline, "no {token}: {report:#}");
        sleep(Duration::from_millis(200)).await;
    }
}

async fn until_not_told(client: &Client, list: &str, token: &str) {
    let query = format!(
        "SELECT NOT jackpot_performance_report() -> '{list}' @> '[{{\"token\": \"{token}\"}}]'"
    );
    until(client, &format!("{token} is told no more"), &query).await;
}

async fn stage(name: &'static str) -> (Cluster, Database, Client) {
    let settings =
        [PRELOADED, CARELESS, "jackpot.sample_interval=1s", "max_prepared_transactions=10"];
    let cluster = Cluster::start_with(name, &settings);
    let database = Database::create_at(cluster.host(), "reports").await;
    let client = database.client().await;
    for pool in ["crowded", "lonely"] {
        create_pool(&client, pool, "0.01", "0", 1_000, None).await;
    }
    until_worker(&client, None).await;
    (cluster, database, client)
}

/// Transactions that others make meanwhile.
async fn go_on(client: &Client) {
    client
        .batch_execute("DO $$ BEGIN FOR i IN 1..1100 LOOP PERFORM jackpot_contribute('game', 100); COMMIT; END LOOP; END $$")
        .await
        .unwrap();
    settle(client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_that_are_left_open() {
    let (cluster, database, client) = stage("watch_tail").await;
    let since = now(&client).await;
    go_on(&client).await;
    assert_eq!(find(&report(&client, since).await, "bottlenecks", "long_tail"), None);

    // In this database, and in another: transaction ids are the cluster's.
    for (name, forgotten) in
        [("here", database.client().await), ("elsewhere", cluster.client().await)]
    {
        forgotten
            .batch_execute(&format!(
                "SET application_name = 'forgotten {name}'; BEGIN; SELECT pg_current_xact_id()"
            ))
            .await
            .unwrap();
        let pid: i32 = forgotten.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
        go_on(&client).await;
        let (told, report) = until_told(&client, since, "bottlenecks", "long_tail").await;
        assert_eq!(told["pid"], pid, "{told}");
        assert_eq!(told["application_name"], format!("forgotten {name}"), "{told}");
        assert!(told["transactions"].as_i64().unwrap() >= 1_000, "{told}");
        assert!(told["message"].as_str().unwrap().contains(&pid.to_string()), "{told}");
        let advice = find(&report, "recommendations", "end_long_transaction").unwrap();
        assert_eq!(advice["pid"], pid, "{advice}");
        forgotten.batch_execute("ROLLBACK").await.unwrap();
        go_on(&client).await;
        until_not_told(&client, "bottlenecks", "long_tail").await;
    }

    let other = database.client().await;
    other.batch_execute("BEGIN; SELECT jackpot_contribute('game', 100)").await.unwrap();
    other.batch_execute("PREPARE TRANSACTION 'left'").await.unwrap();
    go_on(&client).await;
    let (told, report) = until_told(&client, since, "bottlenecks", "long_tail").await;
    assert_eq!((&told["gid"], &told["pid"]), (&"left".into(), &Value::Null), "{told}");
    let advice = find(&report, "recommendations", "end_long_transaction").unwrap();
    assert!(advice["message"].as_str().unwrap().contains("'left'"), "{advice}");
    other.batch_execute("COMMIT PREPARED 'left'").await.unwrap();
    go_on(&client).await;
    until_not_told(&client, "bottlenecks", "long_tail").await;
    prove(&client).await;
}

/// Wins that are each left open for a while.
async fn win_slowly(client: Client) {
    for _ in 0..10 {
        client
            .batch_execute("BEGIN; SELECT jackpot_win('crowded', 'game', 'user', 1); SELECT pg_sleep(0.03); COMMIT")
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn causes_and_recommendations() {
    let (_cluster, database, client) = stage("watch_report").await;
    let since = now(&client).await;
    // Slowly at first.
    for _ in 0..8 {
        client.execute("SELECT jackpot_contribute('game', 100)", &[]).await.unwrap();
        sleep(Duration::from_millis(500)).await;
    }
    let quiet = report(&client, since).await;
    for list in ["bottlenecks", "recommendations"] {
        // One call of so few that takes long by chance is told.
        let is_chance =
            |told: &Value| told["token"] == "slow_calls" || told["token"] == "check_server";
        assert!(quiet[list].as_array().unwrap().iter().all(is_chance), "{quiet:#}");
    }
    let later = now(&client).await;
    for _ in 0..5 {
        let many = "SELECT jackpot_contribute('game', 100) FROM generate_series(1, 3000)";
        client.execute(many, &[]).await.unwrap();
    }
    let (advice, _) = until_told(&client, later, "recommendations", "batch").await;
    assert!(advice["calls_per_second"].as_f64().unwrap() >= 500.0, "{advice}");
    let (_, whole) = until_told(&client, since, "recommendations", "batch").await;
    assert_eq!(whole["summary"]["calls"], 15_008);
    assert_eq!(whole["trend"]["calls_per_second"]["direction"], "rising", "{whole:#}");

    sleep(Duration::from_millis(1_200)).await;
    let later = now(&client).await;
    join_all(database.clients(4).await.into_iter().map(win_slowly)).await;
    let (told, report_of_wins) = until_told(&client, later, "bottlenecks", "pool_convoy").await;
    assert_eq!(told["pool"], "crowded", "{told}");
    assert!(told["lock_waits"].as_i64().unwrap() >= 10, "{told}");
    let advice = find(&report_of_wins, "recommendations", "shorten_wins").unwrap();
    assert_eq!(advice["pool"], "crowded", "{advice}");
    let slow = find(&report_of_wins, "bottlenecks", "slow_calls").unwrap();
    assert_eq!(slow["operation"], "win", "{slow}");
    assert!(find(&report_of_wins, "recommendations", "find_lock_holder").is_some());

    let later = now(&client).await;
    for query in [
        "SELECT jackpot_win('lonely', 'game', 'user', 1000000)",
        "SELECT jackpot_win('lonely', 'game', 'user', expected_cycle => 7)",
    ] {
        for _ in 0..12 {
            let error = client.execute(query, &[]).await.unwrap_err();
            assert!(["23514", "40001"].contains(&sqlstate(&error)));
        }
    }
    let (told, _) = until_told(&client, later, "bottlenecks", "errors").await;
    assert!(told["errors"].as_i64().unwrap() >= 24, "{told}");
    let (told, whole) = until_told(&client, later, "bottlenecks", "conflicts").await;
    assert_eq!(told["conflicts"], 12, "{told}");
    assert!(find(&whole, "recommendations", "read_errors").is_some());
    assert!(find(&whole, "recommendations", "relax").is_some());

    let later = now(&client).await;
    for _ in 0..300 {
        client.query("SELECT * FROM jackpot_pools()", &[]).await.unwrap();
    }
    until_told(&client, later, "recommendations", "ticker").await;

    let nothing =
        "SELECT jackpot_performance_report('2001-01-01', '2001-01-02') #>> '{summary,text}'";
    let text: String = client.query_one(nothing, &[]).await.unwrap().get(0);
    assert_eq!(text, "No activity.");
    let backwards = "SELECT jackpot_performance_report('2001-01-02', '2001-01-01')";
    assert_eq!(sqlstate(&client.query(backwards, &[]).await.unwrap_err()), "22023");
    prove(&client).await;
}
