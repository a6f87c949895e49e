//! The ticker under load shows what was committed, is never too old, and never goes back.

use crate::cluster::Cluster;
use crate::queue::until;
use crate::seen::Metrics;
use crate::server::{Database, contribute, create_pool, prove, sqlstate, win};
use crate::servers::{CARELESS, PRELOADED};
use futures::future::{join, join_all};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::time::sleep;
use tokio_postgres::Client;

const TIME: Duration = Duration::from_secs(4);
const WRITERS: usize = 4;
const READERS: usize = 8;
const POOLS: [&str; 3] = ["mini", "major", "mega"];
/// More than all that is committed; what is rolled back gives as much.
const TOO_MUCH: i64 = 1_000_000_000_000;

/// Pools of which one database's hold at least so much, and no other's.
async fn create(cluster: &Cluster, name: &str, seed: i64) -> Database {
    let database = Database::create_at(cluster.host(), name).await;
    let client = database.client().await;
    for pool in POOLS {
        create_pool(&client, pool, "0.1", "0", seed, None).await;
    }
    database
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ticker_under_load() {
    let cluster = Cluster::start_with("watch_ticker", &[PRELOADED, CARELESS]);
    let (one, other) = (
        create(&cluster, "ticker", 1_000).await,
        create(&cluster, "other_ticker", 1_000_000_000).await,
    );
    join(is_right(&one, 1_000), is_right(&other, 1_000_000_000)).await;
    changes(&one).await;
}

async fn is_right(database: &Database, seed: i64) {
    let end = Instant::now() + TIME;
    let writers = database.clients(WRITERS).await.into_iter();
    let writers: Vec<_> = writers.map(|client| tokio::spawn(write(client, end))).collect();
    let readers = database.clients(READERS).await.into_iter();
    let readers: Vec<_> = readers.map(|client| tokio::spawn(read(client, end, seed))).collect();
    let written: Vec<u64> = join_all(writers).await.into_iter().map(Result::unwrap).collect();
    let read: u64 = join_all(readers).await.into_iter().map(Result::unwrap).sum();
    let client = database.client().await;
    at_rest(&client).await;
    let metrics = Metrics::read(&client).await;
    let reads = |source| metrics.get("jackpot_ticker_reads_total", &[("source", source)]) as u64;
    let (memory, tables) = (reads("memory"), reads("tables"));
    let rolled_back: u64 = written.iter().map(|turns| turns.div_ceil(2)).sum();
    let written: u64 = written.iter().sum();
    println!("{written} transactions, {read} readings: {memory} of memory, {tables} of tables");
    assert!(memory > 20 * tables, "{memory} readings of memory, {tables} of tables");
    // What is read counts at once, a call when it is committed; two were made at rest.
    let calls = metrics.get("jackpot_calls_total", &[("operation", "ticker")]) as u64;
    assert_eq!(calls, read + 2);
    assert_eq!(memory + tables, calls + rolled_back);
    prove(&client).await;
}

/// Half of it is rolled back.
async fn write(client: Client, end: Instant) -> u64 {
    for turn in 0.. {
        if Instant::now() >= end {
            return turn;
        }
        let pool = POOLS[turn as usize % 3];
        if turn % 2 == 0 {
            client.batch_execute("BEGIN").await.unwrap();
            contribute(&client, "game", 10 * TOO_MUCH, None, None).await.unwrap();
            if turn % 8 == 0 {
                win(&client, pool, None, None).await.unwrap();
            }
            // The ticker shows this session what it shows others.
            check(&rows(&client).await, 0);
            client.batch_execute("ROLLBACK").await.unwrap();
        } else if turn % 15 == 1 {
            win(&client, pool, None, None).await.unwrap();
        } else {
            contribute(&client, "game", 1_000, None, None).await.unwrap();
        }
    }
    unreachable!()
}

struct Tick {
    pool: String,
    amount: i64,
    moment: (i64, i64),
    age_ms: i64,
    /// How long the call took, at the end of which the age is told.
    call_ms: i64,
}

async fn rows(client: &Client) -> Vec<Tick> {
    let query = "SELECT pool, current_amount, cycle, version, age_ms, source FROM jackpot_ticker()";
    let began = Instant::now();
    let rows = client.query(query, &[]).await.unwrap();
    let call_ms = began.elapsed().as_millis() as i64;
    rows.iter()
        .map(|row| Tick {
            pool: row.get(0),
            amount: row.get(1),
            moment: (row.get(2), row.get(3)),
            age_ms: row.get(4),
            call_ms,
        })
        .collect()
}

fn check(ticks: &[Tick], seed: i64) {
    assert_eq!(ticks.len(), POOLS.len());
    for tick in ticks {
        assert!(
            seed <= tick.amount && tick.amount < TOO_MUCH,
            "{} is shown with {}",
            tick.pool,
            tick.amount
        );
        let most = 250 + tick.call_ms;
        assert!(tick.age_ms <= most, "{} is {} of {most} ms old", tick.pool, tick.age_ms);
    }
}

async fn read(client: Client, end: Instant, seed: i64) -> u64 {
    let mut seen = BTreeMap::new();
    let mut readings = 0;
    while Instant::now() < end {
        let ticks = rows(&client).await;
        check(&ticks, seed);
        for tick in ticks {
            let before = seen.insert(tick.pool.clone(), tick.moment).unwrap_or_default();
            assert!(before <= tick.moment, "{}: {:?} after {before:?}", tick.pool, tick.moment);
        }
        readings += 1;
    }
    readings
}

/// What nobody changes it shows soon.
async fn at_rest(client: &Client) {
    let same = "SELECT NOT EXISTS (
                    (SELECT pool, status, currency, current_amount, cycle, version FROM jackpot_ticker())
                    EXCEPT
                    (SELECT pool, status, currency, current_amount, cycle, version FROM jackpot_pools()))
                AND (SELECT count(*) FROM jackpot_ticker()) = (SELECT count(*) FROM jackpot_pools())";
    sleep(Duration::from_millis(260)).await;
    assert!(client.query_one(same, &[]).await.unwrap().get::<_, bool>(0));
}

/// What changes pools themselves.
async fn changes(database: &Database) {
    let client = database.client().await;
    let source = "SELECT bool_and(source = 'memory') FROM jackpot_ticker()";
    win(&client, "mini", None, None).await.unwrap();
    until(&client, "the win shows", "SELECT current_amount = 1000 FROM jackpot_ticker('{mini}')")
        .await;
    create_pool(&client, "new", "0.1", "0", 77, None).await;
    let shown = "SELECT current_amount = 77 AND status = 'active' FROM jackpot_ticker('{new}')";
    assert!(client.query_one(shown, &[]).await.unwrap().get::<_, bool>(0), "it shows at once");
    until(&client, "memory has it", source).await;
    client.execute("SELECT jackpot_pause('new')", &[]).await.unwrap();
    let paused = "SELECT status = 'paused' FROM jackpot_ticker('{new}')";
    until(&client, "the pause shows", paused).await;
    let error = client.query("SELECT jackpot_ticker('{none}')", &[]).await.unwrap_err();
    assert_eq!(sqlstate(&error), "42704");
    // On request it reads the tables each time.
    client.batch_execute("SET jackpot.ticker_interval = 0").await.unwrap();
    contribute(&client, "game", 1_230, None, Some(&["mini"])).await.unwrap();
    let exact = "SELECT current_amount = 1123 AND source = 'tables' FROM jackpot_ticker('{mini}')";
    assert!(client.query_one(exact, &[]).await.unwrap().get::<_, bool>(0));
    client.batch_execute("RESET jackpot.ticker_interval").await.unwrap();
    at_rest(&client).await;
    prove(&client).await;

    client.batch_execute("DROP EXTENSION jackpot; CREATE EXTENSION jackpot").await.unwrap();
    let other = database.client().await;
    for client in [&client, &other] {
        assert!(rows(client).await.is_empty(), "pools of the old extension are shown");
    }
    create_pool(&client, "mini", "0.1", "0", 5, None).await;
    for client in [&client, &other] {
        let rows = rows(client).await;
        assert_eq!((rows.len(), rows[0].amount, rows[0].moment), (1, 5, (1, 1)));
    }
    until(&other, "memory has it", source).await;
    contribute(&client, "game", 100, None, None).await.unwrap();
    at_rest(&other).await;
    assert_eq!(rows(&other).await[0].amount, 15);
    prove(&client).await;
}
