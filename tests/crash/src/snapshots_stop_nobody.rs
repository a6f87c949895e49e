//! A snapshot that is held open and a transaction that does not end delay nothing but their own.

use crate::cluster::Cluster;
use crate::queue::{
    check, create_pools, depth, enqueue_all, process, prove_all, until_done, until_worker,
};
use crate::server::Database;
use crate::servers::{CARELESS, PRELOADED};
use tokio_postgres::Client;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_worker_goes_on_beside_slow_transactions() {
    let cluster = Cluster::start_with("crash_slow", &[PRELOADED, CARELESS]);
    slow_transactions(&cluster, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_goes_on_beside_slow_transactions() {
    let cluster = Cluster::start_with("crash_slow_plain", &[CARELESS]);
    slow_transactions(&cluster, false).await;
}

async fn slow_transactions(cluster: &Cluster, has_worker: bool) {
    let database = Database::create_at(cluster.host(), "slow").await;
    create_pools(&database).await;
    let client = database.client().await;
    if has_worker {
        until_worker(&client, None).await;
    }
    let (reader, elsewhere, writer) =
        (database.client().await, cluster.client().await, database.client().await);
    // Each holds its snapshot, or its transaction id, to the end.
    let hold = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class";
    reader.batch_execute(hold).await.unwrap();
    elsewhere.batch_execute(&format!("{hold}; SELECT pg_current_xact_id()")).await.unwrap();
    writer.batch_execute("BEGIN").await.unwrap();
    let slow = enqueue_all(&writer, "slow").await;

    let mut items = Vec::new();
    for round in 0..50 {
        items.extend(enqueue_all(&client, &format!("quick {round}")).await);
        if round % 10 == 9 {
            drain(&client, has_worker).await;
            until_done(&client, &items).await;
        }
    }
    assert_eq!(depth(&client).await, 0, "what has not been committed does not count");
    let applied = check(&client, &items).await;
    assert!(slow.iter().all(|item| applied.ledger(&item.label).is_empty()));
    prove_all(&client).await;

    writer.batch_execute("COMMIT").await.unwrap();
    drain(&client, has_worker).await;
    until_done(&client, &slow).await;
    items.extend(slow);
    check(&client, &items).await;
    for holder in [reader, elsewhere] {
        holder.batch_execute("COMMIT").await.unwrap();
    }
    prove_all(&client).await;
}

async fn drain(client: &Client, has_worker: bool) {
    if !has_worker {
        process(client).await;
    }
}
