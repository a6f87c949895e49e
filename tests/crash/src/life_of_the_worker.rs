//! When there is a worker, and that it always comes back.

use crate::cluster::Cluster;
use crate::queue::{
    Kind, call, check, create_pools, depth, enqueue, enqueue_all, health, launcher, process,
    prove_all, statuses, until, until_done, until_worker, worker,
};
use crate::server::{Database, sqlstate};
use crate::servers::{CARELESS, PRELOADED};
use std::time::{Duration, Instant};
use tokio_postgres::Client;

const NO_WORKER: &str = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity
                          WHERE backend_type = 'jackpot worker' AND datname = current_database())";

/// All that is promised is 10 s; the rest is for a busy machine.
const SOON: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_preloading_a_call_processes_the_queue() {
    let cluster = Cluster::start_with("crash_plain", &[CARELESS]);
    let database = Database::create_at(cluster.host(), "plain").await;
    create_pools(&database).await;
    let client = database.client().await;
    assert_eq!(health(&client).await["worker"]["state"], "not preloaded");
    let limit = "SELECT jackpot_set_rate_limit('overall', NULL, 100, 10)";
    let error = client.execute(limit, &[]).await.unwrap_err();
    assert_eq!(sqlstate(&error), "55000");
    let detail = error.as_db_error().unwrap().detail().unwrap();
    assert!(detail.starts_with("not_preloaded: "), "{detail}");

    let mut items = enqueue_all(&client, "first").await;
    let pending = ["applied", "pending", "pending", "pending"];
    assert_eq!(statuses(&client, &items).await, pending);
    assert_eq!(depth(&client).await, 3);
    let processes = "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'jackpot%'";
    assert_eq!(client.query_one(processes, &[]).await.unwrap().get::<_, i64>(0), 0);
    process(&client).await;
    // Both are payable when they are enqueued; after the first the pool holds its seed.
    client
        .execute("SELECT jackpot_contribute('more', 10000, pools => '{plain}')", &[])
        .await
        .unwrap();
    items.push(enqueue(&client, Kind::Win, "payable", 150).await);
    items.push(enqueue(&client, Kind::Win, "too late", 150).await);
    process(&client).await;
    assert_eq!(statuses(&client, &items).await.last().unwrap(), "failed");
    check(&client, &items).await;
    let again = "SELECT processed, failed, retried, wins FROM jackpot_process_queue()";
    let row = client.query_one(again, &[]).await.unwrap();
    assert_eq!([0, 1, 2, 3].map(|column| row.get::<_, i64>(column)), [0; 4]);
    prove_all(&client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_worker_comes_back() {
    let cluster = Cluster::start_with("crash_life", &[PRELOADED, CARELESS]);
    let database = Database::create_at(cluster.host(), "life").await;
    create_pools(&database).await;
    let client = database.client().await;
    let mut pid = until_worker(&client, None).await;
    let state = health(&client).await;
    assert_eq!(state["worker"]["state"], "running");
    assert_eq!(state["worker"]["pid"], pid);
    works(&client, "born").await;

    for round in ["once", "again", "and again"] {
        let started = Instant::now();
        terminate(&client, pid).await;
        pid = until_worker(&client, Some(pid)).await;
        println!("a terminated worker is back after {:?}", started.elapsed());
        assert!(started.elapsed() < SOON);
        works(&client, round).await;
    }

    let first = launcher(&client).await.unwrap();
    let started = Instant::now();
    terminate(&client, first).await;
    let back = format!(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'jackpot launcher' AND pid <> {first})"
    );
    until(&client, "the launcher is back", &back).await;
    println!("a terminated launcher is back after {:?}", started.elapsed());
    assert!(started.elapsed() < SOON);
    works(&client, "launched").await;
    // The new launcher restarts what the old one had started.
    pid = until_worker(&client, None).await;
    let started = Instant::now();
    terminate(&client, pid).await;
    until_worker(&client, Some(pid)).await;
    assert!(started.elapsed() < SOON);
    works(&client, "restarted").await;
    prove_all(&client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_extension_goes_and_comes_under_a_worker() {
    let cluster = Cluster::start_with("crash_extension", &[PRELOADED, CARELESS]);
    let database = Database::create_at(cluster.host(), "extension").await;
    for round in 0..3 {
        create_pools(&database).await;
        let client = database.client().await;
        works(&client, "there").await;
        until_worker(&client, None).await;
        prove_all(&client).await;
        let last = enqueue_all(&client, "lost with it").await;
        assert_eq!(last.len(), 4);
        client.batch_execute("DROP EXTENSION jackpot").await.unwrap();
        if round == 1 {
            until(&client, "the worker leaves", NO_WORKER).await;
        }
        client.batch_execute("CREATE EXTENSION jackpot").await.unwrap();
    }
    create_pools(&database).await;
    let client = database.client().await;
    works(&client, "at last").await;
    until_worker(&client, None).await;
    prove_all(&client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_change_under_a_worker() {
    let cluster = Cluster::start_with("crash_settings", &[PRELOADED, CARELESS]);
    let database = Database::create_at(cluster.host(), "settings").await;
    create_pools(&database).await;
    let client = database.client().await;
    let pid = until_worker(&client, None).await;

    set(&client, "jackpot.settle_interval", "'30 ms'").await;
    until(
        &client,
        "the interval is taken",
        "SELECT current_setting('jackpot.settle_interval') = '30ms'",
    )
    .await;
    works(&client, "thirty").await;
    assert_eq!(worker(&client).await, Some(pid));

    for (round, others) in ["''", "postgres"].into_iter().enumerate() {
        set(&client, "jackpot.databases", others).await;
        until(&client, "the worker leaves", NO_WORKER).await;
        assert_eq!(health(&client).await["worker"]["state"], "not running");
        let items = enqueue_all(&client, &format!("left {round}")).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(statuses(&client, &items).await, ["applied", "pending", "pending", "pending"]);
        let ours = format!("'postgres, {}'", database.name);
        set(&client, "jackpot.databases", ["'*'", ours.as_str()][round]).await;
        until_done(&client, &items).await;
        check(&client, &items).await;
        assert!(worker(&client).await.is_some());
    }
    prove_all(&client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wins_are_announced_where_that_is_wanted() {
    let cluster = Cluster::start_with("crash_notify", &[PRELOADED, CARELESS]);
    let database = Database::create_at(cluster.host(), "notify").await;
    create_pools(&database).await;
    let client = database.client().await;
    until_worker(&client, None).await;
    for wanted in [false, true] {
        set(&client, "jackpot.notify_wins", if wanted { "on" } else { "off" }).await;
        let current = format!("SELECT current_setting('jackpot.notify_wins')::boolean = {wanted}");
        until(&client, "the setting is taken", &current).await;
        // The worker takes it as well.
        tokio::time::sleep(Duration::from_millis(500)).await;
        // psql tells what it has heard after each statement.
        let label = format!("wanted {wanted}");
        let win = format!("SELECT {}", call(Kind::Win, &label, 1, true));
        let wait = "DO $$ BEGIN WHILE (jackpot_queue_health() ->> 'depth')::bigint > 0
                    LOOP PERFORM pg_sleep(0.01); COMMIT; END LOOP; END $$";
        let listen =
            ["-c", "LISTEN jackpot_win", "-c", &win, "-c", wait, "-c", "SELECT pg_sleep(0.5)"];
        let psql = ["psql", "-Xq", "-d", database.name.as_str()];
        let heard = cluster.run(&[&psql[..], &listen[..], &["-c", "SELECT 1"]].concat());
        let payload = format!("\"operation_id\":\"{label}\"");
        assert_eq!(heard.contains(&payload), wanted, "{heard}");
    }
    prove_all(&client).await;
}

/// In the file, as an administrator does without a restart.
async fn set(client: &Client, name: &str, value: &str) {
    client.batch_execute(&format!("ALTER SYSTEM SET {name} = {value}")).await.unwrap();
    client.batch_execute("SELECT pg_reload_conf()").await.unwrap();
}

async fn terminate(client: &Client, pid: i32) {
    let query = "SELECT pg_terminate_backend($1, 60000)";
    assert!(client.query_one(query, &[&pid]).await.unwrap().get::<_, bool>(0), "it stays");
}

/// The worker applies what is enqueued.
async fn works(client: &Client, label: &str) {
    let items = enqueue_all(client, label).await;
    until_done(client, &items).await;
    check(client, &items).await;
}
