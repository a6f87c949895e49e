//! Out of one database and into another.

use crate::image::{books, export, prove};
use crate::moving::{findings, fixture, migrate, moved, number, refused, rollback, text};
use crate::server::Database;
use serde_json::Value;
use std::collections::BTreeMap;
use tokio_postgres::Client;

/// Everything that a database may hold: wins, voids, transfers, reserves, remainders of a currency,
/// hidden triggers, a paused pool, settings.
async fn play(client: &Client) {
    client
        .batch_execute(
            r#"SELECT jackpot_create_pool('minor', 0.012345, 100, 50000, reserve_rate => 0.003);
               SELECT jackpot_create_pool('major', 0.02, 1000, config => '{"min_wager": 20, "game_ids": ["slot1", "slot2"], "verify_above": 500}');
               SELECT jackpot_create_pool('mega', 0.01, 5000, config => '{"trigger": {"kind": "odds", "one_in": 5000000}}');
               SELECT jackpot_create_pool('must', 0.1, 100, 50000, currency => 'EUR', config => '{"trigger": {"kind": "must_hit_by"}}');
               SELECT jackpot_set_exchange_rate('SEK', 'EUR', 0.0873512694);
               SELECT jackpot_contribute('slot' || i % 3, 100 + i, user_id => 'ann 🎰 "x"', operation_id => 'bet-' || i, operator_id => 'acme', game_category => 'slots', metadata => '{"n": 1.50}')
                 FROM generate_series(1, 60) i;
               SELECT jackpot_contribute('slot1', 333, currency => 'SEK', operation_id => 'sek', pools => '{must}');
               SELECT jackpot_contribute('slot1', 50);
               SELECT jackpot_win('minor', 'slot1', 'bob', 50, operation_id => 'win-1', metadata => '{"why": "luck"}');
               SELECT jackpot_win('major', 'slot1', 'cem', operation_id => 'win-2');
               SELECT jackpot_confirm_win(win_id, 'cheque 7') FROM jackpot_win('major', 'slot1', 'dan', 600);
               SELECT jackpot_contribute('slot1', 1000, operation_id => 'late-' || i) FROM generate_series(1, 5) i;
               SELECT jackpot_void('bet-9', 'refund');
               SELECT jackpot_void('late-2', 'refund');
               SELECT jackpot_adjust('mega', 12, 'found');
               SELECT jackpot_transfer('mega', 'minor', 3, 'moved');
               SELECT jackpot_update_config('minor', '{"contribution_rate": 0.02}');
               SELECT jackpot_pause('mega', 'lunch')"#,
        )
        .await
        .unwrap();
}

/// Two exports are byte-identical; else the first part of them that differs is told.
fn same(ours: &str, theirs: &str) {
    let parse = |export: &str| serde_json::from_str::<BTreeMap<String, Value>>(export).unwrap();
    let (our_parts, their_parts) = (parse(ours), parse(theirs));
    for (name, their_part) in their_parts {
        let list = |part: &Value| part.as_array().cloned().unwrap_or_else(|| vec![part.clone()]);
        let (our_part, their_part) = (list(&our_parts[&name]), list(&their_part));
        for (ours, theirs) in our_part.iter().zip(&their_part) {
            assert_eq!(ours, theirs, "{name}");
        }
        assert_eq!(our_part.len(), their_part.len(), "{name}");
    }
    assert_eq!(ours, theirs);
}

/// There and back again.
async fn round_trip(client: &Client, name: &str, include_ledger: bool) {
    let state = export(client, include_ledger).await;
    assert_eq!(serde_json::from_str::<Value>(&state).unwrap()["format"], "jackpot/1", "{state}");
    let other = Database::create(name).await.client().await;
    let steps = migrate(&other, &state, "").await.unwrap();
    // An export is clean.
    assert_eq!(steps.iter().filter(|step| step.status == "refused").count(), 0, "{steps:#?}");
    same(&export(&other, include_ledger).await, &state);
    prove(&other).await;
    let shown = "SELECT string_agg((to_jsonb(p) - '{as_of,last_modified_at,lock_holder,commitment,total_contributions,total_wagered,total_contributed,total_wins,total_won,cycle,config_version}'::text[])::text, E'\\n' ORDER BY pool) FROM jackpot_pools() p";
    assert_eq!(text(&other, shown).await, text(client, shown).await);

    // Once more, from there: nothing wears off.
    let third = Database::create(&format!("{name}_again")).await.client().await;
    migrate(&third, &export(&other, include_ledger).await, "batch_size => 7").await.unwrap();
    same(&export(&third, include_ledger).await, &state);
    assert_eq!(books(&third).await["pools"], books(&other).await["pools"]);
    prove(&third).await;

    // And it plays on: what was known is known, what was taken back stays so.
    if state.contains("\"bet-1\"") {
        let replay = "SELECT bool_and(replayed) FROM jackpot_contribute('slot1', 101, user_id => 'ann 🎰 \"x\"', operation_id => 'bet-1', operator_id => 'acme', game_category => 'slots', metadata => '{\"n\": 1.50}')";
        match other.query_one(replay, &[]).await {
            Ok(row) => assert_eq!(row.get::<_, Option<bool>>(0), Some(true)),
            Err(error) => assert_eq!(error.code().unwrap().code(), "23505"),
        }
    }
    other.batch_execute("SELECT jackpot_contribute('slot1', 1000, operation_id => 'new'); SELECT jackpot_win('minor', 'slot1', 'ann')").await.unwrap();
    prove(&other).await;
    let (code, _) = refused(rollback(&other, &number(&steps).to_string()).await);
    assert_eq!(code, "55000");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_life_with_everything() {
    let client = Database::create("export").await.client().await;
    play(&client).await;
    prove(&client).await;
    let told = export(&client, true).await;
    assert_eq!(export(&client, true).await, told, "equal states give equal exports");
    for secret in ["salt", "secret"] {
        assert!(!told.contains(secret), "an export must not tell what is hidden: {told}");
    }
    round_trip(&client, "export_all", true).await;
    round_trip(&client, "export_pools", false).await;
}

/// In steps of its own each, it is the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn step_by_step() {
    let client = Database::create("export_steps").await.client().await;
    play(&client).await;
    let state = export(&client, true).await;
    let other = Database::create("export_steps_other").await.client().await;
    for step in ["pools", "contributions", "wins", "voids", "triggers"] {
        migrate(&other, &state, &format!("steps => '{{{step}}}'")).await.unwrap();
        prove(&other).await;
    }
    same(&export(&other, true).await, &state);
}

/// What was migrated is exported as what it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_migrated_state() {
    let client = Database::create("export_of").await.client().await;
    migrate(&client, &fixture("clean.json"), "").await.unwrap();
    round_trip(&client, "export_of_all", true).await;
    round_trip(&client, "export_of_pools", false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_nothing() {
    let client = Database::create("export_nothing").await.client().await;
    let state = export(&client, true).await;
    let steps = migrate(&client, &state, "").await.unwrap();
    assert_eq!((moved(&steps), findings(&steps).len()), ((0, 0, 0), 0), "{steps:#?}");
    assert_eq!(export(&client, true).await, state);
    prove(&client).await;
}
