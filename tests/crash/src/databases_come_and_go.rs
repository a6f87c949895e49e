//! A worker's connection is in nobody's way.

use crate::cluster::Cluster;
use crate::queue::{
    Kind, check, create_pools, enqueue_all, prove_all, until, until_done, until_worker,
};
use crate::server::{Database, sqlstate};
use crate::servers::{CARELESS, PATIENCE, PRELOADED};
use futures::future::join;
use std::time::Instant;
use tokio_postgres::Client;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn databases_have_queues_of_their_own() {
    let cluster = Cluster::start_with("crash_two", &[PRELOADED, CARELESS]);
    let one = Database::create_at(cluster.host(), "one").await;
    let other = Database::create_at(cluster.host(), "other").await;
    join(create_pools(&one), create_pools(&other)).await;
    let (one, other) = (one.client().await, other.client().await);
    let workers = join(until_worker(&one, None), until_worker(&other, None)).await;
    assert_ne!(workers.0, workers.1);
    let (mut here, mut there) = (Vec::new(), Vec::new());
    for round in 0..20 {
        here.extend(enqueue_all(&one, &format!("here {round}")).await);
        there.extend(enqueue_all(&other, &format!("there {round}")).await);
    }
    for (client, items) in [(&one, &here), (&other, &there)] {
        until_done(client, items).await;
        let applied = check(client, items).await;
        let wagers = items.iter().filter(|item| item.kind != Kind::Win).count();
        assert_eq!(applied.ledger.len(), wagers, "what the other database's has come in");
        prove_all(client).await;
    }
}

/// The server itself waits for others to leave, but not for long.
async fn copy(server: &Client) {
    let deadline = Instant::now() + PATIENCE;
    let create = "CREATE DATABASE clients_copied TEMPLATE clients_original";
    while let Err(error) = server.batch_execute(create).await {
        assert_eq!(sqlstate(&error), "55006", "{error}");
        assert!(Instant::now() < deadline, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn databases_are_copied_renamed_and_dropped() {
    let cluster = Cluster::start_with("crash_databases", &[PRELOADED, CARELESS]);
    let database = Database::create_at(cluster.host(), "original").await;
    create_pools(&database).await;
    let named = |name: &str| Database { host: cluster.host(), name: name.to_owned() };
    let mut items = {
        let client = database.client().await;
        until_worker(&client, None).await;
        let items = enqueue_all(&client, "original").await;
        until_done(&client, &items).await;
        items
    };
    let server = cluster.client().await;
    // Our own connection takes a moment to go.
    let ours = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname LIKE 'clients%' AND backend_type = 'client backend')";
    until(&server, "the clients leave", ours).await;
    copy(&server).await;
    let copied = named("clients_copied");
    for (database, label) in [(&database, "after"), (&copied, "copied")] {
        let client = database.client().await;
        let mut items = items.clone();
        items.extend(enqueue_all(&client, label).await);
        until_done(&client, &items).await;
        until_worker(&client, None).await;
        check(&client, &items).await;
        prove_all(&client).await;
    }

    until(&server, "the clients leave", ours).await;
    server
        .batch_execute("ALTER DATABASE clients_original RENAME TO clients_renamed")
        .await
        .unwrap();
    let renamed = named("clients_renamed");
    {
        let client = renamed.client().await;
        items.extend(enqueue_all(&client, "renamed").await);
        until_done(&client, &items).await;
        until_worker(&client, None).await;
        check(&client, &items).await;
        prove_all(&client).await;
    }

    until(&server, "the clients leave", ours).await;
    let worker = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = 'clients_renamed' AND backend_type = 'jackpot worker')";
    until(&server, "a worker runs there", worker).await;
    server.batch_execute("DROP DATABASE clients_renamed").await.unwrap();
    // The other's worker goes on, or comes back.
    let client = copied.client().await;
    let items = enqueue_all(&client, "the other is dropped").await;
    until_done(&client, &items).await;
    check(&client, &items).await;
    prove_all(&client).await;
}
