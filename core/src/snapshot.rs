//! PostgreSQL's snapshots as sets of transaction ids: the marks by which the ledger is read.

use crate::Error;
use std::fmt;
use std::str::FromStr;

/// Which transactions had committed at a moment, as `pg_snapshot` has it: all below `xmin`, none
/// from `xmax` on, and of those between all but the ones in progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    xmin: u64,
    xmax: u64,
    in_progress: Vec<u64>,
}

/// Where to look for transactions: in the range `from..end`, and in `also`, which lies outside it.
/// The range may hold others too; ask [`Snapshot::sees`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The start of the range.
    pub from: u64,
    /// Its end, exclusive.
    pub end: u64,
    /// Single transactions below it.
    pub also: Vec<u64>,
}

impl Places {
    /// From a range and the transactions below it in ascending order. One look-up costs about as
    /// much as reading `REACH` entries in order, so the range takes in what lies close below it.
    fn new(from: u64, end: u64, also: Vec<u64>) -> Self {
        let mut places = Places { from, end, also };
        while places.from < places.end
            && let Some(last) = places.also.last()
            && places.from - last <= REACH
        {
            places.from = *last;
            places.also.pop();
        }
        places
    }

    /// Whether the transaction is looked for.
    pub fn contain(&self, xid: u64) -> bool {
        (self.from <= xid && xid < self.end) || self.also.contains(&xid)
    }
}

/// How far the range reaches back for one more transaction rather than have it looked up alone.
const REACH: u64 = 32;

impl Snapshot {
    /// A snapshot; what is in progress may come in any order, and what lies outside `xmin..xmax`
    /// is left out as saying nothing.
    pub fn new(xmin: u64, xmax: u64, in_progress: impl IntoIterator<Item = u64>) -> Self {
        let mut in_progress: Vec<u64> = in_progress.into_iter().filter(|xid| *xid < xmax).collect();
        in_progress.sort_unstable();
        in_progress.dedup();
        let xmin = in_progress.first().map_or(xmin, |first| xmin.min(*first)).min(xmax);
        Snapshot { xmin, xmax, in_progress }
    }

    /// The oldest transaction that it may not see.
    pub fn xmin(&self) -> u64 {
        self.xmin
    }

    /// The first transaction of which it knows nothing.
    pub fn xmax(&self) -> u64 {
        self.xmax
    }

    /// The transactions in progress, in ascending order.
    pub fn in_progress(&self) -> &[u64] {
        &self.in_progress
    }

    /// Whether the transaction had committed (or ended otherwise) when it was taken.
    pub fn sees(&self, xid: u64) -> bool {
        xid < self.xmin || (xid < self.xmax && self.in_progress.binary_search(&xid).is_err())
    }

    /// Whether it sees all that `other` sees.
    pub fn includes(&self, other: &Snapshot) -> bool {
        other.xmax <= self.xmax && !self.in_progress.iter().any(|xid| other.sees(*xid))
    }

    /// Whether it was taken after `other`, both by the same server: snapshots of one server grow,
    /// so the later one sees more.
    pub fn is_newer_than(&self, other: &Snapshot) -> bool {
        (self.xmax, other.in_progress.len()) > (other.xmax, self.in_progress.len())
    }

    /// The same without all from `xmax` on.
    pub fn until(&self, xmax: u64) -> Snapshot {
        Snapshot::new(self.xmin, xmax.min(self.xmax), self.in_progress.iter().copied())
    }

    /// Where to look for all that it does not see below `end`.
    pub fn unseen(&self, end: u64) -> Places {
        Places::new(self.xmax, end.max(self.xmax), self.in_progress.clone())
    }

    /// Where to look for what it sees and `earlier`, which it includes, does not: those that have
    /// ended in between. Few are looked up one by one, which spares reading what is in progress.
    pub fn ended_since(&self, earlier: &Snapshot) -> Places {
        let mut ended: Vec<u64> =
            earlier.in_progress.iter().copied().filter(|xid| self.sees(*xid)).collect();
        let begun_later =
            self.in_progress.iter().filter(|xid| **xid >= earlier.xmax).count() as u64;
        let new = self.xmax.saturating_sub(earlier.xmax).saturating_sub(begun_later);
        if ended.len() as u64 + new <= FEW {
            ended.extend((earlier.xmax..self.xmax).filter(|xid| self.sees(*xid)));
            return Places { from: self.xmax, end: self.xmax, also: ended };
        }
        Places::new(earlier.xmax, self.xmax, ended)
    }
}

/// Up to how many transactions are looked up one by one.
const FEW: u64 = 8;

impl fmt::Display for Snapshot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let in_progress: Vec<String> = self.in_progress.iter().map(u64::to_string).collect();
        write!(formatter, "{}:{}:{}", self.xmin, self.xmax, in_progress.join(","))
    }
}

impl FromStr for Snapshot {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let malformed =
            || Error::invalid(format!("malformed snapshot \"{text}\""), "xmin:xmax:xid,…");
        let mut parts = text.splitn(3, ':');
        let mut number = || parts.next().and_then(|part| part.parse().ok()).ok_or_else(malformed);
        let (xmin, xmax) = (number()?, number()?);
        let in_progress = parts
            .next()
            .unwrap_or("")
            .split(',')
            .filter(|part| !part.is_empty())
            .map(|part| part.parse().map_err(|_| malformed()))
            .collect::<Result<Vec<u64>, Error>>()?;
        Ok(Snapshot::new(xmin, xmax, in_progress))
    }
}
