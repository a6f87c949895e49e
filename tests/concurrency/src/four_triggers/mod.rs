//! Spins on a pool of each kind of trigger, mixed with all that may come between; afterwards the
//! books of the clients and of the database agree to the micro, and every hit verifies.

mod administration;
mod answers;
mod book;
mod call;
mod commitments;
mod comparison;
mod player;
mod voids;

use self::book::{Entry, repeat, voided};
use self::call::{Wager, wager};
use self::commitments::{compare_commitments, watch};
use self::comparison::{compare_periods, compare_sums, compare_wins};
use self::player::Player;
use crate::server::{Database, prove};
use rand::prelude::*;
use rand::rngs::StdRng;
use std::collections::BTreeMap;
use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio_postgres::Client;

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
