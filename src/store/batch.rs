//! What batches have in common: what happens on an error, and what is returned.

use crate::error::sqlstate;
use crate::store::operation::{self, Fingerprint};
use crate::store::play::Played;
use crate::store::wager::Outcome;
use crate::store::win::Paid;
use jackpot_core::Error;
use serde_json::{Value, json};
use std::collections::hash_map::{Entry, HashMap};

/// What a batch does about items that are refused.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    /// The others are applied, and each refusal is reported.
    Continue,
    /// Nothing is applied; the first refusal is the error.
    Abort,
}

impl OnError {
    /// From its word; 22023 for another.
    pub fn parse(word: Option<&str>) -> Result<Self, Error> {
        match word {
            None | Some("continue") => Ok(OnError::Continue),
            Some("abort") => Ok(OnError::Abort),
            Some(other) => Err(Error::invalid(
                format!("on_error \"{other}\" is not known"),
                "on_error is continue or abort",
            )),
        }
    }
}

/// A result that a later item of the same batch may get again.
pub trait Repeat {
    /// The same, as the result of an earlier call.
    fn repeat(&self) -> Self;
}

/// The results of a batch as far as they are known, in the order of its items.
pub struct Results<'a, T> {
    known: Vec<Option<Result<T, Error>>>,
    /// Where each operation id stands first, and for what.
    first: HashMap<&'a str, (usize, Fingerprint)>,
    /// Items that repeat an operation of the same batch, and which.
    repeats: Vec<(usize, usize)>,
}

impl<'a, T: Repeat> Results<'a, T> {
    /// Of so many items, none of them known.
    pub fn new(count: usize) -> Self {
        let known = std::iter::repeat_with(|| None).take(count).collect();
        Results { known, first: HashMap::new(), repeats: Vec::new() }
    }

    /// The result of an item.
    pub fn set(&mut self, index: usize, result: Result<T, Error>) {
        if let Some(known) = self.known.get_mut(index) {
            *known = Some(result);
        }
    }

    /// Whether an item names its operation first. Else it gets the other's result; 23505 where it
    /// is not the same operation.
    pub fn is_first(
        &mut self,
        index: usize,
        operation_id: Option<&'a str>,
        fingerprint: Option<Fingerprint>,
    ) -> Result<bool, Error> {
        let (Some(id), Some(fingerprint)) = (operation_id, fingerprint) else { return Ok(true) };
        if self.known.len() == 1 {
            return Ok(true);
        }
        match self.first.entry(id) {
            Entry::Vacant(place) => {
                place.insert((index, fingerprint));
                Ok(true)
            }
            Entry::Occupied(place) => {
                let (first, of) = *place.get();
                if of != fingerprint {
                    return Err(operation::mismatch(id));
                }
                self.repeats.push((index, first));
                Ok(false)
            }
        }
    }

    /// The first refusal, which names its place; for a batch that it aborts.
    pub fn refuse_errors(&self) -> Result<(), Error> {
        for (index, result) in self.known.iter().enumerate() {
            if let Some(Err(error)) = result {
                return Err(at(index, error));
            }
        }
        Ok(())
    }

    /// All results.
    pub fn finish(mut self) -> Vec<Result<T, Error>> {
        for (index, first) in std::mem::take(&mut self.repeats) {
            let result = match self.known.get(first) {
                Some(Some(Ok(result))) => Ok(result.repeat()),
                Some(Some(Err(error))) => Err(error.clone()),
                _ => continue,
            };
            self.set(index, result);
        }
        let missing = || pgrx::error!("an item has no result");
        self.known.into_iter().map(|result| result.unwrap_or_else(missing)).collect()
    }
}

/// The error of the item at that place.
pub fn at(index: usize, error: &Error) -> Error {
    Error { message: format!("item {index}: {}", error.message), ..error.clone() }
}

/// What a batch did.
#[derive(Default)]
pub struct Summary {
    /// How many items it had.
    pub total: i64,
    /// How many were applied, now or before.
    pub processed: i64,
    /// How many were refused.
    pub failed: i64,
    /// How many of those processed had been applied before.
    pub replayed: i64,
    /// What was contributed now, in micros.
    pub contribution: i128,
    /// What was won now, in minor units.
    pub won: i128,
    /// Every win that was listed, of now and of before.
    pub wins: Vec<Value>,
    /// Every refusal that was listed.
    pub errors: Vec<Value>,
}

impl Summary {
    /// Counts a wager.
    pub fn count_played(&mut self, played: &Played) {
        self.count(played.as_ref().map(|outcome| outcome.replayed));
        for line in played.iter().filter(|outcome| !outcome.replayed).flat_map(|new| &new.lines) {
            self.contribution += line.contribution.get();
            self.won += line.won.map_or(0, |(_, amount)| i128::from(amount));
        }
    }

    /// Counts a wager and lists its wins or why it was refused.
    pub fn list_played(&mut self, index: usize, operation_id: Option<&str>, played: &Played) {
        self.count_played(played);
        match played {
            Err(error) => self.list_error(index, operation_id, error),
            Ok(Outcome { lines, replayed }) => {
                for line in lines {
                    if let Some(won) = line.won {
                        self.list_win(index, &line.pool, won, *replayed);
                    }
                }
            }
        }
    }

    /// Counts a win and lists it or why it was refused.
    pub fn list_paid(&mut self, index: usize, operation_id: Option<&str>, paid: &Paid) {
        self.count(paid.as_ref().map(|win| win.replayed));
        match paid {
            Err(error) => self.list_error(index, operation_id, error),
            Ok(win) => {
                self.won += if win.replayed { 0 } else { i128::from(win.win_amount) };
                self.list_win(index, &win.pool, (win.win_id, win.win_amount), win.replayed);
            }
        }
    }

    fn count(&mut self, replayed: Result<bool, &Error>) {
        self.total += 1;
        match replayed {
            Ok(replayed) => {
                self.processed += 1;
                self.replayed += i64::from(replayed);
            }
            Err(_) => self.failed += 1,
        }
    }

    fn list_win(&mut self, index: usize, pool: &str, (id, amount): (i64, i64), replayed: bool) {
        self.wins.push(json!({
            "index": index, "pool": pool, "win_id": id, "win_amount": amount, "replayed": replayed,
        }));
    }

    fn list_error(&mut self, index: usize, operation_id: Option<&str>, error: &Error) {
        self.errors.push(json!({
            "index": index,
            "operation_id": operation_id,
            "sqlstate": sqlstate_text(error),
            "token": error.token.as_str(),
            "message": error.message,
            "detail": error.detail,
        }));
    }
}

/// The five characters of an error's SQLSTATE, which PostgreSQL packs into six bits each.
pub fn sqlstate_text(error: &Error) -> String {
    let code = sqlstate(error.token) as u32;
    (0..5).map(|place| char::from((((code >> (6 * place)) & 0x3F) as u8) + b'0')).collect()
}
