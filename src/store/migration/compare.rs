//! The rows of a source against one another and against what is here.

use crate::store::migration::findings::Findings;
use crate::store::migration::rows::DERIVED;
use crate::store::migration::source::Source;
use crate::store::session;
use crate::store::statement::{Statement, argument, statements};
use jackpot_core::Error;
use jackpot_core::migration::Finding;
use pgrx::datum::IntoDatum;
use std::collections::BTreeSet;
use std::thread::LocalKey;

statements! {
    /// The pools of these names that are here, and whether a migration made them.
    static HERE(TEXTARRAYOID) = "
        SELECT p.pool, m.pool_id IS NOT NULL FROM jackpot.pool p LEFT JOIN jackpot.migration_pool m ON m.pool_id = p.id
         WHERE p.pool = ANY ($1)";
    /// A bet may bear the name of a win that is here: then it has one of its own.
    static NAME_BETS(INT8OID) = "
        UPDATE jackpot.migration_row r
           SET operation_id = jackpot.other_name(NULL, r.operation_id)
          FROM jackpot.operation o
         WHERE r.migration_id = $1 AND r.kind = 'contribution' AND o.operation_id = r.operation_id AND o.ledger_id IS NULL AND o.win_ids IS NOT NULL";
    static KNOWN_OTHERWISE(INT8OID) = "
        SELECT coalesce(r.label, r.kind || 's[' || r.number || ']'), r.operation_id
          FROM jackpot.migration_row r
          JOIN jackpot.operation o ON o.operation_id = r.operation_id
          JOIN jackpot.ledger l ON l.id = o.ledger_id
         WHERE r.migration_id = $1 AND r.kind = 'contribution'
           AND (NOT r.pools <@ ARRAY(SELECT p.pool FROM jackpot.pool p WHERE p.id = ANY (l.pool_ids))
                OR r.amount NOT IN (0, l.wager_amount) OR r.game_id NOT IN ('unknown', l.game_id))";
    /// What was taken back must not be explained: what the pool holds is without it.
    static DROP_VOIDED(INT8OID) = "
        DELETE FROM jackpot.migration_row r USING jackpot.migration_row v
         WHERE r.migration_id = $1 AND v.migration_id = $1 AND r.kind = 'contribution' AND v.kind = 'void' AND r.operation_id = v.operation_id
        RETURNING coalesce(r.label, r.kind || 's[' || r.number || ']'), r.operation_id";
    static VOIDED_HERE(INT8OID) = "
        SELECT coalesce(r.label, r.kind || 's[' || r.number || ']'), r.operation_id
          FROM jackpot.migration_row r JOIN jackpot.operation o ON o.operation_id = r.operation_id
         WHERE r.migration_id = $1 AND r.kind = 'void' AND o.voided_at IS NULL ORDER BY r.number";
    static IN_FUTURE(INT8OID) = "
        UPDATE jackpot.migration_row r SET at = 'infinity'
         WHERE r.migration_id = $1 AND r.at <> 'infinity' AND r.at > pg_catalog.now() + '1 day'::pg_catalog.interval
        RETURNING coalesce(r.label, r.kind || 's[' || r.number || ']'), r.operation_id";
    static DIFFERENT(INT8OID) = "
        SELECT coalesce(f.label, f.kind || 's[' || f.number || ']'), f.operation_id
          FROM (SELECT pg_catalog.min(r.number) AS number
                  FROM jackpot.migration_row r WHERE r.migration_id = $1 AND r.kind = 'contribution'
                 GROUP BY r.operation_id
                HAVING pg_catalog.count(*) > 1 AND (pg_catalog.min(r.amount) <> pg_catalog.max(r.amount)
                       OR pg_catalog.min(r.game_id COLLATE \"C\") <> pg_catalog.max(r.game_id COLLATE \"C\")
                       OR pg_catalog.min(r.user_id COLLATE \"C\") <> pg_catalog.max(r.user_id COLLATE \"C\"))) d
          JOIN jackpot.migration_row f ON f.migration_id = $1 AND f.kind = 'contribution' AND f.number = d.number ORDER BY f.number";
    /// What has been taken over already, or has come as a bet.
    static FORGET_KNOWN(INT8OID) = "
        DELETE FROM jackpot.migration_row r USING jackpot.operation o
         WHERE r.migration_id = $1 AND r.kind = 'contribution' AND o.operation_id = r.operation_id
        RETURNING o.voided_at IS NOT NULL";
    /// A win may bear the name of the bet that won it, or of another pool's win: then it has one of its
    /// own here.
    static NAME_WINS(INT8OID) = "
        UPDATE jackpot.migration_row r
           SET operation_id = jackpot.other_name(r.pools[1], r.operation_id)
         WHERE r.migration_id = $1 AND r.kind = 'win'
           AND (EXISTS (SELECT FROM jackpot.operation o WHERE o.operation_id = r.operation_id AND o.ledger_id IS NOT NULL)
                OR EXISTS (SELECT FROM jackpot.operation o JOIN jackpot.win w ON w.id = o.win_ids[1] JOIN jackpot.pool p ON p.id = w.pool_id
                            WHERE o.operation_id = r.operation_id AND o.ledger_id IS NULL AND p.pool <> r.pools[1])
                OR EXISTS (SELECT FROM jackpot.migration_row c
                            WHERE c.migration_id = $1 AND c.operation_id = r.operation_id
                              AND (c.kind = 'contribution' OR c.kind = 'win' AND c.pools <> r.pools AND c.number < r.number)))";
    static FORGET_KNOWN_WINS(INT8OID) = "
        DELETE FROM jackpot.migration_row r USING jackpot.operation o
         WHERE r.migration_id = $1 AND r.kind IN ('win', 'void') AND o.operation_id = r.operation_id
        RETURNING r.kind = 'void'";
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
    /// The rows of one bet, one for each pool, become one; what they should have in common is the first's.
    static JOIN(INT8OID) = "
        WITH many AS (
            SELECT r.operation_id FROM jackpot.migration_row r
             WHERE r.migration_id = $1 AND r.kind = 'contribution' GROUP BY r.operation_id HAVING pg_catalog.count(*) > 1),
        parts AS (
            DELETE FROM jackpot.migration_row r USING many m
             WHERE r.migration_id = $1 AND r.kind = 'contribution' AND r.operation_id = m.operation_id
            RETURNING r.*),
        grouped AS (
            SELECT pg_catalog.min(p.at) AS at, pg_catalog.min(p.number) AS number,
                   pg_catalog.array_agg(u.pool ORDER BY p.number, u.o) AS pools, pg_catalog.array_agg(u.display ORDER BY p.number, u.o) AS display,
                   pg_catalog.array_agg(u.reserve ORDER BY p.number, u.o) AS reserve,
                   (pg_catalog.array_agg(p.data ORDER BY p.number) FILTER (WHERE p.data IS NOT NULL))[1] AS data
              FROM parts p CROSS JOIN LATERAL unnest(p.pools, p.display, p.reserve) WITH ORDINALITY u(pool, display, reserve, o)
             GROUP BY p.operation_id)
        INSERT INTO jackpot.migration_row
               (migration_id, kind, at, number, operation_id, told_id, pools, display, reserve, amount, game_id, user_id, operator_id,
                game_category, currency, data)
        SELECT $1, 'contribution', g.at, g.number, f.operation_id, f.told_id, g.pools, g.display, g.reserve, f.amount, f.game_id,
               f.user_id, f.operator_id, f.game_category, f.currency, g.data
          FROM grouped g JOIN parts f ON f.number = g.number";
    /// Of pools that are here the source may know more by now.
    static AMOUNTS_DIFFER(INT8OID) = "
        SELECT p.pool, jackpot.minor_units(h.meter)::pg_catalog.text, r.data ->> 'meter'
          FROM jackpot.migration_row r JOIN jackpot.pool p ON p.pool = r.pools[1] JOIN jackpot.migration_pool m ON m.pool_id = p.id
          JOIN jackpot.holdings() h ON h.pool_id = p.id
         WHERE r.migration_id = $1 AND r.kind = 'pool' AND (r.data ->> 'meter')::pg_catalog.numeric <> jackpot.minor_units(h.meter) ORDER BY r.number";
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

/// All rows against one another and against what is here.
pub fn compare(
    migration_id: i64,
    pools: &[String],
    source: &Source,
    findings: &mut Findings,
) -> Result<(), Error> {
    let _planned = session::Settings::for_many_rows();
    let id = || [argument(migration_id)];
    let derived = [argument(migration_id), argument(DERIVED)];
    NUMBER_DERIVED.with(|statement| statement.write(&derived));
    note(
        &IN_FUTURE,
        migration_id,
        |operation_id| {
            let message = format!("the moment of \"{operation_id}\" has not come yet");
            Finding::wrong("malformed", message, "taken as unknown")
        },
        findings,
    );
    note(
        &DROP_VOIDED,
        migration_id,
        |operation_id| {
            let message = format!("operation \"{operation_id}\" was voided; left out");
            Finding::notice("operation_voided", message)
        },
        findings,
    );
    NAME_BETS.with(|statement| statement.write(&id()));
    note(
        &KNOWN_OTHERWISE,
        migration_id,
        |operation_id| {
            let message = format!(
                "operation \"{operation_id}\" is here, and did not feed that pool or was another bet; left out"
            );
            Finding::notice("duplicate_operation", message)
        },
        findings,
    );
    note(
        &VOIDED_HERE,
        migration_id,
        |operation_id| {
            let message = format!("operation \"{operation_id}\" is here; jackpot_void() voids it");
            Finding::notice("operation_not_voided", message)
        },
        findings,
    );
    let mut known = Known::default();
    FORGET_KNOWN.with(|statement| {
        statement.write(&id()).each(|row| {
            known.voided += usize::from(row.need::<bool>(1));
            known.contributions += usize::from(!row.need::<bool>(1));
        });
    });
    NAME_WINS.with(|statement| statement.write(&id()));
    FORGET_KNOWN_WINS.with(|statement| {
        statement.write(&id()).each(|row| known.wins += usize::from(!row.need::<bool>(1)));
    });
    known.tell(findings);
    note(
        &FORGET_TWICE,
        migration_id,
        |operation_id| {
            let message = format!("operation \"{operation_id}\" is there twice");
            Finding::wrong("duplicate_operation", message, "left out")
        },
        findings,
    );
    note(
        &DIFFERENT,
        migration_id,
        |operation_id| {
            let message = format!(
                "the rows of \"{operation_id}\" differ in wager, game or user; the first's are taken"
            );
            Finding::notice("rows_differ", message)
        },
        findings,
    );
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
    AMOUNTS_DIFFER.with(|statement| {
        statement.write(&id()).each(|row| {
            let (pool, here, there): (String, String, String) =
                (row.need(1), row.need(2), row.need(3));
            let message =
                format!("pool \"{pool}\" is here and holds {here}, not {there}; left as it is");
            findings.add(&format!("pools.{pool}"), Finding::notice("amount_differs", message));
        });
    });
    drop_unknown(migration_id, pools, findings);
    Ok(())
}

/// What is here already: repeating an import changes nothing.
#[derive(Default)]
struct Known {
    contributions: usize,
    voided: usize,
    wins: usize,
}

impl Known {
    fn tell(&self, findings: &mut Findings) {
        let kinds = [
            ("contributions", self.contributions, "already_here", "are here already; left out"),
            ("contributions", self.voided, "operation_voided", "have been voided here; left out"),
            ("wins", self.wins, "already_here", "are here already; left out"),
        ];
        for (kind, count, token, what) in kinds {
            if count > 0 {
                findings.add(kind, Finding::notice(token, format!("{count} {what}")));
            }
        }
    }
}

/// Adds a finding for each row, by label and operation id, that the statement returns.
fn note(
    statement: &'static LocalKey<Statement>,
    migration_id: i64,
    finding: impl Fn(&str) -> Finding,
    findings: &mut Findings,
) {
    statement.with(|statement| {
        statement.write(&[argument(migration_id)]).each(|row| {
            findings.add(&row.need::<String>(1), finding(&row.need::<String>(2)));
        });
    });
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
