//! A client that sends statements at random and lets some of them come to nothing.

use crate::batches::item::{Item, Kind, any_number};
use crate::batches::statement::{Answer, Statement, send};
use crate::batches::{HELD, SETTINGS, STEPS};
use crate::server::{Database, sqlstate};
use rand::prelude::*;
use rand::rngs::StdRng;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::{Client, Error, NoTls};

/// What was answered and committed.
pub type Book = Vec<(Statement, Answer)>;

pub struct Player {
    number: u64,
    database: Arc<Database>,
    client: Client,
    /// Sends what the first sends, at the same time.
    second: Client,
    random: StdRng,
    users: u32,
    book: Book,
    refused: BTreeMap<String, u32>,
}

/// What may make a statement fail besides itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    KeptSnapshot,
    Interrupt,
}

impl Player {
    pub async fn new(number: u64, database: Arc<Database>, random: StdRng) -> Self {
        let (client, second) = (connect(&database).await, connect(&database).await);
        let (book, refused) = (Book::new(), BTreeMap::new());
        Player { number, database, client, second, random, users: 0, book, refused }
    }

    pub async fn play(mut self) -> (Book, BTreeMap<String, u32>) {
        for _ in 0..STEPS {
            match self.random.random_range(0..100) {
                0..40 => {
                    let statement = self.any_statement();
                    let result = send(&self.client, &statement).await;
                    self.enter(statement, result, Trouble::None);
                }
                40..55 => self.block().await,
                55..70 => self.twice().await,
                70..80 => self.cancelled().await,
                80..95 => self.timed_out().await,
                _ => self.held_up().await,
            }
        }
        (self.book, self.refused)
    }

    /// In a transaction in which something else comes to nothing, or all of it.
    async fn block(&mut self) {
        let keeps_snapshot = self.random.random_ratio(1, 4);
        let (level, trouble) = match keeps_snapshot {
            true => ("REPEATABLE READ", Trouble::KeptSnapshot),
            false => ("READ COMMITTED", Trouble::None),
        };
        self.client
            .batch_execute(&format!("BEGIN ISOLATION LEVEL {level}; SAVEPOINT one"))
            .await
            .unwrap();
        if self.random.random_bool(0.5) {
            let undone = self.any_statement();
            if let Err(error) = send(&self.client, &undone).await {
                self.refuse(error, trouble);
            }
            self.client.batch_execute("ROLLBACK TO SAVEPOINT one").await.unwrap();
        }
        let statement = self.any_statement();
        let result = send(&self.client, &statement).await;
        let stands = result.is_ok() && self.random.random_bool(0.5);
        let end = if stands { "COMMIT" } else { "ROLLBACK" };
        self.client.batch_execute(end).await.unwrap();
        if stands || result.is_err() {
            self.enter(statement, result, trouble);
        }
    }

    /// As after a lost answer, but without waiting, on another connection and in another order.
    async fn twice(&mut self) {
        let mut items = self.any_items();
        items.retain(|item| item.id.is_some());
        if items.is_empty() {
            return;
        }
        let first = self.batch_of(items.clone());
        items.shuffle(&mut self.random);
        let second = self.batch_of(items);
        let (one, two) = tokio::join!(send(&self.client, &first), send(&self.second, &second));
        self.enter(first, one, Trouble::None);
        self.enter(second, two, Trouble::None);
    }

    async fn cancelled(&mut self) {
        let items = self.any_items();
        let statement = self.batch_of(items);
        // For this alone: a cancellation that comes late would end another statement.
        let client = connect(&self.database).await;
        let token = client.cancel_token();
        let delay = Duration::from_micros(self.random.random_range(0..15_000));
        let cancel = async {
            tokio::time::sleep(delay).await;
            token.cancel_query(NoTls).await.unwrap();
        };
        let (result, ()) = tokio::join!(send(&client, &statement), cancel);
        self.enter(statement, result, Trouble::Interrupt);
    }

    async fn timed_out(&mut self) {
        let items = self.any_items();
        let statement = match self.random.random_ratio(1, 4) {
            true => Statement::ProcessInbox(1_000),
            false => self.batch_of(items),
        };
        let client = connect(&self.database).await;
        let timeout = self.random.random_range(1..25);
        client.batch_execute(&format!("SET statement_timeout = {timeout}")).await.unwrap();
        let result = send(&client, &statement).await;
        self.enter(statement, result, Trouble::Interrupt);
    }

    /// Timed out for certain, when it has taken all of its ids but one.
    async fn held_up(&mut self) {
        let kind = if self.random.random_bool(0.5) { Kind::Contribution } else { Kind::Spin };
        let mut items = self.items(kind, 200);
        let number = any_number(kind, &mut self.random);
        items[0] = Item { id: Some(HELD.to_owned()), ..Item::of_number(number) };
        let statement = Statement::Arrays(items);
        let client = connect(&self.database).await;
        client.batch_execute("SET statement_timeout = '30ms'").await.unwrap();
        let error = send(&client, &statement).await.expect_err("one of its ids is held");
        assert_eq!(sqlstate(&error), "57014");
    }

    fn any_statement(&mut self) -> Statement {
        match self.random.random_range(0..100) {
            0..15 => {
                let kind =
                    *[Kind::Contribution, Kind::Spin, Kind::Win].choose(&mut self.random).unwrap();
                Statement::Single(self.item(kind))
            }
            15..55 => {
                let items = self.any_items();
                self.batch_of(items)
            }
            55..75 => {
                let mut items = self.items(Kind::Spin, 300);
                items.extend(self.items(Kind::Contribution, 300));
                items.shuffle(&mut self.random);
                Statement::Copy(items)
            }
            75..90 => Statement::ProcessInbox(self.random.random_range(1..2_000)),
            _ => {
                let kind =
                    if self.random.random_bool(0.5) { Kind::Contribution } else { Kind::Spin };
                let number = any_number(kind, &mut self.random);
                Statement::Void(Item::of_number(number).id.unwrap())
            }
        }
    }

    /// In one of the forms that items of their kind can have.
    fn batch_of(&mut self, mut items: Vec<Item>) -> Statement {
        match items[0].kind {
            Kind::Win => Statement::Json(items),
            Kind::Contribution if self.random.random_bool(0.5) => Statement::Json(items),
            _ => {
                let pools = items[0].pools.clone();
                items.retain(|item| item.pools == pools);
                Statement::Arrays(items)
            }
        }
    }

    fn any_items(&mut self) -> Vec<Item> {
        match self.random.random_range(0..5) {
            0 => self.items(Kind::Win, 20),
            1 | 2 => self.items(Kind::Contribution, 600),
            _ => self.items(Kind::Spin, 600),
        }
    }

    fn items(&mut self, kind: Kind, at_most: usize) -> Vec<Item> {
        let count = self.random.random_range(1..=at_most);
        (0..count).map(|_| self.item(kind)).collect()
    }

    fn item(&mut self, kind: Kind) -> Item {
        if self.random.random_bool(0.7) {
            return Item::of_number(any_number(kind, &mut self.random));
        }
        self.users += 1;
        let user_id = format!("user {} of {}", self.users, self.number);
        match self.random.random_ratio(1, 20) {
            true => Item::bad(kind, user_id),
            false => Item::any(kind, user_id, &mut self.random),
        }
    }

    /// Writes into the book what stands.
    fn enter(&mut self, statement: Statement, result: Result<Answer, Error>, trouble: Trouble) {
        match result {
            Ok(answer) => {
                check(&statement, &answer);
                self.book.push((statement, answer));
            }
            Err(error) => self.refuse(error, trouble),
        }
    }

    /// Counts an error that this traffic brings about; any other is a failure.
    fn refuse(&mut self, error: Error, trouble: Trouble) {
        let detail = error.as_db_error().and_then(|error| error.detail()).unwrap_or_default();
        let token = detail.split(':').next().unwrap_or_default();
        let reason = match (sqlstate(&error), token) {
            ("57014", _) if trouble == Trouble::Interrupt => "57014",
            ("40001", _) if trouble == Trouble::KeptSnapshot => "40001",
            (_, "operation_voided" | "operation_won" | "insufficient_funds") => token,
            ("22023", "invalid_argument") => token,
            _ => panic!("{error:?}"),
        };
        *self.refused.entry(reason.to_owned()).or_default() += 1;
    }
}

/// What can be known of an answer by itself.
fn check(statement: &Statement, answer: &Answer) {
    assert_eq!(answer.processed + answer.failed, answer.total);
    assert!(answer.replayed <= answer.processed);
    if !statement.applies_items() {
        return;
    }
    let items = statement.items();
    let errors: BTreeMap<usize, &str> =
        answer.errors.iter().map(|(index, token)| (*index, token.as_str())).collect();
    assert_eq!(answer.total, items.len() as i64);
    assert_eq!(answer.failed, errors.len() as i64);
    for (index, item) in items.iter().enumerate() {
        match errors.get(&index) {
            Some(&"invalid_argument") => assert!(item.is_bad(), "{item:?}"),
            Some(&"insufficient_funds") => assert!(item.kind == Kind::Win, "{item:?}"),
            Some(&"operation_voided") => assert!(item.id.is_some(), "{item:?}"),
            Some(token) => panic!("{token}: {item:?}"),
            None => assert!(!item.is_bad(), "{item:?}"),
        }
    }
}

async fn connect(database: &Database) -> Client {
    let client = database.client().await;
    client.batch_execute(SETTINGS).await.unwrap();
    client
}
