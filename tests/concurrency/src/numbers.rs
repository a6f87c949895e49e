//! Amounts and errors as a driver sees them.

use crate::server::{Database, SHOWN, contribute, create_pool, map, prove, win};
use tokio_postgres::Client;

#[tokio::test]
async fn amounts_beyond_53_bits_are_exact() {
    let database = Database::create("numbers").await;
    let client = database.client().await;
    create_pool(&client, "mega", "0.000001", "0", 0, None).await;

    // 2^53 + 1: the first whole number that a double does not have.
    let wager_amount = 9_007_199_254_740_993;
    let contributed = contribute(&client, "game", wager_amount, None, None).await.unwrap();
    assert_eq!(contributed.lines[0].micros, wager_amount);
    assert_eq!(contributed.lines[0].current_amount, 9_007_199_254);
    let row = client
        .query_one(
            "SELECT total_contributed::text, total_wagered::text, (total_contributed * 1000000)::bigint FROM jackpot_pool('mega')",
            &[],
        )
        .await
        .unwrap();
    assert_eq!(row.get::<_, &str>(0), "9007199254.740993");
    assert_eq!(row.get::<_, &str>(1), "9007199254740993");
    assert_eq!(row.get::<_, i64>(2), wager_amount);

    // The largest there is; and one micro more than fits into a meter.
    let contributed =
        contribute(&client, "game", i64::MAX - wager_amount, None, None).await.unwrap();
    assert_eq!(contributed.lines[0].current_amount, i64::MAX / 1_000_000);
    refused(&client, "SELECT jackpot_contribute('game', 1)", "22003", "amount_out_of_range").await;
    let won = win(&client, "mega", None, None).await.unwrap();
    assert_eq!(won.win_amount, 9_223_372_036_854);
    assert_eq!(contribute(&client, "game", 0, None, None).await.unwrap().lines[0].micros, 0);
    prove(&client).await;
}

#[tokio::test]
async fn errors_have_their_sqlstate_and_token() {
    let database = Database::create("errors").await;
    let client = database.client().await;
    create_pool(&client, "mega", "0.01", "0", 1_000, Some(2_000)).await;
    create_pool(&client, "paused", "0.01", "0", 1_000, None).await;
    client.execute("SELECT jackpot_pause('paused')", &[]).await.unwrap();
    contribute(&client, "game", 1_000, Some("one"), None).await.unwrap();

    for (statement, sqlstate, token) in [
        ("SELECT jackpot_pool('nobody')", "42704", "unknown_pool"),
        ("SELECT jackpot_contribute('game', 1, pools => '{nobody}')", "42704", "unknown_pool"),
        ("SELECT jackpot_create_pool('mega')", "42710", "pool_exists"),
        ("SELECT jackpot_contribute('game', -1)", "22023", "invalid_argument"),
        ("SELECT jackpot_create_pool('new', 0.0000001)", "22023", "invalid_argument"),
        ("SELECT jackpot_update_config('mega', '{\"colour\": 1}')", "22023", "invalid_argument"),
        ("SELECT jackpot_contribute(NULL, 1)", "22004", "null_argument"),
        ("SELECT jackpot_win('mega', 'game', NULL)", "22004", "null_argument"),
        ("SELECT jackpot_win('mega', 'game', 'user', 2001)", "23514", "insufficient_funds"),
        (
            "SELECT jackpot_win('mega', 'game', 'user', expected_cycle => 9)",
            "40001",
            "version_conflict",
        ),
        ("SELECT jackpot_update_config('mega', '{}', 9)", "40001", "version_conflict"),
        ("SELECT jackpot_win('paused', 'game', 'user')", "55000", "pool_not_active"),
        ("SELECT jackpot_contribute('game', 1, pools => '{paused}')", "55000", "pool_not_active"),
        (
            "SELECT jackpot_contribute('game', 1001, operation_id => 'one')",
            "23505",
            "operation_mismatch",
        ),
        (
            "SELECT jackpot_win('mega', 'game', 'user', operation_id => 'one')",
            "23505",
            "operation_mismatch",
        ),
        ("SELECT jackpot_create_pool('new', 1, 9223372036855)", "22003", "amount_out_of_range"),
    ] {
        refused(&client, statement, sqlstate, token).await;
    }

    // A lock that is not had in time.
    let holder = database.client().await;
    holder.batch_execute("BEGIN; SELECT jackpot_win('mega', 'game', 'user', 1)").await.unwrap();
    client.batch_execute("SET jackpot.lock_timeout = '100ms'").await.unwrap();
    refused(&client, "SELECT jackpot_win('mega', 'game', 'user', 1)", "55P03", "lock_timeout")
        .await;
    contribute(&holder, "game", 1_000, None, None).await.unwrap();
    refused(&client, "SELECT jackpot_pause('mega')", "55P03", "lock_timeout").await;
    holder.batch_execute("COMMIT").await.unwrap();
    prove(&client).await;
}

#[tokio::test]
async fn what_does_not_fit_changes_nothing() {
    let database = Database::create("large").await;
    let client = database.client().await;
    create_pool(&client, "full", "1", "0", 0, None).await;
    create_pool(&client, "empty", "1", "0", 10, None).await;
    client
        .batch_execute(
            "SELECT jackpot_create_pool('euro', 1, 10, currency => 'EUR');
             SELECT jackpot_set_exchange_rate('SEK', 'EUR', 922337203.6854775807);
             SELECT jackpot_contribute('game', 9223372036854, operation_id => 'fill', pools => '{full}')",
        )
        .await
        .unwrap();
    let before = map(&client, SHOWN).await;
    for statement in [
        "SELECT jackpot_spin('game', 1)",
        "SELECT jackpot_spin('game', 1, operation_id => 'spin', pools => '{empty, full}')",
        "SELECT jackpot_spin('game', 9223372036854775807, pools => '{empty}')",
        "SELECT jackpot_spin('game', 9223372036854775807, currency => 'SEK', pools => '{euro}')",
        "SELECT jackpot_spin('game', 10000, currency => 'SEK', pools => '{empty, euro}')",
        "SELECT jackpot_adjust('full', 1, 'reason')",
        "SELECT jackpot_adjust('empty', 9223372036854775807, 'reason')",
        "SELECT jackpot_transfer('empty', 'full', 1, 'reason')",
    ] {
        refused(&client, statement, "22003", "amount_out_of_range").await;
        assert_eq!(map(&client, SHOWN).await, before, "{statement}");
    }
    for (statement, sqlstate, token) in [
        (
            "SELECT jackpot_adjust('full', -9223372036854775808, 'all')",
            "23514",
            "insufficient_funds",
        ),
        (
            "SELECT jackpot_transfer('empty', 'full', 9223372036854775807, 'all')",
            "23514",
            "insufficient_funds",
        ),
        (
            "SELECT jackpot_set_exchange_rate('SEK', 'EUR', 922337203.6854775808)",
            "22023",
            "invalid_argument",
        ),
    ] {
        refused(&client, statement, sqlstate, token).await;
        assert_eq!(map(&client, SHOWN).await, before, "{statement}");
    }

    // Its id is free, and what is full can be won; then all of it is taken back.
    client
        .batch_execute("SELECT jackpot_spin('game', 1, operation_id => 'spin', pools => '{empty}')")
        .await
        .unwrap();
    assert_eq!(win(&client, "full", None, None).await.unwrap().win_amount, 9_223_372_036_854);
    let row = client
        .query_one(
            "SELECT from_meter::text, from_house::text FROM jackpot_void('fill', 'late')",
            &[],
        )
        .await
        .unwrap();
    assert_eq!([row.get::<_, &str>(0), row.get(1)], ["0", "9223372036854"]);
    prove(&client).await;
}

async fn refused(client: &Client, statement: &str, sqlstate: &str, token: &str) {
    let error = client.batch_execute(statement).await.expect_err(statement);
    let error = error.as_db_error().unwrap_or_else(|| panic!("{statement}: {error:?}"));
    assert_eq!(error.code().code(), sqlstate, "{statement}: {error:?}");
    let detail = error.detail().unwrap_or_default();
    assert!(detail.starts_with(&format!("{token}: ")), "{statement}: {detail}");
}
