//! How much waits, and what is refused because of it.

use crate::guc;
use crate::shmem::backlog::{self as shared, Group};
use crate::store::queue::request::Kind;
use crate::store::queue::{mark, spins, window};
use crate::store::relations;
use crate::store::session::clock;
use crate::store::snapshot::{self, Active};
use jackpot_core::{Error, Token};
use std::cell::Cell;
use std::collections::BTreeMap;

/// How long a count is good, where there is room, and where there is not.
const MICROSECONDS_WITH_ROOM: i64 = 1_000_000;
const MICROSECONDS_WITHOUT: i64 = 50_000;
/// Counting takes at most one part in so many of the time.
const SHARE_OF_TIME: i64 = 20;
/// What took less is counted anew whenever it is asked for.
const MICROSECONDS_WORTH_KEEPING: i64 = 50_000;

#[derive(Clone, Copy)]
struct Count {
    at: i64,
    took: i64,
    /// With what this backend has enqueued since.
    items: usize,
}

thread_local! {
    static COUNTED: Cell<Count> = const { Cell::new(Count { at: i64::MIN, took: 0, items: 0 }) };
}

/// Makes room for one more item: 53400 where the queue is full.
pub fn admit() -> Result<(), Error> {
    let Some(limit) = usize::try_from(guc::QUEUE_MAX_ITEMS.get()).ok().filter(|limit| *limit > 0)
    else {
        return Ok(());
    };
    let mut count = COUNTED.get();
    let good_for = if count.items < limit { MICROSECONDS_WITH_ROOM } else { MICROSECONDS_WITHOUT };
    let began = clock();
    if began.saturating_sub(count.at) > good_for.max(count.took.saturating_mul(SHARE_OF_TIME)) {
        let items = items(limit)?;
        count = Count { at: clock(), took: clock() - began, items };
    }
    if count.items >= limit {
        COUNTED.set(count);
        return Err(Error::new(
            Token::QueueFull,
            "the queue is full",
            format!("{} items wait, jackpot.queue_max_items is {limit}; wait 1000 ms", count.items),
        )
        .hint("Try again later; jackpot_queue_health() tells why the queue is not drained."));
    }
    COUNTED.set(Count { items: count.items + 1, ..count });
    Ok(())
}

/// How many items wait, up to a limit or a little more.
fn items(limit: usize) -> Result<usize, Error> {
    let _active = Active::latest();
    let Some(mark) = mark::read()? else { return Ok(0) };
    let now = snapshot::active();
    Ok(spins::count(&mark.spins, &now, limit) + window::waiting(&mark, &now, limit))
}

/// What waits; where that takes long to count, it may be what was counted a while ago.
pub fn about_waiting() -> Result<Vec<Waiting>, Error> {
    let ledger = relations::current().ledger;
    let began = clock();
    if let Some(known) = shared::get(ledger, began) {
        return Ok(known.into_iter().filter_map(Waiting::from_group).collect());
    }
    let waiting = waiting()?;
    let took = clock() - began;
    // What only this transaction sees is not for others.
    let is_everybodys = snapshot::own_xid_if_any().is_none() && !snapshot::is_kept();
    if took > MICROSECONDS_WORTH_KEEPING && is_everybodys {
        let groups: Vec<Group> = waiting.iter().map(Waiting::to_group).collect();
        shared::put(ledger, clock() + took * SHARE_OF_TIME, &groups);
    }
    Ok(waiting)
}

/// Items of one kind and priority that wait.
pub struct Waiting {
    /// contribution, spin or win.
    pub kind: &'static str,
    /// What is higher goes first.
    pub priority: i32,
    /// How many.
    pub items: i64,
    /// How often they have been tried.
    pub attempts: i64,
    /// Since when the oldest of those that are due is due (microseconds since 2000).
    pub oldest_due_at: Option<i64>,
}

const KINDS: [Kind; 4] = [Kind::Contribution, Kind::Spin, Kind::Win, Kind::Draw];

impl Waiting {
    fn to_group(&self) -> Group {
        let kind = KINDS.iter().position(|kind| kind.as_str() == self.kind).unwrap_or(0);
        Group {
            kind: kind as u8,
            priority: self.priority,
            items: self.items,
            attempts: self.attempts,
            oldest_due_at: self.oldest_due_at.unwrap_or(i64::MAX),
        }
    }

    fn from_group(group: Group) -> Option<Self> {
        Some(Waiting {
            kind: KINDS.get(usize::from(group.kind))?.as_str(),
            priority: group.priority,
            items: group.items,
            attempts: group.attempts,
            oldest_due_at: Some(group.oldest_due_at).filter(|at| *at != i64::MAX),
        })
    }
}

/// All that waits, in the active snapshot.
pub fn waiting() -> Result<Vec<Waiting>, Error> {
    let mut waiting: BTreeMap<(&'static str, i32), Waiting> = BTreeMap::new();
    let Some(mark) = mark::read()? else { return Ok(Vec::new()) };
    let (now, clock) = (snapshot::active(), clock());
    let mut add = |kind, priority, items, attempts, due_at: i64| {
        let none = Waiting { kind, priority, items: 0, attempts: 0, oldest_due_at: None };
        let sum = waiting.entry((kind, priority)).or_insert(none);
        sum.items += items;
        sum.attempts += attempts;
        if due_at <= clock {
            sum.oldest_due_at = Some(sum.oldest_due_at.map_or(due_at, |oldest| oldest.min(due_at)));
        }
    };
    for (priority, (count, oldest)) in spins::waiting(&mark.spins, &now) {
        add(Kind::Spin.as_str(), priority, count as i64, 0, oldest);
    }
    for due in window::window(&mark, &now, i64::MAX, usize::MAX).first(usize::MAX) {
        let kind = if due.kind == Kind::Draw { Kind::Spin } else { due.kind };
        add(kind.as_str(), due.priority, 1, due.attempts.into(), due.due_at);
    }
    Ok(waiting.into_values().collect())
}
