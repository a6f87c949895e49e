//! Moving in: taking over another system's pools and their history, step by step, and going back.
//!
//! A source, a state or a table, is read into `jackpot.migration_row`, where its rows wait; from
//! there pools, contributions and wins are taken over, in batches. A migration owns the pools that it
//! makes, and history goes into such pools only, before they take bets: so that rolling it back is to
//! remove them. Taking over history changes nothing that pools show.

mod compare;
mod findings;
mod history;
mod names;
mod pools;
pub mod progress;
mod record;
mod rollback;
mod rows;
mod source;
mod stage;
mod steps;
mod wins;

pub use rollback::{RolledBack, Wanted, rollback};
pub use source::Source;

use crate::store::{
    configuration, lock, mark, partition, queue, session, snapshot, subtransaction,
};
use jackpot_core::{Error, Token};
use serde_json::Value;
use std::collections::BTreeSet;
use steps::Migration;

/// What a migration does, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Keeps what pools hold now.
    Backup,
    /// Reads the source and checks it.
    Read,
    /// Takes over pools.
    Pools,
    /// Takes over contributions.
    Contributions,
    /// Takes over wins.
    Wins,
    /// Makes voided operations known.
    Voids,
    /// Arms triggers that wait for the history.
    Triggers,
    /// Proves the books.
    Verify,
}

impl Step {
    /// All of them, in their order.
    pub const ALL: [Step; 8] = [
        Step::Backup,
        Step::Read,
        Step::Pools,
        Step::Contributions,
        Step::Wins,
        Step::Voids,
        Step::Triggers,
        Step::Verify,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Step::Backup => "backup",
            Step::Read => "validate",
            Step::Pools => "pools",
            Step::Contributions => "contributions",
            Step::Wins => "wins",
            Step::Voids => "voids",
            Step::Triggers => "triggers",
            Step::Verify => "verify",
        }
    }

    /// From its name; 22023 for another.
    pub fn parse(name: &str) -> Result<Self, Error> {
        Step::ALL.into_iter().find(|step| step.as_str() == name).ok_or_else(|| {
            let names: Vec<&str> = Step::ALL.iter().map(|step| step.as_str()).collect();
            Error::invalid(
                format!("step \"{name}\" is not known"),
                format!("the steps are {}", names.join(", ")),
            )
        })
    }
}

/// How a migration goes about it.
pub struct Options {
    /// Do it, tell what was done, and take it back.
    pub dry_run: bool,
    /// How many contributions at a time.
    pub batch_size: i64,
    /// Whether the books are proven in the end.
    pub validate: bool,
    /// Whether what pools hold is kept first.
    pub backup: bool,
    /// Only these steps.
    pub steps: Option<BTreeSet<Step>>,
    /// Whether bad rows are mended instead of refused.
    pub repair: bool,
    /// Whether pools start paused.
    pub paused: bool,
    /// At most so many batches in this call.
    pub max_batches: Option<i64>,
}

/// What became of a step.
#[derive(Clone)]
pub struct Report {
    /// The step.
    pub step: Step,
    /// completed, unchanged, planned, refused or running.
    pub status: &'static str,
    /// How many pools the migration has taken over by now.
    pub pools: i64,
    /// How many contributions.
    pub contributions: i64,
    /// How many wins.
    pub wins: i64,
    /// How long it took, in microseconds.
    pub took: i64,
    /// Findings.
    pub warnings: Value,
    /// How to go back.
    pub rollback_data: Option<Value>,
    /// The migration; `None` where there was nothing to take over.
    pub migration_id: Option<i64>,
}

/// One transaction at a time moves in or back. 55000 where it would not see what others have done
/// meanwhile.
fn alone() -> Result<(), Error> {
    if snapshot::is_kept() {
        return Err(Error::new(
            Token::MigrationState,
            "the transaction keeps its snapshot",
            "bets that came since could not be seen",
        )
        .hint("Migrate, import and roll back in a transaction that is READ COMMITTED."));
    }
    lock::take_migrations();
    Ok(())
}

/// Does a migration, or what is left of it.
pub fn run(source: &Source, options: &Options) -> Result<Vec<Report>, Error> {
    if options.batch_size < 1 || options.max_batches.is_some_and(|batches| batches < 1) {
        return Err(Error::invalid("batch_size and max_batches must be positive", "1 or more"));
    }
    source.check_access();
    alone()?;
    if options.dry_run {
        // Done and taken back: what is told of it is what would be.
        let taken_back = subtransaction::catch(
            |_| false,
            |_| Ok(Vec::new()),
            || -> Result<(), Result<Vec<Report>, Error>> {
                Err(mark::ensure().and_then(|()| Migration::run(source, options)))
            },
        );
        return taken_back.err().unwrap_or_else(|| Ok(Vec::new()));
    }
    mark::ensure()?;
    if session::is_autocommit() || configuration::current()?.pools().is_empty() {
        partition::ensure();
    }
    let reports = Migration::run(source, options)?;
    queue::wake();
    Ok(reports)
}
