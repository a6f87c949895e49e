// jackpot-performance-monitor of the older service, with figures that were measured.

import { sql } from 'drizzle-orm';
import type { Statements } from './statement.js';
import type { HealthStatus, PerformanceMetrics } from './types.js';

export const monitor = (statements: Statements) => ({
  jackpotPerformanceMonitor: {
    async getHealthStatus(): Promise<HealthStatus> {
      const { health } = await statements.row<{ health: {
        healthy: boolean; checked_at: string; issues: { severity: string; message: string }[] } }>(
        'getHealthStatus', sql`SELECT jackpot_health() AS health`);
      const isCritical = health.issues.some((issue) => issue.severity === 'critical');
      return {
        status: health.healthy ? 'healthy' : isCritical ? 'unhealthy' : 'degraded',
        healthy: health.healthy,
        issues: health.issues.filter((issue) => issue.severity !== 'info').map((issue) => issue.message),
        timestamp: new Date(health.checked_at),
      };
    },

    /** Counted by the server since the sample before the last minute; needs the library preloaded. */
    async getCurrentMetrics(): Promise<PerformanceMetrics> {
      const { metrics } = await statements.row<{ metrics: PerformanceMetrics & { timestamp: string } }>('getCurrentMetrics', sql`
        WITH report AS MATERIALIZED (
          SELECT r.r -> 'summary' AS summary, greatest((r.r ->> 'seconds')::numeric, 1) AS seconds, jackpot_queue_health() AS q
            FROM jackpot_performance_report(clock_timestamp() - interval '1 minute') AS r(r)),
        calls AS (
          SELECT o.operation ~ 'win' AS is_win, o.*
            FROM report, jsonb_to_recordset(summary -> 'operations')
                 AS o(operation text, calls numeric, errors numeric, duration_ms numeric, p95_ms numeric, p99_ms numeric)
           WHERE o.operation ~ '^(contribute|spin|win|process_inbox|enqueue)'),
        counted AS (
          SELECT sum(calls) AS calls, sum(errors) AS errors, sum(duration_ms) AS duration_ms, max(p95_ms) AS p95, max(p99_ms) AS p99,
                 sum(errors) FILTER (WHERE is_win) * 100 / nullif(sum(calls + errors) FILTER (WHERE is_win), 0) AS win_errors,
                 sum(errors) FILTER (WHERE NOT is_win) * 100 / nullif(sum(calls + errors) FILTER (WHERE NOT is_win), 0) AS wager_errors
            FROM calls),
        moved AS (
          SELECT sum(o.bets) AS bets, sum(o.wins) AS wins FROM report, jsonb_to_recordset(summary -> 'pools') AS o(bets numeric, wins numeric)),
        totals AS (
          SELECT sum(total_contributions) AS contributions, sum(total_contributed) AS contributed, sum(total_wins) AS wins, sum(total_won) AS won
            FROM jackpot_pools())
        SELECT jsonb_build_object(
          'timestamp', clock_timestamp(),
          'jackpot', jsonb_build_object(
            'contributions', jsonb_build_object(
              'total', coalesce(t.contributions, 0), 'rate', round(coalesce(m.bets, 0) * 60 / seconds, 3),
              'averageAmount', round(coalesce(t.contributed / nullif(t.contributions, 0), 0), 6), 'errorRate', round(coalesce(c.wager_errors, 0), 3)),
            'wins', jsonb_build_object(
              'total', coalesce(t.wins, 0), 'rate', round(coalesce(m.wins, 0) * 60 / seconds, 3),
              'averageAmount', round(coalesce(t.won / nullif(t.wins, 0), 0), 6), 'errorRate', round(coalesce(c.win_errors, 0), 3)),
            'queue', jsonb_build_object('size', q -> 'depth', 'processingRate', q -> 'rate_out_per_minute', 'oldestWaitTime', q -> 'oldest_age_ms')),
          'application', jsonb_build_object(
            'responseTime', jsonb_build_object(
              'average', round(coalesce(c.duration_ms / nullif(c.calls, 0), 0), 3), 'p95', coalesce(c.p95, 0), 'p99', coalesce(c.p99, 0)),
            'throughput', round(coalesce(c.calls, 0) / seconds, 3),
            'errorRate', round(coalesce(c.errors * 100 / nullif(c.calls + c.errors, 0), 0), 3),
            'uptime', trunc(extract(epoch FROM clock_timestamp() - pg_postmaster_start_time()) * 1000))) AS metrics
          FROM report, counted c, moved m, totals t`);
      return { ...metrics, timestamp: new Date(metrics.timestamp) };
    },
  },
});
