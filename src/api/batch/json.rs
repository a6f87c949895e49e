//! Wagers and wins as a JSON array of objects, in the shape of the old service.

use crate::api::batch::{contribution, json_array, won};
use crate::error::required;
use crate::store::batch::{OnError, Summary};
use crate::store::play::play_all;
use crate::store::raw_json::RawJson;
use crate::store::wager::{self, Kind};
use crate::store::win::{self, win_all};
use crate::store::{session, settle};
use jackpot_core::Error;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{AnyNumeric, JsonB};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

/// A wager, its keys in snake_case or camelCase.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wager {
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
    fn request(&self) -> Result<wager::Request<'_>, Error> {
        let wager_amount = required("wager_amount", self.wager_amount.as_ref())?;
        Ok(wager::Request {
            kind: Kind::Contribute,
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
struct Win {
    #[serde(default, alias = "group")]
    pool: Option<String>,
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
    fn request(&self) -> Result<win::Request<'_>, Error> {
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

/// An item of a batch, or why it could not be read.
struct Item<T> {
    /// Also of one that could not be read, where it has one.
    operation_id: Option<String>,
    content: Result<T, Error>,
}

/// The one key that is of use where the others cannot be read.
#[derive(Deserialize)]
struct Named {
    #[serde(default, alias = "operationId")]
    operation_id: Option<String>,
}

/// The items of a batch; 22023 unless it is an array. Each is read by itself, so that one too deep
/// does not spoil the others.
fn items<T: DeserializeOwned>(name: &str, batch: RawJson) -> Result<Vec<Item<T>>, Error> {
    let batch: Vec<Box<RawValue>> = serde_json::from_str(&batch.text()).map_err(|error| {
        Error::invalid(format!("{name} is not a JSON array"), error.to_string())
            .hint("A batch is an array of objects.")
    })?;
    let item = |text: Box<RawValue>| {
        let text = text.get();
        let malformed = |why| Error::invalid("the item is malformed", why);
        // An array would be taken for the values of the keys in their order.
        if !text.starts_with('{') {
            let content = Err(malformed("it is not an object".to_owned()));
            return Item { operation_id: None, content };
        }
        let named = serde_json::from_str(text).ok();
        let content = serde_json::from_str(text).map_err(|error| malformed(error.to_string()));
        Item { operation_id: named.and_then(|named: Named| named.operation_id), content }
    };
    Ok(batch.into_iter().map(item).collect())
}

/// What the items ask for, as far as they can be read.
fn read<'a, T, R>(
    items: &'a [Item<T>],
    request: impl Fn(&'a T) -> Result<R, Error>,
) -> Vec<Result<R, Error>> {
    items.iter().map(|item| request(item.content.as_ref().map_err(Clone::clone)?)).collect()
}

/// Contributes many wagers.
#[pg_extern(volatile, parallel_unsafe)]
#[allow(clippy::type_complexity)]
fn jackpot_contribute_batch(
    contributions: Option<RawJson>,
    on_error: default!(Option<&str>, "'continue'"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(total, i64),
            name!(processed, i64),
            name!(failed, i64),
            name!(replayed, i64),
            name!(total_contribution, AnyNumeric),
            name!(errors, JsonB),
        ),
    >,
    ErrorReport,
> {
    let summary = session::run("contribute_batch", || {
        let on_error = OnError::parse(on_error)?;
        let items = items("contributions", required("contributions", contributions)?)?;
        let played = play_all(&read(&items, Wager::request), on_error)?;
        let mut summary = Summary::default();
        for (index, (item, played)) in items.iter().zip(&played).enumerate() {
            summary.list_played(index, item.operation_id.as_deref(), played);
        }
        settle::upkeep(played.len())?;
        Ok(summary)
    })?;
    let contribution = contribution(&summary)?;
    Ok(TableIterator::once((
        summary.total,
        summary.processed,
        summary.failed,
        summary.replayed,
        contribution,
        json_array(summary.errors),
    )))
}

/// Pays many wins, in their order.
#[pg_extern(volatile, parallel_unsafe)]
#[allow(clippy::type_complexity)]
fn jackpot_win_batch(
    wins: Option<RawJson>,
    on_error: default!(Option<&str>, "'continue'"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(total, i64),
            name!(processed, i64),
            name!(failed, i64),
            name!(replayed, i64),
            name!(total_won, AnyNumeric),
            name!(paid, JsonB),
            name!(errors, JsonB),
        ),
    >,
    ErrorReport,
> {
    let summary = session::run("win_batch", || {
        let on_error = OnError::parse(on_error)?;
        let items = items("wins", required("wins", wins)?)?;
        let paid = win_all(&read(&items, Win::request), on_error)?;
        let mut summary = Summary::default();
        for (index, (item, paid)) in items.iter().zip(&paid).enumerate() {
            summary.list_paid(index, item.operation_id.as_deref(), paid);
        }
        Ok(summary)
    })?;
    let won = won(&summary)?;
    Ok(TableIterator::once((
        summary.total,
        summary.processed,
        summary.failed,
        summary.replayed,
        won,
        json_array(summary.wins),
        json_array(summary.errors),
    )))
}
