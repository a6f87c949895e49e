//! The calls of this traffic, with their answers as they are compared.

use tokio_postgres::{Client, Error};

/// A wager as the client asks for it.
#[derive(Clone, Debug)]
pub struct Wager {
    pub id: Option<String>,
    pub is_spin: bool,
    pub amount: i64,
    pub currency: Option<&'static str>,
    pub pools: Option<Vec<&'static str>>,
}

/// One pool's line of a wager's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub pool: String,
    pub micros: i64,
    pub current_amount: Option<i64>,
    pub version: Option<i64>,
    pub won: Option<(i64, i64)>,
}

/// One pool's line of a void's result, in micros; no pool where there was nothing to take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    pub pool: Option<String>,
    pub voided: i64,
    pub from_meter: i64,
    pub from_reserve: i64,
    pub from_house: i64,
}

pub async fn wager(client: &Client, wager: &Wager) -> Result<(Vec<Line>, bool), Error> {
    let (function, more) = match wager.is_spin {
        true => ("jackpot_spin", "won, win_id, win_amount"),
        false => ("jackpot_contribute", "false, NULL::bigint, NULL::bigint"),
    };
    let query = format!(
        "SELECT pool, (contribution * 1000000)::bigint, current_amount, version, replayed, operation_id, {more}
           FROM {function}('game', $1, 'user', $2, $3, currency => $4)"
    );
    let rows =
        client.query(&query, &[&wager.amount, &wager.id, &wager.pools, &wager.currency]).await?;
    let line = |row: &tokio_postgres::Row| {
        assert_eq!(row.get::<_, Option<String>>(5), wager.id);
        let won = row.get::<_, Option<i64>>(7).zip(row.get(8));
        assert_eq!(row.get::<_, bool>(6), won.is_some());
        Line {
            pool: row.get(0),
            micros: row.get(1),
            current_amount: row.get(2),
            version: row.get(3),
            won,
        }
    };
    Ok((rows.iter().map(line).collect(), rows.iter().any(|row| row.get(4))))
}

pub async fn void(client: &Client, id: &str) -> Result<(Vec<Taken>, bool), Error> {
    let rows = client
        .query(
            "SELECT operation_id, replayed, pool, (voided * 1000000)::bigint, (from_meter * 1000000)::bigint,
                    (from_reserve * 1000000)::bigint, (from_house * 1000000)::bigint
               FROM jackpot_void($1, 'rolled back')",
            &[&id],
        )
        .await?;
    let taken = |row: &tokio_postgres::Row| {
        assert_eq!(row.get::<_, &str>(0), id);
        Taken {
            pool: row.get(2),
            voided: row.get(3),
            from_meter: row.get(4),
            from_reserve: row.get(5),
            from_house: row.get(6),
        }
    };
    Ok((rows.iter().map(taken).collect(), rows.iter().any(|row| row.get(1))))
}

/// The token that stands first in an error's DETAIL.
pub fn token(error: &Error) -> String {
    let detail = error.as_db_error().and_then(|error| error.detail()).unwrap_or_default();
    detail.split(':').next().unwrap_or_default().to_owned()
}
