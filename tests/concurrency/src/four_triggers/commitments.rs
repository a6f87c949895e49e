//! What the pools show all the while: amounts within their bounds, and commitments that are kept.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_postgres::Client;

/// The commitments that were published, by pool, cycle and config_version: none is ever replaced
/// while these stand.
pub type Published = BTreeMap<(String, i64, i64), Option<String>>;

/// Reads the pools until it is over: none ever shows more than its ceiling or less than nothing.
pub async fn watch(client: Client, over: Arc<AtomicBool>) -> Published {
    let mut published = Published::new();
    while !over.load(Ordering::Relaxed) {
        let rows = client
            .query(
                "SELECT pool, cycle, config_version, commitment, current_amount, max_amount, reserve_amount >= 0
                   FROM jackpot_pools()",
                &[],
            )
            .await
            .unwrap();
        for row in rows {
            let pool: String = row.get(0);
            let (current_amount, max_amount): (i64, i64) = (row.get(4), row.get(5));
            assert!((0..=max_amount).contains(&current_amount), "{pool} shows {current_amount}");
            assert!(row.get::<_, bool>(6), "{pool} has a negative reserve");
            let commitment: Option<String> = row.get(3);
            assert_eq!(commitment.is_some(), ["must", "timed"].contains(&pool.as_str()));
            let key = (pool, row.get(1), row.get(2));
            let first = published.entry(key.clone()).or_insert_with(|| commitment.clone());
            assert_eq!(*first, commitment, "{key:?}");
        }
    }
    published
}

/// What was published is what the win revealed, or what was revealed when it was replaced, or waits
/// for its win.
pub async fn compare_commitments(observer: &Client, published: Published) {
    let rows = observer
        .query(
            "SELECT p.pool, w.cycle, c.config_version, w.commitment
               FROM jackpot.win w JOIN jackpot.pool p ON p.id = w.pool_id
               JOIN jackpot.journal j ON j.win_id = w.id AND j.kind = 'win'
              CROSS JOIN LATERAL (SELECT max(c.config_version) AS config_version FROM jackpot.journal c
                                   WHERE c.pool_id = w.pool_id AND c.id < j.id) c
             UNION ALL
             SELECT p.pool, p.cycle, p.config_version, p.commitment FROM jackpot.pool p
             UNION ALL
             SELECT p.pool, j.cycle, NULL, encode(sha256((j.before ->> 'secret')::bytea), 'hex')
               FROM jackpot.journal j JOIN jackpot.pool p ON p.id = j.pool_id
              WHERE j.kind = 'commit' AND j.before IS NOT NULL",
            &[],
        )
        .await
        .unwrap();
    let mut last = Published::new();
    let mut revealed = BTreeSet::<(String, i64, Option<String>)>::new();
    for row in rows {
        let (pool, cycle): (String, i64) = (row.get(0), row.get(1));
        if let Some(config_version) = row.get::<_, Option<i64>>(2) {
            last.insert((pool.clone(), cycle, config_version), row.get(3));
        }
        revealed.insert((pool, cycle, row.get(3)));
    }
    assert!(!published.is_empty());
    for ((pool, cycle, config_version), commitment) in published {
        let key = (pool.clone(), cycle, config_version);
        if let Some(of_the_win) = last.get(&key) {
            assert_eq!(commitment, *of_the_win, "{key:?}");
        }
        assert!(revealed.contains(&(pool, cycle, commitment)), "{key:?} was never revealed");
    }
}
