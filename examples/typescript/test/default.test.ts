import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { drizzle } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import * as module from '../src/index.js';
import { testDatabase } from './database.js';

const database = testDatabase('example_default');
const folder = fileURLToPath(new URL('..', import.meta.url));
const node = (script: string, environment: object) =>
  spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script], {
    cwd: folder, encoding: 'utf8', timeout: 60_000, env: { ...process.env, ...environment },
  });

test('the names work over the PG* variables, and the process ends by itself', () => {
  const { stdout, stderr, status } = node(`
    import { processJackpotContribution, getJackpotPools, jackpotManager } from './src/index.ts';
    const { success, totalContribution } = await processJackpotContribution('game123', 1000);
    const pools = await getJackpotPools();
    console.log(JSON.stringify([success, totalContribution, pools.minor.totalContributions, (await jackpotManager.getConfig()).minor.rate]));
  `, { PGDATABASE: database.name });
  assert.deepEqual([stdout.trim(), stderr, status], ['[true,35,20,0.02]', '', 0]);
});

test('DATABASE_URL comes first', () => {
  const url = `postgresql:///${database.name}?host=${encodeURIComponent(process.env.PGHOST ?? '')}&port=${process.env.PGPORT}&user=${process.env.PGUSER}`;
  const { stdout, stderr, status } = node(`
    import { getJackpotPool } from './src/index.ts';
    console.log((await getJackpotPool('minor')).totalContributions);
  `, { PGDATABASE: 'none', DATABASE_URL: url });
  assert.deepEqual([stdout.trim(), stderr, status], ['20', '', 0]);
});

test('importing it connects to nothing', () => {
  assert.deepEqual(node(`import './src/index.ts'`, { PGHOST: '/nowhere' }).status, 0);
});

test('every name, over the database of the application', async () => {
  module.useDatabase(database.db);
  const calls: (() => Promise<unknown>)[] = [
    () => module.processJackpotContribution('game1', 1000, { operationId: 'd1' }),
    () => module.processJackpotWin('minor', 'game1', 'ann', 5, { operationId: 'd2' }),
    () => module.getJackpotPools(),
    () => module.getJackpotPool('mega'),
    () => module.getJackpotStatistics(),
    () => module.getJackpotStats(),
    () => module.getConfig(),
    () => module.updateConfig({ minor: { rate: 0.03 } }, 'why'),
    () => module.updateJackpotConfig({ minor: { rate: 0.02 } }),
    () => module.doesGameHaveJackpot('game1'),
    () => module.getGameContributionRate('game1', 'major'),
    () => module.quickBatchContribute([{ gameId: 'game1', wagerAmount: 100 }]),
    () => module.quickBatchWin([{ group: 'minor', gameId: 'game1', userId: 'ann', winAmount: 1 }]),
    () => module.queueJackpotContribution('game1', 100, { operationId: 'd3' }),
    () => module.queueJackpotWin('minor', 'ann', 1, { operationId: 'd4' }),
    () => module.getQueueHealth(),
    () => module.jackpotPerformanceMonitor.getHealthStatus(),
    () => module.jackpotPerformanceMonitor.getCurrentMetrics(),
    () => module.jackpotManager.contribute('game1', 1000),
    () => module.jackpotManager.processWin('minor', 'game1', 'ann', 1),
    () => module.jackpotManager.getPool('mega'),
    () => module.jackpotManager.getAllPools(),
    () => module.jackpotManager.getStatistics(),
    () => module.jackpotManager.getConfig(),
    () => module.jackpotManager.updateConfig({}),
  ];
  const sent = database.sent.length;
  for (const call of calls) {
    const result = (await call()) as { success?: boolean } | undefined;
    assert.ok(result !== undefined && (result as { success?: boolean }).success !== false, `${call}: ${JSON.stringify(result)}`);
  }
  assert.equal(database.sent.length - sent, calls.length);
  const ids = await database.rows(`SELECT operation_id FROM jackpot.ledger WHERE operation_id IS NOT NULL UNION SELECT operation_id FROM jackpot.win WHERE operation_id IN ('d2')`);
  assert.deepEqual(ids.map(({ operation_id }) => operation_id).sort(), ['d1', 'd2', 'd3']);
});

test('the rights in the README are all that is needed', async () => {
  const grants = readFileSync(`${folder}/README.md`, 'utf8').match(/```sql\n(.*?)```/s)?.[1];
  assert.ok(grants);
  await database.rows(`DROP ROLE IF EXISTS casino; CREATE ROLE casino LOGIN; ${grants}`);
  const own = new pg.Pool({ database: database.name, user: 'casino', max: 1 });
  try {
    module.useDatabase(drizzle(own));
    const results = [
      await module.processJackpotContribution('game1', 1000), await module.processJackpotWin('minor', 'game1', 'ann', 5),
      await module.updateConfig({ minor: { rate: 0.02 } }),
    ];
    assert.deepEqual(results.map(({ success, error }) => [success, error]), results.map(() => [true, undefined]));
    assert.equal((await module.getJackpotPools()).minor.lastWinAmount, 5);
    assert.equal((await module.getJackpotStatistics()).totalGamesContributing, 2);
    assert.equal((await module.getConfig()).minor.rate, 0.02);
    assert.equal(await module.doesGameHaveJackpot('game1'), true);
    assert.equal(await module.getGameContributionRate('game1', 'minor'), 0.02);
    assert.deepEqual((await module.quickBatchContribute([{ gameId: 'game1', wagerAmount: 100 }])).errors, []);
    assert.deepEqual((await module.quickBatchWin([{ group: 'minor', gameId: 'game1', userId: 'ann', winAmount: 1 }])).errors, []);
    await module.queueJackpotContribution('game1', 100);
    await module.queueJackpotWin('minor', 'ann', 1);
    await module.getQueueHealth();
    await module.jackpotPerformanceMonitor.getHealthStatus();
    await module.jackpotPerformanceMonitor.getCurrentMetrics();
    await assert.rejects(own.query('SELECT secret FROM jackpot.win'), { code: '42501' });
  } finally {
    await own.end();
    await database.rows('DROP OWNED BY casino; DROP ROLE casino');
  }
});
