//! The journal: everything but contributions that moves money or changes configuration.

use crate::store::mark::now;
use crate::store::session;
use crate::store::statement::{argument, statements};
use jackpot_core::{Error, Event, Micros, PoolState, Secret, Source};
use pgrx::JsonB;
use pgrx::datum::TimestampWithTimeZone;
use serde_json::{Value, json};

statements! {
    static WRITE(TIMESTAMPTZOID, INT4OID, TEXTOID, INT8OID, INT8OID, INT8OID, INT8OID, JSONBOID, JSONBOID, TEXTOID, TEXTOID, INT8OID,
                 TEXTOID, INT4OID) = "
        INSERT INTO jackpot.journal
               (at, pool_id, kind, display, reserve, cycle, config_version, before, after, actor, reason, win_id,
                operation_id, other_pool_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
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
    /// The wager that is voided.
    pub operation_id: Option<&'a str>,
    /// The other pool of a transfer.
    pub other_pool_id: Option<i32>,
}

impl<'a> Occasion<'a> {
    /// Now; `operation` is the function's name without its prefix.
    pub fn new(operation: &str, reason: Option<&'a str>) -> Self {
        Occasion {
            at: now(),
            actor: session::actor(operation),
            reason,
            win_id: None,
            operation_id: None,
            other_pool_id: None,
        }
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
        state.config_version,
        "create",
        Moved::default(),
        (Value::Null, config),
        occasion,
    )?;
    let empty = PoolState { meter: Micros::ZERO, reserve: Micros::ZERO, ..state.clone() };
    happened(pool_id, &empty, state, events, occasion)
}

/// Writes what turned `before` into `after`, one row an event. What the ledger holds must be in
/// both.
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
            // Contributions and their voids stand in the ledger.
            Event::Contributed(_) | Event::Voided(_) => continue,
            Event::Won { win_amount, .. } => {
                ("win", Moved::display(Micros::ZERO.minus(Micros::from_minor_units(*win_amount))?))
            }
            Event::Seeded { source: Source::House, amount } => ("seed", Moved::display(*amount)),
            Event::Seeded { source: Source::Reserve, amount } => {
                ("reseed", Moved { display: *amount, reserve: Micros::ZERO.minus(*amount)? })
            }
            Event::VoidedLate(amount) => {
                let reserve = Micros::ZERO.minus(*amount)?;
                ("void", Moved { reserve, ..Moved::default() })
            }
            Event::CoveredByHouse { display, reserve } => {
                ("cover", Moved { display: *display, reserve: *reserve })
            }
            Event::Adjusted(amount) => ("adjust", Moved::display(*amount)),
            Event::Transferred { display, reserve, .. } => {
                ("transfer", Moved { display: *display, reserve: *reserve })
            }
            Event::Configured { .. } => ("configure", Moved::default()),
            Event::Planned { .. } => ("plan", Moved::default()),
            Event::Committed { .. } => ("commit", Moved::default()),
            Event::Paused => ("pause", Moved::default()),
            Event::Resumed => ("resume", Moved::default()),
            Event::Retired => ("retire", Moved::default()),
        };
        let change = match event {
            Event::Configured { before } => (before.to_json(), after.config.to_json()),
            Event::Planned { before } => (
                before.clone().unwrap_or(Value::Null),
                after.pending.clone().unwrap_or(Value::Null),
            ),
            Event::Committed { superseded } => (
                superseded.as_ref().map_or(
                    Value::Null,
                    |secret| json!({"commitment": secret.commitment(), "secret": secret.text()}),
                ),
                json!({"commitment": after.secret.as_ref().map(Secret::commitment)}),
            ),
            Event::Paused | Event::Resumed | Event::Retired => (
                json!({"status": before.status.as_str()}),
                json!({"status": after.status.as_str()}),
            ),
            _ => {
                let was = amounts(meter, reserve);
                (meter, reserve) = (meter.plus(moved.display)?, reserve.plus(moved.reserve)?);
                let mut is = amounts(meter, reserve);
                if let (Event::Transferred { other, .. }, Value::Object(is)) = (event, &mut is) {
                    is.insert("other_pool".to_owned(), json!(other));
                }
                (was, is)
            }
        };
        // A win closes its cycle; all else belongs to the one that is open afterwards.
        let state = if kind == "win" { before } else { after };
        let of = (pool_id, state.cycle);
        write(of, state.config_version, kind, moved, change, occasion)?;
    }
    Ok(())
}

/// Writes that a win moved on, without money.
pub fn win_moved(
    (pool_id, cycle, config_version): (i32, i64, i64),
    kind: &str,
    change: (Value, Value),
    occasion: &Occasion<'_>,
) -> Result<(), Error> {
    write((pool_id, cycle), config_version, kind, Moved::default(), change, occasion)
}

/// Writes a movement of a pool that another system made, or that balances one.
pub fn taken_over(
    (pool_id, cycle, config_version): (i32, i64, i64),
    kind: &str,
    (display, reserve): (Micros, Micros),
    occasion: &Occasion<'_>,
) -> Result<(), Error> {
    let moved = Moved { display, reserve };
    write((pool_id, cycle), config_version, kind, moved, (Value::Null, Value::Null), occasion)
}

/// Micros that a row moved.
#[derive(Default)]
struct Moved {
    display: Micros,
    reserve: Micros,
}

impl Moved {
    fn display(display: Micros) -> Self {
        Moved { display, ..Moved::default() }
    }
}

fn amounts(meter: Micros, reserve: Micros) -> Value {
    json!({"meter": meter.to_string(), "reserve": reserve.to_string()})
}

fn write(
    (pool_id, cycle): (i32, i64),
    config_version: i64,
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
        argument(config_version),
        argument((!was.is_null()).then_some(JsonB(was))),
        argument((!is.is_null()).then_some(JsonB(is))),
        argument(occasion.actor.as_str()),
        argument(occasion.reason),
        argument(occasion.win_id),
        argument(occasion.operation_id),
        argument(occasion.other_pool_id),
    ];
    WRITE.with(|statement| statement.write(&arguments));
    Ok(())
}
