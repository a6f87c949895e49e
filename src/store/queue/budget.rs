//! How long a piece may wait for locks. While it waits it holds the gate, the queue's mark and the
//! pools that it has locked, and others wait for these.

use crate::store::session::{Patience, clock};

/// All waiting of a piece together, in milliseconds.
const MILLISECONDS: i64 = 100;
/// What each lock is waited for at least, in milliseconds.
const LEAST: i64 = 5;
/// Items of a failed batch that are tried one by one: each takes a subtransaction.
const SINGLE_TRIES: usize = 50;

/// What is left of a piece's time and tries.
pub struct Budget {
    microseconds: i64,
    tries: usize,
}

impl Budget {
    /// That of a new piece.
    pub fn new() -> Self {
        Budget { microseconds: MILLISECONDS * 1_000, tries: SINGLE_TRIES }
    }

    /// Does what may wait for locks. What fails is taken to have waited.
    pub fn spend<T, E>(&mut self, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let before = self.microseconds;
        let done = self.wait(work);
        if done.is_ok() {
            self.microseconds = before;
        }
        done
    }

    /// Does what is nothing but waiting.
    pub fn wait<T, E>(&mut self, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let _patience = Patience::limit((self.microseconds / 1_000).max(LEAST) as i32);
        let began = clock();
        let done = work();
        self.microseconds = (self.microseconds - (clock() - began)).max(0);
        done
    }

    /// Whether one more item may be tried by itself.
    pub fn try_one(&mut self) -> bool {
        let may = self.tries > 0;
        self.tries = self.tries.saturating_sub(1);
        may
    }
}
