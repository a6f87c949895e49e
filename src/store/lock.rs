//! The gate and the pools' queues: advisory locks in a key space of their own.
//!
//! Lock order everywhere: migrations, inbox, the queue's mark, gate, operation ids in their order, pools by id,
//! mark.

use crate::guc;
use crate::shmem::metrics::{self, Waiting};
use crate::store::session::{Patience, clock};
use crate::store::subtransaction;
use jackpot_core::{Error, Token};
use pgrx::PgSqlErrorCode;
use pgrx::pg_sys;

/// Sets these locks apart from the advisory locks of users (which have 1 and 2 here).
const KEY_SPACE: u16 = 0x4A50;
const GATE: (u32, u32) = (0, 0);
const INBOX: (u32, u32) = (2, 0);
const WORKER: (u32, u32) = (3, 0);
const MIGRATIONS: (u32, u32) = (4, 0);

/// How long one attempt at the gate may hold up the bets that come after it.
const ATTEMPT_MILLISECONDS: i32 = 50;

/// Every bet holds the gate with others, to the end of its transaction.
pub fn pass_gate() {
    acquire(GATE, pg_sys::ShareLock);
}

/// Closes the gate to bets until the end of the transaction: waits for those in flight, in short
/// attempts, so that bets do not queue behind a waiting administrator. 55P03 when
/// `jackpot.lock_timeout` has passed.
pub fn close_gate() -> Result<(), Error> {
    let started = clock();
    let limit = i64::from(guc::LOCK_TIMEOUT.get()) * 1_000;
    let is_timeout = |code| code == PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE;
    for attempt in 0u32.. {
        let closed = subtransaction::attempt(is_timeout, || {
            let _patience = Patience::limit(ATTEMPT_MILLISECONDS);
            acquire(GATE, pg_sys::ExclusiveLock);
        });
        if closed.is_some() {
            return Ok(());
        }
        if limit > 0 && clock() - started >= limit {
            break;
        }
        pause(i64::from(ATTEMPT_MILLISECONDS) << attempt.min(3));
    }
    Err(Error::new(
        Token::LockTimeout,
        "bets in flight did not end in time",
        format!("jackpot.lock_timeout is {} ms", guc::LOCK_TIMEOUT.get()),
    )
    .hint("A transaction that contributed is still open; pg_stat_activity shows it."))
}

/// Waits for the pool's turn. Queueing here instead of on the pool's row triples the throughput
/// of those who must take turns; the row lock behind it is what counts.
pub fn queue_for_pool(pool_id: i32) {
    let tag = advisory((1, pool_id.cast_unsigned()));
    acquire_tag(&tag, pg_sys::ExclusiveLock, Some(pool_id));
}

/// Whether this transaction applies the inbox now, until its end; one at a time does.
pub fn try_inbox() -> bool {
    let tag = advisory(INBOX);
    lock(&tag, pg_sys::ExclusiveLock, Until::TransactionEnds, true)
}

/// Waits until no other transaction moves anything in or back, and is the one that does until it ends.
pub fn take_migrations() {
    acquire(MIGRATIONS, pg_sys::ExclusiveLock);
}

/// Whether this process is the database's one worker, until it ends.
pub fn try_worker() -> bool {
    lock(&advisory(WORKER), pg_sys::ExclusiveLock, Until::ProcessEnds, true)
}

/// Whether nobody wants the database for itself, as DROP, ALTER and CREATE DATABASE with it as the
/// template do; until the transaction ends nobody will have it.
pub fn try_database() -> bool {
    // SAFETY: set in every process that is connected to a database.
    let database = unsafe { pg_sys::MyDatabaseId };
    // It belongs to no database.
    let tag = object(pg_sys::InvalidOid, pg_sys::DatabaseRelationId, database);
    lock(&tag, pg_sys::RowExclusiveLock, Until::TransactionEnds, true)
}

/// Whether nobody is dropping or altering the extension; until the transaction ends nobody will.
/// DROP EXTENSION locks the extension first and its relations in an order of its own.
pub fn try_extension(extension: pg_sys::Oid) -> bool {
    // SAFETY: as above.
    let database = unsafe { pg_sys::MyDatabaseId };
    let tag = object(database, pg_sys::ExtensionRelationId, extension);
    lock(&tag, pg_sys::AccessShareLock, Until::TransactionEnds, true)
}

fn object(database: pg_sys::Oid, catalogue: pg_sys::Oid, object: pg_sys::Oid) -> pg_sys::LOCKTAG {
    pg_sys::LOCKTAG {
        locktag_field1: database.to_u32(),
        locktag_field2: catalogue.to_u32(),
        locktag_field3: object.to_u32(),
        locktag_field4: 0,
        locktag_type: pg_sys::LockTagType::LOCKTAG_OBJECT as u8,
        locktag_lockmethodid: pg_sys::DEFAULT_LOCKMETHOD as u8,
    }
}

/// Runs `attempt` until it has a result, with pauses that double; 40001 when
/// `jackpot.max_retry_attempts` are used up.
pub fn retry<T>(
    what: &str,
    mut attempt: impl FnMut() -> Result<Option<T>, Error>,
) -> Result<T, Error> {
    let retries = guc::MAX_RETRY_ATTEMPTS.get();
    for count in 0..=retries {
        if count > 0 {
            metrics::retry();
            pause(i64::from(guc::RETRY_DELAY.get()) << (count - 1).min(10));
        }
        if let Some(done) = attempt()? {
            return Ok(done);
        }
    }
    Err(Error::new(
        Token::VersionConflict,
        format!("{what} met conflicting changes"),
        format!("gave up after {retries} retries (jackpot.max_retry_attempts)"),
    )
    .hint("Run the transaction again."))
}

fn acquire(key: (u32, u32), mode: u32) {
    acquire_tag(&advisory(key), mode, None);
}

/// Takes a lock, and counts waiting for it.
fn acquire_tag(tag: &pg_sys::LOCKTAG, mode: u32, pool_id: Option<i32>) {
    if !lock(tag, mode, Until::TransactionEnds, true) {
        let _waiting = Waiting::begin(pool_id);
        lock(tag, mode, Until::TransactionEnds, false);
    }
}

fn advisory((one, two): (u32, u32)) -> pg_sys::LOCKTAG {
    pg_sys::LOCKTAG {
        // SAFETY: set in every backend that runs functions.
        locktag_field1: unsafe { pg_sys::MyDatabaseId.to_u32() },
        locktag_field2: one,
        locktag_field3: two,
        locktag_field4: KEY_SPACE,
        locktag_type: pg_sys::LockTagType::LOCKTAG_ADVISORY as u8,
        locktag_lockmethodid: pg_sys::USER_LOCKMETHOD as u8,
    }
}

/// How long a lock is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    TransactionEnds,
    ProcessEnds,
}

/// Takes a lock; false when it was not to be waited for and is not free.
fn lock(tag: &pg_sys::LOCKTAG, mode: u32, until: Until, dont_wait: bool) -> bool {
    let is_of_session = until == Until::ProcessEnds;
    // SAFETY: the tag is complete and LockAcquire copies it.
    let taken = unsafe { pg_sys::LockAcquire(tag, mode as i32, is_of_session, dont_wait) };
    taken != pg_sys::LockAcquireResult::LOCKACQUIRE_NOT_AVAIL
}

/// Sleeps so many milliseconds, or until the statement is cancelled.
fn pause(milliseconds: i64) {
    let until = clock() + milliseconds * 1_000;
    while clock() < until {
        pgrx::check_for_interrupts!();
        // SAFETY: only sleeps.
        unsafe { pg_sys::pg_usleep((until - clock()).clamp(1, 10_000)) };
    }
}
