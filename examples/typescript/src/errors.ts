// Errors of the server as exceptions, two of them with the names of the older service.

import { DrizzleQueryError } from 'drizzle-orm';
import type { JackpotGroup, Refusal } from './types.js';

export interface SqlErrorDetails extends Refusal {
  detail?: string;
  hint?: string;
}

/** Whatever the server refuses. Without an sqlstate nobody knows whether it was done. */
export class SqlError extends Error implements SqlErrorDetails {
  readonly sqlstate?: string;
  readonly token?: string;
  readonly detail?: string;
  readonly hint?: string;

  constructor(message: string, details: SqlErrorDetails = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SqlError';
    Object.assign(this, details);
  }
}

/** 40001 and 40P01: somebody else changed it first. Repeat the transaction. */
export class ConcurrencyViolationError extends SqlError {
  constructor(
    message: string,
    readonly operation: string,
    readonly group?: JackpotGroup,
    readonly conflictDetails?: SqlErrorDetails,
    options?: ErrorOptions,
  ) {
    super(message, conflictDetails, options);
    this.name = 'ConcurrencyViolationError';
  }
}

/** 55P03: a lock was not had within `jackpot.lock_timeout`. */
export class LockTimeoutError extends SqlError {
  constructor(
    message: string,
    readonly operation: string,
    readonly timeoutMs: number,
    details?: SqlErrorDetails,
    options?: ErrorOptions,
  ) {
    super(message, details, options);
    this.name = 'LockTimeoutError';
  }
}

// The texts that callers of the older service look for.
const olderTexts: Record<string, string> = {
  rate_limited: 'Rate limit exceeded',
  queue_full: 'Queue is at maximum capacity',
};

/** What a statement has thrown, as one of the errors above. */
export function toSqlError(thrown: unknown, operation: string, group?: JackpotGroup): SqlError {
  const cause = thrown instanceof DrizzleQueryError ? (thrown.cause ?? thrown) : thrown;
  const { message, code, severity, detail, hint } = cause as Record<string, string | undefined>;
  // A lost connection has a code, too, and it can have five letters (EPIPE); only servers tell a severity.
  const details: SqlErrorDetails = severity ? { sqlstate: code, token: detail?.match(/^\w+(?=:)/)?.[0], detail, hint } : {};
  const older = olderTexts[details.token ?? ''];
  const text = message || code || String(cause);

  switch (details.sqlstate) {
    case '40001':
    case '40P01':
      return new ConcurrencyViolationError(text, operation, group, details, { cause });
    case '55P03':
      return new LockTimeoutError(text, operation, Number(detail?.match(/(\d+) ms/)?.[1] ?? NaN), details, { cause });
    default:
      return new SqlError(older ? `${older}: ${text}` : text, details, { cause });
  }
}
