//! Drawing whole numbers from random bits without bias.

use rand_core::RngCore;

/// A number drawn uniformly from `0..bound`; 0 when the bound is 0.
///
/// Bits beyond the largest multiple of the bound are thrown away and drawn anew, so every number
/// is exactly as likely as any other: no modulo bias.
pub fn below(bound: u128, random: &mut dyn RngCore) -> u128 {
    if bound == 0 {
        return 0;
    }
    match u64::try_from(bound) {
        Ok(bound) => {
            // 2^64 mod bound: how many of the lowest values would be too likely.
            let surplus = bound.wrapping_neg() % bound;
            loop {
                let drawn = random.next_u64();
                if drawn >= surplus {
                    return u128::from(drawn % bound);
                }
            }
        }
        Err(_) => {
            let surplus = bound.wrapping_neg() % bound;
            loop {
                let drawn = u128::from(random.next_u64()) << 64 | u128::from(random.next_u64());
                if drawn >= surplus {
                    return drawn % bound;
                }
            }
        }
    }
}
