//! A win: under the pool's lock, on the exact amount, recorded with the snapshot it saw.

use crate::store::journal::{self, Occasion};
use crate::store::operation::{self, Fingerprint, Record};
use crate::store::session::timestamp;
use crate::store::snapshot::{self, Active};
use crate::store::statement::{argument, statements};
use crate::store::{configuration, ledger, lock, mark, pool, random};
use jackpot_core::{Command, Error, Event, Evidence, Outside, PoolState, Secret, apply};
use pgrx::JsonB;
use serde_json::Value;

/// A win as the client asks for it.
pub struct Request<'a> {
    /// The pool.
    pub pool: &'a str,
    /// The game that hit.
    pub game_id: &'a str,
    /// The player who won.
    pub user_id: &'a str,
    /// In minor units; all that is payable when absent.
    pub win_amount: Option<i64>,
    /// The client's name for the operation.
    pub operation_id: Option<&'a str>,
    /// The cycle that the client believes to be current.
    pub expected_cycle: Option<i64>,
    /// The client's own words.
    pub metadata: Option<JsonB>,
}

/// A win as it was paid.
pub struct Win {
    /// Its number.
    pub win_id: i64,
    /// The pool's name.
    pub pool: String,
    /// What is paid, in minor units.
    pub win_amount: i64,
    /// What was payable before.
    pub previous_amount: i64,
    /// What is payable after.
    pub current_amount: i64,
    /// The cycle that it ended.
    pub cycle: i64,
    /// The pool's version after.
    pub version: i64,
    /// True when the operation had been done before.
    pub replayed: bool,
}

statements! {
    static NEXT_ID() = "SELECT pg_catalog.nextval('jackpot.win_id_seq')";
    static FIND(INT8OID) = "
        SELECT w.id, p.pool, w.win_amount, w.previous_amount, w.current_amount, w.cycle, w.version
          FROM jackpot.win w JOIN jackpot.pool p ON p.id = w.pool_id WHERE w.id = $1";
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

/// Pays a win, or returns the one that was paid when its `operation_id` was first applied.
pub fn win(request: Request<'_>) -> Result<Win, Error> {
    operation::check(request.operation_id)?;
    if request.game_id.is_empty() || request.user_id.is_empty() {
        return Err(Error::invalid("game_id or user_id is empty", "a win is a player's on a game"));
    }
    mark::ensure()?;
    // Before the pool: a pause, which closes the gate, must find no pool locked.
    lock::pass_gate();
    configuration::current()?.named(request.pool)?;
    let win_id = next_id();
    if let Some(operation_id) = request.operation_id {
        let record = Record { win_id: Some(win_id), ..Record::default() };
        let recorded = operation::claim(operation_id, &fingerprint(&request), &record)?;
        if let Some(first) = recorded.and_then(|recorded| recorded.win_id) {
            return paid(first);
        }
    }
    let locked = pool::lock(request.pool)?;
    let command =
        Command::Win { win_amount: request.win_amount, expected_cycle: request.expected_cycle };
    let winner = Winner {
        game_id: request.game_id,
        user_id: Some(request.user_id),
        operation_id: request.operation_id,
        metadata: request.metadata.as_ref(),
        ledger_id: None,
    };
    let before = locked.pool.state.clone();
    pay(win_id, &locked, before, &command, &winner, "win")
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
    pub metadata: Option<&'a JsonB>,
    /// The wager that hit, of a spin.
    pub ledger_id: Option<i64>,
}

/// Does the command, which pays a win of the locked pool. `before` is its exact state with all that
/// this transaction has appended.
pub fn pay(
    win_id: i64,
    locked: &pool::Locked,
    before: PoolState,
    command: &Command,
    winner: &Winner<'_>,
    operation: &'static str,
) -> Result<Win, Error> {
    let occasion = Occasion { win_id: Some(win_id), ..Occasion::new(operation, None) };
    let mut random = random::Strong;
    let mut outside = Outside { at: timestamp(occasion.at), random: &mut random };
    let (after, events) = apply(before.clone(), command, &mut outside)?;
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
    pool::update(locked.pool.id, &before, &after, &occasion)?;
    let must_be_verified = before.config.verify_above.is_some_and(|above| *win_amount >= above);
    let how = How {
        trigger: evidence.as_ref().map_or("manual", Evidence::kind),
        evidence: evidence.as_ref().map(Evidence::to_json),
        secret: secret.as_ref(),
        status: if must_be_verified { "pending" } else { "paid" },
    };
    write(&win, winner, &how, locked, &occasion);
    journal::happened(locked.pool.id, &before, &after, &events, &occasion)?;
    Ok(win)
}

/// How it came to a win.
struct How<'a> {
    trigger: &'static str,
    evidence: Option<Value>,
    secret: Option<&'a Secret>,
    status: &'static str,
}

fn fingerprint(request: &Request<'_>) -> Fingerprint {
    let win_amount = request.win_amount.map(|amount| amount.to_string());
    let expected_cycle = request.expected_cycle.map(|cycle| cycle.to_string());
    let metadata = request.metadata.as_ref().map(|JsonB(metadata)| metadata.to_string());
    Fingerprint::of(
        "win",
        &[
            Some(request.pool),
            Some(request.game_id),
            Some(request.user_id),
            win_amount.as_deref(),
            expected_cycle.as_deref(),
            metadata.as_deref(),
        ],
    )
}

fn paid(win_id: i64) -> Result<Win, Error> {
    let _active = Active::fresh();
    let win = FIND.with(|statement| {
        statement.read(&[argument(win_id)]).first().map(|row| Win {
            win_id: row.need(1),
            pool: row.need(2),
            win_amount: row.need(3),
            previous_amount: row.need(4),
            current_amount: row.need(5),
            cycle: row.need(6),
            version: row.need(7),
            replayed: true,
        })
    });
    Ok(win.unwrap_or_else(|| pgrx::error!("win {win_id} is not there")))
}

fn write(
    win: &Win,
    winner: &Winner<'_>,
    how: &How<'_>,
    locked: &pool::Locked,
    occasion: &Occasion<'_>,
) {
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
        winner.metadata.and_then(|JsonB(metadata)| argument(JsonB(metadata.clone()))),
        argument(occasion.actor.as_str()),
        Some(pgrx::pg_sys::Datum::from(snapshot::own_xid())),
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
