//! A migration's steps, one after the other, as far as this call may go.

use crate::store::migration::findings::Findings;
use crate::store::migration::progress::Progress;
use crate::store::migration::{Options, Report, Source, Step, history, pools, stage, wins};
use crate::store::raw_json::RawJson;
use crate::store::session::{self, clock};
use crate::store::settle;
use crate::store::snapshot::Active;
use crate::store::statement::{argument, statements};
use jackpot_core::{Error, Token};
use pgrx::JsonB;
use serde_json::{Value, json};

/// How many wins are taken over at a time: their pools are locked meanwhile.
const WINS_AT_ONCE: i64 = 100;

statements! {
    static BEGIN(TEXTOID, OIDOID, JSONBOID, BOOLOID, BOOLOID, TEXTOID) = "
        INSERT INTO jackpot.migration (source, relation, mapping, repair, paused, state, step, actor, started_at)
        VALUES ($1, $2, $3, $4, $5, 'running', 'validate', $6, pg_catalog.clock_timestamp())
        RETURNING id";
    /// By name, as in a restored database tables have other numbers; unless that table is still there.
    static UNFINISHED(TEXTOID, JSONBOID, OIDOID) = "
        SELECT m.id FROM jackpot.migration m
         WHERE m.source = $1 AND m.mapping = $2 AND m.state = 'running'
           AND (m.relation = $3 OR NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = m.relation)) ORDER BY m.id LIMIT 1 FOR UPDATE";
    static READ_DONE(INT8OID, JSONBOID) = "
        UPDATE jackpot.migration m SET findings = $2, total = l.contributions
          FROM (SELECT pg_catalog.count(*) AS rows, pg_catalog.count(*) FILTER (WHERE r.kind = 'contribution') AS contributions
                  FROM jackpot.migration_row r WHERE r.migration_id = $1) l
         WHERE m.id = $1 RETURNING l.rows";
    static ADVANCE(INT8OID, TEXTOID, INT8OID, INT8OID, INT8OID) = "
        UPDATE jackpot.migration SET step = $2, pools = pools + $3, contributions = contributions + $4, wins = wins + $5 WHERE id = $1";
    static KNOWN(INT8OID) = "
        SELECT m.pools, m.contributions, m.wins, m.done, m.total, m.findings, m.paused
          FROM jackpot.migration m WHERE m.id = $1";
    static BACK_UP(INT8OID) = "UPDATE jackpot.migration SET backup = jackpot.export(false) WHERE id = $1 RETURNING backup";
    static BACKUP(INT8OID) = "SELECT m.backup FROM jackpot.migration m WHERE m.id = $1";
    static LEFT_BESIDE(INT8OID, TEXTARRAYOID) = "DELETE FROM jackpot.migration_row r WHERE r.migration_id = $1 AND r.kind <> ALL ($2)";
    static DROP_KNOWN_POOLS(INT8OID) = "
        DELETE FROM jackpot.migration_row r USING jackpot.pool p WHERE r.migration_id = $1 AND r.kind = 'pool' AND p.pool = r.pools[1]";
    static MADE(INT8OID) = "
        SELECT coalesce(pg_catalog.jsonb_agg(p.pool ORDER BY p.id), '[]')
          FROM jackpot.migration_pool m JOIN jackpot.pool p ON p.id = m.pool_id WHERE m.migration_id = $1";
    static FINISH(INT8OID) = "
        UPDATE jackpot.migration SET state = 'completed', step = 'verify', finished_at = pg_catalog.clock_timestamp() WHERE id = $1";
    static EMPTY(INT8OID) = "DELETE FROM jackpot.migration_row r WHERE r.migration_id = $1";
    static FORGET(INT8OID) = "DELETE FROM jackpot.migration m WHERE m.id = $1";
    static FAILED() = "SELECT c.check_name, c.detail FROM jackpot.failed_checks() c LIMIT 5";
    static CAME_MEANWHILE(INT8OID) = "
        SELECT coalesce(pg_catalog.jsonb_agg(f.value), '[]') FROM jackpot.migration m, pg_catalog.jsonb_array_elements(m.findings) f
         WHERE m.id = $1 AND f.value ->> 'token' = 'came_meanwhile'";
    static UNEXPLAINED(INT8OID) = "
        SELECT p.pool, jackpot.minor_units(pg_catalog.sum(j.display + j.reserve))::pg_catalog.text
          FROM jackpot.migration_pool m JOIN jackpot.pool p ON p.id = m.pool_id
          JOIN jackpot.journal j ON j.pool_id = p.id AND j.kind = 'adjust' AND j.win_id IS NULL
         WHERE m.migration_id = $1 OR m.migration_id = ANY ((SELECT h.history_of FROM jackpot.migration h WHERE h.id = $1)::pg_catalog.int8[])
         GROUP BY p.id, p.pool HAVING pg_catalog.sum(j.display + j.reserve) <> 0 ORDER BY p.id";
}

/// A migration that is under way.
pub struct Migration<'a> {
    id: i64,
    source: &'a Source,
    options: &'a Options,
    paused: bool,
    warnings: Value,
    /// The pools that the source names, where it has been read now.
    named: Vec<String>,
    reports: Vec<Report>,
}

impl<'a> Migration<'a> {
    /// Begins it, or goes on where it was interrupted.
    pub fn run(source: &'a Source, options: &'a Options) -> Result<Vec<Report>, Error> {
        let began = clock();
        let Some(id) = unfinished(source) else { return Migration::begin(source, options) };
        let known = Known::of(id);
        if !Progress::is_known(id) {
            pgrx::notice!("migration {id} of {} goes on", source.name());
        }
        let migration = Migration {
            id,
            source,
            options,
            paused: known.paused,
            warnings: known.findings,
            named: Vec::new(),
            reports: Vec::new(),
        };
        migration.go_on(began)
    }

    /// From the start: keeps what is there, reads and checks.
    fn begin(source: &'a Source, options: &'a Options) -> Result<Vec<Report>, Error> {
        let mapping = match source {
            Source::State(_) => json!({}),
            Source::Table { mapping, .. } => mapping.clone(),
        };
        let arguments = [
            argument(source.name()),
            argument(source.relation()),
            argument(JsonB(mapping)),
            argument(options.repair),
            argument(options.paused),
            argument(session::actor("migrate")),
        ];
        let id = BEGIN.with(|statement| statement.write(&arguments).first().map(|row| row.need(1)));
        let id: i64 = id.unwrap_or_else(|| pgrx::error!("a migration got no number"));
        let mut migration = Migration {
            id,
            source,
            options,
            paused: options.paused,
            warnings: json!([]),
            named: Vec::new(),
            reports: Vec::new(),
        };
        let began = clock();
        if options.backup && migration.wants(Step::Backup) {
            BACK_UP.with(|statement| statement.write(&[argument(id)]));
            migration.report(Step::Backup, "completed", began);
        }
        let began = clock();
        let mut findings = Findings::default();
        let (pools, progress) = stage::stage(id, source, &mut findings)?;
        migration.named = pools;
        migration.warnings = findings.to_json();
        let is_refused = findings.is_wrong() && !options.repair;
        if is_refused {
            if !options.dry_run {
                return Err(findings.refusal());
            }
            migration.report(Step::Read, "refused", began);
            return Ok(migration.reports);
        }
        DROP_KNOWN_POOLS.with(|statement| statement.write(&[argument(id)]));
        let kept = [
            (Step::Pools, "pool"),
            (Step::Contributions, "contribution"),
            (Step::Wins, "win"),
            (Step::Voids, "void"),
        ];
        let kinds: Vec<&str> =
            kept.iter().filter(|(step, _)| migration.wants(*step)).map(|(_, kind)| *kind).collect();
        if kinds.len() < kept.len() {
            LEFT_BESIDE.with(|statement| statement.write(&[argument(id), argument(kinds)]));
        }
        let findings = RawJson::parse(&migration.warnings.to_string());
        let rows: i64 = READ_DONE.with(|statement| {
            let rows = statement.write(&[argument(id), argument(findings)]);
            rows.first().map_or(0, |row| row.need(1))
        });
        if rows == 0 {
            return migration.nothing_to_do(began);
        }
        migration.report(Step::Read, "completed", began);
        if options.max_batches.is_some() && !options.dry_run && Known::of(id).total > 0 {
            // What has been read is worth a commit.
            drop(progress);
            let counts = (0, Known::of(id).total);
            Progress::begin(id, source.relation(), Step::Contributions, counts).leave();
            migration.report(Step::Contributions, "running", clock());
            return Ok(migration.reports);
        }
        drop(progress);
        migration.go_on(clock())
    }

    /// All of it has been taken over before.
    fn nothing_to_do(mut self, began: i64) -> Result<Vec<Report>, Error> {
        let (armed, unarmed) = if self.wants(Step::Triggers) {
            pools::arm(self.id, &self.named)?
        } else {
            (0, Vec::new())
        };
        FORGET.with(|statement| statement.write(&[argument(self.id)]));
        self.reports.clear();
        let wanted: Vec<Step> = Step::ALL.into_iter().filter(|step| self.wants(*step)).collect();
        for step in wanted {
            let took = if step == Step::Read { clock() - began } else { 0 };
            self.reports.push(Report {
                step,
                status: if step == Step::Triggers { of_count(armed) } else { "unchanged" },
                pools: 0,
                contributions: 0,
                wins: 0,
                took,
                warnings: match step {
                    Step::Read => self.warnings.clone(),
                    Step::Triggers => json!(unarmed),
                    _ => json!([]),
                },
                rollback_data: None,
                migration_id: None,
            });
        }
        Ok(self.reports)
    }

    /// From what has been read.
    fn go_on(mut self, mut began: i64) -> Result<Vec<Report>, Error> {
        let before = Known::of(self.id);
        if self.wants(Step::Pools) {
            let pools = pools::take_over(self.id, self.paused)?;
            self.advance(Step::Pools, pools, 0, 0);
            self.report(Step::Pools, of_count(pools), began);
            began = clock();
        }
        if self.wants(Step::Contributions) && !self.contributions(began)? {
            return Ok(self.reports);
        }
        began = clock();
        if self.wants(Step::Wins) {
            if !self.wins(began)? {
                return Ok(self.reports);
            }
            began = clock();
        }
        let now = Known::of(self.id);
        let has_taken = now.done > before.done || now.wins > before.wins;
        if self.options.max_batches.is_some() && !self.options.dry_run && has_taken {
            // What proves the books takes long: it need not hold the pools that were just locked.
            self.report(Step::Verify, "running", began);
            Progress::begin(self.id, self.source.relation(), Step::Verify, (0, 1)).leave();
            return Ok(self.reports);
        }
        if self.wants(Step::Voids) {
            let voids = wins::void(self.id);
            self.report(Step::Voids, of_count(voids), began);
            began = clock();
        }
        if self.wants(Step::Triggers) {
            let (armed, unarmed) = pools::arm(self.id, &self.named)?;
            self.warnings = json!(unarmed);
            self.report(Step::Triggers, of_count(armed), began);
            began = clock();
        }
        let _progress = Progress::begin(self.id, self.source.relation(), Step::Verify, (0, 1));
        FINISH.with(|statement| statement.write(&[argument(self.id)]));
        EMPTY.with(|statement| statement.write(&[argument(self.id)]));
        if self.options.validate && self.wants(Step::Verify) {
            self.verify()?;
            self.report(Step::Verify, "completed", began);
        }
        Ok(self.reports)
    }

    /// Batch by batch; false where there are more than this call may take.
    fn contributions(&mut self, began: i64) -> Result<bool, Error> {
        let known = Known::of(self.id);
        let relation = self.source.relation();
        let counts = (known.done, known.total);
        let progress = Progress::begin(self.id, relation, Step::Contributions, counts);
        let (mut batches, mut new, mut done) = (0, 0, known.done);
        let batch_size = self.options.batch_size;
        while done < known.total {
            if self.options.max_batches.is_some_and(|most| batches >= most) && !self.options.dry_run
            {
                self.report(Step::Contributions, "running", began);
                progress.leave();
                return Ok(false);
            }
            let (taken, kept) = history::take_over(self.id, batch_size)?;
            self.advance(Step::Contributions, 0, kept, 0);
            (batches, new, done) = (batches + 1, new + kept, done + taken.max(1));
            if known.total > batch_size {
                progress.tell(done);
            }
            pgrx::check_for_interrupts!();
        }
        drop(progress);
        if self.options.max_batches.is_some() {
            // What the batches before have left behind.
            settle::settle_if_needed()?;
        }
        self.report(Step::Contributions, of_count(known.contributions + new), began);
        Ok(true)
    }

    /// Some at a time; false where there are more than this call may take.
    fn wins(&mut self, began: i64) -> Result<bool, Error> {
        let mut batches = 0;
        loop {
            let (taken, kept) = wins::take_over(self.id, WINS_AT_ONCE)?;
            self.advance(Step::Wins, 0, 0, kept);
            batches += 1;
            let is_limited = self.options.max_batches.is_some_and(|most| batches >= most);
            if taken == WINS_AT_ONCE && is_limited && !self.options.dry_run {
                self.report(Step::Wins, "running", began);
                return Ok(false);
            }
            if taken < WINS_AT_ONCE {
                self.report(Step::Wins, of_count(Known::of(self.id).wins), began);
                return Ok(true);
            }
            pgrx::check_for_interrupts!();
        }
    }

    fn verify(&mut self) -> Result<(), Error> {
        let failed = FAILED.with(|statement| {
            let mut failed = Vec::new();
            statement.write(&[]).each(|row| {
                failed.push(format!("{}: {}", row.need::<String>(1), row.need::<String>(2)));
            });
            failed
        });
        if !failed.is_empty() {
            return Err(Error::new(
                Token::BooksDiffer,
                format!("migration {} would leave books that do not add up", self.id),
                failed.join("\n"),
            ));
        }
        self.warnings = CAME_MEANWHILE.with(|statement| {
            let rows = statement.write(&[argument(self.id)]);
            rows.first().map_or_else(|| json!([]), |row| row.need::<JsonB>(1).0)
        });
        UNEXPLAINED.with(|statement| {
            statement.write(&[argument(self.id)]).each(|row| {
                let (pool, amount): (String, String) = (row.need(1), row.need(2));
                if let Value::Array(warnings) = &mut self.warnings {
                    let message = format!("{amount} of what \"{pool}\" held are explained by no history that was taken over: its opening adjustment");
                    warnings.push(json!({"row": format!("pools.{pool}"), "token": "not_explained", "message": message}));
                }
            });
        });
        Ok(())
    }

    fn wants(&self, step: Step) -> bool {
        self.options.steps.as_ref().is_none_or(|steps| steps.contains(&step))
            && (self.options.validate || step != Step::Verify)
            && (self.options.backup || step != Step::Backup)
    }

    fn advance(&self, step: Step, pools: i64, contributions: i64, wins: i64) {
        let arguments = [
            argument(self.id),
            argument(step.as_str()),
            argument(pools),
            argument(contributions),
            argument(wins),
        ];
        ADVANCE.with(|statement| statement.write(&arguments));
    }

    fn report(&mut self, step: Step, status: &'static str, began: i64) {
        let known = Known::of(self.id);
        let is_told =
            matches!(step, Step::Read | Step::Triggers | Step::Verify) || status == "running";
        let rollback_data = (step == Step::Backup || step == Step::Pools).then(
            || json!({"migration_id": self.id, "pools": made(self.id), "backup": backup(self.id)}),
        );
        self.reports.push(Report {
            step,
            status: if self.options.dry_run && status != "refused" {
                planned(status)
            } else {
                status
            },
            pools: known.pools,
            contributions: known.contributions,
            wins: known.wins,
            took: clock() - began,
            warnings: if is_told { self.warnings.clone() } else { json!([]) },
            rollback_data,
            migration_id: (!self.options.dry_run).then_some(self.id),
        });
    }
}

fn planned(status: &'static str) -> &'static str {
    if status == "unchanged" { status } else { "planned" }
}

fn of_count(count: i64) -> &'static str {
    if count > 0 { "completed" } else { "unchanged" }
}

/// The migration of the same table, read the same way, that was interrupted.
fn unfinished(source: &Source) -> Option<i64> {
    let Source::Table { relation, name, mapping } = source else { return None };
    let arguments =
        [argument(name.as_str()), argument(JsonB(mapping.clone())), argument(*relation)];
    UNFINISHED.with(|statement| statement.write(&arguments).first().map(|row| row.need(1)))
}

fn made(id: i64) -> Value {
    MADE.with(|statement| {
        let rows = statement.write(&[argument(id)]);
        rows.first().map_or(Value::Null, |row| row.need::<JsonB>(1).0)
    })
}

fn backup(id: i64) -> Value {
    BACKUP.with(|statement| {
        let rows = statement.write(&[argument(id)]);
        rows.first().and_then(|row| row.get::<JsonB>(1)).map_or(Value::Null, |JsonB(backup)| backup)
    })
}

/// What the record says of a migration.
struct Known {
    pools: i64,
    contributions: i64,
    wins: i64,
    /// How many contributions have been looked at.
    done: i64,
    /// How many there are.
    total: i64,
    findings: Value,
    paused: bool,
}

impl Known {
    fn of(id: i64) -> Self {
        let _active = Active::fresh();
        let known = KNOWN.with(|statement| {
            statement.write(&[argument(id)]).first().map(|row| Known {
                pools: row.need(1),
                contributions: row.need(2),
                wins: row.need(3),
                done: row.need(4),
                total: row.need(5),
                findings: row.need::<JsonB>(6).0,
                paused: row.need(7),
            })
        });
        known.unwrap_or_else(|| pgrx::error!("migration {id} is not there"))
    }
}
