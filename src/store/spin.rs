//! Drawing for the pools that wagers feed, and paying those that they hit.
//!
//! A pool is locked only if it was hit, or if its exact state alone can tell: near a threshold, or
//! when a moment has come. All others are drawn without waiting for anybody. A locked pool is read
//! once; from there its state is carried on from wager to wager in memory.

use crate::store::configuration::ConfiguredPool;
use crate::store::journal::Occasion;
use crate::store::mark::now;
use crate::store::payment::{self, Winner};
use crate::store::pool::{self, Locked};
use crate::store::session::timestamp;
use crate::store::wager::{Fed, Wager};
use crate::store::{administer, random};
use jackpot_core::{
    Command, Error, Evidence, Micros, Outlook, Outside, PoolState, Secret, Trigger, margin, outlook,
};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys;
use std::collections::BTreeSet;
use std::ffi::CStr;

/// Draws what is decided by chance alone for each wager that spins; returns the pools that are hit.
pub fn draw(wagers: &mut [Wager<'_>], at: TimestampWithTimeZone) -> BTreeSet<i32> {
    let mut random = random::Strong;
    let mut outside = Outside { at: timestamp(at), random: &mut random };
    let mut hit = BTreeSet::new();
    for wager in wagers.iter_mut().filter(|wager| wager.is_spin()) {
        for (place, Fed { pool, stake, .. }) in wager.fed.iter().enumerate() {
            if !matches!(pool.config.trigger, Trigger::Odds { .. }) {
                continue;
            }
            let drawn = outlook(&pool.config, *stake, None, None, Micros::ZERO, &mut outside);
            if let Outlook::Hit(evidence) = drawn {
                hit.insert(pool.id);
                wager.drawn.push((place, evidence));
            }
        }
    }
    hit
}

/// The pools of which only the exact state can tell whether they are hit. `states` are those of the
/// pools with all the wagers, as far as they are visible and were read.
pub fn near(
    wagers: &[Wager<'_>],
    states: &[(i32, PoolState)],
    at: TimestampWithTimeZone,
) -> BTreeSet<i32> {
    let mut random = random::Strong;
    let mut outside = Outside { at: timestamp(at), random: &mut random };
    let mut near = BTreeSet::new();
    let spins = wagers.iter().filter(|wager| wager.is_spin());
    for Fed { pool, stake, .. } in spins.flat_map(|wager| &wager.fed) {
        if matches!(pool.config.trigger, Trigger::Odds { .. }) || near.contains(&pool.id) {
            continue;
        }
        let state = states.iter().find(|(id, _)| *id == pool.id).map(|(_, state)| state);
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
        if outlook(&pool.config, *stake, secret, meter, margin, &mut outside) != Outlook::Miss {
            near.insert(pool.id);
        }
    }
    near
}

/// All pools that have a threshold and that a wager spins for: where time passes between reading
/// the states and appending, as it does while a lock is waited for, only their exact states can
/// tell.
pub fn with_thresholds(wagers: &[Wager<'_>]) -> impl Iterator<Item = i32> {
    wagers
        .iter()
        .filter(|wager| wager.is_spin() && wager.request.wager_amount > 0)
        .flat_map(|wager| &wager.fed)
        .filter(|fed| fed.pool.config.trigger == Trigger::MustHitBy)
        .map(|fed| fed.pool.id)
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

/// A pool under its lock, with its exact state as the wagers go by.
pub struct LockedPool<'a> {
    pool: &'a ConfiguredPool,
    locked: Locked,
    /// What its meter holds that a kept snapshot does not show.
    unseen: Micros,
}

/// Locks the pools, which must be in the order of their ids.
pub fn lock<'a>(
    pools: impl Iterator<Item = &'a ConfiguredPool>,
) -> Result<Vec<LockedPool<'a>>, Error> {
    pools
        .map(|pool| {
            let mut locked = pool::lock(&pool.pool)?;
            if locked.pool.state.lacks_secret() {
                locked.pool.state = redraw(&locked)?;
            }
            let unseen = match locked.newer()? {
                Some(newer) => newer.meter.minus(locked.pool.state.meter)?,
                None => Micros::ZERO,
            };
            Ok(LockedPool { pool, locked, unseen })
        })
        .collect()
}

/// Draws what is missing or cannot be read: a dump without the right to read secrets restores pools
/// that would never be hit.
pub fn redraw(locked: &Locked) -> Result<PoolState, Error> {
    let reason = Some("the secret was missing");
    administer::change_locked(locked, &Command::Redraw, &Occasion::new("spin", reason))
}

impl LockedPool<'_> {
    /// What is payable now, and the version.
    pub fn total(&self) -> (i64, i64) {
        let state = &self.locked.pool.state;
        (state.current_amount(), state.version)
    }

    /// The version of its configuration now.
    pub fn config_version(&self) -> i64 {
        self.locked.pool.state.config_version
    }

    /// Its state with what the wager gives to the pool at this place of those that it feeds, and
    /// why it is hit, if it is.
    fn with(
        &self,
        wager: &Wager<'_>,
        Fed { pool, stake, contribution }: &Fed<'_>,
        place: usize,
    ) -> Result<(PoolState, Option<Evidence>), Error> {
        // The wager comes when it is its turn.
        let at = now();
        let mut state = self.locked.pool.state.clone();
        state.add(contribution, *stake)?;
        if !wager.is_spin() {
            return Ok((state, None));
        }
        let drawn = wager.drawn.iter().find(|(of, _)| *of == place);
        let hit = drawn
            .map(|(_, evidence)| evidence.clone())
            .or_else(|| state.reached(*stake, timestamp(at)));
        // Whether it hits must not be decided on less than there is.
        if hit.is_none() && self.unseen != Micros::ZERO {
            let all = PoolState { meter: state.meter.plus(self.unseen)?, ..state.clone() };
            if all.reached(*stake, timestamp(at)).is_some() {
                return Err(pool::outdated(&pool.pool));
            }
        }
        // A hit is paid from what is there; where nothing is, nothing is won.
        let hit = hit.filter(|_| state.current_amount() > 0);
        Ok((state, hit))
    }

    /// Takes over what a wager has made of the pool, and pays the pool if the wager has hit it; the
    /// wager must have been appended then. Returns the win's number and amount.
    pub fn settle_up(
        &mut self,
        passed: Passed,
        wager: &Wager<'_>,
    ) -> Result<Option<(i64, i64)>, Error> {
        self.locked.pool.state = passed.state;
        let Some(evidence) = passed.hit else { return Ok(None) };
        let request = &wager.request;
        let winner = Winner {
            game_id: request.game_id,
            user_id: request.user_id,
            operation_id: request.operation_id,
            metadata: request.metadata,
            ledger_id: Some(wager.ledger_id),
        };
        let command = Command::Hit { evidence };
        let (win_id, state) = (payment::next_id(), &self.locked.pool.state);
        let decision = payment::decide(win_id, state, &command, "spin")?;
        let win = payment::pay(decision, &mut self.locked, &winner)?;
        Ok(Some((win.win_id, win.win_amount)))
    }
}

/// What a wager makes of one of the locked pools.
pub struct Passed {
    /// Which of them.
    pub pool: usize,
    /// Its place among those that the wager feeds.
    pub place: usize,
    /// The pool with the wager.
    state: PoolState,
    hit: Option<Evidence>,
}

impl Passed {
    /// Whether the wager hits the pool.
    pub fn is_hit(&self) -> bool {
        self.hit.is_some()
    }
}

/// What a wager makes of the locked pools that it feeds; nothing is changed yet.
pub fn pass(locked: &[LockedPool<'_>], wager: &Wager<'_>) -> Result<Vec<Passed>, Error> {
    let mut all = Vec::new();
    if locked.is_empty() {
        return Ok(all);
    }
    for (place, fed) in wager.fed.iter().enumerate() {
        let found = locked.iter().enumerate().find(|(_, locked)| locked.pool.id == fed.pool.id);
        if let Some((pool, locked)) = found {
            let (state, hit) = locked.with(wager, fed, place)?;
            all.push(Passed { pool, place, state, hit });
        }
    }
    Ok(all)
}
