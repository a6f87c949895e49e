import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drizzle } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import { jackpot, type Jackpot } from '../src/index.js';
import { awaited, refusedWin, testDatabase } from './database.js';
import type { OlderQueueHealth } from './older.js';

const database = testDatabase('example_queue');
const service = (): Jackpot => jackpot(database.db);
const status = async (id: string): Promise<string> => database.value('SELECT status FROM jackpot_queue_item($1)', [id]);

test('a queued contribution counts from its commit on', async () => {
  const id = await service().queueJackpotContribution('game1', 1000, { priority: 5, delay: 1000, metadata: { round: 1 }, userId: 'ann' });
  assert.equal(typeof id, 'string');
  assert.equal((await service().getJackpotPool('minor')).totalContributions, 20);
  assert.equal(await status(id), 'applied');
});

test('the worker pays a queued win', async () => {
  const id = await service().queueJackpotWin('minor', 'ann', 15, { metadata: { round: 2 } });
  await awaited('applied', () => status(id));
  assert.deepEqual(await database.rows('SELECT game_id, user_id, win_amount::text, metadata FROM jackpot.win'), [
    { game_id: 'unknown', user_id: 'ann', win_amount: '15', metadata: { round: 2 } },
  ]);
  const { lastWinAmount, lastWonByUserId } = await service().getJackpotPool('minor');
  assert.deepEqual([lastWinAmount, lastWonByUserId], [15, 'ann']);
});

test('a delayed win waits, and the same operationId is enqueued once', async () => {
  const options = { gameId: 'game7', operationId: 'q1', delay: 600_000, priority: 7 };
  const id = await service().queueJackpotWin('minor', 'bob', 3, options);
  assert.deepEqual(
    await database.rows(`SELECT status, priority, due_at - enqueued_at > interval '9 minutes' AS is_late FROM jackpot_queue_item($1)`, [id]),
    [{ status: 'pending', priority: 7, is_late: true }],
  );
  assert.equal(await service().queueJackpotWin('minor', 'bob', 3, options), id);
  assert.equal((await service().getQueueHealth()).depth, 1);
});

test('the health of the queue', async () => {
  await awaited(true, async () => (await service().getQueueHealth()).healthy);
  const id = await refusedWin(database);
  await awaited('failed', () => status(id));
  const health = await service().getQueueHealth();
  const older: OlderQueueHealth = health;
  assert.deepEqual(older.issues, ['1 items were refused and wait for a decision']);
  assert.deepEqual([older.healthy, health.deadLetters, health.depth], [false, 1, 1]);
});

test('what cannot be enqueued is thrown', async () => {
  await assert.rejects(service().queueJackpotContribution('', 1), { name: 'SqlError', sqlstate: '22023', token: 'invalid_argument' });
  await assert.rejects(service().queueJackpotContribution('game1', 0.5), { sqlstate: '22023' });
  await assert.rejects(service().queueJackpotWin('minor', 'ann', 1_000_000_000), { sqlstate: '23514', token: 'insufficient_funds' });
  await assert.rejects(service().queueJackpotWin('huge' as 'mega', 'ann', 1), { token: 'unknown_pool' });
});

test('limits have the texts that callers look for', async () => {
  await database.rows(`SELECT jackpot_set_rate_limit('game', 'busy', per_minute => 1, burst => 2)`);
  await service().queueJackpotContribution('busy', 1);
  await service().queueJackpotContribution('busy', 1);
  await assert.rejects(service().queueJackpotContribution('busy', 1), { message: /^Rate limit exceeded: /, sqlstate: '53400', token: 'rate_limited' });

  const full = new pg.Pool({ database: database.name, max: 1, options: '-c jackpot.queue_max_items=1' });
  try {
    await assert.rejects(async () => {
      // It is counted now and then.
      for (let i = 0; i < 100; i += 1) {
        await jackpot(drizzle(full)).queueJackpotWin('minor', 'ann', 1, { delay: 600_000 });
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }, { message: /^Queue is at maximum capacity: /, token: 'queue_full' });
  } finally {
    await full.end();
  }
});
