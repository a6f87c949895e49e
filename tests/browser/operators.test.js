// The page for operators.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { misprints } from './layout.js';
import { Bets, Ticker, database, demoBets, openBrowser, screenshot, until } from './stage.js';

const ticker = new Ticker();
const bets = new Bets();
const problems = [];
let browser;
let page;

async function open(width, height) {
  const opened = await browser.newPage({ viewport: { width, height }, locale: 'en-US' });
  opened.on('pageerror', (error) => problems.push(error.message));
  opened.on('console', (message) => /Content Security Policy/.test(message.text()) && problems.push(message.text()));
  opened.on('request', (request) => request.url().startsWith(ticker.address) || problems.push(request.url()));
  await opened.goto(`${ticker.address}/operations`);
  return opened;
}

const state = () => page.locator('#state').textContent();
const has = (selector, text) => async () => (await page.locator(selector).allTextContents()).some((one) => text.test(one));
// How many pixels of a chart have the colour of one of its lines.
const painted = (chart, colour) =>
  page.evaluate(([chart, colour]) => {
    const canvas = document.querySelector(`#${chart} canvas`);
    const wanted = getComputedStyle(document.documentElement).getPropertyValue(colour).match(/[0-9a-f]{2}/gi).map((hex) => parseInt(hex, 16));
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let at = 0; at < data.length; at += 4) {
      if (data[at + 3] > 128 && wanted.every((value, channel) => Math.abs(value - data[at + channel]) < 24)) count += 1;
    }
    return count;
  }, [chart, colour]);

describe('the page for operators', () => {
  before(async () => {
    await ticker.start();
    browser = await openBrowser();
    page = await open(1440, 900);
    bets.start(demoBets, 100);
  });
  after(async () => {
    await bets.stop();
    await browser?.close();
    await ticker.stop();
    assert.deepEqual(problems, []);
  });

  it('charts throughput and latency', async () => {
    await until('calls in the legend', has('#throughput figcaption', /calls\/s [1-9]/));
    await until('latencies in the legend', has('#latency figcaption', /p50 [\d.]+ (µs|ms).*p95 [\d.]+ (µs|ms).*p99 [\d.]+ (µs|ms)/));
    for (const [chart, colour] of [['throughput', '--gold'], ['latency', '--good'], ['latency', '--gold'], ['latency', '--copper']]) {
      await until(`a line in ${chart}`, async () => (await painted(chart, colour)) > 20);
    }
    await until('the calls of the demo', has('#operations tr', /^spin\d/));
    await until('the last minute', has('#tiles div', /^Calls\/s, 1 min[\d.]+$/));
    await until('the worker', has('#tiles div', /^Workerrunning$/));
  });

  it('charts the queue', async () => {
    await database.rows("SELECT jackpot_enqueue_spin('game-1', 100, delay => '20 s') FROM generate_series(1, 25)");
    await until('what waits in the legend', has('#depth figcaption', /waiting 25/));
    await until('a line for the depth', async () => (await painted('depth', '--silver')) > 20);
    await until('nothing waits', has('#depth figcaption', /waiting 0/));

    // One session at a time works on it: whoever has locked this row.
    const release = await database.hold('SELECT FROM jackpot.queue_mark FOR UPDATE');
    try {
      await database.rows("SELECT jackpot_enqueue_spin('game-1', 100) FROM generate_series(1, 40)");
      await until('how long it waits', has('#age figcaption', /oldest [1-9][\d.]* s/));
      assert.match(await page.locator('#depth figcaption').textContent(), /waiting 40/);
    } finally {
      await release();
    }
    await until('it waits no longer', has('#age figcaption', /oldest 0/));
    await until('a line for the age', async () => (await painted('age', '--silver')) > 20);
  });

  it('shows what health finds, until it is settled', async () => {
    await until('health', has('#health', /Healthy|Needs attention/));
    assert.doesNotMatch(await page.locator('#issues').textContent(), /dead_letters/);
    // All that the pool has, twice: it is not there for the second, as nobody feeds the pool.
    await bets.stop();
    await database.row("SELECT * FROM jackpot_contribute('game-7', 10000000)");
    await database.rows(`
      SELECT jackpot_enqueue_win('major', 'game-7', 'player-1', win_amount => p.current_amount, delay => '10 ms')
        FROM jackpot_pool('major') p, generate_series(1, 2)`);
    await until('the issue', has('#issues li', /^dead_letters.*refused/));
    assert.equal(await page.locator('#health').textContent(), 'Needs attention');
    await until('their number', has('#tiles div', /^Dead letters1$/));
    bets.start(demoBets, 100);
    assert.deepEqual(await page.evaluate(misprints), []);
    await screenshot(page, 'operations-issue', { fullPage: true });
    await database.rows("SELECT jackpot_discard(d.id, 'a test') FROM jackpot.dead_letter d WHERE d.status = 'open'");
    await until('no issue', async () => !/dead_letters/.test(await page.locator('#issues').textContent()));
  });

  it('shows an alert', async () => {
    await database.row("SELECT jackpot_set_alert('calls_per_second', 1, 1000000)");
    await until('the alert', has('#alerts li', /^calls_per_second.*warning since .* reached 1$/));
    await database.row("SELECT jackpot_set_alert('calls_per_second', NULL, NULL)");
    await until('no alert', async () => !/calls_per_second/.test(await page.locator('#alerts').textContent()));
  });

  it('tells those who come later what the charts show', async () => {
    let told = '';
    for await (const chunk of (await fetch(`${ticker.address}/operations/events`)).body.pipeThrough(new TextDecoderStream())) {
      told += chunk;
      if (/event: points\ndata: .+\n\n/.test(told)) break;
    }
    assert.ok(JSON.parse(told.match(/event: points\ndata: (.+)\n\n/)[1]).length > 3);
  });

  it('can be read on a phone', async () => {
    const first = page;
    page = await open(360, 740);
    await until('a line', async () => (await painted('throughput', '--gold')) > 20);
    await until('all rows', has('#operations tr', /^spin\d/));
    assert.deepEqual(await page.evaluate(misprints), []);
    await screenshot(page, 'operations-phone', { fullPage: true });
    await page.context().close();
    page = first;
  });

  it('can be read', async () => {
    assert.deepEqual(await page.evaluate(misprints), []);
    await screenshot(page, 'operations', { fullPage: true });
  });

  it('survives a restart of the database and of its server', async () => {
    await database.stop();
    await until('the page says so', async () => /^Database unavailable/.test(await state()));
    await until('why', has('#issues li', /^database./));
    await database.start();
    await until('live again', async () => (await state()) === 'Live');
    await until('no longer', async () => !/^database/.test(await page.locator('#issues').textContent()));
    assert.equal(await ticker.stop(), 0);
    await until('the page says so', async () => /^Reconnecting/.test(await state()));
    await ticker.start();
    await until('live again', async () => (await state()) === 'Live');
  });
});
