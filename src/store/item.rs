//! Wagers and wins as JSON objects, in the shape of the old service: items of batches and of the
//! queue.

use crate::error::required;
use crate::store::raw_json::RawJson;
use crate::store::statement::{argument, statements};
use crate::store::wager::{self, Kind};
use crate::store::win;
use jackpot_core::Error;
use pgrx::datum::IntoDatum;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

statements! {
    static WAGER(TEXTOID, INT8OID, TEXTOID, TEXTOID, TEXTARRAYOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID) = "
        SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
                   'game_id', $1, 'wager_amount', $2, 'user_id', $3, 'operation_id', $4,
                   'pools', $5, 'operator_id', $6, 'game_category', $7, 'currency', $8))
               || CASE WHEN $9 IS NULL THEN '{}' ELSE pg_catalog.jsonb_build_object('metadata', $9) END";
    static WIN(TEXTOID, TEXTOID, TEXTOID, INT8OID, TEXTOID, INT8OID, JSONBOID) = "
        SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
                   'pool', $1, 'game_id', $2, 'user_id', $3, 'win_amount', $4, 'operation_id', $5, 'expected_cycle', $6))
               || CASE WHEN $7 IS NULL THEN '{}' ELSE pg_catalog.jsonb_build_object('metadata', $7) END";
}

/// The arguments of a wager, which may be anything.
pub struct WagerArguments<'a, P> {
    /// The game.
    pub game_id: Option<&'a str>,
    /// In minor units.
    pub wager_amount: Option<i64>,
    /// The player.
    pub user_id: Option<&'a str>,
    /// The client's name for the operation.
    pub operation_id: Option<&'a str>,
    /// Only these pools: names, or NULL among them.
    pub pools: Option<Vec<P>>,
    /// The operator or brand.
    pub operator_id: Option<&'a str>,
    /// The game's category.
    pub game_category: Option<&'a str>,
    /// The wager's currency.
    pub currency: Option<&'a str>,
    /// The client's own words.
    pub metadata: Option<RawJson>,
}

impl<P> WagerArguments<'_, P>
where
    Vec<P>: IntoDatum,
{
    /// As an item, without what is NULL.
    pub fn to_json(&self) -> RawJson
    where
        P: Clone,
    {
        let arguments = [
            argument(self.game_id),
            argument(self.wager_amount),
            argument(self.user_id),
            argument(self.operation_id),
            argument(self.pools.clone()),
            argument(self.operator_id),
            argument(self.game_category),
            argument(self.currency),
            argument(self.metadata),
        ];
        let item =
            WAGER.with(|statement| statement.read(&arguments).first().map(|row| row.need(1)));
        item.unwrap_or_else(|| pgrx::error!("a wager has no item"))
    }
}

/// A win as an item, without what is NULL.
pub fn win_to_json(request: &win::Request<'_>) -> RawJson {
    let arguments = [
        argument(request.pool),
        argument(request.game_id),
        argument(request.user_id),
        argument(request.win_amount),
        argument(request.operation_id),
        argument(request.expected_cycle),
        argument(request.metadata),
    ];
    let item = WIN.with(|statement| statement.read(&arguments).first().map(|row| row.need(1)));
    item.unwrap_or_else(|| pgrx::error!("a win has no item"))
}

/// A wager, its keys in snake_case or camelCase.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wager {
    #[serde(default, alias = "gameId")]
    game_id: Option<String>,
    #[serde(default, alias = "wagerAmount")]
    wager_amount: Option<Value>,
    #[serde(default, alias = "userId")]
    user_id: Option<String>,
    #[serde(default, alias = "operationId")]
    operation_id: Option<String>,
    #[serde(default)]
    pools: Option<Vec<String>>,
    #[serde(default, alias = "operatorId")]
    operator_id: Option<String>,
    #[serde(default, alias = "gameCategory")]
    game_category: Option<String>,
    #[serde(default)]
    currency: Option<String>,
    #[serde(default)]
    metadata: Option<Box<RawValue>>,
}

impl Wager {
    /// As a wager is played.
    pub fn request(&self, kind: Kind) -> Result<wager::Request<'_>, Error> {
        let wager_amount = required("wager_amount", self.wager_amount.as_ref())?;
        Ok(wager::Request {
            kind,
            game_id: required("game_id", self.game_id.as_deref())?,
            wager_amount: whole("wager_amount", wager_amount)?,
            user_id: self.user_id.as_deref(),
            operation_id: self.operation_id.as_deref(),
            pools: self.pools.as_deref(),
            operator_id: self.operator_id.as_deref(),
            game_category: self.game_category.as_deref(),
            currency: self.currency.as_deref(),
            metadata: self.metadata.as_deref().map(|metadata| RawJson::parse(metadata.get())),
        })
    }
}

/// A win, its keys in snake_case or camelCase; the old service called the pool its group.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Win {
    /// The pool.
    #[serde(default, alias = "group")]
    pub pool: Option<String>,
    #[serde(default, alias = "gameId")]
    game_id: Option<String>,
    #[serde(default, alias = "userId")]
    user_id: Option<String>,
    #[serde(default, alias = "winAmount")]
    win_amount: Option<Value>,
    #[serde(default, alias = "operationId")]
    operation_id: Option<String>,
    #[serde(default, alias = "expectedCycle")]
    expected_cycle: Option<Value>,
    #[serde(default)]
    metadata: Option<Box<RawValue>>,
}

impl Win {
    /// As a win is paid.
    pub fn request(&self) -> Result<win::Request<'_>, Error> {
        let optional = |name, value: &Option<Value>| {
            value.as_ref().map(|value| whole(name, value)).transpose()
        };
        Ok(win::Request {
            pool: required("pool", self.pool.as_deref())?,
            game_id: required("game_id", self.game_id.as_deref())?,
            user_id: required("user_id", self.user_id.as_deref())?,
            win_amount: optional("win_amount", &self.win_amount)?,
            operation_id: self.operation_id.as_deref(),
            expected_cycle: optional("expected_cycle", &self.expected_cycle)?,
            metadata: self.metadata.as_deref().map(|metadata| RawJson::parse(metadata.get())),
        })
    }
}

/// A whole number, also as text: JavaScript has no numbers for all of bigint.
fn whole(name: &str, value: &Value) -> Result<i64, Error> {
    let text = match value {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        _ => None,
    };
    text.and_then(|text| text.parse().ok()).ok_or_else(|| {
        Error::invalid(
            format!("{name} {value} is not valid"),
            format!("{name} is a whole number that fits a bigint"),
        )
    })
}
