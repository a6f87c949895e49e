//! An import that is interrupted goes on where it was.

use crate::cluster::Cluster;
use crate::image::{books, prove};
use crate::large::{self, CALLS, Progress, progress, seed};
use crate::moving::{count, old_tables};
use crate::server::{Database, settle};
use crate::servers::{CARELESS, PATIENCE};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use std::env;
use std::time::{Duration, Instant};
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

/// Where it is interrupted: in which call, and in which of its steps.
const PLACES: [(usize, &str); 3] = [(1, "validate"), (1, "contributions"), (2, "wins")];

/// Waits until that share of the step is done, or the call is.
async fn until_done(watcher: &Client, step: &str, share: f64, call: &JoinHandle<bool>) {
    let deadline = Instant::now() + PATIENCE;
    let is_there = |now: Progress| {
        now.state == "running" && now.step == step && now.done as f64 >= now.total as f64 * share
    };
    while !call.is_finished() && !progress(watcher).await.is_some_and(is_there) {
        assert!(Instant::now() < deadline, "{step} does not come to {share}");
        sleep(Duration::from_millis(2)).await;
    }
}

/// Calls it until it is through, and interrupts it in each way at each place. Gives how often it was.
async fn import_with_interruptions(
    cluster: &Cluster,
    database: &Database,
    random: &mut StdRng,
) -> u32 {
    let (mut interruptions, mut done_before) = (0, 0);
    for (number, call) in CALLS.into_iter().enumerate() {
        let call = &call.replace("5000", "1000");
        let mut planned: Vec<(Way, &str)> = Vec::new();
        for (_, step) in PLACES.iter().rev().filter(|place| place.0 == number) {
            let mut ways = WAYS;
            ways.shuffle(random);
            planned.extend(ways.map(|way| (way, *step)));
        }
        loop {
            let importer = database.client().await;
            let watcher = database.client().await;
            let pid: i32 = importer.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
            let call = call.clone();
            let importing =
                tokio::spawn(async move { importer.batch_execute(&call).await.is_ok() });
            if let Some((way, step)) = planned.pop() {
                until_done(&watcher, step, random.random_range(0.0..0.7), &importing).await;
                sleep(Duration::from_micros(random.random_range(0..20_000))).await;
                println!("{way:?}, at {:?}", progress(&watcher).await);
                let signal = |name| format!("SELECT {name}({pid})");
                match way {
                    Way::Cancel => {
                        watcher.batch_execute(&signal("pg_cancel_backend")).await.unwrap()
                    }
                    Way::Terminate => {
                        watcher.batch_execute(&signal("pg_terminate_backend")).await.unwrap()
                    }
                    Way::Stop => {
                        cluster.stop("immediate");
                        cluster.resume();
                    }
                }
            }
            let is_through = importing.await.unwrap();
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
            interruptions += 1;
        }
    }
    interruptions
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
    let interruptions = import_with_interruptions(&cluster, &broken, &mut random).await;
    assert!(interruptions >= 4, "it was interrupted {interruptions} times");

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
