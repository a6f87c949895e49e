//! Drawing for the pools that a wager feeds, and paying those that it hits.
//!
//! A pool is locked only if it was hit, or if its exact state alone can tell: near a threshold, or
//! when a moment has come. All others are drawn without waiting for anybody.

use crate::store::journal::Occasion;
use crate::store::mark::now;
use crate::store::pool::{self, Locked};
use crate::store::session::timestamp;
use crate::store::wager::{Fed, Request, contributed};
use crate::store::win::{self, Winner};
use crate::store::{administer, random};
use jackpot_core::{
    Command, Error, Evidence, Micros, Outlook, Outside, PoolState, Secret, Trigger, margin, outlook,
};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys;
use std::ffi::CStr;

/// A pool that must be locked: its place among those that are fed, and what was drawn for it.
pub struct Draw {
    index: usize,
    evidence: Option<Evidence>,
}

/// Draws for each of the pools; `states` are theirs with this wager, as far as they are visible and
/// were read. Returns those that must be locked.
pub fn draws(fed: &[Fed<'_>], states: &[PoolState], at: TimestampWithTimeZone) -> Vec<Draw> {
    let mut random = random::Strong;
    let mut outside = Outside { at: timestamp(at), random: &mut random };
    let mut draws = Vec::new();
    for (index, Fed { pool, stake, .. }) in fed.iter().enumerate() {
        let state = states.get(index);
        // The kept secret may be that of a cycle that has ended meanwhile.
        let is_present = |secret: &&Secret| state.is_none_or(|state| state.cycle == secret.cycle());
        let secret = pool.secret.as_ref().filter(is_present);
        let margin = match secret {
            Some(secret) if pool.config.trigger == Trigger::MustHitBy => {
                margin(&pool.config, secret, bets_in_flight())
            }
            _ => Micros::ZERO,
        };
        let meter = state.map(|state| state.meter);
        match outlook(&pool.config, *stake, secret, meter, margin, &mut outside) {
            Outlook::Miss => {}
            Outlook::Hit(evidence) => draws.push(Draw { index, evidence: Some(evidence) }),
            Outlook::Unsure => draws.push(Draw { index, evidence: None }),
        }
    }
    draws
}

/// The same, and with them all pools that have a threshold: where time passes between reading the
/// states and appending, as it does while a lock is waited for, only their exact states can tell.
pub fn with_thresholds(fed: &[Fed<'_>], mut draws: Vec<Draw>) -> Vec<Draw> {
    for (index, fed) in fed.iter().enumerate() {
        let is_drawn = draws.iter().any(|draw| draw.index == index);
        if fed.pool.config.trigger == Trigger::MustHitBy && fed.stake.amount() > 0 && !is_drawn {
            draws.push(Draw { index, evidence: None });
        }
    }
    draws.sort_by_key(|draw| draw.index);
    draws
}

/// How many other transactions there can be: one a connection, and those that are prepared.
fn bets_in_flight() -> u32 {
    thread_local! {
        // Both are fixed when the server starts.
        static BETS: u32 = {
            // SAFETY: an existing setting of the server, as NUL-terminated text.
            let (connections, prepared) = unsafe {
                let prepared = pg_sys::GetConfigOption(c"max_prepared_transactions".as_ptr(), false, false);
                (pg_sys::MaxConnections, CStr::from_ptr(prepared).to_string_lossy().parse::<u32>())
            };
            connections.unsigned_abs().saturating_add(prepared.unwrap_or(0))
        };
    }
    BETS.with(|bets| *bets)
}

/// A pool under its lock, decided, before the wager is appended.
pub struct Decided {
    index: usize,
    locked: Locked,
    /// Its exact state with this wager.
    state: PoolState,
    hit: Option<Evidence>,
}

/// What became of a pool that was locked.
pub struct Settled {
    /// Its place among those that are fed.
    pub index: usize,
    /// What is payable then.
    pub current_amount: i64,
    /// Its version then.
    pub version: i64,
    /// The win's number and amount.
    pub won: Option<(i64, i64)>,
}

/// Locks the pools, in the order of their ids, and decides on their exact states.
pub fn decide(fed: &[Fed<'_>], draws: Vec<Draw>) -> Result<Vec<Decided>, Error> {
    let mut decided = Vec::with_capacity(draws.len());
    for Draw { index, evidence } in draws {
        let Some(Fed { pool, stake, .. }) = fed.get(index) else { continue };
        let mut locked = pool::lock(&pool.pool)?;
        if locked.pool.state.lacks_secret() {
            locked.pool.state = redraw(&locked)?;
        }
        // The wager comes when it is its turn.
        let at = now();
        let contributed = |state: &PoolState| contributed(state.clone(), &pool.config, *stake, at);
        let state = contributed(&locked.pool.state)?;
        let hit = evidence.or_else(|| state.reached(*stake, timestamp(at)));
        // Whether it hits must not be decided on less than there is.
        if let Some(newer) = locked.newer()?
            && hit.is_none()
            && contributed(&newer)?.reached(*stake, timestamp(at)).is_some()
        {
            return Err(pool::outdated(&pool.pool));
        }
        // A hit is paid from what is there; where nothing is, nothing is won.
        let hit = hit.filter(|_| state.current_amount() > 0);
        decided.push(Decided { index, locked, state, hit });
    }
    Ok(decided)
}

/// Draws what is missing or cannot be read: a dump without the right to read secrets restores pools
/// that would never be hit.
fn redraw(locked: &Locked) -> Result<PoolState, Error> {
    let reason = Some("the secret was missing");
    administer::change_locked(locked, &Command::Redraw, &Occasion::new("spin", reason))
}

impl Decided {
    /// Pays, if the pool was hit. The wager has been appended as `ledger_id`.
    pub fn settle(self, ledger_id: i64, request: &Request<'_>) -> Result<Settled, Error> {
        let Decided { index, locked, state, hit } = self;
        let Some(evidence) = hit else {
            let (current_amount, version) = (state.current_amount(), state.version);
            return Ok(Settled { index, current_amount, version, won: None });
        };
        let winner = Winner {
            game_id: request.game_id,
            user_id: request.user_id,
            operation_id: request.operation_id,
            metadata: request.metadata.as_ref(),
            ledger_id: Some(ledger_id),
        };
        let command = Command::Hit { evidence };
        let win = win::pay(win::next_id(), &locked, state, &command, &winner, "spin")?;
        Ok(Settled {
            index,
            current_amount: win.current_amount,
            version: win.version,
            won: Some((win.win_id, win.win_amount)),
        })
    }
}
