//! Processing the queue, a piece at a time: what the worker does, and `jackpot_process_queue()`.

use crate::shmem::metrics::{self, place::OfDatabase};
use crate::store::queue::budget::Budget;
use crate::store::queue::draw::{Kept, Part, draw};
use crate::store::queue::item::{self, Tally};
use crate::store::queue::mark::QueueMark;
use crate::store::queue::request::{Due, Kind};
use crate::store::queue::spins::{Piece, Spin};
use crate::store::queue::window::{self, Window};
use crate::store::queue::{announce, mark, spins};
use crate::store::session::{self, Patience, clock};
use crate::store::snapshot::{self, Active};
use crate::store::statement::Connection;
use crate::store::{lock, partition, settle, subtransaction};
use jackpot_core::Error;
use pgrx::PgSqlErrorCode;
use std::cmp::Reverse;

/// Spins that are drawn for in one piece, but for those of one transaction.
const SPINS_AT_ONCE: usize = 10_000;
/// Requests that are tried in one piece.
const REQUESTS_AT_ONCE: usize = 500;
/// Those of them that are no wins, each of which takes a subtransaction: more than 64 would make
/// all sessions' snapshots dearer.
const SUBTRANSACTIONS_AT_ONCE: usize = 50;
/// Entries of requests that are looked through for them.
const ENTRIES_AT_ONCE: usize = 5_000;
/// Rows that ask for nothing now and are rather read again than have the mark move.
const ROWS_WITHOUT_MOVING: u64 = 1_000;
/// How long a lock is waited for: those behind wait as well, and it is tried again.
const PATIENCE_MILLISECONDS: i32 = 100;
/// `tail_since` is at least an hour old; when it is so old, it is looked up anew.
const MICROSECONDS_OF_TAIL: i64 = 7_200_000_000;

/// What one piece came to.
pub struct Round {
    /// What was done.
    pub tally: Tally,
    /// Whether nothing is left that is due.
    pub is_done: bool,
    /// When the next request is due (microseconds since 2000).
    pub next_due: Option<i64>,
}

/// Processes up to so many items in this transaction, and settles.
pub fn process(max_items: i64) -> Result<Tally, Error> {
    crate::store::mark::ensure()?;
    let mut tally = Tally::default();
    let mut left = max_items;
    while left > 0 {
        let Some(round) = round(usize::try_from(left).unwrap_or(usize::MAX))? else { break };
        tally.add(&round.tally);
        left -= round.tally.processed + round.tally.failed + round.tally.retried;
        if round.is_done {
            break;
        }
    }
    if session::stands_alone() && !snapshot::is_kept() {
        partition::ensure();
        settle::settle()?;
    }
    Ok(tally)
}

/// Processes a piece of about so many items; `None` where another session is at it, nothing was ever
/// written, or the database was restored and nothing was written since.
pub fn round(max_items: usize) -> Result<Option<Round>, Error> {
    // What a piece takes in memory goes with its connection.
    let _connection = Connection::open();
    let _patience = Patience::limit(PATIENCE_MILLISECONDS);
    if !crate::store::mark::is_anchored()? {
        return Ok(None);
    }
    let Some(look) = Look::take(max_items.min(SPINS_AT_ONCE))? else { return Ok(None) };
    if look.is_idle() {
        let next_due = look.window.next_due;
        return Ok(Some(Round { tally: Tally::default(), is_done: true, next_due }));
    }
    // Only now, as a lock takes a transaction id.
    let Some(locked) = mark::lock()? else { return Ok(None) };
    let look = if look.mark.is_at(&locked) {
        look
    } else {
        match Look::take(max_items.min(SPINS_AT_ONCE))? {
            Some(look) => look,
            None => return Ok(None),
        }
    };
    // Held by a pause: not for long, or for as long as its transaction is left open.
    let is_timeout = |code| code == PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE;
    if subtransaction::attempt(is_timeout, lock::pass_gate).is_none() {
        return Ok(None);
    }
    look.process(max_items).map(Some)
}

/// What the queue holds in one snapshot.
struct Look {
    mark: QueueMark,
    /// For the mark, if it is to move.
    tail_since: i64,
    piece: Piece,
    window: Window,
}

impl Look {
    fn take(max_spins: usize) -> Result<Option<Self>, Error> {
        let mark = {
            let _active = Active::fresh();
            mark::read()?
        };
        let Some(mark) = mark else { return Ok(None) };
        // Before the snapshot: whoever gets a transaction id later writes later.
        let mut tail_since = mark.spins.tail_since;
        if clock().saturating_sub(tail_since) > MICROSECONDS_OF_TAIL {
            tail_since = crate::store::mark::tail_since().into_inner();
        }
        let _active = Active::fresh();
        let now = snapshot::active();
        let piece = spins::read(&mark.spins, &now, max_spins);
        let window = window::window(&mark, &now, clock(), ENTRIES_AT_ONCE);
        Ok(Some(Look { mark, tail_since, piece, window }))
    }

    fn is_idle(&self) -> bool {
        self.piece.spins.is_empty()
            && self.piece.rows + self.window.rows < ROWS_WITHOUT_MOVING
            && self.window.is_empty()
    }

    /// Does what is there, and moves the mark.
    fn process(self, max_items: usize) -> Result<Round, Error> {
        let Look { mark, tail_since, piece, window } = self;
        let limit = max_items.min(REQUESTS_AT_ONCE);
        let mut due = window.first(limit + 1);
        let others = due.iter().enumerate().filter(|(_, entry)| entry.kind != Kind::Win);
        let end = others.map(|(place, _)| place).nth(SUBTRANSACTIONS_AT_ONCE);
        let mut are_all_due = due.len() <= limit && end.is_none();
        due.truncate(end.unwrap_or(limit).min(limit));
        let part = Part { mark: &mark.spins, end: &piece.end };
        let (mut tally, mut budget) = (Tally::default(), Budget::new());
        let mut spins = piece.spins.as_slice();
        // Spins that come first draw first; the requests between two spins are tried together.
        let earlier = |entry: &Due| {
            let place = (Reverse(entry.priority), entry.id);
            piece.spins.partition_point(|spin| (Reverse(spin.priority), spin.id) < place)
        };
        for entries in due.chunk_by(|one, next| earlier(one) == earlier(next)) {
            let drawn = piece.spins.len() - spins.len();
            let before = entries.first().map_or(drawn, earlier);
            let (first, rest) = spins.split_at(before - drawn);
            draw_all(first, &part, &mut budget, &mut tally)?;
            are_all_due &= item::attempt_all(entries, &mut budget, &mut tally);
            spins = rest;
        }
        draw_all(spins, &part, &mut budget, &mut tally)?;
        announce::done((tally.processed + tally.failed).unsigned_abs());
        metrics::add(OfDatabase::Processed, tally.processed.unsigned_abs());
        metrics::add(OfDatabase::Failed, tally.failed.unsigned_abs());
        metrics::add(OfDatabase::Retried, tally.retried.unsigned_abs());
        let mut moved = mark.clone();
        moved.spins.snapshot = piece.end;
        if piece.is_last {
            moved.spins.tail_since = tail_since;
        }
        if are_all_due {
            window.pass(&mut moved);
        }
        mark::set(&moved);
        let is_done = piece.is_last && are_all_due && window.is_last();
        Ok(Round { tally, is_done, next_due: window.next_due })
    }
}

impl QueueMark {
    fn is_at(&self, other: &QueueMark) -> bool {
        self.spins.snapshot == other.spins.snapshot
            && self.requests == other.requests
            && self.due_until == other.due_until
    }
}

fn draw_all(
    spins: &[Spin],
    part: &Part<'_>,
    budget: &mut Budget,
    tally: &mut Tally,
) -> Result<(), Error> {
    if !spins.is_empty() {
        let drawn = draw(spins, Some(part), &Kept::default(), budget)?;
        tally.count_drawn(spins.len(), &drawn);
        item::put_aside(&drawn.put_aside, None, 1, tally);
    }
    Ok(())
}
