//! sqlx: it prepares a statement and executes it in two messages, so through PgBouncer every call has a
//! transaction around it, and no statement is kept.

use crate::Place;
use crate::scenario::{Call, Client, End, Failure, Outcome, Parameter, Row, text, texts};
use rust_decimal::Decimal;
use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgDatabaseError, PgPool, PgPoolOptions, PgRow};
use sqlx::{AssertSqlSafe, Column, Error, PgExecutor, Row as _, TypeInfo};

pub struct Sqlx {
    pool: PgPool,
    pooled: bool,
}

pub async fn connect(place: &Place) -> Result<Sqlx, Error> {
    let mut options: PgConnectOptions = place.url.parse()?;
    if place.pooled {
        options = options.statement_cache_capacity(0);
    }
    let pool = PgPoolOptions::new().max_connections(2).connect_with(options).await?;
    Ok(Sqlx { pool, pooled: place.pooled })
}

impl Client for Sqlx {
    async fn call(&mut self, call: &Call) -> Outcome {
        if !self.pooled {
            return query(&self.pool, call, true).await;
        }
        let mut transaction = self.pool.begin().await?;
        let rows = query(&mut *transaction, call, false).await?;
        transaction.commit().await?;
        Ok(rows)
    }

    async fn transaction(&mut self, calls: &[Call], end: End) -> Result<Vec<Outcome>, Failure> {
        let mut transaction = self.pool.begin().await?;
        let mut outcomes = Vec::new();
        for call in calls {
            outcomes.push(query(&mut *transaction, call, !self.pooled).await);
        }
        match end {
            End::Commit => transaction.commit().await?,
            End::Rollback => transaction.rollback().await?,
        }
        Ok(outcomes)
    }
}

async fn query(executor: impl PgExecutor<'_>, call: &Call, keep_statement: bool) -> Outcome {
    let mut query = sqlx::query(AssertSqlSafe(call.sql.as_str())).persistent(keep_statement);
    for parameter in &call.parameters {
        query = match parameter {
            Parameter::Text(value) => query.bind(value),
            Parameter::Int8(value) => query.bind(value),
            Parameter::Int4(value) => query.bind(value),
            Parameter::Bool(value) => query.bind(value),
            Parameter::Numeric(value) => query.bind(value),
            Parameter::Jsonb(value) => query.bind(value),
            Parameter::TextArray(value) => query.bind(value),
            Parameter::Int8Array(value) => query.bind(value),
        };
    }
    let rows = query.fetch_all(executor).await?;
    Ok(rows.iter().map(row).collect::<Result<_, _>>()?)
}

fn row(row: &PgRow) -> Result<Row, Error> {
    let value = |i, kind: &str| -> Result<Value, Error> {
        Ok(match kind {
            "INT8" => text(row.try_get::<Option<i64>, _>(i)?),
            "INT4" => text(row.try_get::<Option<i32>, _>(i)?),
            "BOOL" => text(row.try_get::<Option<bool>, _>(i)?),
            "NUMERIC" => text(row.try_get::<Option<Decimal>, _>(i)?),
            "JSONB" => row.try_get::<Option<Value>, _>(i)?.unwrap_or_default(),
            "TEXT[]" => texts(row.try_get::<Option<Vec<String>>, _>(i)?),
            "INT8[]" => texts(row.try_get::<Option<Vec<i64>>, _>(i)?),
            _ => text(row.try_get::<Option<String>, _>(i)?),
        })
    };
    let columns = row.columns().iter().enumerate();
    columns
        .map(|(i, column)| Ok((column.name().to_owned(), value(i, column.type_info().name())?)))
        .collect()
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.as_database_error().and_then(|e| e.try_downcast_ref::<PgDatabaseError>()) {
            Some(refused) => Failure::Refused {
                sqlstate: refused.code().to_owned(),
                detail: refused.detail().unwrap_or_default().to_owned(),
            },
            None => Failure::Client(error.to_string()),
        }
    }
}
