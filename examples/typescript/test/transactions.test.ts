import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { bigint, pgTable, text } from 'drizzle-orm/pg-core';
import pg from 'pg';
import { ConcurrencyViolationError, jackpot, LockTimeoutError, SqlError, type Database } from '../src/index.js';
import { testDatabase } from './database.js';

const database = testDatabase('example_transactions', 'CREATE TABLE bets (id text PRIMARY KEY, wager bigint NOT NULL)');
const bets = pgTable('bets', { id: text('id').primaryKey(), wager: bigint('wager', { mode: 'number' }).notNull() });
const contributed = async () => (await jackpot(database.db).getJackpotPool('minor')).exactTotalContributions;

test('the contribution commits with the bet', async () => {
  await database.db.transaction(async (tx) => {
    await tx.insert(bets).values({ id: 'b1', wager: 1000 });
    const result = await jackpot(tx).processJackpotContribution('game1', 1000, { operationId: 'b1' });
    assert.equal(result.contributions.minor, 20);
    assert.equal((await jackpot(tx).getJackpotPool('minor')).exactTotalContributions, '20');
    assert.equal(await contributed(), '0');
  });
  assert.equal(await contributed(), '20');
  assert.equal((await database.db.select().from(bets)).length, 1);
});

test('the contribution is rolled back with the bet', async () => {
  const thrown = database.db.transaction(async (tx) => {
    await jackpot(tx).processJackpotContribution('game1', 1000);
    await jackpot(tx).queueJackpotWin('minor', 'ann', 5);
    await tx.insert(bets).values({ id: 'b1', wager: 1 });
  });
  await assert.rejects(thrown);
  assert.equal(await contributed(), '20');
  assert.equal((await jackpot(database.db).getQueueHealth()).depth, 0);
});

test('inside of a transaction a refusal is thrown, so that the bet is not lost without a word', async () => {
  const thrown = database.db.transaction(async (tx) => {
    await tx.insert(bets).values({ id: 'b2', wager: 1000 });
    await jackpot(tx).processJackpotWin('minor', 'game1', 'ann', 1_000_000_000);
  });
  await assert.rejects(thrown, { name: 'SqlError', sqlstate: '23514', token: 'insufficient_funds', hint: 'Leave win_amount out to pay all that is payable.' });
  assert.equal((await database.db.select().from(bets)).length, 1);

  const calls: ((tx: Database) => Promise<unknown>)[] = [
    (tx) => jackpot(tx).processJackpotContribution('', 1),
    (tx) => jackpot(tx).processJackpotContribution('game1', 1.5),
    (tx) => jackpot(tx).updateConfig({ minor: { rate: 2 } }),
  ];
  for (const call of calls) await assert.rejects(database.db.transaction((tx) => call(tx)), { name: 'SqlError', sqlstate: '22023' });
});

test('in a savepoint of its own a refusal can be lived with', async () => {
  await database.db.transaction(async (tx) => {
    await tx.insert(bets).values({ id: 'b3', wager: 1000 });
    const refused = await tx.transaction((own) => jackpot(own).processJackpotContribution('', 1000)).catch((error: unknown) => error);
    assert.ok(refused instanceof SqlError && refused.token === 'invalid_argument');
  });
  assert.equal((await database.db.select().from(bets)).length, 2);
});

test('many at once: nothing is lost, nothing is retried by the caller', async () => {
  const before = Number(await contributed());
  const results = await Promise.all(Array.from({ length: 200 }, (_, i) =>
    i % 20 === 0 ? jackpot(database.db).processJackpotWin('minor', 'game1', 'ann', 1) : jackpot(database.db).processJackpotContribution('game1', 150)));
  assert.ok(results.every(({ success }) => success));
  assert.equal(Number(await contributed()) - before, 190 * 3);
});

test('40001 of a stricter isolation level is a ConcurrencyViolationError', async () => {
  const thrown = database.db.transaction(async (tx) => {
    await jackpot(tx).getJackpotPools();
    await jackpot(database.db).processJackpotWin('minor', 'game1', 'bob', 1);
    await jackpot(tx).processJackpotWin('minor', 'game1', 'ann', 1);
  }, { isolationLevel: 'repeatable read' });
  await assert.rejects(thrown, (error) => error instanceof ConcurrencyViolationError && error.sqlstate === '40001' && error.group === 'minor');
});

test('a deadlock is a ConcurrencyViolationError, and the other goes through', async () => {
  let arrived = 0;
  const both = (order: ('minor' | 'major')[]) => database.db.transaction(async (tx) => {
    await jackpot(tx).processJackpotWin(order[0]!, 'game1', 'ann', 1);
    for (arrived += 1; arrived < 2; ) await new Promise((resolve) => setTimeout(resolve, 10));
    await jackpot(tx).processJackpotWin(order[1]!, 'game1', 'ann', 1);
  });
  const outcomes = await Promise.allSettled([both(['minor', 'major']), both(['major', 'minor'])]);
  const failed = outcomes.filter((outcome) => outcome.status === 'rejected');
  assert.equal(failed.length, 1);
  const error = failed[0]!.reason;
  assert.ok(error instanceof ConcurrencyViolationError && error.sqlstate === '40P01', String(error));
});

test('a lock that is not had in time is a LockTimeoutError', async () => {
  const impatient = new pg.Pool({ database: database.name, max: 1, options: '-c jackpot.lock_timeout=120ms' });
  try {
    await database.db.transaction(async (tx) => {
      await jackpot(tx).processJackpotWin('minor', 'game1', 'ann', 1);
      await assert.rejects(jackpot(drizzle(impatient)).processJackpotWin('minor', 'game1', 'bob', 1), (error) => {
        assert.ok(error instanceof LockTimeoutError);
        assert.deepEqual([error.sqlstate, error.token, error.timeoutMs, error.operation], ['55P03', 'lock_timeout', 120, 'processWin']);
        return true;
      });
    });
  } finally {
    await impatient.end();
  }
});

test('whatever parsers an application has set, amounts are exact', async () => {
  const { INT8, NUMERIC } = pg.types.builtins;
  const parsers = [INT8, NUMERIC].map((type) => [type, pg.types.getTypeParser(type, 'text')] as const);
  for (const [type] of parsers) pg.types.setTypeParser(type, () => NaN);
  try {
    assert.ok(Number.isNaN((await database.db.execute<{ n: number }>(sql`SELECT 1::bigint AS n`)).rows[0]?.n));
    const result = await jackpot(database.db).processJackpotContribution('game1', 1001);
    assert.equal(result.exactContributions.minor, '20.02');
    assert.ok((await jackpot(database.db).getJackpotPools()).minor.currentAmount > 0);
    assert.equal((await jackpot(database.db).processJackpotWin('minor', 'game1', 'ann', 1)).actualWinAmount, 1);
    assert.equal((await jackpot(database.db).getConfig()).minor.rate, 0.02);
    assert.equal((await jackpot(database.db).quickBatchContribute([{ gameId: 'game1', wagerAmount: 1001 }])).exactTotalAmount, '35.035');
  } finally {
    for (const [type, parser] of parsers) pg.types.setTypeParser(type, parser);
  }
});

test('a server that is away is a refusal without an SQLSTATE', async () => {
  const nowhere = drizzle(new pg.Pool({ host: '/nowhere', database: 'none' }));
  const result = await jackpot(nowhere).processJackpotContribution('game1', 100);
  assert.equal(result.success, false);
  assert.ok(result.error);
  assert.deepEqual([result.sqlstate, result.token], [undefined, undefined]);
  await assert.rejects(jackpot(nowhere).getJackpotPools(), SqlError);
});

test('the transaction and its functions see one snapshot of the pools', async () => {
  await database.db.transaction(async (tx) => {
    const first = await jackpot(tx).getJackpotPools();
    await jackpot(database.db).processJackpotContribution('game1', 1000);
    assert.deepEqual(await jackpot(tx).getJackpotPools(), first);
  }, { isolationLevel: 'repeatable read' });
});
