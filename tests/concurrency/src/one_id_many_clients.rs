//! Of all calls with one operation_id exactly one applies; the others get its result.

use crate::server::{Database, contribute, create_pool, prove, win};
use futures::future::join_all;

const CLIENTS: usize = 32;
const ROUNDS: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_id_many_clients() {
    let database = Database::create("one_id").await;
    let observer = database.client().await;
    create_pool(&observer, "mega", "0.01", "0.001", 1_000, None).await;
    create_pool(&observer, "mini", "0.1", "0", 10, Some(500)).await;
    let clients = database.clients(CLIENTS).await;

    for round in 0..ROUNDS {
        let id = format!("contribution {round}");
        let calls = clients.iter().map(|client| contribute(client, "game", 1_234, Some(&id), None));
        let results: Vec<_> = join_all(calls).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(results.iter().filter(|result| !result.replayed).count(), 1, "{id}");
        assert!(results.iter().all(|result| result.lines == results[0].lines), "{id}: {results:?}");
        assert_eq!(results[0].lines.len(), 2);

        let id = format!("win {round}");
        let calls = clients.iter().map(|client| win(client, "mega", Some(7), Some(&id)));
        let mut results: Vec<_> = join_all(calls).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(results.iter().filter(|result| !result.replayed).count(), 1, "{id}");
        for result in &mut results {
            result.replayed = false;
        }
        assert!(results.iter().all(|result| *result == results[0]), "{id}: {results:?}");

        let moved = observer
            .query_one(
                "SELECT total_contributions, total_wins, version FROM jackpot_pool('mega')",
                &[],
            )
            .await
            .unwrap();
        let rounds = round as i64 + 1;
        assert_eq!(
            [0, 1, 2].map(|column| moved.get::<_, i64>(column)),
            [rounds, rounds, 1 + 2 * rounds]
        );
    }
    prove(&observer).await;
}
