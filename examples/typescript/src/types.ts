// The shapes of the older service. What is new is marked so, and only adds.

export type JackpotGroup = 'minor' | 'major' | 'mega';

/** Whole minor units (cents). A bigint takes what a number cannot hold exactly. */
export type MinorUnits = number | bigint;

/** What PostgreSQL says of a refusal. `token` is what programs match: docs/reference.md lists them. */
export interface Refusal {
  sqlstate?: string;
  token?: string;
}

export interface JackpotPool {
  group: JackpotGroup;
  currentAmount: number;
  /** Money, not how many, as before; gross of what was voided, the reserve's share included. */
  totalContributions: number;
  totalWins: number;
  lastWinDate?: Date;
  lastWinAmount?: number;
  lastWonByUserId?: string;
  seedAmount: number;
  maxAmount?: number;
  contributionRate: number;
  /** New: totalContributions with its fraction. */
  exactTotalContributions: string;
}

export interface JackpotContributionResult extends Refusal {
  success: boolean;
  /** Each pool's share, rounded down to whole minor units as before. */
  contributions: Record<JackpotGroup, number>;
  /** The sum of `contributions`. */
  totalContribution: number;
  error?: string;
  /** New: what the pools really got. Add these up, never the rounded ones. */
  exactContributions: Record<string, string>;
  exactTotalContribution: string;
  /** New: whether the operationId was used before; then this is the first call's result. */
  replayed: boolean;
}

export interface JackpotWinResult extends Refusal {
  success: boolean;
  actualWinAmount: number;
  remainingAmount?: number;
  error?: string;
  /** New. */
  winId?: string;
  replayed: boolean;
}

export interface JackpotGroupConfig {
  rate?: number;
  seedAmount?: number;
  /** null takes the ceiling away. */
  maxAmount?: number | null;
}

export type JackpotConfig = Record<JackpotGroup, JackpotGroupConfig>;

export interface ConfigUpdateResult extends Refusal {
  success: boolean;
  error?: string;
}

export interface JackpotStatistics {
  pools: Record<JackpotGroup, JackpotPool>;
  totalContributions: number;
  totalWins: number;
  /** Among the last 1,000 wagers, which is what the in-memory service remembered. */
  totalGamesContributing: number;
}

/** New: the other arguments of jackpot_contribute(). With an operationId the call may be repeated. */
export interface WagerOptions {
  userId?: string;
  operationId?: string;
  operatorId?: string;
  gameCategory?: string;
  currency?: string;
  metadata?: Record<string, unknown>;
}

/** New: the other arguments of jackpot_win(). */
export interface WinOptions {
  operationId?: string;
  /** Refuses the win with a ConcurrencyViolationError if the pool has been won since. */
  expectedCycle?: MinorUnits;
  metadata?: Record<string, unknown>;
}

export interface BatchContribution extends WagerOptions {
  gameId: string;
  wagerAmount: MinorUnits;
  /** Not stored: the ledger has the time of the transaction. */
  timestamp?: Date;
}

export interface BatchError extends Refusal {
  /** The item, or -1 for all of them. */
  index: number;
  error: string;
}

/** The older `contributions` by pool is gone: the server sums a batch up as a whole. */
export interface BatchContributionResult {
  totalProcessed: number;
  totalAmount: number;
  errors: BatchError[];
  /** New. */
  exactTotalAmount: string;
}

export interface BatchWin extends WinOptions {
  group: JackpotGroup;
  gameId: string;
  userId: string;
  winAmount: MinorUnits;
  timestamp?: Date;
}

export interface BatchWinResult {
  totalProcessed: number;
  totalAmount: number;
  wins: Array<{ group: string; amount: number }>;
  errors: BatchError[];
}

export interface QueueOptions {
  /** Higher comes first. Wins have 100 by default; contributions wait for nothing. */
  priority?: number;
  /** Milliseconds. A contribution counts from its commit on, whatever is said here. */
  delay?: number;
  metadata?: Record<string, unknown>;
  /** New. */
  operationId?: string;
}

export interface QueueHealth {
  healthy: boolean;
  issues: string[];
  /** New. */
  depth: number;
  oldestAgeMs: number;
  deadLetters: number;
}

export interface HealthStatus {
  status: 'healthy' | 'degraded' | 'unhealthy';
  healthy: boolean;
  issues: string[];
  timestamp: Date;
}

/** The older service's `system`, `database` and `cache` were random numbers and are gone. */
export interface PerformanceMetrics {
  timestamp: Date;
  jackpot: {
    /** Counted for each pool. `total` and `averageAmount` are of all time; `rate` (a minute) and `errorRate` (%) of the last minutes. */
    contributions: { total: number; rate: number; averageAmount: number; errorRate: number };
    wins: { total: number; rate: number; averageAmount: number; errorRate: number };
    queue: { size: number; processingRate: number; oldestWaitTime: number };
  };
  application: {
    /** Milliseconds inside of the server; p95 and p99 are those of the slowest kind of call. */
    responseTime: { average: number; p95: number; p99: number };
    throughput: number;
    errorRate: number;
    uptime: number;
  };
}
