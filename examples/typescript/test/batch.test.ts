import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drizzle } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import { jackpot, type BatchContribution, type BatchWin, type Jackpot } from '../src/index.js';
import { testDatabase } from './database.js';
import type { OlderBatch, OlderWinBatch } from './older.js';

const database = testDatabase('example_batch');
const service = (): Jackpot => jackpot(database.db);

test('a thousand wagers', async () => {
  const contributions = Array.from({ length: 1000 }, (_, i) => ({ gameId: `game-${i % 7}`, wagerAmount: 1001, timestamp: new Date() }));
  const result = await service().quickBatchContribute(contributions);
  const older: OlderBatch = result;
  assert.deepEqual(older, { totalProcessed: 1000, totalAmount: 35035, exactTotalAmount: '35035', errors: [] });
  assert.equal(await database.value('SELECT count(*) FROM jackpot.ledger'), '1000');
});

test('bad items are reported by their index, the others applied', async () => {
  const result = await service().quickBatchContribute([
    { gameId: 'game1', wagerAmount: 101 },
    { gameId: '', wagerAmount: 100 },
    { gameId: 'game1', wagerAmount: -1 },
    { gameId: 'game1', wagerAmount: 10.5 },
    { gameId: 'game1', wagerAmount: 2 ** 53 },
    { wagerAmount: 5 } as BatchContribution,
    { gameId: 'game1' } as BatchContribution,
    { gameId: 'game1', wagerAmount: 10n },
  ]);
  assert.deepEqual([result.totalProcessed, result.totalAmount, result.exactTotalAmount], [2, 3, '3.885']);
  assert.deepEqual(result.errors.map(({ index, sqlstate, token }) => [index, sqlstate, token]), [
    [1, '22023', 'invalid_argument'], [2, '22023', 'invalid_argument'], [3, '22023', 'invalid_argument'], [4, '22023', 'invalid_argument'],
    [5, '22004', 'null_argument'], [6, '22004', 'null_argument'],
  ]);
  assert.match(result.errors[1]!.error, /-1 is negative/);
});

test('a bigint wager beyond 2^53 arrives to the last digit, and items carry what a call can', async () => {
  await service().updateConfig({ minor: { rate: 0.000001 }, major: { rate: 0 }, mega: { rate: 0 } });
  const item = { gameId: 'game1', wagerAmount: 9007199254740993n, userId: 'ann', operationId: 'huge', metadata: { a: 1 }, notOfTheServer: true };
  const result = await service().quickBatchContribute([item]);
  assert.deepEqual([result.exactTotalAmount, result.errors], ['9007199254.740993', []]);
  assert.deepEqual(await database.rows(`SELECT wager_amount::text, user_id, metadata FROM jackpot.ledger WHERE operation_id = 'huge'`), [
    { wager_amount: '9007199254740993', user_id: 'ann', metadata: { a: 1 } },
  ]);
  assert.deepEqual((await service().quickBatchContribute([item])).exactTotalAmount, '0');
  await service().updateConfig({ minor: { rate: 0.02 }, major: { rate: 0.01 }, mega: { rate: 0.005 } });
});

test('wins are paid in their order and summed up by pool', async () => {
  const win = (group: BatchWin['group'], winAmount: number, more: object = {}): BatchWin => ({
    group, gameId: 'game1', userId: 'ann', winAmount, timestamp: new Date(), ...more,
  });
  const wins = [win('minor', 100, { operationId: 'w1' }), win('major', 7), win('minor', 23), win('minor', 1_000_000_000), win('mega', 5, { expectedCycle: 1 })];
  const result = await service().quickBatchWin(wins);
  const older: OlderWinBatch = result;
  assert.deepEqual([older.totalProcessed, older.totalAmount], [4, 135]);
  assert.deepEqual(older.wins.toSorted((a, b) => a.amount - b.amount), [
    { group: 'mega', amount: 5 }, { group: 'major', amount: 7 }, { group: 'minor', amount: 123 },
  ]);
  assert.deepEqual(result.errors.map(({ index, token }) => [index, token]), [[3, 'insufficient_funds']]);

  const again = await service().quickBatchWin([wins[0]!]);
  assert.deepEqual([again.totalProcessed, again.totalAmount, again.wins], [1, 0, []]);
});

test('what fails as a whole has the index -1', async () => {
  const nowhere = jackpot(drizzle(new pg.Pool({ host: '/nowhere', database: 'none' })));
  const contributions = await nowhere.quickBatchContribute([{ gameId: 'game1', wagerAmount: 1 }]);
  assert.deepEqual([contributions.totalProcessed, contributions.errors[0]?.index], [0, -1]);
  const wins = await nowhere.quickBatchWin([{ group: 'minor', gameId: 'game1', userId: 'ann', winAmount: 1 }]);
  assert.deepEqual([wins.totalProcessed, wins.wins, wins.errors[0]?.index], [0, [], -1]);
});
