//! Which call each process has made last: what it holds locks for.

use crate::call::Call;
use crate::shmem::zeroed::{OfAtomics, Zeroed};
use pgrx::{pg_guard, pg_sys};
use std::sync::atomic::{AtomicU64, Ordering};

/// Processes that have a place, by PostgreSQL's number of each.
const PROCESSES: usize = 8_192;

static ACTIVITY: Zeroed<Activity> = Zeroed::new(c"jackpot_activity");

/// For each process its id in the upper half, its last call, counted from 1, in the lower.
struct Activity([AtomicU64; PROCESSES]);

// SAFETY: only atomic numbers.
unsafe impl OfAtomics for Activity {}

/// Asks for the memory; from `_PG_init` while the server starts.
pub fn init() {
    pgrx::pg_shmem_init!(ACTIVITY);
}

/// This process makes that call.
pub fn enter(call: Call) {
    let Some(Activity(places)) = ACTIVITY.get() else { return };
    // SAFETY: variables of this process, set in every process that runs functions.
    let (number, pid) = unsafe { ((*pg_sys::MyProc).pgprocno as usize, pg_sys::MyProcPid) };
    if let Some(place) = places.get(number) {
        let pid = u64::from(pid.unsigned_abs());
        place.store((pid << 32) | (u64::from(call as u8) + 1), Ordering::Relaxed);
    }
}

/// The processes that have made calls, and the last one of each. Those that have ended may still
/// stand there.
pub fn all() -> Vec<(i32, Call)> {
    let Some(Activity(places)) = ACTIVITY.get() else { return Vec::new() };
    let known =
        places.iter().map(|place| place.load(Ordering::Relaxed)).filter(|known| *known != 0);
    known
        .filter_map(|known| {
            let call = Call::ALL.get((known as u32 as usize).checked_sub(1)?)?;
            Some(((known >> 32) as i32, *call))
        })
        .collect()
}
