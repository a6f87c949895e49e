//! Taking over pools: each starts from its seed, and what it held beyond that is an explicit
//! opening adjustment.

use crate::store::configuration;
use crate::store::journal::{self, Occasion};
use crate::store::migration::record;
use crate::store::raw_json::RawJson;
use crate::store::session::timestamp;
use crate::store::statement::{argument, statements};
use crate::store::{administer, pool, random};
use jackpot_core::migration::{self, Fields, OldPool};
use jackpot_core::{
    Command, Effective, Error, Micros, Outside, PoolConfig, Status, Trigger, create,
};
use pgrx::JsonB;
use pgrx::datum::IntoDatum;
use serde_json::{Value, json};

statements! {
    static WAITING(INT8OID) = "
        SELECT r.number, r.data FROM jackpot.migration_row r
         WHERE r.migration_id = $1 AND r.kind = 'pool' ORDER BY r.number";
    static DONE(INT8OID) = "DELETE FROM jackpot.migration_row r WHERE r.migration_id = $1 AND r.kind = 'pool'";
    static OPEN(INT4OID, INT8OID, INT8OID, INT8OID, TEXTOID) = "
        UPDATE jackpot.pool SET meter = meter + $2, reserve = reserve + $3, version = $4, status = $5 WHERE id = $1";
    static OWN(INT4OID, INT8OID, TEXTOID, JSONBOID) = "
        INSERT INTO jackpot.migration_pool (pool_id, migration_id, replayed, later_config) VALUES ($1, $2, $3::pg_catalog.numeric, $4)";
    static LATER(INT8OID, TEXTARRAYOID) = "
        SELECT p.pool, m.later_config FROM jackpot.migration_pool m JOIN jackpot.pool p ON p.id = m.pool_id JOIN jackpot.migration o ON o.id = m.migration_id
         WHERE m.later_config IS NOT NULL
           AND (o.id = $1
                OR o.state = 'completed' AND (p.pool = ANY ($2) OR o.id = ANY ((SELECT h.history_of FROM jackpot.migration h WHERE h.id = $1)::pg_catalog.int8[])))
         ORDER BY p.id";
    static NOT_LATER(INT4OID) = "UPDATE jackpot.migration_pool SET later_config = NULL WHERE pool_id = $1";
}

/// Takes over the pools that have been read and are not here yet. Returns how many.
pub fn take_over(migration_id: i64, is_paused: bool) -> Result<i64, Error> {
    let mut waiting: Vec<Value> = Vec::new();
    WAITING.with(|statement| {
        statement.write(&[argument(migration_id)]).each(|row| {
            waiting.push(row.need::<JsonB>(2).0);
        });
    });
    let mut taken = 0;
    for (number, data) in waiting.iter().enumerate() {
        let Value::Object(data) = data else { continue };
        let (Some(old), _) = migration::pool(data, &Fields::of_export(), number) else { continue };
        if configuration::current()?.named(&old.pool).is_ok() {
            continue;
        }
        let status =
            if is_paused && old.status == Status::Active { Status::Paused } else { old.status };
        take_over_one(migration_id, &OldPool { status, ..old })?;
        taken += 1;
    }
    DONE.with(|statement| statement.write(&[argument(migration_id)]));
    Ok(taken)
}

fn take_over_one(migration_id: i64, old: &OldPool) -> Result<(), Error> {
    let reason = format!("opening adjustment: what migration {migration_id} found in it");
    let occasion = Occasion::new("migrate", Some(&reason));
    let mut outside = Outside { at: timestamp(occasion.at), random: &mut random::Strong };
    let (config, later) = now_and_later(&old.config)?;
    let (state, events) = create(&old.pool, config, None, &mut outside)?;
    let created = format!("taken over by migration {migration_id}");
    let created = Occasion { reason: Some(&created), actor: occasion.actor.clone(), ..occasion };
    let Some(id) = pool::insert(&state, &created)? else {
        return Err(Error::invalid(
            format!("pool \"{}\" has just been made", old.pool),
            "it was not there when the migration began",
        ));
    };
    journal::created(id, &state, &events, &created)?;
    let opening = (old.meter.minus(state.meter)?, old.reserve.minus(state.reserve)?);
    if opening != (Micros::ZERO, Micros::ZERO) {
        let of = (id, state.cycle, state.config_version);
        journal::taken_over(of, "adjust", opening, &occasion)?;
    }
    let arguments = [
        argument(id),
        argument(opening.0.bigint()?),
        argument(opening.1.bigint()?),
        argument(old.version),
        argument(old.status.as_str()),
    ];
    OPEN.with(|statement| statement.write(&arguments));
    let later = later.map(|later| RawJson::parse(&later.to_string()));
    let replayed = state.meter.get().to_string();
    let arguments = [argument(id), argument(migration_id), argument(replayed), argument(later)];
    OWN.with(|statement| statement.write(&arguments));
    Ok(())
}

/// What is hidden is drawn once the history is in: it belongs to the cycle that is open then. And a
/// regulated pool could not be told later.
fn now_and_later(config: &PoolConfig) -> Result<(PoolConfig, Option<Value>), Error> {
    if !matches!(config.trigger, Trigger::MustHitBy | Trigger::Scheduled { .. }) {
        return Ok((config.clone(), None));
    }
    let all = config.to_json();
    let later = json!({
        "trigger": all.get("trigger").cloned().unwrap_or(Value::Null),
        "regulated": config.regulated,
    });
    let now = config.patched(&json!({"trigger": null, "regulated": null}))?;
    Ok((now, Some(later)))
}

/// Arms the triggers of the migration's pools, and of those that its source names or into which it has
/// put history, where their own is over. Returns how many, and why others were not.
pub fn arm(migration_id: i64, named: &[String]) -> Result<(i64, Vec<Value>), Error> {
    let mut later: Vec<(String, Value)> = Vec::new();
    LATER.with(|statement| {
        statement.write(&[argument(migration_id), named.to_vec().into_datum()]).each(|row| {
            later.push((row.need(1), row.need::<JsonB>(2).0));
        });
    });
    let (mut armed, mut warnings) = (0, Vec::new());
    for (name, patch) in &later {
        let locked = pool::lock(name)?;
        if locked.pool.state.status == Status::Retired {
            continue;
        }
        let mut refuse = |why: &str| {
            let message = format!("the trigger of \"{name}\" is not armed: {why}");
            warnings.push(
                json!({"row": format!("pools.{name}"), "token": "not_armed", "message": message}),
            );
        };
        if locked.pool.state.config.trigger != Trigger::Manual {
            refuse("it has been given another");
            NOT_LATER.with(|statement| statement.write(&[argument(locked.pool.id)]));
            continue;
        }
        let command = Command::Configure {
            patch: patch.clone(),
            expected_version: None,
            effective: Effective::Now,
        };
        let occasion = Occasion::new("migrate", Some("its history is in"));
        match administer::change_locked(&locked, &command, &occasion) {
            Ok(after) => {
                record::keep_version(locked.pool.id, after.version - locked.pool.state.version);
                NOT_LATER.with(|statement| statement.write(&[argument(locked.pool.id)]));
                armed += 1;
            }
            Err(error) => refuse(&error.message),
        }
    }
    Ok((armed, warnings))
}
