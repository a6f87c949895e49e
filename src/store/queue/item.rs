//! Trying what a request asks for. What fails is undone by itself and holds back nobody.

use crate::guc;
use crate::store::batch::OnError;
use crate::store::item::{Wager, Win};
use crate::store::mark::now;
use crate::store::play::play_one;
use crate::store::queue::budget::Budget;
use crate::store::queue::dead_letter::{DeadLetter, Source};
use crate::store::queue::draw::{Kept, draw};
use crate::store::queue::hit::{Won, announce};
use crate::store::queue::request::{self, Due, Failure, Kind, Outcome, Request, is_of_the_item};
use crate::store::queue::settling::{Drawn, PutAside};
use crate::store::queue::spins;
use crate::store::raw_json::RawJson;
use crate::store::win::Paid;
use crate::store::{random, session, subtransaction, wager, win};
use jackpot_core::{Error, Evidence, Token, below};
use pgrx::datum::TimestampWithTimeZone;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The longest time between two tries, in milliseconds.
const LONGEST_DELAY: i64 = 60_000;

/// What processing did.
#[derive(Clone, Copy, Default)]
pub struct Tally {
    /// Spins drawn and requests done.
    pub processed: i64,
    /// What went to the dead letters.
    pub failed: i64,
    /// What is tried again later.
    pub retried: i64,
    /// How many wins were paid.
    pub wins: i64,
    /// Their sum in minor units.
    pub won: i128,
}

impl Tally {
    /// Adds another part's.
    pub fn add(&mut self, part: &Tally) {
        self.processed += part.processed;
        self.failed += part.failed;
        self.retried += part.retried;
        self.wins += part.wins;
        self.won += part.won;
    }

    /// Counts spins that were drawn for, but for those of which something waits.
    pub fn count_drawn(&mut self, spins: usize, drawn: &Drawn) {
        let waiting: BTreeSet<i64> = drawn.put_aside.iter().map(|draw| draw.id).collect();
        self.processed += (spins - waiting.len()) as i64;
        self.count_wins(&drawn.won);
    }

    fn count_wins(&mut self, won: &[Won]) {
        self.wins += won.len() as i64;
        self.won += won.iter().map(|won| i128::from(won.win_amount)).sum::<i128>();
    }
}

/// What came of a request that was done.
struct Done {
    ledger_id: Option<i64>,
    win_id: Option<i64>,
    won: Vec<Won>,
    /// What of a draw has to wait.
    put_aside: Vec<PutAside>,
}

/// Tries entries that follow one another; false where some were left for the next piece.
pub fn attempt_all(entries: &[Due], budget: &mut Budget, tally: &mut Tally) -> bool {
    let mut are_all_tried = true;
    for run in entries.chunk_by(|one, next| one.kind == Kind::Win && next.kind == Kind::Win) {
        // One pool's wins stay in their order; those of different pools do not care.
        let mut pools: BTreeMap<String, Vec<&Due>> = BTreeMap::new();
        for due in run {
            let item: Result<Win, Error> = read(&due.payload.text());
            let pool = item.ok().and_then(|win| win.pool).unwrap_or_default();
            pools.entry(pool).or_default().push(due);
        }
        for wins in pools.into_values() {
            let mut batches = wins.chunk_by(|one, next| one.actor == next.actor);
            are_all_tried &= batches.all(|batch| attempt_batch(batch, budget, tally));
        }
    }
    are_all_tried
}

/// Pays wins of one pool that one actor asked for in one go, which spares the pool's row a version
/// and a lock for each; where that fails each is tried by itself. False where some were left.
fn attempt_batch(batch: &[&Due], budget: &mut Budget, tally: &mut Tally) -> bool {
    batch.len() > 1 && attempt_wins(batch, budget, tally)
        || batch.iter().all(|due| {
            let may_try = budget.try_one();
            if may_try {
                attempt(due, budget, tally);
            }
            may_try
        })
}

/// Pays all wins of a batch in one go. False, with nothing done, where that cannot be.
fn attempt_wins(batch: &[&Due], budget: &mut Budget, tally: &mut Tally) -> bool {
    let texts: Vec<String> = batch.iter().map(|due| due.payload.text()).collect();
    let items: Vec<Result<Win, Error>> = texts.iter().map(|text| read(text)).collect();
    let actor = batch.first().map_or("", |due| due.actor.as_str());
    let pay = || {
        let requests: Vec<_> = items
            .iter()
            .map(|item| item.as_ref().map_err(Clone::clone).and_then(Win::request))
            .collect();
        let paid = session::acting_for(actor, || win::win_all(&requests, OnError::Continue))?;
        let mut done = Vec::with_capacity(batch.len());
        for ((due, request), paid) in batch.iter().zip(&requests).zip(paid) {
            done.push(win_done(due, request.as_ref().ok(), paid));
        }
        Ok(done)
    };
    let describe = |report: &_| Failure::from(report);
    let paid = budget.spend(|| subtransaction::catch(is_of_the_item, describe, pay));
    let Ok(paid) = paid else { return false };
    for (due, done) in batch.iter().zip(paid) {
        finish(due, done, tally);
    }
    true
}

/// What came of a win.
fn win_done(due: &Due, request: Option<&win::Request<'_>>, paid: Paid) -> Result<Done, Failure> {
    match paid {
        Ok(paid) => {
            let won = Won {
                id: due.id,
                win_id: paid.win_id,
                pool: paid.pool,
                win_amount: paid.win_amount,
                operation_id: request.and_then(|win| win.operation_id).map(str::to_owned),
            };
            let won = if paid.replayed { Vec::new() } else { vec![won] };
            won.iter().for_each(announce);
            Ok(Done { ledger_id: None, win_id: Some(paid.win_id), won, put_aside: Vec::new() })
        }
        Err(error) => {
            // A cycle that is over does not come back.
            let is_over = error.token == Token::VersionConflict
                && request.is_some_and(|win| win.expected_cycle.is_some());
            let failure = Failure::from(error);
            let is_transient = failure.is_transient && !is_over;
            Err(Failure { is_transient, ..failure })
        }
    }
}

/// Tries an entry, and writes down what became of it.
fn attempt(due: &Due, budget: &mut Budget, tally: &mut Tally) {
    let describe = |report: &_| Failure::from(report);
    let done = match due.kind {
        // It has a care of its own for what fails.
        Kind::Draw => draw_left(due, budget),
        _ => budget.spend(|| {
            subtransaction::catch(is_of_the_item, describe, || {
                session::acting_for(&due.actor, || carry_out(due))
            })
        }),
    };
    finish(due, done, tally);
}

/// Writes down what became of an entry.
fn finish(due: &Due, done: Result<Done, Failure>, tally: &mut Tally) {
    match done {
        Ok(done) => {
            tally.count_wins(&done.won);
            match done.put_aside.first() {
                None => {
                    let is_last =
                        due.kind != Kind::Draw || !request::others_wait(due.id, due.entry);
                    tally.processed += i64::from(is_last);
                    let applied = Outcome::Applied(done.ledger_id, done.win_id);
                    request::tried(due.entry, due.id, &applied);
                }
                // Each has an entry of its own from now on.
                Some(first) => {
                    request::tried(due.entry, due.id, &Outcome::Failed(&first.failure, true));
                }
            }
            put_aside(&done.put_aside, Some(due.id), due.attempts + 1, tally);
        }
        Err(failure) => {
            let again = retry_at(&failure, due.attempts + 1);
            request::tried(due.entry, due.id, &Outcome::Failed(&failure, again.is_some()));
            try_again(due, &failure, again, tally);
        }
    }
}

fn try_again(
    due: &Due,
    failure: &Failure,
    again: Option<TimestampWithTimeZone>,
    tally: &mut Tally,
) {
    let Due { id, kind, priority, payload, .. } = *due;
    let attempts = due.attempts + 1;
    match again {
        Some(due_at) => {
            tally.retried += 1;
            Request { id, kind, priority, due_at, attempts, actor: &due.actor, payload }.insert();
        }
        None => {
            tally.failed += 1;
            let (source, kind) = (Source::Queue, Some(kind.as_str()));
            let letter = DeadLetter { id, source, kind, priority, payload, attempts, failure };
            if failure.token == Token::OperationVoided.as_str() {
                letter.write_discarded("the wager was voided");
            } else {
                letter.write();
            }
        }
    }
}

/// Has draws that could not be decided or paid tried again, each by itself.
/// They stay under the item's number, or get that of their ledger row.
pub fn put_aside(draws: &[PutAside], item: Option<i64>, attempts: i32, tally: &mut Tally) {
    for PutAside { id, priority, pool_id, evidence, cycle, failure } in draws {
        let evidence = evidence.as_ref().map_or(Value::Null, Evidence::to_json);
        let payload = json!({
            "ledger_id": id, "pool_id": pool_id, "evidence": evidence, "cycle": cycle,
        });
        let due = Due {
            entry: 0,
            due_at: 0,
            id: item.unwrap_or(*id),
            kind: Kind::Draw,
            priority: *priority,
            attempts: attempts - 1,
            actor: session::actor("enqueue_spin"),
            payload: RawJson::parse(&payload.to_string()),
        };
        // A hit waits until its pool is resumed, which wakes it.
        let is_paused = failure.token == Token::PoolNotActive.as_str();
        let again = if is_paused { Some(request::never()) } else { retry_at(failure, attempts) };
        try_again(&due, failure, again, tally);
    }
}

/// When what has failed is tried again, if another try may mend it.
fn retry_at(failure: &Failure, attempts: i32) -> Option<TimestampWithTimeZone> {
    let may_be_tried = failure.is_transient && attempts < guc::QUEUE_MAX_ATTEMPTS.get();
    may_be_tried.then(|| later(attempts))
}

/// Later after each try, and not for all at once.
fn later(attempts: i32) -> TimestampWithTimeZone {
    let first = i64::from(guc::RETRY_DELAY.get().max(1));
    let delay = (first << attempts.clamp(1, 16).saturating_sub(1)).min(LONGEST_DELAY);
    // From half of it to once and a half.
    let jitter = below(delay.unsigned_abs().into(), &mut random::Strong);
    let delay = delay / 2 + i64::try_from(jitter).unwrap_or(0);
    TimestampWithTimeZone::try_from(session::clock() + delay * 1_000).unwrap_or_else(|_| now())
}

fn carry_out(due: &Due) -> Result<Done, Failure> {
    let text = due.payload.text();
    match due.kind {
        Kind::Win => {
            let item: Win = read(&text)?;
            let request = item.request()?;
            win_done(due, Some(&request), win::win(request))
        }
        Kind::Spin | Kind::Contribution => {
            let item: Wager = read(&text)?;
            let kind = match due.kind {
                Kind::Spin => wager::Kind::Spin,
                _ => wager::Kind::Contribute,
            };
            let request = item.request(kind)?;
            let outcome = play_one(request, false)?;
            let lines = outcome.lines.iter().filter(|_| !outcome.replayed);
            let won = lines.filter_map(|line| {
                let (win_id, win_amount) = line.won?;
                let operation_id = request.operation_id.map(str::to_owned);
                Some(Won {
                    id: due.id,
                    win_id,
                    pool: line.pool.to_string(),
                    win_amount,
                    operation_id,
                })
            });
            let won: Vec<Won> = won.collect();
            won.iter().for_each(announce);
            Ok(Done { ledger_id: outcome.ledger_id, win_id: None, won, put_aside: Vec::new() })
        }
        Kind::Draw => Err(Error::invalid("a draw is no call", "it is drawn for").into()),
    }
}

/// Draws what is left to be drawn of a wager that is in the ledger.
fn draw_left(due: &Due, budget: &mut Budget) -> Result<Done, Failure> {
    let left: Left = read(&due.payload.text())?;
    let ledger_id = left.ledger_id.unwrap_or(due.id);
    let Some(mut spin) = spins::find(ledger_id) else {
        let unknown = format!("ledger row {ledger_id} is not there");
        return Err(Error::new(Token::UnknownItem, unknown, "its draw was put aside").into());
    };
    if let Some(pool_id) = left.pool_id {
        spin.fed.retain(|fed| fed.pool_id == pool_id);
    }
    spin.priority = due.priority;
    let evidence = left.evidence.as_ref().and_then(Evidence::drawn_from_json);
    let kept = Kept { evidence, cycle: left.cycle };
    let Drawn { won, put_aside } = draw(&[spin], None, &kept, budget)?;
    Ok(Done { ledger_id: Some(ledger_id), win_id: None, won, put_aside })
}

/// What is left of a draw.
#[derive(Deserialize)]
struct Left {
    ledger_id: Option<i64>,
    pool_id: Option<i32>,
    evidence: Option<Value>,
    cycle: Option<i64>,
}

fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Error> {
    serde_json::from_str(text)
        .map_err(|error| Error::invalid("the item is malformed", error.to_string()))
}
