//! What players know to have been committed.

use std::collections::BTreeMap;
use tokio_postgres::Client;

/// Each pool with what of a wager it gets, display and reserve together, in millionths.
pub const POOLS: [(&str, i64); 4] =
    [("first", 15_345), ("second", 20_000), ("odds", 10_000), ("must", 100_000)];

pub async fn create_pools(client: &Client) {
    client
        .batch_execute(
            r#"SELECT jackpot_create_pool('first', 0.012345, 100, reserve_rate => 0.003);
               SELECT jackpot_create_pool('second', 0.02, 0, 100000);
               SELECT jackpot_create_pool('odds', 0.01, 100, config => '{"trigger": {"kind": "odds", "one_in": 20000}}');
               SELECT jackpot_create_pool('must', 0.1, 100, 5000, config => '{"trigger": {"kind": "must_hit_by"}}')"#,
        )
        .await
        .unwrap();
}

/// What was done: one call's, or that of all calls which have been committed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Done {
    pub calls: BTreeMap<&'static str, i64>,
    pub replays: BTreeMap<&'static str, i64>,
    pub pools: BTreeMap<String, Pool>,
    /// Items of the queue.
    pub enqueued: Vec<i64>,
}

/// Of one pool; what it was given in micros.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pool {
    pub bets: i64,
    pub wagered: i64,
    pub contributed: i64,
    pub voids: i64,
    pub wins: i64,
    pub won: i64,
}

impl Done {
    pub fn of(call: &'static str) -> Self {
        Done { calls: [(call, 1)].into(), ..Done::default() }
    }

    pub fn bet(&mut self, pool: &str, wager: i64, micros: i64) {
        let pool = self.pools.entry(pool.to_owned()).or_default();
        (pool.bets, pool.wagered) = (pool.bets + 1, pool.wagered + wager);
        pool.contributed += micros;
    }

    /// In all pools.
    pub fn bet_all(&mut self, wager: i64) {
        for (pool, rate) in POOLS {
            self.bet(pool, wager, wager * rate);
        }
    }

    pub fn win(&mut self, pool: &str, amount: i64) {
        let pool = self.pools.entry(pool.to_owned()).or_default();
        (pool.wins, pool.won) = (pool.wins + 1, pool.won + amount);
    }

    pub fn replay(&mut self, call: &'static str, times: i64) {
        if times > 0 {
            *self.replays.entry(call).or_default() += times;
        }
    }

    pub fn add(&mut self, other: Done) {
        for (call, count) in other.calls {
            *self.calls.entry(call).or_default() += count;
        }
        for (call, count) in other.replays {
            *self.replays.entry(call).or_default() += count;
        }
        for (pool, more) in other.pools {
            let pool = self.pools.entry(pool).or_default();
            pool.bets += more.bets;
            pool.wagered += more.wagered;
            pool.contributed += more.contributed;
            pool.voids += more.voids;
            pool.wins += more.wins;
            pool.won += more.won;
        }
        self.enqueued.extend(other.enqueued);
    }
}

/// What all players know.
#[derive(Debug, Default)]
pub struct Book {
    pub done: Done,
    /// Calls that were refused, by their token.
    pub errors: BTreeMap<(&'static str, String), i64>,
}

impl Done {
    /// Wins of a batch.
    pub fn pay(&mut self, wins: &serde_json::Value) {
        for win in wins.as_array().unwrap() {
            self.win(win["pool"].as_str().unwrap(), win["win_amount"].as_i64().unwrap());
        }
    }
}
