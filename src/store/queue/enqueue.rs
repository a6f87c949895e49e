//! Taking in what is done later. What can be refused is refused now.

use crate::shmem::metrics;
use crate::store::mark::now;
use crate::store::operation::{self, Fingerprint};
use crate::store::play::play_one;
use crate::store::pool;
use crate::store::queue::request::{self, Kind, Request};
use crate::store::queue::{PRIORITY_OF_SPINS, PRIORITY_OF_WINS, announce, backlog};
use crate::store::raw_json::RawJson;
use crate::store::session::{self, timestamp};
use crate::store::snapshot::Active;
use crate::store::wager::{self, Wager};
use crate::store::{configuration, item, ledger, lock, mark, random, rate_limit, settle, win};
use jackpot_core::{Command, Error, Outside, Status, Token, apply};
use pgrx::datum::{Interval, TimestampWithTimeZone};

/// Feeds the pools now, without telling what they hold. Returns the id of the ledger row.
pub fn contribution(request: wager::Request<'_>) -> Result<i64, Error> {
    rate_limit::admit(Some(request.game_id), request.operator_id)?;
    let outcome = play_one(request, false)?;
    settle::upkeep(1)?;
    Ok(outcome.ledger_id.unwrap_or_default())
}

/// Feeds the pools now and draws later; after a delay does both. Returns the id of the ledger row,
/// or of the request that stands for it.
pub fn spin(
    request: wager::Request<'_>,
    priority: Option<i32>,
    delay: Option<Interval>,
) -> Result<i64, Error> {
    let priority = priority.unwrap_or(PRIORITY_OF_SPINS);
    rate_limit::admit(Some(request.game_id), request.operator_id)?;
    let Some(due_at) = due_at(delay)? else {
        if let Some(id) = request.operation_id {
            let fingerprint = wager::fingerprint(&request);
            if let Some(known) = known(id, &fingerprint)? {
                return Ok(known);
            }
            // What has been taken in before takes no room.
            if let Err(full) = backlog::admit() {
                let first = operation::find(id, &fingerprint)?;
                return first.and_then(|first| first.ledger_id).ok_or(full);
            }
        } else {
            backlog::admit()?;
        }
        let request = wager::Request { kind: wager::Kind::QueuedSpin(priority), ..request };
        let outcome = play_one(request, false)?;
        if !outcome.replayed {
            announce::enqueued();
        }
        settle::upkeep(1)?;
        return Ok(outcome.ledger_id.unwrap_or_default());
    };
    wager::check(&request)?;
    mark::ensure()?;
    lock::pass_gate();
    let fingerprint = request.operation_id.map(|_| wager::fingerprint(&request));
    let operation = request.operation_id.zip(fingerprint.as_ref());
    if let Some((id, fingerprint)) = operation {
        if let Some(known) = known(id, fingerprint)? {
            return Ok(known);
        }
        if let Some(recorded) = operation::find(id, fingerprint)?
            && let Some(ledger_id) = recorded.ledger_id
        {
            return Ok(ledger_id);
        }
    }
    // What it would feed does not matter yet, but whether it would be refused.
    Wager::new(0, request, &*configuration::current()?, now())?;
    let arguments = item::WagerArguments {
        game_id: Some(request.game_id),
        wager_amount: Some(request.wager_amount),
        user_id: request.user_id,
        operation_id: request.operation_id,
        pools: request.pools.map(<[String]>::to_vec),
        operator_id: request.operator_id,
        game_category: request.game_category,
        currency: request.currency,
        metadata: request.metadata,
    };
    take_in(Kind::Spin, priority, due_at, operation, arguments.to_json())
}

/// Pays a win later. Returns the id of the request.
pub fn win(
    request: win::Request<'_>,
    priority: Option<i32>,
    delay: Option<Interval>,
) -> Result<i64, Error> {
    win::check(&request)?;
    let due_at = due_at(delay)?;
    rate_limit::admit(Some(request.game_id), None)?;
    mark::ensure()?;
    lock::pass_gate();
    let fingerprint = request.operation_id.map(|_| win::fingerprint(&request));
    let operation = request.operation_id.zip(fingerprint.as_ref());
    let mut is_paid = false;
    if let Some((id, fingerprint)) = operation {
        if let Some(known) = known(id, fingerprint)? {
            return Ok(known);
        }
        // One that was paid by a call is told again when it is its turn.
        is_paid = operation::find(id, fingerprint)?.is_some();
    }
    if !is_paid {
        refuse_win(&request, due_at.is_some())?;
    }
    let priority = priority.unwrap_or(PRIORITY_OF_WINS);
    let payload = item::win_to_json(&request);
    take_in(Kind::Win, priority, due_at.unwrap_or_else(now), operation, payload)
}

/// Refuses a win that the rules would refuse now. What a delay may mend is left until then.
fn refuse_win(request: &win::Request<'_>, is_delayed: bool) -> Result<(), Error> {
    let id = configuration::current()?.named(request.pool)?.id;
    let state = {
        let _active = Active::fresh();
        pool::read_one(id)?.state
    };
    let is_retired = state.status == Status::Retired;
    let command =
        Command::Win { win_amount: request.win_amount, expected_cycle: request.expected_cycle };
    let mut outside = Outside { at: timestamp(now()), random: &mut random::Strong };
    match apply(state, &command, &mut outside) {
        Err(error) => match error.token {
            Token::InsufficientFunds | Token::VersionConflict if is_delayed => Ok(()),
            Token::PoolNotActive if is_delayed && !is_retired => Ok(()),
            _ => Err(error),
        },
        Ok(_) => Ok(()),
    }
}

/// The item that the operation id stands for; 23505 when it came with other arguments.
fn known(operation_id: &str, fingerprint: &Fingerprint) -> Result<Option<i64>, Error> {
    match request::find(operation_id) {
        None => Ok(None),
        Some((id, known)) if known == fingerprint.bytes() => {
            metrics::replayed();
            Ok(Some(id))
        }
        Some(_) => Err(operation::mismatch(operation_id)),
    }
}

fn take_in(
    kind: Kind,
    priority: i32,
    due_at: TimestampWithTimeZone,
    operation: Option<(&str, &Fingerprint)>,
    payload: RawJson,
) -> Result<i64, Error> {
    backlog::admit()?;
    let id = ledger::next_id();
    let operation_name = format!("enqueue_{}", kind.as_str());
    let actor = session::actor(&operation_name);
    let request = Request { id, kind, priority, due_at, attempts: 0, actor: &actor, payload };
    // Another call with the same operation id may have failed and be gone between the two steps.
    lock::retry("operation_id", || {
        if request.insert_first(operation) {
            announce::enqueued();
            return Ok(Some(id));
        }
        operation.map_or(Ok(None), |(operation_id, fingerprint)| known(operation_id, fingerprint))
    })
}

/// When it is due; `None` for at once. 22023 for a negative delay.
fn due_at(delay: Option<Interval>) -> Result<Option<TimestampWithTimeZone>, Error> {
    let Some(delay) = delay else { return Ok(None) };
    let from = now();
    let due_at = from + delay;
    if due_at < from {
        return Err(Error::invalid("delay is negative", "a delay is 0 or more"));
    }
    Ok((due_at > from).then_some(due_at))
}
