// One statement: how it is sent, what goes in as money, and what comes out.

import { is, type SQL } from 'drizzle-orm';
import type { NodePgQueryResultHKT } from 'drizzle-orm/node-postgres';
import { PgTransaction, type PgDatabase } from 'drizzle-orm/pg-core';
import type { QueryResultRow } from 'pg';
import { ConcurrencyViolationError, LockTimeoutError, SqlError, toSqlError } from './errors.js';
import type { JackpotGroup, MinorUnits, Refusal } from './types.js';

/** A Drizzle database on node-postgres, or a transaction of one, with whatever schema. */
export type Database = PgDatabase<NodePgQueryResultHKT, any, any>;

export class Statements {
  constructor(private readonly db: Database) {}

  async rows<Row extends QueryResultRow>(operation: string, query: SQL, group?: JackpotGroup): Promise<Row[]> {
    try {
      return (await this.db.execute<Row>(query)).rows as Row[];
    } catch (thrown) {
      throw toSqlError(thrown, operation, group);
    }
  }

  async row<Row extends QueryResultRow>(operation: string, query: SQL, group?: JackpotGroup): Promise<Row> {
    const [row] = await this.rows<Row>(operation, query, group);
    if (!row) throw new SqlError(`${operation} returned nothing`);
    return row;
  }

  /**
   * What the older functions returned instead of throwing. Conflicts are thrown, as the caller has to
   * repeat the transaction. So is everything inside of one: PostgreSQL has aborted it, and its COMMIT
   * would roll back without a word.
   */
  refusal(thrown: unknown): Refusal & { error: string } {
    const mustThrow = thrown instanceof ConcurrencyViolationError || thrown instanceof LockTimeoutError;
    if (!(thrown instanceof SqlError) || mustThrow || is(this.db, PgTransaction)) throw thrown;
    return { error: thrown.message, sqlstate: thrown.sqlstate, token: thrown.token };
  }
}

/** Whether it is a whole amount that has not been rounded on its way here. */
export function isExact(amount: MinorUnits): boolean {
  return typeof amount === 'bigint' || Number.isSafeInteger(amount);
}

/** An amount as the text that a bigint parameter takes. */
export function minorUnits(name: string, amount: MinorUnits): string {
  if (isExact(amount)) return String(amount);
  throw new SqlError(`${name} ${amount} is not a whole number of minor units that a number holds exactly`, {
    sqlstate: '22023',
    token: 'invalid_argument',
    hint: 'Beyond 2^53 use a bigint.',
  });
}

/**
 * An exact amount as a number: rounded down to whole minor units. Amounts of a pool are far below
 * 2^53 (the server refuses more, 22003); a total that is not is an error rather than nearly right.
 */
export function whole(amount: string): number {
  const number = Number(amount.replace(/\..*/, ''));
  if (!Number.isSafeInteger(number)) throw new RangeError(`${amount} is more than a number holds exactly`);
  return number;
}

export function json(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value);
}
