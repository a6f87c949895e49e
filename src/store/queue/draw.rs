//! Drawing for queued spins, in their order.
//!
//! Odds are drawn by the configuration by which the wager was taken. A threshold is reached by the
//! first spin, in the order of the ledger, that finds the meter there, with all that was appended up
//! to it. A moment has come for the first that was placed at or after it. What is paid is what the
//! pool holds when it is paid.

use crate::store::configuration::{self, Configuration};
use crate::store::pool::{self, Locked};
use crate::store::queue::budget::Budget;
use crate::store::queue::request::{self, Failure};
use crate::store::queue::settling::{
    Drawn, PutAside, Settled, put_aside, settle_all, settle_up, try_to,
};
use crate::store::queue::spins::{self, Fed, Spin};
use crate::store::session::timestamp;
use crate::store::snapshot::{self, Active};
use crate::store::statement::{argument, statements};
use crate::store::tail::Position;
use crate::store::{random, spin, totals};
use jackpot_core::{
    Error, Evidence, Micros, Outlook, Outside, PoolConfig, PoolState, Snapshot, Stake, Timestamp,
    Trigger, outlook,
};
use pgrx::JsonB;
use pgrx::datum::TimestampWithTimeZone;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

/// Spins between two looks whether the statement is cancelled.
const SPINS_BETWEEN_INTERRUPTS: usize = 1_000;

/// The part of the ledger that spins come from.
pub struct Part<'a> {
    /// From here,
    pub mark: &'a Position,
    /// to there.
    pub end: &'a Snapshot,
}

/// What is known of a draw that was put aside.
#[derive(Default)]
pub struct Kept {
    /// What was drawn.
    pub evidence: Option<Evidence>,
    /// The cycle in which something hidden was reached.
    pub cycle: Option<i64>,
}

statements! {
    static PAST(INT4OID, INT8OID) = "
        SELECT j.after FROM jackpot.journal j
         WHERE j.pool_id = $1 AND j.kind IN ('create', 'configure') AND j.config_version <= $2
         ORDER BY j.id DESC LIMIT 1";
}

/// Draws for spins and pays what they hit. `part` is where they come from, in their order; a spin
/// that is drawn for by itself has none. `kept` is what is known of it from before. What is drawn is
/// drawn once: whatever fails afterwards is put aside with it. An error is about the configuration,
/// before anything is drawn.
pub fn draw(
    spins: &[Spin],
    part: Option<&Part<'_>>,
    kept: &Kept,
    budget: &mut Budget,
) -> Result<Drawn, Error> {
    let mut draws = Draws {
        configuration: configuration::current()?,
        configs: HashMap::new(),
        hits: BTreeMap::new(),
        hidden: BTreeSet::new(),
    };
    draws.draw_odds(spins, kept.evidence.as_ref())?;
    let mut drawn = Drawn::default();
    let reached = match try_to(|| Ok(draws.reached(spins, part)?)) {
        Ok(reached) => reached,
        Err(failure) => {
            // Who it was will be seen when it is tried again.
            for pool_id in &draws.hidden {
                if let Some(spin) = spins.iter().find(|spin| feeds(spin, *pool_id).is_some()) {
                    let aside = put_aside(spin, *pool_id, None, failure.clone());
                    drawn.put_aside.push(PutAside { cycle: kept.cycle, ..aside });
                }
            }
            BTreeMap::new()
        }
    };
    let to_lock: BTreeSet<i32> = draws.hits.keys().chain(reached.keys()).copied().collect();
    for pool_id in to_lock {
        let hits = draws.hits.remove(&pool_id).unwrap_or_default();
        let first = reached.get(&pool_id).copied();
        match budget.wait(|| lock(&draws.configuration.name(pool_id))) {
            Ok(mut locked) => {
                settle_all(&mut locked, hits, &mut drawn);
                if let Some(first) = first {
                    let before = locked.pool.state.clone();
                    let (first, cycle) = first;
                    // A cycle that was won meanwhile by another is over.
                    let is_over = kept.cycle.is_some_and(|kept| kept != before.cycle);
                    let find = || match is_over {
                        true => Ok(Drawn::default()),
                        false => Ok(draws.find_hidden(&mut locked, spins, part)?),
                    };
                    match try_to(find) {
                        Ok(found) => drawn.add(found),
                        Err(failure) => {
                            locked.pool.state = before;
                            let aside = put_aside(first, pool_id, None, failure);
                            drawn.put_aside.push(PutAside { cycle: Some(cycle), ..aside });
                        }
                    }
                }
            }
            Err(failure) => {
                let hit = hits.into_iter().map(|(spin, evidence)| (spin, Some(evidence), None));
                let first = first.map(|(spin, cycle)| (spin, None, kept.cycle.or(Some(cycle))));
                for (spin, evidence, cycle) in hit.chain(first) {
                    let aside = put_aside(spin, pool_id, evidence, failure.clone());
                    drawn.put_aside.push(PutAside { cycle, ..aside });
                }
            }
        }
    }
    Ok(drawn)
}

fn lock(pool: &str) -> Result<Locked, Failure> {
    try_to(|| {
        let mut locked = pool::lock(pool)?;
        if locked.pool.state.lacks_secret() {
            locked.pool.state = spin::redraw(&locked)?;
        }
        Ok(locked)
    })
}

/// The stake that the spin has put on a pool.
fn feeds(spin: &Spin, pool_id: i32) -> Option<&Fed> {
    spin.fed.iter().find(|fed| fed.pool_id == pool_id && fed.stake.amount() > 0)
}

fn moment(at: i64) -> Timestamp {
    TimestampWithTimeZone::try_from(at).map_or(Timestamp::MAX, timestamp)
}

struct Draws<'a> {
    configuration: Rc<Configuration>,
    /// Configurations by which wagers were taken, by pool and version.
    configs: HashMap<(i32, i64), Rc<PoolConfig>>,
    /// What was hit by chance alone, by pool, in the order of the spins.
    hits: BTreeMap<i32, Vec<(&'a Spin, Evidence)>>,
    /// Pools with something hidden for which a spin draws.
    hidden: BTreeSet<i32>,
}

impl<'a> Draws<'a> {
    /// Draws what is decided by chance alone, and notes where something hidden decides.
    fn draw_odds(&mut self, spins: &'a [Spin], kept: Option<&Evidence>) -> Result<(), Error> {
        let mut random = random::Strong;
        for (index, spin) in spins.iter().enumerate() {
            if (index + 1).is_multiple_of(SPINS_BETWEEN_INTERRUPTS) {
                pgrx::check_for_interrupts!();
            }
            for fed in spin.fed.iter().filter(|fed| fed.stake.amount() > 0) {
                if let Some(evidence) = kept {
                    self.hits.entry(fed.pool_id).or_default().push((spin, evidence.clone()));
                    continue;
                }
                let config = self.config(fed)?;
                match &config.trigger {
                    Trigger::Manual => {}
                    Trigger::MustHitBy | Trigger::Scheduled { .. } => {
                        // A trigger that was taken off the pool meanwhile decides nothing.
                        if self.present_kind(fed.pool_id) == Some(config.trigger.kind()) {
                            self.hidden.insert(fed.pool_id);
                        }
                    }
                    Trigger::Odds { .. } => {
                        let mut outside = Outside { at: moment(spin.at), random: &mut random };
                        let drawn =
                            outlook(&config, fed.stake, None, None, Micros::ZERO, &mut outside);
                        if let Outlook::Hit(evidence) = drawn {
                            self.hits.entry(fed.pool_id).or_default().push((spin, evidence));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn present_kind(&self, pool_id: i32) -> Option<&'static str> {
        let pool = self.configuration.pools().iter().find(|pool| pool.id == pool_id);
        pool.map(|pool| pool.config.trigger.kind())
    }

    /// The configuration by which the wager was taken.
    fn config(&mut self, fed: &Fed) -> Result<Rc<PoolConfig>, Error> {
        let key = (fed.pool_id, fed.config_version);
        if let Some(known) = self.configs.get(&key) {
            return Ok(Rc::clone(known));
        }
        let pool = self.configuration.pools().iter().find(|pool| pool.id == fed.pool_id);
        let config = match pool.filter(|pool| pool.config_version == fed.config_version) {
            Some(pool) => pool.config.clone(),
            None => past_config(fed)?,
        };
        let config = Rc::new(config);
        self.configs.insert(key, Rc::clone(&config));
        Ok(config)
    }

    /// The pools of which what is hidden seems to be reached, the spin that did so first, and the
    /// cycle.
    fn reached(
        &mut self,
        spins: &'a [Spin],
        part: Option<&Part<'_>>,
    ) -> Result<BTreeMap<i32, (&'a Spin, i64)>, Error> {
        let mut reached = BTreeMap::new();
        if self.hidden.is_empty() {
            return Ok(reached);
        }
        let memo = totals::newest_memo();
        let _active = Active::fresh();
        let sums = totals::exact(memo)?;
        let ids: Vec<i32> = self.hidden.iter().copied().collect();
        let rows = pool::meters(&ids);
        let mut taken = None;
        let configuration = Rc::clone(&self.configuration);
        for pool in configuration.pools().iter().filter(|pool| ids.contains(&pool.id)) {
            let Some(row) = rows.iter().find(|row| row.id == pool.id) else { continue };
            let name = pool.pool.to_string();
            let state = pool::with_sums(name, pool.config.clone(), row, &sums);
            // The kept secret may be that of a cycle that has ended meanwhile.
            let secret = pool.secret.as_ref().filter(|secret| secret.cycle() == state.cycle);
            let wagers = self.wagers(spins, pool.id, pool.config.trigger.kind())?;
            let first = |later: &Later| {
                wagers.iter().find(|(spin, stake)| {
                    let mut outside = Outside { at: moment(spin.at), random: &mut random::Strong };
                    let meter = Micros::new(state.meter.get() - later.than(spin.id));
                    let meter = Some(meter);
                    outlook(&pool.config, *stake, secret, meter, Micros::ZERO, &mut outside)
                        != Outlook::Miss
                })
            };
            // With all that is there; then with what was there at its turn, which is dear to know.
            if first(&Later::default()).is_none() {
                continue;
            }
            // A spin that has reached it and waits to be paid comes first, when it is its turn.
            let is_taken = |(of, cycle): &(i32, Option<i64>)| {
                *of == pool.id && cycle.is_none_or(|cycle| cycle == state.cycle)
            };
            if part.is_some() && taken.get_or_insert_with(request::reached).iter().any(is_taken) {
                continue;
            }
            let later = part.map(|part| Later::read(part, &snapshot::active(), pool.id));
            if let Some((spin, _)) = first(&later.unwrap_or_default()) {
                reached.insert(pool.id, (*spin, state.cycle));
            }
        }
        Ok(reached)
    }

    /// The spins that draw for something that a pool hides, in the order of the ledger.
    fn wagers(
        &mut self,
        spins: &'a [Spin],
        pool_id: i32,
        kind: &str,
    ) -> Result<Vec<(&'a Spin, Stake)>, Error> {
        let mut wagers = Vec::new();
        for spin in spins {
            if let Some(fed) = feeds(spin, pool_id)
                && self.config(fed)?.trigger.kind() == kind
            {
                wagers.push((spin, fed.stake));
            }
        }
        wagers.sort_unstable_by_key(|(spin, _)| spin.id);
        Ok(wagers)
    }

    /// Finds which spins have reached what a locked pool hides, and pays them.
    fn find_hidden(
        &mut self,
        locked: &mut Locked,
        spins: &'a [Spin],
        part: Option<&Part<'_>>,
    ) -> Result<Drawn, Error> {
        let mut drawn = Drawn::default();
        let pool_id = locked.pool.id;
        let kind = locked.pool.state.config.trigger.kind();
        let mut later = match part {
            Some(part) => {
                let _active = Active::fresh();
                Later::read(part, &locked.seen, pool_id)
            }
            None => Later::default(),
        };
        for (spin, stake) in self.wagers(spins, pool_id, kind)? {
            let state = &locked.pool.state;
            let meter = state.meter.minus(Micros::new(later.than(spin.id)))?;
            let at_its_turn = PoolState { meter, ..state.clone() };
            let at = moment(spin.at);
            let evidence = at_its_turn.reached(stake, at).and_then(|_| state.reached(stake, at));
            match evidence.map(|hit| settle_up(locked, spin, hit, &mut drawn)) {
                // All that was there has been paid out; what is left is there for the next.
                Some(Settled::Won) => later = Later::default(),
                // It is this spin's, unless it turns out otherwise.
                Some(Settled::Waits) => break,
                Some(Settled::Nothing) | None => {}
            }
        }
        Ok(drawn)
    }
}

/// The configuration of a pool that is no longer in force.
fn past_config(fed: &Fed) -> Result<PoolConfig, Error> {
    let _active = Active::latest();
    let config = PAST.with(|statement| {
        let rows = statement.read(&[argument(fed.pool_id), argument(fed.config_version)]);
        rows.first().map(|row| row.need::<JsonB>(1))
    });
    config.map_or_else(
        || Ok(PoolConfig::default()),
        |JsonB(config)| PoolConfig::default().patched(&config),
    )
}

/// What wagers after a spin gave to the meter.
#[derive(Default)]
struct Later {
    /// Of the part, by descending ids: the sum from the last row to that one.
    of_the_part: Vec<(i64, i128)>,
    /// The sum of what came after the part.
    beyond: i128,
}

impl Later {
    /// Of what `seen` sees; the active snapshot is no older.
    fn read(part: &Part<'_>, seen: &Snapshot, pool_id: i32) -> Self {
        let mut later = Later::default();
        for given in spins::given(part.mark, seen, &snapshot::active(), pool_id) {
            if part.end.sees(given.xid) {
                later.of_the_part.push((given.id, given.display));
            } else {
                later.beyond += given.display;
            }
        }
        later.of_the_part.sort_unstable_by_key(|(id, _)| std::cmp::Reverse(*id));
        let mut sum = 0;
        for (_, up_to) in &mut later.of_the_part {
            sum += *up_to;
            *up_to = sum;
        }
        later
    }

    fn than(&self, id: i64) -> i128 {
        let count = self.of_the_part.partition_point(|(other, _)| *other > id);
        let last = count.checked_sub(1).and_then(|last| self.of_the_part.get(last));
        self.beyond + last.map_or(0, |(_, sum)| *sum)
    }
}
