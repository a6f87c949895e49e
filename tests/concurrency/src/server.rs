//! A database for each test, and what all tests ask of it.

use std::collections::BTreeMap;
use std::env;
use std::time::{Duration, Instant};
use tokio_postgres::{Client, Config, Error, NoTls};

/// A database of its own with the extension in it. Dropped with the cluster, so that what a failed
/// test left can be looked at.
pub struct Database {
    pub(crate) host: String,
    pub(crate) name: String,
}

impl Database {
    pub async fn create(test: &str) -> Self {
        let host = env::var("PGHOST")
            .expect("PGHOST is not set; tests/concurrency/run.sh starts a server and sets it");
        Database::create_at(host, test).await
    }

    /// On the server that listens there.
    pub async fn create_at(host: String, test: &str) -> Self {
        let database = Database { host, name: format!("clients_{test}") };
        let Database { host, name } = &database;
        let server = connect(host, &variable("PGDATABASE", "postgres")).await.unwrap();
        server
            .batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
            .await
            .unwrap();
        server.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
        database.client().await.batch_execute("CREATE EXTENSION jackpot").await.unwrap();
        database
    }

    pub async fn client(&self) -> Client {
        self.try_client().await.unwrap()
    }

    /// Fails while the server starts.
    pub async fn try_client(&self) -> Result<Client, Error> {
        connect(&self.host, &self.name).await
    }

    pub async fn clients(&self, count: usize) -> Vec<Client> {
        futures::future::join_all((0..count).map(|_| self.client())).await
    }
}

pub(crate) async fn connect(host: &str, database: &str) -> Result<Client, Error> {
    let (client, connection) = Config::new()
        .host(host)
        .port(variable("PGPORT", "5432").parse().unwrap())
        .user(variable("PGUSER", "postgres"))
        .dbname(database)
        .application_name("clients")
        .connect(NoTls)
        .await?;
    tokio::spawn(connection);
    Ok(client)
}

fn variable(name: &str, default: &str) -> String {
    env::var(name).unwrap_or_else(|_| default.to_owned())
}

/// One pool's line of a contribution's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub pool: String,
    pub micros: i64,
    pub current_amount: i64,
    pub version: i64,
}

/// A contribution's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contributed {
    pub lines: Vec<Line>,
    pub replayed: bool,
}

pub async fn contribute(
    client: &Client,
    game_id: &str,
    wager_amount: i64,
    operation_id: Option<&str>,
    pools: Option<&[&str]>,
) -> Result<Contributed, Error> {
    let rows = client
        .query(
            "SELECT pool, (contribution * 1000000)::bigint, current_amount, version, replayed, operation_id
               FROM jackpot_contribute($1, $2, operation_id => $3, pools => $4)",
            &[&game_id, &wager_amount, &operation_id, &pools],
        )
        .await?;
    let lines = rows
        .iter()
        .map(|row| {
            assert_eq!(row.get::<_, Option<&str>>(5), operation_id);
            Line {
                pool: row.get(0),
                micros: row.get(1),
                current_amount: row.get(2),
                version: row.get(3),
            }
        })
        .collect();
    Ok(Contributed { lines, replayed: rows.iter().any(|row| row.get(4)) })
}

/// A win's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Won {
    pub win_id: i64,
    pub pool: String,
    pub win_amount: i64,
    pub previous_amount: i64,
    pub current_amount: i64,
    pub cycle: i64,
    pub version: i64,
    pub replayed: bool,
}

pub async fn win(
    client: &Client,
    pool: &str,
    win_amount: Option<i64>,
    operation_id: Option<&str>,
) -> Result<Won, Error> {
    let row = client
        .query_one(
            "SELECT win_id, pool, win_amount, previous_amount, current_amount, cycle, version, replayed
               FROM jackpot_win($1, 'game', 'user', $2, operation_id => $3)",
            &[&pool, &win_amount, &operation_id],
        )
        .await?;
    Ok(Won {
        win_id: row.get(0),
        pool: row.get(1),
        win_amount: row.get(2),
        previous_amount: row.get(3),
        current_amount: row.get(4),
        cycle: row.get(5),
        version: row.get(6),
        replayed: row.get(7),
    })
}

pub async fn settle(client: &Client) -> i64 {
    client.query_one("SELECT jackpot_settle()", &[]).await.unwrap().get(0)
}

/// Settles until every row of the ledger is, here or by another session that is at it.
pub async fn settle_all(client: &Client) {
    let is_settled = "SELECT (SELECT coalesce(sum(cardinality(l.pool_ids)), 0) FROM jackpot.ledger l)
                           = (SELECT coalesce(sum(b.contributions + b.voids), 0) FROM jackpot.balance b)";
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        settle(client).await;
        if client.query_one(is_settled, &[]).await.unwrap().get(0) {
            break;
        }
        assert!(Instant::now() < deadline, "rows stay unsettled");
    }
}

pub async fn create_pool(
    client: &Client,
    pool: &str,
    rate: &str,
    reserve_rate: &str,
    seed: i64,
    max: Option<i64>,
) {
    client
        .execute(
            "SELECT jackpot_create_pool($1, $2::text::numeric, $3, $4, reserve_rate => $5::text::numeric)",
            &[&pool, &rate, &seed, &max, &reserve_rate],
        )
        .await
        .unwrap();
}

/// What jackpot_pools() says, by pool: current_amount, reserve_amount, total_contributions,
/// total_wagered, total_contributed, total_won, cycle, version.
pub const SHOWN: &str = "
    SELECT pool, concat_ws(' ', current_amount, trim_scale(reserve_amount), total_contributions,
                           total_wagered, trim_scale(total_contributed), total_won, cycle, version)
      FROM jackpot_pools()";

/// The same by plain SQL over every row of ledger and journal, with nothing of the extension's.
pub const SUMMED: &str = "
    SELECT p.pool,
           concat_ws(' ',
               floor(least((coalesce(l.display, 0) + j.display) * 0.000001, (p.config ->> 'max_amount')::numeric)),
               trim_scale((coalesce(l.reserve, 0) + j.reserve) * 0.000001),
               coalesce(l.contributions, 0), coalesce(l.wagered, 0),
               trim_scale((coalesce(l.display, 0) + coalesce(l.reserve, 0) + coalesce(l.voided, 0)) * 0.000001),
               j.won, 1 + j.wins, j.version + coalesce(l.rows, 0))
      FROM jackpot.pool p
      JOIN (SELECT j.pool_id, sum(j.display)::numeric AS display, sum(j.reserve)::numeric AS reserve,
                   count(*) FILTER (WHERE j.kind = 'win') AS wins,
                   trim_scale(coalesce(-sum(j.display) FILTER (WHERE j.kind = 'win'), 0) * 0.000001) AS won,
                   count(*) FILTER (WHERE j.kind IN ('create', 'win', 'void', 'adjust', 'transfer', 'plan', 'pause', 'resume')
                                       OR j.kind = 'configure' AND j.win_id IS NULL) AS version
              FROM jackpot.journal j GROUP BY j.pool_id) j ON j.pool_id = p.id
      LEFT JOIN (SELECT u.pool_id,
                        sum(u.display) + floor(coalesce(sum(u.display_remainder), 0) / 10000000000) AS display,
                        sum(u.reserve) + floor(coalesce(sum(u.reserve_remainder), 0) / 10000000000) AS reserve,
                        -sum(u.display + u.reserve) FILTER (WHERE l.voids IS NOT NULL) AS voided,
                        count(*) AS rows, count(*) FILTER (WHERE l.voids IS NULL) AS contributions,
                        sum(CASE WHEN u.rate IS NULL THEN l.wager_amount
                                 ELSE floor(l.wager_amount::numeric * u.rate / 10000000000) END) FILTER (WHERE l.voids IS NULL) AS wagered
                   FROM jackpot.ledger l
                  CROSS JOIN unnest(l.pool_ids, l.display, l.reserve, l.exchange_rates, l.display_remainders, l.reserve_remainders)
                          AS u(pool_id, display, reserve, rate, display_remainder, reserve_remainder)
                  GROUP BY u.pool_id) l ON l.pool_id = p.id";

/// The rows of a query of two text columns.
pub async fn map(client: &Client, query: &str) -> BTreeMap<String, String> {
    let rows = client.query(query, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Every pool's sums are right: by the extension's own proof, by plain SQL, and each win saw
/// exactly what stands in its cycle and those before.
pub async fn prove(client: &Client) {
    let wrong = client
        .query(
            "SELECT check_name || ' ' || detail FROM jackpot_validate() WHERE ok IS NOT true",
            &[],
        )
        .await
        .unwrap();
    let wrong: Vec<&str> = wrong.iter().map(|row| row.get(0)).collect();
    assert!(wrong.is_empty(), "jackpot_validate(): {wrong:#?}");

    assert_eq!(map(client, SHOWN).await, map(client, SUMMED).await);

    let wrong = client
        .query(
            "WITH gained AS MATERIALIZED (
                 SELECT p.id AS pool_id, h.cycle, sum(h.amount) AS amount,
                        sum(l.display_remainders[array_position(l.pool_ids, p.id)]) AS remainder
                   FROM jackpot.pool p
                  CROSS JOIN jackpot_history(p.pool, kinds => '{contribution, void}', max_rows => 1000000000) h
                   JOIN jackpot.ledger l ON l.id = h.id
                  WHERE h.wager_amount IS NOT NULL
                  GROUP BY p.id, h.cycle)
             SELECT format('pool %s cycle %s: seen %s, in these cycles %s', w.pool_id, w.cycle, s.seen, s.there)
               FROM jackpot.journal w
              CROSS JOIN LATERAL (
                    SELECT (w.before ->> 'meter')::numeric AS seen,
                           coalesce((SELECT sum(g.amount) + floor(coalesce(sum(g.remainder), 0) / 10000000000) * 0.000001
                                       FROM gained g WHERE g.pool_id = w.pool_id AND g.cycle <= w.cycle), 0)
                         + (SELECT sum(j.display) * 0.000001 FROM jackpot.journal j
                             WHERE j.pool_id = w.pool_id AND j.id < w.id) AS there) s
              WHERE w.kind = 'win' AND s.seen IS DISTINCT FROM s.there",
            &[],
        )
        .await
        .unwrap();
    let wrong: Vec<&str> = wrong.iter().map(|row| row.get(0)).collect();
    assert!(wrong.is_empty(), "wins that saw other rows than their cycle's: {wrong:#?}");
}

/// The SQLSTATE of a server's error; anything else ends the test.
pub fn sqlstate(error: &Error) -> &str {
    error.code().unwrap_or_else(|| panic!("not an error of the server: {error:?}")).code()
}
