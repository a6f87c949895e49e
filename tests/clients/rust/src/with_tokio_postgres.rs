//! tokio-postgres: prepared statements where the connection stays, `query_typed` where it may not.

use crate::Place;
use crate::scenario::{Call, Client, End, Failure, Outcome, Parameter, Row, text, texts};
use rust_decimal::Decimal;
use serde_json::Value;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, GenericClient, NoTls};

pub struct TokioPostgres {
    client: tokio_postgres::Client,
    pooled: bool,
}

pub async fn connect(place: &Place) -> Result<TokioPostgres, Error> {
    let (client, connection) = tokio_postgres::connect(&place.url, NoTls).await?;
    tokio::spawn(connection);
    Ok(TokioPostgres { client, pooled: place.pooled })
}

impl Client for TokioPostgres {
    async fn call(&mut self, call: &Call) -> Outcome {
        if self.pooled {
            typed(&self.client, call).await
        } else {
            prepared(&self.client, call).await
        }
    }

    async fn transaction(&mut self, calls: &[Call], end: End) -> Result<Vec<Outcome>, Failure> {
        let transaction = self.client.transaction().await?;
        let mut outcomes = Vec::new();
        for call in calls {
            outcomes.push(prepared(&transaction, call).await);
        }
        match end {
            End::Commit => transaction.commit().await?,
            End::Rollback => transaction.rollback().await?,
        }
        Ok(outcomes)
    }
}

/// With a named statement, which the server drops when this one is dropped: before the transaction ends.
async fn prepared(client: &impl GenericClient, call: &Call) -> Outcome {
    let parameters: Vec<_> = call.parameters.iter().map(|p| typed_value(p).0).collect();
    let statement = client.prepare(&call.sql).await?;
    rows(client.query(&statement, &parameters).await)
}

/// In one message, with a statement that has no name.
async fn typed(client: &impl GenericClient, call: &Call) -> Outcome {
    let parameters: Vec<_> = call.parameters.iter().map(typed_value).collect();
    rows(client.query_typed(&call.sql, &parameters).await)
}

fn typed_value(parameter: &Parameter) -> (&(dyn ToSql + Sync), Type) {
    match parameter {
        Parameter::Text(value) => (value, Type::TEXT),
        Parameter::Int8(value) => (value, Type::INT8),
        Parameter::Int4(value) => (value, Type::INT4),
        Parameter::Bool(value) => (value, Type::BOOL),
        Parameter::Numeric(value) => (value, Type::NUMERIC),
        Parameter::Jsonb(value) => (value, Type::JSONB),
        Parameter::TextArray(value) => (value, Type::TEXT_ARRAY),
        Parameter::Int8Array(value) => (value, Type::INT8_ARRAY),
    }
}

fn rows(result: Result<Vec<tokio_postgres::Row>, Error>) -> Outcome {
    Ok(result?.iter().map(row).collect::<Result<_, _>>()?)
}

fn row(row: &tokio_postgres::Row) -> Result<Row, Error> {
    let value = |i, kind: &Type| -> Result<Value, Error> {
        Ok(match *kind {
            Type::INT8 => text(row.try_get::<_, Option<i64>>(i)?),
            Type::INT4 => text(row.try_get::<_, Option<i32>>(i)?),
            Type::BOOL => text(row.try_get::<_, Option<bool>>(i)?),
            Type::NUMERIC => text(row.try_get::<_, Option<Decimal>>(i)?),
            Type::JSONB => row.try_get::<_, Option<Value>>(i)?.unwrap_or_default(),
            Type::TEXT_ARRAY => texts(row.try_get::<_, Option<Vec<String>>>(i)?),
            Type::INT8_ARRAY => texts(row.try_get::<_, Option<Vec<i64>>>(i)?),
            _ => text(row.try_get::<_, Option<String>>(i)?),
        })
    };
    let columns = row.columns().iter().enumerate();
    columns.map(|(i, column)| Ok((column.name().to_owned(), value(i, column.type_())?))).collect()
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.as_db_error() {
            Some(refused) => Failure::Refused {
                sqlstate: refused.code().code().to_owned(),
                detail: refused.detail().unwrap_or_default().to_owned(),
            },
            None => Failure::Client(error.to_string()),
        }
    }
}
