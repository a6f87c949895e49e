//! What waits for a restart, a reset or an administrator, and what is not counted.

use crate::cluster::Cluster;
use crate::queue::{until, until_worker};
use crate::seen::{
    ALERTS, Metrics, health, ignore_latencies, issue, reset, set, until_healthy, until_issue,
    until_no_issue,
};
use crate::server::{Database, contribute, create_pool, prove, settle, sqlstate, win};
use crate::servers::{CARELESS, PRELOADED};
use tokio_postgres::Client;

async fn pool_in(cluster: &Cluster, name: &str) -> (Database, Client) {
    let database = Database::create_at(cluster.host(), name).await;
    let client = database.client().await;
    create_pool(&client, "pool", "0.01", "0", 100, None).await;
    ignore_latencies(&client).await;
    (database, client)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_library_that_is_preloaded_and_one_that_is_not() {
    let cluster = Cluster::start_with("watch_plain", &[CARELESS]);
    let (database, client) = pool_in(&cluster, "plain").await;
    contribute(&client, "game", 10_000, None, None).await.unwrap();
    until_issue(&client, "not_preloaded", "info").await;
    let seen = health(&client).await;
    assert_eq!((&seen["healthy"], &seen["preloaded"]), (&true.into(), &false.into()), "{seen}");
    assert_eq!(Metrics::read(&client).await.get("jackpot_preloaded", &[]), 0);
    let source = "SELECT source = 'tables' AND current_amount = 200 FROM jackpot_ticker()";
    assert!(client.query_one(source, &[]).await.unwrap().get::<_, bool>(0));
    assert!(recommends(&client, "preload").await);

    set(&client, "shared_preload_libraries", "jackpot").await;
    until_issue(&client, "restart_pending", "warning").await;
    cluster.stop("fast");
    cluster.resume();
    let client = database.client().await;
    until_healthy(&client).await;
    assert_eq!(health(&client).await["preloaded"], true);
    assert_eq!(Metrics::read(&client).await.get("jackpot_preloaded", &[]), 1);
    assert!(!recommends(&client, "preload").await);
    client
        .execute("SELECT jackpot_set_rate_limit('overall', NULL, 100000, 1000)", &[])
        .await
        .unwrap();
    until_healthy(&client).await;

    reset(&client, "shared_preload_libraries").await;
    until_issue(&client, "restart_pending", "warning").await;
    cluster.stop("fast");
    cluster.resume();
    let client = database.client().await;
    until_issue(&client, "limits_not_enforced", "warning").await;
    until_issue(&client, "not_preloaded", "info").await;
    assert_eq!(issue(&client, "restart_pending").await, None);
    prove(&client).await;
}

async fn recommends(client: &Client, token: &str) -> bool {
    let query = "SELECT jackpot_performance_report() -> 'recommendations' @> jsonb_build_array(jsonb_build_object('token', $1::text))";
    client.query_one(query, &[&token]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn configuration_that_waits_and_partitions_that_are_missing() {
    let cluster =
        Cluster::start_with("watch_waits", &[&[PRELOADED, CARELESS][..], &ALERTS].concat());
    let (_database, client) = pool_in(&cluster, "waits").await;
    until_healthy(&client).await;
    let change = r#"SELECT jackpot_update_config('pool', '{"contribution_rate": 0.02}', effective => 'next_cycle')"#;
    client.execute(change, &[]).await.unwrap();
    let message = until_issue(&client, "configuration_pending", "info").await;
    assert!(message.contains(r#""pool""#), "{message}");
    assert_eq!(health(&client).await["healthy"], true);
    win(&client, "pool", None, None).await.unwrap();
    until_healthy(&client).await;

    set(&client, "jackpot.metrics", "off").await;
    until_issue(&client, "metrics_off", "info").await;
    let before = Metrics::read(&client).await.get("jackpot_calls_total", &[]);
    contribute(&client, "game", 100, None, None).await.unwrap();
    assert_eq!(Metrics::read(&client).await.get("jackpot_calls_total", &[]), before);
    reset(&client, "jackpot.metrics").await;
    until_healthy(&client).await;

    // The worker needs a restart for this one.
    set(&client, "max_worker_processes", "9").await;
    until_issue(&client, "restart_pending", "warning").await;
    set(&client, "max_worker_processes", "8").await;
    until_healthy(&client).await;
    prove(&client).await;
    partitions(&pool_in(&cluster, "partitions").await.0).await;
}

/// Partitions dropped by hand, before there is anything in them.
async fn partitions(database: &Database) {
    let client = &database.client().await;
    until_worker(client, None).await;
    let name = "SELECT format('jackpot.ledger_%s', to_char(date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC') + $1 * interval '1 month', 'YYYY_MM'))";
    let mut names = Vec::new();
    for ahead in [0.0, 1.0] {
        names.push(client.query_one(name, &[&ahead]).await.unwrap().get::<_, String>(0));
    }
    let exists = format!("SELECT to_regclass('{}') IS NOT NULL", names[1]);
    settle(client).await;
    until(client, "the next partition is there", &exists).await;
    until_healthy(client).await;
    client.batch_execute(&format!("DROP TABLE {}", names[1])).await.unwrap();
    let missing = issue(client, "partition_missing").await.expect("partition_missing");
    // A week before it is needed it is more than information.
    let urgent = "SELECT date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC') + interval '1 month' - (clock_timestamp() AT TIME ZONE 'UTC') < '7 days'";
    let is_urgent: bool = client.query_one(urgent, &[]).await.unwrap().get(0);
    assert_eq!(missing["severity"], if is_urgent { "warning" } else { "info" });

    // A call in a transaction block takes what is there.
    client
        .batch_execute(&format!(
            "BEGIN; DROP TABLE {}; SELECT jackpot_contribute('game', 12300); COMMIT",
            names[0]
        ))
        .await
        .unwrap();
    until_issue(client, "default_partition_used", "info").await;
    let report = "SELECT jackpot_performance_report() -> 'bottlenecks' @> '[{\"token\": \"missing_partition\"}]'";
    assert!(client.query_one(report, &[]).await.unwrap().get::<_, bool>(0));
    client
        .batch_execute(&format!(
            "BEGIN;
             LOCK TABLE jackpot.ledger;
             CREATE TEMPORARY TABLE moved ON COMMIT DROP AS SELECT * FROM jackpot.ledger_default;
             DELETE FROM jackpot.ledger_default;
             CREATE TABLE {0} PARTITION OF jackpot.ledger (PRIMARY KEY (id))
                FOR VALUES FROM ('{1}') TO ('{2}');
             CREATE INDEX ON {0} (xid);
             INSERT INTO jackpot.ledger SELECT * FROM moved;
             COMMIT",
            names[0],
            bound(client, 0.0).await,
            bound(client, 1.0).await,
        ))
        .await
        .unwrap();
    until_no_issue(client, "default_partition_used").await;
    // Made by the worker each minute, and by whoever processes the queue.
    let query = "SELECT * FROM jackpot_process_queue()";
    database.client().await.query(query, &[]).await.unwrap();
    until_no_issue(client, "partition_missing").await;
    until(client, "the next partition is there again", &exists).await;
    until_healthy(client).await;
    prove(client).await;
}

async fn bound(client: &Client, ahead: f64) -> String {
    let query = "SELECT (date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC') + $1 * interval '1 month')::text || '+00'";
    client.query_one(query, &[&ahead]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_databases_than_are_counted() {
    let cluster = Cluster::start_with("watch_many", &[PRELOADED, CARELESS, "jackpot.databases=''"]);
    let (first, client) = pool_in(&cluster, "first").await;
    let server = cluster.client().await;
    drop(client);
    until(
        &server,
        "our connection is gone",
        "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = 'clients_first')",
    )
    .await;
    let mut counted = vec![first];
    for number in 0..16 {
        let name = format!("clients_{number}");
        server
            .batch_execute(&format!("CREATE DATABASE {name} TEMPLATE clients_first"))
            .await
            .unwrap();
        counted.push(Database { host: cluster.host(), name });
    }
    let last = counted.pop().unwrap().client().await;
    for database in &counted {
        let client = database.client().await;
        contribute(&client, "game", 100, None, None).await.unwrap();
        assert_eq!(issue(&client, "not_counted").await, None);
    }
    contribute(&last, "game", 100, None, None).await.unwrap();
    until_issue(&last, "not_counted", "info").await;
    let calls =
        |metrics: &Metrics| metrics.get("jackpot_calls_total", &[("operation", "contribute")]);
    assert_eq!(calls(&Metrics::read(&last).await), 0);
    let error = last.execute("SELECT jackpot_win('none', 'game', 'user')", &[]).await.unwrap_err();
    assert_eq!(sqlstate(&error), "42704");
    server.batch_execute("DROP DATABASE clients_7 WITH (FORCE)").await.unwrap();
    until_no_issue(&last, "not_counted").await;
    contribute(&last, "game", 100, None, None).await.unwrap();
    assert_eq!(calls(&Metrics::read(&last).await), 1);
    prove(&last).await;
}
