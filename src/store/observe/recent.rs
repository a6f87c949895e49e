//! The last minute, as the worker sees it: quantiles cannot be had from counters that only grow.

use crate::call::Call;
use crate::shmem::metrics::board::{Counters, Database, Recent};
use crate::store::observe::series::latencies;
use std::collections::VecDeque;
use std::sync::atomic::Ordering;

/// How far back it looks.
const MICROSECONDS: i64 = 60_000_000;
/// What lies nearer together is not kept.
const MICROSECONDS_APART: i64 = 5_000_000;

/// What the counters were from time to time.
#[derive(Default)]
pub struct Window(VecDeque<(i64, Counters)>);

impl Window {
    /// Computes the last minute's latencies and leaves them in shared memory.
    pub fn look(&mut self, database: &Database, at: i64) {
        let now = database.read();
        let reset_at = database.reset_at.load(Ordering::Relaxed);
        // The oldest that is kept is the newest which is at least a minute old.
        while self.0.get(1).is_some_and(|(then, _)| at - then >= MICROSECONDS) {
            self.0.pop_front();
        }
        self.0.retain(|(then, _)| *then >= reset_at);
        // The clock may have been set back.
        self.0.retain(|(then, _)| *then <= at);
        let recent = match self.0.front() {
            Some((_, then)) => Some(now.since(then)),
            None if at - reset_at < MICROSECONDS => Some(now.clone()),
            // Of a worker that has just started: nobody knows.
            None => None,
        };
        let p95 = |calls: &[Call]| {
            let latencies = recent.as_ref().and_then(|recent| latencies(recent, calls));
            latencies.and_then(|latencies| latencies.quantile(0.95)).unwrap_or(Recent::NONE)
        };
        let of_money: Vec<Call> =
            Call::ALL.iter().copied().filter(|call| call.moves_money()).collect();
        database.recent.call_p95.store(p95(&of_money), Ordering::Relaxed);
        database.recent.win_p95.store(p95(&[Call::Win]), Ordering::Relaxed);
        database.recent.at.store(at, Ordering::Relaxed);
        if self.0.back().is_none_or(|(last, _)| at - last >= MICROSECONDS_APART) {
            self.0.push_back((at, now));
        }
    }
}
