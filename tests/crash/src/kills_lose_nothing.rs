//! A worker, a backend and the postmaster are killed at random moments under load. What was
//! acknowledged is applied once, what was in doubt at most once, and nothing else is there.

use crate::cluster::Cluster;
use crate::queue::{
    Applied, Item, KINDS, Kind, call, check, create_pools, prove_all, until_empty, until_worker,
};
use crate::server::Database;
use crate::servers::{CARELESS, PATIENCE, PRELOADED, kill};
use futures::future::join_all;
use rand::prelude::*;
use rand::rngs::StdRng;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, Error, SimpleQueryMessage};

const ROUNDS: u64 = 10;
const PLAYERS: u64 = 8;

/// A call, and what its client knows of it.
#[derive(Clone, Debug)]
struct Sent {
    label: String,
    call: Call,
    /// Whether it bears an operation_id and may be repeated.
    named: bool,
    query: String,
    known: Known,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Enqueue(Kind),
    Synchronous,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// What was enqueued has this id; of what is synchronous it means nothing.
    Acknowledged(i64),
    /// Sent, and the connection broke.
    InDoubt,
    Refused,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_lose_nothing() {
    let seed =
        std::env::var("CRASH_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("kills_lose_nothing: CRASH_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let cluster = Cluster::start_with("crash_kill", &[PRELOADED, CARELESS]);
    let database = Database::create_at(cluster.host(), "kill").await;
    create_pools(&database).await;
    until_worker(&database.client().await, None).await;

    let mut book = Vec::new();
    for round in 0..ROUNDS {
        repeat(&database, &mut random, &mut book).await;
        let observer = database.client().await;
        let round_seed: u64 = random.random();
        let players = join_all((0..PLAYERS).map(async |number| Player {
            client: database.client().await,
            random: StdRng::seed_from_u64(round_seed ^ number),
            name: format!("{round} {number}"),
            calls: 0,
            sent: Vec::new(),
        }))
        .await;
        let players: Vec<_> =
            players.into_iter().map(|player| tokio::spawn(player.play())).collect();
        sleep(Duration::from_millis(random.random_range(50..800))).await;
        match round % 3 {
            0 => kill(until_worker(&observer, None).await),
            1 => kill(backend(&observer).await),
            _ => cluster.kill_postmaster(),
        }
        let sent = timeout(PATIENCE, join_all(players)).await.expect("all connections break");
        let before = book.len();
        book.extend(sent.into_iter().flat_map(Result::unwrap));
        println!("round {round}: {} calls", book.len() - before);
        let client = until_back(&database).await;
        // The other rounds begin with what this one left.
        if round % 3 == 2 || round == ROUNDS - 1 {
            until_empty(&client).await;
        }
    }
    let client = database.client().await;
    verify(&client, &book).await;
    prove_all(&client).await;
}

/// A player's, at random.
async fn backend(observer: &Client) -> i32 {
    let query = "SELECT pid FROM pg_stat_activity
                  WHERE application_name = 'clients' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1";
    observer.query_one(query, &[]).await.unwrap().get(0)
}

async fn until_back(database: &Database) -> Client {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match database.try_client().await {
            Ok(client) => return client,
            Err(error) => assert!(Instant::now() < deadline, "{error:?}"),
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// Half of what is in doubt and has a name is called again: then it is known.
async fn repeat(database: &Database, random: &mut StdRng, book: &mut [Sent]) {
    let client = until_back(database).await;
    for sent in book.iter_mut().filter(|sent| sent.named && sent.known == Known::InDoubt) {
        if random.random() {
            sent.known = known(run(&client, &sent.query).await);
            assert_ne!(sent.known, Known::InDoubt, "{sent:?}");
        }
    }
}

struct Player {
    client: Client,
    random: StdRng,
    name: String,
    calls: u32,
    sent: Vec<Sent>,
}

impl Player {
    /// Until the connection breaks.
    async fn play(mut self) -> Vec<Sent> {
        loop {
            let alive = if self.random.random_ratio(1, 5) {
                self.block().await
            } else {
                self.single().await
            };
            if !alive {
                return self.sent;
            }
        }
    }

    /// Whether the connection lives.
    async fn single(&mut self) -> bool {
        let mut sent = match self.random.random_range(0..100) {
            0..80 => self.enqueue(),
            80..90 => self.synchronous("jackpot_contribute"),
            _ => self.synchronous("jackpot_spin"),
        };
        sent.known = known(run(&self.client, &sent.query).await);
        let alive = sent.known != Known::InDoubt;
        self.sent.push(sent);
        alive
    }

    /// Several in a transaction that may be rolled back.
    async fn block(&mut self) -> bool {
        let from = self.sent.len();
        if self.client.batch_execute("BEGIN").await.is_err() {
            return false;
        }
        let mut all_done = true;
        for _ in 0..self.random.random_range(1..5) {
            let mut sent = self.enqueue();
            let result = known(run(&self.client, &sent.query).await);
            sent.known = result;
            self.sent.push(sent);
            match result {
                Known::Acknowledged(_) => {}
                Known::Refused => all_done = false,
                Known::InDoubt => {
                    // It was not asked to commit.
                    self.refuse(from);
                    return false;
                }
            }
            if !all_done {
                break;
            }
        }
        let commit = all_done && self.random.random_ratio(4, 5);
        if !commit {
            self.refuse(from);
            return self.client.batch_execute("ROLLBACK").await.is_ok();
        }
        let alive = self.client.batch_execute("COMMIT").await.is_ok();
        if !alive {
            self.sent[from..].iter_mut().for_each(|sent| sent.known = Known::InDoubt);
        }
        alive
    }

    fn refuse(&mut self, from: usize) {
        self.sent[from..].iter_mut().for_each(|sent| sent.known = Known::Refused);
    }

    fn enqueue(&mut self) -> Sent {
        let kind = *KINDS.choose(&mut self.random).unwrap();
        // Some wins are not payable any more when their turn comes.
        let amount = match kind {
            Kind::Win => self.random.random_range(1..300),
            _ => self.random.random_range(1..1000),
        };
        let named = self.random.random_ratio(3, 4);
        let label = self.label();
        let query = format!("SELECT {}", call(kind, &label, amount, named));
        Sent { label, call: Call::Enqueue(kind), named, query, known: Known::InDoubt }
    }

    fn synchronous(&mut self, function: &str) -> Sent {
        let label = self.label();
        let amount = self.random.random_range(1..1000);
        let query = format!(
            "SELECT count(*) FROM {function}('{label}', {amount}, operation_id => '{label}')"
        );
        Sent { label, call: Call::Synchronous, named: true, query, known: Known::InDoubt }
    }

    fn label(&mut self) -> String {
        self.calls += 1;
        format!("{} {}", self.name, self.calls)
    }
}

/// The number that it returns.
async fn run(client: &Client, query: &str) -> Result<i64, Error> {
    let messages = client.simple_query(query).await?;
    let number = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    Ok(number.expect("it returns a number").parse().unwrap())
}

fn known(result: Result<i64, Error>) -> Known {
    match result {
        Ok(id) => Known::Acknowledged(id),
        Err(error) => match error.code().map(|code| code.code()) {
            None | Some("57P01" | "57P02" | "57P03") => Known::InDoubt,
            // Not payable; the conflicts of those who are in a hurry.
            Some("23514" | "55P03" | "40001" | "40P01") => Known::Refused,
            Some(_) => panic!("{error:?}"),
        },
    }
}

/// When all is quiet.
async fn verify(client: &Client, book: &[Sent]) {
    let items: Vec<Item> = book
        .iter()
        .filter_map(|sent| match (sent.call, sent.known) {
            (Call::Enqueue(kind), Known::Acknowledged(id)) => {
                Some(Item { id, kind, label: sent.label.clone() })
            }
            _ => None,
        })
        .collect();
    let applied = check(client, &items).await;
    let dead = dead_letters(client).await;
    let mut doubtful = 0;
    for sent in book {
        let ledger = applied.ledger(&sent.label).len();
        let done = match sent.call {
            Call::Enqueue(Kind::Win) => {
                assert_eq!(ledger, 0, "{sent:?}");
                applied.wins(&sent.label).len() + dead.get(&sent.label).copied().unwrap_or(0)
            }
            _ => ledger,
        };
        match sent.known {
            Known::Acknowledged(_) => assert_eq!(done, 1, "{sent:?}"),
            Known::Refused => assert_eq!(done, 0, "{sent:?}"),
            Known::InDoubt => {
                assert!(done <= 1, "{sent:?}");
                doubtful += 1;
            }
        }
    }
    println!(
        "{} calls, {} enqueued, {doubtful} in doubt; {} wins, {} dead letters",
        book.len(),
        items.len(),
        applied.wins.len(),
        dead.len()
    );
    nothing_else(&applied, &dead, book);
    assert!(items.len() > 1000, "hardly any load");
    assert!(!dead.is_empty() && applied.wins.len() > 10, "hardly a win");
}

async fn dead_letters(client: &Client) -> BTreeMap<String, usize> {
    let mut letters = BTreeMap::new();
    let query = "SELECT kind, payload ->> 'game_id' FROM jackpot.dead_letter";
    for row in client.query(query, &[]).await.unwrap() {
        assert_eq!(row.get::<_, &str>(0), "win");
        *letters.entry(row.get(1)).or_insert(0) += 1;
    }
    letters
}

/// Every row is somebody's.
fn nothing_else(applied: &Applied, dead: &BTreeMap<String, usize>, book: &[Sent]) {
    let (wins, wagers): (Vec<&Sent>, Vec<&Sent>) =
        book.iter().partition(|sent| sent.call == Call::Enqueue(Kind::Win));
    let labels = |sent: &[&Sent]| -> BTreeSet<String> {
        sent.iter().map(|sent| sent.label.clone()).collect()
    };
    let (wins, wagers) = (labels(&wins), labels(&wagers));
    let stray: Vec<&String> = applied
        .ledger
        .keys()
        .filter(|&label| !wagers.contains(label))
        .chain(
            applied.wins.keys().filter(|&label| !wins.contains(label) && !wagers.contains(label)),
        )
        .chain(dead.keys().filter(|&label| !wins.contains(label)))
        .collect();
    assert!(stray.is_empty(), "nobody sent {stray:?}");
}
