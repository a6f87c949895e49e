//! The ledger's monthly partitions, made ahead of time; the default partition takes what has none.

use crate::store::index_scan::Relation;
use crate::store::session::{Patience, clock};
use crate::store::snapshot::Active;
use crate::store::statement::{run, statements};
use crate::store::{relations, subtransaction};
use pgrx::PgSqlErrorCode;
use pgrx::pg_sys;
use std::cell::Cell;

/// How long bets may be held up for the sake of a partition.
const PATIENCE_MILLISECONDS: i32 = 10;
/// How long a backend waits before it looks again.
const MICROSECONDS_BETWEEN_LOOKS: i64 = 60_000_000;

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
    /// Not before this time for this ledger.
    static NEXT_LOOK: Cell<(pg_sys::Oid, i64)> = const { Cell::new((pg_sys::InvalidOid, i64::MIN)) };
}

/// The partitions of the ledger that may hold rows from `since` until `until` (microseconds since
/// 2000): the default one only where the others leave a gap, or where it has ever held any: an old
/// snapshot shows rows there that have been moved since.
pub fn holding(parent: &Relation, since: i64, until: i64) -> Vec<Relation> {
    let mut covered_until = since;
    let mut partitions = partitions(parent);
    // They come in the order of their bounds.
    for partition in partitions.iter().filter(|partition| !partition.is_default) {
        if partition.start <= covered_until {
            covered_until = covered_until.max(partition.end);
        }
    }
    partitions.retain(|partition| match partition.is_default {
        true => covered_until <= until || !Relation::open(partition.oid).is_empty(),
        false => partition.start <= until && partition.end > since,
    });
    partitions.into_iter().map(|partition| Relation::open(partition.oid)).collect()
}

/// All partitions of the ledger.
pub fn all(parent: &Relation) -> Vec<pg_sys::Oid> {
    partitions(parent).into_iter().map(|partition| partition.oid).collect()
}

/// The partition for rows of that moment (microseconds since 2000), the default one where no other
/// is for them.
pub fn containing(parent: &Relation, at: i64) -> Option<pg_sys::Oid> {
    let partitions = partitions(parent);
    let of_its_own = partitions
        .iter()
        .find(|partition| !partition.is_default && partition.start <= at && at < partition.end);
    let partition = of_its_own.or_else(|| partitions.iter().find(|partition| partition.is_default));
    partition.map(|partition| partition.oid)
}

struct Partition {
    oid: pg_sys::Oid,
    is_default: bool,
    start: i64,
    end: i64,
}

/// As PostgreSQL has them described in the open relation, which it keeps up to date.
fn partitions(parent: &Relation) -> Vec<Partition> {
    // SAFETY: the descriptor belongs to the open relation and its arrays have the lengths it
    // states. The ledger is partitioned by one timestamptz column: the partition that a bound's
    // index entry names ends there and begins at the bound before.
    unsafe {
        let description = &*pg_sys::RelationGetPartitionDesc(parent.as_ptr(), false);
        if description.nparts == 0 {
            return Vec::new();
        }
        let bounds = &*description.boundinfo;
        let bound = |position: usize| {
            let is_value = *(*bounds.kind.add(position))
                == pg_sys::PartitionRangeDatumKind::PARTITION_RANGE_DATUM_VALUE;
            is_value.then(|| (*(*bounds.datums.add(position))).value() as i64)
        };
        let mut partitions: Vec<Partition> =
            std::slice::from_raw_parts(description.oids, description.nparts as usize)
                .iter()
                .map(|oid| Partition {
                    oid: *oid,
                    is_default: false,
                    start: i64::MIN,
                    end: i64::MAX,
                })
                .collect();
        let default = usize::try_from(bounds.default_index).ok();
        if let Some(default) = default.and_then(|index| partitions.get_mut(index)) {
            default.is_default = true;
        }
        for position in 0..bounds.ndatums as usize {
            let named = usize::try_from(*bounds.indexes.add(position)).ok();
            if let Some(partition) = named.and_then(|index| partitions.get_mut(index)) {
                partition.start = position.checked_sub(1).and_then(bound).unwrap_or(i64::MIN);
                partition.end = bound(position).unwrap_or(i64::MAX);
            }
        }
        partitions
    }
}

/// Makes the partitions of this month and the next. Where it would hold up bets it is left for
/// later: rows go to the default partition meanwhile. The locks that it takes must not stay with
/// a transaction that goes on: not to be called in one.
pub fn ensure() {
    let ledger = relations::current().ledger;
    let (of, next_look) = NEXT_LOOK.get();
    if of == ledger && clock() < next_look {
        return;
    }
    NEXT_LOOK.set((ledger, clock().saturating_add(MICROSECONDS_BETWEEN_LOOKS)));
    let mut missing: Vec<(String, String, String)> = Vec::new();
    {
        let _active = Active::fresh();
        MISSING.with(|statement| {
            statement.read(&[]).each(|row| missing.push((row.need(1), row.need(2), row.need(3))));
        });
    }
    // Whatever goes wrong here (the default partition is in use, another session was faster, a row
    // of that month has just come to the default partition), a bet must not fail for it. Only a
    // request to stop goes on.
    let expected = |code| {
        !matches!(
            code,
            PgSqlErrorCode::ERRCODE_QUERY_CANCELED | PgSqlErrorCode::ERRCODE_ADMIN_SHUTDOWN
        )
    };
    for (name, from, to) in missing {
        subtransaction::attempt(expected, || {
            let _patience = Patience::limit(PATIENCE_MILLISECONDS);
            // Where a month lies is not the caller's choice.
            run("SET LOCAL default_tablespace = ''");
            run(&format!(
                "CREATE TABLE jackpot.{name} PARTITION OF jackpot.ledger
                     (PRIMARY KEY (id)) FOR VALUES FROM ('{from}') TO ('{to}')"
            ));
            run(&format!("CREATE INDEX {name}_xid_idx ON jackpot.{name} (xid)"));
        });
    }
}
