//! A client that plays at random: calls by themselves and in transactions that may be rolled back.

use crate::four_triggers::book::Entry;
use crate::four_triggers::call::Wager;
use crate::four_triggers::{POOLS, STEPS};
use crate::server::{settle, win};
use rand::prelude::*;
use rand::rngs::StdRng;
use std::collections::BTreeMap;
use tokio_postgres::{Client, Error};

pub struct Player {
    pub number: u64,
    pub client: Client,
    pub random: StdRng,
    /// What was answered and committed.
    pub book: Vec<Entry>,
    /// Wagers with an id that were undone, so that the id is free again.
    pub undone: Vec<Wager>,
    pub next_id: u32,
    pub refused: BTreeMap<String, u32>,
}

pub type Answer = Result<(), Error>;

impl Player {
    pub async fn play(mut self) -> (Vec<Entry>, BTreeMap<String, u32>) {
        for step in 0..STEPS {
            if step == STEPS / 2 {
                self.void_in_every_way().await;
            }
            match self.random.random_range(0..100) {
                0..8 if self.number == 0 => self.pause_and_resume().await,
                0..8 if self.number == 1 => self.set_exchange_rate().await,
                0..60 => self.alone().await,
                60..80 => self.block().await,
                80..92 => self.repeat().await,
                92..97 => self.administer().await,
                _ => assert!(settle(&self.client).await >= 0),
            }
        }
        (self.book, self.refused)
    }

    /// One call by itself; of two statements the first stands whatever becomes of the second.
    async fn alone(&mut self) {
        let mut done = Vec::new();
        let result = self.call(&mut done).await;
        self.book.append(&mut done);
        if let Err(error) = result {
            self.refuse(error, false);
        }
    }

    /// Several in a transaction that may be rolled back, as a whole or in part.
    async fn block(&mut self) {
        let keeps_snapshot = self.random.random_ratio(1, 3);
        let level = if keeps_snapshot { "REPEATABLE READ" } else { "READ COMMITTED" };
        self.client.batch_execute(&format!("BEGIN ISOLATION LEVEL {level}")).await.unwrap();
        let mut done = Vec::new();
        let result = self.calls(&mut done, keeps_snapshot).await;
        if result.is_ok() && self.random.random_ratio(3, 4) {
            self.client.batch_execute("COMMIT").await.unwrap();
            self.book.append(&mut done);
        } else {
            self.client.batch_execute("ROLLBACK").await.unwrap();
            self.undo(done);
        }
        if let Err(error) = result {
            self.refuse(error, keeps_snapshot);
        }
    }

    async fn calls(&mut self, done: &mut Vec<Entry>, keeps_snapshot: bool) -> Answer {
        for _ in 0..self.random.random_range(1..=4) {
            if self.random.random_ratio(1, 3) {
                self.client.batch_execute("SAVEPOINT one").await?;
                let before = done.len();
                let result = self.call(done).await;
                if result.is_err() || self.random.random_bool(0.5) {
                    self.client.batch_execute("ROLLBACK TO SAVEPOINT one").await?;
                    let undone = done.split_off(before);
                    self.undo(undone);
                }
                if let Err(error) = result {
                    self.refuse(error, keeps_snapshot);
                }
            } else {
                self.call(done).await?;
            }
        }
        Ok(())
    }

    fn undo(&mut self, entries: Vec<Entry>) {
        self.undone.extend(entries.into_iter().filter_map(|entry| match entry {
            Entry::Wagered(wager, _) if wager.id.is_some() => Some(wager),
            _ => None,
        }));
    }

    /// A new operation at random.
    async fn call(&mut self, done: &mut Vec<Entry>) -> Answer {
        match self.random.random_range(0..100) {
            0..80 => {
                let wager = match self.undone.pop() {
                    Some(wager) => wager,
                    None => self.any_wager(),
                };
                self.wager(wager, done).await
            }
            80..84 => {
                let id = self.random.random_bool(0.5).then(|| self.id());
                let amount = self.random.random_bool(0.5).then(|| self.random.random_range(1..500));
                let pool = if self.random.random_bool(0.7) { "manual" } else { self.pool() };
                let won = win(&self.client, pool, amount, id.as_deref()).await?;
                assert!(!won.replayed);
                assert_eq!(won.win_amount, amount.unwrap_or(won.previous_amount));
                done.push(Entry::Won(id, amount, won));
                Ok(())
            }
            84..86 => {
                let id = self.id();
                self.void(&id, done).await
            }
            _ => match self.any_of(done, |entry| matches!(entry, Entry::Wagered(..))) {
                Some(Entry::Wagered(Wager { id: Some(id), .. }, lines)) => {
                    for (win_id, amount) in lines.iter().filter_map(|line| line.won) {
                        self.cancel(win_id, amount, done).await?;
                    }
                    self.void(&id, done).await
                }
                _ => Ok(()),
            },
        }
    }

    pub fn pool(&mut self) -> &'static str {
        POOLS.choose(&mut self.random).unwrap()
    }

    pub fn id(&mut self) -> String {
        self.next_id += 1;
        format!("{}-{}", self.number, self.next_id)
    }

    fn any_wager(&mut self) -> Wager {
        Wager {
            id: self.random.random_bool(0.6).then(|| self.id()),
            is_spin: self.random.random_ratio(5, 6),
            amount: match self.random.random_range(0..3) {
                0 => self.random.random_range(0..10),
                _ => self.random.random_range(10..4_000),
            },
            currency: *[None, Some("EUR"), Some("SEK")].choose(&mut self.random).unwrap(),
            pools: self.random.random_ratio(1, 3).then(|| {
                let count = self.random.random_range(1..=POOLS.len());
                POOLS.choose_multiple(&mut self.random, count).copied().collect()
            }),
        }
    }

    /// One of the entries that have been committed or are being made.
    pub fn any_of(&mut self, done: &[Entry], wanted: fn(&Entry) -> bool) -> Option<Entry> {
        let all = self.book.iter().chain(done).filter(|entry| wanted(entry)).collect::<Vec<_>>();
        all.choose(&mut self.random).map(|entry| (*entry).clone())
    }
}
