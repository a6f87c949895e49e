//! What batches have in common: what happens on an error, and what is returned.

use crate::error::{sqlstate, sqlstate_text};
use crate::store::play::Played;
use crate::store::wager::Outcome;
use crate::store::win::Paid;
use jackpot_core::Error;
use serde_json::{Value, json};
use std::collections::HashSet;

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

/// The results of a batch as far as they are known, in the order of its items.
pub struct Results<T>(Vec<Option<Result<T, Error>>>);

impl<T> Results<T> {
    /// Of so many items, none of them known.
    pub fn new(count: usize) -> Self {
        Results(std::iter::repeat_with(|| None).take(count).collect())
    }

    /// The result of an item.
    pub fn set(&mut self, index: usize, result: Result<T, Error>) {
        if let Some(known) = self.0.get_mut(index) {
            *known = Some(result);
        }
    }

    /// The first refusal, which names its place; for a batch that it aborts.
    pub fn refuse_errors(&self) -> Result<(), Error> {
        for (index, result) in self.0.iter().enumerate() {
            if let Some(Err(error)) = result {
                let message = format!("item {index}: {}", error.message);
                return Err(Error { message, ..error.clone() });
            }
        }
        Ok(())
    }

    /// All results.
    pub fn finish(self) -> Vec<Result<T, Error>> {
        let missing = || pgrx::error!("an item has no result");
        self.0.into_iter().map(|result| result.unwrap_or_else(missing)).collect()
    }
}

/// The stretches of a batch within which no operation id stands twice, as ends of ranges: each is
/// done in one pass, and then is the first result that a later one finds.
pub fn stretches<'a>(operation_ids: impl Iterator<Item = Option<&'a str>>) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut seen = HashSet::new();
    let mut count = 0;
    for id in operation_ids {
        if let Some(id) = id
            && !seen.insert(id)
        {
            ends.push(count);
            seen.clear();
            seen.insert(id);
        }
        count += 1;
    }
    ends.push(count);
    ends
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
            Ok(Outcome { lines, replayed, .. }) => {
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

    /// Adds the counts of another part of the same batch.
    pub fn add(&mut self, part: &Summary) {
        self.total += part.total;
        self.processed += part.processed;
        self.failed += part.failed;
        self.replayed += part.replayed;
        self.contribution += part.contribution;
        self.won += part.won;
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
            "sqlstate": sqlstate_text(sqlstate(error.token)),
            "token": error.token.as_str(),
            "message": error.message,
            "detail": error.detail,
        }));
    }
}
