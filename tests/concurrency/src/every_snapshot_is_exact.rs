//! Whatever goes on, what the extension shows in a snapshot is the full sum in that snapshot.

use crate::server::{
    Database, SHOWN, SUMMED, contribute, create_pool, map, prove, settle, sqlstate,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_postgres::Client;

const POOLS: [&str; 3] = ["mini", "major", "mega"];
const WRITERS: usize = 10;
const WRITES: i64 = 150;
const COMPARISONS_OF_A_READER: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_snapshot_is_exact() {
    let database = Database::create("snapshots").await;
    let observer = database.client().await;
    create_pool(&observer, "mini", "0.01", "0.002", 100, Some(5_000)).await;
    create_pool(&observer, "major", "0.000001", "0.000001", 0, None).await;
    create_pool(&observer, "mega", "0.05", "0.01", 10_000, Some(20_000)).await;

    // A transaction that has written and stays open from before the first read to after the last:
    // it holds back every snapshot.
    let old = database.client().await;
    old.batch_execute("BEGIN").await.unwrap();
    contribute(&old, "old", 777_777, None, None).await.unwrap();
    let same = compare_in_one_snapshot(&old).await;
    assert!(same, "the old transaction's own row");

    let over = Arc::new(AtomicBool::new(false));
    let mut writers = Vec::new();
    for (number, client) in database.clients(WRITERS).await.into_iter().enumerate() {
        let over = Arc::clone(&over);
        writers.push(tokio::spawn(async move {
            client.batch_execute("SET jackpot.settle_rows = 200").await.unwrap();
            let mut count = 0;
            while count < WRITES || !over.load(Ordering::Relaxed) {
                write(&client, number, count).await;
                count += 1;
            }
        }));
    }
    let settler = {
        let (client, over) = (database.client().await, Arc::clone(&over));
        tokio::spawn(async move {
            while !over.load(Ordering::Relaxed) {
                settle(&client).await;
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        })
    };
    let mut readers = Vec::new();
    for (number, client) in database.clients(4).await.into_iter().enumerate() {
        readers.push(tokio::spawn(async move {
            for _ in 0..COMPARISONS_OF_A_READER {
                match number {
                    0 | 1 => in_a_kept_snapshot(&client).await,
                    2 => in_one_statement(&client).await,
                    _ => of_a_contribution(&client).await,
                }
            }
        }));
    }
    for reader in readers {
        reader.await.unwrap();
    }
    over.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    settler.await.unwrap();

    assert!(compare_in_one_snapshot(&old).await, "the old transaction's own row, late");
    old.batch_execute("COMMIT").await.unwrap();
    prove(&observer).await;
    settle(&observer).await;
    prove(&observer).await;
}

/// One of the ways in which rows come into being, or do not.
async fn write(client: &Client, number: usize, count: i64) {
    let pool = POOLS[(number + count as usize) % POOLS.len()];
    let bet = format!("SELECT jackpot_contribute('game', {})", 1 + count * 37 % 5_000);
    let statements = match (number as i64 + count) % 8 {
        0 => format!("BEGIN; {bet}; {bet}; ROLLBACK"),
        1 => format!("BEGIN; {bet}; SAVEPOINT one; {bet}; ROLLBACK TO one; {bet}; COMMIT"),
        2 => format!("BEGIN; SAVEPOINT one; {bet}; RELEASE one; SELECT pg_sleep(0.01); COMMIT"),
        3 => {
            format!("BEGIN; {bet}; SELECT jackpot_win('{pool}', 'game', 'user', 1); {bet}; COMMIT")
        }
        4 if number == 0 => {
            format!("SELECT jackpot_update_config('{pool}', '{{\"min_wager\": {}}}')", count % 3)
        }
        5 if number == 1 => format!(
            "BEGIN; {bet}; SELECT jackpot_settle(); {bet}; SELECT pg_sleep(0.005); ROLLBACK"
        ),
        6 => format!("SELECT jackpot_win('{pool}', 'game', 'user')"),
        _ => bet,
    };
    if let Err(error) = client.batch_execute(&statements).await {
        // insufficient_funds; a win and a bet of one transaction wait for another's the other way round
        assert!(["23514", "40001", "40P01", "55P03"].contains(&sqlstate(&error)), "{error:?}");
        client.batch_execute("ROLLBACK").await.unwrap();
    }
}

async fn compare_in_one_snapshot(client: &Client) -> bool {
    let query = format!(
        "SELECT (SELECT array_agg(s ORDER BY s) FROM ({SHOWN}) s) = (SELECT array_agg(s ORDER BY s) FROM ({SUMMED}) s)"
    );
    client.query_one(&query, &[]).await.unwrap().get(0)
}

async fn in_a_kept_snapshot(client: &Client) {
    client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await.unwrap();
    let shown = map(client, SHOWN).await;
    let summed = map(client, SUMMED).await;
    assert_eq!(shown, summed);
    // Others have gone on meanwhile, and so has what they know of the sums.
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    assert_eq!(map(client, SHOWN).await, summed);
    client.batch_execute("COMMIT").await.unwrap();
}

async fn in_one_statement(client: &Client) {
    let query = format!(
        "SELECT coalesce(a.pool, b.pool), a.shown || ' is ' || b.summed FROM ({SHOWN}) a(pool, shown) FULL JOIN ({SUMMED}) b(pool, summed) USING (pool) WHERE a.shown IS DISTINCT FROM b.summed"
    );
    let wrong = map(client, &query).await;
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// The totals in a contribution's result are the full sum with its own row.
async fn of_a_contribution(client: &Client) {
    client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ").await.unwrap();
    for _ in 0..2 {
        let contributed = contribute(client, "game", 4_321, None, None).await.unwrap();
        let summed = map(client, SUMMED).await;
        for line in &contributed.lines {
            let summed = &summed[&line.pool];
            let starts = format!("{} ", line.current_amount);
            let ends = format!(" {}", line.version);
            assert!(summed.starts_with(&starts) && summed.ends_with(&ends), "{line:?} is {summed}");
        }
        assert_eq!(contributed.lines.len(), POOLS.len());
    }
    client.batch_execute("COMMIT").await.unwrap();
}
