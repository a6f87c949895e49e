//! What the functions of migration say.

use crate::server::Database;
use futures::channel::mpsc;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use serde_json::Value;
use std::process::{Command, Output};
use tokio_postgres::{AsyncMessage, Client, Config, Error, NoTls, Row};

/// A file of fixtures/.
pub fn fixture(name: &str) -> String {
    let path = format!("{}/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

/// One step of a migration, as it was told.
#[derive(Debug)]
pub struct Step {
    pub step: String,
    pub status: String,
    pub pools: i64,
    pub contributions: i64,
    pub wins: i64,
    pub warnings: Value,
    pub rollback_data: Option<Value>,
    pub migration_id: Option<i64>,
}

impl Step {
    fn of(row: &Row) -> Self {
        assert!(row.get::<_, bool>("timed"), "{} took no time", row.get::<_, String>("step"));
        Step {
            step: row.get("step"),
            status: row.get("status"),
            pools: row.get("pools_migrated"),
            contributions: row.get("contributions_migrated"),
            wins: row.get("wins_migrated"),
            warnings: row.get("warnings"),
            rollback_data: row.get("rollback_data"),
            migration_id: row.get("migration_id"),
        }
    }
}

const TOLD: &str = "SELECT step, status, coalesce(pools_migrated, 0) AS pools_migrated, coalesce(contributions_migrated, 0) AS contributions_migrated,
                           coalesce(wins_migrated, 0) AS wins_migrated, coalesce(warnings, '[]') AS warnings, rollback_data, migration_id,
                           execution_time >= '0' AS timed FROM ";

/// `jackpot_migrate(state, OPTIONS)`.
pub async fn migrate(client: &Client, state: &str, options: &str) -> Result<Vec<Step>, Error> {
    let comma = if options.is_empty() { "" } else { ", " };
    let query = format!("{TOLD} jackpot_migrate($1::text::jsonb{comma}{options})");
    Ok(client.query(&query, &[&state]).await?.iter().map(Step::of).collect())
}

/// `jackpot_import_table(source, OPTIONS)`.
pub async fn import(client: &Client, source: &str, options: &str) -> Result<Vec<Step>, Error> {
    let comma = if options.is_empty() { "" } else { ", " };
    let query = format!("{TOLD} jackpot_import_table($1::text::regclass{comma}{options})");
    Ok(client.query(&query, &[&source]).await?.iter().map(Step::of).collect())
}

/// The number of the migration that these steps belong to.
pub fn number(steps: &[Step]) -> i64 {
    let numbers: Vec<i64> = steps.iter().filter_map(|step| step.migration_id).collect();
    let first = *numbers.first().unwrap_or_else(|| panic!("no migration: {steps:#?}"));
    assert!(numbers.iter().all(|number| *number == first), "{steps:#?}");
    first
}

/// The statuses of the steps that had anything to do, without repetition.
pub fn statuses(steps: &[Step]) -> Vec<&str> {
    let mut statuses: Vec<&str> = steps.iter().map(|step| step.status.as_str()).collect();
    statuses.retain(|status| *status != "unchanged");
    statuses.dedup();
    statuses
}

pub fn find<'a>(steps: &'a [Step], name: &str) -> &'a Step {
    steps.iter().find(|step| step.step == name).unwrap_or_else(|| panic!("no {name}: {steps:#?}"))
}

/// How many pools, contributions and wins were taken over: each step tells how many by then.
pub fn moved(steps: &[Step]) -> (i64, i64, i64) {
    steps.iter().fold((0, 0, 0), |most, step| {
        (most.0.max(step.pools), most.1.max(step.contributions), most.2.max(step.wins))
    })
}

/// What was found, as `row: token`, without what the fixtures have on purpose.
pub fn findings(steps: &[Step]) -> Vec<String> {
    let found = steps.iter().flat_map(|step| step.warnings.as_array().unwrap());
    let mut found: Vec<String> = found
        .filter(|warning| warning["token"] != "missing_pool")
        .map(|warning| {
            assert!(warning["message"].as_str().is_some_and(|text| !text.is_empty()), "{warning}");
            format!(
                "{}: {}",
                warning["row"].as_str().unwrap().trim_start_matches("public."),
                warning["token"].as_str().unwrap()
            )
        })
        .collect();
    found.dedup();
    found
}

/// `jackpot_rollback(OPTIONS)`: status, pools, contributions and wins removed, and what is lost.
pub async fn rollback(
    client: &Client,
    options: &str,
) -> Result<(String, i64, i64, i64, Value), Error> {
    let query = format!(
        "SELECT status, coalesce(pools_removed, 0), coalesce(contributions_removed, 0), coalesce(wins_removed, 0), coalesce(lost, 'null')
           FROM jackpot_rollback({options})"
    );
    let row = client.query_one(&query, &[]).await?;
    Ok((row.get(0), row.get(1), row.get(2), row.get(3), row.get(4)))
}

/// SQLSTATE; DETAIL and what it says.
pub fn refused<T: std::fmt::Debug>(result: Result<T, Error>) -> (String, String) {
    let error = result.unwrap_err();
    let error = error.as_db_error().unwrap_or_else(|| panic!("not of the server: {error:?}"));
    let told = format!("{}\n{}", error.detail().unwrap_or_default(), error.message());
    (error.code().code().to_owned(), told)
}

/// The one text that a query gives.
pub async fn text(client: &Client, query: &str) -> String {
    let row = client.query_one(query, &[]).await.unwrap();
    row.get::<_, Option<String>>(0).unwrap_or_default()
}

/// The one number that a query gives.
pub async fn count(client: &Client, query: &str) -> i64 {
    client.query_one(query, &[]).await.unwrap().get(0)
}

/// What pools show and how they are configured, a line each.
pub async fn pools(client: &Client) -> String {
    text(
        client,
        "SELECT string_agg(format('%s %s version %s seed %s max %s rate %s', pool, current_amount, version, seed_amount,
                                  coalesce(max_amount::text, 'none'), trim_scale(contribution_rate)), E'\\n' ORDER BY pool)
           FROM jackpot_pools()",
    )
    .await
}

/// A client whose notices can be heard.
pub async fn listening(database: &Database) -> (Client, mpsc::UnboundedReceiver<String>) {
    let (client, mut connection) = Config::new()
        .host(&database.host)
        .port(5432)
        .user("postgres")
        .dbname(&database.name)
        .connect(NoTls)
        .await
        .unwrap();
    let (heard, hear) = mpsc::unbounded();
    let messages = stream::poll_fn(move |context| connection.poll_message(context));
    let told = messages.try_for_each(move |message| {
        if let AsyncMessage::Notice(notice) = message {
            let _ = heard.unbounded_send(notice.message().to_owned());
        }
        futures::future::ready(Ok(()))
    });
    tokio::spawn(told);
    (client, hear)
}

/// What has been heard so far.
pub fn heard(notices: &mut mpsc::UnboundedReceiver<String>) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(Some(notice)) = notices.next().now_or_never() {
        all.push(notice);
    }
    all
}

/// psql in this database, from the folder of the project.
pub fn psql(database: &Database, arguments: &[&str]) -> Output {
    Command::new("psql")
        .args(["-X", "-v", "ON_ERROR_STOP=1", "-d", &database.name])
        .args(arguments)
        .env("PGHOST", &database.host)
        .env("PGPORT", "5432")
        .env("PGUSER", "postgres")
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .output()
        .unwrap()
}

/// What psql printed; it must succeed.
pub fn run(database: &Database, arguments: &[&str]) -> String {
    let output = psql(database, arguments);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "psql {arguments:?}: {told}");
    format!("{}{told}", String::from_utf8_lossy(&output.stdout))
}

/// The old tables of that fixture.
pub fn old_tables(database: &Database, name: &str, rows: u64) {
    let file = format!("{}/fixtures/{name}.sql", env!("CARGO_MANIFEST_DIR"));
    run(database, &["-q", "-v", &format!("rows={rows}"), "-f", &file]);
}
