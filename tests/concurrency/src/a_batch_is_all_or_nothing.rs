//! A batch that ends in its middle, in whatever way, leaves nothing; its operation ids are free,
//! its rows are in the inbox, and repeating it applies all of them once.

use crate::cluster::Cluster;
use crate::server::{Database, SHOWN, map, prove};
use bytes::Bytes;
use futures::{SinkExt, pin_mut};
use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;
use tokio_postgres::{CancelToken, Client, Error, NoTls};

/// Many times what is written at once, and more than the inbox takes at once.
const ITEMS: i64 = 12_000;

/// A statement, and what another transaction does to hold it up in its middle.
struct Work {
    holds: &'static str,
    statement: &'static str,
    /// Whether it answers again what it answered.
    replays: bool,
}

/// The last of its operation ids is held, so all others are taken.
const CLAIMING: Work = Work {
    holds: "SELECT jackpot_contribute('game', 1, operation_id => 'z held')",
    statement: "SELECT total, processed, replayed FROM jackpot_contribute_arrays(
                    game_id => 'game', wager_amount => 100, pools => '{plain}',
                    operation_ids => (SELECT array_agg('claiming ' || i ORDER BY i) FROM generate_series(2, 12000) i) || 'z held'::text)",
    replays: true,
};

/// Those before a hit are in the ledger, and the hit cannot be paid.
const PAYING: Work = Work {
    holds: "LOCK TABLE jackpot.win IN SHARE MODE",
    statement: "SELECT total, processed, replayed FROM jackpot_spin_arrays(
                    game_id => 'game', wager_amount => 100, pools => '{must}',
                    operation_ids => (SELECT array_agg('paying ' || i) FROM generate_series(1, 12000) i))",
    replays: true,
};

/// The last id of the first piece is held, so all others are taken. A later piece would not wait.
const STREAMING: Work = Work {
    holds: "SELECT jackpot_contribute('game', 100, operation_id => 'streaming 9999', pools => '{plain}')",
    statement: "SELECT total, processed, replayed FROM jackpot_process_inbox()",
    replays: false,
};

#[derive(Clone, Copy, Debug)]
enum Ending {
    Cancel,
    Timeout,
    Terminate,
    /// As kill -9 does: the server starts again.
    Kill,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_is_all_or_nothing() {
    let database = prepare(Database::create("all_or_nothing").await).await;
    for work in [CLAIMING, PAYING, STREAMING] {
        for ending in [Ending::Cancel, Ending::Timeout, Ending::Terminate] {
            interrupt(&database, &work, ending).await;
        }
        repeat(&database, &work).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_leaves_nothing_half_done() {
    let preload = {
        let here = Database::create("crash").await.client().await;
        here.query_one("SHOW shared_preload_libraries", &[]).await.unwrap().get::<_, String>(0)
    };
    let cluster = Cluster::start("clients_crash", &preload);
    let database = prepare(Database::create_at(cluster.host(), "crash").await).await;
    for work in [CLAIMING, PAYING, STREAMING] {
        interrupt(&database, &work, Ending::Kill).await;
        repeat(&database, &work).await;
    }
}

async fn prepare(database: Database) -> Database {
    let client = database.client().await;
    client
        .batch_execute(
            "SELECT jackpot_create_pool('plain', 0.01, 1000, reserve_rate => 0.005);
             SELECT jackpot_create_pool('must', 0.01, 1000, 5000, config => '{\"trigger\": {\"kind\": \"must_hit_by\"}}')",
        )
        .await
        .unwrap();
    let sink = client
        .copy_in("COPY jackpot.inbox (game_id, wager_amount, operation_id, pools) FROM STDIN")
        .await
        .unwrap();
    let rows: String =
        (1..=ITEMS).map(|row| format!("game\t100\tstreaming {row}\t{{plain}}\n")).collect();
    pin_mut!(sink);
    sink.send(Bytes::from(rows)).await.unwrap();
    assert_eq!(sink.finish().await.unwrap(), ITEMS as u64);
    database
}

/// Ends the statement while it waits in its middle: nothing has changed.
async fn interrupt(database: &Database, work: &Work, ending: Ending) {
    let before = state(&database.client().await).await;
    let (client, holder) = (database.client().await, database.client().await);
    holder.batch_execute(&format!("BEGIN; {}", work.holds)).await.unwrap();
    if let Ending::Timeout = ending {
        client.batch_execute("SET statement_timeout = '500ms'").await.unwrap();
    }
    let pid: i32 = client.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    let statement = client.query_one(work.statement, &[]);
    pin_mut!(statement);
    if !matches!(ending, Ending::Timeout) {
        tokio::select! {
            result = &mut statement => panic!("it was not held up: {result:?}"),
            () = until_it_waits(&holder, pid) => {}
        }
    }
    let (result, ()) = tokio::join!(statement, end(ending, client.cancel_token(), pid, &holder));
    check(ending, &result.expect_err("it is held up"));
    match ending {
        Ending::Kill => until_it_is_back(database, &holder).await,
        _ => holder.batch_execute("ROLLBACK").await.unwrap(),
    }
    let observer = database.client().await;
    assert_eq!(state(&observer).await, before, "{ending:?} of {}", work.statement);
}

async fn end(ending: Ending, token: CancelToken, pid: i32, holder: &Client) {
    match ending {
        Ending::Cancel => token.cancel_query(NoTls).await.unwrap(),
        Ending::Timeout => {}
        Ending::Terminate => {
            // Waits until it is gone, and with it its locks.
            let terminate = "SELECT pg_terminate_backend($1, 60000)";
            assert!(holder.query_one(terminate, &[&pid]).await.unwrap().get::<_, bool>(0));
        }
        Ending::Kill => {
            let kill = Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
            assert!(kill.success());
        }
    }
}

fn check(ending: Ending, error: &Error) {
    let code = error.code().map(|code| code.code());
    match ending {
        Ending::Cancel | Ending::Timeout => assert_eq!(code, Some("57014"), "{error:?}"),
        Ending::Terminate => assert_eq!(code, Some("57P01"), "{error:?}"),
        Ending::Kill => assert!(error.is_closed() || code == Some("57P02"), "{error:?}"),
    }
}

/// What can be counted, and what the pools hold.
async fn state(client: &Client) -> (Vec<i64>, BTreeMap<String, String>) {
    let tables = ["ledger", "operation", "win", "journal", "inbox", "dead_letter"];
    let mut counts = Vec::new();
    for table in tables {
        let query = format!("SELECT count(*) FROM jackpot.{table}");
        counts.push(client.query_one(&query, &[]).await.unwrap().get(0));
    }
    (counts, map(client, SHOWN).await)
}

async fn until_it_waits(observer: &Client, pid: i32) {
    let waits = "SELECT wait_event_type IS NOT DISTINCT FROM 'Lock' AND state = 'active'
                   FROM pg_stat_activity WHERE pid = $1";
    // A transaction looks once at what all sessions do, unless it is told to look again.
    let again = "SELECT pg_stat_clear_snapshot()";
    while !observer.query_one(waits, &[&pid]).await.unwrap().get::<_, bool>(0) {
        tokio::time::sleep(Duration::from_millis(10)).await;
        observer.execute(again, &[]).await.unwrap();
    }
}

/// All sessions end when the server notices; then it recovers.
async fn until_it_is_back(database: &Database, witness: &Client) {
    while !witness.is_closed() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    while database.try_client().await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Nothing holds it up any more: it applies all, and once more nothing.
async fn repeat(database: &Database, work: &Work) {
    let client = database.client().await;
    let count = "SELECT count(*) FROM jackpot.ledger";
    let before: i64 = client.query_one(count, &[]).await.unwrap().get(0);
    for new in [ITEMS, 0] {
        let row = client.query_one(work.statement, &[]).await.unwrap();
        let answer = [0, 1, 2].map(|column| row.get::<_, i64>(column));
        let all = if work.replays { ITEMS } else { new };
        assert_eq!(answer, [all, all, all - new], "{}", work.statement);
    }
    let after: i64 = client.query_one(count, &[]).await.unwrap().get(0);
    assert_eq!(after - before, ITEMS);
    prove(&client).await;
}
