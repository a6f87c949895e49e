//! Reading a source: each row is checked and mended by the core.

use crate::store::migration::Step;
use crate::store::migration::compare::compare;
use crate::store::migration::findings::Findings;
use crate::store::migration::progress::Progress;
use crate::store::migration::rows::{Waiting, Writer};
use crate::store::migration::source::{Kind, Raw, Source};
use jackpot_core::Error;
use jackpot_core::migration::{self, Fields, Finding, OldPool};
use std::collections::BTreeMap;

/// How many rows are read between two tellings of progress.
const ROWS_BETWEEN_TELLINGS: i64 = 10_000;

/// The source's rows, as they will be taken over, in `jackpot.migration_row`; returns the pools that it
/// names. What it tells of its progress stands as long as what it returns.
pub fn stage(
    migration_id: i64,
    source: &Source,
    findings: &mut Findings,
) -> Result<(Vec<String>, Progress), Error> {
    let fields = source.fields()?;
    let counts = (0, source.count());
    let progress = Progress::begin(migration_id, source.relation(), Step::Read, counts);
    let mut stage = Stage::new(migration_id, &fields, findings);
    let mut rows = 0;
    source.each(&fields, |raw| {
        stage.take(&raw);
        rows += 1;
        if rows % ROWS_BETWEEN_TELLINGS == 0 {
            progress.advance(rows);
        }
    })?;
    let pools = stage.finish();
    compare(migration_id, &pools, source, findings)?;
    Ok((pools, progress))
}

struct Stage<'a> {
    fields: &'a Fields,
    findings: &'a mut Findings,
    writer: Writer,
    pools: BTreeMap<String, (OldPool, String)>,
    /// In the order in which they came.
    order: Vec<String>,
    number: i64,
}

impl<'a> Stage<'a> {
    fn new(migration_id: i64, fields: &'a Fields, findings: &'a mut Findings) -> Self {
        Stage {
            fields,
            findings,
            writer: Writer::new(migration_id),
            pools: BTreeMap::new(),
            order: Vec::new(),
            number: 0,
        }
    }

    fn take(&mut self, raw: &Raw<'_>) {
        let number = self.number;
        self.number += 1;
        let label = || raw.label.clone();
        let Some(row) = raw.row else {
            let finding = Finding::wrong(
                "malformed",
                "it is no JSON object, or nested deeper than 127 levels",
                "left out",
            );
            return self.findings.add(&raw.label, finding);
        };
        let note = |findings: &mut Findings, found: Vec<Finding>| {
            found.into_iter().for_each(|finding| findings.add(&raw.label, finding));
        };
        match raw.kind {
            Kind::Pool => {
                let (pool, found) = migration::pool(row, self.fields, self.order.len());
                note(self.findings, found);
                if let Some(pool) = pool {
                    self.pool(pool, label());
                }
            }
            Kind::Contribution => {
                let (old, found) = migration::contribution(row, self.fields, raw.of);
                note(self.findings, found);
                if let Some(old) = old {
                    self.writer.write(Waiting::contribution(number, Some(label()), old));
                }
            }
            Kind::Win => {
                let (old, found) = migration::win(row, self.fields, raw.of);
                note(self.findings, found);
                if let Some(old) = old {
                    self.writer.write(Waiting::win(number, Some(label()), old));
                }
            }
            Kind::Void => {
                let (old, found) = migration::void(row, self.fields);
                note(self.findings, found);
                if let Some((operation_id, reason)) = old {
                    self.writer.write(Waiting::void(number, operation_id, reason));
                }
            }
        }
    }

    /// Of pools of one name the one of the highest version stays, then of the highest amount.
    fn pool(&mut self, pool: OldPool, label: String) {
        let rank = |pool: &OldPool| (pool.version, pool.meter);
        let Some((known, known_label)) = self.pools.get_mut(&pool.pool) else {
            self.order.push(pool.pool.clone());
            self.pools.insert(pool.pool.clone(), (pool, label));
            return;
        };
        let (left, left_label, kept) = if rank(&pool) > rank(known) {
            (known.clone(), std::mem::replace(known_label, label.clone()), Some(pool.clone()))
        } else {
            (pool.clone(), label, None)
        };
        let message =
            format!("pool \"{}\" is there twice; this one holds {}", left.pool, left.meter);
        self.findings.add(&left_label, Finding::wrong("duplicate_pool", message, "left out"));
        if let Some(kept) = kept {
            *known = kept;
        }
    }

    fn finish(mut self) -> Vec<String> {
        for (number, name) in self.order.iter().enumerate() {
            if let Some((pool, label)) = self.pools.get(name) {
                self.writer.write(Waiting::pool(number as i64, Some(label.clone()), pool));
            }
        }
        self.writer.flush();
        self.order
    }
}
