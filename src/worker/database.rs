//! The worker of one database: drains the queue when something was enqueued, settles while wagers
//! come in, makes the ledger's partitions, and sleeps.

use crate::call::Call;
use crate::guc;
use crate::shmem::workers::{self, Slot};
use crate::store::queue::process;
use crate::store::session::clock;
use crate::store::statement::run;
use crate::store::{lock, partition, settle};
use crate::worker::transaction::{has_extension, in_extension, transaction};
use crate::worker::watch::Watch;
use crate::worker::{handle_signals, is_listed, wait};
use pgrx::{pg_guard, pg_sys};
use std::ffi::CStr;
use std::sync::atomic::Ordering;

/// Between two rounds, so that under load one round does the work of many.
const MILLISECONDS_BETWEEN_ROUNDS: i64 = 5;
/// How often it looks up without being woken: whether the database is still its own, and for what
/// was prepared elsewhere and then committed.
const MILLISECONDS_BETWEEN_LOOKS: i64 = 1_000;
/// How long it rests after an error; twice as often after each further one, up to the limit.
const MILLISECONDS_AFTER_ERROR: i64 = 250;
const WAITS_AFTER_ERROR: i32 = 20;
/// How often it settles what no commit has told of.
const MICROSECONDS_BETWEEN_UPKEEP: i64 = 60_000_000;

/// The worker's whole life; the argument is the database.
#[pg_guard]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn jackpot_worker_main(database: pg_sys::Datum) {
    handle_signals();
    // SAFETY: once, at the start of the process; with the rights of the bootstrap superuser, from
    // which each call goes over to the owner's.
    unsafe {
        let database = pg_sys::Oid::from(database.value() as u32);
        pg_sys::BackgroundWorkerInitializeConnectionByOid(database, pg_sys::InvalidOid, 0);
    }
    set_up();
    let is_alone = transaction(|| {
        if !has_extension() {
            workers::forget();
        }
        Ok(may_stay() && lock::try_worker())
    });
    if is_alone != Ok(true) {
        return;
    }
    let Some(slot) = workers::slot() else {
        pgrx::warning!("more databases use the jackpot extension than can have a worker");
        return;
    };
    slot.take(clock());
    slot.has_extension.store(true, Ordering::Relaxed);
    // SAFETY: the callback outlives the process.
    unsafe { pg_sys::before_shmem_exit(Some(leave), pg_sys::Datum::null()) };
    Worker::new(slot).work();
}

#[pg_guard]
unsafe extern "C-unwind" fn leave(_code: i32, _argument: pg_sys::Datum) {
    if let Some(slot) = workers::slot() {
        slot.leave();
    }
}

/// What a role or a database has set for its sessions is not meant for the worker.
fn set_up() {
    let settings = [
        (c"application_name", c"jackpot worker"),
        (c"default_transaction_isolation", c"read committed"),
        (c"default_transaction_read_only", c"off"),
        (c"default_transaction_deferrable", c"off"),
        (c"statement_timeout", c"0"),
        (c"lock_timeout", c"0"),
        (c"idle_in_transaction_session_timeout", c"0"),
    ];
    for (name, value) in settings {
        // SAFETY: existing settings, as NUL-terminated text.
        unsafe {
            pg_sys::SetConfigOption(
                name.as_ptr(),
                value.as_ptr(),
                pg_sys::GucContext::PGC_SUSET,
                pg_sys::GucSource::PGC_S_OVERRIDE,
            );
        }
    }
}

/// Whether the worker has a place here: the extension is there, the database is in the list, and
/// nobody wants it for himself. In a transaction.
fn may_stay() -> bool {
    has_extension() && is_in_list() && lock::try_database()
}

fn is_in_list() -> bool {
    // SAFETY: inside a transaction; the name is palloc'd, and null only for a database that is no
    // more.
    unsafe {
        let name = pg_sys::get_database_name(pg_sys::MyDatabaseId);
        !name.is_null() && is_listed(CStr::from_ptr(name), false)
    }
}

/// The worker's work and when it is due (microseconds since 2000).
struct Worker {
    slot: &'static Slot,
    /// What had been enqueued when it looked last.
    enqueued: u64,
    /// Something may be left of the last round.
    has_more: bool,
    next_due: i64,
    last_round: i64,
    last_settled: i64,
    last_upkeep: i64,
    last_stay: i64,
    watch: Watch,
    errors: i32,
}

impl Worker {
    fn new(slot: &'static Slot) -> Self {
        Worker {
            slot,
            enqueued: 0,
            has_more: true,
            next_due: i64::MAX,
            last_round: 0,
            last_settled: 0,
            last_upkeep: 0,
            last_stay: clock(),
            watch: Watch::default(),
            errors: 0,
        }
    }

    fn work(mut self) {
        loop {
            let done = self.step();
            let pause = match done {
                Ok(true) => self.pause(),
                Ok(false) => return,
                Err(message) => {
                    pgrx::log!("jackpot worker: {message}");
                    self.slot.fail(&message, clock());
                    self.has_more = true;
                    self.errors += 1;
                    // In short waits, to be gone soon when it must.
                    for _ in 0..WAITS_AFTER_ERROR.min(1 << self.errors.min(10)) {
                        wait(MILLISECONDS_AFTER_ERROR, false);
                    }
                    0
                }
            };
            // SAFETY: outside of a transaction; sends what was counted of tables' changes.
            unsafe { pg_sys::pgstat_report_stat(false) };
            if wait(pause, true) {
                self.last_stay = 0;
            }
            self.slot.last_round_at.store(clock(), Ordering::Relaxed);
        }
    }

    /// Does what is due. False when the worker must go.
    fn step(&mut self) -> Result<bool, String> {
        let now = clock();
        if now - self.last_stay >= MILLISECONDS_BETWEEN_LOOKS * 1_000 {
            self.last_stay = now;
            if !transaction(|| Ok(self.may_stay()))? {
                return Ok(false);
            }
        }
        let done = self.drain().and_then(|()| self.settle());
        // Whatever is wrong here keeps nobody waiting, and what is wrong there is watched all the more.
        if let Err(message) = self.watch.step() {
            pgrx::log!("jackpot worker: {message}");
            self.slot.fail(&message, clock());
        }
        done?;
        self.errors = 0;
        Ok(true)
    }

    /// In a transaction.
    fn may_stay(&self) -> bool {
        self.slot.has_extension.store(has_extension(), Ordering::Relaxed);
        may_stay()
    }

    /// Processes a piece of the queue, if there may be one.
    fn drain(&mut self) -> Result<(), String> {
        let now = clock();
        let enqueued = self.slot.enqueued.load(Ordering::Acquire);
        let is_due = self.has_more
            || enqueued != self.enqueued
            || now >= self.next_due
            || now - self.last_round >= MILLISECONDS_BETWEEN_LOOKS * 1_000;
        if !is_due {
            return Ok(());
        }
        let rest = self.last_round + MILLISECONDS_BETWEEN_ROUNDS * 1_000 - now;
        if rest > 0 && !self.has_more {
            wait(rest / 1_000 + 1, false);
        }
        // Before looking: what comes meanwhile is seen next time at the latest.
        self.enqueued = self.slot.enqueued.load(Ordering::Acquire);
        self.last_round = clock();
        let mut round = None;
        in_extension(Call::ProcessQueue, || {
            round = process::round(usize::MAX)?;
            Ok(())
        })?;
        match round {
            Some(round) => {
                self.has_more = !round.is_done;
                self.next_due = round.next_due.unwrap_or(i64::MAX);
                if round.tally.retried > 0 {
                    let soonest = i64::from(guc::RETRY_DELAY.get()) * 1_000 / 2;
                    self.next_due = self.next_due.min(clock() + soonest);
                }
            }
            // Another session is at it; what it leaves is found at the next look.
            None => (self.has_more, self.next_due) = (false, i64::MAX),
        }
        Ok(())
    }

    /// Settles, if something was appended and it is time or it is much.
    fn settle(&mut self) -> Result<(), String> {
        let now = clock();
        let appended = self.slot.appended.load(Ordering::Relaxed);
        let new = appended.saturating_sub(self.slot.settled.load(Ordering::Relaxed));
        let interval = i64::from(guc::SETTLE_INTERVAL.get()) * 1_000;
        let is_upkeep = now - self.last_upkeep >= MICROSECONDS_BETWEEN_UPKEEP;
        let is_due = new > 0
            && (now - self.last_settled >= interval
                || new >= u64::from(guc::SETTLE_ROWS.get().unsigned_abs()));
        if !is_due && !is_upkeep {
            return Ok(());
        }
        self.last_settled = now;
        in_extension(Call::Settle, || {
            // A settlement that is lost is made again.
            run("SET LOCAL synchronous_commit = off");
            if is_due { settle::settle() } else { settle::settle_if_needed() }.map(drop)
        })?;
        self.slot.settled.store(appended, Ordering::Relaxed);
        if is_upkeep {
            self.last_upkeep = now;
            in_extension(Call::Settle, || {
                partition::ensure();
                Ok(())
            })?;
        }
        Ok(())
    }

    /// How long there is nothing to do unless it is woken, in milliseconds.
    fn pause(&self) -> i64 {
        if self.has_more || self.slot.enqueued.load(Ordering::Acquire) != self.enqueued {
            return 0;
        }
        let now = clock();
        let appended = self.slot.appended.load(Ordering::Relaxed);
        let mut until = now + MILLISECONDS_BETWEEN_LOOKS * 1_000;
        until = until.min(self.next_due).min(self.watch.next_due());
        if appended != self.slot.settled.load(Ordering::Relaxed) {
            until = until.min(self.last_settled + i64::from(guc::SETTLE_INTERVAL.get()) * 1_000);
        }
        ((until - now) / 1_000).max(1)
    }
}
