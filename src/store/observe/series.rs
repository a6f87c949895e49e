//! The counters of shared memory as named series, in the manner of Prometheus: base units, counters
//! end in `_total`.

use crate::call::Call;
use crate::shmem::metrics::board::{Counters, Database};
use crate::shmem::metrics::place::{
    self, OTHER_ERRORS, OfCall, OfDatabase, OfPool, of_call, of_database, of_pool,
};
use crate::shmem::{metrics, workers};
use crate::store::{configuration, relations, ticker};
use jackpot_core::{BUCKETS, Error, Latencies, Token};
use std::sync::atomic::Ordering;

/// One value of a series.
pub struct Series {
    /// Its name.
    pub name: &'static str,
    /// What sets it apart from others of the name.
    pub labels: Vec<(&'static str, String)>,
    /// In millionths.
    pub value: i128,
    /// counter, gauge or histogram.
    pub kind: &'static str,
    /// What it means.
    pub help: &'static str,
}

const MILLION: i128 = 1_000_000;
/// Microseconds since 1970 at the beginning of 2000.
const YEAR_2000: i64 = 946_684_800_000_000;

/// Upper ends of the buckets that are shown, in microseconds; there are many more.
const BOUNDS: [u64; 16] = [
    25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 5_000_000,
];

const QUANTILES: [(f64, &str); 3] = [(0.5, "0.5"), (0.95, "0.95"), (0.99, "0.99")];

/// What is counted of a call: its name, whether in millionths, and what it means.
const OF_CALLS: [(OfCall, &str, i128, &str); 8] = [
    (OfCall::Calls, "jackpot_calls_total", MILLION, "Calls whose transaction has committed."),
    (
        OfCall::Replays,
        "jackpot_replays_total",
        MILLION,
        "Operations that had been done before, by their operation_id.",
    ),
    (
        OfCall::Rows,
        "jackpot_rows_total",
        MILLION,
        "Ledger rows and wins that calls have written, or ledger rows that they have settled.",
    ),
    (
        OfCall::Conflicts,
        "jackpot_version_conflicts_total",
        MILLION,
        "Versions or cycles that were not as expected, and serialization failures.",
    ),
    (OfCall::Retries, "jackpot_retries_total", MILLION, "Tries again after a conflict."),
    (OfCall::LockWaits, "jackpot_lock_waits_total", MILLION, "Locks that were waited for."),
    (
        OfCall::LockWaitMicroseconds,
        "jackpot_lock_wait_seconds_total",
        1,
        "Time that was spent waiting for locks.",
    ),
    (OfCall::Deadlocks, "jackpot_deadlocks_total", MILLION, "Deadlocks that PostgreSQL broke."),
];

const OF_POOLS: [(OfPool, &str, i128, &str); 8] = [
    (OfPool::Bets, "jackpot_pool_bets_total", MILLION, "Contributions to the pool."),
    (OfPool::Wagered, "jackpot_pool_wagered_total", MILLION, "Their wagers, in minor units."),
    (
        OfPool::Contributed,
        "jackpot_pool_contributed_total",
        1,
        "What they gave to meter and reserve, in minor units.",
    ),
    (OfPool::Voids, "jackpot_pool_voids_total", MILLION, "Contributions that were taken back."),
    (OfPool::Wins, "jackpot_pool_wins_total", MILLION, "Wins of the pool."),
    (OfPool::Won, "jackpot_pool_won_total", MILLION, "What they paid, in minor units."),
    (
        OfPool::LockWaits,
        "jackpot_pool_lock_waits_total",
        MILLION,
        "How often the pool's lock was waited for.",
    ),
    (
        OfPool::LockWaitMicroseconds,
        "jackpot_pool_lock_wait_seconds_total",
        1,
        "Time that was spent waiting for the pool's lock.",
    ),
];

/// What is counted of the database: its name, the label that sets it apart, and what it means.
type OfWhole = (OfDatabase, &'static str, Option<(&'static str, &'static str)>, &'static str);
const OF_DATABASE: [OfWhole; 7] = [
    (
        OfDatabase::Processed,
        "jackpot_queue_items_total",
        Some(("outcome", "processed")),
        QUEUE_ITEMS,
    ),
    (OfDatabase::Failed, "jackpot_queue_items_total", Some(("outcome", "failed")), QUEUE_ITEMS),
    (OfDatabase::Retried, "jackpot_queue_items_total", Some(("outcome", "retried")), QUEUE_ITEMS),
    (OfDatabase::Enqueued, "jackpot_queue_enqueued_total", None, "Items that were enqueued."),
    (
        OfDatabase::TickerFromMemory,
        "jackpot_ticker_reads_total",
        Some(("source", "memory")),
        TICKER_READS,
    ),
    (
        OfDatabase::TickerFromTables,
        "jackpot_ticker_reads_total",
        Some(("source", "tables")),
        TICKER_READS,
    ),
    (
        OfDatabase::Lost,
        "jackpot_uncounted_transactions_total",
        None,
        "Prepared transactions that were too many to be counted.",
    ),
];
const QUEUE_ITEMS: &str = "What became of the queue's items: processed; failed: a dead letter; retried: tried in vain, and to be tried again.";
const TICKER_READS: &str = "Readings of jackpot_ticker() by what answered them.";

/// Collects series.
struct List(Vec<Series>);

impl List {
    fn add(
        &mut self,
        (name, kind, help): (&'static str, &'static str, &'static str),
        labels: &[(&'static str, &str)],
        value: i128,
    ) {
        let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        self.0.push(Series { name, labels, value, kind, help });
    }
}

/// All of this database; without preloading only what its pools hold.
pub fn all() -> Result<Vec<Series>, Error> {
    let mut list = List(Vec::new());
    let amount = ("jackpot_pool_amount", "gauge", "What is payable, in minor units.");
    for tick in ticker::read(None)?.ticks {
        let value = i128::from(tick.amount.current_amount) * MILLION;
        list.add(amount, &[("pool", &tick.pool)], value);
    }
    let Some(database) = metrics::adopted(relations::current().ledger) else {
        return Ok(list.0);
    };
    metrics::resolve();
    let counters = database.read();
    let is_called = |call: &&Call| {
        let failed = (0..place::ERRORS).any(|kind| counters.get(place::error(**call, kind)) > 0);
        call.is_counted() && (failed || counters.get(of_call(**call, OfCall::Calls)) > 0)
    };
    for call in Call::ALL.iter().filter(is_called) {
        of_one_call(*call, &counters, &mut list);
    }
    of_pools(database, &counters, &mut list)?;
    for (what, name, label, help) in OF_DATABASE {
        let value = i128::from(counters.get(of_database(what))) * MILLION;
        list.add((name, "counter", help), label.as_slice(), value);
    }
    let reset_at = i128::from(database.reset_at.load(Ordering::Relaxed)) + i128::from(YEAR_2000);
    let reset = (
        "jackpot_metrics_reset_timestamp_seconds",
        "gauge",
        "When counting began: the server's start, or jackpot_reset_metrics().",
    );
    list.add(reset, &[], reset_at);
    if let Some(slot) = workers::slot() {
        let appended = slot.appended.load(Ordering::Relaxed);
        let unsettled = appended.saturating_sub(slot.settled.load(Ordering::Relaxed));
        let rows =
            ("jackpot_unsettled_rows", "gauge", "Ledger rows that the worker has not settled yet.");
        list.add(rows, &[], i128::from(unsettled) * MILLION);
    }
    Ok(list.0)
}

fn of_one_call(call: Call, counters: &Counters, list: &mut List) {
    let operation = ("operation", call.as_str());
    for (what, name, scale, help) in OF_CALLS {
        let value = i128::from(counters.get(of_call(call, what))) * scale;
        list.add((name, "counter", help), &[operation], value);
    }
    let errors =
        ("jackpot_errors_total", "counter", "Calls that failed, by the token of the error.");
    for (kind, token) in error_names().enumerate() {
        let value = counters.get(place::error(call, kind));
        if value > 0 {
            list.add(errors, &[operation, ("token", token)], i128::from(value) * MILLION);
        }
    }
    let Some(latencies) = latencies(counters, &[call]) else { return };
    // A bucket's end may lie above the longest that is in it.
    let longest = counters.get(of_call(call, OfCall::MaxMicroseconds));
    for (share, quantile) in QUANTILES {
        let value = latencies.quantile(share).unwrap_or(0).min(longest);
        let of = &[operation, ("quantile", quantile)];
        list.add(QUANTILE_SERIES, of, i128::from(value));
    }
    list.add(QUANTILE_SERIES, &[operation, ("quantile", "1")], i128::from(longest));
    let help = "How long calls took whose transaction has committed.";
    let bucket = ("jackpot_call_duration_seconds_bucket", "histogram", help);
    let counted: Vec<(u64, u64)> = latencies.buckets().collect();
    for bound in BOUNDS {
        // Where a bucket reaches beyond the bound it counts to the next.
        let below = counted.iter().filter(|(end, _)| *end <= bound).map(|(_, count)| count);
        let le = seconds(bound);
        list.add(bucket, &[operation, ("le", &le)], i128::from(below.sum::<u64>()) * MILLION);
    }
    let count: u64 = counted.iter().map(|(_, count)| count).sum();
    list.add(bucket, &[operation, ("le", "+Inf")], i128::from(count) * MILLION);
    let total = counters.get(of_call(call, OfCall::Microseconds));
    let sum = ("jackpot_call_duration_seconds_sum", "histogram", help);
    list.add(sum, &[operation], i128::from(total));
    let counts = ("jackpot_call_duration_seconds_count", "histogram", help);
    list.add(counts, &[operation], i128::from(count) * MILLION);
}

const QUANTILE_SERIES: (&str, &str, &str) = (
    "jackpot_call_duration_quantile_seconds",
    "gauge",
    "Quantiles of how long calls took since counting began, to 6 %; 1 is the longest, exactly.",
);

fn of_pools(database: &Database, counters: &Counters, list: &mut List) -> Result<(), Error> {
    let configuration = configuration::current()?;
    for (slot, pool_id) in database.pools() {
        let pool = configuration.name(pool_id);
        if pool.is_empty() {
            continue;
        }
        for (what, name, scale, help) in OF_POOLS {
            let value = i128::from(counters.get(of_pool(slot, what))) * scale;
            list.add((name, "counter", help), &[("pool", &pool)], value);
        }
    }
    Ok(())
}

/// The names of the kinds of errors, in their order.
pub fn error_names() -> impl Iterator<Item = &'static str> {
    Token::ALL.into_iter().map(Token::as_str).chain(OTHER_ERRORS)
}

/// How long the calls took altogether; `None` where there were none.
pub fn latencies(counters: &Counters, calls: &[Call]) -> Option<Latencies> {
    let of_one = |bucket| calls.iter().map(move |call| counters.get(place::bucket(*call, bucket)));
    let counts: Vec<u64> = (0..BUCKETS).map(|bucket| of_one(bucket).sum()).collect();
    if counts.iter().all(|count| *count == 0) { None } else { Latencies::new(counts) }
}

/// Microseconds as seconds, in the least digits.
fn seconds(microseconds: u64) -> String {
    let text = format!("{}.{:06}", microseconds / 1_000_000, microseconds % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
