//! What has gone through the pools of the other system.

use crate::Micros;
use crate::migration::Finding;
use crate::migration::row::Row;
use crate::migration::{Fields, Read};
use jiff::Timestamp;
use serde_json::{Map, Value};

/// A wager and what it gave to pools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldContribution {
    /// The bet's name there.
    pub operation_id: Option<String>,
    /// When, if that is known.
    pub at: Option<Timestamp>,
    /// The game.
    pub game_id: String,
    /// The player.
    pub user_id: Option<String>,
    /// The operator or brand.
    pub operator_id: Option<String>,
    /// The game's category.
    pub game_category: Option<String>,
    /// The wager's currency.
    pub currency: Option<String>,
    /// The wager in minor units.
    pub wager_amount: i64,
    /// What pools got.
    pub shares: Vec<OldShare>,
    /// The row's number there.
    pub id: Option<String>,
    /// What the client said of it.
    pub metadata: Option<Value>,
}

/// What one pool got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldShare {
    /// Its name here.
    pub pool: String,
    /// For the meter.
    pub display: Micros,
    /// For the reserve.
    pub reserve: Micros,
}

/// A win.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldWin {
    /// The pool's name here.
    pub pool: String,
    /// The win's name there.
    pub operation_id: Option<String>,
    /// When, if that is known.
    pub at: Option<Timestamp>,
    /// The game.
    pub game_id: String,
    /// The player.
    pub user_id: Option<String>,
    /// What was paid, in minor units.
    pub win_amount: i64,
    /// Whether it was not paid out yet.
    pub is_pending: bool,
    /// The row's number there.
    pub id: Option<String>,
    /// What the client said of it.
    pub metadata: Option<Value>,
}

const LEFT_OUT: &str = "left out";

/// Reads a contribution: to several pools (`contributions`, an object of amounts by pool), or to one.
/// `of` is the pool in whose history it stands, if it does.
pub fn contribution(
    row: &Map<String, Value>,
    fields: &Fields,
    of: Option<&str>,
) -> Read<OldContribution> {
    let mut row = Row::new(row, fields);
    let shares = shares(&mut row, of);
    let wager_amount = match row.whole("wager_amount") {
        Some(wager) if wager < 0 => {
            row.found("negative_amount", format!("wager_amount is {wager}"), LEFT_OUT);
            return (None, row.findings);
        }
        Some(wager) => wager,
        None => {
            row.found("null_value", "wager_amount is null".to_owned(), "taken as 0");
            0
        }
    };
    let (operation_id, game_id) = (operation_id(&mut row), game(&mut row, of));
    let at = row.moment("at");
    let read = shares.map(|shares| OldContribution {
        operation_id,
        at,
        game_id,
        user_id: row.name("user_id"),
        operator_id: row.text("operator_id"),
        game_category: row.text("game_category"),
        currency: row.text("currency"),
        wager_amount,
        shares,
        id: row.text("id"),
        metadata: row.metadata(),
    });
    (read, row.findings)
}

fn shares(row: &mut Row<'_>, of: Option<&str>) -> Option<Vec<OldShare>> {
    let reserves = row.get("reserves").cloned();
    let reserve_of = |row: &mut Row<'_>, pool: &str| {
        let value = reserves.as_ref()?.get(pool)?.clone();
        let number = row.decimal("reserves", &value)?;
        row.micros("reserves", number)
    };
    let is_of_several = matches!(row.get("contributions"), Some(Value::Object(_)));
    let amounts: Vec<(String, Value)> = match row.get("contributions") {
        Some(Value::Object(amounts)) => {
            amounts.iter().map(|(pool, amount)| (pool.clone(), amount.clone())).collect()
        }
        _ => {
            let amount = row.get("contribution_amount").cloned().unwrap_or(Value::Null);
            let Some(pool) = row.text("pool").or_else(|| of.map(str::to_owned)) else {
                row.found("missing_group", "it names no pool".to_owned(), LEFT_OUT);
                return None;
            };
            vec![(pool, amount)]
        }
    };
    let findings = row.findings.len();
    let mut shares = Vec::with_capacity(amounts.len());
    for (pool, amount) in amounts {
        if amount.is_null() {
            row.found("null_value", format!("the contribution to {pool} is null"), LEFT_OUT);
            continue;
        }
        let Some(display) = row
            .decimal("contribution", &amount)
            .and_then(|amount| row.micros("contribution", amount))
        else {
            continue;
        };
        let reserve = reserve_of(row, &pool).unwrap_or_default();
        if display < Micros::ZERO || reserve < Micros::ZERO {
            let message = format!("the contribution to {pool} is {display}");
            row.found("negative_amount", message, LEFT_OUT);
            continue;
        }
        // The other system told of every pool what it got, also where it took no part.
        if is_of_several
            && (display, reserve) == (Micros::ZERO, Micros::ZERO)
            && !row.fields.is_exact()
        {
            continue;
        }
        let pool = row.fields.renamed(&pool);
        if shares.iter().any(|share: &OldShare| share.pool == pool) {
            row.found("duplicate_pool", format!("it names {pool} twice"), LEFT_OUT);
            continue;
        }
        shares.push(OldShare { pool, display, reserve });
    }
    if shares.is_empty() && row.findings.len() == findings {
        row.findings.push(Finding::notice("no_share", "it fed no pool; left out"));
    }
    (!shares.is_empty()).then_some(shares)
}

/// Reads a win. `of` is the pool in whose history it stands, if it does.
pub fn win(row: &Map<String, Value>, fields: &Fields, of: Option<&str>) -> Read<OldWin> {
    let mut row = Row::new(row, fields);
    let of_here = of.map(|of| row.fields.renamed(of));
    let Some(pool) = row.pool().or(of_here) else {
        row.found("missing_group", "it names no pool".to_owned(), LEFT_OUT);
        return (None, row.findings);
    };
    let win_amount = match row.whole("win_amount") {
        Some(amount) if amount > 0 && Micros::from_minor_units(amount).bigint().is_ok() => amount,
        Some(0) => {
            row.found("malformed", "win_amount is 0".to_owned(), LEFT_OUT);
            return (None, row.findings);
        }
        Some(amount) if amount > 0 => {
            row.found("malformed", format!("win_amount {amount} is out of range"), LEFT_OUT);
            return (None, row.findings);
        }
        Some(amount) => {
            row.found("negative_amount", format!("win_amount is {amount}"), LEFT_OUT);
            return (None, row.findings);
        }
        None => {
            row.found("null_value", "win_amount is null".to_owned(), LEFT_OUT);
            return (None, row.findings);
        }
    };
    let win = OldWin {
        pool,
        operation_id: operation_id(&mut row),
        at: row.moment("at"),
        game_id: game(&mut row, of),
        user_id: row.name("user_id"),
        win_amount,
        is_pending: row.fields.is_exact() && row.text("status").as_deref() == Some("pending"),
        id: row.text("id"),
        metadata: row.metadata(),
    };
    (Some(win), row.findings)
}

/// Reads the name of a wager that was taken back: it must not be taken again.
pub fn void(row: &Map<String, Value>, fields: &Fields) -> Read<(String, Option<String>)> {
    let mut row = Row::new(row, fields);
    match operation_id(&mut row) {
        Some(id) => (Some((id, row.text("reason"))), row.findings),
        None => {
            row.found("null_value", "operation_id is null".to_owned(), LEFT_OUT);
            (None, row.findings)
        }
    }
}

fn operation_id(row: &mut Row<'_>) -> Option<String> {
    let id = row.name("operation_id")?;
    if id.chars().count() > 200 {
        let message = "operation_id has more than 200 characters".to_owned();
        row.found("malformed", message, "taken without");
        return None;
    }
    Some(id)
}

/// Rows in a pool's own history often do not tell the game.
fn game(row: &mut Row<'_>, of: Option<&str>) -> String {
    row.text("game_id").unwrap_or_else(|| {
        if of.is_none() {
            row.found("null_value", "game_id is null".to_owned(), "taken as unknown");
        }
        "unknown".to_owned()
    })
}
