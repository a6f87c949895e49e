// jackpot-batch-operations of the older service. Good items are applied, bad ones reported.

import { sql } from 'drizzle-orm';
import { isExact, whole, type Statements } from './statement.js';
import type { BatchContribution, BatchContributionResult, BatchError, BatchWin, BatchWinResult, MinorUnits } from './types.js';

interface ItemError {
  index: number;
  message: string;
  sqlstate: string;
  token: string;
}

const toErrors = (errors: ItemError[]): BatchError[] =>
  errors.map(({ index, message, sqlstate, token }) => ({ index, error: message, sqlstate, token }));

// As text a bigint survives JSON; what has been rounded is left for the server to refuse, with its index.
const amount = (value?: MinorUnits) => (value == null || isExact(value) ? value?.toString() : `${value} (not exact)`);

export const batch = (statements: Statements) => ({
  /** Many wagers: jackpot_contribute_batch(). */
  async quickBatchContribute(contributions: BatchContribution[]): Promise<BatchContributionResult> {
    try {
      // Only what is known: callers pass objects that carry more, and the server refuses what it does not know.
      const items = contributions.map(({ gameId, wagerAmount, userId, operationId, operatorId, gameCategory, currency, metadata }) => ({
        gameId, wagerAmount: amount(wagerAmount), userId, operationId, operatorId, gameCategory, currency, metadata,
      }));
      const row = await statements.row<{ processed: string; contributed: string; errors: ItemError[] }>('batchContribute', sql`
        SELECT processed::text, total_contribution::text AS contributed, errors
          FROM jackpot_contribute_batch(${JSON.stringify(items)}::jsonb)`);
      return {
        totalProcessed: whole(row.processed), totalAmount: whole(row.contributed), exactTotalAmount: row.contributed,
        errors: toErrors(row.errors),
      };
    } catch (thrown) {
      return { totalProcessed: 0, totalAmount: 0, exactTotalAmount: '0', errors: [{ index: -1, ...statements.refusal(thrown) }] };
    }
  },

  /** Many wins, paid in their order: jackpot_win_batch(). */
  async quickBatchWin(wins: BatchWin[]): Promise<BatchWinResult> {
    try {
      const items = wins.map(({ group, gameId, userId, winAmount, operationId, expectedCycle, metadata }) => ({
        pool: group, gameId, userId, winAmount: amount(winAmount), operationId, expectedCycle: amount(expectedCycle), metadata,
      }));
      const row = await statements.row<{ processed: string; won: string; paid: Record<string, string>; errors: ItemError[] }>('batchWin', sql`
        SELECT processed::text, total_won::text AS won, errors,
               (SELECT coalesce(jsonb_object_agg(g.pool, g.amount), '{}')
                  FROM (SELECT p ->> 'pool' AS pool, sum((p ->> 'win_amount')::numeric)::text AS amount
                          FROM jsonb_array_elements(paid) p WHERE NOT (p ->> 'replayed')::boolean GROUP BY 1) g) AS paid
          FROM jackpot_win_batch(${JSON.stringify(items)}::jsonb)`);
      return {
        totalProcessed: whole(row.processed), totalAmount: whole(row.won),
        wins: Object.entries(row.paid).map(([group, won]) => ({ group, amount: whole(won) })),
        errors: toErrors(row.errors),
      };
    } catch (thrown) {
      return { totalProcessed: 0, totalAmount: 0, wins: [], errors: [{ index: -1, ...statements.refusal(thrown) }] };
    }
  },
});
