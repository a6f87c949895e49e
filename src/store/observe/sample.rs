//! Samples of the metrics: what was counted since the last one, for the report and for charts.

use crate::call::Call;
use crate::guc;
use crate::shmem::metrics;
use crate::shmem::metrics::board::{self, Counters, Database};
use crate::shmem::metrics::place::{self, OF_POOL, OfCall, OfPool, POOLS, of_call, of_pool};
use crate::store::observe::series::latencies;
use crate::store::session::clock;
use crate::store::statement::{argument, statements};
use crate::store::{configuration, relations};
use jackpot_core::{Error, decimal};
use pgrx::JsonB;
use pgrx::datum::TimestampWithTimeZone;
use serde_json::{Map, Value, json};
use std::sync::atomic::Ordering;

/// What was counted in a time.
pub struct Sample {
    /// When it began and ended (microseconds since 2000).
    pub since: i64,
    /// When it ended.
    pub at: i64,
    /// For each operation that was called: its figures.
    pub operations: Value,
    /// For each pool that was touched: its figures.
    pub pools: Value,
    /// Whether anything has happened but looking.
    pub is_active: bool,
}

statements! {
    static WRITE(TIMESTAMPTZOID, TIMESTAMPTZOID, JSONBOID, JSONBOID) = "
        INSERT INTO jackpot.sample (at, since, operations, pools, queue_depth, queue_age_ms, dead_letters)
        SELECT $2, $1, $3, $4, q.depth, q.age_ms, q.dead_letters FROM jackpot.queue_state() q
        ON CONFLICT DO NOTHING";
    static PRUNE(INT4OID) = "
        DELETE FROM jackpot.sample s WHERE s.at < pg_catalog.clock_timestamp() - $1 * interval '1 second'";
    static PRUNE_EVENTS(INT4OID) = "
        DELETE FROM jackpot.alert_event e WHERE e.cleared_at < pg_catalog.clock_timestamp() - $1 * interval '1 second'";
}

/// What was counted since the last sample was taken, or since counting began.
pub fn current() -> Result<Option<(Sample, Counters)>, Error> {
    let Some(database) = metrics::adopted(relations::current().ledger) else {
        return Ok(None);
    };
    metrics::resolve();
    let since = database.sampled_at.load(Ordering::Relaxed);
    let now = database.read();
    let added = now.since(&database.read_sampled());
    let sample = Sample {
        since,
        at: clock(),
        operations: operations(&added),
        pools: pools(database, &added)?,
        is_active: is_active(&added),
    };
    Ok(Some((sample, now)))
}

/// Writes a sample, unless nothing has happened. What becomes of it is told by [`Taken::keep`]
/// once it has committed.
pub fn take() -> Result<Option<Taken>, Error> {
    let Some((sample, counters)) = current()? else { return Ok(None) };
    let reset_at =
        board::database().map_or(0, |database| database.reset_at.load(Ordering::Relaxed));
    if sample.is_active {
        let time = |at| TimestampWithTimeZone::try_from(at).ok();
        WRITE.with(|statement| {
            statement.write(&[
                argument(time(sample.since)),
                argument(time(sample.at)),
                argument(JsonB(sample.operations)),
                argument(JsonB(sample.pools)),
            ])
        });
    }
    let retention = guc::SAMPLE_RETENTION.get();
    if retention > 0 {
        PRUNE.with(|statement| statement.write(&[argument(retention)]));
    }
    Ok(Some(Taken { counters, at: sample.at, reset_at }))
}

/// A sample that was taken.
pub struct Taken {
    counters: Counters,
    at: i64,
    reset_at: i64,
}

impl Taken {
    /// The next one begins where this one ended.
    pub fn keep(self) {
        // Unless counting has begun anew meanwhile.
        if let Some(database) = board::database()
            && database.reset_at.load(Ordering::Relaxed) == self.reset_at
        {
            database.set_sampled(&self.counters, self.at);
        }
    }
}

/// Drops alerts that have been over for longer than samples are kept.
pub fn prune_alerts() {
    let retention = guc::SAMPLE_RETENTION.get();
    if retention > 0 {
        PRUNE_EVENTS.with(|statement| statement.write(&[argument(retention)]));
    }
}

fn is_active(added: &Counters) -> bool {
    let is_called = Call::ALL.iter().any(|call| {
        let calls = if call.moves_money() { added.get(of_call(*call, OfCall::Calls)) } else { 0 };
        calls + added.get(of_call(*call, OfCall::Rows)) + errors(added, *call) > 0
    });
    // What the worker pays is no call.
    let of_pools = of_pool(0, OfPool::Bets)..of_pool(POOLS, OfPool::Bets);
    is_called || of_pools.into_iter().any(|place| added.get(place) > 0)
}

fn errors(added: &Counters, call: Call) -> u64 {
    (0..place::ERRORS).map(|kind| added.get(place::error(call, kind))).sum()
}

fn operations(added: &Counters) -> Value {
    let mut operations = Map::new();
    for call in Call::ALL.iter().copied().filter(|call| call.is_counted()) {
        let get = |what| added.get(of_call(call, what));
        let errors = errors(added, call);
        if get(OfCall::Calls) == 0 && errors == 0 {
            continue;
        }
        // How many there were up to each number of microseconds that any took.
        let latencies = latencies(added, &[call]);
        let buckets: Map<String, Value> = latencies
            .iter()
            .flat_map(|latencies| latencies.buckets())
            .map(|(end, count)| (end.to_string(), Value::from(count)))
            .collect();
        let figures = json!({
            "calls": get(OfCall::Calls),
            "errors": errors,
            "replays": get(OfCall::Replays),
            "rows": get(OfCall::Rows),
            "conflicts": get(OfCall::Conflicts),
            "retries": get(OfCall::Retries),
            "lock_waits": get(OfCall::LockWaits),
            "lock_wait_us": get(OfCall::LockWaitMicroseconds),
            "deadlocks": get(OfCall::Deadlocks),
            "duration_us": get(OfCall::Microseconds),
            "buckets": buckets,
        });
        operations.insert(call.as_str().to_owned(), figures);
    }
    Value::Object(operations)
}

fn pools(database: &Database, added: &Counters) -> Result<Value, Error> {
    let configuration = configuration::current()?;
    let mut pools = Map::new();
    for (slot, pool_id) in database.pools() {
        let get = |what| added.get(of_pool(slot, what));
        let first = of_pool(slot, OfPool::Bets);
        let is_idle = (first..).take(OF_POOL).all(|place| added.get(place) == 0);
        let name = configuration.name(pool_id);
        if is_idle || name.is_empty() {
            continue;
        }
        let figures = json!({
            "bets": get(OfPool::Bets),
            "wagered": get(OfPool::Wagered),
            "contributed": decimal(i128::from(get(OfPool::Contributed))),
            "voids": get(OfPool::Voids),
            "wins": get(OfPool::Wins),
            "won": get(OfPool::Won),
            "lock_waits": get(OfPool::LockWaits),
            "lock_wait_us": get(OfPool::LockWaitMicroseconds),
        });
        pools.insert(name.to_string(), figures);
    }
    Ok(Value::Object(pools))
}
