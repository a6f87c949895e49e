//! Thresholds of one's own: on a gauge, held for a while, turned off.

use crate::cluster::Cluster;
use crate::queue::until;
use crate::seen::{
    ALERTS, Listener, ignore_latencies, reset, set, until_cleared, until_healthy, until_raised,
};
use crate::server::{Database, contribute, create_pool, prove, win};
use crate::servers::{CARELESS, PRELOADED};
use std::time::Duration;
use tokio::time::sleep;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thresholds_of_ones_own() {
    let settings = [PRELOADED, CARELESS, ALERTS[0]];
    let cluster = Cluster::start_with("watch_alerts", &settings);
    let database = Database::create_at(cluster.host(), "alerts").await;
    let client = database.client().await;
    for pool in ["rich", "poor"] {
        create_pool(&client, pool, "0.1", "0", 0, None).await;
    }
    ignore_latencies(&client).await;
    let mut listener = Listener::new(&cluster.host(), &database.name).await;
    let set_alerts = r#"
        SELECT jackpot_set_alert('jackpot_pool_amount', 1000, 5000, '{"pool": "rich"}', notify => true);
        SELECT jackpot_set_alert('jackpot_pool_amount', 1000, 5000, '{"pool": "poor"}');
        SELECT jackpot_set_alert('dead_letters', 0, NULL, hold => '2 s', notify => true);
        SELECT jackpot_set_alert('queue_depth', 0, NULL, hold => '1 hour', notify => true)"#;
    client.batch_execute(set_alerts).await.unwrap();
    contribute(&client, "game", 10_000, None, Some(&["rich"])).await.unwrap();
    assert_eq!(until_raised(&client, "jackpot_pool_amount", "warning").await, 1_000.0);
    let heard = listener.hear("jackpot_pool_amount", "warning", "raised").await;
    assert_eq!(heard["labels"]["pool"], "rich", "{heard}");
    contribute(&client, "game", 50_000, None, None).await.unwrap();
    listener.hear("jackpot_pool_amount", "warning", "cleared").await;
    let heard = listener.hear("jackpot_pool_amount", "critical", "raised").await;
    // Of the other nobody is told.
    assert_eq!(heard["labels"]["pool"], "rich", "{heard}");
    let both = "SELECT count(*) = 2 FROM jackpot_alerts() WHERE metric = 'jackpot_pool_amount' AND state = 'raised' AND severity = 'critical'";
    until(&client, "both are raised", both).await;
    win(&client, "rich", None, None).await.unwrap();
    win(&client, "poor", None, None).await.unwrap();
    until_cleared(&client, "jackpot_pool_amount").await;
    let heard = listener.hear("jackpot_pool_amount", "critical", "cleared").await;
    assert_eq!(heard["labels"]["pool"], "rich", "{heard}");

    // Not before it has held for so long.
    until_raised(&client, "dead_letters", "warning").await;
    let held = "SELECT bool_and(raised_at - since >= '2 s') FROM jackpot.alert_event WHERE metric = 'dead_letters'";
    assert!(client.query_one(held, &[]).await.unwrap().get::<_, bool>(0));
    listener.hear("dead_letters", "warning", "raised").await;
    let waits = "SELECT count(*) = 1 FROM jackpot.alert_event WHERE metric = 'queue_depth' AND raised_at IS NULL";
    assert!(client.query_one(waits, &[]).await.unwrap().get::<_, bool>(0));
    let shown = "SELECT count(*) = 0 FROM jackpot_alerts() WHERE metric = 'queue_depth'";
    assert!(client.query_one(shown, &[]).await.unwrap().get::<_, bool>(0));
    // Turned off it is over, and what was not raised is forgotten.
    let off = "SELECT jackpot_set_alert('dead_letters', NULL, NULL), jackpot_set_alert('queue_depth', NULL, NULL)";
    client.batch_execute(off).await.unwrap();
    until_cleared(&client, "dead_letters").await;
    until_healthy(&client).await;
    let kept = "SELECT NOT EXISTS (SELECT FROM jackpot.alert_event WHERE metric = 'queue_depth')";
    until(&client, "it is forgotten", kept).await;

    // Evaluated only where that is wanted.
    set(&client, "jackpot.notify_alerts", "on").await;
    let current = "SELECT current_setting('jackpot.notify_alerts') = 'on'";
    until(&client, "the setting is taken", current).await;
    sleep(Duration::from_millis(500)).await;
    contribute(&client, "game", 10_000, None, Some(&["poor"])).await.unwrap();
    let heard = listener.hear("jackpot_pool_amount", "warning", "raised").await;
    assert_eq!(heard["labels"]["pool"], "poor", "{heard}");
    reset(&client, "jackpot.notify_alerts").await;
    prove(&client).await;
}
