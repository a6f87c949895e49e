//! The SQL of docs/migration.md in its order, and the scripts of sql/migration.

use crate::image::{export, image, prove, restored, unchanged};
use crate::moving::{count, old_tables, pools, psql, run, text};
use crate::queue::until_empty;
use crate::server::Database;
use std::path::PathBuf;

fn blocks(guide: &str) -> String {
    let (mut sql, mut is_inside) = (String::new(), false);
    for line in guide.lines() {
        match line {
            "```sql" => is_inside = true,
            "```" => is_inside = false,
            line if is_inside => sql += &format!("{line}\n"),
            _ => {}
        }
    }
    sql
}

/// A file that goes with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        Scratch(std::env::temp_dir().join(format!("jackpot-{name}-{}", std::process::id())))
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_sql_runs() {
    let guide =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/migration.md"))
            .unwrap();
    let database = Database::create("guide").await;
    let client = database.client().await;
    old_tables(&database, "late", 0);
    let script = Scratch::new("guide.sql");
    std::fs::write(&script.0, blocks(&guide)).unwrap();
    run(&database, &["-f", script.path()]);
    until_empty(&client).await;
    assert_eq!(count(&client, "SELECT count(*) FROM jackpot.dead_letter").await, 0);
    // In the end the older table has what the pools have, and knows the bets that were made here.
    let different = r#"SELECT string_agg(format('%s: %s, %s', pool, o.current_amount, n.current_amount), ' ')
                         FROM jackpots o FULL JOIN jackpot_pools() n ON n.pool = o."group"::text WHERE o.current_amount IS DISTINCT FROM n.current_amount"#;
    assert_eq!(text(&client, different).await, "");
    let known = "SELECT string_agg(DISTINCT bet_transaction_id, ' ') FROM jackpot_contribution_history WHERE bet_transaction_id ~ '10'";
    assert_eq!(text(&client, known).await, "b-101 b-102 b-103");
    prove(&client).await;
}

const TABLES: [&str; 6] = [
    "-v",
    "pools=jackpots",
    "-v",
    "contributions=jackpot_contribution_history",
    "-v",
    "wins=jackpot_win_history",
];
const MIGRATE: [&str; 2] = ["-f", "sql/migration/migrate.sql"];
const ROLLBACK: [&str; 2] = ["-f", "sql/migration/rollback.sql"];

/// What psql says that refuses.
fn refused(database: &Database, arguments: &[&str]) -> String {
    let output = psql(database, arguments);
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scripts_move_in_and_out() {
    let database = Database::create("scripts").await;
    let client = database.client().await;
    old_tables(&database, "late", 0);
    client
        .batch_execute(
            "SELECT jackpot_create_pool('own', 0.01, 100); SELECT jackpot_contribute('game', 100)",
        )
        .await
        .unwrap();
    let (before, told) = (image(&client).await, export(&client, true).await);

    let all = |more: &[&'static str]| [&TABLES[..], more, &MIGRATE].concat();
    let dry = run(&database, &all(&["-v", "dry_run=true"]));
    assert!(dry.contains("not_explained") && dry.contains("nothing was changed"), "{dry}");
    unchanged(&client, &before, "").await;

    let backup = Scratch::new("before.dump");
    let file = format!("backup={}", backup.path());
    let moved = run(&database, &[&TABLES[..], &["-v", &file], &MIGRATE].concat());
    assert!(moved.contains("NOTICE"), "{moved}");
    assert_eq!(
        pools(&client).await,
        "major 1000735 version 4 seed 1000000 max 10000000 rate 0.01\n\
         mega 10000030 version 993 seed 10000000 max none rate 0.005\n\
         minor 100020 version 6 seed 100000 max 1000000 rate 0.02\n\
         own 101 version 2 seed 100 max none rate 0.01"
    );
    prove(&client).await;
    let dumped = std::fs::read(&backup.0).unwrap();
    assert!(dumped.starts_with(b"PGDMP"), "{} bytes", dumped.len());

    let migrated = image(&client).await;
    run(&database, &all(&[]));
    unchanged(&client, &migrated, "run once more").await;

    let listed = refused(&database, &ROLLBACK);
    assert!(
        listed.contains("jackpot_win_history") && listed.contains("migration_id is not set"),
        "{listed}"
    );
    client
        .batch_execute("SELECT jackpot_contribute('game', 1000, pools => '{minor}')")
        .await
        .unwrap();
    let by_id = |id: i64| [format!("migration_id={id}")];
    let ids: Vec<i64> = client
        .query("SELECT id FROM jackpot.migration ORDER BY id DESC", &[])
        .await
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    let last = by_id(*ids.last().unwrap());
    let why = refused(&database, &["-v", &last[0], "-f", "sql/migration/rollback.sql"]);
    assert!(why.contains("migration_in_use"), "{why}");
    run(&database, &["-v", &last[0], "-v", "force=true", "-f", "sql/migration/rollback.sql"]);
    restored(&client, &before, "").await;
    assert_eq!(export(&client, true).await, told);
    prove(&client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scripts_stop_at_what_is_wrong() {
    let database = Database::create("scripts_dirty").await;
    let client = database.client().await;
    old_tables(&database, "late_dirty", 0);
    let before = image(&client).await;
    let why = refused(&database, &MIGRATE);
    assert!(why.contains("pools is not set"), "{why}");
    let why = refused(&database, &["-v", "pools=absent", "-f", "sql/migration/migrate.sql"]);
    assert!(why.contains("absent"), "{why}");
    let why = refused(&database, &[&TABLES[..], &MIGRATE].concat());
    assert!(why.contains("duplicate_pool") && why.contains("repair=true"), "{why}");
    unchanged(&client, &before, "").await;
    let told = run(
        &database,
        &[&TABLES[..], &["-v", "repair=true", "-v", "batch_size=1"], &MIGRATE].concat(),
    );
    assert!(told.contains("duplicate_operation"), "{told}");
    assert_eq!(
        count(&client, "SELECT count(*) FROM jackpot_pools()").await,
        7,
        "{}",
        text(&client, "SELECT string_agg(pool, ' ') FROM jackpot_pools()").await
    );
    prove(&client).await;
}
