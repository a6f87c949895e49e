//! Chance from the operating system, through PostgreSQL's strong generator.

use jackpot_core::rand_core::RngCore;
use pgrx::pg_sys;

/// PostgreSQL's `pg_strong_random`. An error when the operating system has no randomness to give.
pub struct Strong;

impl RngCore for Strong {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill_bytes(&mut bytes);
        u32::from_ne_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_bytes(&mut bytes);
        u64::from_ne_bytes(bytes)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        // SAFETY: writes as many bytes as the slice has.
        if !unsafe { pg_sys::pg_strong_random(bytes.as_mut_ptr().cast(), bytes.len()) } {
            pgrx::error!("the operating system gave no random numbers");
        }
    }
}
