//! A client sees its own contributions and others' wins in the order in which they happened.

use crate::server::{Database, contribute, create_pool, prove, settle_all, win};

#[tokio::test]
async fn totals_are_exact_in_order() {
    let database = Database::create("totals").await;
    let (client, other) = (database.client().await, database.client().await);
    create_pool(&client, "mega", "0.05", "0", 1_000, None).await;

    // A rate of 0.05 on 20 minor units gives one whole unit each time.
    for count in 1..=200 {
        let contributed = contribute(&client, "game", 20, None, None).await.unwrap();
        let [line] = contributed.lines.as_slice() else { panic!("{contributed:?}") };
        assert_eq!(
            (line.micros, line.current_amount, line.version),
            (1_000_000, 1_000 + count, 1 + count)
        );
        if count % 50 == 0 {
            settle_all(&other).await;
        }
    }
    let won = win(&other, "mega", None, None).await.unwrap();
    assert_eq!(
        (won.win_amount, won.current_amount, won.cycle, won.version),
        (1_200, 1_000, 1, 202)
    );
    let contributed = contribute(&client, "game", 20, None, None).await.unwrap();
    assert_eq!((contributed.lines[0].current_amount, contributed.lines[0].version), (1_001, 203));

    // In a transaction its own rows count for it, and for nobody else before the commit.
    client.batch_execute("BEGIN").await.unwrap();
    for count in 1..=3 {
        let contributed = contribute(&client, "game", 20, None, None).await.unwrap();
        assert_eq!(
            (contributed.lines[0].current_amount, contributed.lines[0].version),
            (1_001 + count, 203 + count)
        );
    }
    let contributed = contribute(&other, "game", 20, None, None).await.unwrap();
    assert_eq!((contributed.lines[0].current_amount, contributed.lines[0].version), (1_002, 204));
    client.batch_execute("ROLLBACK").await.unwrap();
    let contributed = contribute(&client, "game", 20, None, None).await.unwrap();
    assert_eq!((contributed.lines[0].current_amount, contributed.lines[0].version), (1_003, 205));

    // Another connection, which knows nothing yet, sees the same.
    let contributed = contribute(&database.client().await, "game", 20, None, None).await.unwrap();
    assert_eq!((contributed.lines[0].current_amount, contributed.lines[0].version), (1_004, 206));
    prove(&client).await;
}
