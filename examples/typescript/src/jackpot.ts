import { batch } from './batch.js';
import { monitor } from './monitor.js';
import { queue } from './queue.js';
import { service } from './service.js';
import { Statements, type Database } from './statement.js';

/**
 * All functions over a database, or inside of a transaction of the caller:
 * `db.transaction(async (tx) => { …; await jackpot(tx).processJackpotContribution(game, wager); })`
 */
export function jackpot(db: Database) {
  const statements = new Statements(db);
  return { ...service(statements), ...batch(statements), ...queue(statements), ...monitor(statements) };
}

export type Jackpot = ReturnType<typeof jackpot>;
