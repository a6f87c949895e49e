//! The names under which bets and wins are taken over. The other system may have called a win what it
//! called the bet that won it, or the wins of two pools alike; here each operation has a name of its own.

use crate::store::operation::{self, Claim, Fingerprint, Record};
use crate::store::statement::statements;
use jackpot_core::Error;
use pgrx::datum::IntoDatum;
use std::collections::BTreeMap;

statements! {
    static HOLDERS(TEXTARRAYOID) = "
        SELECT o.operation_id, o.ledger_id IS NOT NULL, p.pool
          FROM jackpot.operation o LEFT JOIN jackpot.win w ON w.id = o.win_ids[1] LEFT JOIN jackpot.pool p ON p.id = w.pool_id
         WHERE o.operation_id = ANY ($1)";
    static OTHER_NAME(TEXTOID, TEXTOID) = "SELECT jackpot.other_name($1, $2)";
}

/// An operation that is taken over.
pub trait Named {
    /// Its name here.
    fn name(&self) -> &str;
    /// Gives it another.
    fn rename(&mut self, name: String);
    /// What it stands for.
    fn fingerprint(&self) -> &Fingerprint;
    /// What is recorded with it.
    fn record(&self) -> Record<'static>;
    /// The pool, of a win.
    fn pool_of_win(&self) -> Option<&str>;
}

/// Takes their names, or other names where those are another kind's or another pool's. Tells of each
/// whether it is new here.
pub fn claim(all: &mut [impl Named]) -> Result<Vec<bool>, Error> {
    let mut is_new = claim_once(all.iter())?;
    let refused = |is_new: &[bool]| -> Vec<usize> {
        is_new.iter().enumerate().filter(|(_, is_new)| !**is_new).map(|(at, _)| at).collect()
    };
    let mut renamed = Vec::new();
    let places = refused(&is_new);
    let holders = holders(places.iter().filter_map(|at| all.get(*at)).map(Named::name));
    for at in places {
        let Some(old) = all.get_mut(at) else { continue };
        let is_other = match (holders.get(old.name()), old.pool_of_win()) {
            (Some((is_wager, winner)), Some(pool)) => {
                *is_wager || winner.as_ref().is_some_and(|winner| winner != pool)
            }
            (Some((is_wager, winner)), None) => !is_wager && winner.is_some(),
            (None, _) => false,
        };
        if is_other {
            old.rename(other_name(old.pool_of_win(), old.name()));
            renamed.push(at);
        }
    }
    if !renamed.is_empty() {
        let again = claim_once(renamed.iter().filter_map(|at| all.get(*at)))?;
        for (at, claimed) in renamed.into_iter().zip(again) {
            if let Some(is_new) = is_new.get_mut(at) {
                *is_new = claimed;
            }
        }
    }
    Ok(is_new)
}

fn claim_once<'a, T: Named + 'a>(all: impl Iterator<Item = &'a T>) -> Result<Vec<bool>, Error> {
    let claims: Vec<Claim<'_>> = all
        .map(|old| Claim {
            operation_id: old.name(),
            fingerprint: old.fingerprint(),
            record: old.record(),
        })
        .collect();
    Ok(operation::claim(&claims)?.0.into_iter().map(|claimed| claimed.is_none()).collect())
}

/// Whether each name is a wager's, and the pool of the win, if it is one's.
fn holders<'a>(names: impl Iterator<Item = &'a str>) -> BTreeMap<String, (bool, Option<String>)> {
    let names: Vec<String> = names.map(str::to_owned).collect();
    let mut holders = BTreeMap::new();
    if !names.is_empty() {
        HOLDERS.with(|statement| {
            statement.write(&[names.into_datum()]).each(|row| {
                holders.insert(row.need(1), (row.need(2), row.get(3)));
            });
        });
    }
    holders
}

fn other_name(pool_of_win: Option<&str>, name: &str) -> String {
    OTHER_NAME.with(|statement| {
        let arguments = [pool_of_win.into_datum(), name.into_datum()];
        let rows = statement.write(&arguments);
        rows.first().map_or_else(|| name.to_owned(), |row| row.need(1))
    })
}
