//! Reading a source: each row is checked and mended by the core, then all of them against one
//! another and against what is here.

use crate::store::migration::Step;
use crate::store::migration::findings::Findings;
use crate::store::migration::progress::Progress;
use crate::store::migration::rows::{DERIVED, Waiting, Writer};
use crate::store::migration::source::{Kind, Raw, Source};
use crate::store::session;
use crate::store::statement::{argument, statements};
use jackpot_core::Error;
use jackpot_core::migration::{self, Fields, Finding, OldPool};
use pgrx::datum::IntoDatum;
use std::collections::{BTreeMap, BTreeSet};

/// How many rows are read between two tellings of progress.
const ROWS_BETWEEN_TELLINGS: i64 = 10_000;

statements! {
    /// The pools of these names that are here, and whether a migration made them.
    static HERE(TEXTARRAYOID) = "
        SELECT p.pool, m.pool_id IS NOT NULL FROM jackpot.pool p LEFT JOIN jackpot.migration_pool m ON m.pool_id = p.id
         WHERE p.pool = ANY ($1)";
    /// A bet may bear the name of a win that is here: then it has one of its own.
    static NAME_BETS(INT8OID) = "
        UPDATE jackpot.migration_row r
           SET operation_id = CASE WHEN pg_catalog.length(r.operation_id) > 190 THEN 'bet:' || pg_catalog.md5(r.operation_id) ELSE 'bet:' || r.operation_id END
          FROM jackpot.operation o
         WHERE r.migration_id = $1 AND r.kind = 'contribution' AND o.operation_id = r.operation_id AND o.ledger_id IS NULL AND o.win_ids IS NOT NULL";
    static KNOWN_OTHERWISE(INT8OID) = "
        SELECT coalesce(r.label, r.kind || 's[' || r.number || ']'), r.operation_id
          FROM jackpot.migration_row r
          JOIN jackpot.operation o ON o.operation_id = r.operation_id
          JOIN jackpot.ledger l ON l.id = o.ledger_id
         WHERE r.migration_id = $1 AND r.kind = 'contribution'
           AND NOT r.pools <@ ARRAY(SELECT p.pool FROM jackpot.pool p WHERE p.id = ANY (l.pool_ids))";
    /// What has been taken over already, or has come as a bet.
    static FORGET_KNOWN(INT8OID) = "
        DELETE FROM jackpot.migration_row r USING jackpot.operation o
         WHERE r.migration_id = $1 AND r.kind = 'contribution' AND o.operation_id = r.operation_id";
    /// A win may bear the name of the bet that won it, or of another pool's win: then it has one of its
    /// own here.
    static NAME_WINS(INT8OID) = "
        UPDATE jackpot.migration_row r
           SET operation_id = 'win:' || CASE WHEN pg_catalog.length(r.pools[1] || r.operation_id) > 190
                                             THEN pg_catalog.md5(r.pools[1] || ':' || r.operation_id) ELSE r.pools[1] || ':' || r.operation_id END
         WHERE r.migration_id = $1 AND r.kind = 'win'
           AND (EXISTS (SELECT FROM jackpot.operation o WHERE o.operation_id = r.operation_id AND o.ledger_id IS NOT NULL)
                OR EXISTS (SELECT FROM jackpot.operation o JOIN jackpot.win w ON w.id = o.win_ids[1] JOIN jackpot.pool p ON p.id = w.pool_id
                            WHERE o.operation_id = r.operation_id AND o.ledger_id IS NULL AND p.pool <> r.pools[1])
                OR EXISTS (SELECT FROM jackpot.migration_row c
                            WHERE c.migration_id = $1 AND c.operation_id = r.operation_id
                              AND (c.kind = 'contribution' OR c.kind = 'win' AND c.pools <> r.pools AND c.number < r.number)))";
    static FORGET_KNOWN_WINS(INT8OID) = "
        DELETE FROM jackpot.migration_row r USING jackpot.operation o
         WHERE r.migration_id = $1 AND r.kind IN ('win', 'void') AND o.operation_id = r.operation_id";
    /// The same bet twice for the same pool, or the same win; the first stays. What had no name may
    /// be there twice: it gets a number.
    static NUMBER_DERIVED(INT8OID, TEXTOID) = "
        UPDATE jackpot.migration_row r SET operation_id = r.operation_id || ':' || n.n
          FROM (SELECT d.kind, d.at, d.number, pg_catalog.row_number() OVER (PARTITION BY d.kind, d.operation_id ORDER BY d.number) AS n
                  FROM jackpot.migration_row d WHERE d.migration_id = $1 AND pg_catalog.starts_with(d.operation_id, $2)) n
         WHERE r.migration_id = $1 AND r.kind = n.kind AND r.at = n.at AND r.number = n.number AND n.n > 1";
    static FORGET_TWICE(INT8OID) = "
        WITH twice AS (
            SELECT t.kind, t.at, t.number
              FROM (SELECT r.kind, r.at, r.number,
                           pg_catalog.row_number() OVER (PARTITION BY r.kind, r.operation_id, CASE WHEN r.kind = 'win' THEN NULL ELSE u.pool END ORDER BY r.number) AS n
                      FROM jackpot.migration_row r CROSS JOIN LATERAL unnest(coalesce(r.pools, '{NULL}')) u(pool)
                     WHERE r.migration_id = $1 AND r.kind IN ('contribution', 'win', 'void')) t
             WHERE t.n > 1 GROUP BY t.kind, t.at, t.number)
        DELETE FROM jackpot.migration_row r USING twice t
         WHERE r.migration_id = $1 AND r.kind = t.kind AND r.at = t.at AND r.number = t.number
        RETURNING coalesce(r.label, r.kind || 's[' || r.number || ']'), r.operation_id";
    /// The rows of one bet, one for each pool, become one.
    static JOIN(INT8OID) = "
        WITH many AS (
            SELECT r.operation_id FROM jackpot.migration_row r
             WHERE r.migration_id = $1 AND r.kind = 'contribution' GROUP BY r.operation_id HAVING pg_catalog.count(*) > 1),
        parts AS (
            DELETE FROM jackpot.migration_row r USING many m
             WHERE r.migration_id = $1 AND r.kind = 'contribution' AND r.operation_id = m.operation_id
            RETURNING r.*)
        INSERT INTO jackpot.migration_row
               (migration_id, kind, at, number, operation_id, pools, display, reserve, amount, game_id, user_id, operator_id,
                game_category, currency, data)
        SELECT $1, 'contribution', pg_catalog.min(p.at), pg_catalog.min(p.number), p.operation_id,
               pg_catalog.array_agg(u.pool ORDER BY p.number, u.o), pg_catalog.array_agg(u.display ORDER BY p.number, u.o),
               pg_catalog.array_agg(u.reserve ORDER BY p.number, u.o), pg_catalog.max(p.amount), pg_catalog.min(p.game_id),
               pg_catalog.min(p.user_id), pg_catalog.min(p.operator_id), pg_catalog.min(p.game_category), pg_catalog.min(p.currency),
               (pg_catalog.array_agg(p.data ORDER BY p.number) FILTER (WHERE p.data IS NOT NULL))[1]
          FROM parts p CROSS JOIN LATERAL unnest(p.pools, p.display, p.reserve) WITH ORDINALITY u(pool, display, reserve, o)
         GROUP BY p.operation_id";
    static POOLS(INT8OID) = "
        SELECT DISTINCT u.pool FROM jackpot.migration_row r CROSS JOIN LATERAL unnest(r.pools) u(pool)
         WHERE r.migration_id = $1 AND r.kind IN ('contribution', 'win')";
    /// What goes to pools that there are none of is left out: a row, or one of its shares.
    static OF_UNKNOWN(INT8OID, TEXTARRAYOID) = "
        SELECT coalesce(r.label, r.kind || 's[' || r.number || ']'), u.pool
          FROM jackpot.migration_row r CROSS JOIN LATERAL unnest(r.pools) u(pool)
         WHERE r.migration_id = $1 AND r.kind IN ('contribution', 'win') AND u.pool = ANY ($2) ORDER BY r.kind, r.number";
    static DROP_UNKNOWN(INT8OID, TEXTARRAYOID) = "
        UPDATE jackpot.migration_row r SET (pools, display, reserve) = (
               SELECT pg_catalog.array_agg(u.pool ORDER BY u.o), pg_catalog.array_agg(u.display ORDER BY u.o), pg_catalog.array_agg(u.reserve ORDER BY u.o)
                 FROM unnest(r.pools, r.display, r.reserve) WITH ORDINALITY u(pool, display, reserve, o) WHERE u.pool <> ALL ($2))
         WHERE r.migration_id = $1 AND r.kind IN ('contribution', 'win') AND r.pools && $2";
    static DROP_EMPTY(INT8OID) = "
        DELETE FROM jackpot.migration_row r WHERE r.migration_id = $1 AND r.kind IN ('contribution', 'win') AND r.pools IS NULL";
}

/// The source's rows, as they will be taken over, in `jackpot.migration_row`. What it tells of its
/// progress stands as long as what it returns.
pub fn stage(
    migration_id: i64,
    source: &Source,
    findings: &mut Findings,
) -> Result<Progress, Error> {
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
    Ok(progress)
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
            let finding = Finding::wrong("malformed", "it is no JSON object", "left out");
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

/// All rows against one another and against what is here.
fn compare(
    migration_id: i64,
    pools: &[String],
    source: &Source,
    findings: &mut Findings,
) -> Result<(), Error> {
    let _planned = session::ForManyRows::begin();
    let id = || [argument(migration_id)];
    let derived = [argument(migration_id), argument(DERIVED)];
    NUMBER_DERIVED.with(|statement| statement.write(&derived));
    NAME_BETS.with(|statement| statement.write(&id()));
    KNOWN_OTHERWISE.with(|statement| {
        statement.write(&id()).each(|row| {
            let (label, operation_id): (String, String) = (row.need(1), row.need(2));
            let message = format!(
                "operation \"{operation_id}\" is here, and did not feed that pool; left out"
            );
            findings.add(&label, Finding::notice("duplicate_operation", message));
        });
    });
    for statement in [&FORGET_KNOWN, &NAME_WINS] {
        statement.with(|statement| statement.write(&id()));
    }
    FORGET_KNOWN_WINS.with(|statement| statement.write(&id()));
    FORGET_TWICE.with(|statement| {
        statement.write(&id()).each(|row| {
            let (label, operation_id): (String, String) = (row.need(1), row.need(2));
            let message = format!("operation \"{operation_id}\" is there twice");
            findings.add(&label, Finding::wrong("duplicate_operation", message, "left out"));
        });
    });
    JOIN.with(|statement| statement.write(&id()));
    let is_state_of_old_service = matches!(source, Source::State(_)) && !pools.is_empty();
    if is_state_of_old_service {
        for group in ["minor", "major", "mega"] {
            let is_there = pools.iter().any(|pool| pool.eq_ignore_ascii_case(group));
            if !is_there && pools.iter().any(|pool| is_usual(pool)) {
                let message = format!("there is no pool \"{group}\"");
                findings.add("pools", Finding::notice("missing_pool", message));
            }
        }
    }
    refuse_others(pools, findings);
    drop_unknown(migration_id, pools, findings);
    Ok(())
}

fn is_usual(pool: &str) -> bool {
    ["minor", "major", "mega"].iter().any(|group| pool.eq_ignore_ascii_case(group))
}

/// Pools that are here and that no migration made.
fn refuse_others(pools: &[String], findings: &mut Findings) {
    HERE.with(|statement| {
        statement.write(&[pools.to_vec().into_datum()]).each(|row| {
            let (pool, is_migrated): (String, bool) = (row.need(1), row.need(2));
            if !is_migrated {
                let message = format!("pool \"{pool}\" exists and was not migrated");
                let repair = "left as it is: rename the old one, or retire this one";
                findings
                    .add(&format!("pools.{pool}"), Finding::wrong("pool_exists", message, repair));
            }
        });
    });
}

/// History of pools that are neither here by a migration nor will be.
fn drop_unknown(migration_id: i64, pools: &[String], findings: &mut Findings) {
    let mut unknown: BTreeSet<String> = BTreeSet::new();
    POOLS.with(|statement| {
        statement.write(&[argument(migration_id)]).each(|row| {
            unknown.insert(row.need(1));
        });
    });
    let named: Vec<String> = unknown.iter().cloned().collect();
    let mut foreign: BTreeSet<String> = BTreeSet::new();
    let mut migrated: BTreeSet<String> = BTreeSet::new();
    HERE.with(|statement| {
        statement.write(&[named.into_datum()]).each(|row| {
            if row.need(2) {
                migrated.insert(row.need(1))
            } else {
                foreign.insert(row.need(1))
            };
        });
    });
    let is_coming = |pool: &String| pools.contains(pool) && !foreign.contains(pool);
    unknown.retain(|pool| !migrated.contains(pool) && !is_coming(pool));
    if unknown.is_empty() {
        return;
    }
    let unknown: Vec<String> = unknown.into_iter().collect();
    let arguments = || [argument(migration_id), unknown.clone().into_datum()];
    OF_UNKNOWN.with(|statement| {
        statement.write(&arguments()).each(|row| {
            let (label, pool): (String, String) = (row.need(1), row.need(2));
            let message = match foreign.contains(&pool) {
                true => format!("pool \"{pool}\" was not migrated, and takes no history"),
                false => format!("there is no pool \"{pool}\""),
            };
            findings.add(&label, Finding::wrong("unknown_pool", message, "left out"));
        });
    });
    DROP_UNKNOWN.with(|statement| statement.write(&arguments()));
    DROP_EMPTY.with(|statement| statement.write(&[argument(migration_id)]));
}
