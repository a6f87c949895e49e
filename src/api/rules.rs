//! A pool's rules in words, for players.

use crate::api::SqlResult;
use crate::call::Call;
use crate::error::{report, required};
use crate::store::{pool, session};
use jackpot_core::{Error, Rules};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{AnyNumeric, JsonB};

/// What players may know of a pool.
#[pg_extern(stable, parallel_unsafe)]
#[allow(clippy::type_complexity)]
fn jackpot_rules(
    pool: Option<&str>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(pool, String),
            name!(status, String),
            name!(currency, Option<String>),
            name!(funding, String),
            name!(seed, String),
            name!(ceiling, String),
            name!(tie_policy, String),
            name!(odds, String),
            name!(return_to_player, Option<AnyNumeric>),
            name!(commitment, Option<String>),
            name!(next_cycle, Option<JsonB>),
        ),
    >,
    ErrorReport,
> {
    let found = session::run(Call::Rules, || {
        let names = [required("pool", pool)?.to_owned()];
        pool::read(Some(&pool::ids_of(&names)?))
    })?;
    let rows = found
        .into_iter()
        .map(|pool::Pool { state, commitment, .. }| {
            let rules = Rules::of(&state.config);
            let return_to_player = rules
                .return_to_player
                .map(|share| {
                    AnyNumeric::try_from(share.to_string().as_str()).map_err(|error| {
                        report(Error::invalid("malformed share", error.to_string()))
                    })
                })
                .transpose()?;
            Ok((
                state.pool,
                state.status.to_string(),
                state.config.currency,
                rules.funding,
                rules.seed,
                rules.ceiling,
                rules.tie_policy,
                rules.odds,
                return_to_player,
                commitment,
                state.pending.map(JsonB),
            ))
        })
        .collect::<SqlResult<Vec<_>>>()?;
    Ok(TableIterator::new(rows))
}
