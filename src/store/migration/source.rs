//! Where old rows come from: a state as JSON, or a table.

use crate::store::session;
use crate::store::statement::{Cursor, argument, statements};
use jackpot_core::migration::{self, Fields};
use jackpot_core::{Error, Token};
use pgrx::pg_sys;
use serde_json::{Map, Value};

/// How many rows of a table are read at a time.
const ROWS_AT_ONCE: usize = 5_000;

/// What a row tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A pool.
    Pool,
    /// A contribution.
    Contribution,
    /// A win.
    Win,
    /// An operation that was voided.
    Void,
}

impl Kind {
    /// Its word in a state, and in a mapping.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Pool => "pools",
            Kind::Contribution => "contributions",
            Kind::Win => "wins",
            Kind::Void => "voids",
        }
    }
}

/// Where rows come from.
pub enum Source {
    /// An old state.
    State(Value),
    /// A table, and how it is read.
    Table {
        /// Which.
        relation: pg_sys::Oid,
        /// Its name, as PostgreSQL writes it.
        name: String,
        /// As it was given.
        mapping: Value,
    },
}

statements! {
    /// What can be read like a table, by its name.
    static NAME(OIDOID) = "
        SELECT c.oid::pg_catalog.regclass::pg_catalog.text
          FROM pg_catalog.pg_class c WHERE c.oid = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')";
    static COLUMNS(OIDOID) = "
        SELECT a.attname::pg_catalog.text FROM pg_catalog.pg_attribute a
         WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";
    static RELNAME(OIDOID) = "SELECT c.relname::pg_catalog.text FROM pg_catalog.pg_class c WHERE c.oid = $1";
}

/// A row, of which kind, and its name in findings; `of` is the pool in whose history it stands.
pub struct Raw<'a> {
    /// What it tells of.
    pub kind: Kind,
    /// All of it; `None` where it is no object.
    pub row: Option<&'a Map<String, Value>>,
    /// Its name in findings.
    pub label: String,
    /// The pool in whose history it stands.
    pub of: Option<&'a str>,
}

impl Source {
    /// A table; 22023 where it is none.
    pub fn table(relation: pg_sys::Oid, mapping: Value) -> Result<Self, Error> {
        let name: Option<String> = NAME
            .with(|statement| statement.read(&[argument(relation)]).first().map(|row| row.need(1)));
        match name {
            Some(name) => Ok(Source::Table { relation, name, mapping }),
            None => Err(Error::invalid(
                "source is no table",
                "a table, view, materialized view or foreign table can be imported",
            )),
        }
    }

    /// What the record calls it.
    pub fn name(&self) -> &str {
        match self {
            Source::State(_) => "state",
            Source::Table { name, .. } => name,
        }
    }

    /// The table, if it is one.
    pub fn relation(&self) -> pg_sys::Oid {
        match self {
            Source::State(_) => pg_sys::InvalidOid,
            Source::Table { relation, .. } => *relation,
        }
    }

    /// How its rows are read.
    pub fn fields(&self) -> Result<Fields, Error> {
        match self {
            Source::State(state) => {
                let is_exact = state.get("format").and_then(Value::as_str) == Some("jackpot/1");
                Ok(if is_exact { Fields::of_export() } else { Fields::default() })
            }
            Source::Table { mapping, .. } => Fields::new(mapping),
        }
    }

    /// Whether the caller may read it; PostgreSQL's error (42501) where not.
    pub fn check_access(&self) {
        if let Source::Table { name, .. } = self {
            let sql = format!("SELECT 1 FROM {name} t WHERE t IS NULL LIMIT 0");
            session::as_caller(|| Cursor::open(&sql).fetch(1));
        }
    }

    /// How many rows there are.
    pub fn count(&self) -> i64 {
        match self {
            Source::State(state) => {
                let length = |key| state.get(key).and_then(Value::as_array).map_or(0, Vec::len);
                ["contributions", "wins", "voids"].into_iter().map(length).sum::<usize>() as i64
            }
            Source::Table { name, .. } => {
                let sql = format!("SELECT pg_catalog.count(*) FROM {name}");
                let rows = session::as_caller(|| Cursor::open(&sql).fetch(1));
                rows.first().map_or(0, |row| row.need(1))
            }
        }
    }

    /// Reads all rows, in their order.
    pub fn each(&self, fields: &Fields, each: impl FnMut(Raw<'_>)) -> Result<(), Error> {
        match self {
            Source::State(state) => read_state(state, fields, each),
            Source::Table { relation, name, mapping } => {
                read_table(*relation, name, mapping, fields, each)
            }
        }
    }
}

fn malformed(what: &str, why: &str) -> Error {
    Error::invalid(format!("{what} is not valid"), why.to_owned())
}

/// Pools, the history that may stand in them, contributions, wins and voids. What a pool's own row
/// does not tell may stand under `config`.
fn read_state(state: &Value, fields: &Fields, mut each: impl FnMut(Raw<'_>)) -> Result<(), Error> {
    let Value::Object(parts) = state else {
        return Err(malformed("state", "it must be a JSON object with pools"));
    };
    if !["pools", "contributions", "wins", "voids"].iter().any(|part| parts.contains_key(*part)) {
        let why = "it has none of pools, contributions, wins and voids";
        return Err(malformed("state", why));
    }
    if let Some(format) = parts.get("format").filter(|format| *format != "jackpot/1") {
        return Err(malformed(&format!("format {format}"), "this version reads jackpot/1"));
    }
    let config = parts.get("config").and_then(Value::as_object);
    let pools = match parts.get("pools") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(pools)) => pools
            .iter()
            .enumerate()
            .map(|(at, pool)| (None, format!("pools[{at}]"), pool))
            .collect(),
        Some(Value::Object(pools)) => {
            pools.iter().map(|(name, pool)| (Some(name), format!("pools.{name}"), pool)).collect()
        }
        Some(_) => return Err(malformed("pools", "they must be an array or an object")),
    };
    for (name, label, pool) in pools {
        let Value::Object(pool) = pool else {
            each(Raw { kind: Kind::Pool, row: None, label, of: None });
            continue;
        };
        let own = migration::pool_name(pool, fields);
        let group = own.as_deref().or(name.map(String::as_str));
        let mut row = Map::new();
        let configured = group.and_then(|group| config?.get(group)?.as_object());
        row.extend(
            configured.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())),
        );
        row.extend(pool.iter().map(|(key, value)| (key.clone(), value.clone())));
        if let (None, Some(name)) = (&own, name) {
            row.insert("pool".to_owned(), Value::from(name.clone()));
        }
        each(Raw { kind: Kind::Pool, row: Some(&row), label: label.clone(), of: None });
        read_nested(&row, &label, group, &mut each);
    }
    for kind in [Kind::Contribution, Kind::Win, Kind::Void] {
        match parts.get(kind.as_str()) {
            None | Some(Value::Null) => {}
            Some(Value::Array(rows)) => read_rows(kind, rows, kind.as_str(), None, &mut each),
            Some(_) => return Err(malformed(kind.as_str(), "they must be an array")),
        }
    }
    Ok(())
}

/// The history that stands in a pool's own row.
fn read_nested(
    row: &Map<String, Value>,
    label: &str,
    group: Option<&str>,
    each: &mut impl FnMut(Raw<'_>),
) {
    let histories = [
        (Kind::Contribution, &["contributionHistory", "contribution_history"][..]),
        (Kind::Win, &["winHistory", "win_history", "jackpot_wins"][..]),
    ];
    for (kind, keys) in histories {
        for key in keys {
            let label = format!("{label}.{key}");
            match row.get(*key) {
                None | Some(Value::Null) => {}
                Some(Value::Array(rows)) => read_rows(kind, rows, &label, group, each),
                Some(_) => each(Raw { kind, row: None, label, of: group }),
            }
        }
    }
}

fn read_rows(
    kind: Kind,
    rows: &[Value],
    prefix: &str,
    of: Option<&str>,
    each: &mut impl FnMut(Raw<'_>),
) {
    for (number, row) in rows.iter().enumerate() {
        each(Raw { kind, row: row.as_object(), label: format!("{prefix}[{number}]"), of });
    }
}

/// Reads a table with the caller's rights, in whatever order it lies.
fn read_table(
    relation: pg_sys::Oid,
    name: &str,
    mapping: &Value,
    fields: &Fields,
    mut each: impl FnMut(Raw<'_>),
) -> Result<(), Error> {
    let mut columns: Vec<String> = Vec::new();
    COLUMNS.with(|statement| {
        statement.read(&[argument(relation)]).each(|row| columns.push(row.need(1)));
    });
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    if let Some(missing) = fields.columns().find(|column| !columns.contains(column)) {
        return Err(Error::new(
            Token::InvalidArgument,
            format!("{name} has no column \"{missing}\""),
            "the mapping names it",
        ));
    }
    let kind = kind_of(name, mapping, fields, &columns)?;
    let short = RELNAME.with(|statement| {
        statement.read(&[argument(relation)]).first().map(|row| row.need::<String>(1))
    });
    let short = short.as_deref().unwrap_or(name);
    let sql = format!("SELECT pg_catalog.row_to_json(t)::pg_catalog.text FROM {name} t");
    let mut cursor = session::as_caller(|| Cursor::open(&sql));
    let mut number = 0_i64;
    loop {
        let rows = session::as_caller(|| cursor.fetch(ROWS_AT_ONCE));
        let count = rows.count();
        rows.each(|row| {
            read_row(&row.need::<String>(1), kind, fields, (short, number), &mut each);
            number += 1;
        });
        if count < ROWS_AT_ONCE as u64 {
            return Ok(());
        }
        pgrx::check_for_interrupts!();
    }
}

fn read_row(
    text: &str,
    kind: Kind,
    fields: &Fields,
    (name, number): (&str, i64),
    each: &mut impl FnMut(Raw<'_>),
) {
    // None for what is nested too deeply.
    let value = serde_json::from_str::<Value>(text).unwrap_or(Value::Null);
    let row = value.as_object();
    let label = match row.and_then(|row| row.get("id")) {
        Some(Value::String(id)) => format!("{name}[{number}] id={id}"),
        Some(Value::Number(id)) => format!("{name}[{number}] id={id}"),
        _ => format!("{name}[{number}]"),
    };
    each(Raw { kind, row, label: label.clone(), of: None });
    if let (Kind::Pool, Some(row)) = (kind, row) {
        let group = migration::pool_name(row, fields);
        read_nested(row, &label, group.as_deref(), each);
    }
}

/// What the rows of the table tell of: as the mapping says, else as its columns do.
fn kind_of(name: &str, mapping: &Value, fields: &Fields, columns: &[&str]) -> Result<Kind, Error> {
    let all = [Kind::Pool, Kind::Contribution, Kind::Win];
    if let Some(word) = mapping.get("kind") {
        return all
            .into_iter()
            .find(|kind| Some(kind.as_str()) == word.as_str())
            .ok_or_else(|| malformed("mapping \"kind\"", "it is pools, contributions or wins"));
    }
    let has = |field| fields.is_among(field, columns);
    if has("current_amount") {
        Ok(Kind::Pool)
    } else if has("contribution_amount") || has("contributions") {
        Ok(Kind::Contribution)
    } else if has("win_amount") {
        Ok(Kind::Win)
    } else {
        Err(malformed(name, "its columns do not tell what its rows are").hint(
            "Say {\"kind\": \"pools\"}, \"contributions\" or \"wins\" in the mapping, and name the columns.",
        ))
    }
}
