//! However many rows a statement applies, its backend stays within a bound of memory.

use crate::server::{Database, create_pool, prove};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use tokio_postgres::Client;

/// In kB, above what an idle backend that has applied something has.
const BOUND: u64 = 50 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory() {
    let database = Database::create("memory").await;
    let observer = database.client().await;
    create_pool(&observer, "mini", "0.01", "0.005", 100, None).await;
    create_pool(&observer, "mega", "0.001", "0", 1_000, Some(100_000)).await;
    for rows in [10_000, 300_000] {
        // One in a hundred is refused.
        observer
            .execute(
                "INSERT INTO jackpot.inbox (game_id, wager_amount, user_id, operation_id, metadata)
                 SELECT 'game', CASE i % 100 WHEN 0 THEN -1 ELSE 100 END, 'user ' || i,
                        $1::bigint || ' rows ' || i, jsonb_build_object('round', repeat('x', 200))
                   FROM generate_series(1, $1::bigint) i",
                &[&rows],
            )
            .await
            .unwrap();
        let statement = "SELECT total, failed FROM jackpot_process_inbox(1000000)";
        stays_within_the_bound(&database, statement, rows).await;
    }
    for form in [
        "jackpot_spin_arrays(game_id => 'game', wager_amount => 100,
                             operation_ids => (SELECT array_agg('spin ' || i) FROM generate_series(1, 5000) i))",
        "jackpot_contribute_batch((SELECT jsonb_agg(jsonb_build_object('gameId', 'game', 'wagerAmount', 100,
                                                                       'userId', 'user ' || i, 'operationId', 'json ' || i))
                                     FROM generate_series(1, 5000) i))",
    ] {
        let statement = format!("SELECT total, 50::bigint FROM {form}");
        stays_within_the_bound(&database, &statement, 5_000).await;
    }
    prove(&observer).await;
}

/// Runs it in a backend of its own, whose memory is looked at all the while.
async fn stays_within_the_bound(database: &Database, statement: &str, rows: i64) {
    let client = database.client().await;
    client.execute("SELECT jackpot_contribute('game', 100)", &[]).await.unwrap();
    let pid: i32 = client.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    let idle = resident(pid);
    let over = Arc::new(AtomicBool::new(false));
    let watcher = {
        let over = Arc::clone(&over);
        thread::spawn(move || {
            let mut most = 0;
            while !over.load(Ordering::Relaxed) {
                most = most.max(resident(pid));
                thread::sleep(Duration::from_micros(500));
            }
            most
        })
    };
    let row = run(&client, statement).await;
    over.store(true, Ordering::Relaxed);
    let grown = watcher.join().unwrap().saturating_sub(idle);
    println!("memory: {rows} rows took {grown} kB");
    assert_eq!(row, [rows, rows / 100]);
    assert!(grown > 0, "nothing was seen");
    assert!(grown < BOUND, "{grown} kB for {rows} rows: {statement}");
}

async fn run(client: &Client, statement: &str) -> [i64; 2] {
    let row = client.query_one(statement, &[]).await.unwrap();
    [row.get(0), row.get(1)]
}

/// The memory in kB that is the process's alone: no shared buffers, no files.
fn resident(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
