//! What the tables know of migrations.

use crate::store::pool::Locked;
use crate::store::statement::{argument, statements};
use jackpot_core::{Error, Token};

statements! {
    static OWNED(INT4OID) = "
        SELECT m.migration_id, m.contributions, m.wins, m.replayed::pg_catalog.text, m.replayed_id
          FROM jackpot.migration_pool m WHERE m.pool_id = $1";
    static HISTORY_OF(INT8OID, INT8OID) = "
        UPDATE jackpot.migration SET history_of = history_of || $2
         WHERE id = $1 AND id <> $2 AND $2 <> ALL (history_of)";
    static NOTE_KNOWN(INT8OID, TEXTOID, INT8OID) = "
        UPDATE jackpot.migration
           SET findings = findings || pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object('row', $2, 'token', 'came_meanwhile',
                   'message', pg_catalog.format('%s had come here after they were read; left out', $3)))
         WHERE id = $1";
    static KEEP_VERSION(INT4OID, INT8OID) = "
        UPDATE jackpot.pool p SET version = p.version - ($2) WHERE p.id = $1";
}

/// A pool that a migration made.
pub struct Owned {
    /// The migration.
    pub migration_id: i64,
    /// Micros that its history explains, as far as its wins have been played through.
    pub replayed: i128,
    /// The ledger row up to which that is.
    pub replayed_id: i64,
    /// How many of its contributions are history.
    pub contributions: i64,
    /// How many of its wins are.
    pub wins: i64,
}

/// The migration's record of a pool; `None` where no migration made it.
pub fn owned(pool_id: i32) -> Option<Owned> {
    OWNED.with(|statement| {
        statement.write(&[argument(pool_id)]).first().map(|row| Owned {
            migration_id: row.need(1),
            contributions: row.need(2),
            wins: row.need(3),
            replayed: row.whole(4),
            replayed_id: row.need(5),
        })
    })
}

/// The same, of a pool that has taken no bet and paid no win of its own yet; else 55000: history
/// comes before them.
pub fn unplayed(locked: &Locked) -> Result<Owned, Error> {
    let state = &locked.pool.state;
    let Some(owned) = owned(locked.pool.id) else {
        return Err(Error::new(
            Token::MigrationState,
            format!("pool \"{}\" was not migrated", state.pool),
            "history goes into pools that a migration made",
        ));
    };
    let bets = state.totals.contributions - owned.contributions;
    let wins = state.totals.wins - owned.wins;
    if bets != 0 || wins != 0 {
        return Err(Error::new(
            Token::MigrationInUse,
            format!("pool \"{}\" has been played with", state.pool),
            format!("{bets} bets and {wins} wins since it was migrated; history must come before"),
        )
        .hint("Take history over into pools that are paused (paused => true), and resume them then. The amounts are right without it."));
    }
    Ok(owned)
}

/// Notes whose pools the migration has put history into.
pub fn is_history_of(migration_id: i64, owner: i64) {
    HISTORY_OF.with(|statement| statement.write(&[argument(migration_id), argument(owner)]));
}

/// Notes how many rows had come here, as bets or wins, between being read and being taken over.
pub fn note_known(migration_id: i64, kinds: &str, count: usize) {
    if count > 0 {
        let arguments = [argument(migration_id), argument(kinds), argument(count as i64)];
        NOTE_KNOWN.with(|statement| statement.write(&arguments));
    }
}

/// Takes back what a change has added to a pool's version: what is shown stays.
pub fn keep_version(pool_id: i32, more: i64) {
    KEEP_VERSION.with(|statement| statement.write(&[argument(pool_id), argument(more)]));
}
