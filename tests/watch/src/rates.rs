//! Rates and latencies of the last minute. That a call fails or waits too often ends when enough
//! others do not.

use crate::cluster::Cluster;
use crate::queue::until;
use crate::seen::{
    ALERTS, Listener, Metrics, health, ignore_latencies, issue, until_cleared, until_healthy,
    until_issue, until_no_issue, until_raised,
};
use crate::server::{Database, contribute, create_pool, prove, sqlstate, win};
use crate::servers::{CARELESS, PRELOADED};
use std::time::Duration;
use tokio::time::sleep;
use tokio_postgres::Client;

async fn create(cluster: &Cluster, name: &str) -> (Database, Client) {
    let database = Database::create_at(cluster.host(), name).await;
    let client = database.client().await;
    create_pool(&client, "pool", "0.01", "0", 1_000, None).await;
    (database, client)
}

/// So many calls that have nothing wrong.
async fn bet(client: &Client, calls: i32) {
    let query = "SELECT jackpot_contribute('game', 100) FROM generate_series(1, $1) AS i";
    client.execute(query, &[&calls]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_calls() {
    let cluster =
        Cluster::start_with("watch_errors", &[&[PRELOADED, CARELESS][..], &ALERTS].concat());
    let (database, client) = create(&cluster, "errors").await;
    ignore_latencies(&client).await;
    until_healthy(&client).await;
    let mut listener = Listener::new(&cluster.host(), &database.name).await;
    bet(&client, 10).await;
    let error = contribute(&client, "game", -1, None, None).await.unwrap_err();
    assert_eq!(sqlstate(&error), "22023");
    // Of so few, one says nothing.
    sleep(Duration::from_secs(1)).await;
    assert_eq!(issue(&client, "error_rate").await, None);

    bet(&client, 9).await;
    assert_eq!(until_raised(&client, "error_rate", "critical").await, 5.0);
    listener.hear("error_rate", "critical", "raised").await;
    let message = until_issue(&client, "error_rate", "critical").await;
    assert!(message.starts_with("5"), "{message}");
    let rates = health(&client).await["rates"].clone();
    assert_eq!((&rates["calls_per_minute"], &rates["errors_per_minute"]), (&19.into(), &1.into()));
    bet(&client, 100).await;
    until_raised(&client, "error_rate", "warning").await;
    listener.hear("error_rate", "critical", "cleared").await;
    until_issue(&client, "error_rate", "warning").await;
    bet(&client, 1_000).await;
    until_cleared(&client, "error_rate").await;
    listener.hear("error_rate", "warning", "cleared").await;
    until_no_issue(&client, "error_rate").await;
    let refused = [("operation", "contribute"), ("token", "invalid_argument")];
    assert_eq!(Metrics::read(&client).await.get("jackpot_errors_total", &refused), 1);
    prove(&client).await;

    conflicts(&create(&cluster, "conflicts").await.1).await;
    // A reset ends it at once.
    contribute(&client, "game", -1, None, None).await.unwrap_err();
    client.execute("SELECT jackpot_reset_metrics()", &[]).await.unwrap();
    contribute(&client, "game", -1, None, None).await.unwrap_err();
    bet(&client, 19).await;
    until_raised(&client, "error_rate", "critical").await;
    client.execute("SELECT jackpot_reset_metrics()", &[]).await.unwrap();
    until_cleared(&client, "error_rate").await;
    until_healthy(&client).await;
}

/// A win that expects another cycle is refused, and is a conflict.
async fn conflicts(client: &Client) {
    ignore_latencies(client).await;
    until_healthy(client).await;
    bet(client, 19).await;
    let query = "SELECT jackpot_win('pool', 'game', 'user', expected_cycle => 7)";
    assert_eq!(sqlstate(&client.execute(query, &[]).await.unwrap_err()), "40001");
    assert_eq!(until_raised(client, "conflict_rate", "critical").await, 5.0);
    until_issue(client, "conflict_rate", "critical").await;
    let metrics = Metrics::read(client).await;
    assert_eq!(metrics.get("jackpot_version_conflicts_total", &[("operation", "win")]), 1);
    assert_eq!(metrics.get("jackpot_retries_total", &[("operation", "win")]), 0);
    let refused = [("operation", "win"), ("token", "version_conflict")];
    assert_eq!(metrics.get("jackpot_errors_total", &refused), 1);
    bet(client, 60).await;
    until_raised(client, "conflict_rate", "warning").await;
    until_issue(client, "conflict_rate", "warning").await;
    bet(client, 40).await;
    until_cleared(client, "conflict_rate").await;
    until_no_issue(client, "conflict_rate").await;
    prove(client).await;
}

/// Waits until somebody has waited for a lock so long.
async fn until_waiting(client: &Client, milliseconds: i64) {
    let query = format!(
        "SELECT max(waiting_ms) >= {milliseconds} FROM jackpot.activity WHERE state = 'waits'"
    );
    until(client, &format!("the other waits for {milliseconds} ms"), &query).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_calls() {
    let cluster =
        Cluster::start_with("watch_latency", &[&[PRELOADED, CARELESS][..], &ALERTS].concat());
    let (database, client) = create(&cluster, "latency").await;
    let mut listener = Listener::new(&cluster.host(), &database.name).await;
    // Two calls with one operation_id: the second waits for what becomes of the first.
    let (first, second) = (database.client().await, database.client().await);
    first.batch_execute("BEGIN").await.unwrap();
    contribute(&first, "game", 100, Some("twice"), None).await.unwrap();
    let waits =
        tokio::spawn(async move { contribute(&second, "game", 100, Some("twice"), None).await });
    until_waiting(&client, 700).await;
    first.batch_execute("COMMIT").await.unwrap();
    assert!(waits.await.unwrap().unwrap().replayed);
    assert!(until_raised(&client, "call_p95_ms", "critical").await >= 500.0);
    listener.hear("call_p95_ms", "critical", "raised").await;
    until_issue(&client, "calls_slow", "critical").await;
    assert_eq!(issue(&client, "wins_slow").await, None);
    let metrics = Metrics::read(&client).await;
    let of_calls = [("operation", "contribute")];
    assert_eq!(metrics.get("jackpot_lock_waits_total", &of_calls), 1);
    assert_eq!(metrics.get("jackpot_replays_total", &of_calls), 1);
    assert!(metrics.micros("jackpot_lock_wait_seconds_total", &of_calls) >= 600_000);

    // A win waits for one that is left open.
    first.batch_execute("BEGIN").await.unwrap();
    win(&first, "pool", Some(1), None).await.unwrap();
    let second = database.client().await;
    let waits = tokio::spawn(async move { win(&second, "pool", Some(1), None).await });
    until_waiting(&client, 1_200).await;
    first.batch_execute("COMMIT").await.unwrap();
    waits.await.unwrap().unwrap();
    assert!(until_raised(&client, "win_p95_ms", "critical").await >= 1_000.0);
    listener.hear("win_p95_ms", "critical", "raised").await;
    until_issue(&client, "wins_slow", "critical").await;
    // It is as bad as the thresholds say.
    client.execute("SELECT jackpot_set_alert('win_p95_ms', 100, 60000)", &[]).await.unwrap();
    until_raised(&client, "win_p95_ms", "warning").await;
    until_issue(&client, "wins_slow", "warning").await;

    client.batch_execute("DO $$ BEGIN FOR i IN 1..60 LOOP PERFORM jackpot_win('pool', 'game', 'user', 1); COMMIT; END LOOP; END $$").await.unwrap();
    bet(&client, 100).await;
    until_cleared(&client, "win_p95_ms").await;
    until_cleared(&client, "call_p95_ms").await;
    until_no_issue(&client, "wins_slow").await;
    until_no_issue(&client, "calls_slow").await;
    let slowest = "SELECT max(value) FILTER (WHERE labels ->> 'quantile' = '1') >= 1.1
                      AND max(value) FILTER (WHERE labels ->> 'quantile' = '0.5') < 0.5
                     FROM jackpot_metrics()
                    WHERE name = 'jackpot_call_duration_quantile_seconds' AND labels ->> 'operation' = 'win'";
    until(&client, "the longest is kept, and most were quick", slowest).await;
    prove(&client).await;
}
