//! Background processes: a launcher, and a worker for each database that has the extension. The
//! worker drains the queue and settles, so that no bet has to; and it watches over all of it.

mod database;
mod launcher;
mod transaction;
mod watch;

use pgrx::bgworkers::{BackgroundWorkerBuilder, BgWorkerStartTime};
use pgrx::pg_sys;
use std::ffi::CStr;
use std::time::Duration;

/// How long after its end a process is started again.
const RESTART: Duration = Duration::from_secs(5);

/// Has the launcher started, if the server is starting; from `_PG_init`. pg_upgrade starts servers
/// that must not work by themselves, and a standby starts it when it is promoted.
pub fn init() {
    // SAFETY: both are set by the postmaster before it loads libraries.
    if unsafe { pg_sys::process_shared_preload_libraries_in_progress && !pg_sys::IsBinaryUpgrade } {
        BackgroundWorkerBuilder::new("jackpot launcher")
            .set_library("jackpot")
            .set_function("jackpot_launcher_main")
            .enable_spi_access()
            .set_start_time(BgWorkerStartTime::RecoveryFinished)
            .set_restart_time(Some(RESTART))
            .load();
    }
}

unsafe extern "C-unwind" {
    // As they are: pgrx wraps them into functions that cannot be handlers.
    fn die(signal: i32);
    #[allow(non_snake_case)]
    fn SignalHandlerForConfigReload(signal: i32);
}

/// PostgreSQL's own handlers: SIGTERM ends the process at the next interrupt check, also in the
/// middle of a statement; SIGHUP is noted.
fn handle_signals() {
    // SAFETY: handlers of PostgreSQL for this kind of process, set before signals are unblocked.
    unsafe {
        pg_sys::pqsignal(pg_sys::SIGTERM as i32, Some(die));
        pg_sys::pqsignal(pg_sys::SIGHUP as i32, Some(SignalHandlerForConfigReload));
        pg_sys::BackgroundWorkerUnblockSignals();
    }
}

/// Waits until it is woken or so much time has passed, and ends the process if that is asked for.
/// Tells whether the configuration was loaded anew.
fn wait(milliseconds: i64, may_be_woken: bool) -> bool {
    let events = pg_sys::WL_TIMEOUT | pg_sys::WL_EXIT_ON_PM_DEATH;
    let events = if may_be_woken { events | pg_sys::WL_LATCH_SET } else { events };
    // SAFETY: the latch is this process's own; the configuration is loaded outside of transactions.
    unsafe {
        pg_sys::WaitLatch(
            pg_sys::MyLatch,
            events as i32,
            milliseconds.max(0),
            pg_sys::PG_WAIT_EXTENSION,
        );
        if may_be_woken {
            pg_sys::ResetLatch(pg_sys::MyLatch);
        }
        pgrx::check_for_interrupts!();
        let is_reloaded = pg_sys::ConfigReloadPending != 0;
        if is_reloaded {
            pg_sys::ConfigReloadPending = 0;
            pg_sys::ProcessConfigFile(pg_sys::GucContext::PGC_SIGHUP);
        }
        is_reloaded
    }
}

/// Whether `jackpot.databases` names the database.
fn is_listed(name: &CStr, is_template: bool) -> bool {
    let list = crate::guc::DATABASES.get().unwrap_or_default();
    let (list, name) = (list.to_string_lossy(), name.to_string_lossy());
    let mut names = list.split(',').map(|listed| listed.trim().trim_matches('"'));
    names.any(|listed| if listed == "*" { !is_template } else { listed == name })
}
