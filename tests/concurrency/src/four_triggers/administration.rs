//! What a player does between wagers: corrections, transfers, confirmations and configuration.

use crate::four_triggers::book::Entry;
use crate::four_triggers::call::token;
use crate::four_triggers::player::{Answer, Player};
use crate::four_triggers::{ONE_IN, RATES, VERIFY_ABOVE};
use rand::prelude::*;

impl Player {
    /// What needs no operation_id.
    pub async fn administer(&mut self) {
        let (pool, other) = (self.pool(), self.pool());
        let amount = self.random.random_range(1..300);
        let wins = self.book.iter().flat_map(Entry::wins).collect::<Vec<_>>();
        let a_win = wins.choose(&mut self.random).map(|(win_id, _, amount)| (*win_id, *amount));
        let mut done = Vec::new();
        let result = match self.random.random_range(0..7) {
            0 => {
                let amount = if self.random.random_bool(0.5) { amount } else { -amount };
                done.push(Entry::Adjusted(pool, amount));
                let statement = "SELECT jackpot_adjust($1, $2, 'correction')";
                self.client.execute(statement, &[&pool, &amount]).await.map(drop)
            }
            1 if pool != other => {
                done.push(Entry::Transferred(pool, other, amount));
                let statement = "SELECT jackpot_transfer($1, $2, $3, 'balance')";
                self.client.execute(statement, &[&pool, &other, &amount]).await.map(drop)
            }
            2 | 3 => match a_win {
                Some((win_id, amount)) => self.confirm(win_id, amount, &mut done).await,
                None => Ok(()),
            },
            _ => self.configure(pool).await,
        };
        match result {
            Ok(()) => self.book.append(&mut done),
            Err(error) => self.refuse(error, false),
        }
    }

    /// A win is confirmed once, if it is large and was not cancelled.
    async fn confirm(&mut self, win_id: i64, amount: i64, done: &mut Vec<Entry>) -> Answer {
        let is_over =
            |entry: &Entry| matches!(entry, Entry::Cancelled(known, ..) if *known == win_id);
        let is_over = self.book.iter().any(is_over);
        let statement = "SELECT status FROM jackpot_confirm_win($1, 'cheque')";
        match self.client.query_one(statement, &[&win_id]).await {
            Ok(row) => {
                assert!(amount >= VERIFY_ABOVE && !is_over, "{win_id} of {amount}");
                assert_eq!(row.get::<_, &str>(0), "paid");
                done.push(Entry::Confirmed(win_id));
                Ok(())
            }
            Err(error) if token(&error) == "win_state" => {
                assert!(amount < VERIFY_ABOVE || is_over, "{win_id} of {amount}");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn configure(&mut self, pool: &'static str) -> Answer {
        let rate = RATES.choose(&mut self.random).unwrap();
        let ceiling = self.random.random_range(2_000..6_000);
        let seed = self.random.random_range(500..1_500);
        let (change, effective) = match self.random.random_range(0..5) {
            // With a hidden threshold a new one is drawn.
            0 | 1 => (format!(r#"{{"max_amount": {ceiling}}}"#), "now"),
            2 => (format!(r#"{{"contribution_rate": 0.{rate:06}}}"#), "now"),
            3 => (format!(r#"{{"max_amount": {ceiling}, "seed_amount": {seed}}}"#), "next_cycle"),
            _ if pool == "odds" => {
                let one_in = ONE_IN / self.random.random_range(1..4);
                let change = format!(r#"{{"trigger": {{"kind": "odds", "one_in": {one_in}}}}}"#);
                (change, if self.random.random_bool(0.5) { "now" } else { "next_cycle" })
            }
            _ => (format!(r#"{{"reserve_rate": 0.{rate:06}}}"#), "next_cycle"),
        };
        let statement = "SELECT jackpot_update_config($1, $2::text::jsonb, effective => $3)";
        self.client.execute(statement, &[&pool, &change, &effective]).await.map(drop)
    }

    /// Only one client does this, so that one pool at a time is paused.
    pub async fn pause_and_resume(&mut self) {
        let pool = self.pool();
        for statement in ["SELECT jackpot_pause($1)", "SELECT jackpot_resume($1)"] {
            while let Err(error) = self.client.execute(statement, &[&pool]).await {
                self.refuse(error, false);
            }
        }
    }

    /// Only one client does this, so that no two rates begin at one moment.
    pub async fn set_exchange_rate(&mut self) {
        let rate = format!("0.0{}", self.random.random_range(700_000_001..999_999_999_i64));
        let statement = "SELECT jackpot_set_exchange_rate('SEK', 'EUR', $1::text::numeric)";
        self.client.execute(statement, &[&rate]).await.unwrap();
    }
}
