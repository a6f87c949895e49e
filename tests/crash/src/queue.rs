//! The queue as its users see it.

use crate::server::{Database, prove};
use crate::servers::PATIENCE;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use tokio::time::sleep;
use tokio_postgres::Client;

/// What can be enqueued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Contribution,
    Spin,
    DelayedSpin,
    Win,
}

pub const KINDS: [Kind; 4] = [Kind::Contribution, Kind::Spin, Kind::DelayedSpin, Kind::Win];

/// What was enqueued. Its label is its game, and no other's.
#[derive(Clone, Debug)]
pub struct Item {
    pub id: i64,
    pub kind: Kind,
    pub label: String,
}

/// A call that enqueues, with the label as operation_id too if it is to be named.
pub fn call(kind: Kind, label: &str, amount: i64, named: bool) -> String {
    let operation =
        if named { format!("operation_id => '{label}'") } else { "operation_id => NULL".into() };
    match kind {
        Kind::Contribution => {
            format!("jackpot_enqueue_contribution('{label}', {amount}, {operation})")
        }
        Kind::Spin => format!("jackpot_enqueue_spin('{label}', {amount}, {operation})"),
        Kind::DelayedSpin => {
            format!("jackpot_enqueue_spin('{label}', {amount}, {operation}, delay => '200 ms')")
        }
        Kind::Win => format!(
            "jackpot_enqueue_win('plain', '{label}', 'user', win_amount => {amount}, {operation})"
        ),
    }
}

/// Enqueues it under an operation_id.
pub async fn enqueue(client: &Client, kind: Kind, label: &str, amount: i64) -> Item {
    let query = format!("SELECT {}", call(kind, label, amount, true));
    let id = client.query_one(&query, &[]).await.unwrap().get(0);
    Item { id, kind, label: label.to_owned() }
}

/// One of each kind.
pub async fn enqueue_all(client: &Client, label: &str) -> Vec<Item> {
    let mut items = Vec::new();
    for kind in KINDS {
        items.push(enqueue(client, kind, &format!("{label} {kind:?}"), 50).await);
    }
    items
}

/// Three pools, one for each way to win: by a call, by chance, before a ceiling.
pub async fn create_pools(database: &Database) {
    database
        .client()
        .await
        .batch_execute(
            r#"SELECT jackpot_create_pool('plain', 0.01, 100, reserve_rate => 0.005);
               SELECT jackpot_create_pool('odds', 0.01, 1000, config => '{"trigger": {"kind": "odds", "one_in": 50000}}');
               SELECT jackpot_create_pool('must', 0.1, 100, 5000, config => '{"trigger": {"kind": "must_hit_by"}}')"#,
        )
        .await
        .unwrap();
}

/// Waits until the query, of one boolean, says true.
pub async fn until(client: &Client, what: &str, query: &str) {
    let deadline = Instant::now() + PATIENCE;
    while client.query_one(query, &[]).await.unwrap().get::<_, Option<bool>>(0) != Some(true) {
        assert!(Instant::now() < deadline, "still not so: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

pub async fn until_empty(client: &Client) {
    until(client, "the queue is empty", "SELECT jackpot_queue_health() ->> 'depth' = '0'").await;
}

pub async fn health(client: &Client) -> Value {
    client.query_one("SELECT jackpot_queue_health()", &[]).await.unwrap().get(0)
}

/// How many wait.
pub async fn depth(client: &Client) -> i64 {
    health(client).await["depth"].as_i64().unwrap()
}

/// Draws, pays and settles here, until nothing waits.
pub async fn process(client: &Client) {
    let deadline = Instant::now() + PATIENCE;
    while depth(client).await > 0 {
        client.execute("SELECT * FROM jackpot_process_queue()", &[]).await.unwrap();
        assert!(Instant::now() < deadline, "processing the queue does not empty it");
        sleep(Duration::from_millis(10)).await;
    }
}

/// The worker's process in this client's database.
pub async fn worker(client: &Client) -> Option<i32> {
    process_of(client, "jackpot worker", "datname = current_database()").await
}

pub async fn launcher(client: &Client) -> Option<i32> {
    process_of(client, "jackpot launcher", "true").await
}

async fn process_of(client: &Client, backend_type: &str, condition: &str) -> Option<i32> {
    let query = format!(
        "SELECT pid FROM pg_stat_activity WHERE backend_type = '{backend_type}' AND {condition}"
    );
    let rows = client.query(&query, &[]).await.unwrap();
    assert!(rows.len() <= 1, "{} processes are {backend_type}", rows.len());
    rows.first().map(|row| row.get(0))
}

/// Waits for a worker other than this one.
pub async fn until_worker(client: &Client, not: Option<i32>) -> i32 {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match worker(client).await {
            Some(pid) if not != Some(pid) => return pid,
            _ => assert!(Instant::now() < deadline, "no worker comes"),
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// What jackpot_queue_item() says about each.
pub struct Said {
    pub status: String,
    pub result: Value,
    pub sqlstate: Option<String>,
}

pub async fn say(client: &Client, items: &[Item]) -> BTreeMap<i64, Said> {
    let ids: Vec<i64> = items.iter().map(|item| item.id).collect();
    let query = "SELECT u.id, i.status, coalesce(i.result, 'null'), i.sqlstate
                   FROM unnest($1::bigint[]) AS u(id) CROSS JOIN LATERAL jackpot_queue_item(u.id) AS i";
    let rows = client.query(query, &[&ids]).await.unwrap();
    assert_eq!(rows.len(), ids.len());
    let said = |row: &tokio_postgres::Row| {
        let said = Said { status: row.get(1), result: row.get(2), sqlstate: row.get(3) };
        (row.get(0), said)
    };
    rows.iter().map(said).collect()
}

/// Their statuses, in order.
pub async fn statuses(client: &Client, items: &[Item]) -> Vec<String> {
    let said = say(client, items).await;
    items.iter().map(|item| said[&item.id].status.clone()).collect()
}

/// Waits until nothing pends of these, whatever else does.
pub async fn until_done(client: &Client, items: &[Item]) {
    let deadline = Instant::now() + PATIENCE;
    while statuses(client, items).await.iter().any(|status| status == "pending") {
        assert!(Instant::now() < deadline, "they are not applied: {items:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// By label: the rows of the ledger, and the wins with their pools.
pub struct Applied {
    pub ledger: BTreeMap<String, Vec<i64>>,
    pub wins: BTreeMap<String, BTreeMap<i64, i32>>,
}

impl Applied {
    pub async fn read(client: &Client) -> Self {
        let mut applied = Applied { ledger: BTreeMap::new(), wins: BTreeMap::new() };
        let query = "SELECT l.game_id, l.id, l.operation_id FROM jackpot.ledger l";
        for row in client.query(query, &[]).await.unwrap() {
            let label: String = row.get(0);
            let named: Option<String> = row.get(2);
            assert!(named.is_none_or(|named| named == label));
            applied.ledger.entry(label).or_default().push(row.get(1));
        }
        let query = "SELECT w.game_id, w.id, w.pool_id, l.game_id
                       FROM jackpot.win w LEFT JOIN jackpot.ledger l ON l.id = w.ledger_id";
        for row in client.query(query, &[]).await.unwrap() {
            let label: String = row.get(0);
            let wager: Option<String> = row.get(3);
            assert!(wager.is_none_or(|wager| wager == label));
            applied.wins.entry(label).or_default().insert(row.get(1), row.get(2));
        }
        applied
    }

    pub fn ledger(&self, label: &str) -> &[i64] {
        self.ledger.get(label).map_or(&[], Vec::as_slice)
    }

    pub fn wins(&self, label: &str) -> BTreeSet<i64> {
        self.wins.get(label).into_iter().flat_map(BTreeMap::keys).copied().collect()
    }

    /// No wager hits a pool twice.
    fn check_pools(&self, label: &str) {
        let pools: BTreeSet<_> =
            self.wins.get(label).into_iter().flat_map(BTreeMap::values).collect();
        assert_eq!(pools.len(), self.wins(label).len(), "{label}");
    }
}

/// Each item was applied once, and says so; only a win may have been refused.
pub async fn check(client: &Client, items: &[Item]) -> Applied {
    let applied = Applied::read(client).await;
    let said = say(client, items).await;
    for item in items {
        let Said { status, result, sqlstate } = &said[&item.id];
        let (label, wins) = (&item.label, applied.wins(&item.label));
        if item.kind == Kind::Win {
            assert_eq!(applied.ledger(label), &[] as &[i64], "{item:?}");
            match status.as_str() {
                "applied" => assert_eq!(wins, [number(&result["win_id"])].into(), "{item:?}"),
                "failed" => {
                    assert_eq!(sqlstate.as_deref(), Some("23514"), "{item:?}");
                    assert!(wins.is_empty(), "{item:?}");
                }
                _ => panic!("{item:?} is {status}"),
            }
        } else {
            assert_eq!(status, "applied", "{item:?}");
            assert_eq!(applied.ledger(label), &[number(&result["ledger_id"])], "{item:?}");
            if item.kind != Kind::DelayedSpin {
                assert_eq!(applied.ledger(label), &[item.id]);
            }
            let told = result["wins"].as_array().unwrap();
            let told = told.iter().map(|win| number(&win["win_id"])).collect();
            assert_eq!(wins, told, "{item:?}");
            applied.check_pools(label);
        }
    }
    applied
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// The books are right and every win verifies. Nobody is at work.
pub async fn prove_all(client: &Client) {
    prove(client).await;
    let count = async |query: &str| -> i64 { client.query_one(query, &[]).await.unwrap().get(0) };
    let unverified = "SELECT count(*) FROM jackpot.win w CROSS JOIN LATERAL jackpot_verify_win(w.id) v WHERE v.ok IS NOT TRUE";
    assert_eq!(count(unverified).await, 0, "wins do not verify");
    let different =
        "SELECT count(*) FROM jackpot_reconcile() r WHERE r.difference IS DISTINCT FROM 0";
    assert_eq!(count(different).await, 0, "jackpot_reconcile() finds a difference");
}
