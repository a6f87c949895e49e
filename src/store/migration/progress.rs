//! How far a migration is, where other sessions see it while nothing of it is committed: in the
//! numbers that PostgreSQL keeps of each session's command (those behind pg_stat_progress_copy).

use crate::store::migration::Step;
use crate::store::session::clock;
use pgrx::pg_sys;
use std::cell::Cell;

/// A command that PostgreSQL does not know: its own views do not show it.
const COMMAND: pg_sys::ProgressCommandType::Type = 0x6A70;

/// When a session began with a step, and how many rows were done then.
#[derive(Clone, Copy)]
struct Pace {
    migration_id: i64,
    step: Step,
    began: i64,
    before: i64,
}

thread_local! {
    /// The step goes on in the next call, batch after batch, and its pace with it.
    static PACE: Cell<Option<Pace>> = const { Cell::new(None) };
}

/// A step that is running. What is told of it ends with it.
pub struct Progress {
    pace: Pace,
    relation: pg_sys::Oid,
    total: i64,
}

impl Progress {
    /// Tells that a step begins, or goes on, with so many rows done.
    pub fn begin(
        migration_id: i64,
        relation: pg_sys::Oid,
        step: Step,
        (done, total): (i64, i64),
    ) -> Self {
        let is_same = |pace: &Pace| pace.migration_id == migration_id && pace.step == step;
        let pace = PACE.get().filter(is_same).unwrap_or(Pace {
            migration_id,
            step,
            began: clock(),
            before: done,
        });
        PACE.set(Some(pace));
        let progress = Progress { pace, relation, total };
        progress.advance(done);
        progress
    }

    /// Whether this session has been at it before.
    pub fn is_known(migration_id: i64) -> bool {
        PACE.get().is_some_and(|pace| pace.migration_id == migration_id)
    }

    /// Tells how many of its rows are done.
    pub fn advance(&self, done: i64) {
        let Pace { migration_id, step, began, before } = self.pace;
        let numbers = [migration_id, step as i64, done, self.total, began, before];
        let places = [0, 1, 2, 3, 4, 5];
        // SAFETY: writes this session's own entry; both arrays have as many elements as are told.
        // Started anew each time: a subtransaction that is rolled back ends the command.
        unsafe {
            pg_sys::pgstat_progress_start_command(COMMAND, self.relation);
            pg_sys::pgstat_progress_update_multi_param(
                places.len() as i32,
                places.as_ptr(),
                numbers.as_ptr(),
            );
        }
    }

    /// Leaves it standing for the next call, which goes on with the step: it is not interrupted
    /// between two batches.
    pub fn leave(self) {
        std::mem::forget(self);
    }

    /// Tells the client, too: rows done, their rate and the time that is left.
    pub fn tell(&self, done: i64) {
        self.advance(done);
        let seconds = (clock() - self.pace.began).max(1) as f64 / 1e6;
        let rate = (done - self.pace.before) as f64 / seconds;
        let left = (self.total - done).max(0) as f64 / rate.max(1e-9);
        pgrx::notice!(
            "migration {}: {} {done} of {}, {rate:.0} a second, {left:.0} s left",
            self.pace.migration_id,
            self.pace.step.as_str(),
            self.total
        );
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: writes this session's own entry; an abort does the same.
            unsafe { pg_sys::pgstat_progress_end_command() };
        }
    }
}

/// What a session tells of its migration.
pub struct Running {
    /// The session's process.
    pub pid: i32,
    /// The migration.
    pub migration_id: i64,
    /// The table that it reads, or 0.
    pub relation: pg_sys::Oid,
    /// The step that is running.
    pub step: &'static str,
    /// How many of its rows are done.
    pub done: i64,
    /// How many it has.
    pub total: i64,
    /// When the session began with the step (microseconds since 2000).
    pub began: i64,
    /// How many were done then.
    pub before: i64,
}

/// The migrations that sessions of this database run now.
pub fn running() -> Vec<Running> {
    let mut running = Vec::new();
    // SAFETY: PostgreSQL copies all sessions' entries for this transaction when the first is asked
    // for; numbers count from 1.
    unsafe {
        for number in 1..=pg_sys::pgstat_fetch_stat_numbackends() {
            let entry = pg_sys::pgstat_fetch_stat_local_beentry(number);
            let Some(status) = entry.as_ref().map(|entry| &entry.backendStatus) else { continue };
            if status.st_procpid == 0
                || status.st_databaseid != pg_sys::MyDatabaseId
                || status.st_progress_command != COMMAND
                || status.st_state != pg_sys::BackendState::STATE_RUNNING
            {
                continue;
            }
            let [migration_id, step, done, total, began, before, ..] = status.st_progress_param;
            let Some(step) = Step::ALL.iter().find(|known| **known as i64 == step) else {
                continue;
            };
            running.push(Running {
                pid: status.st_procpid,
                migration_id,
                relation: status.st_progress_command_target,
                step: step.as_str(),
                done,
                total,
                began,
                before,
            });
        }
    }
    running
}
