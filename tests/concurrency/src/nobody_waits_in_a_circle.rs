//! Statements that take the same operation ids in several goes, and not each go in the same order,
//! wait for one another in turn and never in a circle.

use crate::server::{Database, create_pool, prove};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Error, Row};

/// Takes the first id, waits for the second, and then wants the third.
const ORDERLY: &str = "SELECT failed FROM jackpot_contribute_arrays(
    game_id => 'game', wager_amount => 100, operation_ids => '{a, b, z1}')";
const HOLDS: &str = "BEGIN; SELECT jackpot_contribute('game', 1, operation_id => 'b')";

#[tokio::test]
async fn a_batch_that_repeats_an_id() {
    meet(
        "repeated_id",
        "SELECT failed FROM jackpot_contribute_arrays(
             game_id => 'game', wager_amount => 100, operation_ids => '{z1, z1, a}')",
    )
    .await;
}

#[tokio::test]
async fn an_inbox_of_several_pieces() {
    meet("pieces", "SELECT failed FROM jackpot_process_inbox()").await;
}

/// The statement has what the orderly one wants next before it wants what that one has.
async fn meet(name: &str, statement: &str) {
    let database = Database::create(name).await;
    let observer = database.client().await;
    create_pool(&observer, "mega", "0.01", "0", 1_000, None).await;
    observer
        .execute(
            "INSERT INTO jackpot.inbox (game_id, wager_amount, operation_id)
             SELECT 'game', 100, CASE i WHEN 50000 THEN 'a' ELSE 'z' || i END
               FROM generate_series(1, 50000) i",
            &[],
        )
        .await
        .unwrap();
    let (holder, first, second) =
        (database.client().await, database.client().await, database.client().await);
    holder.batch_execute(HOLDS).await.unwrap();
    let first = tokio::spawn(async move { first.query_one(ORDERLY, &[]).await });
    until_so_many_wait(&observer, &[&first]).await;
    let statement = statement.to_owned();
    let second = tokio::spawn(async move { second.query_one(&statement, &[]).await });
    until_so_many_wait(&observer, &[&first, &second]).await;
    holder.batch_execute("ROLLBACK").await.unwrap();
    let (one, two) = (first.await.unwrap(), second.await.unwrap());
    for row in [one.unwrap(), two.unwrap()] {
        assert_eq!(row.get::<_, i64>(0), 0);
    }
    prove(&observer).await;
}

/// For a lock; or one of them has ended, which need not wait.
async fn until_so_many_wait(observer: &Client, calls: &[&JoinHandle<Result<Row, Error>>]) {
    let waiting = "SELECT count(*) FROM pg_stat_activity
                    WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while calls.iter().all(|call| !call.is_finished())
        && observer.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) < calls.len() as i64
    {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
