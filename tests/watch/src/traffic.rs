//! Players who do everything at random, and know what of it was committed.

mod calls;

use crate::book::{Book, Done};
use crate::server::{Database, sqlstate};
use rand::prelude::*;
use rand::rngs::StdRng;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::time::sleep;
use tokio_postgres::{Client, Error};

/// A prepared transaction, for somebody else to end.
pub struct Prepared {
    pub gid: String,
    pub done: Vec<Done>,
}

pub struct Player {
    client: Client,
    random: StdRng,
    number: u64,
    book: Arc<Mutex<Book>>,
    prepared: UnboundedSender<Prepared>,
    next: u32,
    /// Its wagers that were committed under an operation_id, and the calls that made them.
    named: Vec<(String, i64, &'static str)>,
}

impl Player {
    pub async fn new(
        database: &Database,
        (seed, number): (u64, u64),
        book: Arc<Mutex<Book>>,
        prepared: UnboundedSender<Prepared>,
    ) -> Self {
        let random = StdRng::seed_from_u64(seed ^ number);
        let (next, named) = (0, Vec::new());
        Player { client: database.client().await, random, number, book, prepared, next, named }
    }

    pub async fn play(mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            if self.random.random_bool(0.5) {
                if let Ok(done) = self.call().await {
                    self.enter(vec![done]);
                }
            } else if self.block().await.is_err() {
                self.client.batch_execute("ROLLBACK").await.unwrap();
            }
        }
    }

    fn enter(&mut self, done: Vec<Done>) {
        let book = &mut self.book.lock().unwrap().done;
        done.into_iter().for_each(|done| book.add(done));
    }

    fn id(&mut self) -> String {
        self.next += 1;
        format!("{} {}", self.number, self.next)
    }

    /// Several calls in a transaction that may be rolled back, as a whole or in part, or is left to
    /// somebody else.
    async fn block(&mut self) -> Result<(), Error> {
        let levels = ["READ COMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"];
        let level = levels.choose(&mut self.random).unwrap();
        self.client.batch_execute(&format!("BEGIN ISOLATION LEVEL {level}")).await?;
        let (mut done, named) = (Vec::new(), self.named.len());
        let result = self.calls(&mut done).await;
        let end = if result.is_err() { 9 } else { self.random.random_range(0..10) };
        // What is not committed here and now is not repeated.
        if end >= 6 {
            self.named.truncate(named);
        }
        result?;
        match end {
            0..6 => {
                let committed = self.client.batch_execute("COMMIT").await;
                if committed.is_err() {
                    self.named.truncate(named);
                }
                committed?;
                self.enter(done);
            }
            6..8 => {
                let gid = self.id();
                self.client.batch_execute(&format!("PREPARE TRANSACTION '{gid}'")).await?;
                self.prepared.send(Prepared { gid, done }).unwrap();
            }
            _ => self.client.batch_execute("ROLLBACK").await?,
        }
        Ok(())
    }

    async fn calls(&mut self, done: &mut Vec<Done>) -> Result<(), Error> {
        for _ in 0..self.random.random_range(1..=4) {
            if self.random.random_bool(0.6) {
                done.push(self.call().await?);
                continue;
            }
            self.client.batch_execute("SAVEPOINT one").await?;
            let (before, named) = (done.len(), self.named.len());
            let mut result = self.call().await.map(|call| done.push(call));
            if result.is_ok() && self.random.random_bool(0.5) {
                // One in the other, of which the inner is kept.
                self.client.batch_execute("SAVEPOINT two").await?;
                result = self.call().await.map(|call| done.push(call));
                if result.is_ok() {
                    self.client.batch_execute("RELEASE SAVEPOINT two").await?;
                }
            }
            if result.is_err() || self.random.random_bool(0.4) {
                self.client.batch_execute("ROLLBACK TO SAVEPOINT one").await?;
                done.truncate(before);
                self.named.truncate(named);
            }
        }
        Ok(())
    }

    /// A call at random, with what it has done if its transaction commits. What is refused is in the
    /// book at once.
    async fn call(&mut self) -> Result<Done, Error> {
        let (call, result) = match self.random.random_range(0..100) {
            0..30 => ("contribute", self.contribute("contribute").await),
            30..45 => ("spin", self.contribute("spin").await),
            45..55 => ("win", self.win().await),
            55..60 => ("contribute_batch", self.contribute_batch().await),
            60..65 => ("contribute_arrays", self.arrays("contribute_arrays").await),
            65..70 => ("spin_arrays", self.arrays("spin_arrays").await),
            70..74 => ("win_batch", self.win_batch().await),
            74..82 => ("void", self.void().await),
            82..86 => ("enqueue_contribution", self.enqueue("enqueue_contribution").await),
            86..92 => ("enqueue_spin", self.enqueue("enqueue_spin").await),
            _ => ("enqueue_win", self.enqueue("enqueue_win").await),
        };
        if let Err(error) = &result {
            let token = match sqlstate(error) {
                "40P01" => "deadlock_detected".to_owned(),
                _ => {
                    let detail = error.as_db_error().unwrap().detail();
                    let detail = detail.unwrap_or_else(|| panic!("no token: {error:?}"));
                    detail.split(':').next().unwrap().to_owned()
                }
            };
            *self.book.lock().unwrap().errors.entry((call, token)).or_default() += 1;
        }
        result
    }
}

/// Ends transactions that others have prepared, for as long as there are any.
pub async fn end_prepared(
    client: Client,
    mut prepared: UnboundedReceiver<Prepared>,
    seed: u64,
    book: Arc<Mutex<Book>>,
) {
    let mut random = StdRng::seed_from_u64(seed);
    while let Some(Prepared { gid, done }) = prepared.recv().await {
        sleep(Duration::from_millis(random.random_range(0..20))).await;
        let is_kept = random.random_bool(0.7);
        let end = if is_kept { "COMMIT" } else { "ROLLBACK" };
        client.batch_execute(&format!("{end} PREPARED '{gid}'")).await.unwrap();
        if is_kept {
            let book = &mut book.lock().unwrap().done;
            done.into_iter().for_each(|done| book.add(done));
        }
    }
}
