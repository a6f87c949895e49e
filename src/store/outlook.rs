//! What can be said of wagers before anything is locked or written: what the pools hold with them,
//! and which pools their draws must lock.

use crate::store::configuration::ConfiguredPool;
use crate::store::snapshot::Active;
use crate::store::wager::{Fed, Request, Wager};
use crate::store::{pool, snapshot, spin, totals};
use jackpot_core::{Error, PoolState};
use pgrx::datum::TimestampWithTimeZone;
use std::collections::BTreeSet;

/// Above so many micros a batch is held against what the pools can hold; below, it is not worth
/// reading them.
const LARGE: i128 = 1_000_000_000_000_000;

/// What can be said.
#[derive(Default)]
pub struct Outlook<'a> {
    /// What each pool that is fed holds then: current_amount and version. Of a single wager, where
    /// totals are wanted.
    pub after: Vec<(i64, i64)>,
    /// The pools that must be locked.
    pub to_lock: BTreeSet<i32>,
    /// Wagers that no longer fit, which have left the list: place, request and reason.
    pub refused: Vec<(usize, Request<'a>, Error)>,
}

impl<'a> Outlook<'a> {
    /// Reads what totals and draws need, and draws. An error is about the transaction.
    pub fn read(
        wagers: &mut Vec<Wager<'a>>,
        has_totals: bool,
        at: TimestampWithTimeZone,
    ) -> Result<Self, Error> {
        let mut outlook = Outlook::default();
        let draws_on_meters = spin::with_thresholds(wagers).next().is_some();
        let mut states = Vec::new();
        if has_totals || draws_on_meters || is_large(wagers) {
            states = states_with(wagers, Active::fresh, &mut outlook.refused)?;
        }
        if has_totals {
            let total = |(_, state): &(i32, PoolState)| (state.current_amount(), state.version);
            outlook.after = states.iter().map(total).collect();
        }
        if draws_on_meters && snapshot::is_kept() {
            // A kept snapshot does not show how near a threshold has come.
            states = states_with(wagers, Active::latest, &mut outlook.refused)?;
        }
        outlook.to_lock = spin::draw(wagers, at);
        outlook.to_lock.extend(spin::near(wagers, &states, at));
        Ok(outlook)
    }

    /// Reads anew how near thresholds have come, after others were waited for.
    pub fn look_again(
        &mut self,
        wagers: &mut Vec<Wager<'a>>,
        at: TimestampWithTimeZone,
    ) -> Result<(), Error> {
        if spin::with_thresholds(wagers).next().is_some() {
            let states = states_with(wagers, Active::latest, &mut self.refused)?;
            self.to_lock.extend(spin::near(wagers, &states, at));
        }
        Ok(())
    }
}

fn is_large(wagers: &[Wager<'_>]) -> bool {
    let shares = wagers.iter().flat_map(|wager| &wager.shares);
    wagers.len() > 1 && shares.map(|share| share.leg.total().get()).sum::<i128>() > LARGE
}

/// What each pool is, as far as the snapshot shows, once all the wagers are applied; in the order
/// of their ids. Wagers that a pool cannot hold any more leave the list.
fn states_with<'a>(
    wagers: &mut Vec<Wager<'a>>,
    snapshot: fn() -> Active,
    refused: &mut Vec<(usize, Request<'a>, Error)>,
) -> Result<Vec<(i32, PoolState)>, Error> {
    let mut pools: Vec<&ConfiguredPool> =
        wagers.iter().flat_map(|wager| &wager.fed).map(|fed| fed.pool).collect();
    pools.sort_unstable_by_key(|pool| pool.id);
    pools.dedup_by_key(|pool| pool.id);
    if pools.is_empty() {
        return Ok(Vec::new());
    }
    let memo = totals::newest_memo();
    let _active = snapshot();
    let sums = totals::exact(memo)?;
    let ids: Vec<i32> = pools.iter().map(|pool| pool.id).collect();
    let rows = pool::meters(&ids);
    let mut states = Vec::with_capacity(pools.len());
    for pool in pools {
        let Some(row) = rows.iter().find(|row| row.id == pool.id) else {
            return Err(pool::not_visible(&pool.pool));
        };
        let state = pool::with_sums(pool.pool.to_string(), pool.config.clone(), row, &sums);
        states.push((pool.id, state));
    }
    wagers.retain(|wager| match add(&mut states, wager) {
        Ok(()) => true,
        Err(error) => {
            refused.push((wager.index, wager.request, error));
            false
        }
    });
    Ok(states)
}

/// Adds a wager to all the states or to none.
fn add(states: &mut [(i32, PoolState)], wager: &Wager<'_>) -> Result<(), Error> {
    let mut after = Vec::with_capacity(wager.fed.len());
    for Fed { pool, stake, contribution } in &wager.fed {
        let place = states.binary_search_by_key(&pool.id, |(id, _)| *id).ok();
        if let Some(place) = place
            && let Some((_, state)) = states.get(place)
        {
            let mut state = state.clone();
            state.add(contribution, *stake)?;
            after.push((place, state));
        }
    }
    for (place, state) in after {
        if let Some((_, slot)) = states.get_mut(place) {
            *slot = state;
        }
    }
    Ok(())
}
