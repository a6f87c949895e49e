//! What is asked and what is to come back, whatever the client.

use rust_decimal::Decimal;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use std::fmt::Display;
use std::str::FromStr;

/// A call, or some in one transaction.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Step {
    Transaction { name: String, transaction: Vec<Call>, end: End },
    Call(Call),
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum End {
    Commit,
    Rollback,
}

#[derive(Deserialize)]
pub struct Call {
    pub name: String,
    pub sql: String,
    pub parameters: Vec<Parameter>,
    /// One of these two is there.
    rows: Option<Value>,
    error: Option<Value>,
}

/// A value of the type that the client has for it.
#[derive(Deserialize)]
#[serde(tag = "type", content = "value")]
pub enum Parameter {
    #[serde(rename = "text")]
    Text(Option<String>),
    #[serde(rename = "int8")]
    Int8(#[serde(deserialize_with = "parsed")] Option<i64>),
    #[serde(rename = "int4")]
    Int4(#[serde(deserialize_with = "parsed")] Option<i32>),
    #[serde(rename = "bool")]
    Bool(Option<bool>),
    #[serde(rename = "numeric")]
    Numeric(#[serde(deserialize_with = "parsed")] Option<Decimal>),
    #[serde(rename = "jsonb")]
    Jsonb(Option<Value>),
    #[serde(rename = "text[]")]
    TextArray(Option<Vec<Option<String>>>),
    #[serde(rename = "int8[]")]
    Int8Array(#[serde(deserialize_with = "all_parsed")] Option<Vec<i64>>),
}

fn parsed<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    text.map(|text| text.parse()).transpose().map_err(D::Error::custom)
}

fn all_parsed<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<i64>>, D::Error> {
    let texts = Option::<Vec<String>>::deserialize(from)?;
    let parsed = texts.map(|texts| texts.iter().map(|text| text.parse()).collect());
    parsed.transpose().map_err(D::Error::custom)
}

pub type Row = Map<String, Value>;

/// Numbers as the scenario writes them: text, which has room for all of their digits.
pub fn text(value: Option<impl ToString>) -> Value {
    value.map_or(Value::Null, |value| Value::String(value.to_string()))
}

pub fn texts<T: ToString>(values: Option<Vec<T>>) -> Value {
    values.map_or(Value::Null, |values| values.into_iter().map(|value| text(Some(value))).collect())
}

/// Why a call failed, as the server said it, or as the client did.
pub enum Failure {
    Refused { sqlstate: String, detail: String },
    Client(String),
}

pub type Outcome = Result<Vec<Row>, Failure>;

/// How one client does it.
pub trait Client {
    async fn call(&mut self, call: &Call) -> Outcome;
    /// The outcome of each call.
    async fn transaction(&mut self, calls: &[Call], end: End) -> Result<Vec<Outcome>, Failure>;
}

/// Whether all that came back was as it should be.
pub async fn play(client: &mut impl Client, steps: &[Step]) -> Result<bool, String> {
    let (mut passed, mut failed) = (0, 0);
    let mut check = |name: &str, call: &Call, outcome: &Outcome| match difference(call, outcome) {
        None => {
            passed += 1;
            println!("ok - {name}");
        }
        Some(why) => {
            failed += 1;
            println!("not ok - {name}: {why}");
        }
    };
    for step in steps {
        match step {
            Step::Call(call) => check(&call.name, call, &client.call(call).await),
            Step::Transaction { name, transaction, end } => {
                let outcomes = client.transaction(transaction, *end).await;
                let outcomes = outcomes.map_err(|failure| format!("{name}: {}", got(&failure)))?;
                for (call, outcome) in transaction.iter().zip(&outcomes) {
                    check(&format!("{name}: {}", call.name), call, outcome);
                }
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    Ok(failed == 0)
}

fn difference(call: &Call, outcome: &Outcome) -> Option<String> {
    let (got, expected) = match outcome {
        Ok(rows) => (json!(rows), &call.rows),
        Err(failure) => (got(failure), &call.error),
    };
    if Some(&got) == expected.as_ref() {
        return None;
    }
    let expected = call.rows.as_ref().or(call.error.as_ref());
    Some(format!("got {got}, expected {}", expected.unwrap_or(&Value::Null)))
}

fn got(failure: &Failure) -> Value {
    match failure {
        Failure::Refused { sqlstate, detail } => {
            json!({"sqlstate": sqlstate, "token": detail.split(':').next()})
        }
        Failure::Client(why) => json!(why),
    }
}

/// A package's version, as it is locked.
pub fn version(package: &str) -> Option<&'static str> {
    let (_, rest) = include_str!("../../../../Cargo.lock")
        .split_once(&format!("name = \"{package}\"\nversion = \""))?;
    rest.split('"').next()
}
