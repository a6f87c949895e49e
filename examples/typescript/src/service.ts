// jackpot.service of the older service: wagers, wins, pools, configuration.

import { sql } from 'drizzle-orm';
import { SqlError } from './errors.js';
import { json, minorUnits, whole, type Statements } from './statement.js';
import type {
  ConfigUpdateResult, JackpotConfig, JackpotContributionResult, JackpotGroup, JackpotGroupConfig, JackpotPool,
  JackpotStatistics, JackpotWinResult, MinorUnits, WagerOptions, WinOptions,
} from './types.js';

export const jackpotGroups: readonly JackpotGroup[] = ['minor', 'major', 'mega'];

const nothing: Record<JackpotGroup, number> = { minor: 0, major: 0, mega: 0 };

type PoolRow = Record<
  'pool' | 'current_amount' | 'total_contributed' | 'total_won' | 'seed_amount' | 'contribution_rate', string
> & Record<'max_amount' | 'won_at_ms' | 'won_amount' | 'won_by', string | null>;

// Amounts leave as text: whatever parsers the application has set, none of them rounds these.
const selectPools = (groups: readonly string[]) => sql`
  SELECT p.pool, p.current_amount::text, p.total_contributed::text, p.total_won::text, p.seed_amount::text,
         p.max_amount::text, p.contribution_rate::text,
         trunc(extract(epoch FROM w.at) * 1000)::text AS won_at_ms, w.win_amount::text AS won_amount, w.user_id AS won_by
    FROM jackpot_pools(${sql.param(groups)}::text[]) p
    LEFT JOIN LATERAL (
         SELECT w.at, w.win_amount, w.user_id
           FROM jackpot.pool i JOIN jackpot.win w ON w.pool_id = i.id
          WHERE i.pool = p.pool AND w.status <> 'cancelled' ORDER BY w.cycle DESC LIMIT 1) w ON true`;

const toPool = (row: PoolRow): JackpotPool => ({
  group: row.pool as JackpotGroup,
  currentAmount: whole(row.current_amount),
  totalContributions: whole(row.total_contributed),
  totalWins: whole(row.total_won),
  lastWinDate: row.won_at_ms === null ? undefined : new Date(Number(row.won_at_ms)),
  lastWinAmount: row.won_amount === null ? undefined : whole(row.won_amount),
  lastWonByUserId: row.won_by ?? undefined,
  seedAmount: whole(row.seed_amount),
  maxAmount: row.max_amount === null ? undefined : whole(row.max_amount),
  contributionRate: Number(row.contribution_rate),
  exactTotalContributions: row.total_contributed,
});

const byGroup = <Row extends { pool: string }, Value>(rows: Row[], value: (row: Row) => Value) =>
  Object.fromEntries(rows.map((row) => [row.pool, value(row)])) as Record<JackpotGroup, Value>;

// JSON would make null of NaN and Infinity, and null is the key's default.
const toConfig = (group: string, { rate, seedAmount, maxAmount }: JackpotGroupConfig) => {
  const config = { contribution_rate: rate, seed_amount: seedAmount, max_amount: maxAmount };
  for (const [key, value] of Object.entries(config)) {
    if (value != null && !Number.isFinite(value)) {
      throw new SqlError(`${key} of pool "${group}" is ${value}`, { sqlstate: '22023', token: 'invalid_argument' });
    }
  }
  return config;
};

// Other keys of a pool's configuration, such as min_wager, are for the single wager to meet.
const takesGame = (gameId: string) => sql`
  p.status = 'active' AND (p.config -> 'game_ids' IS NULL OR p.config -> 'game_ids' ? ${gameId}::text)`;

export const service = (statements: Statements) => ({
  /** Contributes to every pool that takes the wager: jackpot_contribute(). */
  async processJackpotContribution(gameId: string, wagerAmount: MinorUnits, options: WagerOptions = {}): Promise<JackpotContributionResult> {
    try {
      const rows = await statements.rows<{ pool: string; contribution: string; total: string; replayed: boolean }>('contribute', sql`
        SELECT pool, contribution::text, sum(contribution) OVER ()::text AS total, replayed
          FROM jackpot_contribute(${gameId}, ${minorUnits('wagerAmount', wagerAmount)}::bigint,
               user_id => ${options.userId ?? null}, operation_id => ${options.operationId ?? null},
               operator_id => ${options.operatorId ?? null}, game_category => ${options.gameCategory ?? null},
               currency => ${options.currency ?? null}, metadata => ${json(options.metadata)}::jsonb)`);
      const contributions = { ...nothing, ...byGroup(rows, (row) => whole(row.contribution)) };
      return {
        success: true,
        contributions,
        totalContribution: Object.values(contributions).reduce((sum, amount) => sum + amount, 0),
        exactContributions: byGroup(rows, (row) => row.contribution),
        exactTotalContribution: rows[0]?.total ?? '0',
        replayed: rows[0]?.replayed ?? false,
      };
    } catch (thrown) {
      return {
        success: false, contributions: { ...nothing }, totalContribution: 0,
        exactContributions: {}, exactTotalContribution: '0', replayed: false, ...statements.refusal(thrown),
      };
    }
  },

  /** Pays a win, all that is payable unless an amount is given: jackpot_win(). */
  async processJackpotWin(
    group: JackpotGroup, gameId: string, userId: string, winAmount?: MinorUnits, options: WinOptions = {},
  ): Promise<JackpotWinResult> {
    try {
      const row = await statements.row<{ win_id: string; win_amount: string; current_amount: string; replayed: boolean }>('processWin', sql`
        SELECT win_id::text, win_amount::text, current_amount::text, replayed
          FROM jackpot_win(${group}, ${gameId}, ${userId},
               win_amount => ${winAmount == null ? null : minorUnits('winAmount', winAmount)}::bigint,
               operation_id => ${options.operationId ?? null},
               expected_cycle => ${options.expectedCycle == null ? null : minorUnits('expectedCycle', options.expectedCycle)}::bigint,
               metadata => ${json(options.metadata)}::jsonb)`, group);
      return {
        success: true, actualWinAmount: whole(row.win_amount), remainingAmount: whole(row.current_amount),
        winId: row.win_id, replayed: row.replayed,
      };
    } catch (thrown) {
      return { success: false, actualWinAmount: 0, replayed: false, ...statements.refusal(thrown) };
    }
  },

  /** All three pools, exact at one moment: jackpot_pools(). */
  async getJackpotPools(): Promise<Record<JackpotGroup, JackpotPool>> {
    return byGroup(await statements.rows<PoolRow>('getAllPools', selectPools(jackpotGroups)), toPool);
  },

  async getJackpotPool(group: JackpotGroup): Promise<JackpotPool> {
    return toPool(await statements.row<PoolRow>('getPool', selectPools([group]), group));
  },

  async getJackpotStatistics(): Promise<JackpotStatistics> {
    const rows = await statements.rows<PoolRow & { contributed: string; won: string; games: string }>('getStatistics', sql`
      SELECT p.*, sum(trunc(p.total_contributed::numeric)) OVER ()::text AS contributed, sum(p.total_won::numeric) OVER ()::text AS won,
             (SELECT count(DISTINCT l.game_id) FROM (SELECT l.game_id FROM jackpot.ledger l ORDER BY l.id DESC LIMIT 1000) l)::text AS games
        FROM (${selectPools(jackpotGroups)}) p`);
    return {
      pools: byGroup(rows, toPool),
      totalContributions: whole(rows[0]?.contributed ?? '0'),
      totalWins: whole(rows[0]?.won ?? '0'),
      totalGamesContributing: whole(rows[0]?.games ?? '0'),
    };
  },

  /** The configuration that is in force. It was a property before and has to be awaited now. */
  async getConfig(): Promise<JackpotConfig> {
    const rows = await statements.rows<PoolRow>('getConfig', sql`
      SELECT pool, contribution_rate::text, seed_amount::text, max_amount::text FROM jackpot_pools(${sql.param(jackpotGroups)}::text[])`);
    return byGroup(rows, (row) => ({
      rate: Number(row.contribution_rate),
      seedAmount: whole(row.seed_amount),
      maxAmount: row.max_amount === null ? undefined : whole(row.max_amount),
    }));
  },

  /** Changes all that is given, or nothing: jackpot_update_config(). */
  async updateConfig(config: Partial<JackpotConfig>, reason?: string): Promise<ConfigUpdateResult> {
    try {
      const given = Object.entries(config).filter(([, value]) => value !== undefined);
      const changes = json(Object.fromEntries(given.map(([group, value]) => [group, toConfig(group, value)])));
      // jackpot_pools() has them by id, the order in which everybody locks them.
      await statements.rows('updateConfig', sql`
        SELECT u.pool
          FROM jackpot_pools(ARRAY(SELECT jsonb_object_keys(${changes}::jsonb))) p,
               LATERAL jackpot_update_config(p.pool, ${changes}::jsonb -> p.pool, reason => ${reason ?? null}) u`);
      return { success: true };
    } catch (thrown) {
      return { success: false, ...statements.refusal(thrown) };
    }
  },

  /** Whether an active pool takes the game's wagers. */
  async doesGameHaveJackpot(gameId: string): Promise<boolean> {
    const row = await statements.row<{ found: boolean }>('doesGameHaveJackpot', sql`
      SELECT EXISTS (SELECT FROM jackpot_pools(${sql.param(jackpotGroups)}::text[]) p WHERE ${takesGame(gameId)}) AS found`);
    return row.found;
  },

  async getGameContributionRate(gameId: string, group: JackpotGroup): Promise<number> {
    const row = await statements.row<{ rate: string }>('getGameContributionRate', sql`
      SELECT (CASE WHEN ${takesGame(gameId)} THEN p.contribution_rate ELSE 0 END)::text AS rate FROM jackpot_pool(${group}) p`, group);
    return Number(row.rate);
  },
});
