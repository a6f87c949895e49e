//! One wager: who is fed, by how much, what they hold then, whether they are hit, and one row in
//! the ledger.

use crate::guc;
use crate::store::configuration::{self, Configuration, ConfiguredPool};
use crate::store::ledger::{self, Entry, Share};
use crate::store::operation::{self, Fingerprint, Record, Recorded};
use crate::store::session::{self, timestamp};
use crate::store::snapshot::Active;
use crate::store::spin;
use crate::store::{lock, mark, pool, random, settle, snapshot, totals};
use jackpot_core::{
    Command, Eligibility, Error, Micros, Outside, PoolConfig, PoolState, Stake, Trigger, Wager,
    apply, currency, eligible,
};
use pgrx::JsonB;
use pgrx::datum::TimestampWithTimeZone;

/// Whether a wager only feeds pools or also draws for them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only feeds them.
    Contribute,
    /// It draws, and pools that are hit are paid.
    Spin,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Kind::Contribute => "contribute",
            Kind::Spin => "spin",
        }
    }
}

/// A wager as the client sends it.
pub struct Request<'a> {
    /// What it does.
    pub kind: Kind,
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
    /// The win's number and amount, where the wager hit.
    pub won: Option<(i64, i64)>,
}

/// The result, and whether it is an earlier call's.
pub struct Outcome {
    /// One line a pool.
    pub lines: Vec<Line>,
    /// True when the operation had been done before.
    pub replayed: bool,
}

/// A pool that the wager feeds.
pub struct Fed<'a> {
    /// The pool.
    pub pool: &'a ConfiguredPool,
    /// The wager in its currency.
    pub stake: Stake,
    /// What it gets.
    pub share: Share,
}

/// How long it takes at most to claim an operation id that nobody else is claiming.
const MICROSECONDS_WITHOUT_WAITING: i64 = 2_000;

/// Applies a wager, or returns what was returned when its `operation_id` was first applied.
pub fn play(request: Request<'_>) -> Result<Outcome, Error> {
    check(&request)?;
    mark::ensure()?;
    lock::pass_gate();
    // After the gate: a pause that it waited for is known now.
    let configuration = configuration::current()?;
    let keyed = request.operation_id.map(|id| (id, fingerprint(&request)));
    if let Some((id, fingerprint)) = &keyed
        && let Some(recorded) = operation::find(id, fingerprint)?
    {
        return replay(recorded, &configuration);
    }

    let at = mark::now();
    let fed = fed_pools(&configuration, &request, at)?;
    let is_spin = request.kind == Kind::Spin;
    let needs_meters =
        is_spin && fed.iter().any(|fed| fed.pool.config.trigger == Trigger::MustHitBy);
    // Read before anything is written: a reader that already holds a transaction id would keep
    // every other reader's range long.
    let has_totals = guc::TOTALS.get();
    let states = if has_totals || needs_meters {
        states_after(&fed, at, Active::fresh)?
    } else {
        Vec::new()
    };
    let after: Vec<(i64, i64)> = states
        .iter()
        .filter(|_| has_totals)
        .map(|state| (state.current_amount(), state.version))
        .collect();
    let mut draws = if needs_meters && snapshot::is_kept() {
        // A kept snapshot does not show how near a threshold has come.
        spin::draws(&fed, &states_after(&fed, at, Active::latest)?, at)
    } else if is_spin {
        spin::draws(&fed, &states, at)
    } else {
        Vec::new()
    };

    let ledger_id = ledger::next_id();
    let mut has_waited = false;
    if let Some((id, fingerprint)) = &keyed {
        let shares = fed.iter().map(|fed| fed.share).collect::<Vec<_>>();
        let record =
            Record { ledger_id: Some(ledger_id), win_id: None, shares: &shares, after: &after };
        let began = session::clock();
        if let Some(recorded) = operation::claim(id, fingerprint, &record)? {
            return replay(recorded, &configuration);
        }
        // For another call with the id, one that failed.
        has_waited = session::clock() - began > MICROSECONDS_WITHOUT_WAITING;
    }
    if is_spin && (has_waited || !draws.is_empty()) {
        draws = spin::with_thresholds(&fed, draws);
    }
    let decided = spin::decide(&fed, draws)?;
    append(ledger_id, &request, &fed);
    let mut lines = lines(&fed, &after);
    let was_locked = !decided.is_empty();
    for pool in decided {
        let settled = pool.settle(ledger_id, &request)?;
        let Some(line) = lines.get_mut(settled.index) else { continue };
        line.won = settled.won;
        if has_totals || settled.won.is_some() {
            line.current_amount = Some(settled.current_amount);
            line.version = Some(settled.version);
        }
    }
    if let Some(id) = request.operation_id.filter(|_| was_locked) {
        operation::complete(id, &lines);
    }
    // Last, as it locks the mark.
    settle::upkeep()?;
    Ok(Outcome { lines, replayed: false })
}

/// What is returned, but for what draws change.
fn lines(fed: &[Fed<'_>], after: &[(i64, i64)]) -> Vec<Line> {
    fed.iter()
        .enumerate()
        .map(|(index, Fed { pool, share, .. })| Line {
            pool: pool.pool.clone(),
            contribution: Micros::new(
                i128::from(share.leg.display) + i128::from(share.leg.reserve),
            ),
            current_amount: after.get(index).map(|(amount, _)| *amount),
            version: after.get(index).map(|(_, version)| *version),
            won: None,
        })
        .collect()
}

fn append(ledger_id: i64, request: &Request<'_>, fed: &[Fed<'_>]) {
    let shares: Vec<Share> = fed.iter().map(|fed| fed.share).collect();
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
            voids: None,
            metadata: request.metadata.as_ref(),
        },
    );
}

fn check(request: &Request<'_>) -> Result<(), Error> {
    operation::check(request.operation_id)?;
    if request.game_id.is_empty() {
        return Err(Error::invalid("game_id is empty", "a wager is placed on a game"));
    }
    request.currency.map_or(Ok(()), currency::check)?;
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
        request.kind.as_str(),
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

/// The pools that the wager feeds. Those that lack an exchange rate are passed over with a NOTICE.
fn fed_pools<'a>(
    configuration: &'a Configuration,
    request: &Request<'_>,
    at: TimestampWithTimeZone,
) -> Result<Vec<Fed<'a>>, Error> {
    let named = request.pools.as_deref().map(|pools| configuration.ids(pools)).transpose()?;
    let wager = Wager {
        game_id: request.game_id,
        amount: request.wager_amount,
        operator_id: request.operator_id,
        game_category: request.game_category,
        currency: request.currency,
        at: timestamp(at),
    };
    let rate = |from: &str, to: &str| configuration.rates().at(at, from, to);
    let mut fed = Vec::new();
    for pool in configuration.pools() {
        let is_named = named.as_ref().map(|ids| ids.contains(&pool.id));
        if is_named == Some(false) {
            continue;
        }
        let named = is_named == Some(true);
        match eligible(&pool.pool, pool.status, &pool.config, &wager, rate, named)? {
            Eligibility::Feeds(stake) => {
                fed.push(Fed { pool, stake, share: Share::new(pool, stake)? });
            }
            Eligibility::PassedOver => {}
            Eligibility::NoExchangeRate(own) => pgrx::notice!(
                "pool \"{}\" is passed over: there is no exchange rate from {} to {own}",
                pool.pool,
                request.currency.unwrap_or_default(),
            ),
        }
    }
    Ok(fed)
}

/// What each pool is, as far as the snapshot shows, once the wager is applied.
fn states_after(
    fed: &[Fed<'_>],
    at: TimestampWithTimeZone,
    snapshot: fn() -> Active,
) -> Result<Vec<PoolState>, Error> {
    if fed.is_empty() {
        return Ok(Vec::new());
    }
    let memo = totals::newest_memo();
    let _active = snapshot();
    let sums = totals::exact(memo)?;
    let ids: Vec<i32> = fed.iter().map(|fed| fed.pool.id).collect();
    let rows = pool::meters(&ids);
    fed.iter()
        .map(|Fed { pool, stake, .. }| {
            let Some(row) = rows.iter().find(|row| row.id == pool.id) else {
                return Err(pool::not_visible(&pool.pool));
            };
            let state = pool::with_sums(pool.pool.clone(), pool.config.clone(), row, &sums);
            contributed(state, &pool.config, *stake, at)
        })
        .collect()
}

/// The state with one more wager, which contributes by the configuration that it was shared with;
/// the state's own may be a later one.
pub fn contributed(
    mut state: PoolState,
    shared_with: &PoolConfig,
    stake: Stake,
    at: TimestampWithTimeZone,
) -> Result<PoolState, Error> {
    let command = Command::Contribute { stakes: vec![stake] };
    let mut outside = Outside { at: timestamp(at), random: &mut random::Strong };
    let own = std::mem::replace(&mut state.config, shared_with.clone());
    let (mut state, _) = apply(state, &command, &mut outside)?;
    state.config = own;
    Ok(state)
}

fn replay(recorded: Recorded, configuration: &Configuration) -> Result<Outcome, Error> {
    let lines = recorded.lines.into_iter().map(|line| Line {
        pool: configuration.name(line.pool_id).to_owned(),
        contribution: Micros::new(i128::from(line.contribution)),
        current_amount: line.current_amount,
        version: line.version,
        won: line.won,
    });
    Ok(Outcome { lines: lines.collect(), replayed: true })
}
