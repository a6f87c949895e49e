//! Batches, with real parameters from connections of their own.

use crate::chart::Family;
use crate::database::Database;
use anyhow::{Context, Result, anyhow, ensure};
use postgres::types::ToSql;
use std::fmt::Write;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Makes operation ids unique over all calls of the run.
static NEXT_CALL: AtomicU64 = AtomicU64::new(0);

/// What the rows are sent as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Arrays,
    ArraysWithIds,
    Json,
}

/// One kind of batch.
#[derive(Clone, Copy)]
pub struct Batch {
    /// Its name in the tables.
    pub label: &'static str,
    /// Whose it is.
    pub family: Family,
    statement: &'static str,
    form: Form,
    /// The plain INSERT of the same rows.
    pub baseline: &'static str,
}

/// The plain INSERT of the ledger's rows.
pub const INSERT: Batch = Batch {
    label: "INSERT … unnest",
    family: Family::Plain,
    statement: include_str!("../../scripts/batch_insert.sql"),
    form: Form::Arrays,
    baseline: "INSERT … unnest",
};
/// The same with a unique operation id.
pub const INSERT_WITH_IDS: Batch = Batch {
    label: "INSERT … unnest, unique ids",
    family: Family::Plain,
    statement: include_str!("../../scripts/batch_insert_with_ids.sql"),
    form: Form::ArraysWithIds,
    baseline: "INSERT … unnest, unique ids",
};
/// Parallel arrays.
pub const ARRAYS: Batch = Batch {
    label: "jackpot_contribute_arrays()",
    family: Family::Jackpot,
    statement: "SELECT processed FROM jackpot_contribute_arrays(
                    game_ids => $1, wager_amounts => $2, user_ids => $3)",
    form: Form::Arrays,
    baseline: INSERT.label,
};
/// Parallel arrays with idempotency keys.
pub const ARRAYS_WITH_IDS: Batch = Batch {
    label: "jackpot_contribute_arrays(), ids",
    family: Family::Jackpot,
    statement: "SELECT processed FROM jackpot_contribute_arrays(
                    game_ids => $1, wager_amounts => $2, user_ids => $3, operation_ids => $4)",
    form: Form::ArraysWithIds,
    baseline: INSERT_WITH_IDS.label,
};
/// The old service's shape.
pub const JSON: Batch = Batch {
    label: "jackpot_contribute_batch(), jsonb",
    family: Family::Jackpot,
    statement: "SELECT processed FROM jackpot_contribute_batch($1::text::jsonb)",
    form: Form::Json,
    baseline: INSERT.label,
};
/// Spins.
pub const SPINS: Batch = Batch {
    label: "jackpot_spin_arrays()",
    family: Family::Jackpot,
    statement: "SELECT processed FROM jackpot_spin_arrays(
                    game_ids => $1, wager_amounts => $2, user_ids => $3)",
    form: Form::Arrays,
    baseline: INSERT.label,
};

/// When clients stop.
#[derive(Clone, Copy)]
pub enum Until {
    /// After so long.
    Passed(Duration),
    /// After so many rows each.
    Sent(usize),
}

impl Batch {
    /// Sends batches of so many rows from so many clients; rows a second. Only the calls are timed,
    /// not the making of their arguments.
    pub fn rate(
        &self,
        database: &Database,
        rows: usize,
        clients: usize,
        until: Until,
    ) -> Result<f64> {
        let start = Barrier::new(clients);
        thread::scope(|scope| {
            let threads: Vec<_> = (0..clients)
                .map(|_| scope.spawn(|| self.client(database, rows, until, &start)))
                .collect();
            threads.into_iter().try_fold(0.0, |sum, thread| {
                anyhow::Ok(sum + thread.join().map_err(|_| anyhow!("a client panicked"))??)
            })
        })
    }

    fn client(
        &self,
        database: &Database,
        rows: usize,
        until: Until,
        start: &Barrier,
    ) -> Result<f64> {
        // Nothing may end before the barrier, or the others would wait for ever.
        let prepared = database.connect().and_then(|mut client| {
            let statement = client
                .prepare(self.statement)
                .with_context(|| format!("preparing {}", self.label))?;
            Ok((client, statement))
        });
        let mut arguments = Arguments::new(rows, self.form);
        start.wait();
        let (mut client, statement) = prepared?;
        let started = Instant::now();
        let (mut sent, mut busy) = (0_usize, Duration::ZERO);
        loop {
            arguments.name_operations();
            let call = Instant::now();
            match self.form {
                Form::Arrays | Form::ArraysWithIds if self.baseline == self.label => {
                    client.execute(&statement, &arguments.list())?;
                }
                _ => {
                    let processed: i64 = client.query_one(&statement, &arguments.list())?.get(0);
                    ensure!(
                        usize::try_from(processed) == Ok(rows),
                        "{} took {processed} of {rows} rows",
                        self.label
                    );
                }
            }
            busy += call.elapsed();
            sent += rows;
            let over = match until {
                Until::Passed(time) => started.elapsed() >= time,
                Until::Sent(wanted) => sent >= wanted,
            };
            if over {
                return Ok(sent as f64 / busy.as_secs_f64());
            }
        }
    }
}

/// The rows of one call.
struct Arguments {
    form: Form,
    games: Vec<String>,
    wagers: Vec<i64>,
    users: Vec<String>,
    ids: Vec<String>,
    json: String,
}

impl Arguments {
    fn new(rows: usize, form: Form) -> Self {
        let games: Vec<_> = (0..rows).map(|row| format!("game-{}", row % 200)).collect();
        let wagers: Vec<_> = (1_i64..=1_000).cycle().take(rows).collect();
        let users: Vec<_> = (0..rows).map(|row| format!("player-{row}")).collect();
        let items: Vec<_> = games
            .iter()
            .zip(&wagers)
            .zip(&users)
            .map(|((game, wager), user)| {
                format!(r#"{{"game_id":"{game}","wager_amount":{wager},"user_id":"{user}"}}"#)
            })
            .collect();
        let json =
            if form == Form::Json { format!("[{}]", items.join(",")) } else { String::new() };
        Arguments { form, games, wagers, users, ids: vec![String::new(); rows], json }
    }

    /// Gives each row an id that no row had before.
    fn name_operations(&mut self) {
        if self.form == Form::ArraysWithIds {
            let call = NEXT_CALL.fetch_add(1, Ordering::Relaxed);
            for (row, id) in self.ids.iter_mut().enumerate() {
                id.clear();
                // Writing to a string cannot fail.
                let _ = write!(id, "bet-{call}-{row}");
            }
        }
    }

    fn list(&self) -> Vec<&(dyn ToSql + Sync)> {
        match self.form {
            Form::Json => vec![&self.json],
            Form::Arrays => vec![&self.games, &self.wagers, &self.users],
            Form::ArraysWithIds => vec![&self.games, &self.wagers, &self.users, &self.ids],
        }
    }
}
