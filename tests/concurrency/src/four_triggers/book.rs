//! What a client writes down of the answers, and asking for all of it again.

use crate::four_triggers::call::{Line, Taken, Wager, token, void, wager};
use crate::server::{Won, win};
use std::collections::BTreeMap;
use tokio_postgres::{Client, Error};

/// What was answered.
#[derive(Clone, Debug)]
pub enum Entry {
    Wagered(Wager, Vec<Line>),
    Won(Option<String>, Option<i64>, Won),
    Voided(String, Vec<Taken>),
    Confirmed(i64),
    /// The win, and the pool that got its money back.
    Cancelled(i64, String, i64),
    Adjusted(&'static str, i64),
    Transferred(&'static str, &'static str, i64),
}

impl Entry {
    /// Whether it can be asked for again.
    pub fn has_id(&self) -> bool {
        match self {
            Entry::Wagered(wager, _) => wager.id.is_some(),
            Entry::Won(id, ..) => id.is_some(),
            Entry::Voided(..) => true,
            _ => false,
        }
    }

    /// The wins that it tells of: number, pool, amount.
    pub fn wins(&self) -> Vec<(i64, &str, i64)> {
        match self {
            Entry::Wagered(_, lines) => {
                let won = |line: &'_ Line| line.won;
                let wins = lines.iter().filter_map(|line| won(line).map(|won| (line, won)));
                wins.map(|(line, (win_id, amount))| (win_id, line.pool.as_str(), amount)).collect()
            }
            Entry::Won(_, _, won) => vec![(won.win_id, &won.pool, won.win_amount)],
            _ => Vec::new(),
        }
    }
}

/// What was voided, and what that took.
pub fn voided(book: &[Entry]) -> BTreeMap<String, Vec<Taken>> {
    let voided = book.iter().filter_map(|entry| match entry {
        Entry::Voided(id, taken) => Some((id.clone(), taken.clone())),
        _ => None,
    });
    voided.collect()
}

/// Does once more what an entry tells of: it gives exactly what it gave.
pub async fn repeat(
    client: &Client,
    entry: &Entry,
    voided: &BTreeMap<String, Vec<Taken>>,
) -> Result<(), Error> {
    match entry {
        Entry::Wagered(asked, lines) => match wager(client, asked).await {
            Err(error) if token(&error) == "operation_voided" => {
                assert!(voided.contains_key(asked.id.as_ref().unwrap()), "{asked:?}");
            }
            result => {
                let (again, replayed) = result?;
                assert!(!voided.contains_key(asked.id.as_ref().unwrap()), "{asked:?}");
                assert_eq!((&again, replayed), (lines, !lines.is_empty()), "{asked:?}");
            }
        },
        Entry::Won(id, amount, won) => {
            let again = win(client, &won.pool, *amount, id.as_deref()).await?;
            assert_eq!(again, Won { replayed: true, ..won.clone() }, "{id:?}");
        }
        Entry::Voided(id, taken) => {
            assert_eq!(void(client, id).await?, (taken.clone(), true), "{id}");
        }
        _ => {}
    }
    Ok(())
}
