// The names of the older service, over a default connection. Importing this connects to nothing.

import { drizzle } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import { jackpot, type Jackpot } from './jackpot.js';
import type { Database } from './statement.js';

export { ConcurrencyViolationError, LockTimeoutError, SqlError } from './errors.js';
export { jackpot, type Jackpot } from './jackpot.js';
export { jackpotGroups } from './service.js';
export type { Database } from './statement.js';
export type * from './types.js';

let current: Jackpot | undefined;

/** Has the functions below use the application's own database. */
export function useDatabase(db: Database): void {
  current = jackpot(db);
}

// DATABASE_URL, or the usual PG* variables.
function connect(): Jackpot {
  const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, allowExitOnIdle: true });
  // An idle connection was lost; the next call makes another.
  pool.on('error', () => {});
  return jackpot(drizzle(pool));
}

const service = (): Jackpot => (current ??= connect());

export const processJackpotContribution: Jackpot['processJackpotContribution'] = (...args) => service().processJackpotContribution(...args);
export const processJackpotWin: Jackpot['processJackpotWin'] = (...args) => service().processJackpotWin(...args);
export const getJackpotPools: Jackpot['getJackpotPools'] = () => service().getJackpotPools();
export const getJackpotPool: Jackpot['getJackpotPool'] = (group) => service().getJackpotPool(group);
export const getJackpotStatistics: Jackpot['getJackpotStatistics'] = () => service().getJackpotStatistics();
export const getConfig: Jackpot['getConfig'] = () => service().getConfig();
export const updateConfig: Jackpot['updateConfig'] = (...args) => service().updateConfig(...args);
export const doesGameHaveJackpot: Jackpot['doesGameHaveJackpot'] = (gameId) => service().doesGameHaveJackpot(gameId);
export const getGameContributionRate: Jackpot['getGameContributionRate'] = (...args) => service().getGameContributionRate(...args);

export const quickBatchContribute: Jackpot['quickBatchContribute'] = (contributions) => service().quickBatchContribute(contributions);
export const quickBatchWin: Jackpot['quickBatchWin'] = (wins) => service().quickBatchWin(wins);

export const queueJackpotContribution: Jackpot['queueJackpotContribution'] = (...args) => service().queueJackpotContribution(...args);
export const queueJackpotWin: Jackpot['queueJackpotWin'] = (...args) => service().queueJackpotWin(...args);
export const getQueueHealth: Jackpot['getQueueHealth'] = () => service().getQueueHealth();

export const jackpotPerformanceMonitor: Jackpot['jackpotPerformanceMonitor'] = {
  getHealthStatus: () => service().jackpotPerformanceMonitor.getHealthStatus(),
  getCurrentMetrics: () => service().jackpotPerformanceMonitor.getCurrentMetrics(),
};

// Two more names of the same functions.
export const updateJackpotConfig = updateConfig;
export const getJackpotStats = getJackpotStatistics;
export const jackpotManager = {
  contribute: processJackpotContribution,
  processWin: processJackpotWin,
  getPool: getJackpotPool,
  getAllPools: getJackpotPools,
  getStatistics: getJackpotStatistics,
  getConfig,
  updateConfig,
};
