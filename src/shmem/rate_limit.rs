//! Token buckets that all sessions share. A bucket is one number: when it will be full again. That
//! is the generic cell rate algorithm (ITU-T I.371), which needs no timer and no lock.

use pgrx::shmem::PGRXSharedMemory;
use pgrx::{PgAtomic, pg_guard, pg_sys};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Buckets of all databases together.
const BUCKETS: usize = 4_096;

static BUCKETS_OF_ALL: PgAtomic<Buckets> = unsafe {
    // SAFETY: the name is unique in this library and NUL-terminated.
    PgAtomic::new(c"jackpot_rate_limits")
};

struct Buckets([Bucket; BUCKETS]);

// SAFETY: atomic numbers without pointers.
unsafe impl PGRXSharedMemory for Buckets {}

impl Default for Buckets {
    fn default() -> Self {
        Buckets(std::array::from_fn(|_| Bucket::default()))
    }
}

/// One bucket, in the first free place from the one that its name gives.
#[derive(Default)]
struct Bucket {
    /// A hash of its name; 0 while it is free.
    name: AtomicU64,
    /// Microseconds since 2000.
    full_at: AtomicI64,
}

/// Asks for the memory; from `_PG_init` while the server starts.
pub fn init() {
    pgrx::pg_shmem_init!(BUCKETS_OF_ALL);
}

/// Takes one token from the bucket of that name (not 0), into which one comes every `interval`
/// microseconds and which holds `burst`. The microseconds to wait where it is empty. Where there is
/// no place for one more bucket, nothing is limited.
pub fn take(name: u64, interval: i64, burst: i64, now: i64) -> Result<(), i64> {
    let Some(bucket) = bucket(name) else { return Ok(()) };
    let room = interval.saturating_mul(burst);
    loop {
        let known = bucket.full_at.load(Ordering::Relaxed);
        // A limit that was made wider since does not wait for the old one.
        let full_at = known.clamp(now, now.saturating_add(room));
        let is_had = full_at.saturating_add(interval) - now <= room;
        let next = if is_had { full_at + interval } else { full_at };
        let order = Ordering::Relaxed;
        if bucket.full_at.compare_exchange(known, next, order, order).is_ok() {
            return if is_had { Ok(()) } else { Err(full_at + interval - now - room) };
        }
    }
}

/// Puts back a token that was taken for nothing.
pub fn give_back(name: u64, interval: i64) {
    if let Some(bucket) = bucket(name) {
        bucket.full_at.fetch_sub(interval, Ordering::Relaxed);
    }
}

fn bucket(name: u64) -> Option<&'static Bucket> {
    let buckets = &BUCKETS_OF_ALL.get().0;
    let (before, from) = buckets.split_at(name as usize % BUCKETS);
    from.iter().chain(before).find(|bucket| {
        let known = bucket.name.load(Ordering::Relaxed);
        known == name
            || known == 0
                && bucket
                    .name
                    .compare_exchange(0, name, Ordering::Relaxed, Ordering::Relaxed)
                    .is_ok()
            || bucket.name.load(Ordering::Relaxed) == name
    })
}
