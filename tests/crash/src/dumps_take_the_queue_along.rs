//! What waits in a dump is applied once wherever it is restored, and what was applied is not
//! applied again, though transaction ids start anew there.

use crate::cluster::Cluster;
use crate::queue::{
    Applied, Item, Kind, check, create_pools, depth, enqueue, enqueue_all, process, prove_all,
    statuses, until_done, until_empty, until_worker,
};
use crate::server::Database;
use crate::servers::{CARELESS, PRELOADED};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::sleep;
use tokio_postgres::Client;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dumps_take_the_queue_along() {
    // Nothing is preloaded here, so that what waits stays.
    let source = Cluster::start_with("crash_dump", &[CARELESS]);
    let target = Cluster::start_with("crash_restored", &[PRELOADED, CARELESS]);
    let database = Database::create_at(source.host(), "dump").await;
    create_pools(&database).await;
    let client = database.client().await;
    burn(&client, 3000).await;
    let mut done = Vec::new();
    for round in 0..10 {
        done.extend(enqueue_all(&client, &format!("done {round}")).await);
    }
    process(&client).await;
    // Both are payable when they are enqueued; after the first the pool holds its seed.
    client
        .execute("SELECT jackpot_contribute('more', 50000, pools => '{plain}')", &[])
        .await
        .unwrap();
    done.push(enqueue(&client, Kind::Win, "payable", 450).await);
    done.push(enqueue(&client, Kind::Win, "too late", 450).await);
    process(&client).await;
    assert_eq!(statuses(&client, &done).await.last().unwrap(), "failed");
    let before = check(&client, &done).await;
    let mut waiting = Vec::new();
    for round in 0..10 {
        waiting.extend(enqueue_all(&client, &format!("waiting {round}")).await);
    }
    assert_eq!(depth(&client).await, 30);
    let books = Books { done, waiting, before };

    let scratch = std::env::temp_dir().join(format!("jackpot-crash-{}", std::process::id()));
    fs::create_dir_all(&scratch).unwrap();
    let dump = Dump { scratch };
    source.run(&["pg_dump", "-Fc", "-f", &dump.file("dump"), &database.name]);

    let behind = dump.restore(&target, "behind").await;
    by_worker(&behind, &books).await;
    // Transaction ids beyond all that the dump knows.
    burn(&behind, 8000).await;
    let ahead = dump.restore(&target, "ahead").await;
    by_worker(&ahead, &books).await;
    let slow = dump.restore_slowly(&target, "slow").await;
    by_worker(&slow, &books).await;
    // Into the cluster where it comes from, and there itself.
    let twin = dump.restore(&source, "twin").await;
    by_call(&twin, &books).await;
    by_call(&client, &books).await;
}

/// What was enqueued before the dump.
struct Books {
    done: Vec<Item>,
    waiting: Vec<Item>,
    /// What there was when all of done had been applied.
    before: Applied,
}

async fn burn(client: &Client, transactions: u32) {
    let burn = format!(
        "DO $$ BEGIN FOR i IN 1..{transactions} LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$"
    );
    client.batch_execute(&burn).await.unwrap();
}

struct Dump {
    scratch: PathBuf,
}

impl Drop for Dump {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.scratch);
    }
}

impl Dump {
    fn file(&self, name: &str) -> String {
        self.scratch.join(name).to_str().unwrap().to_owned()
    }

    async fn restore(&self, cluster: &Cluster, name: &str) -> Client {
        let client = create(cluster, name).await;
        cluster.run(&["pg_restore", "--exit-on-error", "--dbname", name, &self.file("dump")]);
        client
    }

    /// So slowly that the worker comes when the mark is there and what it speaks of is not.
    async fn restore_slowly(&self, cluster: &Cluster, name: &str) -> Client {
        let client = create(cluster, name).await;
        let contents = cluster.run(&["pg_restore", "--list", &self.file("dump")]);
        let contents: Vec<&str> = contents.lines().collect();
        let mark = contents.iter().position(|line| line.contains(" TABLE DATA jackpot mark "));
        let (first, rest) = contents.split_at(mark.unwrap() + 1);
        assert!(rest.iter().any(|line| line.contains(" TABLE DATA jackpot queue_mark ")));
        for part in [first, rest] {
            let list = self.file("list");
            fs::write(&list, part.join("\n") + "\n").unwrap();
            let (use_list, dump) = (format!("--use-list={list}"), self.file("dump"));
            cluster.run(&["pg_restore", "--exit-on-error", "--dbname", name, &use_list, &dump]);
            until_worker(&client, None).await;
            // It has looked at what there is.
            sleep(Duration::from_secs(2)).await;
        }
        client
    }
}

async fn create(cluster: &Cluster, name: &str) -> Client {
    let create = format!("CREATE DATABASE {name} TEMPLATE template0");
    cluster.client().await.batch_execute(&create).await.unwrap();
    Database { host: cluster.host(), name: name.to_owned() }.client().await
}

async fn by_worker(client: &Client, books: &Books) {
    // Whoever uses the extension has the worker come.
    let mut new = enqueue_all(client, "restored").await;
    until_empty(client).await;
    go_on(client, books, &mut new).await;
}

async fn by_call(client: &Client, books: &Books) {
    assert_eq!(
        depth(client).await,
        books.waiting.iter().filter(|item| item.kind != Kind::Contribution).count() as i64
    );
    let mut new = enqueue_all(client, "restored").await;
    process(client).await;
    go_on(client, books, &mut new).await;
}

async fn go_on(client: &Client, books: &Books, new: &mut Vec<Item>) {
    let Books { done, waiting, before } = books;
    let all = |new: &[Item]| [done, waiting, new].concat();
    check(client, &all(new)).await;
    prove_all(client).await;
    // Later rounds of the queue do not come back to what was restored.
    new.extend(enqueue_all(client, "afterwards").await);
    if client_has_worker(client).await {
        until_done(client, new).await;
    } else {
        process(client).await;
    }
    sleep(Duration::from_millis(300)).await;
    let after = check(client, &all(new)).await;
    for item in done {
        assert_eq!(after.ledger(&item.label), before.ledger(&item.label), "{item:?}");
        assert_eq!(after.wins(&item.label), before.wins(&item.label), "{item:?}");
    }
    // And the one synchronous contribution.
    let wagers = all(new).iter().filter(|item| item.kind != Kind::Win).count();
    assert_eq!(after.ledger.len(), wagers + 1);
    prove_all(client).await;
}

async fn client_has_worker(client: &Client) -> bool {
    client
        .query_one("SELECT current_setting('shared_preload_libraries') <> ''", &[])
        .await
        .unwrap()
        .get(0)
}
