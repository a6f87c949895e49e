//! Rate limits: how many calls a game, an operator and all together may make. The limits stand in a
//! table, the buckets in shared memory; a server that starts begins with full ones.

use crate::guc;
use crate::shmem::{rate_limit, workers};
use crate::store::mark::now;
use crate::store::session::{self, clock};
use crate::store::snapshot::Active;
use crate::store::statement::{argument, statements};
use crate::store::{configuration, relations};
use jackpot_core::{Error, Token};
use pgrx::pg_sys;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Nanoseconds in a minute: tokens come in one by one at even distances.
const MINUTE: i64 = 60_000_000_000;
/// The highest limit: a million a second.
const MOST_PER_MINUTE: i64 = 60_000_000;
/// More limits than that could crowd one another out of shared memory.
const MOST_LIMITS: i64 = 1_000;

/// What a limit is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Scope {
    /// All calls.
    Overall,
    /// Those of one game.
    Game,
    /// Those of one operator.
    Operator,
}

impl Scope {
    fn as_str(self) -> &'static str {
        match self {
            Scope::Overall => "overall",
            Scope::Game => "game",
            Scope::Operator => "operator",
        }
    }

    /// From its word; 22023 for another.
    pub fn parse(word: &str) -> Result<Self, Error> {
        [Scope::Overall, Scope::Game, Scope::Operator]
            .into_iter()
            .find(|scope| scope.as_str() == word)
            .ok_or_else(|| {
                Error::invalid(
                    format!("scope \"{word}\" is not known"),
                    "scope is overall, game or operator",
                )
            })
    }
}

/// A limit in force.
#[derive(Debug)]
pub struct Limit {
    scope: Scope,
    key: String,
    per_minute: i64,
    burst: i64,
    /// The bucket.
    name: u64,
}

statements! {
    static READ() = "SELECT r.scope, r.key, r.per_minute, r.burst FROM jackpot.rate_limit r";
    static COUNT() = "SELECT pg_catalog.count(*) FROM jackpot.rate_limit";
    static SET(TEXTOID, TEXTOID, INT8OID, INT8OID, TEXTOID, TIMESTAMPTZOID) = "
        INSERT INTO jackpot.rate_limit (scope, key, per_minute, burst, actor, set_at) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (scope, key) DO UPDATE
           SET per_minute = excluded.per_minute, burst = excluded.burst, actor = excluded.actor, set_at = excluded.set_at";
    static REMOVE(TEXTOID, TEXTOID) = "DELETE FROM jackpot.rate_limit r WHERE r.scope = $1 AND r.key = $2";
}

/// The limits in the active snapshot.
pub fn read() -> Result<Vec<Limit>, Error> {
    let mut rows: Vec<(String, String, i64, i64)> = Vec::new();
    READ.with(|statement| {
        statement
            .read(&[])
            .each(|row| rows.push((row.need(1), row.need(2), row.need(3), row.need(4))));
    });
    let limit = |(scope, key, per_minute, burst): (String, String, i64, i64)| {
        let scope = Scope::parse(&scope)?;
        let name = name(scope, &key);
        Ok(Limit { scope, key, per_minute, burst, name })
    };
    rows.into_iter().map(limit).collect()
}

/// The bucket's name: never 0.
fn name(scope: Scope, key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    // SAFETY: set once, before any function runs.
    let database = unsafe { pg_sys::MyDatabaseId.to_u32() };
    (database, scope, key).hash(&mut hasher);
    hasher.finish().max(1)
}

/// Limits how many calls are taken in; `per_minute` of nothing removes the limit. Without a burst a
/// second's worth may come at once.
pub fn set(
    scope: Scope,
    key: Option<&str>,
    per_minute: Option<i64>,
    burst: Option<i64>,
) -> Result<(), Error> {
    if !workers::is_preloaded() {
        return Err(Error::new(
            Token::NotPreloaded,
            "rate limits need the library preloaded",
            "shared_preload_libraries does not name jackpot",
        )
        .hint("Add jackpot to shared_preload_libraries and restart the server."));
    }
    let key = match (scope, key) {
        (Scope::Overall, None) => "",
        (Scope::Overall, Some(_)) => {
            return Err(Error::invalid("key is not for overall", "the scope overall has no key"));
        }
        (_, None) => crate::error::required("key", key)?,
        (_, Some("")) => {
            return Err(Error::invalid("key is empty", "key names the game or the operator"));
        }
        (_, Some(key)) => key,
    };
    match per_minute {
        None => {
            REMOVE.with(|statement| {
                statement.write(&[argument(scope.as_str()), argument(key)]);
            });
        }
        Some(per_minute) => {
            let burst = burst.unwrap_or((per_minute / 60).max(1));
            if !(1..=MOST_PER_MINUTE).contains(&per_minute)
                || !(1..=MOST_PER_MINUTE).contains(&burst)
            {
                return Err(Error::invalid(
                    format!("a limit of {per_minute} a minute, {burst} at once, is not valid"),
                    format!("per_minute and burst are from 1 to {MOST_PER_MINUTE}"),
                ));
            }
            let arguments = [
                argument(scope.as_str()),
                argument(key),
                argument(per_minute),
                argument(burst),
                argument(session::actor("set_rate_limit")),
                argument(now()),
            ];
            SET.with(|statement| statement.write(&arguments));
            let _active = Active::fresh();
            let count: i64 =
                COUNT.with(|statement| statement.read(&[]).first().map_or(0, |row| row.need(1)));
            if count > MOST_LIMITS {
                return Err(Error::invalid(
                    "there are too many rate limits",
                    format!("{MOST_LIMITS} are allowed"),
                ));
            }
        }
    }
    relations::announce_change();
    Ok(())
}

/// Takes in one call, or refuses it (53400). Without preloading nothing is limited. A call that is
/// rolled back has counted.
pub fn admit(game_id: Option<&str>, operator_id: Option<&str>) -> Result<(), Error> {
    if !workers::is_preloaded() {
        return Ok(());
    }
    let configuration = configuration::current()?;
    let applies = |limit: &&Limit| match limit.scope {
        Scope::Overall => true,
        Scope::Game => game_id == Some(limit.key.as_str()),
        Scope::Operator => operator_id == Some(limit.key.as_str()),
    };
    let limits: Vec<&Limit> = configuration.limits().iter().filter(applies).collect();
    let now = clock().saturating_mul(1_000);
    for (index, limit) in limits.iter().enumerate() {
        let interval = MINUTE / limit.per_minute;
        if let Err(wait) = rate_limit::take(limit.name, interval, limit.burst, now) {
            for taken in limits.iter().take(index) {
                rate_limit::give_back(taken.name, MINUTE / taken.per_minute);
            }
            return Err(refusal(limit, wait));
        }
    }
    Ok(())
}

/// The same for a call that enqueues nothing, where those are limited.
pub fn admit_synchronous(game_id: Option<&str>, operator_id: Option<&str>) -> Result<(), Error> {
    if guc::LIMIT_SYNCHRONOUS_CALLS.get() { admit(game_id, operator_id) } else { Ok(()) }
}

fn refusal(limit: &Limit, wait: i64) -> Error {
    let what = match limit.scope {
        Scope::Overall => "the database".to_owned(),
        scope => format!("{} \"{}\"", scope.as_str(), limit.key),
    };
    Error::new(
        Token::RateLimited,
        format!("{what} has reached its rate limit"),
        format!(
            "{} calls a minute, {} at once; wait {} ms",
            limit.per_minute,
            limit.burst,
            wait.max(0) / 1_000_000 + 1
        ),
    )
    .hint("Try again after that time; jackpot_set_rate_limit() changes the limit.")
}
