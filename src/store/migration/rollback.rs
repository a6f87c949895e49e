//! Going back: the pools that a migration made are removed with all that fed them.

use crate::store::migration::alone;
use crate::store::session;
use crate::store::statement::{argument, statements};
use crate::store::{lock, mark, queue, relations};
use jackpot_core::{Error, Token};
use pgrx::JsonB;
use pgrx::datum::IntoDatum;
use serde_json::{Value, json};

/// What is to be rolled back, and how.
pub struct Wanted {
    /// The migration.
    pub migration_id: i64,
    /// Pools that it must have made.
    pub pools: Vec<String>,
    /// Only tell whether it can be.
    pub validate_only: bool,
    /// Also where there have been bets since.
    pub force: bool,
}

/// What was rolled back.
pub struct RolledBack {
    /// possible, refused, rolled_back, given_up or unchanged.
    pub status: &'static str,
    /// The migration.
    pub migration_id: i64,
    /// How many pools were, or would be, removed.
    pub pools: i64,
    /// How many contributions that had been taken over.
    pub contributions: i64,
    /// How many wins.
    pub wins: i64,
    /// What had happened since, and goes as well.
    pub lost: Value,
}

statements! {
    static FIND(INT8OID) = "
        SELECT m.state, ARRAY(SELECT p.pool_id FROM jackpot.migration_pool p WHERE p.migration_id = m.id ORDER BY 1),
               ARRAY(SELECT o.id FROM jackpot.migration o WHERE o.id = ANY (m.history_of) AND o.state <> 'rolled_back' ORDER BY 1)
          FROM jackpot.migration m WHERE m.id = $1";
    static STRANGER(INT8OID, TEXTARRAYOID) = "
        SELECT n.pool FROM unnest($2) n(pool)
         WHERE NOT EXISTS (SELECT FROM jackpot.migration_pool m JOIN jackpot.pool p ON p.id = m.pool_id WHERE m.migration_id = $1 AND p.pool = n.pool)
         LIMIT 1";
    static GIVE_UP(INT8OID) = "
        WITH left_over AS (DELETE FROM jackpot.migration_row r WHERE r.migration_id = $1)
        UPDATE jackpot.migration SET state = 'completed', finished_at = pg_catalog.clock_timestamp() WHERE id = $1";
    static LOCK_POOLS(INT4ARRAYOID) = "SELECT FROM jackpot.pool p WHERE p.id = ANY ($1) ORDER BY p.id FOR UPDATE";
    /// Settling folds what it sees: it must see all of it, or nothing.
    static LOCK_MARK() = "SELECT FROM jackpot.mark m FOR UPDATE";
    static TAKEN_OVER(INT4ARRAYOID) = "
        SELECT pg_catalog.count(*), coalesce(pg_catalog.sum(p.wins), 0)::pg_catalog.int8,
               (SELECT pg_catalog.count(*) FROM jackpot.migration_batch b JOIN jackpot.ledger l ON l.id BETWEEN b.first_id AND b.last_id AND l.xid = b.xid
                 WHERE l.pool_ids && $1)
          FROM jackpot.migration_pool p WHERE p.pool_id = ANY ($1)";
    static SINCE(INT4ARRAYOID) = "
        WITH history AS (
            SELECT l.id FROM jackpot.migration_batch b JOIN jackpot.ledger l ON l.id BETWEEN b.first_id AND b.last_id AND l.xid = b.xid),
        bets AS (
            SELECT pg_catalog.count(DISTINCT l.id) FILTER (WHERE l.voids IS NULL) AS bets, pg_catalog.count(DISTINCT l.id) FILTER (WHERE l.voids IS NOT NULL) AS voids,
                   coalesce(pg_catalog.sum(u.display + u.reserve), 0) AS contributed
              FROM jackpot.ledger l CROSS JOIN LATERAL unnest(l.pool_ids, l.display, l.reserve) u(pool_id, display, reserve)
             WHERE u.pool_id = ANY ($1) AND NOT EXISTS (SELECT FROM history h WHERE h.id = l.id)),
        wins AS (
            SELECT coalesce(pg_catalog.sum(p.total_wins - m.wins), 0) AS wins, coalesce(pg_catalog.sum(p.total_won - m.won), 0) AS won
              FROM jackpot.pool p JOIN jackpot.migration_pool m ON m.pool_id = p.id WHERE p.id = ANY ($1)),
        -- Whose these are is known when they are processed.
        waiting AS (
            SELECT (SELECT pg_catalog.count(*) FROM jackpot.inbox) + coalesce((SELECT pg_catalog.sum(q.items) FROM jackpot.queue_waiting() q), 0) AS waiting),
        changes AS (
            -- Neither what migrations wrote, nor pauses, nor what is told as bets and wins.
            SELECT pg_catalog.count(*) AS changes FROM jackpot.journal j
             WHERE j.pool_id = ANY ($1) AND j.kind NOT IN ('pause', 'resume') AND (j.win_id IS NULL OR j.kind IN ('confirm', 'cancel')) AND pg_catalog.right(j.actor, 8) <> '/migrate')
        SELECT b.bets, b.voids, jackpot.minor_units(b.contributed)::pg_catalog.text, w.wins::pg_catalog.int8, w.won::pg_catalog.text, c.changes, q.waiting::pg_catalog.int8
          FROM bets b, wins w, changes c, waiting q";
    /// Money that went to pools that stay, or came from there.
    static TRANSFERS(INT4ARRAYOID) = "
        SELECT p.pool, o.pool FROM jackpot.journal j JOIN jackpot.pool p ON p.id = j.pool_id JOIN jackpot.pool o ON o.id = j.other_pool_id
         WHERE j.pool_id = ANY ($1) AND j.other_pool_id <> ALL ($1) ORDER BY j.id LIMIT 1";
    static UNVOID(INT8OID) = "
        WITH gone AS (
            DELETE FROM jackpot.void v USING jackpot.migration m
             WHERE m.id = ANY (jackpot.ended_with($1))
               AND v.operation_id = ANY (m.voids) AND v.ledger_id IS NULL AND v.pool_ids = '{}'
            RETURNING v.operation_id)
        SELECT pg_catalog.count(*) FROM gone";
    static UNVOID_OPERATIONS(INT8OID) = "
        DELETE FROM jackpot.operation o USING jackpot.migration m
         WHERE m.id = ANY (jackpot.ended_with($1))
           AND o.operation_id = ANY (m.voids) AND o.ledger_id IS NULL
           AND NOT EXISTS (SELECT FROM jackpot.void v WHERE v.operation_id = o.operation_id)";
    /// Voids of wagers that fed these pools only go; of others these pools' shares do.
    static VOIDS(INT4ARRAYOID) = "
        DELETE FROM jackpot.void v WHERE v.pool_ids && $1 AND v.pool_ids <@ $1";
    static STRIP_VOIDS(INT4ARRAYOID) = "
        UPDATE jackpot.void v
           SET (pool_ids, from_meter, from_reserve, from_house) = (
               SELECT pg_catalog.array_agg(u.p ORDER BY u.o), pg_catalog.array_agg(u.m ORDER BY u.o), pg_catalog.array_agg(u.r ORDER BY u.o), pg_catalog.array_agg(u.h ORDER BY u.o)
                 FROM unnest(v.pool_ids, v.from_meter, v.from_reserve, v.from_house) WITH ORDINALITY u(p, m, r, h, o) WHERE u.p <> ALL ($1)),
               ledger_id = (SELECT l.id FROM jackpot.ledger l WHERE l.id = v.ledger_id AND NOT l.pool_ids <@ $1)
         WHERE v.pool_ids && $1";
    static OPERATIONS(INT4ARRAYOID) = "
        DELETE FROM jackpot.operation o USING jackpot.ledger l
         WHERE l.pool_ids && $1 AND l.pool_ids <@ $1 AND l.voids IS NULL AND o.ledger_id = l.id AND o.operation_id = l.operation_id";
    static OPERATIONS_OF_WINS(INT4ARRAYOID) = "
        DELETE FROM jackpot.operation o USING jackpot.win w
         WHERE w.pool_id = ANY ($1) AND o.operation_id = w.operation_id AND o.ledger_id IS NULL AND w.id = ANY (o.win_ids)";
    static STRIP_OPERATIONS(INT4ARRAYOID) = "
        UPDATE jackpot.operation o
           SET win_ids = CASE WHEN o.win_ids IS NOT NULL THEN s.win_ids END,
               current_amounts = CASE WHEN o.current_amounts IS NOT NULL THEN s.amounts END,
               versions = CASE WHEN o.versions IS NOT NULL THEN s.versions END
          FROM jackpot.ledger l
         CROSS JOIN LATERAL (
               SELECT pg_catalog.array_agg(o2.win_ids[u.o] ORDER BY u.o) AS win_ids, pg_catalog.array_agg(o2.current_amounts[u.o] ORDER BY u.o) AS amounts,
                      pg_catalog.array_agg(o2.versions[u.o] ORDER BY u.o) AS versions
                 FROM jackpot.operation o2, unnest(l.pool_ids) WITH ORDINALITY u(p, o)
                WHERE o2.operation_id = l.operation_id AND u.p <> ALL ($1)) s
         WHERE l.pool_ids && $1 AND NOT l.pool_ids <@ $1 AND l.voids IS NULL AND o.ledger_id = l.id AND o.operation_id = l.operation_id";
    static LEDGER(INT4ARRAYOID) = "DELETE FROM jackpot.ledger l WHERE l.pool_ids && $1 AND l.pool_ids <@ $1";
    static STRIP_LEDGER(INT4ARRAYOID) = "
        UPDATE jackpot.ledger l
           SET (pool_ids, display, reserve, config_versions, exchange_rates, display_remainders, reserve_remainders) = (
               SELECT pg_catalog.array_agg(u.p ORDER BY u.o), pg_catalog.array_agg(u.d ORDER BY u.o), pg_catalog.array_agg(u.r ORDER BY u.o), pg_catalog.array_agg(u.c ORDER BY u.o),
                      CASE WHEN l.exchange_rates IS NOT NULL THEN pg_catalog.array_agg(u.x ORDER BY u.o) END,
                      CASE WHEN l.exchange_rates IS NOT NULL THEN pg_catalog.array_agg(u.dr ORDER BY u.o) END,
                      CASE WHEN l.exchange_rates IS NOT NULL THEN pg_catalog.array_agg(u.rr ORDER BY u.o) END
                 FROM unnest(l.pool_ids, l.display, l.reserve, l.config_versions, l.exchange_rates, l.display_remainders, l.reserve_remainders)
                      WITH ORDINALITY u(p, d, r, c, x, dr, rr, o) WHERE u.p <> ALL ($1))
         WHERE l.pool_ids && $1";
    static JOURNAL(INT4ARRAYOID) = "DELETE FROM jackpot.journal j WHERE j.pool_id = ANY ($1)";
    static WINS(INT4ARRAYOID) = "DELETE FROM jackpot.win w WHERE w.pool_id = ANY ($1)";
    static SECRETS(INT4ARRAYOID) = "DELETE FROM jackpot.secret s WHERE s.pool_id = ANY ($1)";
    static BALANCES(INT4ARRAYOID) = "DELETE FROM jackpot.balance b WHERE b.pool_id = ANY ($1)";
    static OWNED(INT4ARRAYOID) = "DELETE FROM jackpot.migration_pool m WHERE m.pool_id = ANY ($1)";
    static POOLS(INT4ARRAYOID) = "DELETE FROM jackpot.pool p WHERE p.id = ANY ($1)";
    static BATCHES() = "
        DELETE FROM jackpot.migration_batch b
         WHERE NOT EXISTS (SELECT FROM jackpot.ledger l WHERE l.id BETWEEN b.first_id AND b.last_id AND l.xid = b.xid)";
    /// Migrations that put history into its pools are over as well, unless into others', too.
    static MARK(INT8OID, TEXTOID, JSONBOID) = "
        WITH marked AS (
            UPDATE jackpot.migration m
               SET state = 'rolled_back', rolled_back_at = pg_catalog.clock_timestamp(), rolled_back_by = $2,
                   lost = CASE WHEN m.id = $1 THEN $3 END
             WHERE m.id = ANY (jackpot.ended_with($1))
            RETURNING m.id)
        DELETE FROM jackpot.migration_row r USING marked WHERE r.migration_id = marked.id";
}

/// Rolls a migration back, or tells whether it can be.
pub fn rollback(wanted: &Wanted) -> Result<RolledBack, Error> {
    let id = wanted.migration_id;
    if !wanted.validate_only {
        alone()?;
    }
    mark::ensure()?;
    let (state, pools, owners) = find(id)?;
    let nothing = RolledBack {
        status: "unchanged",
        migration_id: id,
        pools: 0,
        contributions: 0,
        wins: 0,
        lost: Value::Null,
    };
    if state == "rolled_back" {
        return Ok(nothing);
    }
    let stranger: Option<String> = STRANGER.with(|statement| {
        let arguments = [argument(id), wanted.pools.clone().into_datum()];
        statement.write(&arguments).first().map(|row| row.need(1))
    });
    if let Some(pool) = stranger {
        let why = format!("migration {id} did not make pool \"{pool}\"");
        return Err(Error::invalid("rollback_data is of another migration", why));
    }
    if !owners.is_empty() {
        return history_of_others(wanted, &state, &owners)
            .map(|status| RolledBack { status, ..nothing });
    }
    if !wanted.validate_only {
        // No bet is in flight, and nobody settles.
        lock::close_gate()?;
        pools.iter().copied().for_each(lock::queue_for_pool);
        LOCK_POOLS.with(|statement| statement.write(&ids(&pools)));
        LOCK_MARK.with(|statement| statement.write(&[]));
    }
    let _planned = session::Settings::for_many_rows();
    let (wins, contributions) = TAKEN_OVER.with(|statement| {
        let rows = statement.write(&ids(&pools));
        rows.first().map_or((0, 0), |row| (row.need(2), row.need(3)))
    });
    let since = Since::of(&pools);
    let refusal = since.refusal(id, &pools, wanted.force);
    let lost = if since.is_nothing() { Value::Null } else { since.to_json() };
    let pool_count = pools.len() as i64;
    let found = RolledBack { pools: pool_count, contributions, wins, lost, ..nothing };
    if wanted.validate_only {
        let status = if refusal.is_some() { "refused" } else { "possible" };
        return Ok(RolledBack { status, ..found });
    }
    if let Some(refusal) = refusal {
        return Err(refusal);
    }
    remove(id, &pools, &found.lost);
    relations::announce_change();
    queue::wake();
    Ok(RolledBack { status: "rolled_back", ..found })
}

/// History stays as long as its pools do; what waits to be taken over need not.
fn history_of_others(wanted: &Wanted, state: &str, owners: &[i64]) -> Result<&'static str, Error> {
    let id = wanted.migration_id;
    if wanted.validate_only {
        return Ok("refused");
    }
    if wanted.force && state == "running" {
        GIVE_UP.with(|statement| statement.write(&[argument(id)]));
        return Ok("given_up");
    }
    let owners: Vec<String> = owners.iter().map(i64::to_string).collect();
    Err(Error::new(
        Token::MigrationState,
        format!("migration {id} put history into pools of others"),
        format!("into those of migration {}", owners.join(", ")),
    )
    .hint("Roll that one back first: the history goes with the pools. Of an interrupted one, force => true gives up what has not been taken over."))
}

fn ids(pools: &[i32]) -> [crate::store::statement::Argument; 1] {
    [pools.to_vec().into_datum()]
}

/// Its state, its pools, and the other migrations that are there and into whose pools it put history.
fn find(id: i64) -> Result<(String, Vec<i32>, Vec<i64>), Error> {
    FIND.with(|statement| {
        let rows = statement.write(&[argument(id)]);
        rows.first().map(|row| (row.need(1), row.need(2), row.need(3))).ok_or_else(|| {
            Error::new(
                Token::UnknownMigration,
                format!("migration {id} does not exist"),
                format!("no migration has the number {id}"),
            )
            .hint("jackpot.migration lists them.")
        })
    })
}

fn remove(id: i64, pools: &[i32], lost: &Value) {
    for statement in [&UNVOID, &UNVOID_OPERATIONS] {
        statement.with(|statement| statement.write(&[argument(id)]));
    }
    let all = [
        &VOIDS,
        &STRIP_VOIDS,
        &OPERATIONS,
        &OPERATIONS_OF_WINS,
        &STRIP_OPERATIONS,
        &LEDGER,
        &STRIP_LEDGER,
        &JOURNAL,
        &WINS,
        &SECRETS,
        &BALANCES,
        &OWNED,
        &POOLS,
    ];
    for statement in all {
        statement.with(|statement| statement.write(&ids(pools)));
    }
    BATCHES.with(|statement| statement.write(&[]));
    let lost = (!lost.is_null()).then(|| JsonB(lost.clone()));
    let arguments = [argument(id), argument(session::actor("rollback")), argument(lost)];
    MARK.with(|statement| statement.write(&arguments));
}

/// What has happened to the pools since they were taken over.
struct Since {
    bets: i64,
    voids: i64,
    contributed: String,
    wins: i64,
    won: String,
    changes: i64,
    /// What waits in the queue and the inbox.
    waiting: i64,
}

impl Since {
    fn of(pools: &[i32]) -> Self {
        let since = SINCE.with(|statement| {
            statement.write(&ids(pools)).first().map(|row| Since {
                bets: row.need(1),
                voids: row.need(2),
                contributed: row.need(3),
                wins: row.need(4),
                won: row.need(5),
                changes: row.need(6),
                waiting: row.need(7),
            })
        });
        since.unwrap_or_else(|| pgrx::error!("an aggregate gave no row"))
    }

    fn is_nothing(&self) -> bool {
        self.bets == 0
            && self.voids == 0
            && self.wins == 0
            && self.changes == 0
            && self.waiting == 0
    }

    fn to_json(&self) -> Value {
        json!({"bets": self.bets, "voids": self.voids, "contributed": self.contributed,
               "wins": self.wins, "won": self.won, "changes": self.changes, "waiting": self.waiting})
    }

    /// Why it cannot be rolled back (55000), if it cannot.
    fn refusal(&self, id: i64, pools: &[i32], force: bool) -> Option<Error> {
        let transfer = TRANSFERS.with(|statement| {
            let rows = statement.write(&ids(pools));
            rows.first().map(|row| (row.need::<String>(1), row.need::<String>(2)))
        });
        if let Some((pool, other)) = transfer {
            return Some(Error::new(
                Token::MigrationInUse,
                format!("migration {id} cannot be rolled back"),
                format!("money was transferred between \"{pool}\" and \"{other}\", which stays"),
            ));
        }
        if force || self.is_nothing() {
            return None;
        }
        let Since { bets, voids, contributed, wins, won, changes, waiting } = self;
        let force = "force => true rolls it back all the same, and tells what is lost.";
        let (items, hint) = match waiting {
            0 => (String::new(), force.to_owned()),
            _ => (
                format!("; {waiting} items wait in the queue and the inbox"),
                format!(
                    "jackpot_process_queue() and jackpot_process_inbox() settle what waits; {force}"
                ),
            ),
        };
        Some(
            Error::new(
                Token::MigrationInUse,
                format!("pools of migration {id} have been used since"),
                format!(
                    "{bets} bets and {voids} voids ({contributed} in all), {wins} wins of {won}, {changes} changes would be lost{items}"
                ),
            )
            .hint(hint),
        )
    }
}
