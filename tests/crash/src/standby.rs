//! A standby shows the queue and leaves it alone until it is promoted.

use crate::cluster::Cluster;
use crate::queue::{
    check, create_pools, depth, enqueue_all, health, prove_all, statuses, until, until_done,
    until_empty, until_worker, worker,
};
use crate::server::{Database, sqlstate};
use crate::servers::{CARELESS, PRELOADED};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_works_only_after_promotion() {
    let primary = Cluster::start_with("crash_primary", &[PRELOADED, CARELESS]);
    let database = Database::create_at(primary.host(), "standby").await;
    create_pools(&database).await;
    let writer = database.client().await;
    until_worker(&writer, None).await;
    let mut items = enqueue_all(&writer, "applied before the copy").await;
    until_done(&writer, &items).await;
    // From here on the primary leaves the queue alone.
    writer.batch_execute("ALTER SYSTEM SET jackpot.databases = ''").await.unwrap();
    writer.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    let none =
        "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'jackpot worker')";
    until(&writer, "the primary's worker leaves", none).await;
    let mut expected = vec!["applied"; items.len()];

    items.extend(enqueue_all(&writer, "before the copy").await);
    let standby =
        Cluster::copy("crash_standby", &primary, &[PRELOADED, CARELESS, "jackpot.databases='*'"]);
    items.extend(enqueue_all(&writer, "after the copy").await);
    for _ in 0..2 {
        expected.extend(["applied", "pending", "pending", "pending"]);
    }
    let written: String =
        writer.query_one("SELECT pg_current_wal_flush_lsn()::text", &[]).await.unwrap().get(0);
    let copy = Database { host: standby.host(), name: database.name.clone() };
    let reader = copy.client().await;
    let replayed = format!("SELECT pg_last_wal_replay_lsn() >= '{written}'");
    until(&reader, "the standby has followed", &replayed).await;
    // Time enough for the delayed to be due, and for a worker to do wrong.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(worker(&reader).await, None);
    let state = health(&reader).await;
    assert_eq!(state["worker"]["state"], "not running", "{state}");
    assert_eq!(depth(&reader).await, 6);
    assert_eq!(statuses(&reader, &items).await, expected);
    for write in [
        "SELECT jackpot_enqueue_contribution('game', 100)",
        "SELECT jackpot_enqueue_spin('game', 100)",
        "SELECT jackpot_enqueue_win('plain', 'game', 'user')",
        "SELECT jackpot_process_queue()",
    ] {
        let error = reader.execute(write, &[]).await.expect_err(write);
        assert_eq!(sqlstate(&error), "25006", "{write}");
    }
    prove_all(&reader).await;

    let promoted = reader.query_one("SELECT pg_promote()", &[]).await.unwrap();
    assert!(promoted.get::<_, bool>(0));
    until_worker(&reader, None).await;
    until_empty(&reader).await;
    check(&reader, &items).await;
    items.extend(enqueue_all(&reader, "after the promotion").await);
    until_done(&reader, &items).await;
    check(&reader, &items).await;
    prove_all(&reader).await;
    assert_eq!(depth(&writer).await, 6, "the primary's is not the standby's");
}
