// Quantiles of a Prometheus histogram: of how many calls took at most so many seconds.

export class Latencies {
  #counts; // upper end of a bucket → calls in that bucket alone

  constructor(counts = new Map()) {
    this.#counts = counts;
  }

  // From the buckets as metrics have them, each with all calls below its upper end.
  static of(cumulative) {
    let below = 0;
    const counts = new Map();
    for (const [end, count] of [...cumulative].sort(([a], [b]) => a - b)) {
      counts.set(end, count - below);
      below = count;
    }
    return new Latencies(counts);
  }

  // The calls since an earlier reading; all of them if counting began anew meanwhile.
  since(earlier) {
    const later = [...this.#counts].map(([end, count]) => [end, count - (earlier.#counts.get(end) ?? 0)]);
    return later.some(([, count]) => count < 0) ? this : new Latencies(new Map(later));
  }

  add(other) {
    for (const [end, count] of other.#counts) this.#counts.set(end, (this.#counts.get(end) ?? 0) + count);
    return this;
  }

  // The seconds that this share of the calls did not exceed, as Prometheus' histogram_quantile()
  // takes it: evenly spread within a bucket. null where there was no call.
  quantile(share) {
    const counts = [...this.#counts].sort(([a], [b]) => a - b);
    let rank = share * counts.reduce((total, [, count]) => total + count, 0);
    let start = 0;
    for (const [end, count] of counts) {
      if (count > 0 && rank <= count) return end === Infinity ? start : start + (end - start) * (rank / count);
      rank -= count;
      start = end;
    }
    return null;
  }
}

export const merge = (all) => all.reduce((sum, latencies) => sum.add(latencies), new Latencies());
