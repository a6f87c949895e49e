//! A queue that fills, and items that it refuses.

use crate::cluster::Cluster;
use crate::queue::{Kind, call, create_pools, prove_all, until};
use crate::seen::{
    ALERTS, Listener, Metrics, ignore_latencies, reset, set, until_cleared, until_healthy,
    until_issue, until_no_issue, until_raised,
};
use crate::server::{Database, create_pool, prove, sqlstate};
use crate::servers::{CARELESS, PATIENCE, PRELOADED};
use std::time::Instant;
use tokio_postgres::Client;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_fills() {
    let settings = [&[PRELOADED, CARELESS][..], &ALERTS].concat();
    let cluster = Cluster::start_with("watch_queue", &settings);
    let database = Database::create_at(cluster.host(), "queue").await;
    let client = database.client().await;
    create_pool(&client, "pool", "0.01", "0", 1_000, None).await;
    ignore_latencies(&client).await;
    // None becomes a dead letter for having waited.
    set(&client, "jackpot.queue_max_attempts", "1000").await;
    set(&client, "jackpot.queue_max_items", "10").await;
    until(
        &client,
        "the limit is taken",
        "SELECT current_setting('jackpot.queue_max_items') = '10'",
    )
    .await;
    client.execute("SELECT jackpot_contribute('game', 100000)", &[]).await.unwrap();
    until_healthy(&client).await;
    let mut listener = Listener::new(&cluster.host(), &database.name).await;

    let holder = database.client().await;
    holder.batch_execute("BEGIN; SELECT * FROM jackpot.pool FOR UPDATE").await.unwrap();
    for number in 0..8 {
        enqueue(&client, number).await.unwrap();
    }
    assert_eq!(until_raised(&client, "queue_fill", "warning").await, 80.0);
    listener.hear("queue_fill", "warning", "raised").await;
    until_issue(&client, "queue_nearly_full", "warning").await;
    let mut accepted = 8;
    let deadline = Instant::now() + PATIENCE;
    // They are counted now and then.
    loop {
        match enqueue(&client, accepted).await {
            Ok(()) => accepted += 1,
            Err(error) => {
                assert_eq!(sqlstate(&error), "53400");
                break;
            }
        }
        assert!(Instant::now() < deadline, "{accepted} are in a queue of 10");
    }
    assert!(accepted >= 10, "only {accepted} are taken");
    until_raised(&client, "queue_fill", "critical").await;
    let refused = [("operation", "enqueue_win"), ("token", "queue_full")];
    assert_eq!(Metrics::read(&client).await.get("jackpot_errors_total", &refused), 1);

    holder.batch_execute("ROLLBACK").await.unwrap();
    until_cleared(&client, "queue_fill").await;
    listener.hear("queue_fill", "critical", "cleared").await;
    until_no_issue(&client, "queue_nearly_full").await;
    until(&client, "all are applied", "SELECT jackpot_queue_health() ->> 'depth' = '0'").await;
    let metrics = Metrics::read(&client).await;
    assert_eq!(metrics.get("jackpot_queue_items_total", &[("outcome", "processed")]), accepted);
    assert_eq!(metrics.get("jackpot_queue_items_total", &[("outcome", "failed")]), 0);
    assert_eq!(metrics.get("jackpot_pool_wins_total", &[("pool", "pool")]), accepted);
    reset(&client, "jackpot.queue_max_items").await;
    prove(&client).await;
}

/// A win of a pool that exists.
async fn enqueue(client: &Client, number: i64) -> Result<(), tokio_postgres::Error> {
    let query = format!("SELECT jackpot_enqueue_win('pool', 'game', 'user', 1, 'win {number}')");
    client.execute(&query, &[]).await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn items_that_are_refused() {
    let settings = [&[PRELOADED, CARELESS][..], &ALERTS].concat();
    let cluster = Cluster::start_with("watch_letters", &settings);
    let database = Database::create_at(cluster.host(), "letters").await;
    create_pools(&database).await;
    let client = database.client().await;
    ignore_latencies(&client).await;
    until_healthy(&client).await;
    let mut listener = Listener::new(&cluster.host(), &database.name).await;
    client
        .execute("SELECT jackpot_contribute('game', 100000, pools => '{plain}')", &[])
        .await
        .unwrap();
    client.execute("SELECT jackpot_set_alert('dead_letters', 1, 2)", &[]).await.unwrap();
    // Enqueued while it could be paid, and not tried before it cannot.
    let delayed = "SELECT jackpot_enqueue_win('plain', 'game', 'user', 10, delay => '1 second')";
    let mut ids = Vec::new();
    client.batch_execute("BEGIN").await.unwrap();
    for _ in 0..2 {
        ids.push(client.query_one(delayed, &[]).await.unwrap().get::<_, i64>(0));
    }
    client.batch_execute("SELECT jackpot_pause('plain'); COMMIT").await.unwrap();
    until_raised(&client, "dead_letters", "critical").await;
    listener.hear("dead_letters", "critical", "raised").await;
    until_issue(&client, "dead_letters", "warning").await;
    assert_eq!(Metrics::read(&client).await.get("jackpot_dead_letters", &[]), 2);
    let query = "SELECT count(*) FROM jackpot.dead_letter WHERE token = 'pool_not_active'";
    assert_eq!(client.query_one(query, &[]).await.unwrap().get::<_, i64>(0), 2);

    client.execute("SELECT jackpot_discard($1, 'the guest has left')", &[&ids[0]]).await.unwrap();
    until_raised(&client, "dead_letters", "warning").await;
    client.execute("SELECT jackpot_resume('plain')", &[]).await.unwrap();
    client.execute("SELECT jackpot_requeue($1)", &[&ids[1]]).await.unwrap();
    until_cleared(&client, "dead_letters").await;
    listener.hear("dead_letters", "warning", "cleared").await;
    until_no_issue(&client, "dead_letters").await;
    let paid = format!("SELECT status = 'applied' FROM jackpot_queue_item({})", ids[1]);
    until(&client, "the other is paid", &paid).await;
    let spin = format!("SELECT {}", call(Kind::Spin, "last", 100, true));
    client.execute(&spin, &[]).await.unwrap();
    until(&client, "nothing waits", "SELECT jackpot_queue_health() ->> 'depth' = '0'").await;
    let metrics = Metrics::read(&client).await;
    let outcome = |outcome| metrics.get("jackpot_queue_items_total", &[("outcome", outcome)]);
    assert_eq!((outcome("processed"), outcome("failed"), outcome("retried")), (2, 2, 0));
    assert_eq!(metrics.get("jackpot_queue_enqueued_total", &[]), 4);
    prove_all(&client).await;
}

/// A spin that hits two pools, both of which are held, is one item.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hits_that_wait_for_their_pools() {
    let settings = [&[PRELOADED, CARELESS][..], &ALERTS].concat();
    let cluster = Cluster::start_with("watch_hits", &settings);
    let database = Database::create_at(cluster.host(), "hits").await;
    let client = database.client().await;
    for pool in ["one", "other"] {
        let create = "SELECT jackpot_create_pool($1, 0.01, 100, config => '{\"trigger\": {\"kind\": \"odds\", \"one_in\": 1}}')";
        client.execute(create, &[&pool]).await.unwrap();
    }
    ignore_latencies(&client).await;
    until_healthy(&client).await;
    let holder = database.client().await;
    holder.batch_execute("BEGIN; SELECT * FROM jackpot.pool FOR UPDATE").await.unwrap();
    client.execute("SELECT jackpot_enqueue_spin('game', 100)", &[]).await.unwrap();
    let retried = "SELECT value >= 2 FROM jackpot_metrics() WHERE name = 'jackpot_queue_items_total' AND labels ->> 'outcome' = 'retried'";
    until(&client, "both have been tried in vain", retried).await;
    holder.batch_execute("ROLLBACK").await.unwrap();
    until(&client, "nothing waits", "SELECT jackpot_queue_health() ->> 'depth' = '0'").await;
    let metrics = Metrics::read(&client).await;
    for pool in ["one", "other"] {
        assert_eq!(metrics.get("jackpot_pool_wins_total", &[("pool", pool)]), 1);
    }
    assert_eq!(metrics.get("jackpot_queue_enqueued_total", &[]), 1);
    assert_eq!(metrics.get("jackpot_queue_items_total", &[("outcome", "processed")]), 1);
    prove_all(&client).await;
}
