//! Latencies are counted in the buckets that quantiles are read from.

use histogram::Histogram;
use jackpot_core::{BUCKETS, Latencies, bucket};
use proptest::prelude::*;

proptest! {
    /// The bucket of a value is the one that the library counts it in.
    #[test]
    fn buckets_are_the_librarys(value in prop_oneof![0..100u64, 0..1u64 << 30]) {
        let mut histogram = Histogram::new(4, 30).unwrap();
        histogram.increment(value).unwrap();
        prop_assert_eq!(histogram.as_slice().len(), BUCKETS);
        prop_assert_eq!(histogram.as_slice()[bucket(value)], 1);
    }

    /// A quantile is at most a sixteenth above a value that was there.
    #[test]
    fn quantiles_are_near(mut values in prop::collection::vec(1..1u64 << 30, 1..200), share in 0.0..1.0f64) {
        let mut counts = vec![0; BUCKETS];
        for value in &values {
            counts[bucket(*value)] += 1;
        }
        values.sort_unstable();
        let rank = ((share * values.len() as f64).ceil() as usize).clamp(1, values.len());
        let exact = values[rank - 1];
        let found = Latencies::new(counts).unwrap().quantile(share).unwrap();
        prop_assert!(found >= exact && found <= exact + exact / 16, "{found} for {exact}");
    }
}

/// What takes longer than can be told counts as the longest.
#[test]
fn the_longest() {
    assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    assert!(Latencies::new(vec![0; BUCKETS]).unwrap().quantile(0.5).is_none());
}
