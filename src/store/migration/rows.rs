//! Rows that have been read and wait to be taken over: `jackpot.migration_row`.

use crate::store::direct_insert;
use crate::store::index_scan::Names;
use crate::store::raw_json::RawJson;
use crate::store::session::{since_2000, timestamp};
use crate::store::statement::{Argument, argument, array, statements};
use jackpot_core::Micros;
use jackpot_core::migration::{OldContribution, OldPool, OldShare, OldWin};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// How many are written at a time.
const AT_ONCE: usize = 5_000;

/// Operations that the other system gave no name have one that begins so.
pub const DERIVED: &str = "migrated:";

statements! {
    static TABLE() = "SELECT 'jackpot.migration_row'::pg_catalog.regclass::pg_catalog.oid";
}

static COLUMNS: Names = &[
    c"migration_id",
    c"kind",
    c"at",
    c"number",
    c"label",
    c"operation_id",
    c"told_id",
    c"pools",
    c"display",
    c"reserve",
    c"amount",
    c"game_id",
    c"user_id",
    c"operator_id",
    c"game_category",
    c"currency",
    c"data",
    c"is_pending",
];

/// A row that is to be taken over.
pub struct Waiting {
    kind: &'static str,
    at: i64,
    number: i64,
    label: Option<String>,
    operation_id: Option<String>,
    told_id: Option<String>,
    pools: Vec<String>,
    display: Vec<i64>,
    reserve: Vec<i64>,
    amount: i64,
    game_id: String,
    user_id: Option<String>,
    operator_id: Option<String>,
    game_category: Option<String>,
    currency: Option<String>,
    data: Option<Value>,
    is_pending: bool,
}

impl Waiting {
    /// A pool.
    pub fn pool(number: i64, label: Option<String>, pool: &OldPool) -> Self {
        let data = json!({
            "pool": pool.pool, "config": pool.config.to_json(), "meter": pool.meter.to_string(),
            "reserve": pool.reserve.to_string(), "version": pool.version,
            "status": pool.status.as_str(),
        });
        Waiting { pools: vec![pool.pool.clone()], data: Some(data), ..empty("pool", number, label) }
    }

    /// A contribution.
    pub fn contribution(number: i64, label: Option<String>, old: OldContribution) -> Self {
        let at = old.at.map_or(i64::MAX, since_2000);
        let operation_id = old.operation_id.clone().unwrap_or_else(|| {
            let shares: Vec<String> = old.shares.iter().map(described).collect();
            derived(&[
                Some("contribution"),
                old.id.as_deref(),
                Some(&old.game_id),
                old.user_id.as_deref(),
                old.operator_id.as_deref(),
                Some(&old.wager_amount.to_string()),
                Some(&at.to_string()),
                Some(&shares.join(" ")),
            ])
        });
        let bigint = |amount: Micros| amount.bigint().unwrap_or_default();
        Waiting {
            at,
            operation_id: Some(operation_id),
            told_id: old.operation_id,
            pools: old.shares.iter().map(|share| share.pool.clone()).collect(),
            display: old.shares.iter().map(|share| bigint(share.display)).collect(),
            reserve: old.shares.iter().map(|share| bigint(share.reserve)).collect(),
            amount: old.wager_amount,
            game_id: old.game_id,
            user_id: old.user_id,
            operator_id: old.operator_id,
            game_category: old.game_category,
            currency: old.currency,
            data: old.metadata,
            ..empty("contribution", number, label)
        }
    }

    /// A win.
    pub fn win(number: i64, label: Option<String>, old: OldWin) -> Self {
        let at = old.at.map_or(i64::MAX, since_2000);
        let operation_id = old.operation_id.clone().unwrap_or_else(|| {
            derived(&[
                Some("win"),
                old.id.as_deref(),
                Some(&old.pool),
                Some(&old.game_id),
                old.user_id.as_deref(),
                Some(&old.win_amount.to_string()),
                Some(&at.to_string()),
            ])
        });
        Waiting {
            at,
            operation_id: Some(operation_id),
            told_id: old.operation_id,
            pools: vec![old.pool],
            amount: old.win_amount,
            game_id: old.game_id,
            user_id: old.user_id,
            data: old.metadata,
            is_pending: old.is_pending,
            ..empty("win", number, label)
        }
    }

    /// An operation that was voided.
    pub fn void(number: i64, operation_id: String, reason: Option<String>) -> Self {
        let data = reason.map(Value::from);
        Waiting { operation_id: Some(operation_id), data, ..empty("void", number, None) }
    }

    fn arguments(&self, migration_id: i64) -> [Argument; 18] {
        let longs = |values: &[i64]| match values {
            [] => None,
            values => array(values.iter().copied(), pg_sys::INT8OID),
        };
        let data = self.data.as_ref().map(|data| RawJson::parse(&data.to_string()));
        [
            argument(migration_id),
            argument(self.kind),
            argument(moment(self.at)),
            argument(self.number),
            argument(self.label.as_deref()),
            argument(self.operation_id.as_deref()),
            argument(self.told_id.as_deref()),
            argument((!self.pools.is_empty()).then(|| self.pools.clone())),
            longs(&self.display),
            longs(&self.reserve),
            argument(self.amount),
            argument(self.game_id.as_str()),
            argument(self.user_id.as_deref()),
            argument(self.operator_id.as_deref()),
            argument(self.game_category.as_deref()),
            argument(self.currency.as_deref()),
            argument(data),
            argument(self.is_pending),
        ]
    }
}

fn empty(kind: &'static str, number: i64, label: Option<String>) -> Waiting {
    Waiting {
        kind,
        at: i64::MAX,
        number,
        label,
        operation_id: None,
        told_id: None,
        pools: Vec::new(),
        display: Vec::new(),
        reserve: Vec::new(),
        amount: 0,
        game_id: String::new(),
        user_id: None,
        operator_id: None,
        game_category: None,
        currency: None,
        data: None,
        is_pending: false,
    }
}

fn described(share: &OldShare) -> String {
    format!("{}={}+{}", share.pool, share.display, share.reserve)
}

/// A name that is the same whenever the same row is read.
fn derived(parts: &[Option<&str>]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.map_or(-1, |part| part.len() as i64).to_be_bytes());
        hash.update(part.unwrap_or_default());
    }
    let bytes = hash.finalize();
    let hex: String = bytes.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{DERIVED}{hex}")
}

/// A moment; infinity where it is not known.
fn moment(at: i64) -> TimestampWithTimeZone {
    TimestampWithTimeZone::try_from(at)
        .unwrap_or_else(|_| TimestampWithTimeZone::positive_infinity())
}

/// The moment as history tells it; `None` where it is not known.
pub fn told(at: TimestampWithTimeZone) -> Option<String> {
    (at.into_inner() != i64::MAX).then(|| format!("{:.6}", timestamp(at)))
}

/// Writes rows some at a time.
pub struct Writer {
    migration_id: i64,
    waiting: Vec<Waiting>,
}

impl Writer {
    /// Of a migration.
    pub fn new(migration_id: i64) -> Self {
        Writer { migration_id, waiting: Vec::new() }
    }

    /// One row more.
    pub fn write(&mut self, row: Waiting) {
        self.waiting.push(row);
        if self.waiting.len() >= AT_ONCE {
            self.flush();
        }
    }

    /// What has not been written yet.
    pub fn flush(&mut self) {
        let rows = std::mem::take(&mut self.waiting);
        let table = TABLE.with(|statement| statement.read(&[]).first().map(|row| row.need(1)));
        let table = table.unwrap_or_else(|| pgrx::error!("there is no jackpot.migration_row"));
        let arguments = rows.iter().map(|row| row.arguments(self.migration_id));
        if !direct_insert::insert(table, COLUMNS, arguments) {
            pgrx::error!("jackpot.migration_row has other columns, or triggers");
        }
    }
}
