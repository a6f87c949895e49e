//! What a player checks of each answer.

use crate::four_triggers::book::{Entry, repeat, voided};
use crate::four_triggers::call::{Taken, Wager, token, void, wager};
use crate::four_triggers::player::{Answer, Player};
use crate::four_triggers::{POOLS, STEPS};
use crate::server::sqlstate;
use std::collections::BTreeSet;
use tokio_postgres::Error;

impl Player {
    pub async fn wager(&mut self, asked: Wager, done: &mut Vec<Entry>) -> Answer {
        let (lines, replayed) = wager(&self.client, &asked).await?;
        assert!(!replayed, "{asked:?}");
        let fed = lines.iter().map(|line| line.pool.as_str()).collect::<BTreeSet<_>>();
        match &asked.pools {
            Some(pools) => assert_eq!(fed, pools.iter().copied().collect()),
            // At most one is paused.
            None => assert!(fed.len() >= POOLS.len() - 1),
        }
        for line in &lines {
            assert!(line.micros >= 0 && line.won.is_none_or(|(_, amount)| amount > 0), "{line:?}");
            assert!(line.won.is_none() || line.pool != "manual", "{line:?}");
        }
        done.push(Entry::Wagered(asked, lines));
        Ok(())
    }

    /// Voids an operation of this player, or one that has not come.
    pub async fn void(&mut self, id: &str, done: &mut Vec<Entry>) -> Answer {
        let (taken, replayed) = void(&self.client, id).await?;
        let all = || self.book.iter().chain(done.iter());
        let first = all().find_map(|entry| match entry {
            Entry::Voided(voided, taken) if voided == id => Some(taken),
            _ => None,
        });
        if let Some(first) = first {
            assert!(replayed);
            assert_eq!(taken, *first, "{id}");
            return Ok(());
        }
        assert!(!replayed);
        let lines = all().find_map(|entry| match entry {
            Entry::Wagered(wager, lines) if wager.id.as_deref() == Some(id) => Some(lines.clone()),
            _ => None,
        });
        let mut gave: Vec<(Option<String>, i64)> = lines
            .unwrap_or_default()
            .into_iter()
            .map(|line| (Some(line.pool), line.micros))
            .collect();
        if gave.is_empty() {
            gave.push((None, 0));
        }
        let took = taken.iter().map(|taken| (taken.pool.clone(), taken.voided));
        assert_eq!(took.collect::<Vec<_>>(), gave, "{id}");
        for Taken { voided, from_meter, from_reserve, from_house, .. } in &taken {
            assert_eq!(from_meter + from_reserve + from_house, *voided, "{id}: {taken:?}");
            assert!(*from_meter >= 0 && *from_reserve >= 0 && *from_house >= 0, "{id}: {taken:?}");
        }
        done.push(Entry::Voided(id.to_owned(), taken));
        Ok(())
    }

    /// Cancels a win of this player, if it has not done so.
    pub async fn cancel(&mut self, win_id: i64, amount: i64, done: &mut Vec<Entry>) -> Answer {
        let row = self
            .client
            .query_one(
                "SELECT pool, win_amount, status FROM jackpot_cancel_win($1, 'void')",
                &[&win_id],
            )
            .await?;
        assert_eq!((row.get::<_, i64>(1), row.get::<_, &str>(2)), (amount, "cancelled"));
        let is_known =
            |entry: &Entry| matches!(entry, Entry::Cancelled(known, ..) if *known == win_id);
        if !self.book.iter().chain(done.iter()).any(is_known) {
            done.push(Entry::Cancelled(win_id, row.get(0), amount));
        }
        Ok(())
    }

    /// Asks again for something that this player did.
    pub async fn repeat(&mut self) {
        let Some(entry) = self.any_of(&[], Entry::has_id) else { return };
        if let Err(error) = repeat(&self.client, &entry, &voided(&self.book)).await {
            self.refuse(error, false);
        }
    }

    /// Counts an error that this traffic brings about; any other is a failure.
    pub fn refuse(&mut self, error: Error, keeps_snapshot: bool) {
        let code = sqlstate(&error).to_owned();
        let token = token(&error);
        match (code.as_str(), token.as_str()) {
            ("23514", "insufficient_funds") | ("55000", "pool_not_active") => {}
            // Transactions that lock several pools lock each other out.
            ("40P01", _) | ("55P03", "lock_timeout") => {}
            ("40001", "version_conflict") if keeps_snapshot => {}
            _ => panic!("{error:?}"),
        }
        let count = self.refused.entry(code).or_default();
        *count += 1;
        assert!(*count < STEPS as u32, "refused without end: {error:?}");
    }
}
