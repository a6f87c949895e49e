//! The requests beyond the mark: which of them are due, in which order, and when the next one is.

use crate::store::index_scan::{self, Names, Relation, key};
use crate::store::queue::mark::QueueMark;
use crate::store::queue::request::Due;
use crate::store::statement::query;
use crate::store::{relations, snapshot};
use jackpot_core::Snapshot;
use pgrx::pg_sys;
use std::cmp::Reverse;
use std::ops::ControlFlow;

/// The entries beyond the mark, or the first of them.
pub struct Window {
    /// In the order in which they are to be tried: priority, item, entry. Some may have been.
    places: Vec<(i32, i64, i64)>,
    /// The mark once all of them have been tried.
    end: (Snapshot, i64),
    /// Whether nothing that is due is left out.
    is_last: bool,
    /// How many rows were read, due or not.
    pub rows: u64,
    /// When the next one is due, of those that are not.
    pub next_due: Option<i64>,
}

/// Columns that place an entry, the indexed one first.
static BY_XID: Names = &[c"xid", c"entry", c"id", c"priority", c"due_at"];
static BY_TIME: Names = &[c"due_at", c"entry", c"id", c"priority", c"xid"];

/// What the active snapshot, which is `now`, shows beyond the mark and is due by `until`: about
/// `limit` that were enqueued since, in the order of transactions, and as many that have come due
/// since, in the order of time. Whole transactions and moments; what is found twice has been tried
/// the second time.
pub fn window(mark: &QueueMark, now: &Snapshot, until: i64, limit: usize) -> Window {
    let table = Relation::open(relations::current().request);
    let mut places: Vec<(i32, i64, i64)> = Vec::new();
    let place = |row: &index_scan::Row<'_>| (row.int(3), row.long(2), row.long(1));
    let mut end = (now.clone(), until.max(mark.due_until));
    let mut is_last = true;

    let until = end.1;
    let new = snapshot::places_since(now, &mark.requests);
    let own = snapshot::own_xid_if_any();
    let single = |xid: &u64| {
        [key(pg_sys::BTEqualStrategyNumber, pg_sys::F_XID8EQ, pg_sys::Datum::from(*xid))]
    };
    let singles: Vec<_> = new.also.iter().map(single).collect();
    let range = [
        key(pg_sys::BTGreaterEqualStrategyNumber, pg_sys::F_XID8GE, pg_sys::Datum::from(new.from)),
        key(pg_sys::BTLessStrategyNumber, pg_sys::F_XID8LT, pg_sys::Datum::from(new.end)),
    ];
    let mut conditions: Vec<&[pg_sys::ScanKeyData]> = singles.iter().map(|one| &one[..]).collect();
    conditions.push(&range);
    let (mut rows, mut last_xid) = (0, 0);
    index_scan::scan_while(&table, BY_XID, &conditions, |row| {
        let xid = row.long(0).cast_unsigned();
        // The mark cannot go back behind what it saw.
        if xid != last_xid && xid >= mark.requests.xmax() && places.len() >= limit {
            (end.0, is_last) = (now.until(xid), false);
            return ControlFlow::Break(());
        }
        last_xid = xid;
        rows += 1;
        if Some(xid) != own && !mark.requests.sees(xid) && row.long(4) <= until {
            places.push(place(row));
        }
        ControlFlow::Continue(())
    });

    let new = places.len();
    let time = |strategy, comparison, at: i64| key(strategy, comparison, pg_sys::Datum::from(at));
    let came_due = [
        time(pg_sys::BTGreaterStrategyNumber, pg_sys::F_TIMESTAMPTZ_GT, mark.due_until),
        time(pg_sys::BTLessEqualStrategyNumber, pg_sys::F_TIMESTAMPTZ_LE, until),
    ];
    let mut last_due = i64::MIN;
    index_scan::scan_while(&table, BY_TIME, &[&came_due], |row| {
        let due_at = row.long(0);
        if due_at != last_due && places.len() - new >= limit {
            (end.1, is_last) = (last_due, false);
            return ControlFlow::Break(());
        }
        last_due = due_at;
        if mark.requests.sees(row.long(4).cast_unsigned()) {
            places.push(place(row));
        }
        ControlFlow::Continue(())
    });
    let later = [time(pg_sys::BTGreaterStrategyNumber, pg_sys::F_TIMESTAMPTZ_GT, until)];
    let mut next_due = None;
    index_scan::scan_while(&table, BY_TIME, &[&later], |row| {
        next_due = Some(row.long(0));
        ControlFlow::Break(())
    });
    places.sort_unstable_by_key(|(priority, id, entry)| (Reverse(*priority), *id, *entry));
    Window { places, end, is_last, rows, next_due }
}

/// How many entries wait, due or not; more than there are only while that is below the limit.
pub fn waiting(mark: &QueueMark, now: &Snapshot, limit: usize) -> usize {
    let window = window(mark, now, i64::MAX, usize::MAX);
    let places = window.places.len();
    if places < limit { places } else { window.first(usize::MAX).len() }
}

/// Entries that are looked up at a time.
const ENTRIES_AT_ONCE: usize = 500;

impl Window {
    /// Whether there may be something to try.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Whether nothing that is due is left out.
    pub fn is_last(&self) -> bool {
        self.is_last
    }

    /// The first so many that have not been tried yet.
    pub fn first(&self, limit: usize) -> Vec<Due> {
        let mut due = Vec::new();
        for places in self.places.chunks(ENTRIES_AT_ONCE) {
            let missing = limit.saturating_sub(due.len()).min(ENTRIES_AT_ONCE);
            if missing == 0 {
                break;
            }
            let entries: Vec<String> = places.iter().map(|(.., entry)| entry.to_string()).collect();
            let entries = entries.join(",");
            let mut malformed = None;
            // Planned anew each time, as the table is now empty, now of millions.
            query(&format!(
                "SELECT r.entry, r.id, r.kind, r.priority, r.attempts, r.actor, r.payload, r.due_at
                   FROM jackpot.request r
                  WHERE r.entry = ANY ('{{{entries}}}')
                    AND NOT EXISTS (SELECT FROM jackpot.attempt a WHERE a.entry = r.entry)
                  ORDER BY r.priority DESC, r.id, r.entry LIMIT {missing}"
            ))
            .each(|row| match Due::read(&row) {
                Ok(entry) => due.push(entry),
                Err(error) => malformed = Some(error),
            });
            if let Some(error) = malformed {
                pgrx::error!("jackpot.request: {error}");
            }
        }
        due
    }

    /// Moves the mark to where the window ends; all of it must have been tried.
    pub fn pass(&self, mark: &mut QueueMark) {
        (mark.requests, mark.due_until) = self.end.clone();
    }
}
