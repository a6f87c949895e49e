//! The clients' book against the database's.

use crate::batches::item::{Item, Kind};
use crate::batches::player::Book;
use crate::batches::statement::{Answer, Statement};
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::Client;

/// How often each name is there.
type Counts = BTreeMap<String, i64>;

pub async fn compare(observer: &Client, book: &Book) {
    compare_items(observer, book).await;
    compare_sums(observer, book).await;
    compare_wins(observer, book).await;
    compare_voids(observer, book).await;
}

/// All items that were answered are there once, and no other is.
async fn compare_items(observer: &Client, book: &Book) {
    let (mut wagers, mut wins, mut copied) = (BTreeSet::new(), BTreeSet::new(), Counts::new());
    for (statement, answer) in book {
        let refused: BTreeSet<usize> = answer.errors.iter().map(|(index, _)| *index).collect();
        for (index, item) in statement.items().iter().enumerate() {
            if !statement.applies_items() {
                *copied.entry(name(item)).or_default() += 1;
            } else if !refused.contains(&index) {
                let there = if item.kind == Kind::Win { &mut wins } else { &mut wagers };
                there.insert(name(item));
            }
        }
    }
    let dead = "SELECT coalesce(payload ->> 'operation_id', payload ->> 'user_id') FROM jackpot.dead_letter";
    let dead = counts(observer, dead).await;
    for (name, times) in copied {
        let refused = dead.get(&name).copied().unwrap_or_default();
        assert!(refused <= times, "{name}");
        if refused < times {
            wagers.insert(name);
        }
    }
    let ledger = "SELECT coalesce(operation_id, user_id) FROM jackpot.ledger WHERE voids IS NULL";
    same(&counts(observer, ledger).await, &once(wagers));
    let paid = "SELECT coalesce(operation_id, user_id) FROM jackpot.win WHERE ledger_id IS NULL";
    same(&counts(observer, paid).await, &once(wins));
}

/// What tells an item from all others.
fn name(item: &Item) -> String {
    item.id.clone().unwrap_or_else(|| item.user_id.clone())
}

fn once(names: BTreeSet<String>) -> Counts {
    names.into_iter().map(|name| (name, 1)).collect()
}

/// Tells only what differs.
fn same(there: &Counts, expected: &Counts) {
    let other = |one: &Counts, two: &Counts| {
        let differs = |(name, count): &(&String, &i64)| two.get(*name) != Some(*count);
        one.iter().filter(differs).map(|(name, count)| (name.clone(), *count)).collect::<Counts>()
    };
    assert_eq!(other(there, expected), other(expected, there));
}

async fn counts(observer: &Client, query: &str) -> Counts {
    let mut counts = Counts::new();
    for row in observer.query(query, &[]).await.unwrap() {
        *counts.entry(row.get(0)).or_default() += 1;
    }
    counts
}

/// The answers' sums are the database's, to the micro.
async fn compare_sums(observer: &Client, book: &Book) {
    let sum = |of: fn(&Answer) -> i64| book.iter().map(|(_, answer)| of(answer)).sum::<i64>();
    let from_inbox = |of: fn(&Answer) -> i64| {
        let answers = book.iter().filter(|(it, _)| matches!(it, Statement::ProcessInbox(_)));
        answers.map(|(_, answer)| of(answer)).sum::<i64>()
    };
    let copied: usize = book
        .iter()
        .filter(|(statement, _)| matches!(statement, Statement::Copy(_)))
        .map(|(statement, _)| statement.items().len())
        .sum();
    let row = observer
        .query_one(
            "SELECT (SELECT count(*) FROM jackpot.ledger WHERE voids IS NULL)
                  + (SELECT count(*) FROM jackpot.win WHERE ledger_id IS NULL),
                    (SELECT sum(u.display + u.reserve)::bigint FROM jackpot.ledger l
                      CROSS JOIN unnest(l.display, l.reserve) AS u(display, reserve) WHERE l.voids IS NULL),
                    (SELECT (sum(total_contributed) * 1000000)::bigint FROM jackpot_pools()),
                    (SELECT sum(win_amount)::bigint FROM jackpot.win),
                    (SELECT sum(total_won)::bigint FROM jackpot_pools()),
                    (SELECT count(*) FROM jackpot.dead_letter),
                    (SELECT count(*) FROM jackpot.inbox),
                    (SELECT count(*) FROM jackpot_reconcile() WHERE difference <> 0)",
            &[],
        )
        .await
        .unwrap();
    let there = [0, 1, 2, 3, 4, 5, 6, 7].map(|column| row.get::<_, i64>(column));
    let (micros, won) = (sum(|answer| answer.micros), sum(|answer| answer.won));
    let applied = sum(|answer| answer.processed - answer.replayed);
    let failed = from_inbox(|answer| answer.failed);
    assert_eq!(there, [applied, micros, micros, won, won, failed, 0, 0]);
    assert_eq!(from_inbox(|answer| answer.total), copied as i64);
}

/// Every win that was answered is there with its amount, was new in one answer only, and verifies.
async fn compare_wins(observer: &Client, book: &Book) {
    let query = "SELECT w.id, w.win_amount, v.ok, v.detail
                   FROM jackpot.win w CROSS JOIN jackpot_verify_win(w.id) v";
    let mut there = BTreeMap::new();
    for row in observer.query(query, &[]).await.unwrap() {
        assert!(row.get::<_, bool>(2), "{}", row.get::<_, &str>(3));
        there.insert(row.get::<_, i64>(0), row.get::<_, i64>(1));
    }
    let mut new = BTreeSet::new();
    for (win_id, amount, replayed) in book.iter().flat_map(|(_, answer)| &answer.wins) {
        assert_eq!(there.get(win_id), Some(amount), "win {win_id}");
        assert!(*replayed || new.insert(win_id), "win {win_id} was new twice");
    }
    assert!(!new.is_empty());
}

async fn compare_voids(observer: &Client, book: &Book) {
    let voided = book.iter().filter_map(|(statement, _)| match statement {
        Statement::Void(id) => Some(id.clone()),
        _ => None,
    });
    let there = counts(observer, "SELECT operation_id FROM jackpot.void").await;
    same(&there, &once(voided.collect()));
}
