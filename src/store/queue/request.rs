//! Requests: what was enqueued and is no ledger row yet.

use crate::error::{sqlstate, sqlstate_text};
use crate::store::mark::now;
use crate::store::operation::Fingerprint;
use crate::store::raw_json::RawJson;
use crate::store::snapshot::{self, Active};
use crate::store::statement::{Row, argument, statements};
use jackpot_core::{Error, Token};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::{PgSqlErrorCode, pg_sys};

/// What an entry asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// To contribute; only what was refused before is asked for so.
    Contribution,
    /// To contribute and draw.
    Spin,
    /// To pay a win.
    Win,
    /// To draw for a wager that is in the ledger, or to pay what was drawn.
    Draw,
}

impl Kind {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Contribution => "contribution",
            Kind::Spin => "spin",
            Kind::Win => "win",
            Kind::Draw => "draw",
        }
    }

    /// From its word; 22023 for another.
    pub fn parse(word: &str) -> Result<Self, Error> {
        match word {
            // As the inbox and the batches call it.
            "contribution" | "contribute" => Ok(Kind::Contribution),
            "spin" => Ok(Kind::Spin),
            "win" => Ok(Kind::Win),
            "draw" => Ok(Kind::Draw),
            _ => Err(Error::invalid(
                format!("kind \"{word}\" is not known"),
                "kind is contribute, spin or win",
            )),
        }
    }
}

/// An entry: what is to be done, and when.
pub struct Request<'a> {
    /// The item.
    pub id: i64,
    /// What it asks for.
    pub kind: Kind,
    /// What is higher goes first.
    pub priority: i32,
    /// Not before this time.
    pub due_at: TimestampWithTimeZone,
    /// How often it has been tried before.
    pub attempts: i32,
    /// Who enqueued it.
    pub actor: &'a str,
    /// The arguments as JSON.
    pub payload: RawJson,
}

/// An entry that is to be tried now.
pub struct Due {
    /// Its number.
    pub entry: i64,
    /// The item.
    pub id: i64,
    /// What it asks for.
    pub kind: Kind,
    /// What is higher goes first.
    pub priority: i32,
    /// Not before this time (microseconds since 2000).
    pub due_at: i64,
    /// How often it has been tried before.
    pub attempts: i32,
    /// Who enqueued it.
    pub actor: String,
    /// The arguments as JSON; it lives as long as the memory context in which it was read.
    pub payload: RawJson,
}

/// What became of an entry.
pub enum Outcome<'a> {
    /// It was done: the ledger row and the win that came of it.
    Applied(Option<i64>, Option<i64>),
    /// It failed; a later entry tries again, or it is a dead letter.
    Failed(&'a Failure, bool),
}

/// Why something failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The five characters.
    pub sqlstate: String,
    /// The token, or the SQLSTATE's condition in a word.
    pub token: String,
    /// In words.
    pub message: String,
    /// What more is known.
    pub detail: Option<String>,
    /// Whether another try may succeed.
    pub is_transient: bool,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = sqlstate_text(sqlstate(error.token));
        Failure {
            is_transient: is_transient(&code),
            sqlstate: code,
            token: error.token.as_str().to_owned(),
            message: error.message,
            detail: Some(error.detail),
        }
    }
}

impl From<&pg_sys::panic::ErrorReportWithLevel> for Failure {
    fn from(report: &pg_sys::panic::ErrorReportWithLevel) -> Self {
        let code = sqlstate_text(report.sql_error_code());
        let token = match code.as_str() {
            "55P03" => Token::LockTimeout.as_str(),
            "40001" => Token::VersionConflict.as_str(),
            "40P01" => "deadlock",
            _ => "error",
        };
        Failure {
            is_transient: is_transient(&code),
            sqlstate: code,
            token: token.to_owned(),
            message: report.message().to_owned(),
            detail: report.detail().map(str::to_owned),
        }
    }
}

/// Whether an error is the item's own: not a request to stop.
pub fn is_of_the_item(code: PgSqlErrorCode) -> bool {
    !matches!(
        code,
        PgSqlErrorCode::ERRCODE_QUERY_CANCELED
            | PgSqlErrorCode::ERRCODE_ADMIN_SHUTDOWN
            | PgSqlErrorCode::ERRCODE_CRASH_SHUTDOWN
    )
}

/// Locks not had, conflicts and deadlocks, and want of resources pass.
fn is_transient(sqlstate: &str) -> bool {
    sqlstate == "55P03" || sqlstate.starts_with("40") || sqlstate.starts_with("53")
}

statements! {
    static OTHERS(INT8OID, INT8OID) = "
        SELECT FROM jackpot.request r
         WHERE r.id = $1 AND r.entry <> $2 AND NOT EXISTS (SELECT FROM jackpot.attempt a WHERE a.entry = r.entry) LIMIT 1";
    static INSERT(INT8OID, XID8OID, TIMESTAMPTZOID, TEXTOID, INT4OID, TIMESTAMPTZOID, INT4OID, TEXTOID, JSONBOID) = "
        INSERT INTO jackpot.request (id, xid, at, kind, priority, due_at, attempts, is_first, actor, payload)
        VALUES ($1, $2, $3, $4, $5, $6, $7, false, $8, $9)";
    static INSERT_FIRST(INT8OID, XID8OID, TIMESTAMPTZOID, TEXTOID, INT4OID, TIMESTAMPTZOID, INT4OID, TEXTOID, JSONBOID,
                        TEXTOID, BYTEAOID) = "
        INSERT INTO jackpot.request (id, xid, at, kind, priority, due_at, attempts, is_first, actor, payload, operation_id, fingerprint)
        VALUES ($1, $2, $3, $4, $5, $6, $7, true, $8, $9, $10, $11)
        ON CONFLICT DO NOTHING";
    static FIND(TEXTOID) = "
        SELECT r.id, r.fingerprint FROM jackpot.request r WHERE r.operation_id = $1 AND r.is_first";
    /// Pools, and their cycles, of which something hidden was reached by a spin that waits and was
    /// not voided.
    static REACHED() = "
        SELECT (r.payload ->> 'pool_id')::pg_catalog.int4, (r.payload ->> 'cycle')::pg_catalog.int8
          FROM jackpot.request r
         WHERE r.kind = 'draw' AND r.payload ? 'pool_id' AND r.payload -> 'evidence' = 'null'
           AND NOT EXISTS (SELECT FROM jackpot.attempt a WHERE a.entry = r.entry)
           AND NOT EXISTS (SELECT FROM jackpot.ledger l JOIN jackpot.operation o ON o.operation_id = l.operation_id
                            WHERE l.id = (r.payload ->> 'ledger_id')::pg_catalog.int8 AND o.voided_at IS NOT NULL)";
    /// Draws of a pool that wait or were refused. Of a restored spin the pools are not known.
    static WAITING(INT4OID) = "
        SELECT FROM jackpot.request r
         WHERE r.kind = 'draw' AND coalesce((r.payload ->> 'pool_id')::pg_catalog.int4 = $1, true)
           AND NOT EXISTS (SELECT FROM jackpot.attempt a WHERE a.entry = r.entry)
        UNION ALL
        SELECT FROM jackpot.dead_letter d
         WHERE d.kind = 'draw' AND d.status = 'open' AND coalesce((d.payload ->> 'pool_id')::pg_catalog.int4 = $1, true)";
    static WAKE(INT4OID, XID8OID, TIMESTAMPTZOID) = "
        WITH woken AS (
            SELECT r.* FROM jackpot.request r
             WHERE r.kind = 'draw' AND r.due_at = 'infinity' AND (r.payload ->> 'pool_id')::pg_catalog.int4 = $1
               AND NOT EXISTS (SELECT FROM jackpot.attempt a WHERE a.entry = r.entry)),
        closed AS (
            INSERT INTO jackpot.attempt (entry, id, at, outcome)
            SELECT w.entry, w.id, $3, 'retried' FROM woken w)
        INSERT INTO jackpot.request (id, xid, at, kind, priority, due_at, attempts, is_first, actor, payload)
        SELECT w.id, $2, $3, w.kind, w.priority, $3, w.attempts, false, w.actor, w.payload FROM woken w";
    static TRIED(INT8OID, INT8OID, TIMESTAMPTZOID, TEXTOID, INT8OID, INT8OID, TEXTOID, TEXTOID, TEXTOID) = "
        INSERT INTO jackpot.attempt (entry, id, at, outcome, ledger_id, win_id, sqlstate, token, message)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
}

impl Request<'_> {
    /// Writes it down, to be tried again.
    pub fn insert(&self) {
        INSERT.with(|statement| statement.write(&self.arguments()));
    }

    /// Writes down what a client asks for; false when its operation id stands for a request already.
    pub fn insert_first(&self, operation: Option<(&str, &Fingerprint)>) -> bool {
        let [id, xid, at, kind, priority, due_at, attempts, actor, payload] = self.arguments();
        let arguments = [
            id,
            xid,
            at,
            kind,
            priority,
            due_at,
            attempts,
            actor,
            payload,
            argument(operation.map(|(id, _)| id)),
            argument(operation.map(|(_, fingerprint)| fingerprint.bytes())),
        ];
        INSERT_FIRST.with(|statement| statement.write(&arguments).count()) == 1
    }

    fn arguments(&self) -> [crate::store::statement::Argument; 9] {
        [
            argument(self.id),
            Some(pg_sys::Datum::from(snapshot::own_xid())),
            argument(now()),
            argument(self.kind.as_str()),
            argument(self.priority),
            argument(self.due_at),
            argument(self.attempts),
            argument(self.actor),
            argument(self.payload),
        ]
    }
}

/// The item for which the operation id stands, and its fingerprint, as of now.
pub fn find(operation_id: &str) -> Option<(i64, Vec<u8>)> {
    FIND.with(|statement| {
        let rows = statement.write(&[argument(operation_id)]);
        rows.first().map(|row| (row.need(1), row.need(2)))
    })
}

/// The pools with something hidden that a spin has reached and that waits to be paid, and in which
/// cycle, where that is known.
pub fn reached() -> Vec<(i32, Option<i64>)> {
    let mut pools = Vec::new();
    REACHED.with(|statement| {
        statement.read(&[]).each(|row| pools.push((row.need(1), row.get(2))));
    });
    pools
}

/// Whether a draw of the pool waits, in the active snapshot.
pub fn waits_for(pool_id: i32) -> bool {
    WAITING.with(|statement| statement.read(&[argument(pool_id)]).count()) > 0
}

/// Has the hits tried again that wait for the pool to be resumed; whatever the isolation level, as
/// a hit that waits does not change the pool's row. The pool must be locked.
pub fn wake(pool_id: i32) -> u64 {
    let own_xid = Some(pg_sys::Datum::from(snapshot::own_xid()));
    let _active = Active::latest();
    let arguments = [argument(pool_id), own_xid, argument(now())];
    WAKE.with(|statement| statement.write_on_active_snapshot(&arguments).count())
}

/// Whether another entry of the item waits: a spin that hit two pools may have one for each.
pub fn others_wait(id: i64, entry: i64) -> bool {
    OTHERS.with(|statement| statement.write(&[argument(id), argument(entry)]).count() > 0)
}

/// Writes down what became of an entry.
pub fn tried(entry: i64, id: i64, outcome: &Outcome<'_>) {
    let (word, ledger_id, win_id, failure) = match outcome {
        Outcome::Applied(ledger_id, win_id) => ("applied", *ledger_id, *win_id, None),
        Outcome::Failed(failure, true) => ("retried", None, None, Some(failure)),
        Outcome::Failed(failure, false) => ("failed", None, None, Some(failure)),
    };
    let arguments = [
        argument(entry),
        argument(id),
        argument(now()),
        argument(word),
        argument(ledger_id),
        argument(win_id),
        argument(failure.map(|failure| failure.sqlstate.as_str())),
        argument(failure.map(|failure| failure.token.as_str())),
        argument(failure.map(|failure| failure.message.as_str())),
    ];
    TRIED.with(|statement| statement.write(&arguments));
}

/// When what waits for something else than time is due.
pub fn never() -> TimestampWithTimeZone {
    TimestampWithTimeZone::positive_infinity()
}

impl Due {
    /// From the columns that [`crate::store::queue::window`] selects.
    pub fn read(row: &Row<'_>) -> Result<Self, Error> {
        Ok(Due {
            entry: row.need(1),
            id: row.need(2),
            kind: Kind::parse(&row.need::<String>(3))?,
            priority: row.need(4),
            attempts: row.need(5),
            actor: row.need(6),
            payload: row.need(7),
            due_at: row.need::<TimestampWithTimeZone>(8).into_inner(),
        })
    }
}
