//! The server's queue workers, seen from outside.

use crate::database::{self, Database};
use anyhow::{Context, Result, ensure};
use postgres::{Client, Statement};
use std::thread;
use std::time::{Duration, Instant};

const BETWEEN_LOOKS: Duration = Duration::from_millis(5);
/// Enough for the largest backlog on a slow machine.
const DEADLINE: Duration = Duration::from_mins(10);

const ANY_WORKER: &str =
    "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'jackpot worker')";
const AGE: &str = "SELECT extract(epoch FROM clock_timestamp() - backend_start)::float8
                     FROM pg_stat_activity
                    WHERE backend_type = 'jackpot worker' AND datname = current_database()";

/// As long as it lives there is no worker, and a queue may be as long as it likes.
pub struct NoWorker;

impl NoWorker {
    /// Sends all workers away.
    pub fn anywhere() -> Result<Self> {
        let off = NoWorker;
        configure(&[
            "ALTER SYSTEM SET jackpot.databases = ''",
            "ALTER SYSTEM SET jackpot.queue_max_items = 0",
        ])?;
        let mut client = database::connect("postgres")?;
        until("the workers to go", || Ok(!client.query_one(ANY_WORKER, &[])?.get::<_, bool>(0)))?;
        Ok(off)
    }

    /// Calls them back.
    pub fn end(self) {
        drop(self);
    }
}

impl Drop for NoWorker {
    fn drop(&mut self) {
        // Where this fails, the next statement to the server does, too.
        let _ = configure(&[
            "ALTER SYSTEM RESET jackpot.databases",
            "ALTER SYSTEM RESET jackpot.queue_max_items",
        ]);
    }
}

/// Each is a transaction, as ALTER SYSTEM demands.
fn configure(statements: &[&str]) -> Result<()> {
    let mut client = database::connect("postgres")?;
    for statement in statements {
        client.batch_execute(statement)?;
    }
    client.batch_execute("SELECT pg_reload_conf()").map_err(Into::into)
}

/// How long the database's worker has been there, in seconds.
pub fn age(client: &mut Client) -> Result<f64> {
    Ok(client.query_opt(AGE, &[])?.context("the database has no worker")?.get(0))
}

/// Items that wait.
pub fn depth(client: &mut Client) -> Result<i64> {
    Ok(client.query_one("SELECT (jackpot_queue_health() ->> 'depth')::bigint", &[])?.get(0))
}

/// Waits until nothing waits any more.
pub fn caught_up(database: &Database) -> Result<()> {
    let mut client = database.connect()?;
    until("an empty queue", || Ok(depth(&mut client)? == 0))
}

/// Looks what became of queued items.
pub struct Watch {
    client: Client,
    status: Statement,
}

impl Watch {
    /// From a connection of its own.
    pub fn new(database: &Database) -> Result<Self> {
        let mut client = database.connect()?;
        let status = client.prepare("SELECT status, message FROM jackpot_queue_item($1)")?;
        Ok(Watch { client, status })
    }

    /// Waits until the item has been applied, looking so often.
    pub fn applied(&mut self, item: i64, between_looks: Duration) -> Result<()> {
        look_until(between_looks, "a queued item to be applied", || {
            let row = self.client.query_one(&self.status, &[&item])?;
            let (status, message): (&str, Option<&str>) = (row.get(0), row.get(1));
            ensure!(status != "failed", "item {item} failed: {}", message.unwrap_or_default());
            Ok(status == "applied")
        })
    }
}

fn until(what: &str, holds: impl FnMut() -> Result<bool>) -> Result<()> {
    look_until(BETWEEN_LOOKS, what, holds)
}

fn look_until(
    between_looks: Duration,
    what: &str,
    mut holds: impl FnMut() -> Result<bool>,
) -> Result<()> {
    let started = Instant::now();
    while !holds()? {
        ensure!(started.elapsed() < DEADLINE, "gave up waiting for {what}");
        thread::sleep(between_looks);
    }
    Ok(())
}
