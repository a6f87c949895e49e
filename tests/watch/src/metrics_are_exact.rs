//! The counters equal what the clients know to have been committed, and what the tables hold.

use crate::book::{Book, Done, POOLS, Pool, create_pools};
use crate::cluster::Cluster;
use crate::queue::{prove_all, until_empty, until_worker};
use crate::seen::Metrics;
use crate::server::{Database, contribute};
use crate::servers::{CARELESS, PRELOADED};
use crate::traffic::{Player, end_prepared};
use futures::future::join_all;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::env;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::sleep;
use tokio_postgres::Client;

const PLAYERS: u64 = 6;
const TIME: Duration = Duration::from_secs(5);
const OPERATIONS: [&str; 11] = [
    "contribute",
    "spin",
    "win",
    "contribute_batch",
    "contribute_arrays",
    "spin_arrays",
    "win_batch",
    "void",
    "enqueue_contribution",
    "enqueue_spin",
    "enqueue_win",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_are_exact() {
    let seed = env::var("WATCH_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("metrics_are_exact: WATCH_SEED={seed}");
    let cluster = Cluster::start_with(
        "watch_exact",
        &[PRELOADED, CARELESS, "max_prepared_transactions=50", "deadlock_timeout=100ms"],
    );
    let database = Database::create_at(cluster.host(), "exact").await;
    let client = database.client().await;
    create_pools(&client).await;
    let (book, (sender, receiver)) = (Arc::new(Mutex::new(Book::default())), unbounded_channel());
    let ender = end_prepared(database.client().await, receiver, seed, Arc::clone(&book));
    let ender = tokio::spawn(ender);
    let players = join_all((0..PLAYERS).map(async |number| {
        let (book, sender) = (Arc::clone(&book), sender.clone());
        Player::new(&database, (seed, number), book, sender).await
    }))
    .await;
    drop(sender);
    let scraper = tokio::spawn(scrape(database.client().await));
    let players = players.into_iter().map(|player| tokio::spawn(player.play(TIME)));
    for player in join_all(players.collect::<Vec<_>>()).await {
        player.unwrap();
    }
    ender.await.unwrap();
    scraper.abort();
    // It has not failed before.
    assert!(scraper.await.unwrap_err().is_cancelled());
    until_empty(&client).await;

    let mut book = Arc::try_unwrap(book).unwrap().into_inner().unwrap();
    add_queue(&client, &mut book.done).await;
    let metrics = Metrics::read(&client).await;
    println!("{:?}", book.done.calls);
    println!("{:?}", book.errors);
    check(&client, &metrics, &book).await;
    prove_all(&client).await;

    // A restart counts anew.
    cluster.stop("fast");
    cluster.resume();
    let client = database.client().await;
    until_worker(&client, None).await;
    let after = Metrics::read(&client).await;
    for call in OPERATIONS {
        assert_eq!(after.get("jackpot_calls_total", &[("operation", call)]), 0);
    }
    for (pool, _) in POOLS {
        assert_eq!(after.get("jackpot_pool_bets_total", &[("pool", pool)]), 0);
    }
    let reset_at = "jackpot_metrics_reset_timestamp_seconds";
    assert!(after.micros(reset_at, &[]) > metrics.micros(reset_at, &[]));
    contribute(&client, "game", 100, None, None).await.unwrap();
    let after = Metrics::read(&client).await;
    assert_eq!(after.get("jackpot_pool_wagered_total", &[("pool", "first")]), 100);
    prove_all(&client).await;
}

/// Reads all the time; no counter ever falls.
async fn scrape(client: Client) {
    let mut before = Metrics::read(&client).await;
    loop {
        let now = Metrics::read(&client).await;
        now.check_counters_since(&before);
        before = now;
        sleep(Duration::from_millis(100)).await;
    }
}

/// What the worker has paid.
async fn add_queue(client: &Client, done: &mut Done) {
    let query = "SELECT q.result FROM unnest($1::bigint[]) AS i(id) CROSS JOIN LATERAL jackpot_queue_item(i.id) q WHERE q.status = 'applied'";
    for row in client.query(query, &[&done.enqueued]).await.unwrap() {
        let result: Value = row.get(0);
        match result["wins"].is_array() {
            true => done.pay(&result["wins"]),
            false => done.pay(&json!([result])),
        }
    }
}

async fn check(client: &Client, metrics: &Metrics, book: &Book) {
    for call in OPERATIONS {
        let of = [("operation", call)];
        let known = |counts: &BTreeMap<&str, i64>| counts.get(call).copied().unwrap_or(0);
        let calls = known(&book.done.calls);
        assert!(calls > 0, "no {call}");
        assert_eq!(metrics.get("jackpot_calls_total", &of), calls, "calls of {call}");
        assert_eq!(
            metrics.get("jackpot_replays_total", &of),
            known(&book.done.replays),
            "replays of {call}"
        );
        let broken = book.errors.get(&(call, "deadlock_detected".to_owned()));
        let deadlocks = metrics.get("jackpot_deadlocks_total", &of);
        assert_eq!(deadlocks, broken.copied().unwrap_or(0), "deadlocks of {call}");
        check_latencies(metrics, call, calls);
        let tokens = metrics.series("jackpot_errors_total", &of);
        for (labels, count) in tokens {
            let token = labels["token"].as_str().unwrap().to_owned();
            let known = book.errors.get(&(call, token)).copied();
            assert_eq!(Some(count / 1_000_000), known, "errors of {labels}");
        }
    }
    for ((call, token), count) in &book.errors {
        let of = [("operation", *call), ("token", token.as_str())];
        assert_eq!(metrics.get("jackpot_errors_total", &of), *count, "{of:?}");
    }
    for (pool, _) in POOLS {
        let counted = counted(metrics, pool);
        assert_eq!(counted, book.done.pools[pool], "{pool}: counted, and known to the clients");
        assert_eq!(counted, stored(client, pool).await, "{pool}: counted, and in the tables");
    }
    let rows = |call: &str| metrics.get("jackpot_rows_total", &[("operation", call)]);
    let written: i64 =
        OPERATIONS.iter().map(|call| rows(call)).sum::<i64>() + rows("process_queue");
    let query = "SELECT (SELECT count(*) FROM jackpot.ledger) + (SELECT count(*) FROM jackpot.win)";
    assert_eq!(written, client.query_one(query, &[]).await.unwrap().get::<_, i64>(0));
    let queue = |outcome| metrics.get("jackpot_queue_items_total", &[("outcome", outcome)]);
    let enqueued = book.done.enqueued.len() as i64;
    assert_eq!(metrics.get("jackpot_queue_enqueued_total", &[]), enqueued);
    assert_eq!(queue("processed") + queue("failed"), enqueued);
    assert_eq!(metrics.get("jackpot_dead_letters", &[]), queue("failed"));
    assert_eq!(metrics.get("jackpot_uncounted_transactions_total", &[]), 0);
}

/// Cumulative buckets, of which the last has all calls.
fn check_latencies(metrics: &Metrics, call: &str, calls: i64) {
    let of = [("operation", call)];
    let buckets = metrics.series("jackpot_call_duration_seconds_bucket", &of);
    let buckets: Vec<(f64, i64)> = buckets
        .map(|(labels, count)| {
            let bound = labels["le"].as_str().unwrap();
            (
                if bound == "+Inf" { f64::INFINITY } else { bound.parse().unwrap() },
                count / 1_000_000,
            )
        })
        .collect();
    assert!(buckets.is_sorted_by(|one, next| one.0 < next.0 && one.1 <= next.1), "{buckets:?}");
    assert_eq!(buckets.last().unwrap(), &(f64::INFINITY, calls), "{call}");
    assert_eq!(metrics.get("jackpot_call_duration_seconds_count", &of), calls, "{call}");
    let quantile = |quantile| {
        let of = [("operation", call), ("quantile", quantile)];
        metrics.micros("jackpot_call_duration_quantile_seconds", &of)
    };
    let quantiles = ["0.5", "0.95", "0.99", "1"].map(quantile);
    assert!(quantiles[..3].is_sorted(), "{call}: {quantiles:?}");
    let sum = metrics.micros("jackpot_call_duration_seconds_sum", &of);
    assert!(quantiles[3] <= sum && sum <= calls * quantiles[3], "{call}: {sum} {quantiles:?}");
}

fn counted(metrics: &Metrics, pool: &str) -> Pool {
    let of = [("pool", pool)];
    Pool {
        bets: metrics.get("jackpot_pool_bets_total", &of),
        wagered: metrics.get("jackpot_pool_wagered_total", &of),
        contributed: metrics.micros("jackpot_pool_contributed_total", &of),
        voids: metrics.get("jackpot_pool_voids_total", &of),
        wins: metrics.get("jackpot_pool_wins_total", &of),
        won: metrics.get("jackpot_pool_won_total", &of),
    }
}

async fn stored(client: &Client, pool: &str) -> Pool {
    let query = "
        SELECT count(*) FILTER (WHERE l.voids IS NULL),
               (coalesce(sum(l.wager_amount) FILTER (WHERE l.voids IS NULL), 0))::bigint,
               (coalesce(sum(u.display + u.reserve) FILTER (WHERE l.voids IS NULL), 0))::bigint,
               (SELECT count(*) FROM jackpot.void v WHERE p.id = ANY (v.pool_ids)),
               (SELECT count(*) FROM jackpot.win w WHERE w.pool_id = p.id),
               (SELECT coalesce(sum(w.win_amount), 0)::bigint FROM jackpot.win w WHERE w.pool_id = p.id)
          FROM jackpot.pool p, jackpot.ledger l, unnest(l.pool_ids, l.display, l.reserve) AS u(pool_id, display, reserve)
         WHERE p.pool = $1 AND u.pool_id = p.id
         GROUP BY p.id";
    let row = client.query_one(query, &[&pool]).await.unwrap();
    Pool {
        bets: row.get(0),
        wagered: row.get(1),
        contributed: row.get(2),
        voids: row.get(3),
        wins: row.get(4),
        won: row.get(5),
    }
}
