//! Samples hold what was counted, no more and no less, for as long as they are kept.

use crate::book::POOLS;
use crate::cluster::Cluster;
use crate::queue::{until, until_worker};
use crate::seen::{Metrics, ignore_latencies, set};
use crate::server::{Database, contribute, create_pool, prove, settle, win};
use crate::servers::{CARELESS, PRELOADED};
use futures::future::join_all;
use std::time::{Duration, Instant};
use tokio::time::sleep;
use tokio_postgres::Client;

const TIME: Duration = Duration::from_secs(4);
const SAMPLES: &str = "jackpot.sample_interval=1s";
const OPERATIONS: [&str; 5] = ["contribute", "spin", "win", "void", "contribute_arrays"];

async fn play(client: Client, number: usize) {
    let end = Instant::now() + TIME;
    let mut turn = 0;
    while Instant::now() < end {
        turn += 1;
        let query = match turn % 12 {
            0 => "SELECT jackpot_win('first', 'game', 'user', 1)".to_owned(),
            1 => "SELECT jackpot_win('first', 'game', 'user', 100000000)".to_owned(),
            2 => format!("SELECT jackpot_contribute('game', 70, operation_id => '{number} {turn}')"),
            3 => format!("SELECT jackpot_contribute('game', 70, operation_id => '{number} {}')", turn - 1),
            4 => format!("SELECT jackpot_void('{number} {}', 'test')", turn - 2),
            5 => "SELECT jackpot_contribute_arrays(game_id => 'game', wager_amounts => '{10, 20, 30}')".to_owned(),
            6 => "SELECT jackpot_win('second', 'game', 'user', expected_cycle => 1000000)".to_owned(),
            7..10 => "SELECT jackpot_spin('game', 500)".to_owned(),
            _ => "SELECT jackpot_contribute('game', 1234)".to_owned(),
        };
        let _ = client.execute(&query, &[]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn samples_have_what_was_counted() {
    let cluster = Cluster::start_with("watch_samples", &[PRELOADED, CARELESS, SAMPLES]);
    let database = Database::create_at(cluster.host(), "samples").await;
    let client = database.client().await;
    crate::book::create_pools(&client).await;
    until_worker(&client, None).await;
    let players = database.clients(4).await.into_iter().enumerate();
    let players = players.map(|(number, client)| tokio::spawn(play(client, number)));
    for player in join_all(players.collect::<Vec<_>>()).await {
        player.unwrap();
    }
    agree(&client).await;
    let several = "SELECT count(*) BETWEEN 3 AND 30 FROM jackpot.sample";
    until(&client, "there is one a second", several).await;
    // One begins where another ends, unless nothing happened in between.
    let gaps = "SELECT count(*) FROM (SELECT since, lag(at) OVER (ORDER BY at) AS before FROM jackpot.sample) s WHERE since < before";
    assert_eq!(client.query_one(gaps, &[]).await.unwrap().get::<_, i64>(0), 0);
    let seconds = "SELECT bool_and(seconds > 0 AND p50_ms <= p95_ms AND p95_ms <= p99_ms AND p99_ms <= max_ms)
                     FROM jackpot.operation_sample WHERE calls > 0";
    assert!(client.query_one(seconds, &[]).await.unwrap().get::<_, bool>(0));

    // While nothing happens there are none.
    settle(&client).await;
    sleep(Duration::from_millis(2_500)).await;
    let last = "SELECT max(at) FROM jackpot.sample";
    let last_at: std::time::SystemTime = client.query_one(last, &[]).await.unwrap().get(0);
    sleep(Duration::from_millis(2_500)).await;
    assert_eq!(
        last_at,
        client.query_one(last, &[]).await.unwrap().get::<_, std::time::SystemTime>(0)
    );

    // Counting anew is not counting again.
    let calls =
        "SELECT sum(calls)::bigint FROM jackpot.operation_sample WHERE operation = 'contribute'";
    let before: i64 = client.query_one(calls, &[]).await.unwrap().get(0);
    client.execute("SELECT jackpot_reset_metrics()", &[]).await.unwrap();
    for _ in 0..7 {
        contribute(&client, "game", 100, None, None).await.unwrap();
    }
    let grown = format!("SELECT ({calls}) = {}", before + 7);
    until(&client, "the seven are sampled", &grown).await;
    sleep(Duration::from_millis(1_500)).await;
    assert!(client.query_one(&grown, &[]).await.unwrap().get::<_, bool>(0));

    // Old ones go when new ones come.
    set(&client, "jackpot.sample_retention", "'2 s'").await;
    let pruned = "SELECT min(at) > $1 FROM jackpot.sample";
    let end = Instant::now() + crate::servers::PATIENCE;
    loop {
        contribute(&client, "game", 100, None, None).await.unwrap();
        sleep(Duration::from_millis(100)).await;
        let row = client.query_one(pruned, &[&last_at]).await.unwrap();
        if row.get::<_, Option<bool>>(0) == Some(true) {
            break;
        }
        assert!(Instant::now() < end, "old samples stay");
    }
    prove(&client).await;
}

/// Waits until the samples add up to the counters.
async fn agree(client: &Client) {
    let metrics = Metrics::read(client).await;
    for call in OPERATIONS {
        let query = format!(
            "SELECT array[sum(calls), sum(errors), sum(replays), sum(rows), sum(conflicts), sum(lock_waits),
                          sum(duration_ms) * 1000, sum(lock_wait_ms) * 1000]::bigint[]
               FROM jackpot.operation_sample WHERE operation = '{call}'"
        );
        let of = [("operation", call)];
        let seconds = |name| metrics.micros(name, &of);
        let counted = [
            metrics.get("jackpot_calls_total", &of),
            metrics.get("jackpot_errors_total", &of),
            metrics.get("jackpot_replays_total", &of),
            metrics.get("jackpot_rows_total", &of),
            metrics.get("jackpot_version_conflicts_total", &of),
            metrics.get("jackpot_lock_waits_total", &of),
            seconds("jackpot_call_duration_seconds_sum"),
            seconds("jackpot_lock_wait_seconds_total"),
        ];
        assert!(counted[0] > 0, "no {call}");
        let is_same =
            format!("SELECT ({query}) = '{{{}}}'", counted.map(|n| n.to_string()).join(","));
        until(client, &format!("samples of {call} add up to {counted:?}"), &is_same).await;
    }
    for (pool, _) in POOLS {
        let query = format!(
            "SELECT array[sum(bets), sum(wagered), sum(contributed) * 1000000, sum(voids), sum(wins), sum(won)]::bigint[]
               FROM jackpot.pool_sample WHERE pool = '{pool}'"
        );
        let of = [("pool", pool)];
        let counted = [
            metrics.get("jackpot_pool_bets_total", &of),
            metrics.get("jackpot_pool_wagered_total", &of),
            metrics.micros("jackpot_pool_contributed_total", &of),
            metrics.get("jackpot_pool_voids_total", &of),
            metrics.get("jackpot_pool_wins_total", &of),
            metrics.get("jackpot_pool_won_total", &of),
        ];
        let is_same =
            format!("SELECT ({query}) = '{{{}}}'", counted.map(|n| n.to_string()).join(","));
        until(client, &format!("samples of {pool} add up to {counted:?}"), &is_same).await;
    }
    let refused = metrics.get("jackpot_errors_total", &[("operation", "win")]);
    assert!(
        refused > 0 && metrics.get("jackpot_version_conflicts_total", &[("operation", "win")]) > 0
    );
}

/// With nothing to do the extension takes no transaction id and hardly runs, even
/// while somebody looks at it each second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_database_costs_nothing() {
    let cluster = Cluster::start_with("watch_idle", &[PRELOADED, CARELESS, "autovacuum=off"]);
    let database = Database::create_at(cluster.host(), "idle").await;
    let client = database.client().await;
    create_pool(&client, "pool", "0.01", "0", 100, None).await;
    ignore_latencies(&client).await;
    contribute(&client, "game", 10_000, None, None).await.unwrap();
    win(&client, "pool", Some(1), None).await.unwrap();
    let worker = until_worker(&client, None).await;
    // What there was to do is done.
    sleep(Duration::from_secs(2)).await;
    let next = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text";
    let before: String = client.query_one(next, &[]).await.unwrap().get(0);
    let ticks = ticks_of(worker);
    for _ in 0..10 {
        for query in [
            "jackpot_health()",
            "jackpot_metrics()",
            "jackpot_ticker()",
            "jackpot_alerts()",
            "jackpot.signal",
            "jackpot.activity",
        ] {
            client.query(&format!("SELECT * FROM {query}"), &[]).await.unwrap();
        }
        sleep(Duration::from_secs(1)).await;
    }
    let ticks = ticks_of(worker) - ticks;
    println!("the worker has run for {ticks} ticks of 1000");
    assert!(ticks <= 20, "it has run for {ticks} ticks of 1000");
    let after: String = client.query_one(next, &[]).await.unwrap().get(0);
    assert_eq!(before, after, "transaction ids are taken");
    assert_eq!(until_worker(&client, None).await, worker);
    prove(&client).await;
}

/// How long it has run, in hundredths of a second.
fn ticks_of(process: i32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // After the name, which may have spaces: the state is the first, these are the 12th and 13th.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum()
}
