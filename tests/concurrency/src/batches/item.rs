//! What batches consist of.

use rand::prelude::*;
use rand::rngs::StdRng;
use serde_json::{Value, json};

pub const POOLS: [&str; 4] = ["plain", "capped", "odds", "must"];
/// How many operations with an id there are for all clients.
pub const OPERATIONS: u64 = 4_000;
/// A wager of so much always hits the odds.
pub const ONE_IN: i64 = 40_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Contribution,
    Spin,
    Win,
}

/// A wager or a win as a client asks for it.
#[derive(Clone, Debug)]
pub struct Item {
    pub kind: Kind,
    pub id: Option<String>,
    /// Tells items without an id apart.
    pub user_id: String,
    pub amount: i64,
    /// Of a win: the one that is won.
    pub pools: Option<Vec<&'static str>>,
    pub metadata: Option<Value>,
}

impl Item {
    /// One of the operations that have an id. Whoever sends it and in whatever form, it is the same.
    pub fn of_number(number: u64) -> Self {
        let kind = kind_of_number(number);
        let mut random = StdRng::seed_from_u64(number);
        let id = Some(format!("operation {number}"));
        Item { id, ..Item::any(kind, format!("user {number}"), &mut random) }
    }

    /// Any without an id.
    pub fn any(kind: Kind, user_id: String, random: &mut StdRng) -> Self {
        let pools = match kind {
            Kind::Win => Some(vec![POOLS[random.random_range(0..2)]]),
            _ => random.random_ratio(1, 4).then(|| vec!["must", "plain"]),
        };
        let amount = match random.random_range(0..30) {
            0 => 0,
            1 if kind == Kind::Spin => ONE_IN,
            2..10 => random.random_range(1..10),
            _ => random.random_range(10..500),
        };
        // Nobody can win nothing.
        let amount = if kind == Kind::Win { 1 + amount } else { amount };
        let metadata = random.random_ratio(1, 5).then(|| json!({ "round": amount }));
        Item { kind, id: None, user_id, amount, pools, metadata }
    }

    /// One that is refused, whatever the pools hold.
    pub fn bad(kind: Kind, user_id: String) -> Self {
        let pools = Some(vec!["plain"]);
        Item { kind, id: None, user_id, amount: -1, pools, metadata: None }
    }

    pub fn is_bad(&self) -> bool {
        self.amount < 0
    }

    /// As an element of a batch in JSON.
    pub fn json(&self) -> Value {
        match self.kind {
            Kind::Win => json!({
                "pool": self.pools.as_ref().map(|pools| pools[0]), "game_id": "game", "user_id": self.user_id,
                "win_amount": self.amount, "operation_id": self.id, "metadata": self.metadata,
            }),
            _ => json!({
                "gameId": "game", "wagerAmount": self.amount, "userId": self.user_id,
                "operationId": self.id, "pools": self.pools, "metadata": self.metadata,
            }),
        }
    }
}

fn kind_of_number(number: u64) -> Kind {
    match number % 10 {
        0..5 => Kind::Contribution,
        5..9 => Kind::Spin,
        _ => Kind::Win,
    }
}

/// The number of any operation of that kind.
pub fn any_number(kind: Kind, random: &mut StdRng) -> u64 {
    loop {
        let number = random.random_range(0..OPERATIONS);
        if kind_of_number(number) == kind {
            return number;
        }
    }
}
