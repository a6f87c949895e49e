//! What a prepared transaction has enqueued is applied when it commits, also after a crash, and
//! never if it is rolled back.

use crate::cluster::Cluster;
use crate::queue::{
    Item, check, create_pools, enqueue_all, prove_all, until_done, until_empty, until_worker,
};
use crate::server::{Database, sqlstate};
use crate::servers::{CARELESS, PRELOADED};
use tokio_postgres::Client;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prepared_transactions() {
    let cluster = Cluster::start_with(
        "crash_prepared",
        &[PRELOADED, CARELESS, "max_prepared_transactions=5"],
    );
    let database = Database::create_at(cluster.host(), "prepared").await;
    create_pools(&database).await;
    let client = database.client().await;
    until_worker(&client, None).await;
    let kept = prepare(&client, "kept").await;
    let kept_late = prepare(&client, "kept late").await;
    let dropped = prepare(&client, "dropped").await;
    let dropped_late = prepare(&client, "dropped late").await;

    let mut items = apply(&client, "beside them").await;
    client.batch_execute("COMMIT PREPARED 'kept'").await.unwrap();
    until_done(&client, &kept).await;
    client.batch_execute("ROLLBACK PREPARED 'dropped'").await.unwrap();
    items.extend(apply(&client, "after the first two").await);
    for item in kept_late.iter().chain(&dropped).chain(&dropped_late) {
        unknown(&client, item).await;
    }

    cluster.stop("immediate");
    cluster.resume();
    let client = database.client().await;
    items.extend(apply(&client, "after the crash").await);
    for item in kept_late.iter().chain(&dropped).chain(&dropped_late) {
        unknown(&client, item).await;
    }
    client.batch_execute("COMMIT PREPARED 'kept late'").await.unwrap();
    until_done(&client, &kept_late).await;
    client.batch_execute("ROLLBACK PREPARED 'dropped late'").await.unwrap();
    items.extend(apply(&client, "after all").await);

    items.extend(kept);
    items.extend(kept_late);
    until_empty(&client).await;
    let applied = check(&client, &items).await;
    for item in dropped.iter().chain(&dropped_late) {
        unknown(&client, item).await;
        assert!(applied.ledger(&item.label).is_empty() && applied.wins(&item.label).is_empty());
    }
    prove_all(&client).await;
}

async fn prepare(client: &Client, label: &str) -> Vec<Item> {
    client.batch_execute("BEGIN").await.unwrap();
    let items = enqueue_all(client, label).await;
    client.batch_execute(&format!("PREPARE TRANSACTION '{label}'")).await.unwrap();
    items
}

/// Enqueued and applied: what has been committed before is behind it.
async fn apply(client: &Client, label: &str) -> Vec<Item> {
    let items = enqueue_all(client, label).await;
    until_done(client, &items).await;
    items
}

async fn unknown(client: &Client, item: &Item) {
    let error =
        client.query("SELECT * FROM jackpot_queue_item($1)", &[&item.id]).await.unwrap_err();
    assert_eq!(sqlstate(&error), "42704", "{item:?}");
}
