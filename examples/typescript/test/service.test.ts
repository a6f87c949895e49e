import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConcurrencyViolationError, jackpot, SqlError, type Jackpot } from '../src/index.js';
import { testDatabase } from './database.js';
import type { OlderConfig, OlderContribution, OlderPool, OlderStatistics, OlderWin } from './older.js';

const database = testDatabase('example_service');
const service = (): Jackpot => jackpot(database.db);

test('a contribution has the older shape, rounded down, and the exact amounts beside', async () => {
  const result = await service().processJackpotContribution('game123', 1001);
  const older: OlderContribution = result;
  assert.equal(older.success, true);
  assert.deepEqual(result.contributions, { minor: 20, major: 10, mega: 5 });
  assert.equal(result.totalContribution, 35);
  assert.deepEqual(result.exactContributions, { minor: '20.02', major: '10.01', mega: '5.005' });
  assert.equal(result.exactTotalContribution, '35.035');
  assert.equal('error' in result, false);
});

test('fractions add up: a hundred wagers of one cent', async () => {
  const before = (await service().getJackpotPool('minor')).exactTotalContributions;
  const results = await Promise.all(Array.from({ length: 100 }, () => service().processJackpotContribution('game123', 1)));
  assert.equal(results.reduce((sum, { totalContribution }) => sum + totalContribution, 0), 0);
  const after = (await service().getJackpotPool('minor')).exactTotalContributions;
  assert.equal(Number(after) * 100 - Number(before) * 100, 200);
});

test('no floating point: 29 % of 100 is 29', async () => {
  await service().updateConfig({ minor: { rate: 0.29 } });
  assert.equal(Math.floor(100 * 0.29), 28);
  assert.equal((await service().processJackpotContribution('game123', 100)).contributions.minor, 29);
  await service().updateConfig({ minor: { rate: 0.02 } });
});

test('an operationId makes repeating safe', async () => {
  const first = await service().processJackpotContribution('game123', 500, { userId: 'ann', operationId: 'bet-1' });
  const second = await service().processJackpotContribution('game123', 500, { userId: 'ann', operationId: 'bet-1' });
  assert.deepEqual([first.replayed, second.replayed], [false, true]);
  assert.deepEqual(second.contributions, first.contributions);
  assert.equal(await database.value(`SELECT count(*) FROM jackpot.ledger WHERE operation_id = 'bet-1'`), '1');
  const other = await service().processJackpotContribution('game123', 501, { userId: 'ann', operationId: 'bet-1' });
  assert.deepEqual([other.success, other.sqlstate, other.token], [false, '23505', 'operation_mismatch']);
});

test('the other arguments arrive', async () => {
  const metadata = { round: '7', note: `Zoë's "quoted" 🎰` };
  await service().processJackpotContribution('game123', 500, {
    userId: 'user 🎲', operationId: 'bet-2', operatorId: 'acme', gameCategory: 'slots', metadata,
  });
  assert.deepEqual(
    await database.rows(`SELECT user_id, operator_id, game_category, metadata FROM jackpot.ledger WHERE operation_id = 'bet-2'`),
    [{ user_id: 'user 🎲', operator_id: 'acme', game_category: 'slots', metadata }],
  );
});

test('what the server refuses is returned, with its SQLSTATE and token', async () => {
  const negative = await service().processJackpotContribution('game123', -100);
  assert.deepEqual(negative, {
    success: false, contributions: { minor: 0, major: 0, mega: 0 }, totalContribution: 0, exactContributions: {}, exactTotalContribution: '0',
    replayed: false, error: 'wager_amount -100 is negative', sqlstate: '22023', token: 'invalid_argument',
  });
  const noGame = await service().processJackpotContribution('', 1000);
  assert.deepEqual([noGame.success, noGame.sqlstate, noGame.token], [false, '22023', 'invalid_argument']);
  const tooMuch = await service().processJackpotWin('minor', 'game123', 'ann', 1_000_000_000);
  const older: OlderWin = tooMuch;
  assert.deepEqual([older.success, older.actualWinAmount, tooMuch.sqlstate, tooMuch.token], [false, 0, '23514', 'insufficient_funds']);
  const unknown = await service().processJackpotWin('huge' as 'mega', 'game123', 'ann');
  assert.deepEqual([unknown.success, unknown.error, unknown.token], [false, 'pool "huge" does not exist', 'unknown_pool']);
});

test('amounts that a number has rounded are refused before they are sent', async () => {
  const sent = database.sent.length;
  for (const wager of [10.5, NaN, Infinity, 2 ** 53, Number('9007199254740993')]) {
    const result = await service().processJackpotContribution('game123', wager);
    assert.deepEqual([result.success, result.sqlstate, result.token], [false, '22023', 'invalid_argument'], String(wager));
  }
  assert.equal((await service().processJackpotWin('minor', 'game123', 'ann', 0.5)).token, 'invalid_argument');
  assert.equal(database.sent.length, sent);
});

test('a bigint wager beyond 2^53 arrives to the last digit', async () => {
  await service().updateConfig({ minor: { rate: 0.000001 }, major: { rate: 0 }, mega: { rate: 0 } });
  const result = await service().processJackpotContribution('game123', 9007199254740993n, { operationId: 'huge' });
  assert.equal(result.exactContributions.minor, '9007199254.740993');
  assert.equal(result.contributions.minor, 9007199254);
  assert.equal(await database.value(`SELECT wager_amount::text FROM jackpot.ledger WHERE operation_id = 'huge'`), '9007199254740993');
  await service().updateConfig({ minor: { rate: 0.02 }, major: { rate: 0.01 }, mega: { rate: 0.005 } });
});

test('a part of a pool is won, then all of it', async () => {
  await service().processJackpotContribution('game123', 50_000_000);
  const before = await service().getJackpotPool('major');
  const part: OlderWin = await service().processJackpotWin('major', 'game123', 'ann', 1000);
  assert.deepEqual([part.success, part.actualWinAmount, part.remainingAmount], [true, 1000, before.currentAmount - 1000]);
  const all = await service().processJackpotWin('major', 'game7', 'bob');
  assert.deepEqual([all.success, all.actualWinAmount, all.remainingAmount], [true, before.currentAmount - 1000, before.seedAmount]);

  const after: OlderPool = await service().getJackpotPool('major');
  assert.equal(after.currentAmount, before.seedAmount);
  assert.equal(after.totalWins, before.totalWins + before.currentAmount);
  assert.equal(after.lastWinAmount, before.currentAmount - 1000);
  assert.ok(after.lastWinDate instanceof Date && Math.abs(after.lastWinDate.getTime() - Date.now()) < 600_000);
  assert.equal((await service().getJackpotPool('major')).lastWonByUserId, 'bob');
});

test('a win is repeated by its operationId, and can insist on a cycle', async () => {
  const [{ cycle }] = (await database.rows(`SELECT cycle FROM jackpot_pool('minor')`)) as [{ cycle: string }];
  const first = await service().processJackpotWin('minor', 'game123', 'ann', 10, { operationId: 'win-1', expectedCycle: BigInt(cycle) });
  const second = await service().processJackpotWin('minor', 'game123', 'ann', 10, { operationId: 'win-1', expectedCycle: BigInt(cycle) });
  assert.deepEqual([first.replayed, second.replayed, second.winId], [false, true, first.winId]);
  await assert.rejects(service().processJackpotWin('minor', 'game123', 'ann', 10, { expectedCycle: BigInt(cycle) }), (error) => {
    assert.ok(error instanceof ConcurrencyViolationError && error instanceof SqlError);
    assert.deepEqual([error.name, error.operation, error.group], ['ConcurrencyViolationError', 'processWin', 'minor']);
    assert.deepEqual([error.sqlstate, error.token], ['40001', 'version_conflict']);
    assert.equal(error.conflictDetails?.detail, `version_conflict: expected cycle ${cycle}, found ${Number(cycle) + 1}`);
    return true;
  });
});

test('all pools, and their money as the older names have it', async () => {
  const pools = await service().getJackpotPools();
  assert.deepEqual(Object.keys(pools), ['minor', 'major', 'mega']);
  for (const row of await database.rows(`SELECT pool, current_amount::text, trunc(total_contributed)::text AS contributed, total_won::text FROM jackpot_pools()`)) {
    const pool: OlderPool = pools[row.pool as 'minor'];
    assert.deepEqual(
      [pool.group, pool.currentAmount, pool.totalContributions, pool.totalWins],
      [row.pool, Number(row.current_amount), Number(row.contributed), Number(row.total_won)],
    );
    assert.ok(pool.totalContributions > 0);
  }
  assert.deepEqual([pools.mega.lastWinDate, pools.mega.lastWinAmount], [undefined, undefined]);
});

test('statistics', async () => {
  await service().processJackpotContribution('game-a', 100);
  await service().processJackpotContribution('game-b', 100);
  const games = await database.value('SELECT count(DISTINCT game_id) FROM jackpot.ledger');
  const statistics: OlderStatistics = await service().getJackpotStatistics();
  const pools = Object.values(statistics.pools);
  assert.equal(statistics.totalContributions, pools.reduce((sum, pool) => sum + pool.totalContributions, 0));
  assert.equal(statistics.totalWins, pools.reduce((sum, pool) => sum + pool.totalWins, 0));
  assert.ok(statistics.totalWins > 0);
  assert.equal(statistics.totalGamesContributing, Number(games));
});

test('the configuration is read and changed, all of it or nothing', async () => {
  const older: OlderConfig = await service().getConfig();
  assert.deepEqual(older.minor, { rate: 0.02, seedAmount: 100000, maxAmount: 1000000 });
  assert.deepEqual(await service().updateConfig({ minor: { rate: 0.025 }, mega: { seedAmount: 9000000, maxAmount: null } }, 'spring'), { success: true });
  const changed = await service().getConfig();
  assert.deepEqual(changed.minor, { rate: 0.025, seedAmount: 100000, maxAmount: 1000000 });
  assert.deepEqual(changed.mega, { rate: 0.005, seedAmount: 9000000, maxAmount: undefined });
  assert.equal(await database.value(`SELECT reason FROM jackpot_history('minor', kinds => '{configure}', max_rows => 1)`), 'spring');

  const refused = await service().updateConfig({ minor: { rate: 0.01 }, major: { rate: 1.5 } });
  assert.deepEqual([refused.success, refused.sqlstate, refused.token], [false, '22023', 'invalid_argument']);
  const infinite = await service().updateConfig({ minor: { rate: NaN } });
  assert.deepEqual([infinite.success, infinite.token], [false, 'invalid_argument']);
  const unknown = await service().updateConfig({ huge: { rate: 0.1 } } as object);
  assert.deepEqual([unknown.success, unknown.token], [false, 'unknown_pool']);
  assert.deepEqual(await service().getConfig(), changed);
  assert.deepEqual(await service().updateConfig({}), { success: true });
});

test('a configuration that another session changes at the same time is not torn', async () => {
  const configs = [0.011, 0.012, 0.013, 0.014].map((rate) => ({ minor: { rate }, major: { rate }, mega: { rate } }));
  const results = await Promise.all(configs.map((config) => service().updateConfig(config)));
  assert.ok(results.every(({ success }) => success));
  const { minor, major, mega } = await service().getConfig();
  assert.deepEqual([minor.rate, major.rate], [mega.rate, mega.rate]);
});

test('which games have a jackpot, and at which rate', async () => {
  await service().updateConfig({ minor: { rate: 0.02 } });
  assert.equal(await service().doesGameHaveJackpot('game9'), true);
  for (const pool of ['minor', 'major', 'mega']) await database.rows(`SELECT FROM jackpot_update_config($1, '{"game_ids": ["game1"]}')`, [pool]);
  assert.equal(await service().doesGameHaveJackpot('game9'), false);
  assert.deepEqual([await service().getGameContributionRate('game1', 'minor'), await service().getGameContributionRate('game9', 'minor')], [0.02, 0]);
  const none = await service().processJackpotContribution('game9', 1000);
  assert.deepEqual([none.success, none.totalContribution, none.exactTotalContribution], [true, 0, '0']);
  await database.rows(`SELECT FROM jackpot_pause('minor', 'maintenance')`);
  assert.equal(await service().getGameContributionRate('game1', 'minor'), 0);
  const paused = await service().processJackpotWin('minor', 'game1', 'ann');
  assert.deepEqual([paused.success, paused.sqlstate, paused.token], [false, '55000', 'pool_not_active']);
  await database.rows(`SELECT FROM jackpot_resume('minor')`);
});

test('reading a pool that is not there is an error', async () => {
  await assert.rejects(service().getJackpotPool('huge' as 'mega'), { name: 'SqlError', sqlstate: '42704', token: 'unknown_pool' });
  await assert.rejects(service().getGameContributionRate('game1', 'huge' as 'mega'), { token: 'unknown_pool' });
});

test('every function is one statement', async () => {
  const { jackpotPerformanceMonitor: monitor, ...own } = service();
  const calls: Record<keyof typeof own, () => Promise<unknown>> = {
    processJackpotContribution: () => own.processJackpotContribution('game1', 100),
    processJackpotWin: () => own.processJackpotWin('minor', 'game1', 'ann', 1),
    getJackpotPools: () => own.getJackpotPools(),
    getJackpotPool: () => own.getJackpotPool('minor'),
    getJackpotStatistics: () => own.getJackpotStatistics(),
    getConfig: () => own.getConfig(),
    updateConfig: () => own.updateConfig({ minor: { rate: 0.02 }, major: { rate: 0.01 } }),
    doesGameHaveJackpot: () => own.doesGameHaveJackpot('game1'),
    getGameContributionRate: () => own.getGameContributionRate('game1', 'minor'),
    quickBatchContribute: () => own.quickBatchContribute([{ gameId: 'game1', wagerAmount: 1 }, { gameId: 'game1', wagerAmount: 2 }]),
    quickBatchWin: () => own.quickBatchWin([{ group: 'minor', gameId: 'game1', userId: 'ann', winAmount: 1 }]),
    queueJackpotContribution: () => own.queueJackpotContribution('game1', 1),
    queueJackpotWin: () => own.queueJackpotWin('minor', 'ann', 1),
    getQueueHealth: () => own.getQueueHealth(),
  };
  for (const [name, call] of Object.entries({ ...calls, health: monitor.getHealthStatus, metrics: monitor.getCurrentMetrics })) {
    const sent = database.sent.length;
    await call();
    assert.equal(database.sent.length - sent, 1, name);
  }
});
