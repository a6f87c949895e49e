//! Counting calls. What has been done counts when its transaction commits ([`pending`]); what went
//! wrong, and waiting, count at once, as they happened whatever becomes of the transaction.

pub mod board;
mod pending;
pub mod place;
mod prepared;

pub use pending::watch;
pub use prepared::{forget, keep_databases, resolve};

use crate::call::Call;
use crate::guc;
use crate::shmem::activity;
use crate::store::relations;
use crate::store::tail::Sum;
use board::Database;
use jackpot_core::{Error, Token, bucket};
use pending::Fed;
use pgrx::{PgSqlErrorCode, pg_sys};
use place::{OTHER_ERRORS, OfCall, OfDatabase, OfPool};
use std::cell::Cell;
use std::time::Instant;

/// Asks for the memory; from `_PG_init` while the server starts.
pub fn init() {
    board::init();
    prepared::init();
}

thread_local! {
    /// The call that is being made, if it is counted.
    static CURRENT: Cell<Option<Call>> = const { Cell::new(None) };
}

/// A call that is being made.
pub struct Running {
    call: Call,
    outer: Option<Call>,
    /// Absent where nothing is counted.
    began: Option<Instant>,
}

/// A call begins.
pub fn begin(call: Call) -> Running {
    let is_counted = call.is_counted() && guc::METRICS.get() && board::database().is_some();
    let outer = CURRENT.replace(is_counted.then_some(call));
    if is_counted {
        activity::enter(call);
    }
    Running { call, outer, began: is_counted.then(Instant::now) }
}

impl Running {
    /// It has done what it was asked for.
    pub fn is_done(&self) {
        let Some(began) = self.began else { return };
        let microseconds = elapsed(began);
        pending::add_all(&[
            (place::of_call(self.call, OfCall::Calls), 1),
            (place::of_call(self.call, OfCall::Microseconds), microseconds),
            (place::of_call(self.call, OfCall::MaxMicroseconds), microseconds),
            (place::bucket(self.call, bucket(microseconds)), 1),
        ]);
    }

    /// It was refused.
    pub fn is_refused(&self, error: &Error) {
        if error.token == Token::VersionConflict {
            conflict();
        }
        self.failed(error.token as usize);
    }

    /// PostgreSQL has raised an error.
    pub fn has_failed(&self, code: PgSqlErrorCode) {
        let other = match code {
            PgSqlErrorCode::ERRCODE_T_R_DEADLOCK_DETECTED => {
                count(OfCall::Deadlocks, 1);
                0
            }
            PgSqlErrorCode::ERRCODE_QUERY_CANCELED => 1,
            _ => OTHER_ERRORS.len() - 1,
        };
        self.failed(Token::ALL.len() + other);
    }

    fn failed(&self, kind: usize) {
        if self.began.is_none() {
            return;
        }
        let Some(database) = board::database() else { return };
        database.add(place::error(self.call, kind), 1);
        if self.call.moves_money() {
            database.errors.add(1, now());
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        CURRENT.set(self.outer);
    }
}

/// Adds to what is counted of the present call, at once.
fn count(what: OfCall, value: u64) {
    if let Some(call) = CURRENT.get()
        && let Some(database) = board::database()
    {
        database.add(place::of_call(call, what), value);
    }
}

/// Something was not as expected, or had changed meanwhile.
pub fn conflict() {
    let Some(call) = CURRENT.get() else { return };
    count(OfCall::Conflicts, 1);
    if call.moves_money()
        && let Some(database) = board::database()
    {
        database.conflicts.add(1, now());
    }
}

/// Something is tried again after a conflict.
pub fn retry() {
    conflict();
    count(OfCall::Retries, 1);
}

/// The present call returns what an earlier one has done.
pub fn replayed() {
    if let Some(call) = CURRENT.get() {
        pending::add(place::of_call(call, OfCall::Replays), 1);
    }
}

/// The present call has written, or settled, so many rows.
pub fn wrote(rows: u64) {
    if let Some(call) = CURRENT.get()
        && rows > 0
    {
        pending::add(place::of_call(call, OfCall::Rows), rows);
    }
}

/// Something of the database as a whole, which counts when the transaction commits.
pub fn add(what: OfDatabase, value: u64) {
    if value > 0 && guc::METRICS.get() {
        pending::add(place::of_database(what), value);
    }
}

/// Something of the database as a whole that the present call does, which counts at once.
pub fn add_now(what: OfDatabase) {
    if CURRENT.get().is_some()
        && let Some(database) = board::database()
    {
        database.add(place::of_database(what), 1);
    }
}

/// Rows of the ledger that were appended: what they gave to each pool.
pub fn fed(ledger: pg_sys::Oid, sums: impl Iterator<Item = (i32, Sum)>) {
    let Some(database) = counted_pools(ledger) else { return };
    let unsigned = |value: i128| value.clamp(0, i128::from(u64::MAX)) as u64;
    pending::feed(sums.filter_map(|(pool_id, sum)| {
        Some(Fed {
            pool: database.pool(pool_id)?,
            bets: sum.contributions.unsigned_abs(),
            wagered: unsigned(sum.wagered),
            contributed: unsigned(sum.display + sum.reserve + sum.voided),
            voids: sum.voids.unsigned_abs(),
        })
    }));
}

/// A win of so many minor units.
pub fn won(ledger: pg_sys::Oid, pool_id: i32, win_amount: i64) {
    let Some(database) = counted_pools(ledger) else { return };
    if let Some(pool) = database.pool(pool_id) {
        pending::add_all(&[
            (place::of_pool(pool, OfPool::Wins), 1),
            (place::of_pool(pool, OfPool::Won), win_amount.unsigned_abs()),
        ]);
    }
}

/// A contribution of an earlier cycle was taken back.
pub fn took_back(ledger: pg_sys::Oid, pool_id: i32) {
    let Some(database) = counted_pools(ledger) else { return };
    if let Some(pool) = database.pool(pool_id) {
        pending::add(place::of_pool(pool, OfPool::Voids), 1);
    }
}

fn counted_pools(ledger: pg_sys::Oid) -> Option<&'static Database> {
    CURRENT.get()?;
    adopted(ledger)
}

/// This database's counters, of that ledger; `None` while it may yet be undone that it was made.
pub fn adopted(ledger: pg_sys::Oid) -> Option<&'static Database> {
    let database = board::database()?;
    if !database.is_of(ledger) {
        if relations::is_made_here(ledger) {
            return None;
        }
        database.set_ledger(ledger);
    }
    Some(database)
}

/// Waiting for a lock, from when it is made until it is dropped: also if the lock is not had.
pub struct Waiting {
    began: Instant,
    pool_id: Option<i32>,
}

impl Waiting {
    /// For a pool, or for anything else.
    pub fn begin(pool_id: Option<i32>) -> Self {
        Waiting { began: Instant::now(), pool_id }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        waited(elapsed(self.began), self.pool_id);
    }
}

/// A lock was waited for.
pub fn waited(microseconds: u64, pool_id: Option<i32>) {
    count(OfCall::LockWaits, 1);
    count(OfCall::LockWaitMicroseconds, microseconds);
    if CURRENT.get().is_some()
        && let Some(database) = board::database()
        && let Some(pool) = pool_id.and_then(|pool_id| database.pool(pool_id))
    {
        database.add(place::of_pool(pool, OfPool::LockWaits), 1);
        database.add(place::of_pool(pool, OfPool::LockWaitMicroseconds), microseconds);
    }
}

fn elapsed(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX)
}

fn now() -> i64 {
    crate::store::session::clock()
}
