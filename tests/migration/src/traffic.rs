//! Others play while a large migration into new pools runs.

use crate::image::prove;
use crate::large::{CALLS, rows};
use crate::moving::{old_tables, text};
use crate::server::{Database, create_pool};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio_postgres::Client;

/// What a player does again and again.
const PLAYS: [&str; 4] = [
    "SELECT jackpot_contribute('game', 1000, pools => '{a, b}')",
    "SELECT jackpot_spin('game', 1000, pools => '{odds}')",
    "SELECT jackpot_win('a', 'game', 'ann', 1)",
    "SELECT jackpot_contribute_arrays(ARRAY['x', 'y'], ARRAY[100, 200], pools => '{b}')",
];

/// Gives how many calls there were, and the longest.
async fn play(client: Client, call: &str, is_over: Arc<AtomicBool>) -> (u64, Duration) {
    let (mut calls, mut longest) = (0, Duration::ZERO);
    while !is_over.load(Ordering::Relaxed) {
        let started = Instant::now();
        client.batch_execute(call).await.unwrap_or_else(|error| panic!("{call}: {error:?}"));
        (calls, longest) = (calls + 1, longest.max(started.elapsed()));
    }
    (calls, longest)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn goes_on() {
    let database = Database::create("traffic").await;
    let client = database.client().await;
    old_tables(&database, "large", (rows() / 20).max(12_000));
    for pool in ["a", "b"] {
        create_pool(&client, pool, "0.01", "0.001", 10_000_000, None).await;
    }
    client
        .batch_execute(r#"SELECT jackpot_create_pool('odds', 0.01, 1000, config => '{"trigger": {"kind": "odds", "one_in": 50000}}')"#)
        .await
        .unwrap();
    client.batch_execute(CALLS[0]).await.unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    let mut players = Vec::new();
    for call in PLAYS {
        players
            .push((call, tokio::spawn(play(database.client().await, call, Arc::clone(&is_over)))));
    }
    let started = Instant::now();
    for call in &CALLS[1..] {
        client.batch_execute(call).await.unwrap();
    }
    let whole = started.elapsed();
    is_over.store(true, Ordering::Relaxed);
    for (call, player) in players {
        let (calls, longest) = player.await.unwrap();
        println!("{call}: {calls} calls, the longest took {longest:?}; the import {whole:?}");
        assert!(calls > 20, "{call}: {calls} calls");
        // A batch of 5,000 bets takes less than that, however slow the machine.
        assert!(longest < Duration::from_secs(5), "{call}: {longest:?}");
    }
    let old = r#"SELECT string_agg(format('%s %s', "group", floor(current_amount)), ', ' ORDER BY "group") FROM jackpots"#;
    let new = "SELECT string_agg(format('%s %s', pool, current_amount), ', ' ORDER BY pool) FROM jackpot_pools('{minor, major, mega}')";
    assert_eq!(text(&client, new).await, text(&client, old).await);
    prove(&client).await;
}

/// Two who take the same table over at once do it once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_at_once() {
    let database = Database::create("two").await;
    let client = database.client().await;
    old_tables(&database, "large", 30_000);
    client.batch_execute(CALLS[0]).await.unwrap();
    let both = database.clients(2).await.into_iter().map(|client| async move {
        client
            .batch_execute("CALL jackpot_import('jackpot_contribution_history', batch_size => 500)")
            .await
    });
    for result in futures::future::join_all(both).await {
        result.unwrap();
    }
    assert_eq!(
        text(&client, "SELECT count(*) || ' ' || count(DISTINCT operation_id) FROM jackpot.ledger")
            .await,
        "10000 10000"
    );
    client.batch_execute(CALLS[2]).await.unwrap();
    assert_eq!(text(&client, "SELECT string_agg(pool || ' ' || trim_scale(adjustments), ', ') FROM jackpot_reconcile() WHERE adjustments <> 0").await, "mega 777");
    prove(&client).await;
}
