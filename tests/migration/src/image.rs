//! What stands in the tables of the extension, and whether its books are right.

use crate::moving::text;
use crate::server::settle;
use std::collections::BTreeMap;
use tokio_postgres::Client;

pub type Image = BTreeMap<String, String>;

/// Every row of every table of schema jackpot, settled; but of the mark, which settling moves.
pub async fn image(client: &Client) -> Image {
    settle(client).await;
    let tables = "SELECT c.relname::text FROM pg_class c
                   WHERE c.relnamespace = 'jackpot'::regnamespace AND c.relkind = 'r' AND c.relname <> 'mark'";
    let mut image = Image::new();
    for table in client.query(tables, &[]).await.unwrap() {
        let table: String = table.get(0);
        // All rows count; of a large table the first ones are shown.
        let rows = text(
            client,
            &format!(
                r#"SELECT count(*) || ' rows, ' || coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) || E'\n'
                          || coalesce(string_agg(t::text, E'\n' ORDER BY t::text) FILTER (WHERE n <= 100), '')
                     FROM (SELECT t, row_number() OVER () AS n FROM jackpot."{table}" t) t"#
            ),
        )
        .await;
        image.insert(table, rows);
    }
    image
}

/// Nothing has changed.
pub async fn unchanged(client: &Client, before: &Image, what: &str) {
    differs(before, &image(client).await, "", what);
}

/// What was there is again, and nothing else, but for what is known of migrations.
pub async fn restored(client: &Client, before: &Image, what: &str) {
    differs(before, &image(client).await, "migration", what);
}

fn differs(before: &Image, after: &Image, but: &str, what: &str) {
    let is_meant = |table: &&String| but.is_empty() || !table.starts_with(but);
    for table in before.keys().chain(after.keys()).filter(is_meant) {
        let of = |image: &Image| image.get(table).cloned().unwrap_or_else(|| "none".into());
        // A partition may have been made, as long as it is empty.
        let is_empty = |rows: &str| rows.starts_with("0 rows");
        let is_partition = table.starts_with("ledger_");
        let (before, after) = (of(before), of(after));
        let is_new = is_partition && before == "none" && is_empty(&after);
        assert!(before == after || is_new, "{what}: {table} was {before}\nand is {after}");
    }
}

/// What jackpot_export() gives, as text.
pub async fn export(client: &Client, include_ledger: bool) -> String {
    text(client, &format!("SELECT jackpot_export({include_ledger})::text")).await
}

/// Each pool's current_amount anew, by plain SQL from journal and ledger.
const AMOUNTS: &str = "
    SELECT string_agg(format('%s shows %s, its books say %s', p.pool, p.current_amount, b.amount), E'\\n')
      FROM jackpot_pools() p
      JOIN (SELECT q.pool,
                   floor(least((coalesce(l.display, 0) + j.display) * 0.000001, (q.config ->> 'max_amount')::numeric)) AS amount
              FROM jackpot.pool q
              JOIN (SELECT pool_id, sum(display) AS display FROM jackpot.journal GROUP BY pool_id) j ON j.pool_id = q.id
              LEFT JOIN (SELECT u.pool_id, sum(u.display) + floor(coalesce(sum(u.remainder), 0) / 10000000000) AS display
                           FROM jackpot.ledger
                          CROSS JOIN unnest(pool_ids, display, display_remainders) AS u(pool_id, display, remainder)
                          GROUP BY u.pool_id) l ON l.pool_id = q.id) b USING (pool)
     WHERE p.current_amount <> b.amount";

/// The books are right, by the extension's own proof and by plain SQL.
pub async fn prove(client: &Client) {
    for proof in [
        "jackpot_validate()",
        "jackpot_validate(schema_only => true)",
        "jackpot_validate(detailed => true)",
    ] {
        let wrong = format!(
            "SELECT string_agg(check_name || ': ' || detail, E'\\n') FROM {proof} WHERE ok IS NOT true"
        );
        assert_eq!(text(client, &wrong).await, "", "{proof}");
    }
    let unbalanced = "SELECT string_agg(pool || ' ' || difference, E'\\n') FROM jackpot_reconcile() WHERE difference <> 0";
    assert_eq!(text(client, unbalanced).await, "", "jackpot_reconcile()");
    assert_eq!(text(client, AMOUNTS).await, "");
}

/// What money did, without what differs between two runs: numbers of rows, and when they were taken over.
pub async fn books(client: &Client) -> BTreeMap<&'static str, String> {
    let queries = [
        ("pools", "SELECT string_agg((to_jsonb(p) - '{as_of,last_modified_at,lock_holder,commitment}'::text[])::text, E'\\n' ORDER BY pool) FROM jackpot_pools() p"),
        ("journal", "SELECT string_agg(format('%s %s %s %s', p.pool, j.kind, j.display, j.reserve), E'\\n' ORDER BY p.pool, j.kind)
                       FROM (SELECT pool_id, kind, sum(display) AS display, sum(reserve) AS reserve FROM jackpot.journal GROUP BY pool_id, kind) j
                       JOIN jackpot.pool p ON p.id = j.pool_id"),
        ("ledger", "SELECT count(*) || ' ' || coalesce(sum(hashtextextended(format('%s|%s|%s|%s|%s|%s|%s|%s', l.operation_id, l.game_id, l.user_id, l.operator_id,
                           l.wager_amount, n.shares, l.voids IS NULL, l.metadata #- '{migrated,migration}' #- '{migrated,row}'), 0)::numeric), 0)
                      FROM jackpot.ledger l
                     CROSS JOIN LATERAL (SELECT jsonb_object_agg(p.pool, ARRAY[u.display, u.reserve]) AS shares
                                           FROM unnest(l.pool_ids, l.display, l.reserve) u(id, display, reserve) JOIN jackpot.pool p ON p.id = u.id) n"),
        ("wins", "SELECT string_agg(format('%s %s %s %s %s %s %s', p.pool, w.cycle, extract(epoch FROM w.at), w.operation_id, w.game_id, w.user_id, w.win_amount), E'\\n'
                                    ORDER BY p.pool, w.cycle)
                    FROM jackpot.win w JOIN jackpot.pool p ON p.id = w.pool_id"),
        ("operations", "SELECT count(*) || ' ' || coalesce(sum(hashtextextended(operation_id, 0)::numeric), 0) FROM jackpot.operation"),
    ];
    let mut books = BTreeMap::new();
    for (name, query) in queries {
        books.insert(name, text(client, query).await);
    }
    books
}
