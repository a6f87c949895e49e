//! Spins in one batch do what the same spins do one by one: the same rows, the same hits wherever
//! chance has no part in them, and the same amounts in between.

use crate::server::{Database, SHOWN, map, prove};
use rand::prelude::*;
use rand::rngs::StdRng;
use std::env;
use tokio_postgres::Client;

const SPINS: usize = 600;
/// A wager of so much feeds the pool with odds, and then always hits it.
const ONE_IN: i64 = 5_000;

struct Spin {
    id: Option<String>,
    user_id: String,
    amount: i64,
    currency: Option<&'static str>,
}

#[tokio::test]
async fn one_batch_equals_many_calls() {
    let seed = env::var("JACKPOT_SEED").map_or(20_261_122, |seed| seed.parse().unwrap());
    println!("one_batch_equals_many_calls: JACKPOT_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let spins: Vec<Spin> = (0..SPINS).map(|number| any_spin(number, &mut random)).collect();
    let batched = create("one_batch").await;
    let single = create("many_calls").await;

    let wins = spin_at_once(&batched, &spins).await;
    assert_eq!(wins, spin_one_by_one(&single, &spins).await);

    prove(&batched).await;
    prove(&single).await;
    for query in [LEDGER, WINS, CONTRIBUTED] {
        assert_eq!(rows(&batched, query).await, rows(&single, query).await, "{query}");
    }
    let (mut batched, mut single) = (map(&batched, SHOWN).await, map(&single, SHOWN).await);
    // Hit where it was drawn to be hit, which is within the wagers of this test.
    assert!(batched.remove("wide").is_some() && single.remove("wide").is_some());
    assert_eq!(batched, single);
}

/// The threshold of "narrow" lies so near the seed that each wager passes it, and its overflow
/// stays; that of "wide" can lie anywhere.
async fn create(name: &str) -> Client {
    let client = Database::create(name).await.client().await;
    client
        .batch_execute(&format!(
            r#"SELECT jackpot_create_pool('manual', 0.012345, 1000, 1500, reserve_rate => 0.000321);
               SELECT jackpot_create_pool('odds', 0.01, 100, 400, reserve_rate => 0.01,
                   config => '{{"min_wager": {ONE_IN}, "trigger": {{"kind": "odds", "one_in": {ONE_IN}}}}}');
               SELECT jackpot_create_pool('narrow', 0.001, 499, 500, currency => 'EUR',
                   config => '{{"min_wager": 1000, "trigger": {{"kind": "must_hit_by"}}}}');
               SELECT jackpot_create_pool('wide', 0.02, 100, 2000, currency => 'EUR',
                   config => '{{"trigger": {{"kind": "must_hit_by"}}}}');
               SELECT jackpot_set_exchange_rate('SEK', 'EUR', 0.9873512694)"#
        ))
        .await
        .unwrap();
    client
}

fn any_spin(number: usize, random: &mut StdRng) -> Spin {
    Spin {
        id: random.random_bool(0.5).then(|| format!("spin {number}")),
        user_id: format!("user {number}"),
        amount: match random.random_range(0..10) {
            0 => 0,
            1 => random.random_range(ONE_IN..2 * ONE_IN),
            // In any currency enough to pass a threshold one unit away, or too little to feed it.
            2 => random.random_range(1_100..ONE_IN),
            _ => random.random_range(1..900),
        },
        currency: *[None, Some("EUR"), Some("SEK")].choose(random).unwrap(),
    }
}

/// How many wins there were on each pool where chance has no part, in the order of their names.
type Wins = Vec<(String, i64)>;

async fn spin_at_once(client: &Client, spins: &[Spin]) -> Wins {
    let ids: Vec<Option<&str>> = spins.iter().map(|spin| spin.id.as_deref()).collect();
    let user_ids: Vec<&str> = spins.iter().map(|spin| spin.user_id.as_str()).collect();
    let amounts: Vec<i64> = spins.iter().map(|spin| spin.amount).collect();
    let currencies: Vec<Option<&str>> = spins.iter().map(|spin| spin.currency).collect();
    let rows = client
        .query(
            "SELECT b.processed, b.replayed, w ->> 'pool', (w ->> 'win_amount')::bigint
               FROM jackpot_spin_arrays(game_id => 'game', wager_amounts => $1, user_ids => $2,
                                        operation_ids => $3, currencies => $4) b
              CROSS JOIN jsonb_array_elements(b.wins) WITH ORDINALITY AS w(w, place)
              WHERE w ->> 'pool' <> 'wide' ORDER BY place",
            &[&amounts, &user_ids, &ids, &currencies],
        )
        .await
        .unwrap();
    assert_eq!((rows[0].get(0), rows[0].get(1)), (spins.len() as i64, 0_i64));
    rows.iter().map(|row| (row.get(2), row.get(3))).collect()
}

async fn spin_one_by_one(client: &Client, spins: &[Spin]) -> Wins {
    let mut wins = Wins::new();
    for Spin { id, user_id, amount, currency } in spins {
        let rows = client
            .query(
                "SELECT pool, win_amount
                   FROM jackpot_spin('game', $1, $2, $3, currency => $4)
                  WHERE won AND pool <> 'wide'",
                &[amount, user_id, id, currency],
            )
            .await
            .unwrap();
        wins.extend(rows.iter().map(|row| (row.get(0), row.get(1))));
    }
    assert!(wins.iter().any(|(pool, _)| pool == "odds"));
    assert!(wins.iter().any(|(pool, _)| pool == "narrow"));
    wins
}

const LEDGER: &str =
    "SELECT (l.operation_id, l.user_id, l.currency, l.wager_amount, l.pool_ids, l.display, l.reserve,
             l.exchange_rates, l.display_remainders, l.reserve_remainders)::text
       FROM jackpot.ledger l ORDER BY l.id";
const WINS: &str =
    "SELECT (p.pool, w.cycle, w.operation_id, w.user_id, w.win_amount, w.previous_amount,
             w.current_amount, w.version, v.ok)::text
       FROM jackpot.win w JOIN jackpot.pool p ON p.id = w.pool_id CROSS JOIN jackpot_verify_win(w.id) v
      WHERE p.pool <> 'wide' ORDER BY p.pool, w.cycle";
const CONTRIBUTED: &str = "SELECT (pool, total_contributions, total_wagered, total_contributed)::text FROM jackpot_pools()";

async fn rows(client: &Client, query: &str) -> Vec<String> {
    client.query(query, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}
