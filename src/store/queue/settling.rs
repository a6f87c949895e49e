//! What becomes of draws: hits are paid, and what cannot be decided or paid now is put aside with
//! what was drawn.

use crate::store::pool::Locked;
use crate::store::queue::hit::{self, Paid, Won};
use crate::store::queue::request::{Failure, is_of_the_item};
use crate::store::queue::spins::Spin;
use crate::store::subtransaction;
use jackpot_core::{Error, Evidence};

/// What became of spins.
#[derive(Default)]
pub struct Drawn {
    /// What was paid.
    pub won: Vec<Won>,
    /// What could not be decided or paid now.
    pub put_aside: Vec<PutAside>,
}

/// A spin's draw in one pool that has to wait.
pub struct PutAside {
    /// The ledger row.
    pub id: i64,
    /// Its priority.
    pub priority: i32,
    /// The pool.
    pub pool_id: i32,
    /// What was drawn: a hit is a hit, and is not drawn again.
    pub evidence: Option<Evidence>,
    /// The cycle in which something hidden was reached, where that is known: it counts in no other.
    pub cycle: Option<i64>,
    /// Why it waits.
    pub failure: Failure,
}

impl Drawn {
    /// Adds another part's.
    pub fn add(&mut self, more: Drawn) {
        self.won.extend(more.won);
        self.put_aside.extend(more.put_aside);
    }
}

/// A draw of a spin in a pool that has to wait.
pub fn put_aside(
    spin: &Spin,
    pool_id: i32,
    evidence: Option<Evidence>,
    failure: Failure,
) -> PutAside {
    PutAside { id: spin.id, priority: spin.priority, pool_id, evidence, cycle: None, failure }
}

/// Does something that is undone by itself where it fails.
pub fn try_to<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    subtransaction::catch(is_of_the_item, |report| Failure::from(report), work)
}

/// What became of a hit.
#[derive(PartialEq, Eq)]
pub enum Settled {
    /// It was paid.
    Won,
    /// There is nothing to pay.
    Nothing,
    /// It was put aside.
    Waits,
}

/// Pays hits of one pool in one go; where that fails, one by one.
pub fn settle_all(locked: &mut Locked, hits: Vec<(&Spin, Evidence)>, drawn: &mut Drawn) {
    match pay_all(locked, &hits) {
        Ok(paid) => {
            for ((spin, hit), paid) in hits.into_iter().zip(paid) {
                note((locked.pool.id, locked.pool.state.cycle), spin, hit, Ok(paid), drawn);
            }
        }
        Err(_) => {
            for (spin, hit) in hits {
                settle_up(locked, spin, hit, drawn);
            }
        }
    }
}

/// Pays a hit, or puts it aside with what was drawn, whatever goes wrong.
pub fn settle_up(locked: &mut Locked, spin: &Spin, hit: Evidence, drawn: &mut Drawn) -> Settled {
    let hits = [(spin, hit)];
    let paid = pay_all(locked, &hits).map(|mut paid| paid.pop().unwrap_or(Paid::Nothing));
    let [(spin, hit)] = hits;
    note((locked.pool.id, locked.pool.state.cycle), spin, hit, paid, drawn)
}

/// Pays all or none; then the pool is what it was.
fn pay_all(locked: &mut Locked, hits: &[(&Spin, Evidence)]) -> Result<Vec<Paid>, Failure> {
    if hits.is_empty() {
        return Ok(Vec::new());
    }
    let before = locked.pool.state.clone();
    let pay = |(spin, hit): &(&Spin, Evidence)| hit::pay(locked, spin, hit.clone());
    let paid = try_to(|| Ok(hits.iter().map(pay).collect::<Result<Vec<Paid>, Error>>()?));
    if paid.is_err() {
        locked.pool.state = before;
    }
    paid
}

/// Notes what became of a hit. One that waits keeps what was drawn.
fn note(
    (pool_id, cycle): (i32, i64),
    spin: &Spin,
    hit: Evidence,
    paid: Result<Paid, Failure>,
    drawn: &mut Drawn,
) -> Settled {
    match paid {
        Ok(Paid::Won(won)) => {
            drawn.won.push(won);
            Settled::Won
        }
        Ok(Paid::Nothing) => Settled::Nothing,
        Ok(Paid::Waits(failure)) | Err(failure) => {
            let kept = Some(hit).filter(|hit| matches!(hit, Evidence::Drawn { .. }));
            let cycle = kept.is_none().then_some(cycle);
            drawn.put_aside.push(PutAside { cycle, ..put_aside(spin, pool_id, kept, failure) });
            Settled::Waits
        }
    }
}
