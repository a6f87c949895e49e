//! How long calls take: counted in buckets that the `histogram` crate (HDR style) makes quantiles of.

use histogram::Histogram;

/// Sixteen buckets for each power of two: quantiles are right to some 6 %.
const GROUPING_POWER: u8 = 4;
/// Up to 2^30 microseconds, which is 18 minutes; what takes longer counts as that.
const MAX_VALUE_POWER: u8 = 30;
/// How many buckets there are.
pub const BUCKETS: usize = ((MAX_VALUE_POWER - GROUPING_POWER + 1) as usize) << GROUPING_POWER;

/// The bucket of so many microseconds. The crate computes the same, but only for a histogram of its
/// own; here it is needed for numbers in shared memory.
pub fn bucket(microseconds: u64) -> usize {
    let value = microseconds.min((1 << MAX_VALUE_POWER) - 1);
    let shift = (value | 1).ilog2().saturating_sub(u32::from(GROUPING_POWER));
    ((shift as usize) << GROUPING_POWER) + (value >> shift) as usize
}

/// How often values came that lie in each bucket.
pub struct Latencies(Histogram);

impl Latencies {
    /// From the counts of all buckets.
    pub fn new(counts: Vec<u64>) -> Option<Self> {
        Histogram::from_buckets(GROUPING_POWER, MAX_VALUE_POWER, counts).ok().map(Latencies)
    }

    /// The value, in microseconds, which that share of all values does not exceed; the upper end
    /// of its bucket. `None` where there are none.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        Some(self.0.quantile_bucket(share).ok()??.end())
    }

    /// Each bucket that has any: its upper end in microseconds, and how many there are.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0
            .iter()
            .filter(|bucket| bucket.count() > 0)
            .map(|bucket| (bucket.end(), bucket.count()))
    }
}
