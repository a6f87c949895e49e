//! Taking over wins: each ends a cycle of its pool, between the contributions that came before it and
//! those that came after. What it paid is balanced by an adjustment, as contributions are.

use crate::store::journal::{self, Occasion};
use crate::store::migration::history::{Origin, metadata};
use crate::store::migration::names::{self, Named};
use crate::store::migration::record::{self, Owned};
use crate::store::operation::{Fingerprint, Record};
use crate::store::pool::{self, Locked};
use crate::store::raw_json::RawJson;
use crate::store::statement::{argument, statements};
use crate::store::{configuration, payment, snapshot, win};
use jackpot_core::migration::Replay;
use jackpot_core::{Error, Micros, Token};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::{JsonB, pg_sys};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

statements! {
    static WAITING(INT8OID, INT8OID) = "
        SELECT r.at, r.number, r.operation_id, r.pools[1], r.amount, r.game_id, r.user_id, r.data, coalesce(r.is_pending, false), r.told_id
          FROM jackpot.migration_row r
         WHERE r.migration_id = $1 AND r.kind = 'win' ORDER BY r.at, r.number LIMIT $2";
    static DONE(INT8OID, TIMESTAMPTZOID, INT8OID) = "
        DELETE FROM jackpot.migration_row r WHERE r.migration_id = $1 AND r.kind = 'win' AND (r.at, r.number) <= ($2, $3)";
    /// Before the first row of the pool that is later than that moment. Where its history has come out
    /// of order, what came too late counts to a later cycle.
    static LAST_BEFORE(TIMESTAMPTZOID, INT4OID) = "
        SELECT coalesce((SELECT r.id - 1 FROM jackpot.migration_batch b
                          CROSS JOIN LATERAL (SELECT l.id FROM jackpot.ledger l
                                               WHERE l.id BETWEEN b.first_id AND b.last_id AND l.xid = b.xid AND l.pool_ids @> ARRAY[$2]
                                                 AND coalesce((l.metadata #>> '{migrated,at}')::pg_catalog.timestamptz, 'infinity') > $1
                                               ORDER BY l.id LIMIT 1) r
                          WHERE b.last_at > $1 ORDER BY b.first_id LIMIT 1),
                        (SELECT pg_catalog.max(b.last_id) FROM jackpot.migration_batch b), 0)";
    static CONTRIBUTED(INT4OID, INT8OID, INT8OID) = "
        SELECT coalesce(pg_catalog.sum(r.display), 0)::pg_catalog.text
          FROM jackpot.migration_batch b
         CROSS JOIN LATERAL (SELECT pg_catalog.sum(l.display[i.i]) AS display
                               FROM jackpot.ledger l CROSS JOIN LATERAL pg_catalog.array_position(l.pool_ids, $1) AS i(i)
                              WHERE l.id BETWEEN greatest(b.first_id, $2 + 1) AND least(b.last_id, $3) AND l.xid = b.xid AND i.i IS NOT NULL) r
         WHERE b.last_id > $2 AND b.first_id <= $3";
    static INSERT(INT8OID, INT4OID, INT8OID, TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID, INT8OID, INT8OID, INT8OID, INT8OID, JSONBOID,
                  TEXTOID, XID8OID, TEXTOID, INT8OID, INT8OID, BOOLOID, BOOLOID) = "
        INSERT INTO jackpot.win
               (id, pool_id, cycle, at, operation_id, game_id, user_id, win_amount, previous_amount, current_amount, version, metadata,
                actor, xid, snapshot, floor_id, last_id, own_id, trigger, status, confirmed_at, confirmed_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15::pg_catalog.pg_snapshot, $16, $17, $17, 'manual', CASE WHEN $19 THEN 'pending' ELSE 'paid' END,
                CASE WHEN $18 AND NOT $19 THEN $4 END, CASE WHEN $18 AND NOT $19 THEN $13 END)";
    static PAID(INT4OID, INT8OID, TEXTOID, TEXTOID, TIMESTAMPTZOID) = "
        UPDATE jackpot.pool
           SET cycle = cycle + 1, total_wins = total_wins + 1, total_won = total_won + $2, total_seeded = total_seeded + $3::pg_catalog.numeric,
               lock_holder = $4, last_modified_at = $5
         WHERE id = $1";
    static COUNT(INT4OID, INT8OID, TEXTOID, INT8OID) = "
        UPDATE jackpot.migration_pool
           SET wins = wins + 1, won = won + $2, replayed = $3::pg_catalog.numeric, replayed_id = $4 WHERE pool_id = $1";
    static VOIDED(INT8OID, TEXTOID) = "
        WITH waiting AS (
            DELETE FROM jackpot.migration_row r WHERE r.migration_id = $1 AND r.kind = 'void' RETURNING r.operation_id, r.data),
        known AS (
            INSERT INTO jackpot.operation (operation_id, at, fingerprint, voided_at)
            SELECT w.operation_id, pg_catalog.now(), ''::pg_catalog.bytea, pg_catalog.now() FROM waiting w ON CONFLICT DO NOTHING
            RETURNING operation_id, at),
        voids AS (
            INSERT INTO jackpot.void (operation_id, at, actor, reason)
            SELECT k.operation_id, k.at, $2, coalesce(w.data #>> '{}', 'voided before it was migrated')
              FROM known k JOIN waiting w ON w.operation_id = k.operation_id),
        noted AS (
            UPDATE jackpot.migration m SET voids = m.voids || ARRAY(SELECT k.operation_id FROM known k) WHERE m.id = $1)
        SELECT pg_catalog.count(*) FROM known";
}

/// A win that waits.
struct Old {
    at: TimestampWithTimeZone,
    number: i64,
    operation_id: String,
    pool: String,
    win_amount: i64,
    game_id: String,
    user_id: Option<String>,
    own: Option<Value>,
    is_pending: bool,
    told_id: Option<String>,
    win_id: i64,
    fingerprint: Fingerprint,
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
        Record { win_id: Some(self.win_id), ..Record::default() }
    }

    fn pool_of_win(&self) -> Option<&str> {
        Some(&self.pool)
    }
}

/// Takes over so many of the wins that wait. Returns how many it took from what waits, and how many of
/// them had not been paid here meanwhile.
pub fn take_over(migration_id: i64, most: i64) -> Result<(i64, i64), Error> {
    let mut old = next(migration_id, most);
    let Some(last) = old.last() else { return Ok((0, 0)) };
    let (last_at, last_number) = (last.at, last.number);
    let count = old.len();
    let reason =
        format!("opening adjustment: history of migration {migration_id} explains as much");
    let occasion = Occasion::new("migrate", Some(&reason));
    // Names first, then the pools in the order of their ids, as everybody does.
    let is_new = names::claim(&mut old)?;
    let old: Vec<Old> =
        old.into_iter().zip(is_new).filter(|(_, is_new)| *is_new).map(|(old, _)| old).collect();
    let configuration = configuration::current()?;
    let mut pools = BTreeMap::new();
    for old in &old {
        pools.insert(configuration.named(&old.pool)?.id, old.pool.as_str());
    }
    let mut owners = BTreeSet::new();
    for pool in pools.values() {
        let locked = pool::lock(pool)?;
        refuse_armed(&locked)?;
        owners.insert(record::unplayed(&locked)?.migration_id);
    }
    for old in &old {
        // Each win changes its pool.
        let locked = pool::lock(&old.pool)?;
        let owned = record::unplayed(&locked)?;
        take_over_one(migration_id, old, &locked, &owned, &occasion)?;
    }
    record::note_known(migration_id, "wins", count - old.len());
    for owner in owners {
        record::is_history_of(migration_id, owner);
    }
    let position = (argument(last_at), argument(last_number));
    DONE.with(|statement| statement.write(&[argument(migration_id), position.0, position.1]));
    Ok((count as i64, old.len() as i64))
}

fn next(migration_id: i64, most: i64) -> Vec<Old> {
    let mut old: Vec<Old> = Vec::new();
    WAITING.with(|statement| {
        statement.write(&[argument(migration_id), argument(most)]).each(|row| {
            let (operation_id, pool, game_id): (String, String, String) =
                (row.need(3), row.need(4), row.need(6));
            let (user_id, own): (Option<String>, Option<Value>) =
                (row.get(7), row.get::<JsonB>(8).map(|JsonB(own)| own));
            let win_amount = row.need(5);
            // As the same win would come now: then it is a repetition.
            let fingerprint = win::fingerprint(&win::Request {
                pool: &pool,
                game_id: &game_id,
                user_id: user_id.as_deref().unwrap_or_default(),
                win_amount: Some(win_amount),
                operation_id: Some(&operation_id),
                expected_cycle: None,
                metadata: own.as_ref().map(|own| RawJson::parse(&own.to_string())),
            });
            old.push(Old {
                at: row.need(1),
                number: row.need(2),
                operation_id,
                pool,
                win_amount,
                game_id,
                user_id,
                own,
                is_pending: row.need(9),
                told_id: row.get(10),
                win_id: payment::next_id(),
                fingerprint,
            });
        });
    });
    old
}

/// What is hidden belongs to the cycle that is open: history must not end it (55000).
fn refuse_armed(locked: &Locked) -> Result<(), Error> {
    if locked.pool.commitment.is_none() {
        return Ok(());
    }
    Err(Error::new(
        Token::MigrationState,
        format!("pool \"{}\" has a hidden trigger that is armed", locked.pool.state.pool),
        "its wins must be taken over before, in the jackpot_migrate() that makes it",
    ))
}

fn take_over_one(
    migration_id: i64,
    old: &Old,
    locked: &Locked,
    owned: &Owned,
    occasion: &Occasion<'_>,
) -> Result<(), Error> {
    let (pool_id, state) = (locked.pool.id, &locked.pool.state);
    let win_id = old.win_id;
    let last_id = last_before(old.at, pool_id).max(owned.replayed_id);
    let mut replay = Replay::new(Micros::new(owned.replayed), state.config.seed_amount);
    replay.add(Micros::new(contributed(pool_id, owned.replayed_id, last_id)))?;
    let replayed = replay.win(old.win_amount)?;
    let at = if old.at.into_inner() == i64::MAX { occasion.at } else { old.at };
    let is_verified = state.config.verify_above.is_some_and(|above| old.win_amount >= above);
    let origin = Origin {
        migration_id,
        row: old.number,
        at: old.at,
        operation_id: &old.operation_id,
        told_id: old.told_id.as_deref(),
    };
    let arguments = [
        argument(win_id),
        argument(pool_id),
        argument(state.cycle),
        argument(at),
        argument(old.operation_id.as_str()),
        argument(old.game_id.as_str()),
        argument(old.user_id.as_deref()),
        argument(old.win_amount),
        argument(replayed.previous_amount),
        argument(replayed.current_amount),
        argument(state.version),
        argument(metadata(old.own.as_ref(), &origin)),
        argument(occasion.actor.as_str()),
        Some(pg_sys::Datum::from(snapshot::own_xid())),
        // That in which the pool has taken no bet: one that is in flight is of a later cycle.
        argument(locked.seen.to_string()),
        argument(locked.floor_id.min(last_id)),
        argument(last_id),
        argument(is_verified),
        argument(old.is_pending),
    ];
    INSERT.with(|statement| statement.write(&arguments));
    let paid = Micros::from_minor_units(old.win_amount);
    let of = (pool_id, state.cycle, state.config_version);
    let next = (pool_id, state.cycle + 1, state.config_version);
    let actor = occasion.actor.clone();
    let won = Occasion { win_id: Some(win_id), reason: None, actor, ..*occasion };
    let nothing = Micros::ZERO;
    journal::taken_over(of, "win", (nothing.minus(paid)?, nothing), &won)?;
    if replayed.top_up > nothing {
        journal::taken_over(next, "seed", (replayed.top_up, nothing), &won)?;
    }
    let balance = paid.minus(replayed.top_up)?;
    if balance != nothing {
        journal::taken_over(next, "adjust", (balance, nothing), occasion)?;
    }
    let top_up = replayed.top_up.get().to_string();
    let arguments = [
        argument(pool_id),
        argument(old.win_amount),
        argument(top_up),
        argument(occasion.actor.as_str()),
        argument(occasion.at),
    ];
    PAID.with(|statement| statement.write(&arguments));
    let meter = replay.meter.get().to_string();
    let arguments =
        [argument(pool_id), argument(old.win_amount), argument(meter), argument(last_id)];
    COUNT.with(|statement| statement.write(&arguments));
    Ok(())
}

/// The last of the pool's contributions taken over that came before that moment.
fn last_before(at: TimestampWithTimeZone, pool_id: i32) -> i64 {
    LAST_BEFORE.with(|statement| {
        statement.write(&[argument(at), argument(pool_id)]).first().map_or(0, |row| row.need(1))
    })
}

/// What history gave to a pool's meter between two ledger rows.
fn contributed(pool_id: i32, after: i64, until: i64) -> i128 {
    let arguments = [argument(pool_id), argument(after), argument(until)];
    CONTRIBUTED.with(|statement| statement.write(&arguments).first().map_or(0, |row| row.whole(1)))
}

/// Makes known which operations were voided: they must not be taken again. Returns how many.
pub fn void(migration_id: i64) -> i64 {
    let actor = crate::store::session::actor("migrate");
    VOIDED.with(|statement| {
        let rows = statement.write(&[argument(migration_id), argument(actor)]);
        rows.first().map_or(0, |row| row.need(1))
    })
}
