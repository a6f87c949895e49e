//! Wins that the client asks for, one or many.

use crate::shmem::metrics;
use crate::store::batch::{OnError, Results, stretches};
use crate::store::configuration::{self, Configuration};
use crate::store::operation::{self, Claim, Fingerprint, Record};
use crate::store::payment::{self, Winner};
use crate::store::pool::{self, Locked};
use crate::store::raw_json::RawJson;
use crate::store::snapshot::Active;
use crate::store::statement::{argument, statements};
use crate::store::{lock, mark};
use jackpot_core::{Command, Error};
use std::collections::{BTreeMap, BTreeSet};

/// A win as the client asks for it.
#[derive(Clone, Copy)]
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
    pub metadata: Option<RawJson>,
}

/// A win as it was paid.
#[derive(Clone)]
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
    static FIND(INT8OID) = "
        SELECT w.id, p.pool, w.win_amount, w.previous_amount, w.current_amount, w.cycle, w.version
          FROM jackpot.win w JOIN jackpot.pool p ON p.id = w.pool_id WHERE w.id = $1";
}

/// What became of one win.
pub type Paid = Result<Win, Error>;

/// Pays a win, or returns the one that was paid when its `operation_id` was first applied.
pub fn win(request: Request<'_>) -> Paid {
    let mut results = Results::new(1);
    win_stretch(&[Ok(request)], 0, OnError::Continue, &mut results)?;
    results.finish().pop().unwrap_or_else(|| pgrx::error!("a win has no result"))
}

/// Pays many, in their order. Each has its own result; one that could not be read stands there as
/// the error that it is.
pub fn win_all(
    requests: &[Result<Request<'_>, Error>],
    on_error: OnError,
) -> Result<Vec<Paid>, Error> {
    let mut results = Results::new(requests.len());
    let ids = || requests.iter().map(|request| request.as_ref().ok()?.operation_id);
    let ends = stretches(ids());
    if ends.len() > 1 {
        // Stretch by stretch they would not be taken in their order.
        mark::ensure()?;
        lock::pass_gate();
        operation::hold(ids().flatten().filter(|id| operation::check(Some(id)).is_ok()));
        let configuration = configuration::current()?;
        let named =
            requests.iter().flatten().filter_map(|request| configuration.named(request.pool).ok());
        let pools: BTreeSet<i32> = named.map(|pool| pool.id).collect();
        pools.into_iter().for_each(lock::queue_for_pool);
    }
    let (mut rest, mut start) = (requests, 0);
    for end in ends {
        let (stretch, later) = rest.split_at(end - start);
        win_stretch(stretch, start, on_error, &mut results)?;
        (rest, start) = (later, end);
    }
    Ok(results.finish())
}

/// Pays wins whose operation ids differ; the first stands at `start` of all.
fn win_stretch(
    requests: &[Result<Request<'_>, Error>],
    start: usize,
    on_error: OnError,
    results: &mut Results<Win>,
) -> Result<(), Error> {
    mark::ensure()?;
    // Before the pool: a pause, which closes the gate, must find no pool locked.
    lock::pass_gate();
    let configuration = configuration::current()?;
    let mut wins = accept(requests, start, &configuration, on_error, results);
    claim(&mut wins, results)?;
    let to_lock: BTreeMap<i32, &str> =
        wins.iter().map(|win| (win.pool_id, win.request.pool)).collect();
    let mut locked = to_lock
        .into_iter()
        .map(|(id, pool)| Ok((id, pool::lock(pool)?)))
        .collect::<Result<BTreeMap<i32, Locked>, Error>>()?;
    for win in &wins {
        let Some(locked) = locked.get_mut(&win.pool_id) else { continue };
        let Wanted { index, request, win_id, .. } = win;
        let command =
            Command::Win { win_amount: request.win_amount, expected_cycle: request.expected_cycle };
        let winner = Winner {
            game_id: request.game_id,
            user_id: Some(request.user_id),
            operation_id: request.operation_id,
            metadata: request.metadata,
            ledger_id: None,
        };
        match payment::decide(*win_id, &locked.pool.state, &command, "win") {
            Ok(decision) => results.set(*index, Ok(payment::pay(decision, locked, &winner)?)),
            Err(error) => {
                if let Some(id) = request.operation_id {
                    operation::release(id);
                }
                results.set(*index, Err(error));
                if on_error == OnError::Abort {
                    break;
                }
            }
        }
    }
    if on_error == OnError::Abort {
        results.refuse_errors()?;
    }
    Ok(())
}

/// A win that can be tried.
struct Wanted<'a> {
    /// Its place in the batch.
    index: usize,
    request: Request<'a>,
    pool_id: i32,
    win_id: i64,
    fingerprint: Option<Fingerprint>,
}

/// The wins that can be tried; the others are refused. Where errors abort, nothing after the first
/// is looked at.
fn accept<'a>(
    requests: &[Result<Request<'a>, Error>],
    start: usize,
    configuration: &Configuration,
    on_error: OnError,
    results: &mut Results<Win>,
) -> Vec<Wanted<'a>> {
    let mut wins = Vec::with_capacity(requests.len());
    for (index, request) in (start..).zip(requests) {
        let wanted = request.clone().and_then(|request| {
            check(&request)?;
            let pool_id = configuration.named(request.pool)?.id;
            let fingerprint = request.operation_id.map(|_| fingerprint(&request));
            let win_id = payment::next_id();
            Ok(Wanted { index, request, pool_id, win_id, fingerprint })
        });
        match wanted {
            Ok(wanted) => wins.push(wanted),
            Err(error) => {
                results.set(index, Err(error));
                if on_error == OnError::Abort {
                    break;
                }
            }
        }
    }
    wins
}

/// Refuses what no pool can pay (22023).
pub fn check(request: &Request<'_>) -> Result<(), Error> {
    operation::check(request.operation_id)?;
    if request.game_id.is_empty() || request.user_id.is_empty() {
        return Err(Error::invalid("game_id or user_id is empty", "a win is a player's on a game"));
    }
    Ok(())
}

/// Takes the operation ids. Wins that have been paid before, or whose id stands for something
/// else, leave the list: their results are known.
fn claim(wins: &mut Vec<Wanted<'_>>, results: &mut Results<Win>) -> Result<(), Error> {
    let claims: Vec<Claim<'_>> = wins
        .iter()
        .filter_map(|win| {
            let record = Record { win_id: Some(win.win_id), ..Record::default() };
            let (id, fingerprint) = (win.request.operation_id?, win.fingerprint.as_ref()?);
            Some(Claim { operation_id: id, fingerprint, record })
        })
        .collect();
    let mut taken = operation::claim(&claims)?.0.into_iter();
    wins.retain(|win| {
        let claimed = win.fingerprint.and_then(|_| taken.next()).flatten();
        let is_new = claimed.is_none();
        if let Some(first) = claimed {
            let none = || pgrx::error!("an operation has no win");
            let first = first.map(|recorded| paid(recorded.win_id.unwrap_or_else(none)));
            results.set(win.index, first);
        }
        is_new
    });
    Ok(())
}

/// What the request's `operation_id` stands for.
pub fn fingerprint(request: &Request<'_>) -> Fingerprint {
    let win_amount = request.win_amount.map(i64::to_be_bytes);
    let expected_cycle = request.expected_cycle.map(i64::to_be_bytes);
    Fingerprint::of(
        "win",
        &[
            Some(request.pool.as_bytes()),
            Some(request.game_id.as_bytes()),
            Some(request.user_id.as_bytes()),
            win_amount.as_ref().map(|amount| amount.as_slice()),
            expected_cycle.as_ref().map(|cycle| cycle.as_slice()),
            request.metadata.as_ref().map(RawJson::bytes),
        ],
    )
}

/// The win that was paid when its operation was first applied.
fn paid(win_id: i64) -> Win {
    metrics::replayed();
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
    win.unwrap_or_else(|| pgrx::error!("win {win_id} is not there"))
}
