//! An error undoes what the call did and nothing else: the session, the transaction and the PL/pgSQL
//! block that caught it go on, also where the extension was trying something in a subtransaction.

use crate::server::{Database, contribute, create_pool, prove, sqlstate};
use tokio_postgres::Client;

/// Attempts at the gate take 50 ms each, with growing pauses: these end in an attempt or a pause.
const TIMEOUTS: [i64; 7] = [20, 75, 120, 180, 220, 270, 400];

const CONTRIBUTIONS: &str = "SELECT total_contributions FROM jackpot_pool('mega')";

/// A pool that cannot be paused, for a contribution to it is in flight.
async fn pool_in_use(database: &Database) -> (Client, Client) {
    let (client, holder) = (database.client().await, database.client().await);
    create_pool(&client, "mega", "0.01", "0", 1_000, None).await;
    holder.batch_execute("BEGIN; SELECT jackpot_contribute('game', 100)").await.unwrap();
    (client, holder)
}

#[tokio::test]
async fn a_cancelled_pause_leaves_the_session_usable() {
    let database = Database::create("cancelled").await;
    let (client, holder) = pool_in_use(&database).await;
    for timeout in TIMEOUTS {
        client.batch_execute(&format!("SET statement_timeout = {timeout}")).await.unwrap();
        let error =
            client.batch_execute("SELECT jackpot_pause('mega')").await.expect_err("it is in use");
        assert_eq!(sqlstate(&error), "57014");
        client
            .batch_execute("RESET statement_timeout")
            .await
            .unwrap_or_else(|error| panic!("{timeout} ms: {error:?}"));
        contribute(&client, "game", 100, None, None).await.unwrap();
    }
    holder.batch_execute("COMMIT").await.unwrap();
    prove(&client).await;
}

#[tokio::test]
async fn a_caught_cancellation_leaves_the_transaction_whole() {
    let database = Database::create("caught_cancellation").await;
    let (client, holder) = pool_in_use(&database).await;
    for timeout in TIMEOUTS {
        client
            .batch_execute("BEGIN; SELECT jackpot_contribute('game', 100); SAVEPOINT one")
            .await
            .unwrap();
        client.batch_execute(&format!("SET LOCAL statement_timeout = {timeout}")).await.unwrap();
        let caught = client
            .batch_execute(
                "DO $$ BEGIN
                     BEGIN
                         PERFORM jackpot_contribute('game', 100);
                         PERFORM jackpot_pause('mega');
                     EXCEPTION WHEN query_canceled THEN
                         PERFORM jackpot_contribute('game', 100);
                     END;
                 END $$",
            )
            .await;
        caught.unwrap_or_else(|error| panic!("{timeout} ms: {error:?}"));
        client.batch_execute("RELEASE SAVEPOINT one; COMMIT").await.unwrap();
    }
    holder.batch_execute("COMMIT").await.unwrap();
    let contributions: i64 = client.query_one(CONTRIBUTIONS, &[]).await.unwrap().get(0);
    assert_eq!(contributions, 1 + 2 * TIMEOUTS.len() as i64);
    prove(&client).await;
}

#[tokio::test]
async fn a_caught_refusal_leaves_the_transaction_whole() {
    let database = Database::create("caught_refusal").await;
    let (client, holder) = pool_in_use(&database).await;
    holder.batch_execute("SELECT jackpot_win('mega', 'game', 'user', 1)").await.unwrap();
    client.batch_execute("SET jackpot.lock_timeout = '60ms'").await.unwrap();
    client
        .batch_execute(
            "DO $$
             DECLARE
                 call text;
             BEGIN
                 FOREACH call IN ARRAY ARRAY[
                     $call$jackpot_pool('nobody')$call$,
                     $call$jackpot_create_pool('mega')$call$,
                     $call$jackpot_contribute(NULL, 1)$call$,
                     $call$jackpot_contribute('game', 9223372036854775807, pools => '{nobody}')$call$,
                     $call$jackpot_win('mega', 'game', 'user', expected_cycle => 7)$call$,
                     $call$jackpot_update_config('mega', '{\"colour\": 1}')$call$,
                     $call$jackpot_pause('mega')$call$] LOOP
                     FOR i IN 1..20 LOOP
                         BEGIN
                             PERFORM jackpot_contribute('game', 100);
                             EXECUTE 'SELECT ' || call;
                             RAISE ASSERT_FAILURE USING MESSAGE = call || ' went through';
                         EXCEPTION WHEN undefined_object OR duplicate_object OR null_value_not_allowed
                                     OR lock_not_available OR invalid_parameter_value THEN
                             NULL;
                         END;
                         EXIT WHEN call ~ 'win|pause' AND i = 3;
                     END LOOP;
                 END LOOP;
                 PERFORM jackpot_contribute('game', 100);
             END $$",
        )
        .await
        .unwrap();
    holder.batch_execute("COMMIT").await.unwrap();
    let contributions: i64 = client.query_one(CONTRIBUTIONS, &[]).await.unwrap().get(0);
    assert_eq!(contributions, 2);
    prove(&client).await;
}
