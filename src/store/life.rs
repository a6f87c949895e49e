//! The life of a win: pending until it is confirmed, where it is large; or cancelled (GLI-19 2.9.4).

use crate::store::administer::change_locked;
use crate::store::journal::{self, Occasion};
use crate::store::pool::{self, Pool};
use crate::store::snapshot::Active;
use crate::store::statement::{Argument, argument, statements};
use crate::store::{lock, mark, queue};
use jackpot_core::{Command, Error, Token};
use pgrx::datum::TimestampWithTimeZone;
use serde_json::json;

/// A win and who moved it.
pub struct Life {
    /// Its number.
    pub win_id: i64,
    /// The pool's name.
    pub pool: String,
    /// What it pays, in minor units.
    pub win_amount: i64,
    /// pending, paid or cancelled.
    pub status: String,
    /// In the words of whoever confirmed it.
    pub reference: Option<String>,
    /// When it was confirmed.
    pub confirmed_at: Option<TimestampWithTimeZone>,
    /// By whom.
    pub confirmed_by: Option<String>,
    /// When it was cancelled.
    pub cancelled_at: Option<TimestampWithTimeZone>,
    /// By whom.
    pub cancelled_by: Option<String>,
    /// Why.
    pub cancel_reason: Option<String>,
    pool_id: i32,
    cycle: i64,
    config_version: i64,
}

statements! {
    static POOL(INT8OID) = "SELECT p.pool FROM jackpot.win w JOIN jackpot.pool p ON p.id = w.pool_id WHERE w.id = $1";
    static LOCK(INT8OID) = "
        SELECT w.id, p.pool, w.win_amount, w.status, w.reference, w.confirmed_at, w.confirmed_by,
               w.cancelled_at, w.cancelled_by, w.cancel_reason, w.pool_id, w.cycle, p.config_version
          FROM jackpot.win w JOIN jackpot.pool p ON p.id = w.pool_id WHERE w.id = $1 FOR NO KEY UPDATE OF w";
    static CONFIRM(INT8OID, TEXTOID, TIMESTAMPTZOID, TEXTOID) = "
        UPDATE jackpot.win SET status = 'paid', reference = $2, confirmed_at = $3, confirmed_by = $4 WHERE id = $1";
    static CANCEL(INT8OID, TEXTOID, TIMESTAMPTZOID, TEXTOID) = "
        UPDATE jackpot.win SET status = 'cancelled', cancel_reason = $2, cancelled_at = $3, cancelled_by = $4 WHERE id = $1";
    static PENDING(INT4OID) = "
        SELECT w.id FROM jackpot.win w WHERE w.pool_id = $1 AND w.status = 'pending' ORDER BY w.id LIMIT 1";
}

/// Pays a pending win. Repeated with the same reference it changes nothing.
pub fn confirm(win_id: i64, reference: &str) -> Result<Life, Error> {
    mark::ensure()?;
    lock::pass_gate();
    let win = lock_win(win_id)?;
    match win.status.as_str() {
        "pending" => {}
        "paid" if win.reference.as_deref() == Some(reference) => return Ok(win),
        _ => return Err(refuse(&win, "confirmed")),
    }
    let occasion =
        Occasion { win_id: Some(win_id), ..Occasion::new("confirm_win", Some(reference)) };
    CONFIRM.with(|statement| statement.write(&moved(win_id, &occasion)));
    note(&win, "confirm", "paid", &occasion)?;
    lock_win(win_id)
}

/// Takes a win back: the money returns to the pool as an adjustment. Repeated it changes nothing.
pub fn cancel(win_id: i64, reason: &str) -> Result<Life, Error> {
    mark::ensure()?;
    lock::pass_gate();
    let pool: String = {
        let _active = Active::fresh();
        let pool = POOL
            .with(|statement| statement.read(&[argument(win_id)]).first().map(|row| row.need(1)));
        pool.ok_or_else(|| unknown(win_id))?
    };
    // Before the win: pools are locked first everywhere.
    let locked = pool::lock(&pool)?;
    let win = lock_win(win_id)?;
    if win.status == "cancelled" {
        return Ok(win);
    }
    let occasion = Occasion { win_id: Some(win_id), ..Occasion::new("cancel_win", Some(reason)) };
    CANCEL.with(|statement| statement.write(&moved(win_id, &occasion)));
    note(&win, "cancel", "cancelled", &occasion)?;
    change_locked(&locked, &Command::Adjust { amount: win.win_amount }, &occasion)?;
    lock_win(win_id)
}

/// 55000 while a win of the pool waits to be confirmed, as it could no longer be cancelled, or a
/// queued spin waits for its draw or its money. With the gate closed.
pub fn refuse_pending(pool: &Pool) -> Result<(), Error> {
    if queue::waits_for(pool.id)? {
        return Err(Error::new(
            Token::WinState,
            format!("a queued spin of pool \"{}\" is not drawn or not paid", pool.state.pool),
            "the queue or its dead letters hold one",
        )
        .hint(
            "Resume the pool and have the queue processed; requeue or discard its dead letters.",
        ));
    }
    let _active = Active::fresh();
    let pending: Option<i64> = PENDING
        .with(|statement| statement.read(&[argument(pool.id)]).first().map(|row| row.need(1)));
    pending.map_or(Ok(()), |win_id| {
        Err(Error::new(
            Token::WinState,
            format!("a win of pool \"{}\" is pending", pool.state.pool),
            format!("win {win_id} is neither confirmed nor cancelled"),
        )
        .hint("Decide it with jackpot_confirm_win() or jackpot_cancel_win()."))
    })
}

fn moved(win_id: i64, occasion: &Occasion<'_>) -> [Argument; 4] {
    [
        argument(win_id),
        argument(occasion.reason),
        argument(occasion.at),
        argument(occasion.actor.as_str()),
    ]
}

fn note(win: &Life, kind: &str, status: &str, occasion: &Occasion<'_>) -> Result<(), Error> {
    let change = (json!({"status": win.status}), json!({"status": status}));
    journal::win_moved((win.pool_id, win.cycle, win.config_version), kind, change, occasion)
}

/// The win under its lock; 42704 when there is none.
fn lock_win(win_id: i64) -> Result<Life, Error> {
    LOCK.with(|statement| {
        let rows = statement.write(&[argument(win_id)]);
        let row = rows.first().ok_or_else(|| unknown(win_id))?;
        Ok(Life {
            win_id: row.need(1),
            pool: row.need(2),
            win_amount: row.need(3),
            status: row.need(4),
            reference: row.get(5),
            confirmed_at: row.get(6),
            confirmed_by: row.get(7),
            cancelled_at: row.get(8),
            cancelled_by: row.get(9),
            cancel_reason: row.get(10),
            pool_id: row.need(11),
            cycle: row.need(12),
            config_version: row.need(13),
        })
    })
}

fn unknown(win_id: i64) -> Error {
    Error::new(
        Token::UnknownWin,
        format!("win {win_id} does not exist"),
        format!("no win has the number {win_id}"),
    )
    .hint("jackpot_history(pool, kinds => '{win}') lists the wins.")
}

fn refuse(win: &Life, what: &str) -> Error {
    Error::new(
        Token::WinState,
        format!("win {} cannot be {what}", win.win_id),
        format!("it is {}", win.status),
    )
}
