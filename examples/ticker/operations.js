// What operators see: rates and latencies of each second, the queue, health and alerts.

import { Latencies, merge } from './latencies.js';

const POINTS = 300; // seconds that the charts show

// As jackpot.signal has it: calls that move players' money, not what the worker or reports do.
const BACKGROUND = new Set(['process_queue', 'settle', 'pools', 'pool', 'rules', 'ticker']);

// In one statement, so of one moment.
const READING = `
  SELECT extract(epoch FROM clock_timestamp())::float8 AS at,
         jackpot_health() AS health,
         jackpot_queue_health() AS queue,
         (SELECT coalesce(jsonb_agg(a), '[]') FROM jackpot_alerts() a WHERE a.state = 'raised') AS alerts,
         (SELECT coalesce(jsonb_agg(jsonb_build_array(m.name, m.labels ->> 'operation', m.labels ->> 'le', m.value)), '[]')
            FROM jackpot_metrics() m
           WHERE m.name IN ('jackpot_calls_total', 'jackpot_errors_total', 'jackpot_call_duration_seconds_bucket')) AS metrics`;

// The counters of each operation: calls, errors, and how many calls took at most so long.
function counters(metrics) {
  const operations = new Map();
  for (const [name, operation, le, value] of metrics) {
    if (!operations.has(operation)) operations.set(operation, { calls: 0, errors: 0, buckets: new Map() });
    const counter = operations.get(operation);
    if (name === 'jackpot_calls_total') counter.calls += value;
    else if (name === 'jackpot_errors_total') counter.errors += value;
    else counter.buckets.set(Number(le.replace('+Inf', 'Infinity')), value);
  }
  return operations;
}

// A counter that is less than before was reset meanwhile, and counts anew.
const added = (now, before = 0) => (now < before ? now : now - before);

// What happened between two readings, by operation.
function rates(now, before, seconds) {
  return [...now].map(([operation, counter]) => {
    const earlier = before.get(operation);
    return {
      operation,
      calls: added(counter.calls, earlier?.calls) / seconds,
      errors: added(counter.errors, earlier?.errors) / seconds,
      latencies: Latencies.of(counter.buckets).since(Latencies.of(earlier?.buckets ?? [])),
    };
  });
}

const sum = (rows, key) => rows.reduce((total, row) => total + row[key], 0);

export const followOperations = (database) => () => {
  let before;
  const points = [];
  return async (publish) => {
    const [{ at, health, queue, alerts, metrics }] = await database.rows(READING);
    const now = { at, counters: counters(metrics) };
    const operations = before ? rates(now.counters, before.counters, at - before.at) : [];
    const money = operations.filter(({ operation }) => !BACKGROUND.has(operation));
    const latencies = merge(money.map((row) => row.latencies));
    if (before) {
      const point = {
        at,
        calls: sum(money, 'calls'),
        errors: sum(money, 'errors'),
        p50: latencies.quantile(0.5),
        p95: latencies.quantile(0.95),
        p99: latencies.quantile(0.99),
        depth: queue.depth,
        age: queue.oldest_age_ms,
      };
      points.splice(0, points.length - POINTS + 1);
      points.push(point);
      publish('points', [point], points);
    }
    before = now;
    publish('figures', {
      health,
      queue,
      alerts,
      operations: operations.map(({ latencies, ...row }) => ({
        ...row,
        p50: latencies.quantile(0.5),
        p95: latencies.quantile(0.95),
        p99: latencies.quantile(0.99),
      })),
    });
  };
};
