//! Appending to the ledger: the one write that every contribution makes.

use crate::guc;
use crate::shmem::{metrics, recent, workers};
use crate::store::configuration::ConfiguredPool;
use crate::store::index_scan::{self, Names, Relation, key};
use crate::store::raw_json::RawJson;
use crate::store::statement::{Argument, argument, array, statements};
use crate::store::tail::{Leg, Sums};
use crate::store::{direct_insert, partition, relations, snapshot};
use jackpot_core::{Contribution, Error, ExchangeRate, Micros, Stake};
use pgrx::datum::{IntoDatum, TimestampWithTimeZone};
use pgrx::{direct_function_call, pg_guard, pg_sys};
use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};

/// A wager and what it gave to which pool.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    /// Its number, by [`next_id`].
    pub id: i64,
    /// When.
    pub at: TimestampWithTimeZone,
    /// The client's name for it.
    pub operation_id: Option<&'a str>,
    /// The game.
    pub game_id: &'a str,
    /// The player.
    pub user_id: Option<&'a str>,
    /// The operator or brand.
    pub operator_id: Option<&'a str>,
    /// The game's category.
    pub game_category: Option<&'a str>,
    /// The wager's currency.
    pub currency: Option<&'a str>,
    /// The wager in minor units.
    pub wager_amount: i64,
    /// What each pool gets.
    pub shares: &'a [Share],
    /// Of a void: the row that it takes back.
    pub voids: Option<i64>,
    /// Of a spin that draws later: with which priority.
    pub draw_priority: Option<i32>,
    /// The client's own words.
    pub metadata: Option<RawJson>,
}

/// One pool's share of a wager.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// The pool's number.
    pub pool_id: i32,
    /// The configuration that it was computed with.
    pub config_version: i64,
    /// The money.
    pub leg: Leg,
}

impl Share {
    /// What a wager gives to a pool; 22003 when it does not fit.
    pub fn new(
        pool: &ConfiguredPool,
        stake: Stake,
        contribution: &Contribution,
    ) -> Result<Self, Error> {
        let leg = Leg {
            display: contribution.display.bigint()?,
            reserve: contribution.reserve.bigint()?,
            exchange_rate: stake.rate().map(ExchangeRate::raw),
            display_remainder: contribution.remainder.display,
            reserve_remainder: contribution.remainder.reserve,
        };
        Ok(Share { pool_id: pool.id, config_version: pool.config_version, leg })
    }
}

statements! {
    static APPEND(INT8OID, TIMESTAMPTZOID, XID8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID,
                  INT8OID, INT4ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT4ARRAYOID, INT8OID, INT4OID, INT8ARRAYOID,
                  INT8ARRAYOID, INT8ARRAYOID, JSONBOID) = "
        INSERT INTO jackpot.ledger
               (id, at, xid, operation_id, game_id, user_id, operator_id, game_category, currency,
                wager_amount, pool_ids, display, reserve, config_versions, voids, draw_priority, exchange_rates,
                display_remainders, reserve_remainders, metadata)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)";
    static HIGHEST_ID() = "SELECT coalesce(pg_catalog.max(l.id), 0) FROM jackpot.ledger l";
    static LAST_ID() = "SELECT s.last_value FROM jackpot.ledger_id_seq s";
}

/// The ledger's columns in the order of the arguments.
static COLUMNS: Names = &[
    c"id",
    c"at",
    c"xid",
    c"operation_id",
    c"game_id",
    c"user_id",
    c"operator_id",
    c"game_category",
    c"currency",
    c"wager_amount",
    c"pool_ids",
    c"display",
    c"reserve",
    c"config_versions",
    c"voids",
    c"draw_priority",
    c"exchange_rates",
    c"display_remainders",
    c"reserve_remainders",
    c"metadata",
];

/// What the present transaction has appended so far, so that a transaction of many bets need not
/// read its own rows at each of them.
#[derive(Default)]
struct Own {
    /// In which ledger; a re-created extension has another.
    ledger: pg_sys::Oid,
    xid: u64,
    /// The command that appended last: older snapshots of this transaction do not see all of it.
    command: pg_sys::CommandId,
    /// How often a subtransaction had been rolled back: one may have taken rows along.
    roll_backs: u64,
    sums: Sums,
    rows: u64,
    lowest_id: i64,
    highest_id: i64,
}

thread_local! {
    static OWN: RefCell<Own> = RefCell::default();
}

static ROLL_BACKS: AtomicU64 = AtomicU64::new(0);
/// More roll-backs than there can be: the sums must be read.
const UNKNOWN: u64 = u64::MAX;

/// Has PostgreSQL tell when a subtransaction is rolled back; once, when the library is loaded.
pub fn watch() {
    // SAFETY: the callback lives as long as the library, which is never unloaded.
    unsafe { pg_sys::RegisterSubXactCallback(Some(subtransaction_ended), std::ptr::null_mut()) };
    // SAFETY: as above.
    unsafe { pg_sys::RegisterXactCallback(Some(transaction_ended), std::ptr::null_mut()) };
}

/// Tells the others what this transaction has appended, unless a roll-back to a savepoint may have
/// taken some of it along.
#[pg_guard]
unsafe extern "C-unwind" fn transaction_ended(
    event: pg_sys::XactEvent::Type,
    _argument: *mut std::ffi::c_void,
) {
    if event == pg_sys::XactEvent::XACT_EVENT_COMMIT {
        OWN.with_borrow(|own| {
            let is_whole = own.roll_backs == ROLL_BACKS.load(Ordering::Relaxed);
            if is_whole && snapshot::own_xid_if_any() == Some(own.xid) {
                recent::put(own.xid, own.ledger, &own.sums);
            }
            if snapshot::own_xid_if_any() == Some(own.xid) {
                tell_worker(own.rows);
            }
        });
    }
}

/// Counts what there is to settle, and wakes the worker when it is much.
fn tell_worker(rows: u64) {
    let Some(slot) = workers::slot() else { return };
    let appended = slot.appended.fetch_add(rows, Ordering::Relaxed) + rows;
    let limit = u64::from(guc::SETTLE_ROWS.get().unsigned_abs());
    let unsettled = appended.saturating_sub(slot.settled.load(Ordering::Relaxed));
    if (unsettled >= limit && unsettled - rows < limit) || slot.pid.load(Ordering::Relaxed) == 0 {
        slot.wake();
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn subtransaction_ended(
    event: pg_sys::SubXactEvent::Type,
    _own: pg_sys::SubTransactionId,
    _parent: pg_sys::SubTransactionId,
    _argument: *mut std::ffi::c_void,
) {
    if event == pg_sys::SubXactEvent::SUBXACT_EVENT_ABORT_SUB {
        ROLL_BACKS.fetch_add(1, Ordering::Relaxed);
    }
}

impl Own {
    fn is_current(&self) -> bool {
        snapshot::own_xid_if_any() == Some(self.xid) && relations::current().ledger == self.ledger
    }
}

/// What this transaction has appended and the active snapshot shows; `None` when it must be read:
/// a subtransaction was rolled back since, or the snapshot is older than the last append.
pub fn own_sums() -> Option<Sums> {
    OWN.with_borrow(|own| {
        if !own.is_current() {
            Some(Sums::default())
        } else if own.roll_backs == ROLL_BACKS.load(Ordering::Relaxed)
            && own.command < snapshot::active_command()
        {
            Some(own.sums.clone())
        } else {
            None
        }
    })
}

/// Whether this transaction has appended the row. A restored row may bear the same xid, but has a
/// lower id.
pub fn is_own(xid: u64, id: i64) -> bool {
    OWN.with_borrow(|own| own.xid == xid && id >= own.lowest_id && own.is_current())
}

/// Keeps what was read anew, if the active snapshot shows all of it.
pub fn set_own_sums(sums: &Sums) {
    OWN.with_borrow_mut(|own| {
        if own.is_current() && own.command < snapshot::active_command() {
            own.sums = sums.clone();
            own.roll_backs = ROLL_BACKS.load(Ordering::Relaxed);
        }
    });
}

/// Keeps what was appended. What a trigger may have changed must be read.
fn remember<'a>(xid: u64, entries: impl Iterator<Item = Entry<'a>>, is_known: bool, is_play: bool) {
    let ledger = relations::current().ledger;
    OWN.with_borrow_mut(|own| {
        let had_another_ledger = own.xid == xid && own.ledger != ledger;
        own.command = snapshot::current_command();
        let mut rows = 0;
        for entry in entries {
            if own.xid != xid || own.ledger != ledger {
                let (command, roll_backs) = (own.command, ROLL_BACKS.load(Ordering::Relaxed));
                let lowest_id = entry.id;
                *own = Own { ledger, xid, command, roll_backs, lowest_id, ..Own::default() };
            }
            own.highest_id = entry.id;
            rows += 1;
            let (amount, is_void, at) =
                (entry.wager_amount, entry.voids.is_some(), entry.at.into_inner());
            let sums = || {
                let shares = entry.shares.iter();
                shares.map(|share| (share.pool_id, share.leg.sum(amount, is_void, at)))
            };
            sums().for_each(|(pool_id, sum)| own.sums.add(pool_id, &sum));
            if is_play {
                metrics::fed(ledger, sums());
            }
        }
        own.rows += rows;
        if is_play {
            metrics::wrote(rows);
        }
        if !is_known || had_another_ledger {
            own.roll_backs = UNKNOWN;
        }
    });
}

/// The id of a new row. Ids of one session grow.
pub fn next_id() -> i64 {
    // SAFETY: nextval of an existing sequence; it raises PostgreSQL's errors.
    let id = unsafe {
        direct_function_call::<i64>(
            pg_sys::nextval_oid,
            &[relations::current().ledger_id_seq.into_datum()],
        )
    };
    id.unwrap_or_else(|| pgrx::error!("nextval gave no value"))
}

/// Appends rows, whose ids must grow. Waits for nobody, locks nothing.
pub fn append<'a>(entries: impl Iterator<Item = Entry<'a>> + Clone) {
    append_rows(entries, true);
}

/// Appends what was played elsewhere: it does not count as bets of now.
pub fn append_history<'a>(entries: impl Iterator<Item = Entry<'a>> + Clone) {
    append_rows(entries, false);
}

fn append_rows<'a>(entries: impl Iterator<Item = Entry<'a>> + Clone, is_play: bool) {
    let Some(first) = entries.clone().next() else { return };
    let xid = snapshot::own_xid();
    let parent = Relation::open_for_writing(relations::current().ledger);
    let rows = || entries.clone().map(|entry| row(xid, &entry));
    let at = first.at.into_inner();
    let direct = !direct_insert::fires_on_insert(&parent)
        && partition::containing(&parent, at).is_some_and(|partition| {
            let _locked = Relation::open_for_writing(partition);
            // Another may have been attached while the lock was waited for.
            partition::containing(&parent, at) == Some(partition)
                && direct_insert::insert(partition, COLUMNS, rows())
        });
    if !direct {
        rows().for_each(|row| {
            APPEND.with(|statement| statement.write_on_active_snapshot(&row));
        });
    }
    remember(xid, entries, direct, is_play);
}

fn row(xid: u64, entry: &Entry<'_>) -> [Argument; 20] {
    let longs = |pick: fn(&Share) -> i64| array(entry.shares.iter().map(pick), pg_sys::INT8OID);
    let ints = |pick: fn(&Share) -> i64| array(entry.shares.iter().map(pick), pg_sys::INT4OID);
    let is_converted = entry.shares.iter().any(|share| share.leg.exchange_rate.is_some());
    let if_converted = |pick: fn(&Share) -> i64| if is_converted { longs(pick) } else { None };
    [
        argument(entry.id),
        argument(entry.at),
        Some(pg_sys::Datum::from(xid)),
        argument(entry.operation_id),
        argument(entry.game_id),
        argument(entry.user_id),
        argument(entry.operator_id),
        argument(entry.game_category),
        argument(entry.currency),
        argument(entry.wager_amount),
        ints(|share| i64::from(share.pool_id)),
        longs(|share| share.leg.display),
        longs(|share| share.leg.reserve),
        ints(|share| share.config_version.min(i64::from(i32::MAX))),
        argument(entry.voids),
        argument(entry.draw_priority),
        if_converted(|share| share.leg.exchange_rate.unwrap_or(ExchangeRate::SCALE)),
        if_converted(|share| share.leg.display_remainder),
        if_converted(|share| share.leg.reserve_remainder),
        argument(entry.metadata),
    ]
}

/// The columns that tell what a row contributed, the indexed one first.
static CONTRIBUTIONS: Names = &[c"id", c"pool_ids", c"display", c"reserve"];

/// What the row of that id gave to each pool; nothing if the active snapshot does not show it.
pub fn contributions(id: i64) -> Vec<(i32, Micros)> {
    let condition = [key(pg_sys::BTEqualStrategyNumber, pg_sys::F_INT8EQ, pg_sys::Datum::from(id))];
    let mut found = Vec::new();
    let parent = Relation::open(relations::current().ledger);
    for partition in partition::holding(&parent, i64::MIN, i64::MAX) {
        index_scan::scan(&partition, CONTRIBUTIONS, &[&condition], |row| {
            let legs = row.array::<i64>(2).into_iter().zip(row.array::<i64>(3));
            let total = |(display, reserve)| Micros::new(i128::from(display) + i128::from(reserve));
            found = row.array::<i32>(1).into_iter().zip(legs.map(total)).collect();
        });
    }
    found
}

/// The highest id that this transaction has appended, or 0.
pub fn own_highest_id() -> i64 {
    OWN.with_borrow(|own| if own.is_current() { own.highest_id } else { 0 })
}

/// The highest id in the active snapshot, or 0.
pub fn highest_id() -> i64 {
    HIGHEST_ID.with(|statement| statement.read(&[]).first().map_or(0, |row| row.need(1)))
}

/// The highest id handed out by now, whether its row is visible or not.
pub fn last_id() -> i64 {
    LAST_ID.with(|statement| statement.read(&[]).first().map_or(0, |row| row.need(1)))
}
