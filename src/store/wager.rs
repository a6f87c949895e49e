//! One wager: what the client sends, which pools it feeds and by how much.

use crate::shmem::metrics;
use crate::store::configuration::{Configuration, ConfiguredPool};
use crate::store::ledger::Share;
use crate::store::operation::{self, Fingerprint, Recorded};
use crate::store::raw_json::RawJson;
use crate::store::session::timestamp;
use jackpot_core::{Contribution, Eligibility, Error, Evidence, Micros, Stake, currency, eligible};
use pgrx::datum::TimestampWithTimeZone;
use std::rc::Rc;

/// Whether a wager only feeds pools or also draws for them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only feeds them.
    Contribute,
    /// It draws, and pools that are hit are paid.
    Spin,
    /// It feeds them now and draws later, with this priority.
    QueuedSpin(i32),
}

impl Kind {
    /// Its word; a spin is the same operation whenever it draws.
    fn as_str(self) -> &'static str {
        match self {
            Kind::Contribute => "contribute",
            Kind::Spin | Kind::QueuedSpin(_) => "spin",
        }
    }
}

/// A wager as the client sends it.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// What it does.
    pub kind: Kind,
    /// The game.
    pub game_id: &'a str,
    /// The wager in minor units.
    pub wager_amount: i64,
    /// The player.
    pub user_id: Option<&'a str>,
    /// The client's name for the operation.
    pub operation_id: Option<&'a str>,
    /// Only these pools.
    pub pools: Option<&'a [String]>,
    /// The operator or brand.
    pub operator_id: Option<&'a str>,
    /// The game's category.
    pub game_category: Option<&'a str>,
    /// The wager's currency.
    pub currency: Option<&'a str>,
    /// The client's own words.
    pub metadata: Option<RawJson>,
}

/// What one pool got and then held.
#[derive(Clone)]
pub struct Line {
    /// The pool's name.
    pub pool: Rc<str>,
    /// What it got, meter and reserve together.
    pub contribution: Micros,
    /// What was payable then, in minor units; unknown with totals off.
    pub current_amount: Option<i64>,
    /// The pool's version then; unknown with totals off.
    pub version: Option<i64>,
    /// The win's number and amount, where the wager hit.
    pub won: Option<(i64, i64)>,
}

/// The result, and whether it is an earlier call's.
#[derive(Clone)]
pub struct Outcome {
    /// One line a pool.
    pub lines: Vec<Line>,
    /// The id of the ledger row; unknown where the operation was a win.
    pub ledger_id: Option<i64>,
    /// True when the operation had been done before.
    pub replayed: bool,
}

/// A pool that a wager feeds.
#[derive(Clone, Copy)]
pub struct Fed<'a> {
    /// The pool.
    pub pool: &'a ConfiguredPool,
    /// The wager in its currency.
    pub stake: Stake,
    /// What it gets.
    pub contribution: Contribution,
}

/// A wager that can be applied.
pub struct Wager<'a> {
    /// Its place among those that are played together.
    pub index: usize,
    /// As the client sent it.
    pub request: Request<'a>,
    /// What its `operation_id` stands for, if it has one.
    pub fingerprint: Option<Fingerprint>,
    /// The pools that it feeds, in the order of their ids.
    pub fed: Vec<Fed<'a>>,
    /// The same as the ledger has it.
    pub shares: Vec<Share>,
    /// The pools that it would feed, were there a rate into their currency.
    pub passed_over: Vec<&'a ConfiguredPool>,
    /// Of a spin: the pools that were hit by chance alone, by their place in `fed`.
    pub drawn: Vec<(usize, Evidence)>,
    /// The id of its ledger row.
    pub ledger_id: i64,
}

impl<'a> Wager<'a> {
    /// Finds out whom a checked wager feeds.
    pub fn new(
        index: usize,
        request: Request<'a>,
        configuration: &'a Configuration,
        at: TimestampWithTimeZone,
    ) -> Result<Self, Error> {
        let named = request.pools.map_or(usize::MAX, <[String]>::len);
        let pools = configuration.pools().len().min(named);
        let mut wager = Wager {
            index,
            request,
            fingerprint: request.operation_id.map(|_| fingerprint(&request)),
            fed: Vec::with_capacity(pools),
            shares: Vec::with_capacity(pools),
            passed_over: Vec::new(),
            drawn: Vec::new(),
            ledger_id: 0,
        };
        wager.find_pools(configuration, at)?;
        Ok(wager)
    }

    fn find_pools(
        &mut self,
        configuration: &'a Configuration,
        at: TimestampWithTimeZone,
    ) -> Result<(), Error> {
        let request = &self.request;
        let named = request.pools.map(|pools| configuration.ids(pools)).transpose()?;
        let wager = jackpot_core::Wager {
            game_id: request.game_id,
            amount: request.wager_amount,
            operator_id: request.operator_id,
            game_category: request.game_category,
            currency: request.currency,
            at: timestamp(at),
        };
        let rate = |from: &str, to: &str| configuration.rates().at(at, from, to);
        for pool in configuration.pools() {
            let is_named = named.as_ref().map(|ids| ids.contains(&pool.id));
            if is_named == Some(false) {
                continue;
            }
            let named = is_named == Some(true);
            match eligible(&pool.pool, pool.status, &pool.config, &wager, rate, named)? {
                Eligibility::Feeds(stake) => {
                    let contribution = contribution(pool, stake)?;
                    self.fed.push(Fed { pool, stake, contribution });
                    self.shares.push(Share::new(pool, stake, &contribution)?);
                }
                Eligibility::PassedOver => {}
                Eligibility::NoExchangeRate => self.passed_over.push(pool),
            }
        }
        Ok(())
    }

    /// What it returns, but for totals and hits.
    pub fn lines(&self) -> Vec<Line> {
        let line = |(fed, share): (&Fed<'_>, &Share)| Line {
            pool: Rc::clone(&fed.pool.pool),
            contribution: share.leg.total(),
            current_amount: None,
            version: None,
            won: None,
        };
        self.fed.iter().zip(&self.shares).map(line).collect()
    }

    /// Whether it draws for pools now.
    pub fn is_spin(&self) -> bool {
        self.request.kind == Kind::Spin
    }
}

/// Refuses what no pool can take (22023).
pub fn check(request: &Request<'_>) -> Result<(), Error> {
    operation::check(request.operation_id)?;
    if request.game_id.is_empty() {
        return Err(Error::invalid("game_id is empty", "a wager is placed on a game"));
    }
    request.currency.map_or(Ok(()), currency::check)?;
    if request.wager_amount < 0 {
        return Err(Error::invalid(
            format!("wager_amount {} is negative", request.wager_amount),
            "a wager is 0 or more minor units",
        ));
    }
    Ok(())
}

/// What the request's `operation_id` stands for.
pub fn fingerprint(request: &Request<'_>) -> Fingerprint {
    let pools = request.pools.map(|pools| {
        let mut pools = pools.to_vec();
        pools.sort_unstable();
        pools.dedup();
        // Unambiguous whatever the names hold.
        format!("{pools:?}")
    });
    Fingerprint::of(
        request.kind.as_str(),
        &[
            Some(request.game_id.as_bytes()),
            Some(&request.wager_amount.to_be_bytes()),
            request.user_id.map(str::as_bytes),
            pools.as_deref().map(str::as_bytes),
            request.operator_id.map(str::as_bytes),
            request.game_category.map(str::as_bytes),
            request.currency.map(str::as_bytes),
            request.metadata.as_ref().map(RawJson::bytes),
        ],
    )
}

/// What a pool gets; 22003 when it does not fit, 22023 above the pool's limit.
fn contribution(pool: &ConfiguredPool, stake: Stake) -> Result<Contribution, Error> {
    pool.config.contribution(stake).map_err(|error| Error {
        message: format!("pool \"{}\": {}", pool.pool, error.message),
        ..error
    })
}

/// What was returned when the operation was first done.
pub fn replay(recorded: Recorded, configuration: &Configuration) -> Outcome {
    metrics::replayed();
    let lines = recorded.lines.into_iter().map(|line| Line {
        pool: configuration.name(line.pool_id),
        contribution: line.contribution,
        current_amount: line.current_amount,
        version: line.version,
        won: line.won,
    });
    Outcome { lines: lines.collect(), ledger_id: recorded.ledger_id, replayed: true }
}
