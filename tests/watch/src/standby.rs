//! A standby is watched as the primary is, and a primary misses the one that it waits for.

use crate::cluster::Cluster;
use crate::queue::until;
use crate::seen::{
    ALERTS, Metrics, health, ignore_latencies, issue, reset, set, until_healthy, until_issue,
    until_no_issue,
};
use crate::server::{Database, contribute, create_pool, prove, sqlstate, win};
use crate::servers::{CARELESS, PRELOADED};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_is_watched() {
    let settings = [&[PRELOADED, CARELESS][..], &ALERTS].concat();
    let primary = Cluster::start_with("watch_primary", &settings);
    let database = Database::create_at(primary.host(), "standby").await;
    let writer = database.client().await;
    create_pool(&writer, "pool", "0.01", "0", 100, None).await;
    ignore_latencies(&writer).await;
    contribute(&writer, "game", 10_000, None, None).await.unwrap();
    win(&writer, "pool", Some(50), None).await.unwrap();
    until_healthy(&writer).await;
    assert_eq!(health(&writer).await["role"], "primary");

    // Who waits for a standby that is not there waits for ever; this session does not.
    writer.batch_execute("SET synchronous_commit = local").await.unwrap();
    set(&writer, "synchronous_standby_names", "'*'").await;
    until_issue(&writer, "synchronous_standby_missing", "critical").await;
    contribute(&writer, "game", 5_000, None, None).await.unwrap();
    let standby = Cluster::copy("watch_standby", &primary, &settings);
    until_no_issue(&writer, "synchronous_standby_missing").await;
    until_healthy(&writer).await;

    let copy = Database { host: standby.host(), name: database.name.clone() };
    let reader = copy.client().await;
    until(&reader, "the standby has followed", "SELECT total_wagered = 15000 FROM jackpot_pools()")
        .await;
    let amounts =
        "SELECT current_amount = 200 AND source <> '' AND age_ms <= 250 FROM jackpot_ticker()";
    for _ in 0..20 {
        assert!(reader.query_one(amounts, &[]).await.unwrap().get::<_, bool>(0));
    }
    let sources =
        "SELECT count(*) FROM generate_series(1, 20), jackpot_ticker() WHERE source = 'memory'";
    assert!(reader.query_one(sources, &[]).await.unwrap().get::<_, i64>(0) > 10);
    let seen = health(&reader).await;
    assert_eq!(seen["role"], "standby", "{seen}");
    assert_eq!(
        (&seen["healthy"], &seen["issues"]),
        (&true.into(), &serde_json::json!([])),
        "{seen}"
    );
    assert!(seen["replication_lag_ms"].as_i64().unwrap() < 30_000, "{seen}");
    let metrics = Metrics::read(&reader).await;
    assert_eq!(metrics.get("jackpot_pool_amount", &[("pool", "pool")]), 200);
    assert_eq!(metrics.get("jackpot_pool_bets_total", &[("pool", "pool")]), 0, "it counts its own");
    let error = contribute(&reader, "game", 100, None, None).await.unwrap_err();
    assert_eq!(sqlstate(&error), "25006");
    let errors = [("operation", "contribute")];
    assert_eq!(Metrics::read(&reader).await.get("jackpot_errors_total", &errors), 1);
    for query in [
        "SELECT jackpot_performance_report() -> 'summary'",
        "SELECT count(*) FROM jackpot_alerts()",
        "SELECT count(*) FROM jackpot.signal",
        "SELECT count(*) FROM jackpot.activity",
        "SELECT count(*) FROM jackpot.pools",
        "SELECT count(*) FROM jackpot.recent_wins",
        "SELECT count(*) FROM jackpot.queue",
        "SELECT jackpot_reset_metrics()",
    ] {
        assert_eq!(reader.query(query, &[]).await.unwrap().len(), 1, "{query}");
    }
    assert_eq!(Metrics::read(&reader).await.get("jackpot_errors_total", &errors), 0);
    // Somebody's change reaches it, and it tells.
    writer.batch_execute("UPDATE jackpot.balance SET display = display + 1").await.unwrap();
    until_issue(&reader, "conservation", "critical").await;
    writer.batch_execute("UPDATE jackpot.balance SET display = display - 1").await.unwrap();
    until_no_issue(&reader, "conservation").await;
    prove(&reader).await;

    standby.stop("fast");
    until_issue(&writer, "synchronous_standby_missing", "critical").await;
    reset(&writer, "synchronous_standby_names").await;
    until_no_issue(&writer, "synchronous_standby_missing").await;
    until_healthy(&writer).await;
    assert_eq!(issue(&writer, "replication_lag").await, None);
    writer.batch_execute("RESET synchronous_commit").await.unwrap();
    contribute(&writer, "game", 100, None, None).await.unwrap();
    prove(&writer).await;
}
