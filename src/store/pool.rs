//! Pools with their exact amounts: pool row + balance + tail, all in one snapshot.

use crate::store::index_scan::{self, Relation, key};
use crate::store::journal::Occasion;
use crate::store::snapshot::Active;
use crate::store::statement::{argument, statements};
use crate::store::tail::Sums;
use crate::store::{configuration, ledger, lock, mark, relations, snapshot, totals};
use jackpot_core::{Error, Micros, PoolConfig, PoolState, Snapshot, Token, Totals};
use pgrx::datum::{Array, IntoDatum, TimestampWithTimeZone};
use pgrx::{JsonB, pg_sys};
use std::ffi::CStr;

/// A pool and what is known about its row.
#[derive(Debug)]
pub struct Pool {
    /// Its number in the tables.
    pub id: i32,
    /// Its exact state.
    pub state: PoolState,
    /// Who changed the row last.
    pub lock_holder: String,
    /// When anything changed last, contributions included.
    pub last_modified_at: TimestampWithTimeZone,
}

/// The columns of a pool's row that contributions need, without what only reports need.
#[derive(Debug)]
pub struct Meter {
    /// The pool's number.
    pub id: i32,
    /// Micros moved by the journal.
    pub meter: i64,
    /// Micros moved by the journal.
    pub reserve: i64,
    /// The current cycle.
    pub cycle: i64,
    /// The row's version.
    pub version: i64,
}

statements! {
    static READ(INT4ARRAYOID) = "
        SELECT p.id, p.pool, p.status, p.config, p.config_version, p.meter, p.reserve, p.cycle, p.version,
               p.total_wins, p.total_won::pg_catalog.text, p.total_seeded::pg_catalog.text,
               p.lock_holder, p.last_modified_at
          FROM jackpot.pool p
         WHERE $1 IS NULL OR p.id = ANY ($1)
         ORDER BY p.id";
    static LOCK(INT4OID) = "SELECT FROM jackpot.pool p WHERE p.id = $1 FOR UPDATE";
    static CREATE(TEXTOID, INT8OID, JSONBOID, TEXTOID, TEXTOID, TIMESTAMPTZOID) = "
        WITH new AS (
            INSERT INTO jackpot.pool
                   (pool, meter, config, total_seeded, lock_holder, last_modified_at, created_at)
            VALUES ($1, $2, $3, $4::pg_catalog.numeric, $5, $6, $6)
            ON CONFLICT (pool) DO NOTHING
            RETURNING id),
        zero AS (INSERT INTO jackpot.balance (pool_id) SELECT id FROM new)
        SELECT id FROM new";
    static UPDATE(INT4OID, TEXTOID, JSONBOID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID) = "
        UPDATE jackpot.pool
           SET status = $2, config = $3, config_version = $4, cycle = $5,
               meter = meter + $6, reserve = reserve + $7, version = version + $8,
               total_wins = $9, total_won = $10::pg_catalog.numeric, total_seeded = $11::pg_catalog.numeric,
               lock_holder = $12, last_modified_at = $13
         WHERE id = $1";
}

/// The pools in the active snapshot, all or those of the given ids.
pub fn read(ids: Option<&[i32]>) -> Result<Vec<Pool>, Error> {
    let sums = totals::exact(totals::newest_memo())?;
    let mut rows = Vec::new();
    READ.with(|statement| {
        statement.read(&[ids.and_then(|ids| ids.to_vec().into_datum())]).each(|row| {
            let totals = Totals {
                wins: row.need(10),
                won: row.whole(11),
                seeded: row.whole(12),
                ..Totals::default()
            };
            rows.push((
                Meter {
                    id: row.need(1),
                    meter: row.need(6),
                    reserve: row.need(7),
                    cycle: row.need(8),
                    version: row.need(9),
                },
                (row.need::<String>(2), row.need::<String>(3), row.need::<JsonB>(4), row.need(5)),
                totals,
                (row.need::<String>(13), row.need::<TimestampWithTimeZone>(14)),
            ));
        });
    });
    rows.into_iter()
        .map(|(row, (pool, status, JsonB(config), config_version), totals, (lock_holder, at))| {
            let id = row.id;
            let config = PoolConfig::default().patched(&config)?;
            let sum = sums.get(id).copied().unwrap_or_default();
            let state = PoolState {
                status: status.parse()?,
                config_version,
                totals: Totals {
                    contributions: sum.contributions,
                    wagered: sum.wagered,
                    contributed: sum.display + sum.reserve,
                    ..totals
                },
                ..with_sums(pool, config, &row, &sums)
            };
            let fed_at = TimestampWithTimeZone::try_from(sum.last_at);
            let last_modified_at =
                fed_at.map_or(at, |fed_at| if fed_at > at { fed_at } else { at });
            Ok(Pool { id, state, lock_holder, last_modified_at })
        })
        .collect()
}

/// A pool's amounts: what its row holds and what the ledger gave. Its totals are left at zero.
pub fn with_sums(pool: String, config: PoolConfig, row: &Meter, sums: &Sums) -> PoolState {
    let sum = sums.get(row.id).copied().unwrap_or_default();
    PoolState {
        pool,
        status: jackpot_core::Status::Active,
        config,
        config_version: 1,
        meter: Micros::new(i128::from(row.meter) + sum.display),
        reserve: Micros::new(i128::from(row.reserve) + sum.reserve),
        cycle: row.cycle,
        version: row.version + sum.contributions,
        totals: Totals::default(),
    }
}

/// The pool's columns that contributions need, the indexed one first.
static METER_COLUMNS: [&CStr; 5] = [c"id", c"meter", c"reserve", c"cycle", c"version"];

/// The rows of these pools in the active snapshot.
pub fn meters(ids: &[i32]) -> Vec<Meter> {
    let condition =
        |id: &i32| [key(pg_sys::BTEqualStrategyNumber, pg_sys::F_INT4EQ, pg_sys::Datum::from(*id))];
    let keys: Vec<[pg_sys::ScanKeyData; 1]> = ids.iter().map(condition).collect();
    let conditions: Vec<&[pg_sys::ScanKeyData]> = keys.iter().map(|one| one.as_slice()).collect();
    let mut meters = Vec::with_capacity(ids.len());
    let table = Relation::open(relations::current().pool);
    index_scan::scan(&table, &METER_COLUMNS, &conditions, |row| {
        meters.push(Meter {
            id: row.int(0),
            meter: row.long(1),
            reserve: row.long(2),
            cycle: row.long(3),
            version: row.long(4),
        });
    });
    meters
}

/// The names' ids; NULL elements are refused. `None` stands for all pools.
pub fn ids(pools: Option<Array<'_, &str>>) -> Result<Option<Vec<i32>>, Error> {
    match names(pools)? {
        Some(names) => ids_of(&names).map(Some),
        None => Ok(None),
    }
}

/// The ids of pools by their names; 42704 for an unknown one.
pub fn ids_of(names: &[String]) -> Result<Vec<i32>, Error> {
    configuration::current()?.ids(names)
}

/// An array argument of pools' names without NULL elements.
pub fn names(pools: Option<Array<'_, &str>>) -> Result<Option<Vec<String>>, Error> {
    let Some(pools) = pools else { return Ok(None) };
    pools
        .iter()
        .map(|pool| crate::error::required("a pool's name", pool).map(str::to_owned))
        .collect::<Result<_, _>>()
        .map(Some)
}

/// A pool under its lock, and the snapshot in which its state was read.
#[derive(Debug)]
pub struct Locked {
    /// The pool.
    pub pool: Pool,
    /// Which ledger rows its amounts include.
    pub seen: Snapshot,
    /// Ledger rows up to this id are included whatever their transaction.
    pub floor_id: i64,
    /// No ledger row above this id is included.
    pub last_id: i64,
}

/// Locks the pool's row, in turn with others, and reads its exact state as it is now.
pub fn lock(pool: &str) -> Result<Locked, Error> {
    let id = configuration::current()?.named(pool)?.id;
    lock::queue_for_pool(id);
    LOCK.with(|statement| statement.write(&[argument(id)]));
    let _active = Active::fresh();
    Ok(Locked {
        pool: read_one(id)?,
        seen: snapshot::active(),
        floor_id: mark::read()?.map_or(0, |position| position.floor_id),
        last_id: ledger::last_id(),
    })
}

/// One pool in the active snapshot.
pub fn read_one(id: i32) -> Result<Pool, Error> {
    read(Some(&[id]))?.pop().ok_or_else(|| not_visible(&id.to_string()))
}

/// Configuration is always the latest; a kept snapshot may be older than the pool (40001).
pub fn not_visible(pool: &str) -> Error {
    Error::new(
        Token::VersionConflict,
        format!("pool {pool} is newer than this transaction"),
        "the pool is not visible in the transaction's snapshot",
    )
    .hint("Run the transaction again.")
}

/// Makes the row of a new pool; `None` when the name is taken.
pub fn insert(state: &PoolState, occasion: &Occasion<'_>) -> Result<Option<i32>, Error> {
    let arguments = [
        argument(state.pool.as_str()),
        argument(state.meter.bigint()?),
        argument(JsonB(state.config.to_json())),
        argument(state.totals.seeded.to_string()),
        argument(occasion.actor.as_str()),
        argument(occasion.at),
    ];
    let id = CREATE.with(|statement| statement.write(&arguments).first().map(|row| row.need(1)));
    relations::announce_change();
    Ok(id)
}

/// Writes to the row what turned `before`, read under its lock, into `after`.
pub fn update(before: &Pool, after: &PoolState, occasion: &Occasion<'_>) -> Result<(), Error> {
    let arguments = [
        argument(before.id),
        argument(after.status.as_str()),
        argument(JsonB(after.config.to_json())),
        argument(after.config_version),
        argument(after.cycle),
        argument(after.meter.minus(before.state.meter)?.bigint()?),
        argument(after.reserve.minus(before.state.reserve)?.bigint()?),
        argument(after.version - before.state.version),
        argument(after.totals.wins),
        argument(after.totals.won.to_string()),
        argument(after.totals.seeded.to_string()),
        argument(occasion.actor.as_str()),
        argument(occasion.at),
    ];
    UPDATE.with(|statement| statement.write(&arguments));
    let reconfigured =
        before.state.status != after.status || before.state.config_version != after.config_version;
    if reconfigured {
        relations::announce_change();
    }
    Ok(())
}
