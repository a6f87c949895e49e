//! Wagers and wins as a JSON array of objects, in the shape of the old service.

use crate::api::batch::{contribution, json_array, won};
use crate::call::Call;
use crate::error::required;
use crate::store::batch::{OnError, Summary};
use crate::store::item::{Wager, Win};
use crate::store::play::play_all;
use crate::store::raw_json::RawJson;
use crate::store::wager::Kind;
use crate::store::win::win_all;
use crate::store::{session, settle};
use jackpot_core::Error;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{AnyNumeric, JsonB};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

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
    let summary = session::run(Call::ContributeBatch, || {
        let on_error = OnError::parse(on_error)?;
        let items = items("contributions", required("contributions", contributions)?)?;
        let request = |wager| Wager::request(wager, Kind::Contribute);
        let played = play_all(&read(&items, request), on_error)?;
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
    let summary = session::run(Call::WinBatch, || {
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
