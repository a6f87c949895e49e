//! What the extension says of itself.

use crate::servers::PATIENCE;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::future::poll_fn;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{sleep, timeout};
use tokio_postgres::{AsyncMessage, Client, Config, NoTls};

/// Alerts are evaluated so often that nobody waits for them, and announced.
pub const ALERTS: [&str; 2] = ["jackpot.alert_interval=200ms", "jackpot.notify_alerts=on"];

pub async fn health(client: &Client) -> Value {
    client.query_one("SELECT jackpot_health()", &[]).await.unwrap().get(0)
}

/// What is wrong by that token. Only issues that are more than information are unhealthy.
pub async fn issue(client: &Client, token: &str) -> Option<Value> {
    let health = health(client).await;
    let issues = health["issues"].as_array().unwrap();
    let is_healthy = issues.iter().all(|issue| issue["severity"] == "info");
    assert_eq!(health["healthy"], is_healthy, "{health}");
    for issue in issues {
        let is_told = |key: &str| issue[key].as_str().is_some_and(|text| !text.is_empty());
        assert!(is_told("message") && is_told("hint"), "{issue}");
    }
    issues.iter().find(|issue| issue["token"] == token).cloned()
}

/// Waits until it is wrong, so severely. Gives the message.
pub async fn until_issue(client: &Client, token: &str, severity: &str) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let issue = issue(client, token).await;
        match issue {
            Some(issue) if issue["severity"] == severity => {
                return issue["message"].as_str().unwrap().to_owned();
            }
            _ => assert!(Instant::now() < deadline, "no {token}, {severity}: {issue:?}"),
        }
        sleep(Duration::from_millis(50)).await;
    }
}

pub async fn until_no_issue(client: &Client, token: &str) {
    let deadline = Instant::now() + PATIENCE + Duration::from_secs(30);
    while let Some(issue) = issue(client, token).await {
        assert!(Instant::now() < deadline, "still {issue}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// Alerts on latencies know no least number of calls: one that is slow by chance is wrong for a minute.
pub async fn ignore_latencies(client: &Client) {
    let off = "SELECT jackpot_set_alert('call_p95_ms', NULL, NULL), jackpot_set_alert('win_p95_ms', NULL, NULL)";
    client.batch_execute(off).await.unwrap();
}

/// Waits until nothing is wrong, where latencies are ignored.
pub async fn until_healthy(client: &Client) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let health = health(client).await;
        if health["issues"].as_array().unwrap().is_empty() {
            break;
        }
        assert!(Instant::now() < deadline, "still {health}");
        sleep(Duration::from_millis(50)).await;
    }
    none_raised(client).await;
}

async fn none_raised(client: &Client) {
    let raised = "SELECT NOT EXISTS (SELECT FROM jackpot_alerts() WHERE state = 'raised')";
    crate::queue::until(client, "no alert is raised", raised).await;
    let metric =
        "SELECT sum(value) = 0 FROM jackpot_metrics() WHERE name = 'jackpot_alerts_raised'";
    crate::queue::until(client, "no alert counts as raised", metric).await;
}

/// Waits until the alert is raised, so severely. Gives its value.
pub async fn until_raised(client: &Client, metric: &str, severity: &str) -> f64 {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let query = "SELECT value::float8, threshold <= value AND raised_at <= clock_timestamp() AND coalesce(meaning <> '', labels <> '{}')
                       FROM jackpot_alerts() WHERE metric = $1 AND severity = $2 AND state = 'raised' AND cleared_at IS NULL";
        if let Some(row) = client.query_opt(query, &[&metric, &severity]).await.unwrap() {
            assert!(row.get::<_, bool>(1), "{metric}");
            let query = "SELECT value > 0 FROM jackpot_metrics() WHERE name = 'jackpot_alerts_raised' AND labels ->> 'severity' = $1";
            assert!(client.query_one(query, &[&severity]).await.unwrap().get::<_, bool>(0));
            return row.get(0);
        }
        assert!(Instant::now() < deadline, "{metric} is not raised, {severity}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until the alert, which was raised, is so no more.
pub async fn until_cleared(client: &Client, metric: &str) {
    let deadline = Instant::now() + PATIENCE;
    let query = "SELECT count(*) FILTER (WHERE state = 'raised') = 0, count(*) > 0, bool_and(cleared_at >= raised_at)
                   FROM jackpot_alerts() WHERE metric = $1";
    loop {
        let row = client.query_one(query, &[&metric]).await.unwrap();
        if row.get(0) {
            assert!(row.get::<_, bool>(1) && row.get::<_, bool>(2), "{metric}");
            break;
        }
        assert!(Instant::now() < deadline, "{metric} is still raised");
        sleep(Duration::from_millis(50)).await;
    }
}

/// Hears jackpot_alert.
pub struct Listener {
    // The connection lasts as long as it.
    _client: Client,
    heard: UnboundedReceiver<Value>,
}

impl Listener {
    pub async fn new(host: &str, database: &str) -> Self {
        let (client, mut connection) = Config::new()
            .host(host)
            .port(env::var("PGPORT").unwrap_or_default().parse().unwrap_or(5432))
            .user("postgres")
            .dbname(database)
            .application_name("listener")
            .connect(NoTls)
            .await
            .unwrap();
        let (sender, heard) = unbounded_channel();
        tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await
            {
                if let AsyncMessage::Notification(notification) = message {
                    assert_eq!(notification.channel(), "jackpot_alert");
                    let _ = sender.send(serde_json::from_str(notification.payload()).unwrap());
                }
            }
        });
        client.batch_execute("LISTEN jackpot_alert").await.unwrap();
        Listener { _client: client, heard }
    }

    /// Waits for this one; others may come before.
    pub async fn hear(&mut self, metric: &str, severity: &str, state: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let heard = timeout(left, self.heard.recv()).await;
            let heard =
                heard.unwrap_or_else(|_| panic!("{metric}, {severity}, {state} is not heard"));
            let heard = heard.unwrap();
            if heard["metric"] == metric && heard["severity"] == severity && heard["state"] == state
            {
                assert_eq!(heard["cleared_at"].is_null(), state == "raised", "{heard}");
                return heard;
            }
        }
    }
}

/// In the file, as an administrator does without a restart.
pub async fn set(client: &Client, name: &str, value: &str) {
    client.batch_execute(&format!("ALTER SYSTEM SET {name} = {value}")).await.unwrap();
    client.batch_execute("SELECT pg_reload_conf()").await.unwrap();
}

pub async fn reset(client: &Client, name: &str) {
    client.batch_execute(&format!("ALTER SYSTEM RESET {name}")).await.unwrap();
    client.batch_execute("SELECT pg_reload_conf()").await.unwrap();
}

/// The metrics of a moment.
pub struct Metrics(Vec<Series>);

struct Series {
    name: String,
    labels: Value,
    /// In millionths.
    value: i64,
    kind: String,
}

impl Metrics {
    pub async fn read(client: &Client) -> Self {
        let query = "SELECT name, labels, (value * 1000000)::bigint, kind, help <> '' FROM jackpot_metrics()";
        let rows = client.query(query, &[]).await.unwrap();
        let series = rows.iter().map(|row| {
            assert!(row.get::<_, bool>(4));
            Series { name: row.get(0), labels: row.get(1), value: row.get(2), kind: row.get(3) }
        });
        let metrics = Metrics(series.collect());
        let names = metrics.0.iter().map(|series| (&series.name, series.labels.to_string()));
        assert_eq!(names.collect::<BTreeSet<_>>().len(), metrics.0.len(), "some are there twice");
        metrics
    }

    /// In millionths; 0 where there is no such series.
    pub fn micros(&self, name: &str, labels: &[(&str, &str)]) -> i64 {
        self.series(name, labels).map(|(_, value)| value).sum()
    }

    pub fn get(&self, name: &str, labels: &[(&str, &str)]) -> i64 {
        let micros = self.micros(name, labels);
        assert_eq!(micros % 1_000_000, 0, "{name} {labels:?} is {micros} millionths");
        micros / 1_000_000
    }

    /// The series that have these labels, and perhaps others.
    pub fn series<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&str, &str)],
    ) -> impl Iterator<Item = (&'a Value, i64)> {
        let has_all = |of: &Value| labels.iter().all(|(name, value)| of[name] == *value);
        let series = self.0.iter().filter(move |of| of.name == name && has_all(&of.labels));
        series.map(|series| (&series.labels, series.value))
    }

    /// Nothing that is counted has become less.
    pub fn check_counters_since(&self, before: &Metrics) {
        let of = |series: &Series| (series.name.clone(), series.labels.to_string());
        let now: BTreeMap<_, _> = self.0.iter().map(|series| (of(series), series.value)).collect();
        for series in before.0.iter().filter(|series| series.kind != "gauge") {
            let value = now.get(&of(series)).copied().unwrap_or(0);
            assert!(value >= series.value, "{:?}: {value} after {}", of(series), series.value);
        }
    }
}
