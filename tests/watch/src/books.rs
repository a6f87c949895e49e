//! Books that somebody has changed by hand.

use crate::cluster::Cluster;
use crate::queue::until;
use crate::seen::{
    ALERTS, Listener, health, ignore_latencies, issue, until_cleared, until_healthy, until_issue,
    until_no_issue, until_raised,
};
use crate::server::{Database, contribute, create_pool, prove, settle, win};
use crate::servers::{CARELESS, PRELOADED};
use futures::future::join_all;
use tokio_postgres::Client;

/// What is done by hand, and what undoes it; by how many minor units the books are then too high.
struct Damage {
    name: &'static str,
    harm: &'static str,
    repair: &'static str,
    difference: f64,
}

const DAMAGES: [Damage; 3] = [
    Damage {
        name: "balance",
        harm: "UPDATE jackpot.balance SET display = display + 1",
        repair: "UPDATE jackpot.balance SET display = display - 1",
        difference: 0.000001,
    },
    Damage {
        name: "pool",
        harm: "UPDATE jackpot.pool SET meter = meter - 5000000",
        repair: "UPDATE jackpot.pool SET meter = meter + 5000000",
        difference: -5.0,
    },
    Damage {
        name: "ledger",
        harm: "UPDATE jackpot.ledger SET display[1] = display[1] + 2000000 WHERE game_id = 'tampered'",
        repair: "UPDATE jackpot.ledger SET display[1] = display[1] - 2000000 WHERE game_id = 'tampered'",
        difference: -2.0,
    },
];

/// A pool that was fed and won, and all of it is settled.
async fn create(cluster: &Cluster, name: &str) -> (Database, Client) {
    let database = Database::create_at(cluster.host(), name).await;
    let client = database.client().await;
    create_pool(&client, "pool", "0.01", "0.005", 100, None).await;
    for game in ["fair", "tampered", "fair"] {
        contribute(&client, game, 123_456, None, None).await.unwrap();
    }
    win(&client, "pool", Some(500), None).await.unwrap();
    contribute(&client, "fair", 10_000, None, None).await.unwrap();
    settle(&client).await;
    (database, client)
}

/// What the audit has found.
async fn difference(client: &Client) -> f64 {
    let audit = health(client).await["audit"].clone();
    assert_eq!(audit["pool"], "pool", "{audit}");
    audit["difference"].as_str().unwrap().parse().unwrap()
}

async fn is_valid(client: &Client) -> bool {
    let query = "SELECT bool_and(ok) FROM jackpot_validate()";
    client.query_one(query, &[]).await.unwrap().get(0)
}

/// By the worker, which goes through the ledger each 10 s: a part of the test in absent_worker.rs.
pub async fn what_was_changed_by_hand_is_found() {
    let cluster =
        Cluster::start_with("watch_books", &[&[PRELOADED, CARELESS][..], &ALERTS].concat());
    join_all(DAMAGES.iter().map(async |damage| {
        let (database, client) = create(&cluster, damage.name).await;
        ignore_latencies(&client).await;
        until_healthy(&client).await;
        let passed = "SELECT (jackpot_health() #>> '{audit,passes}')::bigint > 0";
        until(&client, "the ledger has been gone through", passed).await;
        assert_eq!(issue(&client, "conservation").await, None);
        let mut listener = Listener::new(&cluster.host(), &database.name).await;

        client.batch_execute(damage.harm).await.unwrap();
        assert_eq!(until_raised(&client, "audit_failures", "critical").await, 1.0);
        listener.hear("audit_failures", "critical", "raised").await;
        let message = until_issue(&client, "conservation", "critical").await;
        assert!(message.contains(r#"pool "pool""#), "{message}");
        assert_eq!(difference(&client).await, damage.difference, "{}", damage.name);
        assert!(!is_valid(&client).await);

        client.batch_execute(damage.repair).await.unwrap();
        until_cleared(&client, "audit_failures").await;
        listener.hear("audit_failures", "critical", "cleared").await;
        until_no_issue(&client, "conservation").await;
        until_healthy(&client).await;
        assert!(is_valid(&client).await);
        prove(&client).await;
    }))
    .await;
}

/// Who asks does a piece of the audit himself where no worker does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_worker_health_finds_it() {
    let cluster = Cluster::start_with("watch_books_plain", &[CARELESS]);
    for damage in &DAMAGES {
        let (_database, client) = create(&cluster, &format!("{}_plain", damage.name)).await;
        assert_eq!(issue(&client, "conservation").await, None);
        client.batch_execute(damage.harm).await.unwrap();
        until_issue(&client, "conservation", "critical").await;
        assert_eq!(difference(&client).await, damage.difference, "{}", damage.name);
        client.batch_execute(damage.repair).await.unwrap();
        until_no_issue(&client, "conservation").await;
        prove(&client).await;
    }
}
