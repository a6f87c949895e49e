//! The clients' book against the database's.

use crate::four_triggers::book::{Entry, voided};
use crate::four_triggers::{POOLS, VERIFY_ABOVE};
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::Client;

/// Every win that was answered is there with its amount and no other is; each verifies, and paid no
/// more than its ceiling; each cycle has one.
pub async fn compare_wins(observer: &Client, book: &[Entry]) {
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
pub async fn compare_sums(observer: &Client, book: &[Entry]) {
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
pub async fn compare_periods(observer: &Client) {
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
