//! Counting begins anew when somebody says so, and what was prepared counts when it is committed.

use crate::cluster::Cluster;
use crate::queue::until_worker;
use crate::seen::Metrics;
use crate::server::{Database, contribute, create_pool, prove, win};
use crate::servers::{CARELESS, PRELOADED};
use futures::future::join_all;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::time::sleep;
use tokio_postgres::Client;

const PREPARED: &str = "max_prepared_transactions=10";
const CALLS: (&str, [(&str, &str); 1]) = ("jackpot_calls_total", [("operation", "contribute")]);

async fn create(cluster: &Cluster, name: &str) -> (Database, Client) {
    let database = Database::create_at(cluster.host(), name).await;
    let client = database.client().await;
    create_pool(&client, "pool", "0.01", "0", 100, None).await;
    until_worker(&client, None).await;
    (database, client)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_loses_only_what_came_before() {
    let cluster = Cluster::start_with("watch_reset", &[PRELOADED, CARELESS, PREPARED]);
    let (database, client) = create(&cluster, "reset").await;
    let is_over = Arc::new(AtomicBool::new(false));
    let players = database.clients(4).await.into_iter().map(|client| {
        let is_over = Arc::clone(&is_over);
        tokio::spawn(async move {
            let mut calls = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                let began = Instant::now();
                contribute(&client, "game", 100, None, None).await.unwrap();
                calls.push((began, Instant::now()));
            }
            calls
        })
    });
    let players: Vec<_> = players.collect();
    let mut reset = (Instant::now(), Instant::now());
    for _ in 0..20 {
        sleep(Duration::from_millis(100)).await;
        reset.0 = Instant::now();
        client.execute("SELECT jackpot_reset_metrics()", &[]).await.unwrap();
        reset.1 = Instant::now();
    }
    sleep(Duration::from_millis(300)).await;
    is_over.store(true, Ordering::Relaxed);
    let calls = join_all(players).await;
    let calls: Vec<(Instant, Instant)> = calls.into_iter().flat_map(Result::unwrap).collect();
    let after = calls.iter().filter(|(began, _)| *began > reset.1).count() as i64;
    let not_before = calls.iter().filter(|(_, ended)| *ended > reset.0).count() as i64;
    assert!(0 < after && after <= not_before && not_before < calls.len() as i64);
    let metrics = Metrics::read(&client).await;
    let of_pool = [("pool", "pool")];
    for counted in [
        metrics.get(CALLS.0, &CALLS.1),
        metrics.get("jackpot_call_duration_seconds_count", &CALLS.1),
        metrics.get("jackpot_rows_total", &CALLS.1),
        metrics.get("jackpot_pool_bets_total", &of_pool),
        metrics.get("jackpot_pool_wagered_total", &of_pool) / 100,
        metrics.get("jackpot_pool_contributed_total", &of_pool),
    ] {
        assert!(
            after <= counted && counted <= not_before,
            "{counted} are counted of {after} to {not_before}"
        );
    }
    println!("{after} to {not_before} of {} came after the last reset", calls.len());
    let query = "SELECT now() - to_timestamp(value::float8) BETWEEN '0 s' AND '1 minute' FROM jackpot_metrics() WHERE name = 'jackpot_metrics_reset_timestamp_seconds'";
    assert!(client.query_one(query, &[]).await.unwrap().get::<_, bool>(0));
    prove(&client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prepared_transactions_count_when_they_are_committed() {
    let cluster = Cluster::start_with("watch_prepared", &[PRELOADED, CARELESS, PREPARED]);
    let (database, client) = create(&cluster, "prepared").await;
    let other = database.client().await;
    let calls = async || Metrics::read(&client).await.get(CALLS.0, &CALLS.1);
    for gid in ["kept", "dropped"] {
        client.batch_execute("BEGIN").await.unwrap();
        contribute(&client, "game", 1_000, None, None).await.unwrap();
        client.batch_execute("SAVEPOINT undone").await.unwrap();
        contribute(&client, "game", 5_000, None, None).await.unwrap();
        client.batch_execute("ROLLBACK TO undone").await.unwrap();
        win(&client, "pool", Some(1), None).await.unwrap();
        client.batch_execute(&format!("PREPARE TRANSACTION '{gid}'")).await.unwrap();
        assert_eq!(calls().await, 0, "prepared is not committed");
        if gid == "kept" {
            other.batch_execute("COMMIT PREPARED 'kept'").await.unwrap();
            assert_eq!(calls().await, 1);
            client.execute("SELECT jackpot_reset_metrics()", &[]).await.unwrap();
        } else {
            other.batch_execute("ROLLBACK PREPARED 'dropped'").await.unwrap();
            assert_eq!(calls().await, 0);
        }
    }
    // One after another, and nobody looks meanwhile.
    for number in 0..600 {
        let end = if number % 3 == 0 { "ROLLBACK" } else { "COMMIT" };
        let query = format!(
            "BEGIN; SELECT jackpot_contribute('game', 100); PREPARE TRANSACTION '{number}'; {end} PREPARED '{number}'"
        );
        // Statements by themselves: a transaction ends with each.
        for statement in query.split("; ") {
            client.batch_execute(statement).await.unwrap();
        }
    }
    let metrics = Metrics::read(&other).await;
    assert_eq!(metrics.get("jackpot_uncounted_transactions_total", &[]), 0);
    assert_eq!(metrics.get(CALLS.0, &CALLS.1), 400);
    assert_eq!(metrics.get("jackpot_pool_wagered_total", &[("pool", "pool")]), 40_000);
    prove(&client).await;
}
