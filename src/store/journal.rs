//! The journal: everything but contributions that moves money or changes configuration.

use crate::store::mark::now;
use crate::store::session;
use crate::store::statement::{argument, statements};
use jackpot_core::{Error, Event, Micros, PoolState, Source};
use pgrx::JsonB;
use pgrx::datum::TimestampWithTimeZone;
use serde_json::{Value, json};

statements! {
    static WRITE(TIMESTAMPTZOID, INT4OID, TEXTOID, INT8OID, INT8OID, INT8OID, INT8OID, JSONBOID, JSONBOID, TEXTOID, TEXTOID, INT8OID) = "
        INSERT INTO jackpot.journal
               (at, pool_id, kind, display, reserve, cycle, config_version, before, after, actor, reason, win_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
}

/// When, by whom and why something was done; one for all rows that it writes.
pub struct Occasion<'a> {
    /// The moment, taken after locks were waited for.
    pub at: TimestampWithTimeZone,
    /// role/application_name/operation.
    pub actor: String,
    /// In the caller's words.
    pub reason: Option<&'a str>,
    /// The win that it belongs to.
    pub win_id: Option<i64>,
}

impl<'a> Occasion<'a> {
    /// Now; `operation` is the function's name without its prefix.
    pub fn new(operation: &str, reason: Option<&'a str>) -> Self {
        Occasion { at: now(), actor: session::actor(operation), reason, win_id: None }
    }
}

/// Writes the creation of a pool.
pub fn created(
    pool_id: i32,
    state: &PoolState,
    events: &[Event],
    occasion: &Occasion<'_>,
) -> Result<(), Error> {
    let config = state.config.to_json();
    write(
        (pool_id, state.cycle),
        state,
        "create",
        Moved::default(),
        (Value::Null, config),
        occasion,
    )?;
    let empty = PoolState { meter: Micros::ZERO, reserve: Micros::ZERO, ..state.clone() };
    happened(pool_id, &empty, state, events, occasion)
}

/// Writes what turned `before` into `after`, one row an event.
pub fn happened(
    pool_id: i32,
    before: &PoolState,
    after: &PoolState,
    events: &[Event],
    occasion: &Occasion<'_>,
) -> Result<(), Error> {
    let (mut meter, mut reserve) = (before.meter, before.reserve);
    for event in events {
        let (kind, moved) = match event {
            Event::Won { win_amount, .. } => {
                let display = Micros::ZERO.minus(Micros::from_minor_units(*win_amount))?;
                ("win", Moved { display, reserve: Micros::ZERO })
            }
            Event::Seeded { source: Source::House, amount } => {
                ("seed", Moved { display: *amount, reserve: Micros::ZERO })
            }
            Event::Seeded { source: Source::Reserve, amount } => {
                ("reseed", Moved { display: *amount, reserve: Micros::ZERO.minus(*amount)? })
            }
            Event::Configured { .. } => ("configure", Moved::default()),
            Event::Paused => ("pause", Moved::default()),
            Event::Resumed => ("resume", Moved::default()),
            // Contributions stand in the ledger.
            Event::Contributed(_) => continue,
        };
        let change = match event {
            Event::Configured { before } => (before.to_json(), after.config.to_json()),
            Event::Paused | Event::Resumed => (
                json!({"status": before.status.as_str()}),
                json!({"status": after.status.as_str()}),
            ),
            _ => {
                let was = amounts(meter, reserve);
                (meter, reserve) = (meter.plus(moved.display)?, reserve.plus(moved.reserve)?);
                (was, amounts(meter, reserve))
            }
        };
        // A win closes its cycle; all else belongs to the one that is open afterwards.
        let cycle = if kind == "win" { before.cycle } else { after.cycle };
        write((pool_id, cycle), after, kind, moved, change, occasion)?;
    }
    Ok(())
}

/// Micros that a row moved.
#[derive(Default)]
struct Moved {
    display: Micros,
    reserve: Micros,
}

fn amounts(meter: Micros, reserve: Micros) -> Value {
    json!({"meter": meter.to_string(), "reserve": reserve.to_string()})
}

fn write(
    (pool_id, cycle): (i32, i64),
    after: &PoolState,
    kind: &str,
    moved: Moved,
    (was, is): (Value, Value),
    occasion: &Occasion<'_>,
) -> Result<(), Error> {
    let arguments = [
        argument(occasion.at),
        argument(pool_id),
        argument(kind),
        argument(moved.display.bigint()?),
        argument(moved.reserve.bigint()?),
        argument(cycle),
        argument(after.config_version),
        argument((!was.is_null()).then_some(JsonB(was))),
        argument(JsonB(is)),
        argument(occasion.actor.as_str()),
        argument(occasion.reason),
        argument(occasion.win_id),
    ];
    WRITE.with(|statement| statement.write(&arguments));
    Ok(())
}
