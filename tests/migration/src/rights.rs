//! Whoever moves in needs the right to read what he moves, and lends nobody the rights of the extension.

use crate::image::{image, prove, restored};
use crate::moving::{import, moved, number, old_tables, refused, text};
use crate::server::Database;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_source_is_read_with_the_rights_of_the_caller() {
    let database = Database::create("rights").await;
    let client = database.client().await;
    old_tables(&database, "late", 0);
    client
        .batch_execute(
            "DO $$ BEGIN CREATE ROLE mover; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
             GRANT EXECUTE ON FUNCTION jackpot_import_table, jackpot_migrate, jackpot_rollback TO mover;
             CREATE TABLE seen (who text, secrets text); GRANT INSERT, SELECT ON seen TO mover;
             -- What a trap would do: write down as whom it runs, and what it may read.
             CREATE FUNCTION trap(anything anyelement) RETURNS anyelement LANGUAGE plpgsql AS $$
             BEGIN
                 INSERT INTO public.seen VALUES (current_user, has_schema_privilege('jackpot', 'USAGE')::text);
                 RETURN anything;
             END $$;
             CREATE VIEW trapped AS SELECT \"group\", trap(current_amount) AS current_amount, seed_amount, max_amount, contribution_rate FROM jackpots;
             CREATE TABLE guarded AS TABLE jackpots;
             ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
             CREATE POLICY minor ON guarded TO mover USING (trap(\"group\"::text) = 'minor');
             GRANT SELECT ON trapped, guarded TO mover;",
        )
        .await
        .unwrap();
    let before = image(&client).await;
    client.batch_execute("SET ROLE mover").await.unwrap();
    for options in ["", "dry_run => true", "repair => true"] {
        let (code, detail) = refused(import(&client, "jackpots", options).await);
        assert_eq!(code, "42501", "{options}: {detail}");
    }
    // Not even what is not for anybody's eyes can be read as if it were an old table.
    for table in ["jackpot.secret", "jackpot.operation", "pg_catalog.pg_authid"] {
        let mapping = r#"mapping => '{"kind": "pools", "pool": "oid"}'"#;
        let (code, detail) = refused(import(&client, table, mapping).await);
        assert!(["42501", "22023"].contains(&code.as_str()), "{table}: {code} {detail}");
    }
    assert_eq!(refused(client.batch_execute("CALL jackpot_import('jackpots')").await).0, "42501");

    let steps = import(&client, "guarded", "").await.unwrap();
    assert_eq!(moved(&steps), (1, 0, 0), "{steps:#?}");
    client.batch_execute("RESET ROLE").await.unwrap();
    client.batch_execute(&format!("SELECT jackpot_rollback({})", number(&steps))).await.unwrap();
    client.batch_execute("SET ROLE mover").await.unwrap();
    let steps = import(&client, "trapped", "").await.unwrap();
    assert_eq!(moved(&steps), (3, 0, 0), "{steps:#?}");
    assert_eq!(
        text(&client, "SELECT string_agg(DISTINCT who || ' ' || secrets, ', ') FROM seen").await,
        "mover false"
    );
    client
        .batch_execute(&format!("RESET ROLE; SELECT jackpot_rollback({})", number(&steps)))
        .await
        .unwrap();
    prove(&client).await;
    restored(&client, &before, "rolled back").await;
}
