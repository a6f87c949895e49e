//! How fast a backlog is worked off, with and without a transaction held open elsewhere.

use super::worker::{self, NoWorker, Watch};
use crate::database::{Database, NAIVE as NAIVE_TABLES, NAIVE_QUEUE, ODDS_POOLS, PLAIN, Proof};
use crate::format::figure;
use crate::samples::Samples;
use crate::sections::RATE;
use crate::settings::Settings;
use crate::table::Table;
use anyhow::{Result, anyhow, ensure};
use postgres::Client;
use std::thread;
use std::time::{Duration, Instant};

const ENQUEUE_SPINS: &str =
    "SELECT max(jackpot_enqueue_spin('game-' || n % 200, 1000, 'player-' || n))
       FROM generate_series(1, $1::integer) n";
const ENQUEUE_WINS: &str = "SELECT max(jackpot_enqueue_win(
            (ARRAY['minor', 'major', 'mega'])[n % 3 + 1], 'game-' || n % 200, 'player-' || n, 1))
       FROM generate_series(1, $1::integer) n";
const INSERT: &str = "INSERT INTO naive.queue (game_id, user_id, wager_amount)
     SELECT 'game-' || n % 200, 'player-' || n, 1000 FROM generate_series(1, $1::integer) n";

/// Between looks whether the worker has come to the last item.
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// Who works the backlog off.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Worker,
    Calls,
    SkipLocked,
}

impl Way {
    fn label(self) -> &'static str {
        match self {
            Way::Worker => "the worker",
            Way::Calls => "jackpot_process_queue()",
            Way::SkipLocked => "SKIP LOCKED and DELETE, naive pools",
        }
    }
}

/// What waits, and how it came.
#[derive(Clone, Copy)]
struct Backlog {
    what: &'static str,
    enqueue: &'static str,
    items: usize,
    each: usize,
    connections: usize,
    ways: &'static [Way],
}

const BACKLOGS: [Backlog; 3] = [
    Backlog {
        what: "spins",
        enqueue: ENQUEUE_SPINS,
        items: 1_000_000,
        each: 1_000,
        connections: 2,
        ways: &[Way::Worker, Way::Calls, Way::SkipLocked],
    },
    Backlog {
        what: "spins",
        enqueue: ENQUEUE_SPINS,
        items: 100_000,
        each: 1,
        connections: 50,
        ways: &[Way::Worker, Way::Calls, Way::SkipLocked],
    },
    Backlog {
        what: "wins",
        enqueue: ENQUEUE_WINS,
        items: 5_000,
        each: 1_000,
        connections: 1,
        ways: &[Way::Worker, Way::Calls],
    },
];

const HELD: &str = "held";
const FREE: &str = "free";

const ABOUT: &str = "A backlog that was made while there was no worker. Held: a REPEATABLE READ \
                     transaction that has read and written before, and idles from before the first \
                     item was enqueued until after the last was applied. The worker's time begins \
                     when it starts; `jackpot_process_queue()` is called again and again with its \
                     default of 10,000 items a transaction. Beside them a queue whose rows are \
                     deleted, in batches of the same size.";

/// Measures it, and keeps the proofs of the databases.
pub fn run(settings: &Settings, proofs: &mut Vec<Proof>) -> Result<(&'static str, Table)> {
    let backlogs = BACKLOGS.map(|full| Backlog { items: full.whole(settings), ..full });
    let mut samples = Samples::default();
    for _ in 0..settings.rounds {
        for backlog in backlogs {
            for &way in backlog.ways {
                for circumstances in [FREE, HELD] {
                    let (rate, proof) = backlog.drain(way, circumstances == HELD)?;
                    let name = backlog.name();
                    eprintln!("{name:<42} {:<36} {circumstances} {rate:>9.0}/s", way.label());
                    samples.record((&place(&name, circumstances), way.label()), RATE, rate);
                    proofs.push(proof);
                }
            }
        }
    }
    let mut table = Table::new(
        2,
        &["backlog", "worked off by", "items/s", "items/s, held", "held against free"],
    );
    for backlog in backlogs {
        let name = backlog.name();
        let (free, held) = (place(&name, FREE), place(&name, HELD));
        for way in backlog.ways {
            let (free, held) = ((free.as_str(), way.label()), (held.as_str(), way.label()));
            table.row([
                name.clone(),
                way.label().to_owned(),
                figure(samples.median(free, RATE), 0),
                figure(samples.median(held, RATE), 0),
                figure(samples.ratio(held, free, RATE), 2),
            ]);
        }
    }
    Ok((ABOUT, table))
}

fn place(backlog: &str, circumstances: &str) -> String {
    format!("{backlog}, {circumstances}")
}

impl Backlog {
    fn name(&self) -> String {
        let count = |number: usize| figure(Some(number as f64), 0);
        format!("{} {}, {} a transaction", count(self.items), self.what, count(self.each))
    }

    /// How many, scaled, so that each connection makes equally many whole transactions.
    fn whole(&self, settings: &Settings) -> usize {
        settings.rows(self.items).next_multiple_of(self.each * self.connections)
    }

    /// Items a second, in a database of their own.
    fn drain(&self, way: Way, held: bool) -> Result<(f64, Proof)> {
        let off = NoWorker::anywhere()?;
        let database = Database::create("drain", &[ODDS_POOLS, PLAIN, NAIVE_TABLES, NAIVE_QUEUE])?;
        let holder = held.then(|| hold(&database)).transpose()?;
        self.fill(&database, way)?;
        let mut client = database.connect()?;
        let (items, seconds) = match way {
            Way::Worker => {
                // One more, which comes last in any order.
                let last = client.query_one(self.enqueue, &[&1_i32])?.get(0);
                client.batch_execute("CHECKPOINT")?;
                off.end();
                Watch::new(&database)?.applied(last, BETWEEN_LOOKS)?;
                (self.items + 1, worker::age(&mut client)?)
            }
            Way::Calls => {
                client.batch_execute("CHECKPOINT")?;
                self.call(&mut client, "SELECT processed FROM jackpot_process_queue()")?
            }
            Way::SkipLocked => {
                client.batch_execute("CHECKPOINT")?;
                self.call(&mut client, "SELECT processed FROM naive.process_queue()")?
            }
        };
        let waiting = worker::depth(&mut client)?;
        ensure!(waiting == 0, "{waiting} items are left over");
        drop(holder);
        Ok((items as f64 / seconds, database.finish()?))
    }

    fn fill(&self, database: &Database, way: Way) -> Result<()> {
        let statement = if way == Way::SkipLocked { INSERT } else { self.enqueue };
        let calls = self.items / self.each / self.connections;
        let each = i32::try_from(self.each)?;
        let started = Instant::now();
        thread::scope(|scope| {
            let threads: Vec<_> = (0..self.connections)
                .map(|_| {
                    scope.spawn(|| {
                        let mut client = database.connect()?;
                        let statement = client.prepare(statement)?;
                        for _ in 0..calls {
                            client.execute(&statement, &[&each])?;
                        }
                        anyhow::Ok(())
                    })
                })
                .collect();
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().map_err(|_| anyhow!("a client panicked"))?)
        })?;
        let rate = self.items as f64 / started.elapsed().as_secs_f64();
        eprintln!("{} filled with {} at {rate:.0}/s", database.name, self.name());
        Ok(())
    }

    /// Calls until nothing is left; how many items, and how long it took.
    fn call(&self, client: &mut Client, statement: &str) -> Result<(usize, f64)> {
        let statement = client.prepare(statement)?;
        let (mut items, started) = (0, Instant::now());
        while items < self.items {
            let processed: i64 = client.query_one(&statement, &[])?.get(0);
            ensure!(processed > 0, "{items} of {} items were processed", self.items);
            items += usize::try_from(processed)?;
        }
        ensure!(items == self.items, "{items} items were processed, and there were {}", self.items);
        Ok((items, started.elapsed().as_secs_f64()))
    }
}

/// A transaction that has read and written and goes on until the connection ends.
fn hold(database: &Database) -> Result<Client> {
    let mut holder = database.connect()?;
    holder.batch_execute(
        "BEGIN ISOLATION LEVEL REPEATABLE READ;
         SELECT count(*) FROM jackpot.ledger;
         INSERT INTO bet (game_id, user_id, wager_amount) VALUES ('game123', 'player', 1000)",
    )?;
    Ok(holder)
}
