//! The calls that players make: each with what it has done if its transaction commits.

use super::Player;
use crate::book::Done;
use rand::prelude::*;
use serde_json::json;
use tokio_postgres::{Error, Row};

impl Player {
    fn wager(&mut self) -> i64 {
        // Some are refused.
        if self.random.random_ratio(1, 30) { -1 } else { self.random.random_range(0..3_000) }
    }

    async fn query(&self, query: &str) -> Result<Vec<Row>, Error> {
        self.client.query(query, &[]).await
    }

    pub(super) async fn contribute(&mut self, call: &'static str) -> Result<Done, Error> {
        let of_this = self.named.iter().filter(|(_, _, by)| *by == call).cloned();
        let repeated = of_this.choose(&mut self.random).filter(|_| self.random.random_ratio(1, 6));
        let (id, wager, is_new) = match repeated {
            // As it was, or otherwise than it was.
            Some((id, wager, _)) => {
                (Some(id), wager + i64::from(self.random.random_bool(0.2)), false)
            }
            None => (self.random.random_bool(0.5).then(|| self.id()), self.wager(), true),
        };
        let named = id.as_ref().map_or("NULL".to_owned(), |id| format!("'{id}'"));
        let pools = if is_new && id.is_none() && self.random.random_bool(0.3) {
            *["'{first}'", "'{odds, second}'", "'{none}'", "'{}'"].choose(&mut self.random).unwrap()
        } else {
            "NULL"
        };
        let won = if call == "spin" { "win_amount" } else { "NULL::bigint" };
        let query = format!(
            "SELECT pool, (contribution * 1000000)::bigint, replayed, {won}
               FROM jackpot_{call}('game', {wager}, operation_id => {named}, pools => {pools})"
        );
        let rows = self.query(&query).await?;
        let mut done = Done::of(call);
        if rows.iter().any(|row| row.get(2)) {
            done.replay(call, 1);
            return Ok(done);
        }
        for row in &rows {
            done.bet(row.get(0), wager, row.get(1));
            if let Some(amount) = row.get(3) {
                done.win(row.get(0), amount);
            }
        }
        if let Some(id) = id {
            self.named.push((id, wager, call));
        }
        Ok(done)
    }

    fn pool(&mut self) -> &'static str {
        ["first", "second"].choose(&mut self.random).unwrap()
    }

    pub(super) async fn win(&mut self) -> Result<Done, Error> {
        let pool = self.pool();
        let amount = *["NULL", "1", "40", "100000000"].choose(&mut self.random).unwrap();
        let cycle =
            *["NULL", "NULL", "NULL", "NULL", "NULL", "99999999"].choose(&mut self.random).unwrap();
        let query = format!(
            "SELECT win_amount FROM jackpot_win('{pool}', 'game', 'user', {amount}, expected_cycle => {cycle})"
        );
        let mut done = Done::of("win");
        done.win(pool, self.query(&query).await?[0].get(0));
        Ok(done)
    }

    /// Wagers for a batch; which of them are refused is told by their sign.
    fn wagers(&mut self) -> Vec<i64> {
        (0..self.random.random_range(1..20)).map(|_| self.wager()).collect()
    }

    pub(super) async fn contribute_batch(&mut self) -> Result<Done, Error> {
        let wagers = self.wagers();
        let mut items: Vec<_> = wagers.iter().map(|wager| json!({ "game_id": "game", "wager_amount": wager, "operation_id": self.id() })).collect();
        // The first once more.
        items.push(items[0].clone());
        let is_strict = self.random.random_bool(0.2);
        let query = format!(
            "SELECT processed, failed, replayed FROM jackpot_contribute_batch('{}', '{}')",
            json!(items),
            if is_strict { "abort" } else { "continue" }
        );
        let rows = self.query(&query).await?;
        let mut done = Done::of("contribute_batch");
        let good: Vec<i64> = wagers.iter().copied().filter(|wager| *wager >= 0).collect();
        let again = i64::from(wagers[0] >= 0);
        assert_eq!(rows[0].get::<_, i64>(0), good.len() as i64 + again);
        assert_eq!(rows[0].get::<_, i64>(2), again);
        good.into_iter().for_each(|wager| done.bet_all(wager));
        done.replay("contribute_batch", again);
        Ok(done)
    }

    pub(super) async fn arrays(&mut self, call: &'static str) -> Result<Done, Error> {
        let wagers = self.wagers();
        let wins = if call == "spin_arrays" { "wins" } else { "'[]'::jsonb" };
        let query = format!(
            "SELECT processed, {wins} FROM jackpot_{call}(game_id => 'game', wager_amounts => $1)"
        );
        let row = self.client.query_one(&query, &[&wagers]).await?;
        let mut done = Done::of(call);
        let good: Vec<i64> = wagers.into_iter().filter(|wager| *wager >= 0).collect();
        assert_eq!(row.get::<_, i64>(0), good.len() as i64);
        good.into_iter().for_each(|wager| done.bet_all(wager));
        done.pay(&row.get(1));
        Ok(done)
    }

    pub(super) async fn win_batch(&mut self) -> Result<Done, Error> {
        let items: Vec<_> = (0..self.random.random_range(1..6))
            .map(|_| {
                let amount = *[1, 30, 100_000_000].choose(&mut self.random).unwrap();
                json!({ "pool": self.pool(), "game_id": "game", "user_id": "user", "win_amount": amount })
            })
            .collect();
        let query = format!("SELECT paid FROM jackpot_win_batch('{}')", json!(items));
        let mut done = Done::of("win_batch");
        done.pay(&self.query(&query).await?[0].get(0));
        Ok(done)
    }

    pub(super) async fn void(&mut self) -> Result<Done, Error> {
        // One's own, of which some were voided before, or one that was never there.
        let known = self.named.choose(&mut self.random).map(|(id, ..)| id.clone());
        let id = if self.random.random_ratio(1, 5) { None } else { known };
        let id = id.unwrap_or_else(|| self.id());
        let query = format!("SELECT pool, replayed FROM jackpot_void('{id}', 'test')");
        let rows = self.query(&query).await?;
        let mut done = Done::of("void");
        if rows[0].get(1) {
            done.replay("void", 1);
            return Ok(done);
        }
        for pool in rows.iter().filter_map(|row| row.get::<_, Option<String>>(0)) {
            done.pools.entry(pool).or_default().voids += 1;
        }
        Ok(done)
    }

    pub(super) async fn enqueue(&mut self, call: &'static str) -> Result<Done, Error> {
        let wager = self.wager();
        let arguments = match call {
            "enqueue_win" => {
                format!("'{}', 'game', 'user', {}", self.pool(), self.random.random_range(1..100))
            }
            _ => format!("'game', {wager}"),
        };
        let one = format!("jackpot_{call}({arguments}, operation_id => '{}')", self.id());
        let mut done = Done::of(call);
        // Some are repeated at once.
        let number: i64 = if self.random.random_ratio(1, 4) {
            let row = self.client.query_one(&format!("SELECT {one}, {one}"), &[]).await?;
            assert_eq!(row.get::<_, i64>(0), row.get::<_, i64>(1));
            done.add(Done::of(call));
            done.replay(call, 1);
            row.get(0)
        } else {
            self.query(&format!("SELECT {one}")).await?[0].get(0)
        };
        if call != "enqueue_win" {
            done.bet_all(wager);
        }
        if call != "enqueue_contribution" {
            done.enqueued.push(number);
        }
        Ok(done)
    }
}
