//! Everything at once and at random; afterwards the books of the clients and of the database agree
//! to the micro.

use crate::server::{
    Contributed, Database, Won, contribute, create_pool, prove, settle, sqlstate, win,
};
use rand::prelude::*;
use rand::rngs::StdRng;
use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use tokio_postgres::{Client, Error};

/// Numbers the changes of configuration.
static CHANGES: AtomicI64 = AtomicI64::new(i64::MAX / 2);

const CLIENTS: u64 = 32;
const STEPS: usize = 150;
const POOLS: [&str; 4] = ["mini", "minor", "major", "mega"];
/// In millionths, as rates that configuration changes choose from.
const RATES: [i64; 4] = [0, 1, 10_000, 123_457];
const RESERVE_RATE: i64 = 5_000;

/// An operation as the client asked for it and, once committed, what came of it.
#[derive(Clone)]
struct Operation {
    id: Option<String>,
    call: Call,
    result: Outcome,
}

#[derive(Clone)]
enum Call {
    Contribute {
        game_id: String,
        wager_amount: i64,
        pools: Option<Vec<&'static str>>,
    },
    Win {
        pool: &'static str,
        win_amount: Option<i64>,
    },
    /// What bears no operation_id.
    Configure {
        pool: &'static str,
    },
}

#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    Contributed(Contributed),
    Won(Won),
    Configured,
}

impl Operation {
    /// The versions that it showed of each pool.
    fn versions(&self) -> Vec<(&str, i64)> {
        match &self.result {
            Outcome::Contributed(contributed) => {
                contributed.lines.iter().map(|line| (line.pool.as_str(), line.version)).collect()
            }
            Outcome::Won(won) => vec![(&won.pool, won.version)],
            Outcome::Configured => Vec::new(),
        }
    }

    /// What the same call returns when it is repeated.
    fn replay(&self) -> Outcome {
        match self.result.clone() {
            Outcome::Contributed(contributed) => {
                // Without an eligible pool there is no row to say so.
                let replayed = !contributed.lines.is_empty();
                Outcome::Contributed(Contributed { replayed, ..contributed })
            }
            Outcome::Won(won) => Outcome::Won(Won { replayed: true, ..won }),
            Outcome::Configured => Outcome::Configured,
        }
    }
}

/// What all clients know to have been committed.
type Book = Arc<Mutex<Vec<Operation>>>;

struct Player {
    number: u64,
    client: Client,
    random: StdRng,
    book: Book,
    /// The newest version of each pool that this session has seen and committed.
    seen: BTreeMap<String, i64>,
    next_id: u32,
    /// Whether the present transaction does nothing but contribute.
    bets_only: bool,
    refused: BTreeMap<String, u32>,
}

impl Player {
    async fn play(mut self) -> BTreeMap<String, u32> {
        for _ in 0..STEPS {
            match self.random.random_range(0..100) {
                0..10 if self.number == 0 => self.pause_and_resume().await,
                0..50 => self.transaction(None).await,
                50..85 => {
                    let level = *["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]
                        .choose(&mut self.random)
                        .unwrap();
                    self.transaction(Some(level)).await;
                }
                85..96 => self.repeat().await,
                _ => assert!(settle(&self.client).await >= 0),
            }
        }
        self.refused
    }

    /// One call by itself, or several in a block that may be rolled back, as a whole or in part.
    async fn transaction(&mut self, level: Option<&str>) {
        let mut done = Vec::new();
        self.bets_only = self.random.random_bool(0.5);
        let result = match level {
            None => self.call(&mut done).await.map(|()| true),
            Some(level) => self.block(level, &mut done).await,
        };
        match result {
            Ok(true) => self.enter(done),
            Ok(false) => {}
            Err(error) => {
                if level.is_some() {
                    self.client.batch_execute("ROLLBACK").await.unwrap();
                }
                self.refuse(error, level);
            }
        }
    }

    /// Whether it was committed.
    async fn block(&mut self, level: &str, done: &mut Vec<Operation>) -> Result<bool, Error> {
        self.client.batch_execute(&format!("BEGIN ISOLATION LEVEL {level}")).await?;
        for _ in 0..self.random.random_range(1..=4) {
            if self.random.random_ratio(1, 4) {
                self.client.batch_execute("SAVEPOINT one").await?;
                let before = done.len();
                let result = self.call(done).await;
                if result.is_err() || self.random.random_bool(0.5) {
                    self.client.batch_execute("ROLLBACK TO SAVEPOINT one").await?;
                    done.truncate(before);
                }
                if let Err(error) = result {
                    self.refuse(error, Some(level));
                }
                if self.random.random_bool(0.5) {
                    self.client.batch_execute("RELEASE SAVEPOINT one").await?;
                }
            } else {
                self.call(done).await?;
            }
        }
        let commit = self.random.random_ratio(3, 4);
        self.client.batch_execute(if commit { "COMMIT" } else { "ROLLBACK" }).await?;
        Ok(commit)
    }

    /// A new operation at random.
    async fn call(&mut self, done: &mut Vec<Operation>) -> Result<(), Error> {
        let pool = *POOLS.choose(&mut self.random).unwrap();
        let id = self.random.random_bool(0.5).then(|| {
            self.next_id += 1;
            format!("{}-{}", self.number, self.next_id)
        });
        let kinds = if self.bets_only { 82 } else { 100 };
        let call = match self.random.random_range(0..kinds) {
            0..82 => Call::Contribute {
                game_id: format!("game {}", self.random.random_range(0..5)),
                wager_amount: match self.random.random_range(0..4) {
                    0 => 0,
                    1 => self.random.random_range(1..10),
                    2 => self.random.random_range(10..100_000),
                    _ => 9_007_199_254,
                },
                pools: self.random.random_bool(0.4).then(|| {
                    let count = self.random.random_range(0..=POOLS.len());
                    POOLS.choose_multiple(&mut self.random, count).copied().collect()
                }),
            },
            82..94 => Call::Win {
                pool,
                win_amount: self
                    .random
                    .random_bool(0.5)
                    .then(|| self.random.random_range(1..2_000)),
            },
            _ => Call::Configure { pool },
        };
        let id = id.filter(|_| !matches!(call, Call::Configure { .. }));
        let result = self.ask(&call, id.as_deref()).await?;
        check(&call, &result);
        done.push(Operation { id, call, result });
        Ok(())
    }

    async fn ask(&mut self, call: &Call, id: Option<&str>) -> Result<Outcome, Error> {
        match call {
            Call::Contribute { game_id, wager_amount, pools } => {
                contribute(&self.client, game_id, *wager_amount, id, pools.as_deref())
                    .await
                    .map(Outcome::Contributed)
            }
            Call::Win { pool, win_amount } => {
                win(&self.client, pool, *win_amount, id).await.map(Outcome::Won)
            }
            Call::Configure { pool } => {
                let rate = RATES.choose(&mut self.random).unwrap();
                // A limit that no wager reaches and that never was: what changes nothing is no change.
                let limit = CHANGES.fetch_add(1, Ordering::Relaxed);
                let change = if self.random.random_bool(0.5) {
                    format!(r#"{{"contribution_rate": 0.{rate:06}, "max_wager": {limit}}}"#)
                } else {
                    let ceiling = self.random.random_range(2_000..1_000_000);
                    format!(r#"{{"max_amount": {ceiling}, "max_wager": {limit}}}"#)
                };
                self.client
                    .execute("SELECT jackpot_update_config($1, $2::text::jsonb)", &[pool, &change])
                    .await?;
                Ok(Outcome::Configured)
            }
        }
    }

    /// Only one client does this, so that each pause and each resume is a change.
    async fn pause_and_resume(&mut self) {
        let pool = *POOLS.choose(&mut self.random).unwrap();
        self.bets_only = false;
        let mut statements = ["SELECT jackpot_pause($1)", "SELECT jackpot_resume($1)"].iter();
        let mut statement = statements.next();
        while let Some(text) = statement {
            match self.client.execute(*text, &[&pool]).await {
                Ok(_) => {
                    let (id, call, result) = (None, Call::Configure { pool }, Outcome::Configured);
                    self.enter(vec![Operation { id, call, result }]);
                    statement = statements.next();
                }
                Err(error) => self.refuse(error, None),
            }
        }
    }

    /// Asks again for something that was done, by this client or another.
    async fn repeat(&mut self) {
        self.bets_only = false;
        let operation = {
            let book = self.book.lock().unwrap();
            let named = book.iter().filter(|operation| operation.id.is_some()).collect::<Vec<_>>();
            named.choose(&mut self.random).map(|operation| (*operation).clone())
        };
        let Some(operation) = operation else { return };
        match self.ask(&operation.call, operation.id.as_deref()).await {
            Ok(result) => assert_eq!(result, operation.replay()),
            Err(error) => self.refuse(error, None),
        }
    }

    /// Counts an error that this traffic brings about; any other is a failure.
    fn refuse(&mut self, error: Error, level: Option<&str>) {
        let bets = self.bets_only && level != Some("SERIALIZABLE");
        match sqlstate(&error) {
            // insufficient_funds, pool_not_active, lock_timeout
            "23514" | "55000" | "55P03" => {}
            // Only what keeps a snapshot is told to try again, and bets conflict with nothing.
            "40001" if !bets && !matches!(level, None | Some("READ COMMITTED")) => {}
            // Whoever waits for a pool may stand in the queue where two transactions with several
            // wins lock each other out.
            "40P01" if !bets => {}
            _ => panic!("{level:?}: {error:?}"),
        }
        *self.refused.entry(sqlstate(&error).to_owned()).or_default() += 1;
    }

    /// Writes into the book what has committed.
    fn enter(&mut self, done: Vec<Operation>) {
        for operation in &done {
            for (pool, version) in operation.versions() {
                let seen = self.seen.entry(pool.to_owned()).or_default();
                assert!(version > *seen, "{pool} went from version {seen} to {version}");
                *seen = version;
            }
        }
        self.book.lock().unwrap().extend(done);
    }
}

/// What can be known of a result by itself.
fn check(call: &Call, result: &Outcome) {
    match (call, result) {
        (Call::Contribute { wager_amount, pools, .. }, Outcome::Contributed(contributed)) => {
            assert!(!contributed.replayed);
            if let Some(pools) = pools {
                let fed = contributed
                    .lines
                    .iter()
                    .map(|line| line.pool.as_str())
                    .collect::<BTreeSet<_>>();
                assert_eq!(fed, pools.iter().copied().collect());
            }
            for line in &contributed.lines {
                let possible = RATES.map(|rate| wager_amount * (rate + RESERVE_RATE));
                assert!(possible.contains(&line.micros), "{wager_amount} gave {line:?}");
            }
        }
        (Call::Win { pool, win_amount }, Outcome::Won(won)) => {
            assert!(!won.replayed && won.pool == *pool);
            assert_eq!(won.win_amount, win_amount.unwrap_or(won.previous_amount));
        }
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_traffic() {
    let seed = env::var("JACKPOT_SEED").map_or(20_261_122, |seed| seed.parse().unwrap());
    println!("random_traffic: JACKPOT_SEED={seed}");
    let database = Database::create("random_traffic").await;
    let observer = database.client().await;
    for pool in POOLS {
        create_pool(&observer, pool, "0.01", "0.005", 1_000, Some(100_000)).await;
    }

    let book = Book::default();
    let mut players = Vec::new();
    for (number, client) in (0..).zip(database.clients(CLIENTS as usize).await) {
        // A short tail, so that calls settle while others read.
        client.batch_execute("SET jackpot.settle_rows = 300").await.unwrap();
        players.push(tokio::spawn(
            Player {
                number,
                client,
                random: StdRng::seed_from_u64(seed * CLIENTS + number),
                book: Arc::clone(&book),
                seen: BTreeMap::new(),
                next_id: 0,
                bets_only: false,
                refused: BTreeMap::new(),
            }
            .play(),
        ));
    }
    let mut refused = BTreeMap::<String, u32>::new();
    for player in players {
        for (code, count) in player.await.unwrap() {
            *refused.entry(code).or_default() += count;
        }
    }
    let book = std::mem::take(&mut *book.lock().unwrap());
    println!("random_traffic: {} operations, refused {refused:?}", book.len());
    assert!(book.len() as u64 > CLIENTS * STEPS as u64 / 2, "too little has happened");

    prove(&observer).await;
    compare_sums(&observer, &book).await;
    compare_operations(&observer, &book).await;
    prove(&observer).await;
}

/// Each pool's ledger, wins and version are what the clients' book says.
async fn compare_sums(observer: &Client, book: &[Operation]) {
    for pool in POOLS {
        let (mut contributions, mut micros, mut wins, mut won, mut changes) =
            (0i64, 0i64, 0i64, 0i64, 0i64);
        for operation in book {
            match (&operation.call, &operation.result) {
                (_, Outcome::Contributed(contributed)) => {
                    for line in contributed.lines.iter().filter(|line| line.pool == pool) {
                        contributions += 1;
                        micros += line.micros;
                    }
                }
                (_, Outcome::Won(win)) if win.pool == pool => {
                    wins += 1;
                    won += win.win_amount;
                }
                (Call::Configure { pool: changed }, _) if *changed == pool => changes += 1,
                _ => {}
            }
        }
        let row = observer
            .query_one(
                "SELECT p.total_contributions, (p.total_contributed * 1000000)::bigint, p.total_wins,
                        p.total_won::bigint, p.version,
                        (SELECT sum(u.display + u.reserve)::bigint FROM jackpot.ledger l
                          CROSS JOIN unnest(l.pool_ids, l.display, l.reserve) AS u(id, display, reserve)
                          WHERE u.id = r.id),
                        (SELECT sum(w.win_amount)::bigint FROM jackpot.win w WHERE w.pool_id = r.id)
                   FROM jackpot_pool($1) p JOIN jackpot.pool r USING (pool)",
                &[&pool],
            )
            .await
            .unwrap();
        let shown: Vec<i64> = (0..5).map(|column| row.get(column)).collect();
        let version = 1 + contributions + wins + changes;
        assert_eq!(shown, [contributions, micros, wins, won, version], "{pool}");
        let summed: [Option<i64>; 2] = [row.get(5), row.get(6)];
        assert_eq!(summed.map(|sum| sum.unwrap_or(0)), [micros, won], "{pool}");
    }
}

/// Every acknowledged operation id is there once, no other is, and repeating it gives what it gave.
async fn compare_operations(observer: &Client, book: &[Operation]) {
    let ids = |is_win: bool| {
        let mut ids: Vec<String> = book
            .iter()
            .filter(|operation| match operation.result {
                Outcome::Won(_) => is_win,
                Outcome::Contributed(_) => !is_win,
                Outcome::Configured => false,
            })
            .filter_map(|operation| operation.id.clone())
            .collect();
        ids.sort_unstable();
        ids
    };
    for (table, is_win) in [("ledger", false), ("win", true)] {
        let query = format!(
            "SELECT operation_id FROM jackpot.{table} WHERE operation_id IS NOT NULL ORDER BY operation_id COLLATE \"C\""
        );
        let rows = observer.query(&query, &[]).await.unwrap();
        let there: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        assert_eq!(there, ids(is_win), "{table}");
    }
    for operation in book.iter().filter(|operation| operation.id.is_some()) {
        let result = match &operation.call {
            Call::Contribute { game_id, wager_amount, pools } => Outcome::Contributed(
                contribute(
                    observer,
                    game_id,
                    *wager_amount,
                    operation.id.as_deref(),
                    pools.as_deref(),
                )
                .await
                .unwrap(),
            ),
            Call::Win { pool, win_amount } => Outcome::Won(
                win(observer, pool, *win_amount, operation.id.as_deref()).await.unwrap(),
            ),
            Call::Configure { .. } => continue,
        };
        assert_eq!(result, operation.replay(), "{:?}", operation.id);
    }
}
