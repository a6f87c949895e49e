//! Telling the worker, once it has committed, that something was enqueued.

use crate::shmem::metrics::{self, place::OfDatabase};
use crate::shmem::workers;
use crate::store::session::clock;
use pgrx::{pg_guard, pg_sys};
use std::cell::Cell;
use std::sync::atomic::Ordering;

thread_local! {
    /// Items that this transaction has enqueued. A roll-back to a savepoint does not lower it: the
    /// worker then looks for nothing.
    static ENQUEUED: Cell<u64> = const { Cell::new(0) };
    /// Whether the worker is to look up all the same.
    static WAKES: Cell<bool> = const { Cell::new(false) };
}

/// Has PostgreSQL tell when transactions end; once, when the library is loaded.
pub fn watch() {
    // SAFETY: the callback lives as long as the library, which is never unloaded.
    unsafe { pg_sys::RegisterXactCallback(Some(transaction_ended), std::ptr::null_mut()) };
}

/// One more item was enqueued.
pub fn enqueued() {
    ENQUEUED.set(ENQUEUED.get() + 1);
    metrics::add(OfDatabase::Enqueued, 1);
}

/// The worker, or the launcher where there is none, is to look up once this has committed.
pub fn wake() {
    WAKES.set(true);
}

/// So many items were done.
pub fn done(items: u64) {
    if let Some(slot) = workers::slot() {
        slot.went_out.add(items, clock());
    }
}

/// Nothing here can fail. What is prepared may be committed by another session: the worker finds it
/// when it looks up by itself.
#[pg_guard]
unsafe extern "C-unwind" fn transaction_ended(
    event: pg_sys::XactEvent::Type,
    _argument: *mut std::ffi::c_void,
) {
    let is_end = matches!(
        event,
        pg_sys::XactEvent::XACT_EVENT_COMMIT
            | pg_sys::XactEvent::XACT_EVENT_ABORT
            | pg_sys::XactEvent::XACT_EVENT_PREPARE
    );
    if !is_end {
        return;
    }
    let (items, wakes) = (ENQUEUED.replace(0), WAKES.replace(false));
    if (items > 0 || wakes)
        && event == pg_sys::XactEvent::XACT_EVENT_COMMIT
        && let Some(slot) = workers::slot()
    {
        // A wake of its own is told in the same way, and is no item.
        slot.enqueued.fetch_add(items.max(1), Ordering::Release);
        slot.came_in.add(items, clock());
        slot.wake();
    }
}
