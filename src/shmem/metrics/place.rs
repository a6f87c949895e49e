//! Where each counter of a database stands. All of them are one list, so that what a transaction
//! has done is a list of places and of what is to be added there.

use crate::call::Call;
use jackpot_core::{BUCKETS, Token};

/// A counter's place in the list.
pub type Place = u32;

/// What is counted of each call.
#[derive(Clone, Copy)]
pub enum OfCall {
    /// Calls that have committed.
    Calls,
    /// Those that returned what an earlier call had done.
    Replays,
    /// Ledger rows and wins that they wrote, or rows that they settled.
    Rows,
    /// How long they took.
    Microseconds,
    /// How long the longest took.
    MaxMicroseconds,
    /// Versions or cycles that were not as expected, serialization failures.
    Conflicts,
    /// How often something was tried again after a conflict.
    Retries,
    /// How often a lock was waited for.
    LockWaits,
    /// How long locks were waited for.
    LockWaitMicroseconds,
    /// Deadlocks that PostgreSQL broke.
    Deadlocks,
}

/// What is counted of each pool.
#[derive(Clone, Copy)]
pub enum OfPool {
    /// Contributions.
    Bets,
    /// Their wagers, in minor units of the pool's currency.
    Wagered,
    /// What they gave to meter and reserve, in micros.
    Contributed,
    /// Contributions that were taken back.
    Voids,
    /// Wins.
    Wins,
    /// What they paid, in minor units.
    Won,
    /// How often the pool's lock was waited for.
    LockWaits,
    /// How long.
    LockWaitMicroseconds,
}

/// What is counted of the database as a whole.
#[derive(Clone, Copy)]
pub enum OfDatabase {
    /// Items of the queue that were done.
    Processed,
    /// Those that became dead letters.
    Failed,
    /// Tries that were to be repeated.
    Retried,
    /// Items that were enqueued.
    Enqueued,
    /// Readings of the ticker that shared memory answered.
    TickerFromMemory,
    /// Those that the tables answered.
    TickerFromTables,
    /// Counts of prepared transactions for which there was no room.
    Lost,
}

/// Pools that are counted for each database; what more there are, are not.
pub const POOLS: usize = 64;
/// What is counted of a pool.
pub const OF_POOL: usize = OfPool::LockWaitMicroseconds as usize + 1;
const OF_DATABASE: usize = OfDatabase::Lost as usize + 1;

/// Errors that have no token.
pub const OTHER_ERRORS: [&str; 3] = ["deadlock_detected", "query_canceled", "other"];
/// The kinds of errors.
pub const ERRORS: usize = Token::ALL.len() + OTHER_ERRORS.len();

const FIRST_ERROR: usize = OfCall::Deadlocks as usize + 1;
const FIRST_BUCKET: usize = FIRST_ERROR + ERRORS;
const SIZE_OF_CALL: usize = FIRST_BUCKET + BUCKETS;
const FIRST_POOL: usize = SIZE_OF_CALL * Call::ALL.len();
const FIRST_OF_DATABASE: usize = FIRST_POOL + OF_POOL * POOLS;
/// How many counters a database has.
pub const PLACES: usize = FIRST_OF_DATABASE + OF_DATABASE;

/// Of a call.
pub const fn of_call(call: Call, what: OfCall) -> Place {
    (call as usize * SIZE_OF_CALL + what as usize) as Place
}

/// Of a call's errors: one of the tokens in their order, then of the others.
pub const fn error(call: Call, kind: usize) -> Place {
    (call as usize * SIZE_OF_CALL + FIRST_ERROR + kind) as Place
}

/// Of a call's latencies.
pub const fn bucket(call: Call, bucket: usize) -> Place {
    (call as usize * SIZE_OF_CALL + FIRST_BUCKET + bucket) as Place
}

/// Of a pool, by its place among the pools that are counted.
pub const fn of_pool(pool: usize, what: OfPool) -> Place {
    (FIRST_POOL + pool * OF_POOL + what as usize) as Place
}

/// Of the database.
pub const fn of_database(what: OfDatabase) -> Place {
    (FIRST_OF_DATABASE + what as usize) as Place
}

/// Whether what is added there is a maximum.
pub const fn is_maximum(place: Place) -> bool {
    let place = place as usize;
    place < FIRST_POOL && place % SIZE_OF_CALL == OfCall::MaxMicroseconds as usize
}

/// Whether calls that move money are counted there.
pub const fn counts_calls(place: Place) -> bool {
    let place = place as usize;
    place < SIZE_OF_CALL * (Call::Void as usize + 1) && place.is_multiple_of(SIZE_OF_CALL)
}
