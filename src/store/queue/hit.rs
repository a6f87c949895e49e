//! Paying what a queued spin has hit.

use crate::guc;
use crate::store::payment::{self, Winner};
use crate::store::pool::Locked;
use crate::store::queue::request::Failure;
use crate::store::queue::spins::Spin;
use crate::store::raw_json::RawJson;
use crate::store::snapshot::Active;
use crate::store::statement::{argument, statements};
use jackpot_core::{Command, Error, Evidence, Status, Token};
use pgrx::datum::{IntoDatum, TimestampWithTimeZone};
use serde_json::json;

/// A win that the queue has paid.
pub struct Won {
    /// The item.
    pub id: i64,
    /// The win.
    pub win_id: i64,
    /// The pool's name.
    pub pool: String,
    /// In minor units.
    pub win_amount: i64,
    /// The client's name for the operation.
    pub operation_id: Option<String>,
}

/// What became of a hit.
pub enum Paid {
    /// It was paid.
    Won(Won),
    /// There is nothing to pay any more: the pool is empty or retired, or the wager was voided.
    Nothing,
    /// It cannot be paid now.
    Waits(Failure),
}

statements! {
    static WAGER(INT8OID, TIMESTAMPTZOID) = "
        SELECT l.game_id, l.user_id, l.operation_id, l.metadata, l.pool_ids
          FROM jackpot.ledger l WHERE l.id = $1 AND l.at = $2";
    /// Whoever voids it locks it first and then the pool: it must not be waited for here.
    static LOCK_OPERATION(TEXTOID) = "
        SELECT o.voided_at IS NOT NULL, o.win_ids
          FROM jackpot.operation o WHERE o.operation_id = $1 FOR NO KEY UPDATE SKIP LOCKED";
    static HAS_OPERATION(TEXTOID) = "SELECT FROM jackpot.operation o WHERE o.operation_id = $1";
    static RECORD(TEXTOID, INT8ARRAYOID) = "
        UPDATE jackpot.operation o SET win_ids = $2 WHERE o.operation_id = $1";
    static NOTIFY(TEXTOID) = "SELECT pg_catalog.pg_notify('jackpot_win', $1)";
}

/// The wager that hit.
struct Wager {
    game_id: String,
    user_id: Option<String>,
    operation_id: Option<String>,
    metadata: Option<RawJson>,
    pool_ids: Vec<i32>,
}

/// Pays all that is payable of a locked pool to the spin that has hit it.
pub fn pay(locked: &mut Locked, spin: &Spin, evidence: Evidence) -> Result<Paid, Error> {
    let state = &locked.pool.state;
    if state.status == Status::Retired || state.current_amount() <= 0 {
        return Ok(Paid::Nothing);
    }
    if state.status == Status::Paused {
        return Ok(Paid::Waits(state.status.refusal(&state.pool).into()));
    }
    let Some(wager) = wager(spin) else { return Ok(Paid::Nothing) };
    let mut win_ids = vec![None; wager.pool_ids.len()];
    if let Some(operation_id) = wager.operation_id.as_deref() {
        match lock_operation(operation_id) {
            Operation::Free(known) => win_ids = known.unwrap_or(win_ids),
            Operation::Voided => return Ok(Paid::Nothing),
            Operation::Busy => {
                let busy = Error::new(
                    Token::LockTimeout,
                    format!("operation_id \"{operation_id}\" is being voided"),
                    "another transaction has locked it",
                );
                return Ok(Paid::Waits(busy.into()));
            }
        }
    }
    let winner = Winner {
        game_id: &wager.game_id,
        user_id: wager.user_id.as_deref(),
        operation_id: wager.operation_id.as_deref(),
        metadata: wager.metadata,
        ledger_id: Some(spin.id),
    };
    let decision =
        payment::decide(payment::next_id(), state, &Command::Hit { evidence }, "enqueue_spin")?;
    let win = payment::pay(decision, locked, &winner)?;
    if let Some(operation_id) = wager.operation_id.as_deref() {
        let place = wager.pool_ids.iter().position(|pool_id| *pool_id == locked.pool.id);
        if let Some(slot) = place.and_then(|place| win_ids.get_mut(place)) {
            *slot = Some(win.win_id);
        }
        RECORD.with(|statement| statement.write(&[argument(operation_id), win_ids.into_datum()]));
    }
    let won = Won {
        id: spin.id,
        win_id: win.win_id,
        pool: win.pool,
        win_amount: win.win_amount,
        operation_id: wager.operation_id,
    };
    announce(&won);
    Ok(Paid::Won(won))
}

/// Tells those who listen on `jackpot_win`, where that is wanted: NOTIFY has commits take turns.
pub fn announce(won: &Won) {
    if guc::NOTIFY_WINS.get() {
        let payload = json!({
            "id": won.id, "win_id": won.win_id, "pool": won.pool, "win_amount": won.win_amount,
            "operation_id": won.operation_id,
        });
        NOTIFY.with(|statement| statement.write(&[argument(payload.to_string())]));
    }
}

fn wager(spin: &Spin) -> Option<Wager> {
    let _active = Active::fresh();
    let at = TimestampWithTimeZone::try_from(spin.at).ok();
    WAGER.with(|statement| {
        statement.read(&[argument(spin.id), argument(at)]).first().map(|row| Wager {
            game_id: row.need(1),
            user_id: row.get(2),
            operation_id: row.get(3),
            metadata: row.get(4),
            pool_ids: row.need(5),
        })
    })
}

/// The record of a wager's operation.
enum Operation {
    /// Locked, with the wins of it that are known.
    Free(Option<Vec<Option<i64>>>),
    Voided,
    Busy,
}

fn lock_operation(operation_id: &str) -> Operation {
    let locked = LOCK_OPERATION.with(|statement| {
        let rows = statement.write(&[argument(operation_id)]);
        rows.first().map(|row| (row.need::<bool>(1), row.get(2)))
    });
    match locked {
        Some((true, _)) => Operation::Voided,
        Some((false, win_ids)) => Operation::Free(win_ids),
        None => {
            let _active = Active::fresh();
            let rows =
                HAS_OPERATION.with(|statement| statement.read(&[argument(operation_id)]).count());
            // One that was archived cannot be voided any more.
            if rows > 0 { Operation::Busy } else { Operation::Free(None) }
        }
    }
}
