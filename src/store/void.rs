//! Taking back a wager: in its cycle from the meter, later from the reserve and the house, before
//! it has come by a tombstone.

use crate::shmem::metrics;
use crate::store::journal::{self, Occasion};
use crate::store::ledger::{self, Entry, Share};
use crate::store::pool::{self, Locked};
use crate::store::raw_json::RawJson;
use crate::store::session::timestamp;
use crate::store::snapshot::Active;
use crate::store::statement::{Row, argument, statements};
use crate::store::tail::Leg;
use crate::store::{configuration, lock, mark, operation, random, relations};
use jackpot_core::{
    Command, Contribution, Error, Event, Micros, Outside, PoolState, Remainder, Token, apply,
};
use pgrx::datum::IntoDatum;

/// What a void took from one pool; no pool where there was nothing to take.
#[derive(Default)]
pub struct Line {
    /// The pool's name.
    pub pool: Option<String>,
    /// From its meter.
    pub from_meter: Micros,
    /// From its reserve.
    pub from_reserve: Micros,
    /// From the house, through the meter or the reserve.
    pub from_house: Micros,
}

/// The result, and whether it is an earlier call's.
pub struct Outcome {
    /// One line a pool.
    pub lines: Vec<Line>,
    /// True when the operation had been voided before.
    pub replayed: bool,
}

statements! {
    /// Before the wager: its id is taken, so that it cannot come any more.
    static TOMBSTONE(TEXTOID, TIMESTAMPTZOID) = "
        INSERT INTO jackpot.operation (operation_id, at, fingerprint, voided_at) VALUES ($1, $2, '', $2)
        ON CONFLICT DO NOTHING";
    static LOCK(TEXTOID) = "
        SELECT o.ledger_id, o.voided_at IS NOT NULL FROM jackpot.operation o WHERE o.operation_id = $1 FOR UPDATE";
    static MARK_VOIDED(TEXTOID, TIMESTAMPTZOID) = "
        UPDATE jackpot.operation o SET voided_at = $2 WHERE o.operation_id = $1";
    static UNCANCELLED_WIN(TEXTOID) = "
        SELECT w.id FROM jackpot.operation o JOIN jackpot.win w ON w.id = ANY (o.win_ids)
         WHERE o.operation_id = $1 AND w.status <> 'cancelled' ORDER BY w.id LIMIT 1";
    static WAGER(INT8OID) = "
        SELECT l.game_id, l.user_id, l.operator_id, l.game_category, l.currency, l.wager_amount, l.metadata,
               l.pool_ids, l.config_versions, l.display, l.reserve, l.exchange_rates,
               l.display_remainders, l.reserve_remainders,
               ARRAY(SELECT jackpot.cycle_of(i.id, l.id, l.xid)
                       FROM pg_catalog.unnest(l.pool_ids) WITH ORDINALITY AS i(id, place) ORDER BY i.place)
          FROM jackpot.ledger l WHERE l.id = $1";
    static POOLS(INT8OID) = "SELECT l.pool_ids FROM jackpot.ledger l WHERE l.id = $1";
    static WRITE(TEXTOID, TIMESTAMPTZOID, TEXTOID, TEXTOID, INT8OID, INT4ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID) = "
        INSERT INTO jackpot.void
               (operation_id, at, actor, reason, ledger_id, pool_ids, from_meter, from_reserve, from_house)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    static READ(TEXTOID) = "
        SELECT v.pool_ids, v.from_meter, v.from_reserve, v.from_house FROM jackpot.void v WHERE v.operation_id = $1";
}

/// Takes back the wager of that `operation_id`, in all of its pools, or returns what was taken
/// back when that was done before.
pub fn void(operation_id: &str, reason: &str) -> Result<Outcome, Error> {
    operation::check(Some(operation_id))?;
    mark::ensure()?;
    lock::pass_gate();
    let occasion =
        Occasion { operation_id: Some(operation_id), ..Occasion::new("void", Some(reason)) };
    let arguments = [argument(operation_id), argument(occasion.at)];
    if TOMBSTONE.with(|statement| statement.write(&arguments).count()) == 1 {
        write(operation_id, &occasion, None, &[]);
        return Ok(Outcome { lines: vec![Line::default()], replayed: false });
    }
    // The wager may be undone between the two steps; then its id is free again.
    let (ledger_id, is_voided): (Option<i64>, bool) = LOCK.with(|statement| {
        let rows = statement.write(&[argument(operation_id)]);
        rows.first().map(|row| (row.get(1), row.need(2))).ok_or_else(|| {
            Error::new(
                Token::VersionConflict,
                format!("operation_id \"{operation_id}\" is changing"),
                "its wager was undone meanwhile",
            )
            .hint("Run the transaction again.")
        })
    })?;
    if is_voided {
        metrics::replayed();
        return Ok(Outcome { lines: recorded(operation_id)?, replayed: true });
    }
    let Some(ledger_id) = ledger_id else {
        return Err(Error::invalid(
            format!("operation_id \"{operation_id}\" is a win, not a wager"),
            "only wagers are voided",
        )
        .hint("jackpot_cancel_win() takes a win back."));
    };
    refuse_unless_cancelled(operation_id)?;
    MARK_VOIDED.with(|statement| statement.write(&arguments));
    let lines = take_back(operation_id, ledger_id, &occasion)?;
    Ok(Outcome { lines, replayed: false })
}

/// 55000 for a spin that won.
fn refuse_unless_cancelled(operation_id: &str) -> Result<(), Error> {
    let _active = Active::fresh();
    let win_id: Option<i64> = UNCANCELLED_WIN
        .with(|statement| statement.read(&[argument(operation_id)]).first().map(|row| row.need(1)));
    win_id.map_or(Ok(()), |win_id| {
        Err(Error::new(
            Token::OperationWon,
            format!("operation_id \"{operation_id}\" won"),
            format!("its win {win_id} is not cancelled"),
        )
        .hint("Cancel the win first, with jackpot_cancel_win()."))
    })
}

/// The wager as the ledger has it.
struct Wager {
    game_id: String,
    user_id: Option<String>,
    operator_id: Option<String>,
    game_category: Option<String>,
    currency: Option<String>,
    wager_amount: i64,
    metadata: Option<RawJson>,
    /// What it gave, and in which cycle.
    shares: Vec<(Share, i64)>,
}

impl Wager {
    fn read(row: &Row<'_>) -> Self {
        let longs = |column| row.get::<Vec<i64>>(column).unwrap_or_default();
        let at = |values: &[i64], index: usize| values.get(index).copied();
        let (display, reserve, rates) = (longs(10), longs(11), longs(12));
        let (display_remainders, reserve_remainders) = (longs(13), longs(14));
        let versions: Vec<i32> = row.need(9);
        let shares = row.need::<Vec<i32>>(8).into_iter().zip(versions).zip(longs(15)).enumerate();
        let shares = shares.map(|(index, ((pool_id, version), cycle))| {
            let leg = Leg {
                display: at(&display, index).unwrap_or(0),
                reserve: at(&reserve, index).unwrap_or(0),
                exchange_rate: at(&rates, index),
                display_remainder: at(&display_remainders, index).unwrap_or(0),
                reserve_remainder: at(&reserve_remainders, index).unwrap_or(0),
            };
            (Share { pool_id, config_version: i64::from(version), leg }, cycle)
        });
        Wager {
            game_id: row.need(1),
            user_id: row.get(2),
            operator_id: row.get(3),
            game_category: row.get(4),
            currency: row.get(5),
            wager_amount: row.need(6),
            metadata: row.get(7),
            shares: shares.collect(),
        }
    }
}

/// A pool that the wager fed, before and after the void.
struct Taken {
    locked: Locked,
    after: PoolState,
    events: Vec<Event>,
    share: Share,
    in_cycle: bool,
}

fn take_back(
    operation_id: &str,
    ledger_id: i64,
    occasion: &Occasion<'_>,
) -> Result<Vec<Line>, Error> {
    let taken_back = ledger::next_id();
    let mut locked = lock_pools(ledger_id)?;
    // Under the locks: no win can come between the cycles and what is taken.
    let wager = {
        let _active = Active::fresh();
        WAGER
            .with(|statement| {
                statement.read(&[argument(ledger_id)]).first().map(|row| Wager::read(&row))
            })
            .ok_or_else(|| not_there(operation_id))?
    };
    let mut outside = Outside { at: timestamp(occasion.at), random: &mut random::Strong };
    let mut taken = Vec::new();
    for (share, cycle) in &wager.shares {
        let Some(place) = locked.iter().position(|locked| locked.pool.id == share.pool_id) else {
            return Err(not_there(operation_id));
        };
        let locked = locked.swap_remove(place);
        let state = &locked.pool.state;
        // A retired pool has given its money away.
        let in_cycle = *cycle == state.cycle && state.status != jackpot_core::Status::Retired;
        let command = Command::Void { contribution: contribution(&share.leg), in_cycle };
        let (after, events) = apply(state.clone(), &command, &mut outside)?;
        // Nobody must pay for what a kept snapshot does not show.
        if events.len() > 1 && locked.newer()?.is_some() {
            return Err(pool::outdated(&state.pool));
        }
        taken.push(Taken { locked, after, events, share: *share, in_cycle });
    }
    let shares: Vec<Share> =
        taken.iter().filter(|taken| taken.in_cycle).map(|taken| negative(&taken.share)).collect();
    let ledger_row = (!shares.is_empty()).then_some(taken_back);
    if ledger_row.is_some() {
        ledger::append(std::iter::once(Entry {
            id: taken_back,
            at: mark::now(),
            operation_id: Some(operation_id),
            game_id: &wager.game_id,
            user_id: wager.user_id.as_deref(),
            operator_id: wager.operator_id.as_deref(),
            game_category: wager.game_category.as_deref(),
            currency: wager.currency.as_deref(),
            wager_amount: wager.wager_amount,
            shares: &shares,
            draw_priority: None,
            voids: Some(ledger_id),
            metadata: wager.metadata,
        }));
    }
    let mut lines = Vec::new();
    for Taken { locked, after, events, share, in_cycle } in &taken {
        let before = &locked.pool.state;
        let base = if *in_cycle { with_ledger_row(after, events)? } else { before.clone() };
        // Also where the ledger row took all: who locks the pool with an older snapshot must not
        // pay out what it still shows, but meet this change (40001).
        pool::update(locked.pool.id, &base, after, occasion)?;
        journal::happened(locked.pool.id, &base, after, events, occasion)?;
        lines.push(line(before, share, *in_cycle, events)?);
        if !in_cycle {
            // Of those that have one the ledger row tells.
            metrics::took_back(relations::current().ledger, locked.pool.id);
        }
    }
    let pool_ids: Vec<i32> = taken.iter().map(|taken| taken.locked.pool.id).collect();
    let written: Vec<(i32, &Line)> = pool_ids.into_iter().zip(&lines).collect();
    write(operation_id, occasion, ledger_row, &written);
    if lines.is_empty() {
        lines.push(Line::default());
    }
    Ok(lines)
}

/// The state with what the ledger row takes, before others made good what that left missing.
fn with_ledger_row(after: &PoolState, events: &[Event]) -> Result<PoolState, Error> {
    let mut state = after.clone();
    for event in events {
        match event {
            Event::Seeded { amount, .. } => {
                state.meter = state.meter.minus(*amount)?;
                state.reserve = state.reserve.plus(*amount)?;
            }
            Event::CoveredByHouse { display, reserve } => {
                state.meter = state.meter.minus(*display)?;
                state.reserve = state.reserve.minus(*reserve)?;
            }
            _ => {}
        }
    }
    Ok(state)
}

/// Locks the pools that the wager fed, in the order of their ids.
fn lock_pools(ledger_id: i64) -> Result<Vec<Locked>, Error> {
    let mut ids: Vec<i32> = {
        let _active = Active::fresh();
        POOLS.with(|statement| {
            let rows = statement.read(&[argument(ledger_id)]);
            rows.first().map(|row| row.need(1)).unwrap_or_default()
        })
    };
    ids.sort_unstable();
    let configuration = configuration::current()?;
    ids.into_iter().map(|id| pool::lock(&configuration.name(id))).collect()
}

fn not_there(operation_id: &str) -> Error {
    Error::new(
        Token::VersionConflict,
        format!("the wager of operation_id \"{operation_id}\" is not visible"),
        "it is newer than this transaction",
    )
    .hint("Run the transaction again.")
}

fn contribution(leg: &Leg) -> Contribution {
    Contribution {
        display: Micros::new(i128::from(leg.display)),
        reserve: Micros::new(i128::from(leg.reserve)),
        remainder: Remainder { display: leg.display_remainder, reserve: leg.reserve_remainder },
    }
}

fn negative(share: &Share) -> Share {
    let leg = Leg {
        display: -share.leg.display,
        reserve: -share.leg.reserve,
        exchange_rate: share.leg.exchange_rate,
        display_remainder: -share.leg.display_remainder,
        reserve_remainder: -share.leg.reserve_remainder,
    };
    Share { leg, ..*share }
}

/// Who paid for it in the end.
fn line(
    before: &PoolState,
    share: &Share,
    in_cycle: bool,
    events: &[Event],
) -> Result<Line, Error> {
    let leg = contribution(&share.leg);
    let mut line = Line { pool: Some(before.pool.clone()), ..Line::default() };
    if in_cycle {
        (line.from_meter, line.from_reserve) = (leg.display, leg.reserve);
    } else {
        line.from_reserve = leg.total()?;
    }
    for event in events {
        match event {
            Event::Seeded { amount, .. } => {
                line.from_meter = line.from_meter.minus(*amount)?;
                line.from_reserve = line.from_reserve.plus(*amount)?;
            }
            Event::CoveredByHouse { display, reserve } => {
                line.from_meter = line.from_meter.minus(*display)?;
                line.from_reserve = line.from_reserve.minus(*reserve)?;
                line.from_house = line.from_house.plus(*display)?.plus(*reserve)?;
            }
            _ => {}
        }
    }
    Ok(line)
}

fn write(
    operation_id: &str,
    occasion: &Occasion<'_>,
    ledger_id: Option<i64>,
    lines: &[(i32, &Line)],
) {
    let longs = |pick: fn(&Line) -> Micros| {
        let values: Vec<i64> =
            lines.iter().map(|(_, line)| pick(line).bigint().unwrap_or(i64::MAX)).collect();
        values.into_datum()
    };
    let arguments = [
        argument(operation_id),
        argument(occasion.at),
        argument(occasion.actor.as_str()),
        argument(occasion.reason),
        argument(ledger_id),
        lines.iter().map(|(id, _)| *id).collect::<Vec<i32>>().into_datum(),
        longs(|line| line.from_meter),
        longs(|line| line.from_reserve),
        longs(|line| line.from_house),
    ];
    WRITE.with(|statement| statement.write(&arguments));
}

/// What the first call took back.
fn recorded(operation_id: &str) -> Result<Vec<Line>, Error> {
    let configuration = configuration::current()?;
    let _active = Active::fresh();
    let lines: Option<Vec<Line>> = READ.with(|statement| {
        let rows = statement.read(&[argument(operation_id)]);
        let row = rows.first()?;
        let ids: Vec<i32> = row.need(1);
        let micros = |column, index: usize| {
            let values: Vec<i64> = row.need(column);
            Micros::new(i128::from(values.get(index).copied().unwrap_or(0)))
        };
        let lines = ids.iter().enumerate().map(|(index, id)| Line {
            pool: Some(configuration.name(*id).to_string()),
            from_meter: micros(2, index),
            from_reserve: micros(3, index),
            from_house: micros(4, index),
        });
        Some(lines.collect())
    });
    match lines {
        None => Err(not_there(operation_id)),
        Some(lines) if lines.is_empty() => Ok(vec![Line::default()]),
        Some(lines) => Ok(lines),
    }
}
