//! Pools with their exact amounts: pool row + balance + tail, all in one snapshot.

use crate::shmem::metrics::Waiting;
use crate::store::index_scan::{self, Relation, key};
use crate::store::journal::Occasion;
use crate::store::snapshot::Active;
use crate::store::statement::{Row, argument, statements};
use crate::store::tail::{Sum, Sums};
use crate::store::{configuration, ledger, lock, mark, relations, snapshot, totals};
use jackpot_core::{Error, Micros, PoolConfig, PoolState, Secret, Snapshot, Token, Totals};
use pgrx::datum::{Array, IntoDatum, TimestampWithTimeZone};
use pgrx::{JsonB, pg_sys};
use std::ffi::CStr;

/// A pool and what is known about its row.
#[derive(Debug)]
pub struct Pool {
    /// Its number in the tables.
    pub id: i32,
    /// Its exact state; with its secret only under its lock.
    pub state: PoolState,
    /// SHA-256 of what is hidden in the present cycle.
    pub commitment: Option<String>,
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
               p.lock_holder, p.last_modified_at, p.pending_config, p.commitment
          FROM jackpot.pool p
         WHERE $1 IS NULL OR p.id = ANY ($1)
         ORDER BY p.id";
    /// Not FOR UPDATE: the key never changes, and rows that refer to it need not wait.
    static LOCK(INT4OID) = "SELECT FROM jackpot.pool p WHERE p.id = $1 FOR NO KEY UPDATE";
    static LOCK_IF_FREE(INT4OID) = "SELECT FROM jackpot.pool p WHERE p.id = $1 FOR NO KEY UPDATE SKIP LOCKED";
    static SECRET(INT4OID) = "SELECT s.secret FROM jackpot.secret s WHERE s.pool_id = $1";
    static HIDE(INT4OID, TEXTOID) = "
        INSERT INTO jackpot.secret AS s (pool_id, secret) VALUES ($1, $2)
        ON CONFLICT (pool_id) DO UPDATE SET secret = excluded.secret";
    static FORGET(INT4OID) = "DELETE FROM jackpot.secret s WHERE s.pool_id = $1";
    static CREATE(TEXTOID, INT8OID, JSONBOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TEXTOID) = "
        WITH new AS (
            INSERT INTO jackpot.pool
                   (pool, meter, config, total_seeded, lock_holder, last_modified_at, created_at, commitment)
            VALUES ($1, $2, $3, $4::pg_catalog.numeric, $5, $6, $6, $7)
            ON CONFLICT (pool) DO NOTHING
            RETURNING id),
        zero AS (INSERT INTO jackpot.balance (pool_id) SELECT id FROM new)
        SELECT id FROM new";
    static UPDATE(INT4OID, TEXTOID, JSONBOID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID,
                  JSONBOID, TEXTOID) = "
        UPDATE jackpot.pool
           SET status = $2, config = $3, config_version = $4, cycle = $5,
               meter = meter + $6, reserve = reserve + $7, version = version + $8,
               total_wins = $9, total_won = $10::pg_catalog.numeric, total_seeded = $11::pg_catalog.numeric,
               lock_holder = $12, last_modified_at = $13, pending_config = $14, commitment = $15
         WHERE id = $1";
}

/// The pools in the active snapshot, all or those of the given ids.
pub fn read(ids: Option<&[i32]>) -> Result<Vec<Pool>, Error> {
    let sums = totals::exact(totals::newest_memo())?;
    let mut rows = Vec::new();
    READ.with(|statement| {
        let ids = ids.and_then(|ids| ids.to_vec().into_datum());
        statement.read(&[ids]).each(|row| rows.push(PoolRow::read(&row)));
    });
    rows.into_iter().map(|row| row.pool(&sums)).collect()
}

/// A pool's row as it stands in the table.
struct PoolRow {
    meter: Meter,
    pool: String,
    status: String,
    config: JsonB,
    config_version: i64,
    totals: Totals,
    lock_holder: String,
    last_modified_at: TimestampWithTimeZone,
    pending: Option<JsonB>,
    commitment: Option<String>,
}

impl PoolRow {
    fn read(row: &Row<'_>) -> Self {
        PoolRow {
            meter: Meter {
                id: row.need(1),
                meter: row.need(6),
                reserve: row.need(7),
                cycle: row.need(8),
                version: row.need(9),
            },
            pool: row.need(2),
            status: row.need(3),
            config: row.need(4),
            config_version: row.need(5),
            totals: Totals {
                wins: row.need(10),
                won: row.whole(11),
                seeded: row.whole(12),
                ..Totals::default()
            },
            lock_holder: row.need(13),
            last_modified_at: row.need(14),
            pending: row.get(15),
            commitment: row.get(16),
        }
    }

    fn pool(self, sums: &Sums) -> Result<Pool, Error> {
        let id = self.meter.id;
        let config = PoolConfig::default().patched(&self.config.0)?;
        let sum = sums.get(id).copied().unwrap_or(Sum::ZERO);
        let state = PoolState {
            status: self.status.parse()?,
            config_version: self.config_version,
            pending: self.pending.map(|JsonB(pending)| pending),
            totals: Totals {
                contributions: sum.contributions,
                wagered: sum.wagered,
                contributed: sum.meter() + sum.for_reserve() + sum.voided,
                ..self.totals
            },
            ..with_sums(self.pool, config, &self.meter, sums)
        };
        let at = self.last_modified_at;
        let fed_at = TimestampWithTimeZone::try_from(sum.last_at);
        let last_modified_at = fed_at.map_or(at, |fed_at| if fed_at > at { fed_at } else { at });
        let (commitment, lock_holder) = (self.commitment, self.lock_holder);
        Ok(Pool { id, state, commitment, lock_holder, last_modified_at })
    }
}

/// A pool's amounts: what its row holds and what the ledger gave. Its totals are left at zero.
pub fn with_sums(pool: String, config: PoolConfig, row: &Meter, sums: &Sums) -> PoolState {
    let sum = sums.get(row.id).copied().unwrap_or(Sum::ZERO);
    PoolState {
        pool,
        status: jackpot_core::Status::Active,
        config,
        config_version: 1,
        meter: Micros::new(i128::from(row.meter) + sum.meter()),
        reserve: Micros::new(i128::from(row.reserve) + sum.for_reserve()),
        cycle: row.cycle,
        version: row.version + sum.contributions + sum.voids,
        carry: sum.carry(),
        pending: None,
        secret: None,
        totals: Totals::default(),
    }
}

/// The pool's columns that contributions need, the indexed one first.
static METER_COLUMNS: [&CStr; 5] = [c"id", c"meter", c"reserve", c"cycle", c"version"];

/// How many other pools are read along to find all that are wanted in one go through the index.
const READ_ALONG: usize = 16;

/// The rows of these pools, whose ids ascend, in the active snapshot.
pub fn meters(ids: &[i32]) -> Vec<Meter> {
    let condition =
        |strategy, comparison, id: i32| key(strategy, comparison, pg_sys::Datum::from(id));
    let one = |id: &i32| vec![condition(pg_sys::BTEqualStrategyNumber, pg_sys::F_INT4EQ, *id)];
    let keys: Vec<Vec<pg_sys::ScanKeyData>> = match ids {
        [first, .., last] if last.abs_diff(*first) as usize <= ids.len() + READ_ALONG => {
            vec![vec![
                condition(pg_sys::BTGreaterEqualStrategyNumber, pg_sys::F_INT4GE, *first),
                condition(pg_sys::BTLessEqualStrategyNumber, pg_sys::F_INT4LE, *last),
            ]]
        }
        _ => ids.iter().map(one).collect(),
    };
    let conditions: Vec<&[pg_sys::ScanKeyData]> = keys.iter().map(Vec::as_slice).collect();
    let mut meters = Vec::with_capacity(ids.len());
    let table = Relation::open(relations::current().pool);
    index_scan::scan(&table, &METER_COLUMNS, &conditions, |row| {
        let id = row.int(0);
        if ids.binary_search(&id).is_ok() {
            meters.push(Meter {
                id,
                meter: row.long(1),
                reserve: row.long(2),
                cycle: row.long(3),
                version: row.long(4),
            });
        }
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
    if LOCK_IF_FREE.with(|statement| statement.write(&[argument(id)]).count()) == 0 {
        let _waiting = Waiting::begin(Some(id));
        LOCK.with(|statement| statement.write(&[argument(id)]));
    }
    let _active = Active::fresh();
    let mut pool = read_one(id)?;
    pool.state.secret = SECRET.with(|statement| {
        let rows = statement.read(&[argument(id)]);
        let commitment = pool.commitment.as_deref();
        rows.first().and_then(|row| Secret::committed(&row.need::<String>(1), commitment))
    });
    Ok(Locked {
        pool,
        seen: snapshot::active(),
        floor_id: mark::read()?.map_or(0, |position| position.floor_id),
        last_id: ledger::last_id(),
    })
}

impl Locked {
    /// What has committed by now, which a kept snapshot may not show: contributions do not touch
    /// the pool's row. `None` where the state shows it all.
    pub fn newer(&self) -> Result<Option<PoolState>, Error> {
        if !snapshot::is_kept() {
            return Ok(None);
        }
        let _active = Active::latest();
        let now = read_one(self.pool.id)?.state;
        let state = &self.pool.state;
        let is_newer = now.meter != state.meter || now.reserve != state.reserve;
        Ok(is_newer.then(|| PoolState { secret: state.secret.clone(), ..now }))
    }
}

/// A kept snapshot does not show what must be known now (40001).
pub fn outdated(pool: &str) -> Error {
    Error::new(
        Token::VersionConflict,
        format!("pool \"{pool}\" has changed since this transaction's snapshot"),
        "what the transaction sees is not what the pool holds",
    )
    .hint("Run the transaction again.")
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
        argument(state.secret.as_ref().map(Secret::commitment)),
    ];
    let id = CREATE.with(|statement| statement.write(&arguments).first().map(|row| row.need(1)));
    if let Some(id) = id {
        hide(id, state.secret.as_ref());
    }
    relations::announce_change();
    Ok(id)
}

/// Keeps what is hidden apart from all that can be read.
fn hide(id: i32, secret: Option<&Secret>) {
    match secret {
        Some(secret) => {
            HIDE.with(|statement| statement.write(&[argument(id), argument(secret.text())]));
        }
        None => {
            FORGET.with(|statement| statement.write(&[argument(id)]));
        }
    }
}

/// Writes to the row what turned `before`, the state under its lock, into `after`. What the ledger
/// holds must be in both.
pub fn update(
    id: i32,
    before: &PoolState,
    after: &PoolState,
    occasion: &Occasion<'_>,
) -> Result<(), Error> {
    let arguments = [
        argument(id),
        argument(after.status.as_str()),
        argument(JsonB(after.config.to_json())),
        argument(after.config_version),
        argument(after.cycle),
        argument(after.meter.minus(before.meter)?.bigint()?),
        argument(after.reserve.minus(before.reserve)?.bigint()?),
        argument(after.version - before.version),
        argument(after.totals.wins),
        argument(after.totals.won.to_string()),
        argument(after.totals.seeded.to_string()),
        argument(occasion.actor.as_str()),
        argument(occasion.at),
        argument(after.pending.clone().map(JsonB)),
        argument(after.secret.as_ref().map(Secret::commitment)),
    ];
    UPDATE.with(|statement| statement.write(&arguments));
    let redrawn = before.secret != after.secret;
    if redrawn {
        hide(id, after.secret.as_ref());
    }
    let reconfigured =
        before.status != after.status || before.config_version != after.config_version;
    if reconfigured || redrawn {
        relations::announce_change();
    }
    Ok(())
}
