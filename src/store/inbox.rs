//! The inbox: wagers that come in by COPY or INSERT, and are applied in the order of their ids, a
//! piece at a time, so that memory does not grow with their number.
//!
//! A row that is there has not been applied: applying deletes it in the same transaction, so each
//! is applied exactly once, also after a crash or a restore. One session at a time applies.

use crate::error::required;
use crate::store::batch::{OnError, Summary};
use crate::store::item::WagerArguments;
use crate::store::play::play_all;
use crate::store::queue::dead_letter::{DeadLetter, Source};
use crate::store::queue::{PRIORITY_OF_CONTRIBUTIONS, PRIORITY_OF_SPINS};
use crate::store::raw_json::RawJson;
use crate::store::session::{self, Patience};
use crate::store::statement::{Connection, Row, query};
use crate::store::wager::{Kind, Request};
use crate::store::{ledger, lock, settle, snapshot, subtransaction};
use jackpot_core::Error;
use pgrx::PgSqlErrorCode;

/// Rows that are taken, and held in memory, at a time.
const ROWS_AT_ONCE: i64 = 10_000;
/// How long a piece after the first waits for a lock.
const PATIENCE_MILLISECONDS: i32 = 100;

/// A row as it came. Nothing of it has been checked.
struct Item {
    id: i64,
    kind: Option<String>,
    game_id: Option<String>,
    wager_amount: Option<i64>,
    user_id: Option<String>,
    operation_id: Option<String>,
    pools: Option<Vec<Option<String>>>,
    /// Those of `pools` that are not NULL.
    pool_names: Option<Vec<String>>,
    operator_id: Option<String>,
    game_category: Option<String>,
    currency: Option<String>,
    metadata: Option<RawJson>,
}

/// Applies up to so many rows of the inbox; nothing while another session is at it.
pub fn process(max_rows: i64) -> Result<Summary, Error> {
    let mut summary = Summary::default();
    if !lock::try_inbox() {
        return Ok(summary);
    }
    let (mut last_id, mut left) = (None, max_rows);
    while left > 0 {
        let limit = left.min(ROWS_AT_ONCE);
        let piece = match last_id {
            None => Some(apply_next(None, limit)?),
            // It must not wait for long while it holds what the pieces before have locked: another
            // may be waiting for that. The next call goes on there.
            Some(_) => subtransaction::attempt(is_timeout, || {
                let _patience = Patience::limit(PATIENCE_MILLISECONDS);
                apply_next(last_id, limit)
            })
            .transpose()?,
        };
        let Some((applied, piece_last_id)) = piece else { break };
        summary.add(&applied);
        if applied.total < limit {
            break;
        }
        last_id = piece_last_id;
        left -= limit;
    }
    match summary.total {
        // Now that nothing waits, what was appended by the calls before can be settled.
        0 if session::stands_alone() && !snapshot::is_kept() => settle::settle().map(drop)?,
        rows => settle::upkeep(usize::try_from(rows).unwrap_or(usize::MAX))?,
    }
    Ok(summary)
}

fn is_timeout(code: PgSqlErrorCode) -> bool {
    code == PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE
}

/// Takes and applies the next piece; returns what became of it and its last id.
fn apply_next(last_id: Option<i64>, limit: i64) -> Result<(Summary, Option<i64>), Error> {
    // What a piece takes in memory goes with its connection.
    let _connection = Connection::open();
    let items = take(last_id, limit);
    let mut summary = Summary::default();
    apply(&items, &mut summary)?;
    Ok((summary, items.last().map(|item| item.id)))
}

/// Applies a piece. What is refused goes to the dead letters: a row that cannot be applied must not
/// hold up those behind it.
fn apply(items: &[Item], summary: &mut Summary) -> Result<(), Error> {
    let requests: Vec<_> = items.iter().map(Item::request).collect();
    for (item, played) in items.iter().zip(play_all(&requests, OnError::Continue)?) {
        summary.count_played(&played);
        if let Err(error) = played {
            item.reject(&error);
        }
    }
    Ok(())
}

/// Planned anew each time, as the table is now empty, now of millions.
fn take(last_id: Option<i64>, limit: i64) -> Vec<Item> {
    let mut items = Vec::new();
    let later = last_id.map_or(String::new(), |last_id| format!("WHERE s.id > {last_id}"));
    query(&format!(
        "WITH taken AS (
             DELETE FROM jackpot.inbox i
              WHERE i.ctid = ANY (ARRAY(SELECT s.ctid FROM jackpot.inbox s {later} ORDER BY s.id LIMIT {limit}))
             RETURNING i.*)
         SELECT t.id, t.kind, t.game_id, t.wager_amount, t.user_id, t.operation_id, t.pools, t.operator_id,
                t.game_category, t.currency, t.metadata
           FROM taken t ORDER BY t.id"
    ))
    .each(|row| items.push(Item::read(&row)));
    items
}

impl Item {
    fn read(row: &Row<'_>) -> Self {
        let pools: Option<Vec<Option<String>>> = row.get(7);
        Item {
            id: row.need(1),
            kind: row.get(2),
            game_id: row.get(3),
            wager_amount: row.get(4),
            user_id: row.get(5),
            operation_id: row.get(6),
            pool_names: pools.clone().map(|pools| pools.into_iter().flatten().collect()),
            pools,
            operator_id: row.get(8),
            game_category: row.get(9),
            currency: row.get(10),
            metadata: row.get(11),
        }
    }

    fn request(&self) -> Result<Request<'_>, Error> {
        let kind = match self.kind.as_deref() {
            Some("contribute") => Kind::Contribute,
            Some("spin") => Kind::Spin,
            kind => {
                return Err(Error::invalid(
                    format!("kind \"{}\" is not known", kind.unwrap_or("NULL")),
                    "kind is contribute or spin",
                ));
            }
        };
        let has_null = self.pools.iter().flatten().any(Option::is_none);
        required("a pool's name", (!has_null).then_some(()))?;
        Ok(Request {
            kind,
            game_id: required("game_id", self.game_id.as_deref())?,
            wager_amount: required("wager_amount", self.wager_amount)?,
            user_id: self.user_id.as_deref(),
            operation_id: self.operation_id.as_deref(),
            pools: self.pool_names.as_deref(),
            operator_id: self.operator_id.as_deref(),
            game_category: self.game_category.as_deref(),
            currency: self.currency.as_deref(),
            metadata: self.metadata,
        })
    }

    /// Keeps it with the reason why it was refused.
    fn reject(&self, error: &Error) {
        let payload = WagerArguments {
            game_id: self.game_id.as_deref(),
            wager_amount: self.wager_amount,
            user_id: self.user_id.as_deref(),
            operation_id: self.operation_id.as_deref(),
            pools: self.pools.clone(),
            operator_id: self.operator_id.as_deref(),
            game_category: self.game_category.as_deref(),
            currency: self.currency.as_deref(),
            metadata: self.metadata,
        };
        let is_spin = self.kind.as_deref() == Some("spin");
        DeadLetter {
            id: ledger::next_id(),
            source: Source::Inbox,
            kind: self.kind.as_deref(),
            priority: if is_spin { PRIORITY_OF_SPINS } else { PRIORITY_OF_CONTRIBUTIONS },
            payload: payload.to_json(),
            attempts: 1,
            failure: &error.clone().into(),
        }
        .write();
    }
}
