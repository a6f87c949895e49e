//! One wager: who is fed, by how much, what they hold then, and one row in the ledger.

use crate::guc;
use crate::store::configuration::{self, Configuration, ConfiguredPool};
use crate::store::ledger::{self, Entry, Share};
use crate::store::operation::{self, Fingerprint, Record, Recorded};
use crate::store::snapshot::Active;
use crate::store::{lock, mark, pool, settle, totals};
use jackpot_core::{Command, Error, Event, Micros, Timestamp, Wager, apply, eligible};
use pgrx::JsonB;

/// A contribution as the client asks for it.
pub struct Request<'a> {
    /// The game.
    pub game_id: &'a str,
    /// The wager in minor units.
    pub wager_amount: i64,
    /// The player.
    pub user_id: Option<&'a str>,
    /// The client's name for the operation.
    pub operation_id: Option<&'a str>,
    /// Only these pools.
    pub pools: Option<Vec<String>>,
    /// The operator or brand.
    pub operator_id: Option<&'a str>,
    /// The game's category.
    pub game_category: Option<&'a str>,
    /// The wager's currency.
    pub currency: Option<&'a str>,
    /// The client's own words.
    pub metadata: Option<JsonB>,
}

/// What one pool got and then held.
pub struct Line {
    /// The pool's name.
    pub pool: String,
    /// What it got, meter and reserve together.
    pub contribution: Micros,
    /// What was payable then, in minor units; unknown with totals off.
    pub current_amount: Option<i64>,
    /// The pool's version then; unknown with totals off.
    pub version: Option<i64>,
}

/// The result, and whether it is an earlier call's.
pub struct Outcome {
    /// One line a pool.
    pub lines: Vec<Line>,
    /// True when the operation had been done before.
    pub replayed: bool,
}

/// Applies a wager, or returns what was returned when its `operation_id` was first applied.
pub fn contribute(request: Request<'_>) -> Result<Outcome, Error> {
    check(&request)?;
    mark::ensure()?;
    lock::pass_gate();
    // After the gate: a pause that it waited for is known now.
    let configuration = configuration::current()?;
    let keyed = request.operation_id.map(|id| (id, fingerprint(&request)));
    if let Some((id, fingerprint)) = &keyed
        && let Some(recorded) = operation::find(id, fingerprint)?
    {
        return Ok(replay(recorded, &configuration));
    }

    let pools = eligible_pools(&configuration, &request, mark::now().into_inner())?;
    let shares = pools
        .iter()
        .map(|pool| Share::new(pool, request.wager_amount))
        .collect::<Result<Vec<_>, Error>>()?;

    settle::upkeep()?;
    // Read before anything is written: a reader that already holds a transaction id would keep
    // every other reader's range long.
    let after =
        if guc::TOTALS.get() { totals_after(&pools, request.wager_amount)? } else { Vec::new() };

    let ledger_id = ledger::next_id();
    if let Some((id, fingerprint)) = &keyed {
        let record =
            Record { ledger_id: Some(ledger_id), win_id: None, shares: &shares, after: &after };
        if let Some(recorded) = operation::claim(id, fingerprint, &record)? {
            return Ok(replay(recorded, &configuration));
        }
    }
    ledger::append(
        ledger_id,
        &Entry {
            // After all waiting: no row may be older than its transaction's id (mark::tail_since).
            at: mark::now(),
            operation_id: request.operation_id,
            game_id: request.game_id,
            user_id: request.user_id,
            operator_id: request.operator_id,
            game_category: request.game_category,
            currency: request.currency,
            wager_amount: request.wager_amount,
            shares: &shares,
            metadata: request.metadata.as_ref(),
        },
    );
    let lines = pools
        .iter()
        .zip(&shares)
        .enumerate()
        .map(|(index, (pool, share))| {
            let after = after.get(index);
            Ok(Line {
                pool: pool.pool.clone(),
                contribution: Micros::new(i128::from(share.display) + i128::from(share.reserve)),
                current_amount: after.map(|(amount, _)| *amount),
                version: after.map(|(_, version)| *version),
            })
        })
        .collect::<Result<_, Error>>()?;
    Ok(Outcome { lines, replayed: false })
}

fn check(request: &Request<'_>) -> Result<(), Error> {
    operation::check(request.operation_id)?;
    if request.game_id.is_empty() {
        return Err(Error::invalid("game_id is empty", "a wager is placed on a game"));
    }
    if request.wager_amount < 0 {
        return Err(Error::invalid(
            format!("wager_amount {} is negative", request.wager_amount),
            "a wager is 0 or more minor units",
        ));
    }
    Ok(())
}

fn fingerprint(request: &Request<'_>) -> Fingerprint {
    let pools = request.pools.as_ref().map(|pools| {
        let mut pools = pools.clone();
        pools.sort_unstable();
        pools.dedup();
        // Unambiguous whatever the names hold.
        format!("{pools:?}")
    });
    let metadata = request.metadata.as_ref().map(|JsonB(metadata)| metadata.to_string());
    Fingerprint::of(
        "contribute",
        &[
            Some(request.game_id),
            Some(&request.wager_amount.to_string()),
            request.user_id,
            pools.as_deref(),
            request.operator_id,
            request.game_category,
            request.currency,
            metadata.as_deref(),
        ],
    )
}

fn eligible_pools<'a>(
    configuration: &'a Configuration,
    request: &Request<'_>,
    at: i64,
) -> Result<Vec<&'a ConfiguredPool>, Error> {
    let named = request.pools.as_deref().map(|pools| configuration.ids(pools)).transpose()?;
    let wager = Wager {
        game_id: request.game_id,
        amount: request.wager_amount,
        operator_id: request.operator_id,
        game_category: request.game_category,
        currency: request.currency,
        at: timestamp(at),
    };
    let mut pools = Vec::new();
    for pool in configuration.pools() {
        let is_named = named.as_ref().map(|ids| ids.contains(&pool.id));
        if is_named != Some(false)
            && eligible(&pool.pool, pool.status, &pool.config, &wager, is_named == Some(true))?
        {
            pools.push(pool);
        }
    }
    Ok(pools)
}

/// PostgreSQL counts microseconds from 2000-01-01, the core from 1970-01-01.
fn timestamp(at: i64) -> Timestamp {
    const SECONDS_TO_2000: i64 = 946_684_800;
    at.checked_add(SECONDS_TO_2000 * 1_000_000)
        .and_then(|at| Timestamp::from_microsecond(at).ok())
        .unwrap_or(Timestamp::MAX)
}

/// What each pool holds once the wager is applied: current_amount and version.
fn totals_after(pools: &[&ConfiguredPool], wager_amount: i64) -> Result<Vec<(i64, i64)>, Error> {
    if pools.is_empty() {
        return Ok(Vec::new());
    }
    let memo = totals::newest_memo();
    let _active = Active::fresh();
    let sums = totals::exact(memo)?;
    let ids: Vec<i32> = pools.iter().map(|pool| pool.id).collect();
    let rows = pool::meters(&ids);
    let command = Command::Contribute { wager_amounts: vec![wager_amount] };
    pools
        .iter()
        .map(|configured| {
            let Some(row) = rows.iter().find(|row| row.id == configured.id) else {
                return Err(pool::not_visible(&configured.pool));
            };
            let config = configured.config.clone();
            let state = pool::with_sums(configured.pool.clone(), config, row, &sums);
            let (state, events) = apply(state, &command)?;
            debug_assert!(matches!(events.as_slice(), [Event::Contributed(_)]));
            Ok((state.current_amount(), state.version))
        })
        .collect()
}

fn replay(recorded: Recorded, configuration: &Configuration) -> Outcome {
    let lines = recorded
        .lines
        .into_iter()
        .map(|(pool_id, micros, current_amount, version)| Line {
            pool: configuration.name(pool_id).to_owned(),
            contribution: Micros::new(i128::from(micros)),
            current_amount,
            version,
        })
        .collect();
    Outcome { lines, replayed: true }
}
