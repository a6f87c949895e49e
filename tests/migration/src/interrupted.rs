//! An import that is interrupted goes on where it was.

use crate::cluster::Cluster;
use crate::image::{books, prove};
use crate::large::{self, CALLS, progress, seed};
use crate::moving::{count, old_tables};
use crate::queue::until;
use crate::server::{Database, settle};
use crate::servers::CARELESS;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use std::env;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_postgres::Client;

const WAYS: [Way; 3] = [Way::Cancel, Way::Terminate, Way::Stop];

/// The ways to interrupt it.
#[derive(Clone, Copy, Debug)]
enum Way {
    Cancel,
    Terminate,
    Stop,
}

/// Of the large one a part: it is read anew after each interruption of its reading.
fn rows() -> u64 {
    (large::rows() / 10).max(30_000)
}

/// Where it is interrupted: in which call, and as soon as it writes to which table, which others hold. So many
/// of its transactions may pass before that, and a part of the next; within so many milliseconds.
#[derive(Clone, Copy, Debug)]
struct Place {
    call: usize,
    table: &'static str,
    passing: Option<u32>,
    within: u64,
}

/// While it reads, in a batch of contributions or between two, and among the wins, which are one transaction's.
const PLACES: [Place; 3] = [
    Place { call: 1, table: "jackpot.migration_row", passing: Some(0), within: 400 },
    Place { call: 1, table: "jackpot.migration_batch", passing: Some(2), within: 80 },
    Place { call: 2, table: "jackpot.win", passing: None, within: 20 },
];

async fn pid(client: &Client) -> i32 {
    client.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0)
}

/// Nobody writes to a table that is held.
fn holding(table: &str) -> String {
    format!("BEGIN; LOCK TABLE {table} IN SHARE MODE")
}

async fn until_waiting(watcher: &Client, pid: i32, table: &str) {
    let query = format!(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE pid = {pid} AND relation = '{table}'::regclass AND NOT granted)"
    );
    until(watcher, &format!("process {pid} waits for {table}"), &query).await;
}

/// Lets whoever waits for the table go on to the end of its transaction. Then the next holds it.
async fn let_pass(
    database: &Database,
    watcher: &Client,
    table: &str,
    holder: Client,
) -> JoinHandle<Client> {
    let next = database.client().await;
    let next_pid = pid(&next).await;
    let hold = holding(table);
    let holds = tokio::spawn(async move {
        // The server may be stopped meanwhile.
        let _ = next.batch_execute(&hold).await;
        next
    });
    until_waiting(watcher, next_pid, table).await;
    holder.batch_execute("ROLLBACK").await.unwrap();
    holds
}

/// Interrupts the call of that process, which has just begun.
async fn interrupt(
    cluster: &Cluster,
    database: &Database,
    random: &mut StdRng,
    (way, place): (Way, Place),
    (importer, mut holder): (i32, Client),
) {
    let watcher = database.client().await;
    until_waiting(&watcher, importer, place.table).await;
    let mut holds = None;
    if let Some(most) = place.passing {
        for _ in 0..random.random_range(0..=most) {
            holder = let_pass(database, &watcher, place.table, holder).await.await.unwrap();
            until_waiting(&watcher, importer, place.table).await;
        }
        holds = Some(let_pass(database, &watcher, place.table, holder).await);
    }
    // Anywhere: the table is held again before the call could end.
    sleep(Duration::from_micros(random.random_range(0..place.within * 1_000))).await;
    println!("{way:?}, {}, at {:?}", place.table, progress(&watcher).await);
    let signal = |name| format!("SELECT {name}({importer})");
    match way {
        Way::Cancel => watcher.batch_execute(&signal("pg_cancel_backend")).await.unwrap(),
        Way::Terminate => watcher.batch_execute(&signal("pg_terminate_backend")).await.unwrap(),
        Way::Stop => {
            cluster.stop("immediate");
            cluster.resume();
        }
    }
    if let Some(holds) = holds {
        holds.await.unwrap();
    }
}

/// Calls it until it is through, and interrupts it in each way at each place.
async fn import_with_interruptions(cluster: &Cluster, database: &Database, random: &mut StdRng) {
    let mut done_before = 0;
    for (number, call) in CALLS.into_iter().enumerate() {
        // More batches than pass.
        let call = &call.replace("5000", "500");
        let mut planned: Vec<(Way, Place)> = Vec::new();
        for place in PLACES.iter().rev().filter(|place| place.call == number) {
            let mut ways = WAYS;
            ways.shuffle(random);
            planned.extend(ways.map(|way| (way, *place)));
        }
        loop {
            let plan = planned.pop();
            let importer = database.client().await;
            let importer_pid = pid(&importer).await;
            let holder = database.client().await;
            if let Some((_, place)) = plan {
                holder.batch_execute(&holding(place.table)).await.unwrap();
            }
            let call = call.clone();
            let importing =
                tokio::spawn(async move { importer.batch_execute(&call).await.is_ok() });
            if let Some(plan) = plan {
                interrupt(cluster, database, random, plan, (importer_pid, holder)).await;
            }
            let is_through = importing.await.unwrap();
            assert_eq!(is_through, plan.is_none(), "{plan:?}");
            let watcher = database.client().await;
            prove(&watcher).await;
            let now = progress(&watcher).await;
            let is_left = now.as_ref().is_some_and(|now| now.state == "interrupted");
            assert!(now.is_none() || is_left && !is_through, "{now:?}");
            // What was committed stays.
            let done = count(
                &watcher,
                "SELECT (SELECT count(*) FROM jackpot.ledger) + (SELECT count(*) FROM jackpot.win)",
            )
            .await;
            assert!(done >= done_before, "{done} rows, {done_before} before");
            done_before = done;
            if is_through {
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_ends_as_if_it_had_not_been() {
    let libraries = format!(
        "shared_preload_libraries='{}'",
        env::var("MIGRATION_LIBRARIES").unwrap_or_default()
    );
    let cluster = Cluster::start_with("migration_interrupted", &[&libraries, CARELESS]);
    let mut random = StdRng::seed_from_u64(seed());

    let broken = Database::create_at(cluster.host(), "broken").await;
    old_tables(&broken, "large", rows());
    import_with_interruptions(&cluster, &broken, &mut random).await;

    let whole = Database::create_at(cluster.host(), "whole").await;
    old_tables(&whole, "large", rows());
    let client = whole.client().await;
    for call in CALLS {
        client.batch_execute(call).await.unwrap();
    }
    let (ours, theirs) = (broken.client().await, client);
    settle(&ours).await;
    settle(&theirs).await;
    assert_eq!(books(&ours).await, books(&theirs).await);
    // Once more does nothing.
    for call in CALLS {
        ours.batch_execute(call).await.unwrap();
    }
    assert_eq!(books(&ours).await, books(&theirs).await);
    prove(&ours).await;
}
