//! A server that is stopped while its worker has a large backlog.

use crate::cluster::Cluster;
use crate::queue::{create_pools, depth, prove_all, until, until_empty, until_worker};
use crate::server::Database;
use crate::servers::{CARELESS, PRELOADED};
use std::time::{Duration, Instant};

const SPINS: i64 = 100_000;
const IDLE: &str = "jackpot.databases=''";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_does_not_wait_for_the_backlog() {
    let mut cluster = Cluster::start_with("crash_stop", &[PRELOADED, CARELESS, IDLE]);
    let database = Database::create_at(cluster.host(), "stop").await;
    create_pools(&database).await;
    let client = database.client().await;
    for from in (0..SPINS).step_by(10_000) {
        let enqueue = format!(
            "SELECT count(jackpot_enqueue_spin('game', 10, operation_id => 'spin ' || i))
               FROM generate_series({from}, {from} + 9999) i"
        );
        client.execute(&enqueue, &[]).await.unwrap();
    }
    assert_eq!(depth(&client).await, SPINS);
    cluster.stop("fast");

    cluster.settings.retain(|setting| setting != IDLE);
    cluster.resume();
    let client = database.client().await;
    until_worker(&client, None).await;
    let begun = format!("SELECT (jackpot_queue_health() ->> 'depth')::bigint < {SPINS}");
    until(&client, "the worker has begun", &begun).await;
    let started = Instant::now();
    cluster.stop("fast");
    let took = started.elapsed();

    cluster.settings.push(IDLE.to_owned());
    cluster.resume();
    let client = database.client().await;
    let left = depth(&client).await;
    println!("a stop takes {took:?} and leaves {left} of {SPINS}");
    assert!(took < Duration::from_secs(10), "it takes {took:?}");
    assert!(
        0 < left && left < SPINS,
        "the backlog is too small to tell, or nothing was kept: {left}"
    );
    cluster.stop("fast");

    cluster.settings.retain(|setting| setting != IDLE);
    cluster.resume();
    let client = database.client().await;
    until_empty(&client).await;
    let once = format!(
        "SELECT count(*) = {SPINS} AND count(DISTINCT operation_id) = {SPINS} FROM jackpot.ledger"
    );
    until(&client, "nothing is lost or doubled", &once).await;
    let wins =
        "SELECT count(*) > 0 AND count(*) = count(DISTINCT (ledger_id, pool_id)) FROM jackpot.win";
    until(&client, "no spin hits a pool twice", wins).await;
    prove_all(&client).await;
}
