//! Playing wagers: all that a call brings in one pass, in their order, as if one call came after
//! the other. A single call is a list of one.

use crate::guc;
use crate::store::batch::{OnError, Repeat, Results};
use crate::store::configuration::{self, Configuration, ConfiguredPool};
use crate::store::ledger::{self, Entry};
use crate::store::operation::{self, Claim, Record};
use crate::store::session::clock;
use crate::store::snapshot::Active;
use crate::store::spin::{self, LockedPool};
use crate::store::wager::{Fed, Line, Outcome, Request, Wager, contributed, fingerprint, replay};
use crate::store::{lock, mark, pool, settle, snapshot, totals, wager};
use jackpot_core::{Error, Evidence, PoolState, Trigger};
use pgrx::datum::TimestampWithTimeZone;
use std::collections::BTreeSet;

/// How long it takes at most to claim operation ids that nobody else is claiming: so much, and so
/// much for each of them.
const MICROSECONDS_WITHOUT_WAITING: i64 = 2_000;
const MICROSECONDS_A_CLAIM: i64 = 20;
/// Wagers between two looks whether the statement is cancelled.
const WAGERS_BETWEEN_INTERRUPTS: usize = 1_000;

/// What became of one wager.
pub type Played = Result<Outcome, Error>;

/// Applies one wager, or returns what was returned when its `operation_id` was first applied.
pub fn play(request: Request<'_>) -> Played {
    let mut played = play_in_turn(&[Ok(request)], guc::TOTALS.get(), OnError::Continue)?;
    played.pop().unwrap_or_else(|| pgrx::error!("a wager has no outcome"))
}

/// Applies many, of which totals are not told. Each has its own result; one that could not be read
/// stands there as the error that it is.
pub fn play_all(
    requests: &[Result<Request<'_>, Error>],
    on_error: OnError,
) -> Result<Vec<Played>, Error> {
    play_in_turn(requests, false, on_error)
}

fn play_in_turn(
    requests: &[Result<Request<'_>, Error>],
    has_totals: bool,
    on_error: OnError,
) -> Result<Vec<Played>, Error> {
    mark::ensure()?;
    lock::pass_gate();
    // After the gate: a pause that it waited for is known now.
    let configuration = configuration::current()?;
    let at = mark::now();
    let mut results = Results::new(requests.len());
    let mut wagers = accept(requests, &configuration, at, on_error, &mut results);
    // Before anything is written: a reader that already holds a transaction id would keep every
    // other reader's range long.
    let mut outlook = match look(&mut wagers, has_totals, at) {
        Ok(outlook) => outlook,
        Err(error) => {
            for wager in wagers.drain(..) {
                let result = replay_or(error.clone(), &wager.request, &configuration);
                results.set(wager.index, result);
            }
            Outlook::default()
        }
    };
    for wager in &mut wagers {
        wager.ledger_id = ledger::next_id();
    }
    let has_waited = claim(&mut wagers, &outlook.after, &configuration, &mut results)?;
    if has_waited || !outlook.to_lock.is_empty() {
        outlook.to_lock.extend(spin::with_thresholds(&wagers));
    }
    if on_error == OnError::Abort {
        results.refuse_errors()?;
    }
    if !wagers.is_empty() {
        tell_passed_over(&wagers);
        apply(&wagers, &outlook, &configuration, &mut results)?;
        // Last, as it locks the mark.
        settle::upkeep()?;
    }
    Ok(results.finish())
}

impl Repeat for Outcome {
    fn repeat(&self) -> Self {
        Outcome { replayed: true, ..self.clone() }
    }
}

/// The wagers that can be applied. The results of the others are known: refused, unless they had
/// been applied before. Where errors abort, nothing after the first is looked at.
fn accept<'a>(
    requests: &[Result<Request<'a>, Error>],
    configuration: &'a Configuration,
    at: TimestampWithTimeZone,
    on_error: OnError,
    results: &mut Results<'a, Outcome>,
) -> Vec<Wager<'a>> {
    let mut wagers: Vec<Wager<'a>> = Vec::with_capacity(requests.len());
    for (index, request) in requests.iter().enumerate() {
        if (index + 1).is_multiple_of(WAGERS_BETWEEN_INTERRUPTS) {
            pgrx::check_for_interrupts!();
        }
        let accepted = request.clone().and_then(|request| {
            wager::check(&request)?;
            Ok(request)
        });
        let result = match &accepted {
            Err(error) => Err(error.clone()),
            Ok(request) => match Wager::new(index, *request, configuration, at) {
                Err(error) => replay_or(error, request, configuration),
                Ok(wager) => match results.is_first(index, request.operation_id, wager.fingerprint)
                {
                    Err(error) => Err(error),
                    Ok(is_first) => {
                        wagers.extend(is_first.then_some(wager));
                        continue;
                    }
                },
            },
        };
        let is_refused = result.is_err();
        results.set(index, result);
        if is_refused && on_error == OnError::Abort {
            break;
        }
    }
    wagers
}

/// What was done before stays done, whatever has become of the pools since; else the error.
fn replay_or(error: Error, request: &Request<'_>, configuration: &Configuration) -> Played {
    let Some(id) = request.operation_id else { return Err(error) };
    match operation::find(id, &fingerprint(request))? {
        Some(recorded) => Ok(replay(recorded, configuration)),
        None => Err(error),
    }
}

/// What can be said before anything is locked or written.
#[derive(Default)]
struct Outlook {
    /// What each pool that is fed holds then: current_amount and version. Of a single wager.
    after: Vec<(i64, i64)>,
    /// The pools that must be locked.
    to_lock: BTreeSet<i32>,
}

/// Reads what totals and draws need, and draws.
fn look(
    wagers: &mut [Wager<'_>],
    has_totals: bool,
    at: TimestampWithTimeZone,
) -> Result<Outlook, Error> {
    let mut outlook = Outlook::default();
    let has_spins = wagers.iter().any(Wager::is_spin);
    let has_threshold = |fed: &Fed<'_>| fed.pool.config.trigger == Trigger::MustHitBy;
    let needs_meters = wagers
        .iter()
        .filter(|wager| wager.is_spin())
        .any(|wager| wager.fed.iter().any(has_threshold));
    let mut states = Vec::new();
    if has_totals || needs_meters {
        states = states_with(wagers, at, Active::fresh)?;
    }
    if has_totals {
        let total = |(_, state): &(i32, PoolState)| (state.current_amount(), state.version);
        outlook.after = states.iter().map(total).collect();
    }
    if needs_meters && snapshot::is_kept() {
        // A kept snapshot does not show how near a threshold has come.
        states = states_with(wagers, at, Active::latest)?;
    }
    if has_spins {
        outlook.to_lock = spin::draw(wagers, &states, at);
    }
    Ok(outlook)
}

/// What each pool is, as far as the snapshot shows, once all the wagers are applied; in the order
/// of their ids.
fn states_with(
    wagers: &[Wager<'_>],
    at: TimestampWithTimeZone,
    snapshot: fn() -> Active,
) -> Result<Vec<(i32, PoolState)>, Error> {
    let fed = || wagers.iter().flat_map(|wager| &wager.fed);
    let mut pools: Vec<&ConfiguredPool> = fed().map(|fed| fed.pool).collect();
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
        states.push((pool.id, Some(state)));
    }
    for Fed { pool, stake } in fed() {
        let place = states.binary_search_by_key(&pool.id, |(id, _)| *id).ok();
        if let Some((_, slot)) = place.and_then(|place| states.get_mut(place))
            && let Some(state) = slot.take()
        {
            *slot = Some(contributed(state, &pool.config, *stake, at)?);
        }
    }
    Ok(states.into_iter().filter_map(|(id, state)| Some((id, state?))).collect())
}

/// Takes the operation ids for the wagers. Those that have been applied before, or whose id stands
/// for something else, leave the list: their results are known. Tells whether it took so long that
/// others may have been waited for: calls with the same ids, which failed.
fn claim(
    wagers: &mut Vec<Wager<'_>>,
    after: &[(i64, i64)],
    configuration: &Configuration,
    results: &mut Results<'_, Outcome>,
) -> Result<bool, Error> {
    let claims: Vec<Claim<'_>> = wagers
        .iter()
        .filter_map(|wager| {
            let record = Record { ledger_id: Some(wager.ledger_id), win_id: None, after };
            let (id, fingerprint) = (wager.request.operation_id?, wager.fingerprint.as_ref()?);
            Some(Claim { operation_id: id, fingerprint, record })
        })
        .collect();
    if claims.is_empty() {
        return Ok(false);
    }
    let patience = MICROSECONDS_WITHOUT_WAITING + MICROSECONDS_A_CLAIM * claims.len() as i64;
    let began = clock();
    let mut taken = operation::claim(&claims)?.into_iter();
    let has_waited = clock() - began > patience;
    wagers.retain(|wager| {
        if wager.fingerprint.is_none() {
            return true;
        }
        match taken.next().flatten() {
            None => true,
            Some(first) => {
                let result = first.map(|recorded| replay(recorded, configuration));
                results.set(wager.index, result);
                false
            }
        }
    });
    Ok(has_waited)
}

/// Tells once which pools were passed over for want of an exchange rate.
fn tell_passed_over(wagers: &[Wager<'_>]) {
    let mut told = BTreeSet::new();
    for wager in wagers {
        for pool in &wager.passed_over {
            let theirs = wager.request.currency.unwrap_or_default();
            if told.insert((pool.id, theirs)) {
                let own = pool.config.currency.as_deref().unwrap_or_default();
                let pool = &pool.pool;
                pgrx::notice!(
                    "pool \"{pool}\" is passed over: there is no exchange rate from {theirs} to {own}"
                );
            }
        }
    }
}

/// Appends the wagers and pays those that hit.
fn apply(
    wagers: &[Wager<'_>],
    outlook: &Outlook,
    configuration: &Configuration,
    results: &mut Results<'_, Outcome>,
) -> Result<(), Error> {
    let to_lock = configuration.pools().iter().filter(|pool| outlook.to_lock.contains(&pool.id));
    let mut locked = spin::lock(to_lock)?;
    let mut pending = wagers;
    for (position, wager) in wagers.iter().enumerate() {
        let mut lines = wager.lines();
        for (line, (current_amount, version)) in lines.iter_mut().zip(&outlook.after) {
            (line.current_amount, line.version) = (Some(*current_amount), Some(*version));
        }
        if !locked.is_empty() {
            let hits = pass(&mut locked, wager)?;
            if !hits.is_empty() {
                // All up to this wager is paid out, what follows belongs to the next cycle.
                let (now, later) = pending.split_at(position + 1 - (wagers.len() - pending.len()));
                append(now);
                pending = later;
            }
            settle_lines(&mut locked, wager, hits, &mut lines, !outlook.after.is_empty())?;
        }
        results.set(wager.index, Ok(Outcome { lines, replayed: false }));
    }
    append(pending);
    Ok(())
}

/// Feeds the locked pools among those that the wager feeds; returns which of them it hits.
fn pass(locked: &mut [LockedPool<'_>], wager: &Wager<'_>) -> Result<Vec<(usize, Evidence)>, Error> {
    let mut hits = Vec::new();
    for (place, fed) in wager.fed.iter().enumerate() {
        if let Some(pool) = locked.iter_mut().find(|pool| pool.id() == fed.pool.id)
            && let Some(evidence) = pool.play(wager, place)?
        {
            hits.push((place, evidence));
        }
    }
    Ok(hits)
}

/// Pays the hits and completes what is returned and recorded of the wager with what the locked
/// pools hold then.
fn settle_lines(
    locked: &mut [LockedPool<'_>],
    wager: &Wager<'_>,
    hits: Vec<(usize, Evidence)>,
    lines: &mut [Line],
    has_totals: bool,
) -> Result<(), Error> {
    let mut hits = hits.into_iter().peekable();
    let mut is_changed = false;
    for (place, (fed, line)) in wager.fed.iter().zip(lines.iter_mut()).enumerate() {
        let Some(pool) = locked.iter_mut().find(|pool| pool.id() == fed.pool.id) else { continue };
        if let Some((_, evidence)) = hits.next_if(|(hit, _)| *hit == place) {
            line.won = Some(pool.pay(wager, evidence)?);
        }
        if has_totals || line.won.is_some() {
            let (current_amount, version) = pool.total();
            (line.current_amount, line.version) = (Some(current_amount), Some(version));
            is_changed = true;
        }
    }
    if let Some(id) = wager.request.operation_id.filter(|_| is_changed) {
        operation::complete(id, lines);
    }
    Ok(())
}

fn append(wagers: &[Wager<'_>]) {
    // After all waiting: no row may be older than its transaction's id (mark::tail_since).
    let at = mark::now();
    ledger::append(wagers.iter().map(|wager| Entry {
        id: wager.ledger_id,
        at,
        operation_id: wager.request.operation_id,
        game_id: wager.request.game_id,
        user_id: wager.request.user_id,
        operator_id: wager.request.operator_id,
        game_category: wager.request.game_category,
        currency: wager.request.currency,
        wager_amount: wager.request.wager_amount,
        shares: &wager.shares,
        voids: None,
        metadata: wager.request.metadata,
    }));
}
