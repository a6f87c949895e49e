//! The statements that bring items, and their answers in one shape.

use crate::batches::item::{Item, Kind};
use futures::pin_mut;
use serde_json::Value;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row};

/// Items of one are of one kind, but for those that are copied.
#[derive(Clone, Debug)]
pub enum Statement {
    /// One item in a call of its own.
    Single(Item),
    /// Parallel arrays, which share their pools.
    Arrays(Vec<Item>),
    Json(Vec<Item>),
    /// Into the inbox.
    Copy(Vec<Item>),
    ProcessInbox(i64),
    /// Of an operation id.
    Void(String),
}

impl Statement {
    pub fn items(&self) -> &[Item] {
        match self {
            Statement::Single(item) => std::slice::from_ref(item),
            Statement::Arrays(items) | Statement::Json(items) | Statement::Copy(items) => items,
            _ => &[],
        }
    }

    /// Whether its answer says what became of each item.
    pub fn applies_items(&self) -> bool {
        matches!(self, Statement::Single(_) | Statement::Arrays(_) | Statement::Json(_))
    }
}

/// What a statement said of its items.
#[derive(Debug, Default)]
pub struct Answer {
    pub total: i64,
    pub processed: i64,
    pub failed: i64,
    pub replayed: i64,
    pub micros: i64,
    pub won: i64,
    /// Of each win: its number, its amount, and whether it was paid before.
    pub wins: Vec<(i64, i64, bool)>,
    /// Of each refused item: its place and the token.
    pub errors: Vec<(usize, String)>,
}

const COUNTS: &str = "total, processed, failed, replayed, (total_contribution * 1000000)::bigint";

pub async fn send(client: &Client, statement: &Statement) -> Result<Answer, Error> {
    match statement {
        Statement::Single(item) => single(client, item).await,
        Statement::Arrays(items) => arrays(client, items).await,
        Statement::Json(items) => json(client, items).await,
        Statement::Copy(items) => copy(client, items).await.map(|()| Answer::default()),
        Statement::ProcessInbox(max_rows) => {
            let query =
                format!("SELECT {COUNTS}, total_won::bigint FROM jackpot_process_inbox($1)");
            let row = client.query_one(&query, &[max_rows]).await?;
            Ok(Answer { won: row.get(5), ..counted(&row) })
        }
        Statement::Void(id) => {
            let query = "SELECT jackpot_void($1, 'late')";
            client.query(query, &[id]).await.map(|_| Answer::default())
        }
    }
}

async fn single(client: &Client, item: &Item) -> Result<Answer, Error> {
    let Item { id, user_id, amount, pools, metadata, .. } = item;
    if item.kind == Kind::Win {
        let row = client
            .query_one(
                "SELECT win_id, win_amount, replayed
                   FROM jackpot_win($1, 'game', $2, $3, operation_id => $4, metadata => $5)",
                &[&pools.as_ref().unwrap()[0], user_id, amount, id, metadata],
            )
            .await?;
        let wins = vec![(row.get(0), row.get(1), row.get(2))];
        return Ok(one(row.get(2), 0, wins));
    }
    let (function, won) = match item.kind {
        Kind::Spin => ("jackpot_spin", "win_id, win_amount"),
        _ => ("jackpot_contribute", "NULL::bigint, NULL::bigint"),
    };
    let query = format!(
        "SELECT (contribution * 1000000)::bigint, replayed, {won}
           FROM {function}('game', $1, $2, $3, $4, metadata => $5)"
    );
    let rows = client.query(&query, &[amount, user_id, id, pools, metadata]).await?;
    let replayed = rows[0].get(1);
    let win = |row: &Row| Some((row.get::<_, Option<i64>>(2)?, row.get(3), replayed));
    let wins = rows.iter().filter_map(win).collect();
    Ok(one(replayed, rows.iter().map(|row| row.get::<_, i64>(0)).sum(), wins))
}

/// The answer to a single call, which counts what is new only, as those to batches do.
fn one(replayed: bool, micros: i64, wins: Vec<(i64, i64, bool)>) -> Answer {
    let is_new = i64::from(!replayed);
    let won = is_new * wins.iter().map(|(_, amount, _)| amount).sum::<i64>();
    let (replayed, micros) = (i64::from(replayed), is_new * micros);
    Answer { total: 1, processed: 1, replayed, micros, won, wins, ..Answer::default() }
}

async fn arrays(client: &Client, items: &[Item]) -> Result<Answer, Error> {
    let (function, won) = match items[0].kind {
        Kind::Spin => ("jackpot_spin_arrays", "total_won::bigint, wins"),
        _ => ("jackpot_contribute_arrays", "0::bigint, '[]'::jsonb"),
    };
    let query = format!(
        "SELECT {COUNTS}, {won}, errors
           FROM {function}(game_id => 'game', wager_amounts => $1, user_ids => $2, operation_ids => $3,
                           pools => $4, metadata => $5)"
    );
    let amounts: Vec<i64> = items.iter().map(|item| item.amount).collect();
    let user_ids: Vec<&str> = items.iter().map(|item| item.user_id.as_str()).collect();
    let ids: Vec<Option<&str>> = items.iter().map(|item| item.id.as_deref()).collect();
    let metadata: Vec<Option<&Value>> = items.iter().map(|item| item.metadata.as_ref()).collect();
    let row =
        client.query_one(&query, &[&amounts, &user_ids, &ids, &items[0].pools, &metadata]).await?;
    Ok(listed(&row))
}

async fn json(client: &Client, items: &[Item]) -> Result<Answer, Error> {
    let batch = Value::Array(items.iter().map(Item::json).collect());
    let query = match items[0].kind {
        Kind::Win => {
            "SELECT total, processed, failed, replayed, 0::bigint, total_won::bigint, paid, errors
               FROM jackpot_win_batch($1)"
        }
        _ => &format!(
            "SELECT {COUNTS}, 0::bigint, '[]'::jsonb, errors FROM jackpot_contribute_batch($1)"
        ),
    };
    Ok(listed(&client.query_one(query, &[&batch]).await?))
}

async fn copy(client: &Client, items: &[Item]) -> Result<(), Error> {
    let sink = client
        .copy_in(
            "COPY jackpot.inbox (kind, game_id, wager_amount, user_id, operation_id, pools, metadata)
             FROM STDIN (FORMAT binary)",
        )
        .await?;
    let types =
        [Type::TEXT, Type::TEXT, Type::INT8, Type::TEXT, Type::TEXT, Type::TEXT_ARRAY, Type::JSONB];
    let writer = BinaryCopyInWriter::new(sink, &types);
    pin_mut!(writer);
    for Item { kind, id, user_id, amount, pools, metadata } in items {
        let kind = if *kind == Kind::Spin { "spin" } else { "contribute" };
        let row: [&(dyn ToSql + Sync); 7] = [&kind, &"game", amount, user_id, id, pools, metadata];
        writer.as_mut().write(&row).await?;
    }
    writer.finish().await.map(drop)
}

fn counted(row: &Row) -> Answer {
    let [total, processed, failed, replayed, micros] =
        [0, 1, 2, 3, 4].map(|column| row.get(column));
    Answer { total, processed, failed, replayed, micros, ..Answer::default() }
}

/// With what came after the counts: what was won, the wins and the errors.
fn listed(row: &Row) -> Answer {
    let list = |column: usize| match row.get(column) {
        Value::Array(list) => list,
        other => panic!("not a list: {other}"),
    };
    let number = |value: &Value| value.as_i64().unwrap();
    let win = |win: Value| {
        let replayed = win["replayed"].as_bool().unwrap();
        (number(&win["win_id"]), number(&win["win_amount"]), replayed)
    };
    let error = |error: Value| {
        (number(&error["index"]) as usize, error["token"].as_str().unwrap().to_owned())
    };
    let (wins, errors) = (list(6).into_iter().map(win), list(7).into_iter().map(error));
    Answer { won: row.get(5), wins: wins.collect(), errors: errors.collect(), ..counted(row) }
}
