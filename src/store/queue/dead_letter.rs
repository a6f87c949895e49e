//! Dead letters: what was taken in and then refused, kept until somebody decides.

use crate::store::mark::{self, now};
use crate::store::queue::request::{Failure, Kind, Request};
use crate::store::queue::{PRIORITY_OF_CONTRIBUTIONS, announce};
use crate::store::raw_json::RawJson;
use crate::store::statement::{argument, statements};
use crate::store::{ledger, lock, session};
use jackpot_core::{Error, Token};

/// Where a letter came in.
#[derive(Clone, Copy)]
pub enum Source {
    /// By `jackpot.inbox`.
    Inbox,
    /// By the queue.
    Queue,
}

/// What was refused, and why.
pub struct DeadLetter<'a> {
    /// The item.
    pub id: i64,
    /// Where it came in.
    pub source: Source,
    /// What it was to do, in the client's word.
    pub kind: Option<&'a str>,
    /// Its priority.
    pub priority: i32,
    /// The arguments.
    pub payload: RawJson,
    /// How often it was tried.
    pub attempts: i32,
    /// Why it was refused last.
    pub failure: &'a Failure,
}

statements! {
    static WRITE(INT8OID, TIMESTAMPTZOID, TEXTOID, TEXTOID, INT4OID, JSONBOID, INT4OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID) = "
        INSERT INTO jackpot.dead_letter AS d
               (id, at, source, kind, priority, payload, attempts, sqlstate, token, message, detail)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        ON CONFLICT (id) DO UPDATE
           SET at = excluded.at, payload = excluded.payload, attempts = d.attempts + excluded.attempts,
               sqlstate = excluded.sqlstate, token = excluded.token, message = excluded.message,
               detail = excluded.detail, status = 'open', resolved_at = NULL, resolved_by = NULL, reason = NULL
         WHERE d.status = 'requeued'";
    static RESOLVE(INT8OID, TEXTOID, TIMESTAMPTZOID, TEXTOID, TEXTOID) = "
        UPDATE jackpot.dead_letter d SET status = $2, resolved_at = $3, resolved_by = $4, reason = $5
         WHERE d.id = $1 AND d.status = 'open'
        RETURNING d.kind, d.priority, d.payload";
    static STATUS(INT8OID) = "SELECT d.status FROM jackpot.dead_letter d WHERE d.id = $1";
}

impl DeadLetter<'_> {
    /// Keeps it. One that was requeued and is refused again is open once more. Where another letter
    /// has the number, as of a spin with draws in two pools, it gets one of its own.
    pub fn write(&self) {
        if !self.write_as(self.id) {
            self.write_as(ledger::next_id());
        }
    }

    /// Keeps it as one that nobody need decide.
    pub fn write_discarded(&self, reason: &str) {
        if self.write_as(self.id) {
            let by = session::actor("discard");
            let arguments = [
                argument(self.id),
                argument("discarded"),
                argument(now()),
                argument(by),
                argument(reason),
            ];
            RESOLVE.with(|statement| statement.write(&arguments));
        }
    }

    fn write_as(&self, id: i64) -> bool {
        let source = match self.source {
            Source::Inbox => "inbox",
            Source::Queue => "queue",
        };
        let arguments = [
            argument(id),
            argument(now()),
            argument(source),
            argument(self.kind),
            argument(self.priority),
            argument(self.payload),
            argument(self.attempts),
            argument(self.failure.sqlstate.as_str()),
            argument(self.failure.token.as_str()),
            argument(self.failure.message.as_str()),
            argument(self.failure.detail.as_deref()),
        ];
        WRITE.with(|statement| statement.write(&arguments).count()) == 1
    }
}

/// Has an open letter tried again, at once and with all its tries. Repeated it changes nothing.
pub fn requeue(id: i64) -> Result<(), Error> {
    mark::ensure()?;
    lock::pass_gate();
    let actor = session::actor("requeue");
    let Some(letter) = resolve(id, "requeued", &actor, None)? else { return Ok(()) };
    let kind = Kind::parse(letter.kind.as_deref().unwrap_or_default())?;
    Request {
        id,
        kind,
        priority: letter.priority,
        due_at: now(),
        attempts: 0,
        actor: &actor,
        payload: letter.payload,
    }
    .insert();
    announce::enqueued();
    Ok(())
}

/// Closes an open letter for good. Repeated it changes nothing.
pub fn discard(id: i64, reason: &str) -> Result<(), Error> {
    resolve(id, "discarded", &session::actor("discard"), Some(reason)).map(drop)
}

/// What is needed of a letter.
struct Resolved {
    kind: Option<String>,
    priority: i32,
    payload: RawJson,
}

/// Closes an open letter; `None` when that was done before. 42704 for an id without a letter,
/// 55000 when it was closed otherwise.
fn resolve(
    id: i64,
    status: &str,
    actor: &str,
    reason: Option<&str>,
) -> Result<Option<Resolved>, Error> {
    let arguments =
        [argument(id), argument(status), argument(now()), argument(actor), argument(reason)];
    let resolved = RESOLVE.with(|statement| {
        statement.write(&arguments).first().map(|row| Resolved {
            kind: row.get(1),
            priority: row.get(2).unwrap_or(PRIORITY_OF_CONTRIBUTIONS),
            payload: row.need(3),
        })
    });
    if resolved.is_some() {
        return Ok(resolved);
    }
    let known: Option<String> =
        STATUS.with(|statement| statement.write(&[argument(id)]).first().map(|row| row.need(1)));
    match known {
        None => Err(Error::new(
            Token::UnknownItem,
            format!("there is no dead letter {id}"),
            format!("no dead letter has the number {id}"),
        )
        .hint("jackpot.dead_letter lists them.")),
        Some(known) if known == status => Ok(None),
        Some(known) => Err(Error::new(
            Token::ItemState,
            format!("dead letter {id} is not open"),
            format!("it was {known}"),
        )),
    }
}
