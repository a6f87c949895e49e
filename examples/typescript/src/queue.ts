// jackpot-queue-system of the older service. The queue is the database's: what is enqueued in a
// transaction commits with it, survives a restart, and is done exactly once.

import { sql } from 'drizzle-orm';
import { json, minorUnits, type Statements } from './statement.js';
import type { JackpotGroup, MinorUnits, QueueHealth, QueueOptions, WagerOptions } from './types.js';

export const queue = (statements: Statements) => ({
  /** The wager counts from the commit on; nothing of it waits: jackpot_enqueue_contribution(). */
  async queueJackpotContribution(gameId: string, wagerAmount: MinorUnits, options: QueueOptions & WagerOptions = {}): Promise<string> {
    const row = await statements.row<{ id: string }>('queueContribution', sql`
      SELECT jackpot_enqueue_contribution(${gameId}, ${minorUnits('wagerAmount', wagerAmount)}::bigint,
             user_id => ${options.userId ?? null}, operation_id => ${options.operationId ?? null},
             operator_id => ${options.operatorId ?? null}, game_category => ${options.gameCategory ?? null},
             currency => ${options.currency ?? null}, metadata => ${json(options.metadata)}::jsonb,
             priority => ${options.priority ?? null}::integer)::text AS id`);
    return row.id;
  },

  /** Paid by the worker right after the commit, or after `delay`: jackpot_enqueue_win(). */
  async queueJackpotWin(
    group: JackpotGroup, userId: string, winAmount: MinorUnits,
    // A win names its game; the older queue had none.
    options: QueueOptions & { gameId?: string } = {},
  ): Promise<string> {
    const row = await statements.row<{ id: string }>('queueWin', sql`
      SELECT jackpot_enqueue_win(${group}, ${options.gameId ?? 'unknown'}, ${userId},
             win_amount => ${minorUnits('winAmount', winAmount)}::bigint, operation_id => ${options.operationId ?? null},
             metadata => ${json(options.metadata)}::jsonb, priority => ${options.priority ?? null}::integer,
             delay => ${options.delay ?? null}::float8 * interval '1 ms')::text AS id`, group);
    return row.id;
  },

  async getQueueHealth(): Promise<QueueHealth> {
    const { health } = await statements.row<{ health: Record<'depth' | 'oldest_age_ms' | 'dead_letters', number> & {
      healthy: boolean; issues: { message: string }[] } }>('getQueueHealth', sql`SELECT jackpot_queue_health() AS health`);
    return {
      healthy: health.healthy,
      issues: health.issues.map((issue) => issue.message),
      depth: health.depth,
      oldestAgeMs: health.oldest_age_ms,
      deadLetters: health.dead_letters,
    };
  },
});
