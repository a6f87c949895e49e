//! The ledger's monthly partitions, made ahead of time; the default partition takes what has none.

use crate::store::index_scan::Relation;
use crate::store::session::{Patience, clock};
use crate::store::snapshot::Active;
use crate::store::statement::{run, statements};
use crate::store::subtransaction;
use pgrx::PgSqlErrorCode;
use pgrx::pg_sys;
use std::cell::Cell;

/// How long bets may be held up for the sake of a partition.
const PATIENCE_MILLISECONDS: i32 = 10;
/// How long a backend waits before it looks again.
const MICROSECONDS_BETWEEN_LOOKS: i64 = 60_000_000;
/// How far ahead of the clock a row may be: it was written before the clock stepped back.
const MICROSECONDS_AHEAD: i64 = 3_600_000_000;

statements! {
    /// This month's and the next one's, where they are missing and the default partition does
    /// not hold rows of theirs.
    static MISSING() = "
        SELECT pg_catalog.format('ledger_%s', pg_catalog.to_char(m.start, 'YYYY_MM')),
               m.start::pg_catalog.text || '+00', (m.start + interval '1 month')::pg_catalog.text || '+00'
          FROM (SELECT pg_catalog.date_trunc('month', pg_catalog.clock_timestamp() AT TIME ZONE 'UTC')
                       + ahead * interval '1 month' AS start
                  FROM pg_catalog.generate_series(0, 1) ahead) m
         WHERE pg_catalog.to_regclass('jackpot.ledger_' || pg_catalog.to_char(m.start, 'YYYY_MM')) IS NULL
           AND NOT EXISTS (SELECT FROM jackpot.ledger_default d
                            WHERE d.at >= m.start AT TIME ZONE 'UTC'
                              AND d.at < (m.start + interval '1 month') AT TIME ZONE 'UTC')
         ORDER BY m.start";
}

thread_local! {
    static NEXT_LOOK: Cell<i64> = const { Cell::new(i64::MIN) };
}

/// The partitions of the ledger that may hold rows from `since` on (microseconds since 2000).
pub fn holding(parent: &Relation, since: i64) -> Vec<Relation> {
    // Rows bear the time of their append, so none lies ahead by more than clocks may step back.
    let ahead = clock().saturating_add(MICROSECONDS_AHEAD);
    // SAFETY: the descriptor belongs to the open relation, which PostgreSQL keeps up to date, and
    // its arrays have the lengths it states. The ledger is partitioned by one timestamptz column:
    // the partition that a bound's index entry names ends there and begins at the bound before.
    unsafe {
        let description = &*pg_sys::RelationGetPartitionDesc(parent.as_ptr(), false);
        let count = description.nparts as usize;
        if count == 0 {
            return Vec::new();
        }
        let bounds = &*description.boundinfo;
        let bound = |position: usize| {
            let is_value = *(*bounds.kind.add(position))
                == pg_sys::PartitionRangeDatumKind::PARTITION_RANGE_DATUM_VALUE;
            is_value.then(|| (*(*bounds.datums.add(position))).value() as i64)
        };
        let mut wanted = vec![true; count];
        for position in 0..bounds.ndatums as usize {
            let named = usize::try_from(*bounds.indexes.add(position)).ok();
            if let Some(wanted) = named.and_then(|named| wanted.get_mut(named)) {
                let start = position.checked_sub(1).and_then(bound);
                *wanted = bound(position).is_none_or(|end| end > since)
                    && start.is_none_or(|start| start <= ahead);
            }
        }
        let default = usize::try_from(bounds.default_index).ok();
        std::slice::from_raw_parts(description.oids, count)
            .iter()
            .zip(wanted)
            .enumerate()
            .filter(|(_, (_, wanted))| *wanted)
            .map(|(index, (oid, _))| (index, Relation::open(*oid)))
            .filter(|(index, relation)| Some(*index) != default || !relation.is_empty())
            .map(|(_, relation)| relation)
            .collect()
    }
}

/// Makes the partitions of this month and the next. Where that would hold up bets it is left for
/// later: rows go to the default partition meanwhile.
pub fn ensure() {
    if clock() < NEXT_LOOK.get() {
        return;
    }
    NEXT_LOOK.set(clock().saturating_add(MICROSECONDS_BETWEEN_LOOKS));
    let mut missing: Vec<(String, String, String)> = Vec::new();
    {
        let _active = Active::fresh();
        MISSING.with(|statement| {
            statement.read(&[]).each(|row| missing.push((row.need(1), row.need(2), row.need(3))));
        });
    }
    let expected = [
        PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE,
        // Another session was faster.
        PgSqlErrorCode::ERRCODE_DUPLICATE_TABLE,
        PgSqlErrorCode::ERRCODE_UNIQUE_VIOLATION,
        // A row has come to the default partition meanwhile.
        PgSqlErrorCode::ERRCODE_CHECK_VIOLATION,
    ];
    for (name, from, to) in missing {
        subtransaction::attempt(&expected, || {
            let _patience = Patience::limit(PATIENCE_MILLISECONDS);
            run(&format!(
                "CREATE TABLE jackpot.{name} PARTITION OF jackpot.ledger
                     (PRIMARY KEY (id)) FOR VALUES FROM ('{from}') TO ('{to}')"
            ));
            run(&format!("CREATE INDEX {name}_xid_idx ON jackpot.{name} (xid)"));
        });
    }
}
