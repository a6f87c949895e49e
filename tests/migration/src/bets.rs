//! A bet that was taken over is not taken again, by whichever call it comes.

use crate::image::{books, prove};
use crate::moving::{fixture, migrate, refused, text};
use crate::server::Database;
use serde_json::Value;
use tokio_postgres::error::SqlState;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn are_not_taken_twice() {
    let database = Database::create("bets").await;
    let client = database.client().await;
    migrate(&client, &fixture("clean.json"), "").await.unwrap();
    let before = books(&client).await;

    // The same bet, the same with other arguments, and a bet under a win's name.
    for (id, wager) in [("b-1", 1000), ("b-1", 999), ("b-5", 1234), ("b-4-win", 10)] {
        for call in ["jackpot_contribute", "jackpot_spin"] {
            let query = format!(
                "SELECT replayed FROM {call}('slot1', {wager}, user_id => 'ann', operation_id => '{id}')"
            );
            match client.query(&query, &[]).await {
                Ok(rows) => {
                    assert!(!rows.is_empty() && rows.iter().all(|row| row.get(0)), "{query}")
                }
                Err(error) => {
                    assert_eq!(error.code(), Some(&SqlState::UNIQUE_VIOLATION), "{query}: {error}")
                }
            }
        }
        let arrays = "SELECT replayed, processed, failed FROM jackpot_contribute_arrays(ARRAY['slot1'], ARRAY[$1::bigint], operation_ids => ARRAY[$2::text])";
        let row = client.query_one(arrays, &[&i64::from(wager), &id]).await.unwrap();
        assert_eq!(row.get::<_, i64>(0) + row.get::<_, i64>(2), 1, "{id} by arrays");
        client.batch_execute(&format!("INSERT INTO jackpot.inbox (game_id, wager_amount, operation_id) VALUES ('slot1', {wager}, '{id}'); SELECT jackpot_process_inbox(10)")).await.unwrap();
        // A refusal there may come at once or with the drain.
        let queued = format!(
            "SELECT jackpot_enqueue_contribution('slot1', {wager}, user_id => 'ann', operation_id => '{id}')"
        );
        let _ = client.query(&queued, &[]).await;
        client.batch_execute("SELECT jackpot_process_queue()").await.unwrap();
    }
    for (id, amount) in [("b-4-win", "102125"), ("b-4-win", "NULL"), ("b-1", "1")] {
        let win = format!(
            "SELECT replayed FROM jackpot_win('minor', 'slot1', 'cem 🎰', {amount}, operation_id => '{id}')"
        );
        match client.query(&win, &[]).await {
            Ok(rows) => assert!(rows.iter().all(|row| row.get(0)), "{win}"),
            Err(error) => {
                assert_eq!(error.code(), Some(&SqlState::UNIQUE_VIOLATION), "{win}: {error}")
            }
        }
    }
    assert_eq!(books(&client).await, before);
    prove(&client).await;

    // A new one is taken as ever, from what stands there.
    let new = "SELECT string_agg(format('%s %s %s', pool, current_amount, version), ', ' ORDER BY pool) FROM jackpot_contribute('slot1', 1000, operation_id => 'b-new')";
    assert_eq!(text(&client, new).await, "major 1000634 4, mega 10000067 121, minor 100144 9");
    let won: Value = serde_json::from_str(
        &text(&client, "SELECT to_jsonb(w)::text FROM jackpot_win('minor', 'slot1', 'ann') w")
            .await,
    )
    .unwrap();
    assert_eq!(
        (&won["win_amount"], &won["current_amount"]),
        (&100144.into(), &100000.into()),
        "{won}"
    );
    prove(&client).await;
}

/// An old bet can be taken back, as it was taken here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn can_be_voided() {
    let database = Database::create("voided").await;
    let client = database.client().await;
    migrate(&client, &fixture("clean.json"), "").await.unwrap();
    let voided = "SELECT string_agg(format('%s %s', pool, trim_scale(voided)), ', ' ORDER BY pool) FROM jackpot_void('b-2', 'bet rolled back')";
    assert_eq!(text(&client, voided).await, "major 2.5, mega 1.25, minor 5");
    prove(&client).await;
    let (code, detail) = refused(
        client
            .query("SELECT * FROM jackpot_contribute('slot2', 250, operation_id => 'b-2')", &[])
            .await,
    );
    assert!(["55000", "23505"].contains(&code.as_str()), "{code} {detail}");
    prove(&client).await;
}
