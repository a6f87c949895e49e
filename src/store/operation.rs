//! Idempotency: of all calls with one `operation_id` exactly one applies, the others get its
//! result.

use crate::store::ledger::Share;
use crate::store::lock;
use crate::store::mark::now;
use crate::store::snapshot::Active;
use crate::store::statement::{argument, statements};
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
    /// A contribution's rows: pool, micros, and what the pool then held.
    pub lines: Vec<(i32, i64, Option<i64>, Option<i64>)>,
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
        SELECT o.fingerprint, o.win_id, o.pool_ids, o.contributions, o.current_amounts, o.versions
          FROM jackpot.operation o WHERE o.operation_id = $1";
    static CLAIM(TEXTOID, BYTEAOID, INT8OID, INT8OID, INT4ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, TIMESTAMPTZOID) = "
        INSERT INTO jackpot.operation
               (operation_id, fingerprint, ledger_id, win_id, pool_ids, contributions, current_amounts, versions, at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT DO NOTHING";
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
        if row.need::<Vec<u8>>(1) != fingerprint.0 {
            return Err(Error::new(
                Token::OperationMismatch,
                format!("operation_id \"{operation_id}\" was used with other arguments"),
                "the same operation_id must come with the same call and arguments",
            )
            .hint("Give each operation an id of its own; repeat it only to repeat the call."));
        }
        let amounts: Vec<Option<i64>> = row.get(5).unwrap_or_default();
        let versions: Vec<Option<i64>> = row.get(6).unwrap_or_default();
        let at = |values: &[Option<i64>], index| values.get(index).copied().flatten();
        let lines = row
            .get::<Vec<i32>>(3)
            .unwrap_or_default()
            .into_iter()
            .zip(row.get::<Vec<i64>>(4).unwrap_or_default())
            .enumerate()
            .map(|(index, (id, micros))| (id, micros, at(&amounts, index), at(&versions, index)))
            .collect();
        Ok(Some(Recorded { win_id: row.get(2), lines }))
    })
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
    let contributions =
        record.shares.iter().map(|share| share.display + share.reserve).collect::<Vec<i64>>();
    let amounts: Vec<i64> = record.after.iter().map(|(amount, _)| *amount).collect();
    let versions: Vec<i64> = record.after.iter().map(|(_, version)| *version).collect();
    let arguments = [
        argument(operation_id),
        argument(fingerprint.0.as_slice()),
        argument(record.ledger_id),
        argument(record.win_id),
        if is_contribution { ids.into_datum() } else { None },
        if is_contribution { contributions.into_datum() } else { None },
        if is_contribution { amounts.into_datum() } else { None },
        if is_contribution { versions.into_datum() } else { None },
        argument(now()),
    ];
    Ok(CLAIM.with(|statement| statement.write(&arguments).count()) == 1)
}
