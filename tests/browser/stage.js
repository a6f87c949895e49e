// What the tests play on: the database, its server, the ticker's server, bets and a browser.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { chromium } from 'playwright-core';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const run = promisify(execFile);

// Waits until what() returns something, for a minute.
export async function until(description, what) {
  const end = Date.now() + 60_000;
  let reason = '';
  while (Date.now() < end) {
    try {
      const result = await what();
      if (result) return result;
    } catch (error) {
      reason = `: ${error.message}`;
    }
    await sleep(50);
  }
  throw new Error(`not within a minute: ${description}${reason}`);
}

export const database = {
  // The rows of a query, with bigints as numbers.
  async rows(query, values) {
    const types = { getTypeParser: (type, format) => (type === 20 ? Number : pg.types.getTypeParser(type, format)) };
    const client = new pg.Client({ types });
    await client.connect();
    try {
      return (await client.query(query, values)).rows;
    } finally {
      await client.end();
    }
  },
  async row(query, values) {
    return (await database.rows(query, values))[0];
  },
  // Runs a statement in a transaction that stays open until the function that it returns is called.
  async hold(statement) {
    const client = new pg.Client();
    await client.connect();
    await client.query('BEGIN');
    await client.query(statement);
    return () => client.end();
  },
  stop: () => run(path('../../scripts/cluster.sh'), ['stop', process.env.CLUSTER]),
  start: () =>
    run(path('../../scripts/cluster.sh'), ['start', process.env.CLUSTER, 'shared_preload_libraries=jackpot', 'fsync=off']),
};

async function end(child, signal = 'SIGTERM') {
  if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode;
  const exited = once(child, 'exit');
  child.kill(signal);
  return (await exited)[0];
}

// The server of examples/ticker. Its port stays the same from the first start on.
export class Ticker {
  #child;
  #port = 0;

  async start() {
    this.#child = spawn('node', [path('../../examples/ticker/server.js')], {
      env: { ...process.env, PORT: this.#port },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(this.#child, 'exit').then(([code]) => {
      throw new Error(`the server has ended with ${code}`);
    });
    [this.address] = await Promise.race([once(createInterface(this.#child.stdout), 'line'), ended]);
    this.#port = new URL(this.address).port;
  }

  // Its exit code.
  stop() {
    return end(this.#child);
  }
}

// Bets that run until they are stopped: small ones that win nothing, or the demo's.
export class Bets {
  #child;

  start(script = path('bet.sql'), perSecond = 50) {
    this.#child = spawn('pgbench', ['-n', '-c', '2', '-R', String(perSecond), '-T', '600', '-f', script], { stdio: 'ignore' });
  }

  stop() {
    return end(this.#child, 'SIGINT');
  }
}

export const demoBets = path('../../examples/demo/spin.sql');

export const openBrowser = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: [
      '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
    ],
  });

export const screenshot = (page, name, options) =>
  page.screenshot({ path: `${process.env.SCREENSHOTS}/${name}.png`, ...options });

export { sleep };
