//! Playing wagers: all that a call brings in one pass, in their order, as if one call came after
//! the other. A single call is a list of one.

use crate::guc;
use crate::store::batch::{OnError, Results, stretches};
use crate::store::configuration::{self, Configuration};
use crate::store::ledger::{self, Entry};
use crate::store::operation::{self, Claim, Record};
use crate::store::outlook::Outlook;
use crate::store::session;
use crate::store::spin::{self, LockedPool, Passed};
use crate::store::wager::{self, Kind, Line, Outcome, Request, Wager, fingerprint, replay};
use crate::store::{lock, mark, settle};
use jackpot_core::{Error, Token, Trigger};
use pgrx::datum::TimestampWithTimeZone;
use std::collections::BTreeSet;

/// Wagers between two looks whether the statement is cancelled.
const WAGERS_BETWEEN_INTERRUPTS: usize = 1_000;

/// What became of one wager.
pub type Played = Result<Outcome, Error>;

/// Applies one wager, or returns what was returned when its `operation_id` was first applied.
pub fn play(request: Request<'_>) -> Played {
    wager::check(&request)?;
    if session::is_read_only()
        && let Some(id) = request.operation_id
        && let Some(recorded) = operation::find(id, &fingerprint(&request))?
    {
        let configuration = configuration::current()?;
        return Ok(replay(recorded, &configuration));
    }
    let outcome = play_one(request, guc::TOTALS.get())?;
    settle::upkeep(1)?;
    Ok(outcome)
}

/// The same, with or without totals, and without [`settle::upkeep`].
pub fn play_one(request: Request<'_>, has_totals: bool) -> Played {
    let mut results = Results::new(1);
    play_stretch(&[Ok(request)], 0, has_totals, OnError::Continue, &mut results)?;
    results.finish().pop().unwrap_or_else(|| pgrx::error!("a wager has no outcome"))
}

/// Applies many, of which totals are not told. Each has its own result; one that could not be read
/// stands there as the error that it is. Leaves [`settle::upkeep`] to the caller.
pub fn play_all(
    requests: &[Result<Request<'_>, Error>],
    on_error: OnError,
) -> Result<Vec<Played>, Error> {
    let mut results = Results::new(requests.len());
    let ids = || requests.iter().map(|request| request.as_ref().ok()?.operation_id);
    let ends = stretches(ids());
    if ends.len() > 1 {
        // Stretch by stretch they would not be taken in their order.
        mark::ensure()?;
        lock::pass_gate();
        operation::hold(ids().flatten().filter(|id| operation::check(Some(id)).is_ok()));
        let configuration = configuration::current()?;
        let has_spins = requests.iter().flatten().any(|request| request.kind == Kind::Spin);
        let pools = configuration.pools().iter().filter(|_| has_spins);
        let can_be_hit = pools.filter(|pool| pool.config.trigger != Trigger::Manual);
        can_be_hit.for_each(|pool| lock::queue_for_pool(pool.id));
    }
    let (mut rest, mut start) = (requests, 0);
    for end in ends {
        let (stretch, later) = rest.split_at(end - start);
        play_stretch(stretch, start, false, on_error, &mut results)?;
        (rest, start) = (later, end);
    }
    Ok(results.finish())
}

/// Applies wagers whose operation ids differ; the first stands at `start` of all.
fn play_stretch(
    requests: &[Result<Request<'_>, Error>],
    start: usize,
    has_totals: bool,
    on_error: OnError,
    results: &mut Results<Outcome>,
) -> Result<(), Error> {
    mark::ensure()?;
    lock::pass_gate();
    // After the gate: a pause that it waited for is known now.
    let configuration = configuration::current()?;
    let at = mark::now();
    let mut wagers = accept(requests, start, &configuration, at, on_error, results)?;
    // Before anything is written: a reader that already holds a transaction id would keep every
    // other reader's range long.
    let mut outlook = match Outlook::read(&mut wagers, has_totals, at) {
        Ok(outlook) => outlook,
        // Of the transaction as a whole. What was done before stays done all the same.
        Err(error) => match wagers.pop() {
            Some(wager) if requests.len() == 1 => {
                let outcome = replay_or(error, &wager.request, &configuration)?;
                results.set(start, Ok(outcome));
                return Ok(());
            }
            _ => return Err(error),
        },
    };
    for (index, request, error) in outlook.refused.drain(..) {
        results.set(index, replay_or(error, &request, &configuration));
    }
    for wager in &mut wagers {
        wager.ledger_id = ledger::next_id();
    }
    let has_waited = claim(&mut wagers, &outlook.after, &configuration, results)?;
    if has_waited {
        outlook.look_again(&mut wagers, at)?;
        for (index, request, error) in outlook.refused.drain(..) {
            refuse(index, &request, error, results);
        }
    }
    if !outlook.to_lock.is_empty() {
        // What has left the list, as a replay does, waits for no pool.
        let fed: BTreeSet<i32> = wagers
            .iter()
            .filter(|wager| wager.is_spin())
            .flat_map(|wager| &wager.fed)
            .map(|fed| fed.pool.id)
            .collect();
        outlook.to_lock.retain(|id| fed.contains(id));
    }
    // A lock may be waited for, too; and a batch in flight adds more than a single bet does.
    if !outlook.to_lock.is_empty() || requests.len() > 1 {
        outlook.to_lock.extend(spin::with_thresholds(&wagers));
    }
    if on_error == OnError::Abort {
        results.refuse_errors()?;
    }
    tell_passed_over(&wagers);
    apply_all(wagers, &outlook, &configuration, results)?;
    if on_error == OnError::Abort {
        results.refuse_errors()?;
    }
    Ok(())
}

/// The wagers that can be applied. The results of the others are known: refused, unless they had
/// been applied before. Where errors abort, nothing after the first is looked at.
fn accept<'a>(
    requests: &[Result<Request<'a>, Error>],
    start: usize,
    configuration: &'a Configuration,
    at: TimestampWithTimeZone,
    on_error: OnError,
    results: &mut Results<Outcome>,
) -> Result<Vec<Wager<'a>>, Error> {
    let mut wagers: Vec<Wager<'a>> = Vec::with_capacity(requests.len());
    for (index, request) in (start..).zip(requests) {
        if (index + 1).is_multiple_of(WAGERS_BETWEEN_INTERRUPTS) {
            pgrx::check_for_interrupts!();
        }
        let result = match request {
            Err(error) => Err(error.clone()),
            Ok(request) => match wager::check(request) {
                Err(error) => Err(error),
                Ok(()) => match Wager::new(index, *request, configuration, at) {
                    Err(error) => replay_or(error, request, configuration),
                    Ok(wager) => {
                        wagers.push(wager);
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
    Ok(wagers)
}

/// What was done before stays done, whatever has become of the pools since; else the error.
fn replay_or(error: Error, request: &Request<'_>, configuration: &Configuration) -> Played {
    let Some(id) = request.operation_id else { return Err(error) };
    match operation::find(id, &fingerprint(request))? {
        Some(recorded) => Ok(replay(recorded, configuration)),
        None => Err(error),
    }
}

/// Takes the operation ids for the wagers. Those that have been applied before, or whose id stands
/// for something else, leave the list: their results are known. Tells whether it took so long that
/// others may have been waited for: calls with the same ids, which failed.
fn claim(
    wagers: &mut Vec<Wager<'_>>,
    after: &[(i64, i64)],
    configuration: &Configuration,
    results: &mut Results<Outcome>,
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
    let (taken, has_waited) = operation::claim(&claims)?;
    let mut taken = taken.into_iter();
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

/// Appends the wagers and pays those that hit. Where a win has put another configuration in force,
/// those that follow are played by that.
fn apply_all(
    wagers: Vec<Wager<'_>>,
    outlook: &Outlook<'_>,
    configuration: &Configuration,
    results: &mut Results<Outcome>,
) -> Result<(), Error> {
    let done = apply(&wagers, outlook, configuration, results)?;
    if done == wagers.len() {
        return Ok(());
    }
    let configuration = configuration::current()?;
    let at = mark::now();
    let mut rest = Vec::with_capacity(wagers.len() - done);
    for Wager { index, request, ledger_id, .. } in wagers.iter().skip(done) {
        match Wager::new(*index, *request, &configuration, at) {
            Ok(wager) => rest.push(Wager { ledger_id: *ledger_id, ..wager }),
            Err(error) => refuse(*index, request, error, results),
        }
    }
    let mut outlook = Outlook::read(&mut rest, false, at)?;
    for (index, request, error) in outlook.refused.drain(..) {
        refuse(index, &request, error, results);
    }
    outlook.to_lock.extend(spin::with_thresholds(&rest));
    apply_all(rest, &outlook, &configuration, results)
}

/// A refusal that comes after the operation id has been taken.
fn refuse(index: usize, request: &Request<'_>, error: Error, results: &mut Results<Outcome>) {
    if let Some(id) = request.operation_id {
        operation::release(id);
    }
    results.set(index, Err(error));
}

/// Appends wagers and pays those that hit, up to one that puts another configuration in force.
/// Returns how many that were.
fn apply(
    wagers: &[Wager<'_>],
    outlook: &Outlook<'_>,
    configuration: &Configuration,
    results: &mut Results<Outcome>,
) -> Result<usize, Error> {
    let to_lock = configuration.pools().iter().filter(|pool| outlook.to_lock.contains(&pool.id));
    let mut locked = spin::lock(to_lock)?;
    let mut pending = Vec::with_capacity(wagers.len());
    let mut done = wagers.len();
    for (position, wager) in wagers.iter().enumerate() {
        let passed = match spin::pass(&locked, wager) {
            Ok(passed) => passed,
            Err(error) if error.token == Token::VersionConflict => return Err(error),
            Err(error) => {
                refuse(wager.index, &wager.request, error, results);
                continue;
            }
        };
        pending.push(wager);
        if passed.iter().any(Passed::is_hit) {
            // All up to this wager is paid out, what follows belongs to the next cycle.
            append(&pending);
            pending.clear();
        }
        let mut lines = wager.lines();
        for (line, (current_amount, version)) in lines.iter_mut().zip(&outlook.after) {
            (line.current_amount, line.version) = (Some(*current_amount), Some(*version));
        }
        let has_totals = !outlook.after.is_empty();
        let is_reconfigured = settle_up(&mut locked, passed, wager, &mut lines, has_totals)?;
        let ledger_id = Some(wager.ledger_id);
        results.set(wager.index, Ok(Outcome { lines, ledger_id, replayed: false }));
        if is_reconfigured {
            done = position + 1;
            break;
        }
    }
    append(&pending);
    Ok(done)
}

/// Pays the hits, and completes what is returned and recorded of the wager with what the locked
/// pools hold then. Tells whether a win has put another configuration in force.
fn settle_up(
    locked: &mut [LockedPool<'_>],
    passed: Vec<Passed>,
    wager: &Wager<'_>,
    lines: &mut [Line],
    has_totals: bool,
) -> Result<bool, Error> {
    let (mut is_changed, mut is_reconfigured) = (false, false);
    for passed in passed {
        let (Some(pool), Some(line)) = (locked.get_mut(passed.pool), lines.get_mut(passed.place))
        else {
            continue;
        };
        let config_version = pool.config_version();
        line.won = pool.settle_up(passed, wager)?;
        is_reconfigured |= pool.config_version() != config_version;
        if has_totals || line.won.is_some() {
            let (current_amount, version) = pool.total();
            (line.current_amount, line.version) = (Some(current_amount), Some(version));
            is_changed = true;
        }
    }
    if let Some(id) = wager.request.operation_id.filter(|_| is_changed) {
        operation::complete(id, lines);
    }
    Ok(is_reconfigured)
}

fn append(wagers: &[&Wager<'_>]) {
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
        draw_priority: match wager.request.kind {
            Kind::QueuedSpin(priority) => Some(priority),
            Kind::Contribute | Kind::Spin => None,
        },
        metadata: wager.request.metadata,
    }));
}
