//! The configuration of all pools, kept by each backend until it changes.

use crate::store::exchange::{self, Rates};
use crate::store::rate_limit::{self, Limit};
use crate::store::relations;
use crate::store::snapshot::Active;
use crate::store::statement::statements;
use jackpot_core::{Error, PoolConfig, Secret, Status, Token};
use pgrx::JsonB;
use std::cell::RefCell;
use std::rc::Rc;

/// One pool as far as configuration tells.
#[derive(Debug)]
pub struct ConfiguredPool {
    /// Its number in the tables.
    pub id: i32,
    /// Its name.
    pub pool: Rc<str>,
    /// Whether it takes part.
    pub status: Status,
    /// The version that shares are computed with.
    pub config_version: i64,
    /// How it behaves.
    pub config: PoolConfig,
    /// What is hidden in the present cycle.
    pub secret: Option<Secret>,
}

/// All pools, in the order of their ids, the exchange rates in force and to come, and rate limits.
#[derive(Debug)]
pub struct Configuration(Vec<ConfiguredPool>, Rates, Vec<Limit>);

impl Configuration {
    /// All pools.
    pub fn pools(&self) -> &[ConfiguredPool] {
        &self.0
    }

    /// The exchange rates.
    pub fn rates(&self) -> &Rates {
        &self.1
    }

    /// The rate limits.
    pub fn limits(&self) -> &[Limit] {
        &self.2
    }

    /// The pool of that name; 42704 when there is none.
    pub fn named(&self, pool: &str) -> Result<&ConfiguredPool, Error> {
        self.0.iter().find(|configured| *configured.pool == *pool).ok_or_else(|| {
            Error::new(
                Token::UnknownPool,
                format!("pool \"{pool}\" does not exist"),
                format!("no pool is named \"{pool}\""),
            )
            .hint("jackpot_pools() lists the pools.")
        })
    }

    /// The ids of the pools of these names, in the order of the ids; 42704 for an unknown one.
    pub fn ids(&self, pools: &[String]) -> Result<Vec<i32>, Error> {
        let mut ids =
            pools.iter().map(|pool| Ok(self.named(pool)?.id)).collect::<Result<Vec<_>, Error>>()?;
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    /// The name of a pool by its id.
    pub fn name(&self, pool_id: i32) -> Rc<str> {
        let configured = self.0.iter().find(|configured| configured.id == pool_id);
        configured.map_or_else(|| Rc::from(""), |configured| Rc::clone(&configured.pool))
    }
}

thread_local! {
    static KEPT: RefCell<Option<(u64, Rc<Configuration>)>> = const { RefCell::new(None) };
}

statements! {
    static READ() = "
        SELECT p.id, p.pool, p.status, p.config_version, p.config, s.secret, p.commitment
          FROM jackpot.pool p LEFT JOIN jackpot.secret s ON s.pool_id = p.id ORDER BY p.id";
}

/// What is in force now, whatever the isolation level: a pause must be seen by every bet.
pub fn current() -> Result<Rc<Configuration>, Error> {
    relations::accept_changes();
    relations::current();
    let generation = relations::generation();
    if let Some((of, kept)) = KEPT.with_borrow(Clone::clone)
        && of == generation
    {
        return Ok(kept);
    }
    let configuration = Rc::new(read()?);
    // A change that arrives while reading moves the generation on, and the next call reads anew.
    KEPT.set(Some((generation, Rc::clone(&configuration))));
    Ok(configuration)
}

fn read() -> Result<Configuration, Error> {
    let _active = Active::latest();
    let mut pools = Vec::new();
    READ.with(|statement| {
        statement.read(&[]).each(|row| {
            let (status, config) = (row.need::<String>(3), row.need::<JsonB>(5));
            let (secret, commitment) = (row.get::<String>(6), row.get::<String>(7));
            // One that cannot be read must not stop a bet; a spin has it drawn anew.
            let secret =
                secret.and_then(|secret| Secret::committed(&secret, commitment.as_deref()));
            pools.push((
                row.need(1),
                Rc::from(row.need::<String>(2)),
                status,
                row.need(4),
                config,
                secret,
            ));
        });
    });
    let pools = pools.into_iter().map(|(id, pool, status, config_version, config, secret)| {
        let (status, config) = (status.parse()?, PoolConfig::default().patched(&config.0)?);
        Ok(ConfiguredPool { id, pool, status, config_version, config, secret })
    });
    let pools = pools.collect::<Result<_, Error>>()?;
    Ok(Configuration(pools, exchange::read()?, rate_limit::read()?))
}
