//! A million contributions, and what others see while they are taken over.

use crate::image::prove;
use crate::moving::{count, heard, listening, old_tables, pools, refused, text};
use crate::queue::until;
use crate::server::Database;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::env;
use std::time::{Duration, Instant};
use tokio::time::sleep;
use tokio_postgres::{Client, Error};

/// How many contributions a large migration has.
pub fn rows() -> u64 {
    env::var("MIGRATION_ROWS").map_or(120_000, |rows| rows.parse().unwrap())
}

/// Of the random choices.
pub fn seed() -> u64 {
    let seed = env::var("MIGRATION_SEED").map(|seed| seed.parse().unwrap());
    let seed = seed.unwrap_or_else(|_| rand::rng().random());
    println!("MIGRATION_SEED={seed}");
    seed
}

/// What jackpot.progress shows of an import.
#[derive(Clone, Debug)]
pub struct Progress {
    pub step: String,
    pub state: String,
    pub done: i64,
    pub total: i64,
    pub rate: Option<f64>,
    pub is_time_known: bool,
    pub pid: Option<i32>,
}

pub async fn progress(client: &Client) -> Option<Progress> {
    let query = "SELECT state, coalesce(done, 0)::bigint, coalesce(total, 0)::bigint, rate::float8, time_left >= '0', pid, step, source::text, started_at IS NOT NULL, migration_id
                   FROM jackpot.progress";
    let rows = client.query(query, &[]).await.unwrap();
    assert!(rows.len() <= 1, "{rows:?}");
    rows.first().map(|row| {
        assert!(
            row.get::<_, bool>(8) && row.get::<_, Option<i64>>(9).is_some_and(|id| id > 0),
            "{row:?}"
        );
        assert!(row.get::<_, Option<String>>(6).is_some_and(|step| !step.is_empty()), "{row:?}");
        assert!(
            row.get::<_, Option<String>>(7).is_some_and(|source| source.contains("jackpot")),
            "{row:?}"
        );
        Progress {
            step: row.get(6),
            state: row.get(0),
            done: row.get(1),
            total: row.get(2),
            rate: row.get(3),
            is_time_known: row.get::<_, Option<bool>>(4).unwrap_or_default(),
            pid: row.get(5),
        }
    })
}

/// Takes all three tables over. Batches are of a size that no bet waits for.
pub const CALLS: [&str; 3] = [
    "CALL jackpot_import('jackpots')",
    "CALL jackpot_import('jackpot_contribution_history', batch_size => 5000)",
    "CALL jackpot_import('jackpot_win_history')",
];

/// Looks on, every now and then, while the call runs; cancels it once so much of its contributions is done.
async fn look_on(
    importer: &Client,
    call: &str,
    watcher: &Client,
    cancel_at: Option<f64>,
) -> (Result<(), Error>, Vec<Progress>) {
    let pid: i32 = importer.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    let shown = pools(watcher).await;
    let mut seen: Vec<Progress> = Vec::new();
    let mut is_gone = false;
    let call = importer.batch_execute(call);
    tokio::pin!(call);
    loop {
        tokio::select! {
            result = &mut call => return (result, seen),
            () = sleep(Duration::from_millis(15)) => {}
        }
        match progress(watcher).await {
            // Before it has begun, it is as the interruption has left it.
            Some(now) if seen.is_empty() && now.state == "interrupted" => {}
            Some(now) => {
                assert!(!is_gone, "it was gone after {:?}, now {now:?}", seen.last());
                seen.push(now);
            }
            // The client may not know yet that it is done.
            None => is_gone = !seen.is_empty(),
        }
        // Nothing that is shown changes meanwhile.
        assert_eq!(pools(watcher).await, shown);
        if let (Some(share), Some(now)) = (cancel_at, seen.last())
            && now.step == "contributions"
            && now.done as f64 >= now.total as f64 * share
        {
            watcher.execute("SELECT pg_cancel_backend($1)", &[&pid]).await.unwrap();
            return (call.await, seen);
        }
    }
}

/// What is seen of a step: it rises, at some rate.
fn rises(seen: &[Progress], step: &str, total: u64) {
    let seen: Vec<&Progress> =
        seen.iter().filter(|now| now.step == step && now.state == "running").collect();
    for pair in seen.windows(2) {
        assert!(pair[0].done <= pair[1].done, "{pair:?}");
    }
    let (first, last) = (seen[0], seen[seen.len() - 1]);
    assert!(first.done < last.done && last.done <= last.total, "{seen:?}");
    assert_eq!(last.total, total as i64, "{seen:?}");
    let has_rate = |now: &&Progress| now.rate.is_some_and(|rate| rate > 0.0) && now.is_time_known;
    assert!(seen.iter().any(has_rate), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn is_seen_from_another_session() {
    let database = Database::create("large").await;
    old_tables(&database, "large", rows());
    let (importer, mut notices) = listening(&database).await;
    let watcher = database.client().await;
    importer.batch_execute(CALLS[0]).await.unwrap();
    let shown = pools(&watcher).await;
    heard(&mut notices);

    let started = Instant::now();
    let share = StdRng::seed_from_u64(seed()).random_range(0.0..0.5);
    let (result, mut seen) = look_on(&importer, CALLS[1], &watcher, Some(share)).await;
    assert_eq!(refused(result).0, "57014");
    rises(&seen, "validate", rows());
    // It is told before its transaction is over.
    until(&watcher, "it is interrupted", "SELECT state = 'interrupted' FROM jackpot.progress")
        .await;
    let left = progress(&watcher).await.unwrap();
    let there = count(&watcher, "SELECT count(*) FROM jackpot.ledger").await;
    assert_eq!(
        (left.state.as_str(), left.done, left.pid),
        ("interrupted", there, None),
        "{left:?}"
    );
    assert!(there > 0 && there < rows() as i64 / 3, "{left:?}");
    prove(&watcher).await;
    println!("{} rows, cancelled at {there} bets after {:?}", rows(), started.elapsed());

    let started = Instant::now();
    let (result, more) = look_on(&importer, CALLS[1], &watcher, None).await;
    result.unwrap();
    assert!(more.iter().all(|now| now.done >= there || now.step != "contributions"), "{more:?}");
    rises(&more, "contributions", rows().div_ceil(3));
    seen.extend(more);
    let not_running: Vec<&Progress> = seen.iter().filter(|now| now.state != "running").collect();
    // But for moments between two of its transactions.
    assert!(not_running.len() * 20 <= seen.len(), "{not_running:?}");
    assert!(progress(&watcher).await.is_none());
    println!("the rest took {:?}, seen {} times", started.elapsed(), seen.len());
    let told = heard(&mut notices);
    assert!(told.len() >= 5 && told.iter().all(|notice| notice.contains("igration")), "{told:?}");

    importer.batch_execute(CALLS[2]).await.unwrap();
    assert_eq!(pools(&watcher).await, shown);
    let there = count(&watcher, "SELECT count(*) FROM jackpot.ledger").await;
    assert_eq!(there, rows().div_ceil(3) as i64);
    let old = r#"SELECT string_agg(format('%s %s', "group", trim_scale(current_amount)), ', ' ORDER BY "group") FROM jackpots"#;
    let new = "SELECT string_agg(format('%s %s', pool, trim_scale(closing)), ', ' ORDER BY pool) FROM jackpot_reconcile()";
    assert_eq!(text(&watcher, new).await, text(&watcher, old).await);
    // What the history explains needs no adjustment; what it does not is there.
    let adjusted = "SELECT string_agg(pool || ' ' || trim_scale(adjustments), ', ' ORDER BY pool) FROM jackpot_reconcile() WHERE adjustments <> 0";
    assert_eq!(text(&watcher, adjusted).await, "mega 777");
    prove(&watcher).await;
}
