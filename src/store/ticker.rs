//! The ticker: what pools held a moment ago, for a thousand screens that ask all the time.
//!
//! One reader in each half of `jackpot.ticker_interval` reads the tables and leaves the amounts in
//! shared memory; the others take them from there. What is shown has always been committed: also in
//! a transaction that has written, amounts are read as another session would read them.

use crate::guc;
use crate::shmem::metrics::{self, place::OfDatabase};
use crate::shmem::ticker::{self, Amount};
use crate::store::session::clock;
use crate::store::snapshot::Active;
use crate::store::{configuration, pool, relations, snapshot};
use jackpot_core::Error;
use std::rc::Rc;

/// What one pool held.
pub struct Tick {
    /// Its name.
    pub pool: Rc<str>,
    /// Its currency.
    pub currency: Option<String>,
    /// What it held.
    pub amount: Amount,
}

/// What pools held.
pub struct Ticks {
    /// One a pool.
    pub ticks: Vec<Tick>,
    /// When they held it (microseconds since 2000).
    pub as_of: i64,
    /// Whether shared memory told.
    pub is_from_memory: bool,
}

/// What the named pools, or all, held at most `jackpot.ticker_interval` ago; 42704 for an unknown
/// one.
pub fn read(names: Option<Vec<String>>) -> Result<Ticks, Error> {
    let configuration = configuration::current()?;
    let ids = names.map(|names| configuration.ids(&names)).transpose()?;
    let is_wanted = |id: i32| ids.as_ref().is_none_or(|ids| ids.contains(&id));
    let wanted = || configuration.pools().iter().filter(|pool| is_wanted(pool.id));
    let known = from_memory().filter(|(_, amounts)| {
        // Not yet, where one of them is new.
        wanted().all(|pool| amounts.iter().any(|amount| amount.pool_id == pool.id))
    });
    let is_from_memory = known.is_some();
    let (as_of, amounts) = match known {
        Some(known) => known,
        None => from_tables()?,
    };
    metrics::add_now(match is_from_memory {
        true => OfDatabase::TickerFromMemory,
        false => OfDatabase::TickerFromTables,
    });
    let ticks = wanted().filter_map(|pool| {
        let amount = amounts.iter().find(|amount| amount.pool_id == pool.id)?;
        let (name, currency) = (Rc::clone(&pool.pool), pool.config.currency.clone());
        Some(Tick { pool: name, currency, amount: *amount })
    });
    Ok(Ticks { ticks: ticks.collect(), as_of, is_from_memory })
}

/// What shared memory knows, if it is new enough and this is not the reader that is to renew it.
fn from_memory() -> Option<(i64, Vec<Amount>)> {
    let interval = i64::from(guc::TICKER_INTERVAL.get()) * 1_000;
    let ledger = relations::current().ledger;
    let (as_of, amounts) = ticker::get(ledger)?;
    let now = clock();
    let age = now - as_of;
    // Renewed in good time, so that nobody but the one who renews it has to wait.
    // Not by a SERIALIZABLE transaction, which would then conflict with every bet.
    let is_to_renew =
        age >= interval / 2 && !snapshot::is_serializable() && ticker::try_read(ledger, now);
    (0 <= age && age <= interval && interval > 0 && !is_to_renew).then_some((as_of, amounts))
}

/// What has been committed by now; left in shared memory for others.
fn from_tables() -> Result<(i64, Vec<Amount>), Error> {
    let ledger = relations::current().ledger;
    // So that there is a place for it.
    ticker::try_read(ledger, clock());
    let as_of = clock();
    let pools = {
        let _active = Active::committed();
        pool::read(None)?
    };
    let amount = |pool: &pool::Pool| Amount {
        pool_id: pool.id,
        status: pool.state.status,
        current_amount: pool.state.current_amount(),
        cycle: pool.state.cycle,
        version: pool.state.version,
    };
    let amounts: Vec<Amount> = pools.iter().map(amount).collect();
    ticker::put(ledger, as_of, &amounts);
    Ok((as_of, amounts))
}
