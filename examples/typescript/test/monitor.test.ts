import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jackpot } from '../src/index.js';
import { awaited, refusedWin, testDatabase } from './database.js';

const database = testDatabase('example_monitor');
const monitor = () => jackpot(database.db).jackpotPerformanceMonitor;

test('metrics of a server on which nothing has happened are zero', async () => {
  const { jackpot: counted, application } = await monitor().getCurrentMetrics();
  assert.deepEqual(counted, {
    contributions: { total: 0, rate: 0, averageAmount: 0, errorRate: 0 },
    wins: { total: 0, rate: 0, averageAmount: 0, errorRate: 0 },
    queue: { size: 0, processingRate: 0, oldestWaitTime: 0 },
  });
  assert.deepEqual([application.throughput, application.errorRate, application.responseTime], [0, 0, { average: 0, p95: 0, p99: 0 }]);
});

test('metrics count what was done', async () => {
  const service = jackpot(database.db);
  for (let i = 0; i < 30; i += 1) await service.processJackpotContribution('game1', 1000);
  for (let i = 0; i < 10; i += 1) await service.processJackpotContribution('game1', -1);
  for (let i = 0; i < 3; i += 1) await service.processJackpotWin('minor', 'game1', 'ann', 10);
  await service.processJackpotWin('minor', 'game1', 'ann', 1_000_000_000);
  await service.queueJackpotWin('minor', 'ann', 1, { delay: 600_000 });

  const { timestamp, jackpot: counted, application } = await monitor().getCurrentMetrics();
  // Three pools take each wager: 20, 10 and 5 cents.
  assert.deepEqual([counted.contributions.total, counted.contributions.averageAmount, counted.contributions.errorRate], [90, 11.666667, 25]);
  // The enqueued win is a call that was answered.
  assert.deepEqual([counted.wins.total, counted.wins.averageAmount, counted.wins.errorRate], [3, 10, 20]);
  assert.equal(counted.queue.size, 1);
  assert.equal(application.errorRate, 24.444);
  for (const figure of [counted.contributions.rate, counted.wins.rate, application.throughput, application.uptime, ...Object.values(application.responseTime)]) {
    assert.ok(figure > 0, JSON.stringify({ counted, application }));
  }
  assert.ok(application.responseTime.p99 >= application.responseTime.p95);
  assert.ok(Math.abs(timestamp.getTime() - Date.now()) < 600_000);
});

test('the health tells what is wrong', async () => {
  // For a minute the refusals of the test before count as a high rate of errors, and calls that were slow by chance count.
  for (const metric of ['error_rate', 'call_p95_ms', 'win_p95_ms']) {
    await database.rows('SELECT FROM jackpot_set_alert($1, NULL, NULL)', [metric]);
  }
  await awaited('healthy', async () => (await monitor().getHealthStatus()).status);
  assert.deepEqual((await monitor().getHealthStatus()).issues, []);

  const id = await refusedWin(database);
  await awaited('degraded', async () => (await monitor().getHealthStatus()).status);
  const degraded = await monitor().getHealthStatus();
  assert.deepEqual([degraded.healthy, degraded.issues], [false, ['1 items were refused and wait for a decision']]);
  assert.ok(degraded.timestamp instanceof Date && !Number.isNaN(degraded.timestamp.getTime()));
  await database.rows(`SELECT jackpot_discard($1, 'a test')`, [id]);

  await database.rows(`SELECT FROM jackpot_set_alert('error_rate', 0, 0)`);
  assert.equal((await monitor().getHealthStatus()).status, 'unhealthy');
});
