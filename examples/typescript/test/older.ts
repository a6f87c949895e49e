// The shapes that callers of the older service were compiled against, as its API.md lists them. Tests
// assign results to them, so that tsc fails where one no longer fits.

type Group = 'minor' | 'major' | 'mega';

export interface OlderContribution {
  success: boolean;
  contributions: Record<Group, number>;
  totalContribution: number;
  error?: string;
}

export interface OlderWin {
  success: boolean;
  actualWinAmount: number;
  remainingAmount?: number;
  error?: string;
}

export interface OlderPool {
  group: Group;
  currentAmount: number;
  totalContributions: number;
  totalWins: number;
  lastWinDate?: Date;
  lastWinAmount?: number;
}

export interface OlderStatistics {
  pools: Record<Group, OlderPool>;
  totalContributions: number;
  totalWins: number;
  totalGamesContributing: number;
}

export interface OlderBatch {
  totalProcessed: number;
  totalAmount: number;
  errors: Array<{ index: number; error: string }>;
}

export interface OlderWinBatch extends OlderBatch {
  wins: Array<{ group: string; amount: number }>;
}

export interface OlderQueueHealth {
  healthy: boolean;
  issues: string[];
}

export type OlderConfig = Record<Group, { rate?: number; seedAmount?: number; maxAmount?: number | null }>;
