//! Idempotency: of all calls with one `operation_id` exactly one applies, the others get its
//! result.

use crate::shmem::metrics;
use crate::store::index_scan::Names;
use crate::store::mark::now;
use crate::store::snapshot::Active;
use crate::store::statement::{Argument, argument, array, statements};
use crate::store::wager::Line;
use crate::store::{direct_insert, ledger, lock, relations, subtransaction};
use jackpot_core::{Error, Micros, Token};
use pgrx::datum::{IntoDatum, TimestampWithTimeZone};
use pgrx::{PgSqlErrorCode, pg_sys};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// The longest `operation_id`, in characters.
pub const MAX_LENGTH: usize = 200;

/// How long it takes at most to claim an id that nobody else is claiming.
const WITHOUT_WAITING: Duration = Duration::from_millis(2);
/// How long it must take to be counted as waiting: nobody tells, and a busy machine takes its time.
const CERTAINLY_WAITING: Duration = Duration::from_millis(10);
/// What a claim takes among many.
const A_CLAIM: Duration = Duration::from_micros(50);

/// What an operation id stands for: its kind and arguments, hashed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The hash.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Of an operation's kind and arguments, in their order.
    pub fn of(kind: &str, arguments: &[Option<&[u8]>]) -> Self {
        let mut hash = Sha256::new();
        hash.update(kind);
        for argument in arguments {
            match argument {
                Some(argument) => {
                    hash.update([1]);
                    hash.update((argument.len() as u64).to_be_bytes());
                    hash.update(argument);
                }
                None => hash.update([0]),
            }
        }
        Fingerprint(hash.finalize().into())
    }
}

/// The first call's result.
#[derive(Debug)]
pub struct Recorded {
    /// The win, if it was one.
    pub win_id: Option<i64>,
    /// The ledger row, if it was a wager.
    pub ledger_id: Option<i64>,
    /// A wager's rows.
    pub lines: Vec<RecordedLine>,
}

/// What a wager did to one pool.
#[derive(Debug)]
pub struct RecordedLine {
    /// The pool.
    pub pool_id: i32,
    /// What it got.
    pub contribution: Micros,
    /// What was payable then.
    pub current_amount: Option<i64>,
    /// The pool's version then.
    pub version: Option<i64>,
    /// The win's number and amount, of a spin that hit.
    pub won: Option<(i64, i64)>,
}

/// What a new operation records of itself.
#[derive(Clone, Copy, Default)]
pub struct Record<'a> {
    /// The ledger row, of a wager.
    pub ledger_id: Option<i64>,
    /// The win, of a win.
    pub win_id: Option<i64>,
    /// What each pool held then: current_amount and version; empty where that is not told.
    pub after: &'a [(i64, i64)],
}

/// An operation that wants its id.
pub struct Claim<'a> {
    /// The id.
    pub operation_id: &'a str,
    /// What it stands for.
    pub fingerprint: &'a Fingerprint,
    /// What is recorded with it.
    pub record: Record<'a>,
}

/// What became of a claim: `None` when the id is this operation's now, else the first result under
/// it, or why there is none for this operation.
pub type Claimed = Option<Result<Recorded, Error>>;

statements! {
    static FIND(TEXTOID) = "
        SELECT o.fingerprint, o.win_ids, o.current_amounts, o.versions, o.voided_at IS NOT NULL, o.ledger_id
          FROM jackpot.operation o WHERE o.operation_id = $1";
    static WIN_AMOUNT(INT8OID) = "SELECT w.win_amount FROM jackpot.win w WHERE w.id = $1";
    static CLAIM(TEXTOID, TIMESTAMPTZOID, BYTEAOID, INT8OID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID) = "
        INSERT INTO jackpot.operation
               (operation_id, at, fingerprint, ledger_id, win_ids, current_amounts, versions)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT DO NOTHING";
    static COMPLETE(TEXTOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID) = "
        UPDATE jackpot.operation o
           SET current_amounts = $2, versions = $3, win_ids = $4
         WHERE o.operation_id = $1";
    static KEEP(TEXTOID) = "SELECT FROM jackpot.operation o WHERE o.operation_id = $1 FOR SHARE";
    static RELEASE(TEXTOID) = "DELETE FROM jackpot.operation o WHERE o.operation_id = $1";
}

/// The columns of a claim in the order of its arguments, and the one that it leaves empty.
static COLUMNS: Names = &[
    c"operation_id",
    c"at",
    c"fingerprint",
    c"ledger_id",
    c"win_ids",
    c"current_amounts",
    c"versions",
    c"voided_at",
];

/// 22023 for an id that is empty or longer than 200 characters.
pub fn check(operation_id: Option<&str>) -> Result<(), Error> {
    match operation_id.map(|id| id.chars().count()) {
        Some(0) => {
            Err(Error::invalid("operation_id is empty", "leave it out or name the operation"))
        }
        Some(length) if length > MAX_LENGTH => Err(Error::invalid(
            "operation_id is too long",
            format!("{length} characters, {MAX_LENGTH} are allowed"),
        )),
        _ => Ok(()),
    }
}

/// The first result under that id, if there is one by now; 23505 when it had other arguments.
pub fn find(operation_id: &str, fingerprint: &Fingerprint) -> Result<Option<Recorded>, Error> {
    let _active = Active::fresh();
    FIND.with(|statement| {
        let rows = statement.read(&[argument(operation_id)]);
        let Some(row) = rows.first() else { return Ok(None) };
        if row.need(5) {
            return Err(voided(operation_id));
        }
        if row.need::<Vec<u8>>(1) != fingerprint.0 {
            return Err(mismatch(operation_id));
        }
        let list = |column| row.get::<Vec<Option<i64>>>(column).unwrap_or_default();
        let at = |values: &[Option<i64>], index| values.get(index).copied().flatten();
        let (win_ids, amounts, versions) = (list(2), list(3), list(4));
        let Some(ledger_id) = row.get(6) else {
            let win_id = at(&win_ids, 0);
            return Ok(Some(Recorded { win_id, ledger_id: None, lines: Vec::new() }));
        };
        // Of a row that was archived it is only known that it was applied.
        let lines = ledger::contributions(ledger_id)
            .into_iter()
            .enumerate()
            .map(|(index, (pool_id, contribution))| RecordedLine {
                pool_id,
                contribution,
                current_amount: at(&amounts, index),
                version: at(&versions, index),
                won: at(&win_ids, index).map(|win_id| (win_id, win_amount(win_id))),
            })
            .collect();
        Ok(Some(Recorded { win_id: None, ledger_id: Some(ledger_id), lines }))
    })
}

/// What is told whoever uses an id for another operation (23505).
pub fn mismatch(operation_id: &str) -> Error {
    Error::new(
        Token::OperationMismatch,
        format!("operation_id \"{operation_id}\" was used with other arguments"),
        "the same operation_id must come with the same call and arguments",
    )
    .hint("Give each operation an id of its own; repeat it only to repeat the call.")
}

fn win_amount(win_id: i64) -> i64 {
    WIN_AMOUNT.with(|statement| {
        let rows = statement.read(&[argument(win_id)]);
        rows.first().map_or_else(|| pgrx::error!("win {win_id} is not there"), |row| row.need(1))
    })
}

/// What is told whoever repeats, or brings only now, a wager that was voided (55000).
fn voided(operation_id: &str) -> Error {
    Error::new(
        Token::OperationVoided,
        format!("operation_id \"{operation_id}\" was voided"),
        "a voided wager is not taken",
    )
    .hint("A new wager needs an operation_id of its own.")
}

/// Writes the outcome of a spin that had to lock pools, which stands only after the claim.
pub fn complete(operation_id: &str, lines: &[Line]) {
    let longs = |pick: fn(&Line) -> Option<i64>| {
        let values: Vec<Option<i64>> = lines.iter().map(pick).collect();
        values.into_datum()
    };
    let arguments = [
        argument(operation_id),
        longs(|line| line.current_amount),
        longs(|line| line.version),
        longs(|line| line.won.map(|(win_id, _)| win_id)),
    ];
    COMPLETE.with(|statement| statement.write(&arguments));
}

/// Takes the ids for these operations, which must differ. Waits for other calls that are taking
/// the same; in the order of the ids, so that no two calls wait for each other in a circle. Tells,
/// too, whether it took so long that others must have been waited for.
pub fn claim(claims: &[Claim<'_>]) -> Result<(Vec<Claimed>, bool), Error> {
    let began = Instant::now();
    let claimed = claim_all(claims)?;
    let took = began.elapsed();
    let has_waited = took > WITHOUT_WAITING;
    if took > CERTAINLY_WAITING.saturating_add(A_CLAIM.saturating_mul(claims.len() as u32)) {
        metrics::waited(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), None);
    }
    Ok((claimed, has_waited))
}

fn claim_all(claims: &[Claim<'_>]) -> Result<Vec<Claimed>, Error> {
    let mut order: Vec<(usize, &Claim<'_>)> = claims.iter().enumerate().collect();
    order.sort_unstable_by_key(|(_, claim)| claim.operation_id);
    let mut claimed: Vec<Claimed> = std::iter::repeat_with(|| None).take(claims.len()).collect();
    if claims.len() > 1 && insert_all(&order) {
        return Ok(claimed);
    }
    for (index, claim) in order {
        if let Some(claimed) = claimed.get_mut(index) {
            *claimed = claim_one(claim)?;
        }
    }
    Ok(claimed)
}

/// Keeps others from taking or voiding operations of these ids until this transaction ends: for a
/// call that takes them one after the other, and not in their order. Taken and given back, an id is
/// free for this transaction only.
pub fn hold<'a>(ids: impl Iterator<Item = &'a str>) {
    let ids: BTreeSet<&str> = ids.collect();
    for id in ids {
        let claim = Claim {
            operation_id: id,
            fingerprint: &Fingerprint([0; 32]),
            record: Record::default(),
        };
        if CLAIM.with(|statement| statement.write(&row(&claim, now())).count()) == 1 {
            release(id);
        } else {
            KEEP.with(|statement| statement.write(&[argument(id)]));
        }
    }
}

fn claim_one(claim: &Claim<'_>) -> Result<Claimed, Error> {
    // The other call may have failed and its row be gone between the two steps: then try again.
    lock::retry("operation_id", || {
        let arguments = row(claim, now());
        if CLAIM.with(|statement| statement.write(&arguments).count()) == 1 {
            return Ok(Some(None));
        }
        Ok(find(claim.operation_id, claim.fingerprint).transpose().map(Some))
    })
}

/// Takes all ids at once, or none if one of them is taken already.
fn insert_all(claims: &[(usize, &Claim<'_>)]) -> bool {
    let at = now();
    let is_taken = |code| code == PgSqlErrorCode::ERRCODE_UNIQUE_VIOLATION;
    let inserted = subtransaction::attempt(is_taken, || {
        let rows = claims.iter().map(|(_, claim)| {
            let [id, at, fingerprint, ledger_id, win_ids, amounts, versions] = row(claim, at);
            [id, at, fingerprint, ledger_id, win_ids, amounts, versions, None]
        });
        direct_insert::insert(relations::current().operation, COLUMNS, rows)
    });
    inserted == Some(true)
}

fn row(claim: &Claim<'_>, at: TimestampWithTimeZone) -> [Argument; 7] {
    let Record { ledger_id, win_id, after } = claim.record;
    let longs = |pick: fn(&(i64, i64)) -> i64| {
        if after.is_empty() { None } else { array(after.iter().map(pick), pg_sys::INT8OID) }
    };
    [
        argument(claim.operation_id),
        argument(at),
        argument(claim.fingerprint.0.as_slice()),
        argument(ledger_id),
        win_id.and_then(|win_id| array(std::iter::once(win_id), pg_sys::INT8OID)),
        longs(|(amount, _)| *amount),
        longs(|(_, version)| *version),
    ]
}

/// Gives an id back that this call has just taken, for an operation that was refused.
pub fn release(operation_id: &str) {
    RELEASE.with(|statement| statement.write(&[argument(operation_id)]));
}
