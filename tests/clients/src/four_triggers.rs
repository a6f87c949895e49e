//! Spins on a pool of each kind of trigger, mixed with all that may come between; afterwards the
//! books of the clients and of the database agree to the micro, and every hit verifies.

use crate::server::{Database, Won, prove, settle, sqlstate, win};
use rand::prelude::*;
use rand::rngs::StdRng;
use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio_postgres::{Client, Error};

const CLIENTS: u64 = 16;
const STEPS: usize = 100;
const POOLS: [&str; 4] = ["manual", "odds", "must", "timed"];
/// In millionths, as rates that changes of configuration choose from.
const RATES: [i64; 3] = [10_000, 20_001, 54_321];
/// A wager of so much always hits the odds, whatever they are changed to.
const ONE_IN: i64 = 40_000;
/// A wager of so much takes the meter above every ceiling.
const ABOVE_ALL: i64 = 1_000_000;
const VERIFY_ABOVE: i64 = 2_500;

/// A wager as the client asks for it.
#[derive(Clone, Debug)]
struct Wager {
    id: Option<String>,
    is_spin: bool,
    amount: i64,
    currency: Option<&'static str>,
    pools: Option<Vec<&'static str>>,
}

/// One pool's line of a wager's result.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    pool: String,
    micros: i64,
    current_amount: Option<i64>,
    version: Option<i64>,
    won: Option<(i64, i64)>,
}

/// One pool's line of a void's result, in micros; no pool where there was nothing to take.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Taken {
    pool: Option<String>,
    voided: i64,
    from_meter: i64,
    from_reserve: i64,
    from_house: i64,
}

/// What was answered.
#[derive(Clone, Debug)]
enum Entry {
    Wagered(Wager, Vec<Line>),
    Won(Option<String>, Option<i64>, Won),
    Voided(String, Vec<Taken>),
    Confirmed(i64),
    /// The win, and the pool that got its money back.
    Cancelled(i64, String, i64),
    Adjusted(&'static str, i64),
    Transferred(&'static str, &'static str, i64),
}

impl Entry {
    /// Whether it can be asked for again.
    fn has_id(&self) -> bool {
        match self {
            Entry::Wagered(wager, _) => wager.id.is_some(),
            Entry::Won(id, ..) => id.is_some(),
            Entry::Voided(..) => true,
            _ => false,
        }
    }

    /// The wins that it tells of: number, pool, amount.
    fn wins(&self) -> Vec<(i64, &str, i64)> {
        match self {
            Entry::Wagered(_, lines) => {
                let won = |line: &'_ Line| line.won;
                let wins = lines.iter().filter_map(|line| won(line).map(|won| (line, won)));
                wins.map(|(line, (win_id, amount))| (win_id, line.pool.as_str(), amount)).collect()
            }
            Entry::Won(_, _, won) => vec![(won.win_id, &won.pool, won.win_amount)],
            _ => Vec::new(),
        }
    }
}

async fn wager(client: &Client, wager: &Wager) -> Result<(Vec<Line>, bool), Error> {
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

async fn void(client: &Client, id: &str) -> Result<(Vec<Taken>, bool), Error> {
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
fn token(error: &Error) -> String {
    let detail = error.as_db_error().and_then(|error| error.detail()).unwrap_or_default();
    detail.split(':').next().unwrap_or_default().to_owned()
}

struct Player {
    number: u64,
    client: Client,
    random: StdRng,
    /// What was answered and committed.
    book: Vec<Entry>,
    /// Wagers with an id that were undone, so that the id is free again.
    undone: Vec<Wager>,
    next_id: u32,
    refused: BTreeMap<String, u32>,
}

type Answer = Result<(), Error>;

impl Player {
    async fn play(mut self) -> (Vec<Entry>, BTreeMap<String, u32>) {
        for step in 0..STEPS {
            if step == STEPS / 2 {
                self.void_in_every_way().await;
            }
            match self.random.random_range(0..100) {
                0..8 if self.number == 0 => self.pause_and_resume().await,
                0..8 if self.number == 1 => self.set_exchange_rate().await,
                0..60 => self.alone().await,
                60..80 => self.block().await,
                80..92 => self.repeat().await,
                92..97 => self.administer().await,
                _ => assert!(settle(&self.client).await >= 0),
            }
        }
        (self.book, self.refused)
    }

    /// One call by itself; of two statements the first stands whatever becomes of the second.
    async fn alone(&mut self) {
        let mut done = Vec::new();
        let result = self.call(&mut done).await;
        self.book.append(&mut done);
        if let Err(error) = result {
            self.refuse(error, false);
        }
    }

    /// Several in a transaction that may be rolled back, as a whole or in part.
    async fn block(&mut self) {
        let keeps_snapshot = self.random.random_ratio(1, 3);
        let level = if keeps_snapshot { "REPEATABLE READ" } else { "READ COMMITTED" };
        self.client.batch_execute(&format!("BEGIN ISOLATION LEVEL {level}")).await.unwrap();
        let mut done = Vec::new();
        let result = self.calls(&mut done, keeps_snapshot).await;
        if result.is_ok() && self.random.random_ratio(3, 4) {
            self.client.batch_execute("COMMIT").await.unwrap();
            self.book.append(&mut done);
        } else {
            self.client.batch_execute("ROLLBACK").await.unwrap();
            self.undo(done);
        }
        if let Err(error) = result {
            self.refuse(error, keeps_snapshot);
        }
    }

    async fn calls(&mut self, done: &mut Vec<Entry>, keeps_snapshot: bool) -> Answer {
        for _ in 0..self.random.random_range(1..=4) {
            if self.random.random_ratio(1, 3) {
                self.client.batch_execute("SAVEPOINT one").await?;
                let before = done.len();
                let result = self.call(done).await;
                if result.is_err() || self.random.random_bool(0.5) {
                    self.client.batch_execute("ROLLBACK TO SAVEPOINT one").await?;
                    let undone = done.split_off(before);
                    self.undo(undone);
                }
                if let Err(error) = result {
                    self.refuse(error, keeps_snapshot);
                }
            } else {
                self.call(done).await?;
            }
        }
        Ok(())
    }

    fn undo(&mut self, entries: Vec<Entry>) {
        self.undone.extend(entries.into_iter().filter_map(|entry| match entry {
            Entry::Wagered(wager, _) if wager.id.is_some() => Some(wager),
            _ => None,
        }));
    }

    /// A new operation at random.
    async fn call(&mut self, done: &mut Vec<Entry>) -> Answer {
        match self.random.random_range(0..100) {
            0..80 => {
                let wager = match self.undone.pop() {
                    Some(wager) => wager,
                    None => self.any_wager(),
                };
                self.wager(wager, done).await
            }
            80..84 => {
                let id = self.random.random_bool(0.5).then(|| self.id());
                let amount = self.random.random_bool(0.5).then(|| self.random.random_range(1..500));
                let pool = if self.random.random_bool(0.7) { "manual" } else { self.pool() };
                let won = win(&self.client, pool, amount, id.as_deref()).await?;
                assert!(!won.replayed);
                assert_eq!(won.win_amount, amount.unwrap_or(won.previous_amount));
                done.push(Entry::Won(id, amount, won));
                Ok(())
            }
            84..86 => {
                let id = self.id();
                self.void(&id, done).await
            }
            _ => match self.any_of(done, |entry| matches!(entry, Entry::Wagered(..))) {
                Some(Entry::Wagered(Wager { id: Some(id), .. }, lines)) => {
                    for (win_id, amount) in lines.iter().filter_map(|line| line.won) {
                        self.cancel(win_id, amount, done).await?;
                    }
                    self.void(&id, done).await
                }
                _ => Ok(()),
            },
        }
    }

    fn pool(&mut self) -> &'static str {
        POOLS.choose(&mut self.random).unwrap()
    }

    fn id(&mut self) -> String {
        self.next_id += 1;
        format!("{}-{}", self.number, self.next_id)
    }

    fn any_wager(&mut self) -> Wager {
        Wager {
            id: self.random.random_bool(0.6).then(|| self.id()),
            is_spin: self.random.random_ratio(5, 6),
            amount: match self.random.random_range(0..3) {
                0 => self.random.random_range(0..10),
                _ => self.random.random_range(10..4_000),
            },
            currency: *[None, Some("EUR"), Some("SEK")].choose(&mut self.random).unwrap(),
            pools: self.random.random_ratio(1, 3).then(|| {
                let count = self.random.random_range(1..=POOLS.len());
                POOLS.choose_multiple(&mut self.random, count).copied().collect()
            }),
        }
    }

    /// One of the entries that have been committed or are being made.
    fn any_of(&mut self, done: &[Entry], wanted: fn(&Entry) -> bool) -> Option<Entry> {
        let all = self.book.iter().chain(done).filter(|entry| wanted(entry)).collect::<Vec<_>>();
        all.choose(&mut self.random).map(|entry| (*entry).clone())
    }

    async fn wager(&mut self, asked: Wager, done: &mut Vec<Entry>) -> Answer {
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
    async fn void(&mut self, id: &str, done: &mut Vec<Entry>) -> Answer {
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
    async fn cancel(&mut self, win_id: i64, amount: i64, done: &mut Vec<Entry>) -> Answer {
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
    async fn repeat(&mut self) {
        let Some(entry) = self.any_of(&[], Entry::has_id) else { return };
        if let Err(error) = repeat(&self.client, &entry, &voided(&self.book)).await {
            self.refuse(error, false);
        }
    }

    /// What needs no operation_id.
    async fn administer(&mut self) {
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
    async fn pause_and_resume(&mut self) {
        let pool = self.pool();
        for statement in ["SELECT jackpot_pause($1)", "SELECT jackpot_resume($1)"] {
            while let Err(error) = self.client.execute(statement, &[&pool]).await {
                self.refuse(error, false);
            }
        }
    }

    /// Only one client does this, so that no two rates begin at one moment.
    async fn set_exchange_rate(&mut self) {
        let rate = format!("0.0{}", self.random.random_range(700_000_001..999_999_999_i64));
        let statement = "SELECT jackpot_set_exchange_rate('SEK', 'EUR', $1::text::numeric)";
        self.client.execute(statement, &[&rate]).await.unwrap();
    }

    /// In the same cycle, in a later one, before the wager, twice, and of a spin that won.
    async fn void_in_every_way(&mut self) {
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

    /// Counts an error that this traffic brings about; any other is a failure.
    fn refuse(&mut self, error: Error, keeps_snapshot: bool) {
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

/// What was voided, and what that took.
fn voided(book: &[Entry]) -> BTreeMap<String, Vec<Taken>> {
    let voided = book.iter().filter_map(|entry| match entry {
        Entry::Voided(id, taken) => Some((id.clone(), taken.clone())),
        _ => None,
    });
    voided.collect()
}

/// Does once more what an entry tells of: it gives exactly what it gave.
async fn repeat(client: &Client, entry: &Entry, voided: &BTreeMap<String, Vec<Taken>>) -> Answer {
    match entry {
        Entry::Wagered(asked, lines) => match wager(client, asked).await {
            Err(error) if token(&error) == "operation_voided" => {
                assert!(voided.contains_key(asked.id.as_ref().unwrap()), "{asked:?}");
            }
            result => {
                let (again, replayed) = result?;
                assert!(!voided.contains_key(asked.id.as_ref().unwrap()), "{asked:?}");
                assert_eq!((&again, replayed), (lines, !lines.is_empty()), "{asked:?}");
            }
        },
        Entry::Won(id, amount, won) => {
            let again = win(client, &won.pool, *amount, id.as_deref()).await?;
            assert_eq!(again, Won { replayed: true, ..won.clone() }, "{id:?}");
        }
        Entry::Voided(id, taken) => {
            assert_eq!(void(client, id).await?, (taken.clone(), true), "{id}");
        }
        _ => {}
    }
    Ok(())
}

/// The commitments that were published, by pool, cycle and config_version: none is ever replaced
/// while these stand.
type Published = BTreeMap<(String, i64, i64), Option<String>>;

/// Reads the pools until it is over: none ever shows more than its ceiling or less than nothing.
async fn watch(client: Client, over: Arc<AtomicBool>) -> Published {
    let mut published = Published::new();
    while !over.load(Ordering::Relaxed) {
        let rows = client
            .query(
                "SELECT pool, cycle, config_version, commitment, current_amount, max_amount, reserve_amount >= 0
                   FROM jackpot_pools()",
                &[],
            )
            .await
            .unwrap();
        for row in rows {
            let pool: String = row.get(0);
            let (current_amount, max_amount): (i64, i64) = (row.get(4), row.get(5));
            assert!((0..=max_amount).contains(&current_amount), "{pool} shows {current_amount}");
            assert!(row.get::<_, bool>(6), "{pool} has a negative reserve");
            let commitment: Option<String> = row.get(3);
            assert_eq!(commitment.is_some(), ["must", "timed"].contains(&pool.as_str()));
            let key = (pool, row.get(1), row.get(2));
            let first = published.entry(key.clone()).or_insert_with(|| commitment.clone());
            assert_eq!(*first, commitment, "{key:?}");
        }
    }
    published
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_triggers() {
    let seed = env::var("JACKPOT_SEED").map_or(20_261_122, |seed| seed.parse().unwrap());
    println!("four_triggers: JACKPOT_SEED={seed}");
    let database = Database::create("four_triggers").await;
    let observer = database.client().await;
    let triggers = [
        r#"{"kind": "manual"}"#.to_owned(),
        format!(r#"{{"kind": "odds", "one_in": {ONE_IN}}}"#),
        r#"{"kind": "must_hit_by"}"#.to_owned(),
        r#"{"kind": "scheduled", "every": "1 second"}"#.to_owned(),
    ];
    for (pool, trigger) in POOLS.iter().zip(triggers) {
        let config = format!(r#"{{"trigger": {trigger}, "verify_above": {VERIFY_ABOVE}}}"#);
        observer
            .execute(
                "SELECT jackpot_create_pool($1, 0.03, 1000, 4000, reserve_rate => 0.01, currency => 'EUR',
                                            config => $2::text::jsonb)",
                &[pool, &config],
            )
            .await
            .unwrap();
    }
    observer
        .execute("SELECT jackpot_set_exchange_rate('SEK', 'EUR', 0.0873512694)", &[])
        .await
        .unwrap();

    let over = Arc::new(AtomicBool::new(false));
    let watchers: Vec<_> = database
        .clients(2)
        .await
        .into_iter()
        .map(|client| tokio::spawn(watch(client, Arc::clone(&over))))
        .collect();
    let mut players = Vec::new();
    for (number, client) in (0..).zip(database.clients(CLIENTS as usize).await) {
        // A short tail, so that calls settle while others draw; nobody waits long.
        let totals = if number % 4 == 3 { "off" } else { "on" };
        let settings = format!(
            "SET jackpot.settle_rows = 300; SET jackpot.totals = {totals};
             SET deadlock_timeout = '20ms'; SET jackpot.lock_timeout = '1s'"
        );
        client.batch_execute(&settings).await.unwrap();
        let random = StdRng::seed_from_u64(seed * CLIENTS + number);
        let (book, undone, refused) = (Vec::new(), Vec::new(), BTreeMap::new());
        let player = Player { number, client, random, book, undone, next_id: 0, refused };
        players.push(tokio::spawn(player.play()));
    }
    let (mut book, mut refused) = (Vec::new(), BTreeMap::<String, u32>::new());
    for player in players {
        let (entries, errors) = player.await.unwrap();
        book.extend(entries);
        for (code, count) in errors {
            *refused.entry(code).or_default() += count;
        }
    }
    hit_each(&observer, &mut book).await;
    over.store(true, Ordering::Relaxed);
    println!("four_triggers: {} entries, refused {refused:?}", book.len());

    let voided = voided(&book);
    for entry in book.iter().filter(|entry| entry.has_id()) {
        repeat(&observer, entry, &voided).await.unwrap();
    }
    prove(&observer).await;
    compare_wins(&observer, &book).await;
    compare_sums(&observer, &book).await;
    compare_periods(&observer).await;
    for watcher in watchers {
        compare_commitments(&observer, watcher.await.unwrap()).await;
    }
}

/// Spins that are certain to hit: above all ceilings, as large as the odds, and after a window of
/// a second and the one that the present moment may lie in.
async fn hit_each(observer: &Client, book: &mut Vec<Entry>) {
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    let pools = Some(vec!["odds", "must", "timed"]);
    let asked = Wager { id: None, is_spin: true, amount: ABOVE_ALL, currency: None, pools };
    let (lines, _) = wager(observer, &asked).await.unwrap();
    assert!(lines.len() == 3 && lines.iter().all(|line| line.won.is_some()), "{lines:?}");
    book.push(Entry::Wagered(asked, lines));
}

/// Every win that was answered is there with its amount and no other is; each verifies, and paid no
/// more than its ceiling; each cycle has one.
async fn compare_wins(observer: &Client, book: &[Entry]) {
    let answered: BTreeMap<i64, (&str, i64)> = book
        .iter()
        .flat_map(Entry::wins)
        .map(|(win_id, pool, amount)| (win_id, (pool, amount)))
        .collect();
    assert_eq!(answered.len(), book.iter().flat_map(Entry::wins).count(), "a win answered twice");
    let rows = observer
        .query(
            "SELECT w.id, p.pool, w.win_amount, v.ok, v.detail, w.win_amount <= least(w.previous_amount, c.max_amount),
                    w.cycle = row_number() OVER (PARTITION BY w.pool_id ORDER BY j.id), w.status
               FROM jackpot.win w
               JOIN jackpot.pool p ON p.id = w.pool_id
               JOIN jackpot.journal j ON j.win_id = w.id AND j.kind = 'win'
              CROSS JOIN jackpot_verify_win(w.id) v
              CROSS JOIN LATERAL (SELECT (c.after ->> 'max_amount')::bigint AS max_amount FROM jackpot.journal c
                                   WHERE c.pool_id = w.pool_id AND c.kind IN ('create', 'configure') AND c.id < j.id
                                   ORDER BY c.id DESC LIMIT 1) c",
            &[],
        )
        .await
        .unwrap();
    let mut there = BTreeMap::new();
    for row in &rows {
        let (win_id, amount): (i64, i64) = (row.get(0), row.get(2));
        assert!(row.get::<_, bool>(3), "win {win_id}: {}", row.get::<_, &str>(4));
        assert!(row.get::<_, bool>(5), "win {win_id} of {amount} is above the ceiling");
        assert!(row.get::<_, bool>(6), "win {win_id} is not the next of its pool");
        let moved = |wanted: fn(&Entry) -> Option<i64>| {
            book.iter().any(|entry| wanted(entry) == Some(win_id))
        };
        let is_cancelled = moved(|entry| match entry {
            Entry::Cancelled(win_id, ..) => Some(*win_id),
            _ => None,
        });
        let is_confirmed = moved(|entry| match entry {
            Entry::Confirmed(win_id) => Some(*win_id),
            _ => None,
        });
        let status = match (is_cancelled, is_confirmed || amount < VERIFY_ABOVE) {
            (true, _) => "cancelled",
            (false, true) => "paid",
            (false, false) => "pending",
        };
        assert_eq!(row.get::<_, &str>(7), status, "win {win_id} of {amount}");
        there.insert(win_id, (row.get::<_, &str>(1), amount));
    }
    assert_eq!((rows.len(), there), (answered.len(), answered));
}

/// Each pool's account is what the clients' book says.
async fn compare_sums(observer: &Client, book: &[Entry]) {
    for pool in POOLS {
        let micros = |amount: i64| i128::from(amount) * 1_000_000;
        let (mut wagers, mut contributed, mut voided, mut won) = (0, 0, 0, 0);
        let (mut adjusted, mut moved_in, mut moved_out) = (0, 0, 0);
        for entry in book {
            for (_, at, amount) in entry.wins() {
                won += if at == pool { micros(amount) } else { 0 };
            }
            match entry {
                Entry::Wagered(_, lines) => {
                    for line in lines.iter().filter(|line| line.pool == pool) {
                        wagers += 1;
                        contributed += i128::from(line.micros);
                    }
                }
                Entry::Voided(_, taken) => {
                    for taken in taken.iter().filter(|taken| taken.pool.as_deref() == Some(pool)) {
                        voided += i128::from(taken.voided);
                    }
                }
                Entry::Cancelled(_, at, amount) if at == pool => adjusted += micros(*amount),
                Entry::Adjusted(at, amount) if *at == pool => adjusted += micros(*amount),
                Entry::Transferred(from, to, amount) => {
                    moved_out += if *from == pool { micros(*amount) } else { 0 };
                    moved_in += if *to == pool { micros(*amount) } else { 0 };
                }
                _ => {}
            }
        }
        // Conversions leave parts of a micro that no answer tells of.
        let row = observer
            .query_one(
                "SELECT p.total_contributions,
                        ((r.contributions - c.carried * 0.000001) * 1000000)::text, (r.voids * 1000000)::text,
                        (r.wins * 1000000)::text, (r.adjustments * 1000000)::text, (r.transfers_in * 1000000)::text,
                        (r.transfers_out * 1000000)::text
                   FROM jackpot_pool($1) p JOIN jackpot_reconcile() r USING (pool)
                  CROSS JOIN (SELECT floor(sum(u.display) / 10000000000) + floor(sum(u.reserve) / 10000000000) AS carried
                                FROM jackpot.ledger l
                               CROSS JOIN unnest(l.pool_ids, l.display_remainders, l.reserve_remainders) AS u(id, display, reserve)
                                JOIN jackpot.pool o ON o.id = u.id AND o.pool = $1) c",
                &[&pool],
            )
            .await
            .unwrap();
        let sum = |column: usize| {
            let text: &str = row.get(column);
            let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
            assert!(fraction.chars().all(|digit| digit == '0'), "{pool}: {text}");
            whole.parse::<i128>().unwrap()
        };
        let account = [1, 2, 3, 4, 5, 6].map(sum);
        assert_eq!(row.get::<_, i64>(0), wagers, "{pool}");
        assert_eq!(account, [contributed, voided, won, adjusted, moved_in, moved_out], "{pool}");
    }
    let rows = observer.query("SELECT operation_id FROM jackpot.void", &[]).await.unwrap();
    let there: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(there, voided(book).into_keys().collect());
}

/// The account differs by nothing, as a whole and in three periods, which add up to it.
async fn compare_periods(observer: &Client) {
    let wrong = observer
        .query(
            "WITH bounds AS (
                 SELECT percentile_disc(ARRAY[0.3, 0.7]) WITHIN GROUP (ORDER BY l.at) AS bounds FROM jackpot.ledger l),
             periods AS (
                 SELECT p.number, r.* FROM bounds b
                  CROSS JOIN LATERAL (VALUES (1, NULL, b.bounds[1]), (2, b.bounds[1], b.bounds[2]), (3, b.bounds[2], NULL))
                                  AS p(number, since, until)
                  CROSS JOIN jackpot_reconcile(since => p.since, until => p.until) r),
             sums AS (
                 SELECT p.pool, sum(p.movements) AS movements, sum(p.contributions) AS contributions, sum(p.seeds) AS seeds,
                        sum(p.adjustments) AS adjustments, sum(p.voids) AS voids, sum(p.transfers_in) AS transfers_in,
                        sum(p.transfers_out) AS transfers_out, sum(p.wins) AS wins, sum(p.difference) AS difference,
                        sum(abs(p.difference)) AS wrong, min(p.opening) FILTER (WHERE p.number = 1) AS opening,
                        min(p.closing) FILTER (WHERE p.number = 3) AS closing,
                        bool_and(p.number = 1 OR p.opening = p.former) AS joined
                   FROM (SELECT p.*, lag(p.closing) OVER (PARTITION BY p.pool ORDER BY p.number) AS former FROM periods p) p
                  GROUP BY p.pool)
             SELECT format('%s: %s and %s', w.pool, w, s)
               FROM jackpot_reconcile() w LEFT JOIN sums s USING (pool)
              WHERE (w.movements, w.contributions, w.seeds, w.adjustments, w.voids, w.transfers_in, w.transfers_out,
                     w.wins, w.difference, 0, w.opening, w.closing, true)
                    IS DISTINCT FROM
                    (s.movements, s.contributions, s.seeds, s.adjustments, s.voids, s.transfers_in, s.transfers_out,
                     s.wins, s.difference, s.wrong, s.opening, s.closing, s.joined)
                 OR w.difference <> 0",
            &[],
        )
        .await
        .unwrap();
    let wrong: Vec<&str> = wrong.iter().map(|row| row.get(0)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What was published is what the win revealed, or what was revealed when it was replaced, or waits
/// for its win.
async fn compare_commitments(observer: &Client, published: Published) {
    let rows = observer
        .query(
            "SELECT p.pool, w.cycle, c.config_version, w.commitment
               FROM jackpot.win w JOIN jackpot.pool p ON p.id = w.pool_id
               JOIN jackpot.journal j ON j.win_id = w.id AND j.kind = 'win'
              CROSS JOIN LATERAL (SELECT max(c.config_version) AS config_version FROM jackpot.journal c
                                   WHERE c.pool_id = w.pool_id AND c.id < j.id) c
             UNION ALL
             SELECT p.pool, p.cycle, p.config_version, p.commitment FROM jackpot.pool p
             UNION ALL
             SELECT p.pool, j.cycle, NULL, encode(sha256((j.before ->> 'secret')::bytea), 'hex')
               FROM jackpot.journal j JOIN jackpot.pool p ON p.id = j.pool_id
              WHERE j.kind = 'commit' AND j.before IS NOT NULL",
            &[],
        )
        .await
        .unwrap();
    let mut last = Published::new();
    let mut revealed = BTreeSet::<(String, i64, Option<String>)>::new();
    for row in rows {
        let (pool, cycle): (String, i64) = (row.get(0), row.get(1));
        if let Some(config_version) = row.get::<_, Option<i64>>(2) {
            last.insert((pool.clone(), cycle, config_version), row.get(3));
        }
        revealed.insert((pool, cycle, row.get(3)));
    }
    assert!(!published.is_empty());
    for ((pool, cycle, config_version), commitment) in published {
        let key = (pool.clone(), cycle, config_version);
        if let Some(of_the_win) = last.get(&key) {
            assert_eq!(commitment, *of_the_win, "{key:?}");
        }
        assert!(revealed.contains(&(pool, cycle, commitment)), "{key:?} was never revealed");
    }
}
