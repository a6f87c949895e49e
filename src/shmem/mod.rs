//! What backends share when the library is preloaded.

use pgrx::pg_sys;

pub mod activity;
pub mod backlog;
pub mod memo;
pub mod metrics;
mod minute;
pub mod rate_limit;
pub mod recent;
pub mod ticker;
pub mod workers;
mod zeroed;

/// Asks for shared memory if the server is starting; from `_PG_init`.
pub fn init() {
    // SAFETY: both are set by the postmaster before it loads libraries. pg_upgrade loads them too
    // and runs nothing of ours.
    if unsafe { pg_sys::process_shared_preload_libraries_in_progress && !pg_sys::IsBinaryUpgrade } {
        memo::init();
        recent::init();
        workers::init();
        rate_limit::init();
        metrics::init();
        activity::init();
        backlog::init();
        ticker::init();
    }
}
