//! Idempotency: of all calls with one `operation_id` exactly one applies, the others get its
//! result.

use crate::store::ledger::Share;
use crate::store::lock;
use crate::store::mark::now;
use crate::store::snapshot::Active;
use crate::store::statement::{argument, statements};
use crate::store::wager::Line;
use jackpot_core::{Error, Token};
use pgrx::datum::IntoDatum;
use sha2::{Digest, Sha256};

/// The longest `operation_id`, in characters.
pub const MAX_LENGTH: usize = 200;

/// What an operation id stands for: its kind and arguments, hashed.
pub struct Fingerprint(Vec<u8>);

impl Fingerprint {
    /// Of an operation's kind and arguments, in their order.
    pub fn of(kind: &str, arguments: &[Option<&str>]) -> Self {
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
        Fingerprint(hash.finalize().to_vec())
    }
}

/// The first call's result.
#[derive(Debug)]
pub struct Recorded {
    /// The win, if it was one.
    pub win_id: Option<i64>,
    /// A wager's rows.
    pub lines: Vec<RecordedLine>,
}

/// What a wager did to one pool.
#[derive(Debug)]
pub struct RecordedLine {
    /// The pool.
    pub pool_id: i32,
    /// Micros.
    pub contribution: i64,
    /// What was payable then.
    pub current_amount: Option<i64>,
    /// The pool's version then.
    pub version: Option<i64>,
    /// The win's number and amount, of a spin that hit.
    pub won: Option<(i64, i64)>,
}

/// What a new operation records of itself.
#[derive(Default)]
pub struct Record<'a> {
    /// The ledger row, of a contribution.
    pub ledger_id: Option<i64>,
    /// The win, of a win.
    pub win_id: Option<i64>,
    /// A contribution's shares.
    pub shares: &'a [Share],
    /// What each pool held then: current_amount and version; unknown with totals off.
    pub after: &'a [(i64, i64)],
}

statements! {
    static FIND(TEXTOID) = "
        SELECT o.fingerprint, o.win_ids, o.pool_ids, o.contributions, o.current_amounts, o.versions, o.voided_at IS NOT NULL
          FROM jackpot.operation o WHERE o.operation_id = $1";
    static WIN_AMOUNT(INT8OID) = "SELECT w.win_amount FROM jackpot.win w WHERE w.id = $1";
    static CLAIM(TEXTOID, BYTEAOID, INT8OID, INT8ARRAYOID, INT4ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, TIMESTAMPTZOID) = "
        INSERT INTO jackpot.operation
               (operation_id, fingerprint, ledger_id, win_ids, pool_ids, contributions, current_amounts, versions, at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT DO NOTHING";
    static COMPLETE(TEXTOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID) = "
        UPDATE jackpot.operation o
           SET current_amounts = $2, versions = $3, win_ids = $4
         WHERE o.operation_id = $1";
}

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
        if row.need(7) {
            return Err(voided(operation_id));
        }
        if row.need::<Vec<u8>>(1) != fingerprint.0 {
            return Err(Error::new(
                Token::OperationMismatch,
                format!("operation_id \"{operation_id}\" was used with other arguments"),
                "the same operation_id must come with the same call and arguments",
            )
            .hint("Give each operation an id of its own; repeat it only to repeat the call."));
        }
        let list = |column| row.get::<Vec<Option<i64>>>(column).unwrap_or_default();
        let at = |values: &[Option<i64>], index| values.get(index).copied().flatten();
        let win_ids = list(2);
        let (contributions, amounts, versions) = (list(4), list(5), list(6));
        let pools: Option<Vec<i32>> = row.get(3);
        let win_id = if pools.is_none() { at(&win_ids, 0) } else { None };
        let lines = pools
            .unwrap_or_default()
            .into_iter()
            .enumerate()
            .map(|(index, pool_id)| RecordedLine {
                pool_id,
                contribution: at(&contributions, index).unwrap_or(0),
                current_amount: at(&amounts, index),
                version: at(&versions, index),
                won: at(&win_ids, index).map(|win_id| (win_id, win_amount(win_id))),
            })
            .collect();
        Ok(Some(Recorded { win_id, lines }))
    })
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

/// Takes the id for this operation. `Some` is the first result: another call, finished while this
/// one waited, has it.
pub fn claim(
    operation_id: &str,
    fingerprint: &Fingerprint,
    record: &Record<'_>,
) -> Result<Option<Recorded>, Error> {
    // The other call may have failed and its row be gone between the two steps: then try again.
    lock::retry("operation_id", || {
        if insert(operation_id, fingerprint, record)? {
            return Ok(Some(None));
        }
        Ok(find(operation_id, fingerprint)?.map(Some))
    })
}

fn insert(
    operation_id: &str,
    fingerprint: &Fingerprint,
    record: &Record<'_>,
) -> Result<bool, Error> {
    let is_contribution = record.ledger_id.is_some();
    let ids = record.shares.iter().map(|share| share.pool_id).collect::<Vec<i32>>();
    let contributions = record
        .shares
        .iter()
        .map(|share| share.leg.display + share.leg.reserve)
        .collect::<Vec<i64>>();
    let amounts: Vec<i64> = record.after.iter().map(|(amount, _)| *amount).collect();
    let versions: Vec<i64> = record.after.iter().map(|(_, version)| *version).collect();
    let arguments = [
        argument(operation_id),
        argument(fingerprint.0.as_slice()),
        argument(record.ledger_id),
        record.win_id.and_then(|win_id| vec![win_id].into_datum()),
        if is_contribution { ids.into_datum() } else { None },
        if is_contribution { contributions.into_datum() } else { None },
        if is_contribution { amounts.into_datum() } else { None },
        if is_contribution { versions.into_datum() } else { None },
        argument(now()),
    ];
    Ok(CLAIM.with(|statement| statement.write(&arguments).count()) == 1)
}
