// Contributions as the old service made them: pools read in the client with their versions, written
// if the versions are still the same, else rolled back and tried again after 100, 200 and 400 ms.
//
//   node optimistic.mjs CALLERS SECONDS
//
// prints: successes, failures, successes a second, and p50, p95, p99 of the successes in ms.
import pg from 'pg';
import { setTimeout as sleep } from 'node:timers/promises';

const CONNECTIONS = 16;
const DELAYS = [100, 200, 400];
const WARM_UP_SECONDS = 1;
const [callers, seconds] = process.argv.slice(2).map(Number);
const pool = new pg.Pool({ max: CONNECTIONS });

const READ = { name: 'read', text: 'SELECT id, rate, amount, version FROM naive.pool ORDER BY id' };
const WRITE = {
    name: 'write',
    text: 'UPDATE naive.pool SET amount = amount + $2, version = version + 1 WHERE id = $1 AND version = $3',
};
const AUDIT = {
    name: 'audit',
    text: `INSERT INTO naive.audit (pool_id, game_id, user_id, wager_amount, contribution)
           SELECT pool_id, $2, $3, $4, contribution FROM unnest($1::integer[], $5::numeric[]) AS a(pool_id, contribution)`,
};

/** One attempt; false if another was faster. */
async function attempt(gameId, userId, wager) {
    const client = await pool.connect();
    try {
        const { rows } = await client.query(READ);
        const contributions = rows.map(row => (wager * Number(row.rate)).toFixed(6));
        await client.query('BEGIN');
        for (const [i, row] of rows.entries()) {
            const { rowCount } = await client.query({ ...WRITE, values: [row.id, contributions[i], row.version] });
            if (rowCount === 0) {
                await client.query('ROLLBACK');
                return false;
            }
        }
        await client.query({ ...AUDIT, values: [rows.map(row => row.id), gameId, userId, wager, contributions] });
        await client.query('COMMIT');
        return true;
    } finally {
        client.release();
    }
}

/** With retries; the connection is given back while it waits. */
async function contribute(gameId, userId, wager) {
    if (await attempt(gameId, userId, wager)) return true;
    for (const delay of DELAYS) {
        await sleep(delay);
        if (await attempt(gameId, userId, wager)) return true;
    }
    return false;
}

/** All callers at work for so long. */
async function load(duration) {
    const latencies = [];
    let failures = 0;
    // The rate is that of the time when all callers were at work, without the last ones' retries.
    let inTime = 0;
    const end = performance.now() + duration * 1000;
    await Promise.all(Array.from({ length: callers }, async (_, caller) => {
        while (performance.now() < end) {
            const begin = performance.now();
            if (await contribute('game123', `player-${caller}`, 1000)) {
                latencies.push(performance.now() - begin);
                if (performance.now() <= end) inTime += 1;
            } else {
                failures += 1;
            }
        }
    }));
    latencies.sort((a, b) => a - b);
    return { latencies, failures, rate: inTime / duration };
}

await load(WARM_UP_SECONDS);
const { latencies, failures, rate } = await load(seconds);
await pool.end();
const percentile = share => latencies[Math.floor((latencies.length - 1) * share)] ?? NaN;
console.log(latencies.length, failures, rate, percentile(0.5), percentile(0.95), percentile(0.99));
