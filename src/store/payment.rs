//! Paying a win: under the pool's lock, on the exact amount, recorded with the snapshot it saw.

use crate::shmem::metrics;
use crate::store::journal::{self, Occasion};
use crate::store::pool::{self, Locked};
use crate::store::raw_json::RawJson;
use crate::store::session::timestamp;
use crate::store::statement::{argument, statements};
use crate::store::win::Win;
use crate::store::{ledger, random, relations, snapshot};
use jackpot_core::{Command, Error, Event, Evidence, Outside, PoolState, Secret, apply};
use pgrx::{JsonB, pg_sys};
use serde_json::Value;

statements! {
    static NEXT_ID() = "SELECT pg_catalog.nextval('jackpot.win_id_seq')";
    static WRITE(INT8OID, INT4OID, INT8OID, TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID, INT8OID, INT8OID, INT8OID,
                 INT8OID, JSONBOID, TEXTOID, XID8OID, TEXTOID, INT8OID, INT8OID, INT8OID,
                 INT8OID, TEXTOID, JSONBOID, TEXTOID, TEXTOID, TEXTOID) = "
        INSERT INTO jackpot.win
               (id, pool_id, cycle, at, operation_id, game_id, user_id, win_amount, previous_amount, current_amount,
                version, metadata, actor, xid, snapshot, floor_id, last_id, own_id,
                ledger_id, trigger, evidence, commitment, secret, status)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15::pg_catalog.pg_snapshot, $16, $17, $18,
                $19, $20, $21, $22, $23, $24)";
}

/// The number of a new win.
pub fn next_id() -> i64 {
    NEXT_ID.with(|statement| statement.read(&[]).first().map_or(0, |row| row.need(1)))
}

/// Who won, and by what.
pub struct Winner<'a> {
    /// The game that hit.
    pub game_id: &'a str,
    /// The player.
    pub user_id: Option<&'a str>,
    /// The client's name for the operation.
    pub operation_id: Option<&'a str>,
    /// The client's own words.
    pub metadata: Option<RawJson>,
    /// The wager that hit, of a spin.
    pub ledger_id: Option<i64>,
}

/// A win that the rules allow, and that is not written yet.
pub struct Decision {
    win_id: i64,
    after: PoolState,
    events: Vec<Event>,
    occasion: Occasion<'static>,
}

/// Does the command, which wins the pool, in memory; a refusal changes nothing.
pub fn decide(
    win_id: i64,
    before: &PoolState,
    command: &Command,
    operation: &'static str,
) -> Result<Decision, Error> {
    let occasion = Occasion { win_id: Some(win_id), ..Occasion::new(operation, None) };
    let mut random = random::Strong;
    let mut outside = Outside { at: timestamp(occasion.at), random: &mut random };
    let (after, events) = apply(before.clone(), command, &mut outside)?;
    Ok(Decision { win_id, after, events, occasion })
}

/// Writes the win down. The pool's state must be the one that was decided on, with all that this
/// transaction has appended; afterwards it is what it is after the win.
pub fn pay(decision: Decision, locked: &mut Locked, winner: &Winner<'_>) -> Result<Win, Error> {
    let Decision { win_id, after, events, occasion } = decision;
    let before = &locked.pool.state;
    let Some(Event::Won { win_amount, previous_amount, evidence, secret }) = events.first() else {
        pgrx::error!("a win of pool \"{}\" paid nothing", before.pool);
    };
    let win = Win {
        win_id,
        pool: after.pool.clone(),
        win_amount: *win_amount,
        previous_amount: *previous_amount,
        current_amount: after.current_amount(),
        cycle: before.cycle,
        version: after.version,
        replayed: false,
    };
    pool::update(locked.pool.id, before, &after, &occasion)?;
    let must_be_verified = before.config.verify_above.is_some_and(|above| *win_amount >= above);
    let how = How {
        trigger: evidence.as_ref().map_or("manual", Evidence::kind),
        evidence: evidence.as_ref().map(Evidence::to_json),
        secret: secret.as_ref(),
        status: if must_be_verified { "pending" } else { "paid" },
    };
    write(&win, winner, &how, locked, &occasion);
    journal::happened(locked.pool.id, before, &after, &events, &occasion)?;
    locked.pool.state = after;
    metrics::wrote(1);
    metrics::won(relations::current().ledger, locked.pool.id, *win_amount);
    Ok(win)
}

/// How it came to a win.
struct How<'a> {
    trigger: &'static str,
    evidence: Option<Value>,
    secret: Option<&'a Secret>,
    status: &'static str,
}

fn write(win: &Win, winner: &Winner<'_>, how: &How<'_>, locked: &Locked, occasion: &Occasion<'_>) {
    let arguments = [
        argument(win.win_id),
        argument(locked.pool.id),
        argument(win.cycle),
        argument(occasion.at),
        argument(winner.operation_id),
        argument(winner.game_id),
        argument(winner.user_id),
        argument(win.win_amount),
        argument(win.previous_amount),
        argument(win.current_amount),
        argument(win.version),
        argument(winner.metadata),
        argument(occasion.actor.as_str()),
        Some(pg_sys::Datum::from(snapshot::own_xid())),
        argument(locked.seen.to_string()),
        argument(locked.floor_id),
        argument(locked.last_id),
        argument(ledger::own_highest_id()),
        argument(winner.ledger_id),
        argument(how.trigger),
        argument(how.evidence.clone().map(JsonB)),
        argument(how.secret.map(Secret::commitment)),
        argument(how.secret.map(Secret::text)),
        argument(how.status),
    ];
    WRITE.with(|statement| statement.write(&arguments));
}
