//! Several sessions that move in or back at once.

use crate::image::prove;
use crate::moving::{count, migrate, refused, text};
use crate::queue::until;
use crate::server::Database;

const POOLS: &str = r#"{"pools": [
    {"group": "minor", "currentAmount": 50000, "seedAmount": 100, "contributionRate": 0.01},
    {"group": "major", "currentAmount": 90000, "seedAmount": 100, "contributionRate": 0.01}]}"#;

/// Each fifth bet won, in one pool or the other, and the win is called as the bet is.
const HISTORY: &str = r#"
    CREATE TABLE bets AS
    SELECT p AS "group", 100 AS wager_amount, 1 AS contribution_amount, 's' || n AS bet_transaction_id, 'g' AS game_id, 'ann' AS user_id,
           timestamp '2025-01-01' + n * interval '1 minute' AS created_at
      FROM generate_series(1, 1000) n, unnest('{minor,major}'::text[]) p;
    CREATE TABLE wins AS
    SELECT CASE WHEN n % 10 = 0 THEN 'minor' ELSE 'major' END AS "group", 101 AS win_amount, 's' || n AS winning_spin_transaction_id, 'g' AS game_id,
           'ann' AS user_id, timestamp '2025-01-01 00:00:30' + n * interval '1 minute' AS created_at
      FROM generate_series(5, 1000, 5) n"#;

/// Bets and wins of the same names: none is taken for the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bets_and_their_wins() {
    let database = Database::create("side_by_side").await;
    let client = database.client().await;
    migrate(&client, POOLS, "").await.unwrap();
    client.batch_execute(HISTORY).await.unwrap();
    let (bets, wins) = (database.client().await, database.client().await);
    let (bets, wins) = futures::future::join(
        bets.batch_execute("CALL jackpot_import('bets', batch_size => 20)"),
        wins.batch_execute("CALL jackpot_import('wins')"),
    )
    .await;
    bets.unwrap();
    wins.unwrap();
    let taken = "SELECT format('%s bets, %s of them by other names; %s wins, %s of them', count(DISTINCT l.operation_id), count(*) FILTER (WHERE l.operation_id LIKE 'bet:%'),
                               (SELECT count(*) FROM jackpot.win), (SELECT count(*) FROM jackpot.win w WHERE w.operation_id LIKE 'win:%'))
                   FROM jackpot.ledger l";
    let told = text(&client, taken).await;
    assert!(told.starts_with("1000 bets") && told.contains("; 200 wins"), "{told}");
    let renamed = "SELECT (SELECT count(*) FROM jackpot.ledger WHERE operation_id LIKE 'bet:%') + (SELECT count(*) FROM jackpot.win WHERE operation_id LIKE 'win:%')";
    assert_eq!(count(&client, renamed).await, 200, "{told}");
    let left = "SELECT count(*) FROM jackpot.migration WHERE findings @> '[{\"token\": \"came_meanwhile\"}]' OR state <> 'completed'";
    assert_eq!(count(&client, left).await, 0);
    prove(&client).await;
}

/// What is rolled back while it goes on does not begin anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_ends_an_import() {
    let database = Database::create("ended").await;
    let client = database.client().await;
    let table = r#"
        CREATE TABLE pools AS
        SELECT p AS "group", 100000 AS current_amount, 100 AS seed_amount, 0.01 AS contribution_rate,
               (SELECT jsonb_agg(jsonb_build_object('wagerAmount', 100, 'contributionAmount', 1, 'gameId', 'g', 'betTransactionId', p || n)) FROM generate_series(1, 3000) n) AS contribution_history
          FROM unnest('{minor,major}'::text[]) p"#;
    client.batch_execute(table).await.unwrap();
    let importer = database.client().await;
    let importing = tokio::spawn(async move {
        importer.batch_execute("CALL jackpot_import('pools', batch_size => 10)").await
    });
    until(&client, "some is in", "SELECT count(*) > 20 FROM jackpot.ledger").await;
    let row = client.query_one("SELECT status, pools_removed FROM jackpot_rollback(1)", &[]).await;
    let row = row.unwrap();
    assert_eq!((row.get::<_, &str>(0), row.get::<_, i64>(1)), ("rolled_back", 2));
    let (code, told) = refused(importing.await.unwrap());
    assert_eq!(code, "55000", "{told}");
    assert!(told.starts_with("migration_state: "), "{told}");
    let left = "SELECT (SELECT count(*) FROM jackpot.pool) + (SELECT count(*) FROM jackpot.ledger) + (SELECT count(*) FROM jackpot.operation) + (SELECT count(*) FROM jackpot.migration_row)";
    assert_eq!(count(&client, left).await, 0);
    prove(&client).await;
}

/// Others that hold several pools in the order of their ids.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wins_wait_for_nobody_in_a_circle() {
    let database = Database::create("circle").await;
    let client = database.client().await;
    migrate(&client, POOLS, "").await.unwrap();
    client.batch_execute(HISTORY).await.unwrap();
    client.batch_execute("CALL jackpot_import('bets')").await.unwrap();
    let other = database.client().await;
    other.batch_execute("BEGIN; SELECT jackpot_adjust('minor', 1, 'a correction')").await.unwrap();
    let importer = database.client().await;
    let importing =
        tokio::spawn(async move { importer.batch_execute("CALL jackpot_import('wins')").await });
    let waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)";
    until(&client, "the import waits", waits).await;
    other.batch_execute("SELECT jackpot_adjust('major', 1, 'a correction'); COMMIT").await.unwrap();
    importing.await.unwrap().unwrap();
    assert_eq!(count(&client, "SELECT count(*) FROM jackpot.win").await, 200);
    prove(&client).await;
}
