//! A player's voids that must be there in every run, whatever chance brings.

use crate::four_triggers::ONE_IN;
use crate::four_triggers::book::{Entry, voided};
use crate::four_triggers::call::{Line, Taken, Wager, token, void, wager};
use crate::four_triggers::player::Player;
use crate::server::sqlstate;

impl Player {
    /// In the same cycle, in a later one, before the wager, twice, and of a spin that won.
    pub async fn void_in_every_way(&mut self) {
        // Others do not see the wager, so none of their wins can have closed its cycle.
        let same_cycle = self.odds_wager(1_000, false);
        let id = same_cycle.id.clone().unwrap();
        loop {
            let mut done = Vec::new();
            self.client.batch_execute("BEGIN").await.unwrap();
            let mut result = self.wager(same_cycle.clone(), &mut done).await;
            if result.is_ok() {
                result = self.void(&id, &mut done).await;
            }
            match result {
                Ok(()) => {
                    self.client.batch_execute("COMMIT").await.unwrap();
                    self.book.append(&mut done);
                    break;
                }
                Err(error) => {
                    self.client.batch_execute("ROLLBACK").await.unwrap();
                    self.refuse(error, false);
                }
            }
        }

        let paid_out = self.odds_wager(1_000, false);
        self.insist_on_wager(&paid_out).await;
        let hits = self.odds_wager(ONE_IN, true);
        let lines = self.insist_on_wager(&hits).await;
        let (win_id, amount) = lines[0].won.expect("the odds are certain");
        let taken = self.insist_on_void(paid_out.id.as_ref().unwrap()).await;
        assert_eq!(taken[0].from_meter, 0, "{taken:?}");
        assert_eq!(self.insist_on_void(paid_out.id.as_ref().unwrap()).await, taken);

        let id = hits.id.as_ref().unwrap();
        let error = void(&self.client, id).await.expect_err("a void of a wager that won");
        assert_eq!((sqlstate(&error), token(&error).as_str()), ("55000", "operation_won"));
        let mut done = Vec::new();
        while let Err(error) = self.cancel(win_id, amount, &mut done).await {
            self.refuse(error, false);
        }
        self.book.append(&mut done);
        self.insist_on_void(id).await;

        let never = self.odds_wager(1_000, true);
        self.insist_on_void(never.id.as_ref().unwrap()).await;
        for voided in [paid_out, hits, never] {
            let error = wager(&self.client, &voided).await.expect_err("a wager that was voided");
            assert_eq!((sqlstate(&error), token(&error).as_str()), ("55000", "operation_voided"));
        }
    }

    fn odds_wager(&mut self, amount: i64, is_spin: bool) -> Wager {
        let pools = Some(vec!["odds"]);
        Wager { id: Some(self.id()), is_spin, amount, currency: None, pools }
    }

    async fn insist_on_wager(&mut self, asked: &Wager) -> Vec<Line> {
        let mut done = Vec::new();
        while let Err(error) = self.wager(asked.clone(), &mut done).await {
            self.refuse(error, false);
        }
        let Some(Entry::Wagered(_, lines)) = done.last().cloned() else { unreachable!() };
        self.book.append(&mut done);
        lines
    }

    async fn insist_on_void(&mut self, id: &str) -> Vec<Taken> {
        let mut done = Vec::new();
        while let Err(error) = self.void(id, &mut done).await {
            self.refuse(error, false);
        }
        self.book.append(&mut done);
        voided(&self.book)[id].clone()
    }
}
