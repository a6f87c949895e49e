//! A database for each section, thrown away when its ledger has been added up.

use anyhow::{Context, Result, anyhow, ensure};
use postgres::{Client, Config, NoTls};
use std::env;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// The extension with three pools that every bet feeds.
pub const POOLS: &str = include_str!("../../scripts/pools.sql");
/// The same with long odds at every spin.
pub const ODDS_POOLS: &str = include_str!("../../scripts/odds_pools.sql");
/// Plain tables for the INSERTs.
pub const PLAIN: &str = include_str!("../../scripts/plain.sql");
/// The design with a row for each pool that is updated.
pub const NAIVE: &str = include_str!("../../scripts/naive.sql");
/// A queue in front of it, whose rows are deleted.
pub const NAIVE_QUEUE: &str = include_str!("../../scripts/naive_queue.sql");

const BETWEEN_SETTLEMENTS: Duration = Duration::from_secs(1);

/// A database of its own.
pub struct Database {
    /// Its name.
    pub name: String,
}

impl Database {
    /// Makes it anew and fills it with the scripts.
    pub fn create(purpose: &str, scripts: &[&str]) -> Result<Self> {
        let name = format!("bench_{purpose}");
        let mut server = connect("postgres")?;
        server.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))?;
        server.batch_execute(&format!("CREATE DATABASE {name}"))?;
        for script in scripts {
            execute(&name, script)?;
        }
        Ok(Database { name })
    }

    /// A connection to it.
    pub fn connect(&self) -> Result<Client> {
        connect(&self.name)
    }

    /// Leaves no work of what was before to what is measured next.
    pub fn rest(&self) -> Result<()> {
        let mut client = self.connect()?;
        client.batch_execute("SELECT jackpot_settle()")?;
        client.batch_execute("CHECKPOINT").map_err(Into::into)
    }

    /// Does the work while somebody settles every second, as the guide asks of clients that work in
    /// transaction blocks only.
    pub fn settling<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let mut client = self.connect()?;
        let (over, wait) = mpsc::channel::<()>();
        thread::scope(|scope| {
            let settler = scope.spawn(move || {
                while wait.recv_timeout(BETWEEN_SETTLEMENTS) == Err(RecvTimeoutError::Timeout) {
                    client.batch_execute("SELECT jackpot_settle()")?;
                }
                anyhow::Ok(())
            });
            let result = work();
            drop(over);
            settler.join().map_err(|_| anyhow!("the settler panicked"))??;
            result
        })
    }

    /// Fails, in clear words, where the extension has no such function.
    pub fn need(&self, function: &str) -> Result<()> {
        let found: bool = self
            .connect()?
            .query_one("SELECT EXISTS (SELECT FROM pg_proc WHERE proname = $1)", &[&function])?
            .get(0);
        ensure!(found, "the installed extension has no function {function}()");
        Ok(())
    }

    /// Adds the ledger up and drops the database.
    pub fn finish(self) -> Result<Proof> {
        let mut client = self.connect()?;
        let started = Instant::now();
        let contributions: i64 =
            client.query_one("SELECT count(*) FROM jackpot.ledger", &[])?.get(0);
        let checks = client.query("SELECT check_name, ok, detail FROM jackpot_validate()", &[])?;
        let failed = checks.iter().filter(|check| !check.get::<_, bool>(1));
        let proof = Proof {
            contributions,
            checks: checks.len(),
            failed: failed
                .map(|check| format!("{}: {}", check.get::<_, &str>(0), check.get::<_, &str>(2)))
                .collect(),
        };
        eprintln!("{} added up in {} s", self.name, started.elapsed().as_secs());
        drop(client);
        connect("postgres")?.batch_execute(&format!("DROP DATABASE {} WITH (FORCE)", self.name))?;
        Ok(proof)
    }
}

/// What `jackpot_validate()` says about a database.
pub struct Proof {
    /// Rows of the ledger.
    pub contributions: i64,
    /// How many things were checked.
    pub checks: usize,
    /// The checks that failed, with their details.
    pub failed: Vec<String>,
}

impl Proof {
    /// What to say where something does not add up.
    pub fn complaint(&self, section: &str) -> Option<String> {
        (!self.failed.is_empty())
            .then(|| format!("{section}: the ledger does not add up: {}", self.failed.join("; ")))
    }
}

/// Runs a script with psql: each statement is a transaction, as where people set up pools.
fn execute(database: &str, script: &str) -> Result<()> {
    let mut psql = Command::new("psql")
        .args(["-Xq", "-v", "ON_ERROR_STOP=1", "-d", database])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("psql")?;
    psql.stdin.take().context("psql's input")?.write_all(script.as_bytes())?;
    let output = psql.wait_with_output()?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "filling {database}: {}", complaint.trim());
    Ok(())
}

/// A connection to the private server that the environment names.
pub fn connect(database: &str) -> Result<Client> {
    let host = env::var("PGHOST")
        .context("PGHOST is not set; benches/run.sh starts a server and sets it")?;
    let port = env::var("PGPORT").unwrap_or_else(|_| "5432".to_owned());
    let user = env::var("PGUSER").unwrap_or_else(|_| "postgres".to_owned());
    Config::new()
        .host(&host)
        .port(port.parse().context("PGPORT")?)
        .user(&user)
        .dbname(database)
        .application_name("bench")
        .connect(NoTls)
        .with_context(|| format!("connecting to {database}"))
}
