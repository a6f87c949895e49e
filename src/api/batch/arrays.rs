//! Wagers as parallel arrays, the form that drivers send fastest.

use crate::api::batch::{contribution, json_array, won};
use crate::call::Call;
use crate::error::required;
use crate::store::batch::{OnError, Summary};
use crate::store::play::play_all;
use crate::store::raw_json::RawJson;
use crate::store::wager::{Kind, Request};
use crate::store::{pool, session, settle};
use jackpot_core::Error;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{AnyNumeric, JsonB};

/// One argument of every wager.
enum Column<T> {
    /// The same for all rows, or absent.
    All(Option<T>),
    /// One for each row.
    Each(Vec<Option<T>>),
}

impl<T: Copy> Column<T> {
    /// From the array and the single value that can stand for it; 22023 when both are given.
    fn new<A: Iterator<Item = Option<T>>>(
        name: &str,
        array: Option<A>,
        single: Option<T>,
    ) -> Result<Self, Error> {
        match (array, single) {
            (Some(_), Some(_)) => Err(Error::invalid(
                format!("{name} is given as an array and as a single value"),
                "a single value stands for all rows",
            )),
            (Some(array), None) => Ok(Column::Each(array.collect())),
            (None, single) => Ok(Column::All(single)),
        }
    }

    fn len(&self) -> Option<usize> {
        match self {
            Column::All(_) => None,
            Column::Each(values) => Some(values.len()),
        }
    }

    fn is_absent(&self) -> bool {
        matches!(self, Column::All(None))
    }

    fn get(&self, row: usize) -> Option<T> {
        match self {
            Column::All(value) => *value,
            Column::Each(values) => values.get(row).copied().flatten(),
        }
    }
}

/// All of them.
struct Columns<'a> {
    game_id: Column<&'a str>,
    wager_amount: Column<i64>,
    user_id: Column<&'a str>,
    operation_id: Column<&'a str>,
    operator_id: Column<&'a str>,
    game_category: Column<&'a str>,
    currency: Column<&'a str>,
    metadata: Column<RawJson>,
}

impl<'a> Columns<'a> {
    /// How many rows there are; 22023 unless all arrays are equally long.
    fn rows(&self) -> Result<usize, Error> {
        required("game_ids or game_id", (!self.game_id.is_absent()).then_some(()))?;
        required("wager_amounts or wager_amount", (!self.wager_amount.is_absent()).then_some(()))?;
        let lengths = [
            ("game_ids", self.game_id.len()),
            ("wager_amounts", self.wager_amount.len()),
            ("user_ids", self.user_id.len()),
            ("operation_ids", self.operation_id.len()),
            ("operator_ids", self.operator_id.len()),
            ("game_categories", self.game_category.len()),
            ("currencies", self.currency.len()),
            ("metadata", self.metadata.len()),
        ];
        let mut given = lengths.iter().filter_map(|(name, length)| Some((*name, (*length)?)));
        let Some((first, rows)) = given.next() else { return Ok(1) };
        match given.find(|(_, length)| *length != rows) {
            None => Ok(rows),
            Some((name, length)) => Err(Error::invalid(
                format!("{first} and {name} are not equally long"),
                format!("{first} has {rows} elements, {name} has {length}"),
            )),
        }
    }

    fn request(
        &self,
        row: usize,
        kind: Kind,
        pools: Option<&'a [String]>,
    ) -> Result<Request<'a>, Error> {
        Ok(Request {
            kind,
            game_id: required("game_id", self.game_id.get(row))?,
            wager_amount: required("wager_amount", self.wager_amount.get(row))?,
            user_id: self.user_id.get(row),
            operation_id: self.operation_id.get(row),
            pools,
            operator_id: self.operator_id.get(row),
            game_category: self.game_category.get(row),
            currency: self.currency.get(row),
            metadata: self.metadata.get(row),
        })
    }
}

fn run(
    kind: Kind,
    columns: &Columns<'_>,
    pools: Option<&[String]>,
    on_error: OnError,
) -> Result<Summary, Error> {
    let rows = columns.rows()?;
    let requests: Vec<_> = (0..rows).map(|row| columns.request(row, kind, pools)).collect();
    let mut summary = Summary::default();
    for (row, played) in play_all(&requests, on_error)?.iter().enumerate() {
        summary.list_played(row, columns.operation_id.get(row), played);
    }
    settle::upkeep(rows)?;
    Ok(summary)
}

/// Declares a function of parallel arrays. Each array can be replaced by a single value that stands
/// for all rows.
macro_rules! of_arrays {
    ($(#[$meta:meta])* fn $name:ident($operation:expr, $kind:expr) -> ($($column:tt)*) $row:expr) => {
        $(#[$meta])*
        #[pg_extern(volatile, parallel_unsafe)]
        #[allow(clippy::too_many_arguments, clippy::type_complexity)]
        fn $name(
            game_ids: default!(Option<Array<'_, &str>>, "NULL"),
            wager_amounts: default!(Option<Array<'_, i64>>, "NULL"),
            user_ids: default!(Option<Array<'_, &str>>, "NULL"),
            operation_ids: default!(Option<Array<'_, &str>>, "NULL"),
            pools: default!(Option<Array<'_, &str>>, "NULL"),
            operator_ids: default!(Option<Array<'_, &str>>, "NULL"),
            game_categories: default!(Option<Array<'_, &str>>, "NULL"),
            currencies: default!(Option<Array<'_, &str>>, "NULL"),
            metadata: default!(Option<Array<'_, RawJson>>, "NULL"),
            on_error: default!(Option<&str>, "'continue'"),
            game_id: default!(Option<&str>, "NULL"),
            wager_amount: default!(Option<i64>, "NULL"),
            user_id: default!(Option<&str>, "NULL"),
            operator_id: default!(Option<&str>, "NULL"),
            game_category: default!(Option<&str>, "NULL"),
            currency: default!(Option<&str>, "NULL"),
        ) -> Result<TableIterator<'static, ($($column)*)>, ErrorReport> {
            let summary = session::run($operation, || {
                let columns = Columns {
                    game_id: Column::new("game_id", game_ids.as_ref().map(Array::iter), game_id)?,
                    wager_amount: Column::new(
                        "wager_amount",
                        wager_amounts.as_ref().map(Array::iter),
                        wager_amount,
                    )?,
                    user_id: Column::new("user_id", user_ids.as_ref().map(Array::iter), user_id)?,
                    operation_id: Column::new(
                        "operation_id",
                        operation_ids.as_ref().map(Array::iter),
                        None,
                    )?,
                    operator_id: Column::new(
                        "operator_id",
                        operator_ids.as_ref().map(Array::iter),
                        operator_id,
                    )?,
                    game_category: Column::new(
                        "game_category",
                        game_categories.as_ref().map(Array::iter),
                        game_category,
                    )?,
                    currency: Column::new(
                        "currency",
                        currencies.as_ref().map(Array::iter),
                        currency,
                    )?,
                    metadata: Column::new("metadata", metadata.as_ref().map(Array::iter), None)?,
                };
                let pools = pool::names(pools)?;
                run($kind, &columns, pools.as_deref(), OnError::parse(on_error)?)
            })?;
            let row: fn(Summary) -> Result<_, ErrorReport> = $row;
            Ok(TableIterator::once(row(summary)?))
        }
    };
}

of_arrays! {
    /// Contributes many wagers.
    fn jackpot_contribute_arrays(Call::ContributeArrays, Kind::Contribute) -> (
        name!(total, i64),
        name!(processed, i64),
        name!(failed, i64),
        name!(replayed, i64),
        name!(total_contribution, AnyNumeric),
        name!(errors, JsonB),
    ) |summary| {
        let contribution = contribution(&summary)?;
        Ok((
            summary.total,
            summary.processed,
            summary.failed,
            summary.replayed,
            contribution,
            json_array(summary.errors),
        ))
    }
}

of_arrays! {
    /// Contributes many wagers, draws for each and pays the hits, in their order.
    fn jackpot_spin_arrays(Call::SpinArrays, Kind::Spin) -> (
        name!(total, i64),
        name!(processed, i64),
        name!(failed, i64),
        name!(replayed, i64),
        name!(total_contribution, AnyNumeric),
        name!(total_won, AnyNumeric),
        name!(wins, JsonB),
        name!(errors, JsonB),
    ) |summary| {
        let (contribution, won) = (contribution(&summary)?, won(&summary)?);
        Ok((
            summary.total,
            summary.processed,
            summary.failed,
            summary.replayed,
            contribution,
            won,
            json_array(summary.wins),
            json_array(summary.errors),
        ))
    }
}
