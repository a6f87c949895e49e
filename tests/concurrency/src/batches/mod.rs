//! Batches in every form, copied streams and single calls on the same pools and with the same
//! operation ids at the same time, some of them rolled back, cancelled or timed out. All that was
//! answered is there once, nothing else is, and nobody ever waited for another in a circle.

mod comparison;
mod item;
mod player;
mod statement;

use self::comparison::compare;
use self::player::Player;
use self::statement::{Statement, send};
use crate::server::{Database, prove};
use rand::prelude::*;
use rand::rngs::StdRng;
use std::collections::BTreeMap;
use std::env;
use std::sync::Arc;

const CLIENTS: u64 = 10;
const STEPS: usize = 60;
/// An operation id that a transaction holds all the while; it sorts behind all others.
const HELD: &str = "z held";
/// Nobody waits long enough to be refused for it.
const SETTINGS: &str = "SET jackpot.lock_timeout = '10min'; SET jackpot.settle_rows = 1000";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches() {
    let seed = env::var("JACKPOT_SEED").map_or(20_261_122, |seed| seed.parse().unwrap());
    println!("batches: JACKPOT_SEED={seed}");
    let database = Arc::new(Database::create("batches").await);
    let observer = database.client().await;
    observer
        .batch_execute(&format!(
            "SELECT jackpot_create_pool('plain', 0.01, 1000, reserve_rate => 0.002);
             SELECT jackpot_create_pool('capped', 0.000123, 50, 400);
             SELECT jackpot_create_pool('odds', 0.02, 100, config => '{{\"trigger\": {{\"kind\": \"odds\", \"one_in\": {}}}}}');
             SELECT jackpot_create_pool('must', 0.03, 1000, 2000, config => '{{\"trigger\": {{\"kind\": \"must_hit_by\"}}}}')",
            item::ONE_IN
        ))
        .await
        .unwrap();
    let holder = database.client().await;
    let hold = format!("BEGIN; SELECT jackpot_contribute('game', 1, operation_id => '{HELD}')");
    holder.batch_execute(&hold).await.unwrap();

    let mut players = Vec::new();
    for number in 0..CLIENTS {
        let random = StdRng::seed_from_u64(seed * CLIENTS + number);
        let player = Player::new(number, Arc::clone(&database), random).await;
        players.push(tokio::spawn(player.play()));
    }
    let (mut book, mut refused) = (Vec::new(), BTreeMap::<String, u32>::new());
    for player in players {
        let (entries, errors) = player.await.unwrap();
        book.extend(entries);
        for (reason, count) in errors {
            *refused.entry(reason).or_default() += count;
        }
    }
    holder.batch_execute("ROLLBACK").await.unwrap();
    loop {
        let statement = Statement::ProcessInbox(1_000);
        let answer = send(&observer, &statement).await.unwrap();
        let is_empty = answer.total == 0;
        book.push((statement, answer));
        if is_empty {
            break;
        }
    }
    println!("batches: {} statements stand, refused {refused:?}", book.len());

    prove(&observer).await;
    compare(&observer, &book).await;
}
