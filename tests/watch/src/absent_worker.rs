//! The queue without its worker, and a worker that cannot go on.

use crate::books::what_was_changed_by_hand_is_found;
use crate::cluster::Cluster;
use crate::queue::{create_pools, enqueue_all, prove_all, until, until_done, until_worker};
use crate::seen::{
    ALERTS, Listener, Metrics, health, ignore_latencies, set, until_cleared, until_healthy,
    until_issue, until_no_issue, until_raised,
};
use crate::server::Database;
use crate::servers::{CARELESS, PRELOADED};
use futures::future::join3;

const SPINS: i64 = 30_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_is_gone_and_one_that_fails() {
    let settings = [&[PRELOADED, CARELESS][..], &ALERTS].concat();
    let cluster = Cluster::start_with("watch_worker", &settings);
    let gone = Database::create_at(cluster.host(), "gone").await;
    let failing = Database::create_at(cluster.host(), "failing").await;
    for database in [&gone, &failing] {
        create_pools(database).await;
        ignore_latencies(&database.client().await).await;
    }
    // All of these wait most of the time.
    join3(is_gone(&gone), fails(&failing), what_was_changed_by_hand_is_found()).await;
}

async fn is_gone(database: &Database) {
    let client = database.client().await;
    let worker = until_worker(&client, None).await;
    until_healthy(&client).await;
    assert_eq!(Metrics::read(&client).await.get("jackpot_worker_up", &[]), 1);
    set(&client, "jackpot.databases", "clients_failing").await;
    client.query("SELECT pg_terminate_backend($1, 60000)", &[&worker]).await.unwrap();
    until_issue(&client, "worker_missing", "warning").await;
    assert_eq!(Metrics::read(&client).await.get("jackpot_worker_up", &[]), 0);
    assert_eq!(health(&client).await["worker"]["state"], "not running");

    let items = enqueue_all(&client, "left").await;
    // More than is drawn at once.
    let spins = "SELECT jackpot_enqueue_spin('game', 10) FROM generate_series(1, 1000)";
    for _ in 0..SPINS / 1_000 {
        client.execute(spins, &[]).await.unwrap();
    }
    until_issue(&client, "queue_stalled", "warning").await;
    let metrics = Metrics::read(&client).await;
    assert_eq!(metrics.get("jackpot_queue_depth", &[]), SPINS + 3);
    assert!(metrics.micros("jackpot_queue_oldest_age_seconds", &[]) > 10_000_000);
    let query = "SELECT value >= 10000 FROM jackpot.signal WHERE signal = 'queue_age_ms'";
    until(&client, "the signal says the same", query).await;
    let query =
        r#"SELECT jackpot_performance_report() -> 'bottlenecks' @> '[{"token": "queue_lag"}]'"#;
    until(&client, "the report tells it", query).await;

    let mut listener = Listener::new(&database.host, &database.name).await;
    // Somebody else is at the queue, or it might be short again before anybody looked.
    let other = database.client().await;
    other.batch_execute("BEGIN; SELECT jackpot_process_queue(1)").await.unwrap();
    set(&client, "jackpot.databases", "'*'").await;
    let heard = listener.hear("queue_age_ms", "warning", "raised").await;
    assert!(heard["value"].as_f64().unwrap() >= 10_000.0, "{heard}");
    other.batch_execute("ROLLBACK").await.unwrap();
    listener.hear("queue_age_ms", "warning", "cleared").await;
    until_cleared(&client, "queue_age_ms").await;
    until_done(&client, &items).await;
    until_no_issue(&client, "queue_stalled").await;
    until_healthy(&client).await;
    let metrics = Metrics::read(&client).await;
    assert_eq!(metrics.get("jackpot_worker_up", &[]), 1);
    assert_eq!(metrics.get("jackpot_queue_depth", &[]), 0);
    assert_eq!(metrics.get("jackpot_queue_enqueued_total", &[]), SPINS + 3);
    prove_all(&client).await;
}

/// Somebody's constraint keeps it from settling.
async fn fails(database: &Database) {
    let client = database.client().await;
    until_worker(&client, None).await;
    client
        .batch_execute("ALTER TABLE jackpot.balance ADD CONSTRAINT by_hand CHECK (wagered < 1000)")
        .await
        .unwrap();
    client.execute("SELECT jackpot_contribute('game', 5000)", &[]).await.unwrap();
    let message = until_issue(&client, "worker_error", "warning").await;
    assert!(message.contains("by_hand"), "{message}");
    let health = health(&client).await;
    assert!(health["worker"]["last_error"].as_str().unwrap().contains("by_hand"), "{health}");
    // It watches nevertheless.
    client.execute("SELECT jackpot_set_alert('unsettled_rows', 1, NULL)", &[]).await.unwrap();
    until_raised(&client, "unsettled_rows", "warning").await;
    client.batch_execute("ALTER TABLE jackpot.balance DROP CONSTRAINT by_hand").await.unwrap();
    until_cleared(&client, "unsettled_rows").await;
    // It says so for a minute.
    until_no_issue(&client, "worker_error").await;
    until_healthy(&client).await;
    prove_all(&client).await;
}
