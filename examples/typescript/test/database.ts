// A database of its own for each file of tests, on the server of the PG* variables.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import { jackpot } from '../src/index.js';

export interface TestDatabase {
  name: string;
  pool: pg.Pool;
  db: NodePgDatabase;
  /** The statements that went through `db`. */
  sent: string[];
  rows(text: string, values?: unknown[]): Promise<Record<string, any>[]>;
  value(text: string, values?: unknown[]): Promise<any>;
}

async function asOwner(text: string): Promise<void> {
  const client = new pg.Client({ database: 'postgres' });
  await client.connect();
  await client.query(text);
  await client.end();
}

/** Made before the file's tests; after them its books must balance, and it is dropped. */
export function testDatabase(name: string, setUp = ''): TestDatabase {
  const database = { name, sent: [] as string[] } as TestDatabase;
  before(async () => {
    await asOwner(`CREATE DATABASE ${name}`);
    database.pool = new pg.Pool({ database: name, max: 20 });
    database.db = drizzle(database.pool, { logger: { logQuery: (query) => void database.sent.push(query) } });
    database.rows = async (text, values) => (await database.pool.query(text, values)).rows;
    database.value = async (text, values) => Object.values((await database.rows(text, values))[0] ?? {})[0];
    await database.rows(`
      CREATE EXTENSION jackpot;
      SELECT FROM jackpot_create_pool('minor', 0.02, 100000, max_amount => 1000000);
      SELECT FROM jackpot_create_pool('major', 0.01, 1000000, max_amount => 10000000);
      SELECT FROM jackpot_create_pool('mega', 0.005, 10000000, max_amount => 100000000);
      ${setUp}`);
  });
  after(async () => {
    try {
      assert.deepEqual(await database.rows('SELECT * FROM jackpot_validate() WHERE NOT ok'), []);
    } finally {
      await database.pool.end();
      // Without FORCE, which would end connections that are just being closed.
      await asOwner(`DROP DATABASE ${name}`);
    }
  });
  return database;
}

/** Has the worker refuse a win: what it was to be paid from is won before. Returns the item's number. */
export async function refusedWin({ db }: TestDatabase): Promise<string> {
  return db.transaction(async (tx) => {
    const { processJackpotContribution, processJackpotWin, queueJackpotWin } = jackpot(tx);
    await processJackpotContribution('game1', 5_000_000);
    const id = await queueJackpotWin('minor', 'ann', 150_000);
    await processJackpotWin('minor', 'game1', 'bob');
    return id;
  });
}

/** Asks until the answer is the expected one, for half a minute. */
export async function awaited<Value>(expected: Value, ask: () => Promise<Value>): Promise<void> {
  const until = Date.now() + 30_000;
  let got = await ask();
  while (got !== expected && Date.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    got = await ask();
  }
  assert.equal(got, expected);
}
