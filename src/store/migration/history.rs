//! Taking over contributions: as ledger rows of their own, in the order of their times, each batch
//! balanced by an adjustment, so that what pools show does not change.

use crate::store::journal::{self, Occasion};
use crate::store::ledger::{self, Entry, Share};
use crate::store::migration::names::{self, Named};
use crate::store::migration::record::{self, Owned};
use crate::store::migration::rows;
use crate::store::operation::{Fingerprint, Record};
use crate::store::pool::{self, Locked};
use crate::store::raw_json::RawJson;
use crate::store::statement::{argument, statements};
use crate::store::tail::Leg;
use crate::store::wager::{self, Kind};
use crate::store::{configuration, snapshot};
use jackpot_core::{Error, Micros};
use pgrx::JsonB;
use pgrx::datum::TimestampWithTimeZone;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

statements! {
    /// Not taken away from what waits: the dead entries would slow down each batch more.
    static NEXT(INT8OID, INT8OID, TIMESTAMPTZOID, INT8OID) = "
        SELECT r.at, r.number, r.operation_id, r.pools, r.display, r.reserve, r.amount, r.game_id, r.user_id, r.operator_id,
               r.game_category, r.currency, r.data, r.told_id
          FROM jackpot.migration_row r
         WHERE r.migration_id = $1 AND r.kind = 'contribution' AND (r.at, r.number) > ($3, $4) ORDER BY r.at, r.number LIMIT $2";
    static POSITION(INT8OID) = "SELECT m.last_at, m.last_number FROM jackpot.migration m WHERE m.id = $1";
    static MOVE(INT8OID, TIMESTAMPTZOID, INT8OID, INT8OID) = "
        UPDATE jackpot.migration SET last_at = $2, last_number = $3, done = done + $4 WHERE id = $1";
    static BALANCE(INT4OID, INT8OID, INT8OID, INT8OID, TEXTOID, TIMESTAMPTZOID) = "
        UPDATE jackpot.pool SET meter = meter - $2, reserve = reserve - $3, version = version - $4, lock_holder = $5, last_modified_at = $6
         WHERE id = $1";
    static COUNT(INT4OID, INT8OID, TEXTOID) = "
        UPDATE jackpot.migration_pool SET contributions = contributions + $2, contributed = contributed + $3::pg_catalog.numeric
         WHERE pool_id = $1";
    static HIGHEST() = "SELECT coalesce(pg_catalog.max(b.last_id), 0) FROM jackpot.migration_batch b";
    static NOTE_BATCH(INT8OID, INT8OID, XID8OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID) = "
        INSERT INTO jackpot.migration_batch (first_id, last_id, xid, migration_id, first_at, last_at) VALUES ($1, $2, $3, $4, $5, $6)";
}

/// A contribution that waits.
struct Old {
    at: TimestampWithTimeZone,
    number: i64,
    ledger_id: i64,
    operation_id: String,
    game_id: String,
    user_id: Option<String>,
    operator_id: Option<String>,
    game_category: Option<String>,
    currency: Option<String>,
    amount: i64,
    shares: Vec<Share>,
    own: Option<Value>,
    told_id: Option<String>,
    fingerprint: Fingerprint,
}

impl Old {
    fn origin(&self, migration_id: i64) -> Origin<'_> {
        let (at, told_id) = (self.at, self.told_id.as_deref());
        Origin { migration_id, row: self.number, at, operation_id: &self.operation_id, told_id }
    }
}

impl Named for Old {
    fn name(&self) -> &str {
        &self.operation_id
    }

    fn rename(&mut self, name: String) {
        self.operation_id = name;
    }

    fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    fn record(&self) -> Record<'static> {
        Record { ledger_id: Some(self.ledger_id), ..Record::default() }
    }

    fn pool_of_win(&self) -> Option<&str> {
        None
    }
}

/// Takes over so many rows. Returns how many it took from what waits, and how many of them had not
/// come as bets meanwhile.
pub fn take_over(migration_id: i64, rows: i64) -> Result<(i64, i64), Error> {
    let old = next(migration_id, rows)?;
    let (Some(first), Some(last)) = (old.first(), old.last()) else { return Ok((0, 0)) };
    let (first_at, last_at, last_number) = (first.at, last.at, last.number);
    let taken = old.len() as i64;
    let reason =
        format!("opening adjustment: history of migration {migration_id} explains as much");
    let occasion = Occasion::new("migrate", Some(&reason));
    let old = claim(old)?;
    record::note_known(migration_id, "contributions", taken as usize - old.len());
    let pool_ids: BTreeSet<i32> =
        old.iter().flat_map(|old| &old.shares).map(|share| share.pool_id).collect();
    let locked = lock_pools(&pool_ids)?;
    append(migration_id, &old, &occasion, (first_at, last_at))?;
    balance(&old, &locked, &occasion)?;
    MOVE.with(|statement| {
        let position = (argument(last_at), argument(last_number));
        statement.write(&[argument(migration_id), position.0, position.1, argument(taken)])
    });
    for owner in locked.values().map(|(_, owned)| owned.migration_id).collect::<BTreeSet<_>>() {
        record::is_history_of(migration_id, owner);
    }
    Ok((taken, old.len() as i64))
}

fn next(migration_id: i64, rows: i64) -> Result<Vec<Old>, Error> {
    let configuration = configuration::current()?;
    let mut old = Vec::new();
    let mut failed = None;
    let (last_at, last_number) = position(migration_id);
    NEXT.with(|statement| {
        let arguments =
            [argument(migration_id), argument(rows), argument(last_at), argument(last_number)];
        statement.write(&arguments).each(|row| {
            let (pools, display, reserve): (Vec<String>, Vec<i64>, Vec<i64>) =
                (row.need(4), row.need(5), row.need(6));
            let mut shares = Vec::with_capacity(pools.len());
            for ((pool, display), reserve) in pools.iter().zip(display).zip(reserve) {
                match configuration.named(pool) {
                    Ok(pool) => shares.push(Share {
                        pool_id: pool.id,
                        config_version: pool.config_version,
                        leg: Leg {
                            display,
                            reserve,
                            exchange_rate: None,
                            display_remainder: 0,
                            reserve_remainder: 0,
                        },
                    }),
                    Err(error) => failed = Some(error),
                }
            }
            shares.sort_unstable_by_key(|share| share.pool_id);
            let (at, number): (TimestampWithTimeZone, i64) = (row.need(1), row.need(2));
            let (operation_id, game_id): (String, String) = (row.need(3), row.need(8));
            let (user_id, operator_id): (Option<String>, Option<String>) =
                (row.get(9), row.get(10));
            let (game_category, currency): (Option<String>, Option<String>) =
                (row.get(11), row.get(12));
            let amount = row.need(7);
            let own: Option<Value> = row.get::<JsonB>(13).map(|JsonB(own)| own);
            let own_json = own.as_ref().map(|own| RawJson::parse(&own.to_string()));
            // As the same bet would come now: then it is a repetition.
            let fingerprint = wager::fingerprint(&wager::Request {
                kind: Kind::Contribute,
                game_id: &game_id,
                wager_amount: amount,
                user_id: user_id.as_deref(),
                operation_id: Some(&operation_id),
                pools: None,
                operator_id: operator_id.as_deref(),
                game_category: game_category.as_deref(),
                currency: currency.as_deref(),
                metadata: own_json,
            });
            old.push(Old {
                at,
                number,
                ledger_id: 0,
                operation_id,
                game_id,
                user_id,
                operator_id,
                game_category,
                currency,
                amount,
                shares,
                own,
                told_id: row.get(14),
                fingerprint,
            });
        });
    });
    failed.map_or(Ok(old), Err)
}

/// The last row that was taken.
fn position(migration_id: i64) -> (TimestampWithTimeZone, i64) {
    POSITION.with(|statement| {
        let rows = statement.write(&[argument(migration_id)]);
        let missing = || pgrx::error!("migration {migration_id} is not there");
        rows.first().map_or_else(missing, |row| (row.need(1), row.need(2)))
    })
}

/// Where a row of history comes from.
pub struct Origin<'a> {
    /// Who took it over.
    pub migration_id: i64,
    /// Its number in the source.
    pub row: i64,
    /// When it was.
    pub at: TimestampWithTimeZone,
    /// What it is called here.
    pub operation_id: &'a str,
    /// What the source calls it.
    pub told_id: Option<&'a str>,
}

/// What the client said of it, and where it comes from.
pub fn metadata(own: Option<&Value>, of: &Origin<'_>) -> RawJson {
    let mut origin = Map::from_iter([
        ("migration".to_owned(), json!(of.migration_id)),
        ("row".to_owned(), json!(of.row)),
    ]);
    if let Some(at) = rows::told(of.at) {
        origin.insert("at".to_owned(), json!(at));
    }
    if of.told_id != Some(of.operation_id) {
        origin.insert("operation_id".to_owned(), json!(of.told_id));
    }
    let mut all = match own {
        Some(Value::Object(own)) if !own.contains_key("migrated") => own.clone(),
        Some(own) => {
            origin.insert("is_wrapped".to_owned(), json!(true));
            Map::from_iter([("metadata".to_owned(), own.clone())])
        }
        None => Map::new(),
    };
    all.insert("migrated".to_owned(), Value::Object(origin));
    RawJson::parse(&Value::Object(all).to_string())
}

/// Gives them their places in the ledger and takes their names; what has come as a bet meanwhile
/// leaves the list.
fn claim(mut old: Vec<Old>) -> Result<Vec<Old>, Error> {
    let mut highest: i64 =
        HIGHEST.with(|statement| statement.write(&[]).first().map_or(0, |row| row.need(1)));
    for old in &mut old {
        // This session may have kept numbers from before another's batch.
        old.ledger_id = loop {
            let id = ledger::next_id();
            if id > highest {
                break id;
            }
        };
        highest = old.ledger_id;
    }
    let is_new = names::claim(&mut old)?;
    Ok(old.into_iter().zip(is_new).filter(|(_, is_new)| *is_new).map(|(old, _)| old).collect())
}

/// Locks the pools, in the order of their ids; 55000 where one has been played with.
fn lock_pools(ids: &BTreeSet<i32>) -> Result<BTreeMap<i32, (Locked, Owned)>, Error> {
    let configuration = configuration::current()?;
    let mut locked = BTreeMap::new();
    for id in ids {
        let Some(pool) = configuration.pools().iter().find(|pool| pool.id == *id) else {
            pgrx::error!("pool {id} is not there");
        };
        let pool = pool::lock(&pool.pool)?;
        let owned = record::unplayed(&pool)?;
        locked.insert(*id, (pool, owned));
    }
    Ok(locked)
}

fn append(
    migration_id: i64,
    old: &[Old],
    occasion: &Occasion<'_>,
    (first_at, last_at): (TimestampWithTimeZone, TimestampWithTimeZone),
) -> Result<(), Error> {
    let (Some(first), Some(last)) = (old.first(), old.last()) else { return Ok(()) };
    ledger::append_history(old.iter().map(|old| Entry {
        id: old.ledger_id,
        at: occasion.at,
        operation_id: Some(&old.operation_id),
        game_id: &old.game_id,
        user_id: old.user_id.as_deref(),
        operator_id: old.operator_id.as_deref(),
        game_category: old.game_category.as_deref(),
        currency: old.currency.as_deref(),
        wager_amount: old.amount,
        shares: &old.shares,
        voids: None,
        draw_priority: None,
        metadata: Some(metadata(old.own.as_ref(), &old.origin(migration_id))),
    }));
    let arguments = [
        argument(first.ledger_id),
        argument(last.ledger_id),
        Some(pgrx::pg_sys::Datum::from(snapshot::own_xid())),
        argument(migration_id),
        argument(first_at),
        argument(last_at),
    ];
    NOTE_BATCH.with(|statement| statement.write(&arguments));
    Ok(())
}

/// Takes out of each pool what its new history put in.
fn balance(
    old: &[Old],
    locked: &BTreeMap<i32, (Locked, Owned)>,
    occasion: &Occasion<'_>,
) -> Result<(), Error> {
    for (id, (locked, _)) in locked {
        let legs = old.iter().flat_map(|old| &old.shares).filter(|share| share.pool_id == *id);
        let (mut display, mut reserve, mut count) = (Micros::ZERO, Micros::ZERO, 0_i64);
        for share in legs {
            display = display.plus(Micros::new(share.leg.display.into()))?;
            reserve = reserve.plus(Micros::new(share.leg.reserve.into()))?;
            count += 1;
        }
        let state = &locked.pool.state;
        let less = (Micros::ZERO.minus(display)?, Micros::ZERO.minus(reserve)?);
        if less != (Micros::ZERO, Micros::ZERO) {
            journal::taken_over(
                (*id, state.cycle, state.config_version),
                "adjust",
                less,
                occasion,
            )?;
        }
        let arguments = [
            argument(*id),
            argument(display.bigint()?),
            argument(reserve.bigint()?),
            argument(count),
            argument(occasion.actor.as_str()),
            argument(occasion.at),
        ];
        BALANCE.with(|statement| statement.write(&arguments));
        let contributed = display.plus(reserve)?.get().to_string();
        COUNT.with(|statement| {
            statement.write(&[argument(*id), argument(count), argument(contributed)])
        });
    }
    Ok(())
}
