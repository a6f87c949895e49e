//! Who waits for a pool, and who holds it.

use crate::cluster::Cluster;
use crate::seen::{
    ALERTS, Listener, Metrics, health, ignore_latencies, until_cleared, until_healthy, until_issue,
    until_no_issue, until_raised,
};
use crate::server::{Database, contribute, create_pool, prove, sqlstate, win};
use crate::servers::{CARELESS, PATIENCE, PRELOADED};
use std::time::{Duration, Instant};
use tokio::time::sleep;
use tokio_postgres::{Client, Row};

struct Stage {
    cluster: Cluster,
    database: Database,
    client: Client,
}

/// Two pools with something in them.
async fn stage(name: &'static str) -> Stage {
    let settings = [&[PRELOADED, CARELESS][..], &ALERTS].concat();
    let cluster = Cluster::start_with(name, &settings);
    let database = Database::create_at(cluster.host(), "locks").await;
    let client = database.client().await;
    for pool in ["held", "free"] {
        create_pool(&client, pool, "0.01", "0", 1_000, None).await;
    }
    ignore_latencies(&client).await;
    contribute(&client, "game", 1_000_000, None, None).await.unwrap();
    until_healthy(&client).await;
    Stage { cluster, database, client }
}

/// A session that says who it is and waits for long.
async fn session(database: &Database, name: &str, timeout: &str) -> (Client, i32) {
    let client = database.client().await;
    let settings =
        format!("SET application_name = '{name}'; SET jackpot.lock_timeout = '{timeout}'");
    client.batch_execute(&settings).await.unwrap();
    let pid = client.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    (client, pid)
}

/// What jackpot.activity shows of a process in that state, as soon as it does.
async fn until_active(client: &Client, pid: i32, state: &str) -> Row {
    let query =
        "SELECT pool, lock, waiting_ms, transaction_ms, operation, application_name, session_state,
                        coalesce(blocked_by, '{}') AS blocked_by, query
                   FROM jackpot.activity WHERE pid = $1 AND state = $2 LIMIT 1";
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(row) = client.query_opt(query, &[&pid, &state]).await.unwrap() {
            return row;
        }
        assert!(Instant::now() < deadline, "process {pid} is not shown as one that {state}");
        sleep(Duration::from_millis(10)).await;
    }
}

async fn nobody_is_active(client: &Client) {
    let query = "SELECT count(*) FROM jackpot.activity";
    assert_eq!(client.query_one(query, &[]).await.unwrap().get::<_, i64>(0), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_is_held_by_hand() {
    let Stage { cluster, database, client } = stage("watch_row").await;
    let mut listener = Listener::new(&cluster.host(), &database.name).await;
    client.execute("SELECT jackpot_set_alert('lock_wait_ms', 1000, NULL)", &[]).await.unwrap();
    let (holder, holder_pid) = session(&database, "by hand", "5s").await;
    holder
        .batch_execute("BEGIN; SELECT * FROM jackpot.pool WHERE pool = 'held' FOR UPDATE")
        .await
        .unwrap();
    let (waiter, waiter_pid) = session(&database, "cashier", "60s").await;
    let won = tokio::spawn(async move { win(&waiter, "held", None, None).await });

    assert!(until_raised(&client, "lock_wait_ms", "warning").await >= 1_000.0);
    let heard = listener.hear("lock_wait_ms", "warning", "raised").await;
    assert!(heard["value"].as_f64().unwrap() >= 1_000.0 && heard["threshold"] == 1000, "{heard}");
    until_issue(&client, "lock_waits", "warning").await;
    let waits = until_active(&client, waiter_pid, "waits").await;
    assert_eq!(waits.get::<_, &str>("pool"), "held");
    assert!(waits.get::<_, i64>("waiting_ms") >= 1_000);
    assert_eq!(waits.get::<_, &str>("operation"), "win");
    assert_eq!(waits.get::<_, &str>("application_name"), "cashier");
    assert_eq!(waits.get::<_, &str>("session_state"), "active");
    assert_eq!(waits.get::<_, Vec<i32>>("blocked_by"), [holder_pid]);
    assert!(waits.get::<_, &str>("query").contains("jackpot_win"));
    let blocks = until_active(&client, holder_pid, "blocks").await;
    assert_eq!(blocks.get::<_, &str>("pool"), "held");
    assert_eq!(blocks.get::<_, &str>("application_name"), "by hand");
    assert_eq!(blocks.get::<_, &str>("session_state"), "idle in transaction");
    assert!(blocks.get::<_, i64>("transaction_ms") >= 1_000);
    assert!(blocks.get::<_, &str>("query").contains("FOR UPDATE"));
    // Others go on meanwhile.
    contribute(&client, "game", 100, None, None).await.unwrap();
    win(&client, "free", Some(1), None).await.unwrap();

    client.execute("SELECT jackpot_set_alert('lock_wait_ms', 1000, 2500)", &[]).await.unwrap();
    let heard = listener.hear("lock_wait_ms", "critical", "raised").await;
    assert!(heard["value"].as_f64().unwrap() >= 2_500.0 && heard["threshold"] == 2500, "{heard}");
    until_issue(&client, "lock_waits", "critical").await;
    assert!(health(&client).await["signals"]["lock_wait_ms"].as_f64().unwrap() >= 2_500.0);
    holder.batch_execute("ROLLBACK").await.unwrap();
    won.await.unwrap().unwrap();
    until_no_issue(&client, "lock_waits").await;
    until_cleared(&client, "lock_wait_ms").await;
    listener.hear("lock_wait_ms", "critical", "cleared").await;
    nobody_is_active(&client).await;
    prove(&client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wins_and_bets_that_are_left_open() {
    let Stage { cluster: _cluster, database, client } = stage("watch_open").await;
    let before = Metrics::read(&client).await;
    let (holder, holder_pid) = session(&database, "slow", "5s").await;
    holder.batch_execute("BEGIN").await.unwrap();
    win(&holder, "held", None, None).await.unwrap();
    let (waiter, waiter_pid) = session(&database, "patient", "60s").await;
    let won = tokio::spawn(async move { win(&waiter, "held", None, None).await });
    let waits = until_active(&client, waiter_pid, "waits").await;
    assert_eq!(waits.get::<_, &str>("lock"), "pool");
    assert_eq!(waits.get::<_, Vec<i32>>("blocked_by"), [holder_pid]);
    let holds = until_active(&client, holder_pid, "holds").await;
    for row in [&holds, &waits] {
        assert_eq!(row.get::<_, &str>("pool"), "held");
        assert_eq!(row.get::<_, &str>("operation"), "win");
    }
    assert_eq!(holds.get::<_, &str>("session_state"), "idle in transaction");
    // The warning of the defaults, which stays however long this takes.
    client.execute("SELECT jackpot_set_alert('lock_wait_ms', 1000, NULL)", &[]).await.unwrap();
    until_raised(&client, "lock_wait_ms", "warning").await;
    let (hasty, _) = session(&database, "hasty", "100ms").await;
    let error = win(&hasty, "held", None, None).await.unwrap_err();
    assert_eq!(sqlstate(&error), "55P03");
    holder.batch_execute("COMMIT").await.unwrap();
    won.await.unwrap().unwrap();
    until_cleared(&client, "lock_wait_ms").await;
    let after = Metrics::read(&client).await;
    let grown = |name: &str, labels: &[(&str, &str)]| {
        after.micros(name, labels) - before.micros(name, labels)
    };
    let of_win = [("operation", "win")];
    assert_eq!(grown("jackpot_lock_waits_total", &of_win), 2_000_000);
    assert_eq!(grown("jackpot_pool_lock_waits_total", &[("pool", "held")]), 2_000_000);
    assert_eq!(grown("jackpot_pool_lock_waits_total", &[("pool", "free")]), 0);
    let seconds = grown("jackpot_lock_wait_seconds_total", &of_win);
    assert!(seconds >= 1_100_000, "{seconds} us were waited for");
    assert_eq!(grown("jackpot_pool_lock_wait_seconds_total", &[("pool", "held")]), seconds);
    let refused = [("operation", "win"), ("token", "lock_timeout")];
    assert_eq!(grown("jackpot_errors_total", &refused), 1_000_000);
    assert_eq!(grown("jackpot_calls_total", &of_win), 2_000_000);

    // A pause waits for the bets that are under way, in short attempts.
    let (bettor, bettor_pid) = session(&database, "bettor", "5s").await;
    bettor.batch_execute("BEGIN").await.unwrap();
    contribute(&bettor, "game", 100, None, None).await.unwrap();
    nobody_is_active(&client).await;
    let (admin, admin_pid) = session(&database, "admin", "60s").await;
    let paused =
        tokio::spawn(async move { admin.execute("SELECT jackpot_pause('held')", &[]).await });
    let (waits, holds) = gate(&client, admin_pid, bettor_pid).await;
    assert_eq!((waits.as_str(), holds.as_str()), ("pause", "contribute"));
    bettor.batch_execute("COMMIT").await.unwrap();
    paused.await.unwrap().unwrap();
    nobody_is_active(&client).await;
    assert!(
        Metrics::read(&client).await.get("jackpot_lock_waits_total", &[("operation", "pause")]) > 0
    );
    client.execute("SELECT jackpot_resume('held')", &[]).await.unwrap();
    prove(&client).await;
}

/// The operations of who waits for the gate and of who holds it, in one look: it is brief.
async fn gate(client: &Client, waiter: i32, holder: i32) -> (String, String) {
    let query = "SELECT w.operation, h.operation FROM jackpot.activity w CROSS JOIN jackpot.activity h
                  WHERE w.pid = $1 AND w.lock = 'gate' AND w.state = 'waits' AND $2 = ANY (w.blocked_by)
                    AND h.pid = $2 AND h.lock = 'gate' AND h.state = 'holds'";
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(row) = client.query_opt(query, &[&waiter, &holder]).await.unwrap() {
            return (row.get(0), row.get(1));
        }
        assert!(Instant::now() < deadline, "nobody waits for the gate");
    }
}
