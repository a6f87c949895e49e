//! How much there was in the last minute.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many came in the last minute: for each of its seconds the second and a count.
pub struct Minute([AtomicU64; 60]);

impl Default for Minute {
    fn default() -> Self {
        Minute(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Minute {
    /// Counts so many at that time.
    pub fn add(&self, count: u64, at: i64) {
        let second = seconds(at);
        let Some(place) = self.0.get(second as usize % self.0.len()) else { return };
        let _ = place.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |known| {
            let before = if known >> 32 == second { known & 0xFFFF_FFFF } else { 0 };
            Some((second << 32) | before.saturating_add(count).min(0xFFFF_FFFF))
        });
    }

    /// Forgets all.
    pub fn reset(&self) {
        for place in &self.0 {
            place.store(0, Ordering::Relaxed);
        }
    }

    /// How many there were in the 60 seconds up to that time.
    pub fn sum(&self, at: i64) -> u64 {
        let second = seconds(at);
        let known = self.0.iter().map(|place| place.load(Ordering::Relaxed));
        known
            .filter(|known| second.saturating_sub(known >> 32) < 60)
            .map(|known| known & 0xFFFF_FFFF)
            .sum()
    }
}

fn seconds(at: i64) -> u64 {
    u64::try_from(at / 1_000_000).unwrap_or(0) & 0xFFFF_FFFF
}
