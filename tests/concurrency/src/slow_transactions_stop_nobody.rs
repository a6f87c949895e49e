//! Contributions that stay open delay no contribution, win, settlement or reader.

use crate::server::{
    Database, SHOWN, SUMMED, contribute, create_pool, map, prove, settle, settle_all, win,
};
use futures::future::join_all;

const SLOW: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_transactions_stop_nobody() {
    let database = Database::create("slow").await;
    let observer = database.client().await;
    create_pool(&observer, "mega", "0.01", "0.001", 100, None).await;
    let slow = database.clients(SLOW).await;
    join_all(slow.iter().map(|client| async move {
        client.batch_execute("BEGIN").await.unwrap();
        contribute(client, "slow", 10_000, None, None).await.unwrap();
    }))
    .await;

    // Whoever waited for one of them would wait for ever, were it not for this bound.
    let quick = database.clients(8).await;
    join_all(quick.iter().map(|client| async move {
        client.batch_execute("SET jackpot.lock_timeout = '30s'").await.unwrap();
        for round in 0..20 {
            contribute(client, "quick", 10_000, None, None).await.unwrap();
            if round % 5 == 0 {
                win(client, "mega", Some(1), None).await.unwrap();
            }
            settle(client).await;
            assert_eq!(map(client, SHOWN).await.len(), 1);
        }
    }))
    .await;
    let open: i64 = observer
        .query_one(
            "SELECT count(*) FROM pg_stat_activity
              WHERE datname = current_database() AND state = 'idle in transaction'",
            &[],
        )
        .await
        .unwrap()
        .get(0);
    assert_eq!(open, SLOW as i64);
    assert_eq!(map(&observer, SHOWN).await, map(&observer, SUMMED).await);
    // 100 of the seed, 160 quick contributions of 100, 32 wins of 1.
    let amount = "SELECT current_amount FROM jackpot_pool('mega')";
    assert_eq!(observer.query_one(amount, &[]).await.unwrap().get::<_, i64>(0), 100 + 16_000 - 32);

    join_all(slow.iter().map(|client| client.batch_execute("COMMIT")))
        .await
        .into_iter()
        .for_each(Result::unwrap);
    let amount = observer.query_one(amount, &[]).await.unwrap().get::<_, i64>(0);
    assert_eq!(amount, 100 + 16_000 - 32 + 100 * SLOW as i64);
    prove(&observer).await;
    settle_all(&observer).await;
    prove(&observer).await;
}

/// A pause waits for a transaction with a win and does not lock it out of betting.
#[tokio::test]
async fn a_bet_after_a_win_goes_along_with_a_pause() {
    let database = Database::create("pause").await;
    let (player, administrator) = (database.client().await, database.client().await);
    create_pool(&player, "mega", "0.01", "0", 100, None).await;
    player.batch_execute("BEGIN").await.unwrap();
    win(&player, "mega", Some(1), None).await.unwrap();
    let pause =
        tokio::spawn(
            async move { administrator.execute("SELECT jackpot_pause('mega')", &[]).await },
        );
    // The pause has begun to wait, whatever it waits for.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    contribute(&player, "game", 100, None, None).await.unwrap();
    player.batch_execute("COMMIT").await.unwrap();
    pause.await.unwrap().unwrap();
    prove(&player).await;
}
