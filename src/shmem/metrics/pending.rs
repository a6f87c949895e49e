//! What the present transaction has done so far: it counts once it has committed, and what a
//! roll-back to a savepoint undoes does not count at all.

use crate::shmem::metrics::board::Database;
use crate::shmem::metrics::place::{OfPool, Place, is_maximum, of_pool};
use crate::shmem::metrics::{board, prepared};
use pgrx::{pg_guard, pg_sys};
use std::cell::RefCell;

/// What one subtransaction has done, with those in it that have ended well.
#[derive(Default)]
struct Level {
    subtransaction: pg_sys::SubTransactionId,
    counts: Vec<(Place, u64)>,
    pools: Vec<Fed>,
}

/// What wagers gave to one pool.
#[derive(Clone, Copy, Default)]
pub struct Fed {
    /// The pool, by its place among those that are counted.
    pub pool: usize,
    /// How many contributions.
    pub bets: u64,
    /// Their wagers, in minor units of the pool's currency.
    pub wagered: u64,
    /// What they gave, in micros.
    pub contributed: u64,
    /// How many were taken back.
    pub voids: u64,
}

thread_local! {
    /// Inner subtransactions come later and have higher ids.
    static PENDING: RefCell<Vec<Level>> = const { RefCell::new(Vec::new()) };
}

impl Level {
    fn is_empty(&self) -> bool {
        self.counts.is_empty() && self.pools.is_empty()
    }

    fn add(&mut self, place: Place, value: u64) {
        match self.counts.iter_mut().find(|(of, _)| *of == place) {
            Some((_, known)) if is_maximum(place) => *known = (*known).max(value),
            Some((_, known)) => *known = known.wrapping_add(value),
            None => self.counts.push((place, value)),
        }
    }

    fn feed(&mut self, fed: &Fed) {
        match self.pools.iter_mut().find(|known| known.pool == fed.pool) {
            Some(known) => {
                known.bets += fed.bets;
                known.wagered = known.wagered.wrapping_add(fed.wagered);
                known.contributed = known.contributed.wrapping_add(fed.contributed);
                known.voids += fed.voids;
            }
            None => self.pools.push(*fed),
        }
    }

    /// All of it as places and what is to be added there.
    fn each(&self, mut add: impl FnMut(Place, u64)) {
        for (place, value) in &self.counts {
            add(*place, *value);
        }
        for fed in &self.pools {
            let counts = [
                (OfPool::Bets, fed.bets),
                (OfPool::Wagered, fed.wagered),
                (OfPool::Contributed, fed.contributed),
                (OfPool::Voids, fed.voids),
            ];
            for (what, value) in counts.into_iter().filter(|(_, value)| *value > 0) {
                add(of_pool(fed.pool, what), value);
            }
        }
    }
}

/// Does something with what the present subtransaction has done.
fn with_level(work: impl FnOnce(&mut Level)) {
    // SAFETY: only reads the transaction's state.
    let current = unsafe { pg_sys::GetCurrentSubTransactionId() };
    PENDING.with_borrow_mut(|levels| {
        let is_of_another = |level: &Level| level.subtransaction != current && !level.is_empty();
        if levels.last().is_none_or(is_of_another) {
            levels.push(Level::default());
        }
        if let Some(level) = levels.last_mut() {
            level.subtransaction = current;
            work(level);
        }
    });
}

/// To be added there when the transaction commits.
pub fn add(place: Place, value: u64) {
    with_level(|level| level.add(place, value));
}

/// To be added together.
pub fn add_all(counts: &[(Place, u64)]) {
    with_level(|level| counts.iter().for_each(|(place, value)| level.add(*place, *value)));
}

/// Wagers that have fed pools.
pub fn feed(fed: impl Iterator<Item = Fed>) {
    with_level(|level| fed.for_each(|fed| level.feed(&fed)));
}

/// Has PostgreSQL tell when transactions end; once, when the library is loaded.
pub fn watch() {
    // SAFETY: the callbacks live as long as the library, which is never unloaded.
    unsafe {
        pg_sys::RegisterXactCallback(Some(transaction_ended), std::ptr::null_mut());
        pg_sys::RegisterSubXactCallback(Some(subtransaction_ended), std::ptr::null_mut());
    }
}

/// Nothing here can fail.
#[pg_guard]
unsafe extern "C-unwind" fn transaction_ended(
    event: pg_sys::XactEvent::Type,
    _argument: *mut std::ffi::c_void,
) {
    PENDING.with_borrow_mut(|levels| {
        if levels.first().is_none_or(Level::is_empty) {
            return;
        }
        match event {
            pg_sys::XactEvent::XACT_EVENT_COMMIT => {
                if let Some(database) = board::database() {
                    flush(levels, database);
                }
            }
            pg_sys::XactEvent::XACT_EVENT_PREPARE => {
                let mut counts = Vec::new();
                for level in levels.iter() {
                    level.each(|place, value| counts.push((place, value)));
                }
                prepared::keep(&counts);
            }
            pg_sys::XactEvent::XACT_EVENT_ABORT => {}
            _ => return,
        }
        // The first keeps its memory for the next transaction.
        levels.truncate(1);
        if let Some(level) = levels.first_mut() {
            level.counts.clear();
            level.pools.clear();
        }
    });
}

fn flush(levels: &[Level], database: &Database) {
    for level in levels {
        level.each(|place, value| database.add(place, value));
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn subtransaction_ended(
    event: pg_sys::SubXactEvent::Type,
    own: pg_sys::SubTransactionId,
    parent: pg_sys::SubTransactionId,
    _argument: *mut std::ffi::c_void,
) {
    let is_commit = event == pg_sys::SubXactEvent::SUBXACT_EVENT_COMMIT_SUB;
    if !is_commit && event != pg_sys::SubXactEvent::SUBXACT_EVENT_ABORT_SUB {
        return;
    }
    PENDING.with_borrow_mut(|levels| {
        while let Some(level) = levels.pop_if(|level| level.subtransaction >= own) {
            if !is_commit {
                continue;
            }
            match levels.last_mut() {
                Some(outer) if outer.subtransaction == parent => {
                    level.counts.iter().for_each(|(place, value)| outer.add(*place, *value));
                    level.pools.iter().for_each(|fed| outer.feed(fed));
                }
                _ => levels.push(Level { subtransaction: parent, ..level }),
            }
            return;
        }
    });
}
