// The page for players.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { misprints } from './layout.js';
import { Bets, Ticker, database, demoBets, openBrowser, screenshot, sleep, until } from './stage.js';

const ticker = new Ticker();
const bets = new Bets();
let browser;
let page;
let problems; // what the browser complained about, and what was asked of other servers

async function open(options) {
  const opened = await browser.newPage({ viewport: { width: 1440, height: 900 }, locale: 'en-US', ...options });
  opened.on('pageerror', (error) => problems.push(error.message));
  opened.on('console', (message) => /Content Security Policy/.test(message.text()) && problems.push(message.text()));
  opened.on('request', (request) => request.url().startsWith(ticker.address) || problems.push(request.url()));
  // All that is shown of each pool, all that the stream has told, and what was shown beyond that.
  await opened.addInitScript(() => {
    window.seen = {};
    window.told = {};
    window.updates = 0;
    window.beyond = [];
    const Source = window.EventSource;
    window.EventSource = class extends Source {
      constructor(...address) {
        super(...address);
        this.addEventListener('pools', ({ data }) => {
          window.updates += 1;
          for (const { pool, amount } of JSON.parse(data)) (window.told[pool] ??= []).push(amount);
        });
      }
    };
    addEventListener('DOMContentLoaded', () => {
      const pools = document.getElementById('pools');
      if (!pools) return; // about:blank
      new MutationObserver(() => {
        for (const element of document.querySelectorAll('.pool')) {
          const { pool } = element.dataset;
          const amounts = (window.seen[pool] ??= []);
          const amount = Number(element.querySelector('.amount').textContent.replace(/\D/g, ''));
          if (amounts.at(-1) !== amount) amounts.push(amount);
          if (amount > window.told[pool].at(-1)) window.beyond.push({ pool, amount, told: window.told[pool].at(-1) });
        }
      }).observe(pools, { childList: true, subtree: true });
    });
  });
  await opened.goto(ticker.address);
  await until('the page shows three pools', async () => (await opened.locator('.pool .amount').count()) === 3);
  return opened;
}

const shown = () =>
  page.evaluate(() =>
    [...document.querySelectorAll('.pool')].map((element) => ({
      pool: element.dataset.pool,
      cycle: Number(element.dataset.cycle),
      amount: Number(element.querySelector('.amount').textContent.replace(/\D/g, '')),
    })),
  );
const amount = async (pool) => (await shown()).find((one) => one.pool === pool)?.amount;
const state = () => page.locator('#state').textContent();
const isLive = async () => (await state()) === 'Live';
const inDatabase = async (pool) =>
  (await database.row('SELECT current_amount FROM jackpot_pool($1)', [pool])).current_amount;
const win = (pool, user = 'player-123456789', game = 'game-7') =>
  database.row('SELECT win_amount, current_amount FROM jackpot_win($1, $2, $3)', [pool, game, user]);

describe('the page for players', () => {
  before(async () => {
    await ticker.start();
    browser = await openBrowser();
  });
  beforeEach(async () => {
    problems = [];
    page = await open();
  });
  afterEach(async () => {
    await bets.stop();
    assert.deepEqual(await page.evaluate(() => window.beyond), []);
    await page.context().close();
    assert.deepEqual(problems, []);
  });
  after(async () => {
    await browser?.close();
    await ticker.stop();
  });

  it('counts up smoothly while bets run, and never shows more than there is', async () => {
    bets.start();
    const start = await shown();
    let samples = 0;
    await until('all amounts have risen in many steps', async () => {
      const seen = await shown();
      const exact = await database.rows('SELECT pool, cycle, current_amount FROM jackpot_pools()');
      for (const { pool, cycle, amount } of seen) {
        const now = exact.find((one) => one.pool === pool);
        assert.equal(cycle, now.cycle);
        assert.ok(amount <= now.current_amount, `${pool} shows ${amount}, there is ${now.current_amount}`);
      }
      samples += 1;
      return samples > 50 && seen.every(({ pool, amount }) => amount > start.find((one) => one.pool === pool).amount + 50);
    });
    const { seen, updates } = await page.evaluate(() => ({ seen: window.seen, told: window.told, updates: window.updates }));
    for (const amounts of Object.values(seen)) {
      assert.deepEqual(amounts, amounts.toSorted((a, b) => a - b));
    }
    assert.ok(seen.minor.length > 2 * updates, `${seen.minor.length} amounts were shown of ${updates} updates`);
    assert.ok(await isLive());
  });

  it('shows a win, and the amount falls to the seed', async () => {
    await database.row("SELECT * FROM jackpot_contribute('game-1', 1000000)");
    const full = await inDatabase('mega');
    await until('the amount before the win', async () => (await amount('mega')) === full);
    const { win_amount, current_amount } = await win('mega');
    assert.equal(win_amount, full);
    assert.equal(current_amount, 1000000);

    await until('the seed', async () => (await amount('mega')) === current_amount);
    const money = (full / 100).toLocaleString('en-US', { minimumFractionDigits: 2 });
    const first = page.locator('.win').first();
    await until('the win in the list', async () => (await first.locator('.amount').textContent()) === money);
    assert.equal(await first.locator('.name').textContent(), 'mega');
    assert.equal(await page.locator('[data-pool=mega] .note').textContent(), `Won ${money}`);
    assert.equal(await page.locator('#announcement').textContent(), `mega was won: ${money}`);
    assert.equal(await page.locator('#announcement').getAttribute('aria-live'), 'polite');
    // It was counted up, and then fell at once.
    const { mega } = await page.evaluate(() => window.seen);
    assert.equal(mega.at(-1), current_amount);
    assert.equal(mega.at(-2), full);
  });

  it('does not tell who won', async () => {
    await win('minor', 'player-123456789');
    await until('the win in the list', async () =>
      (await page.locator('.win .who').first().textContent()) === '•••789 on game-7');
    const response = await fetch(`${ticker.address}/events`);
    let told = '';
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      told += chunk;
      if (/event: wins\ndata: .+\n\n/.test(told)) break;
    }
    assert.match(told, /•••789/);
    assert.doesNotMatch(told + (await page.content()), /player-|6789/);

    await win('minor', 'ann');
    await until('nothing of a short id', async () =>
      (await page.locator('.win .who').first().textContent()) === '••• on game-7');
  });

  it('shows a pause', async () => {
    await database.row("SELECT * FROM jackpot_pause('major', 'a test')");
    const note = page.locator('[data-pool=major] .note');
    await until('paused', async () => (await note.textContent()) === 'paused');
    await database.row("SELECT * FROM jackpot_resume('major')");
    await until('no longer paused', async () => (await note.textContent()) === '');
  });

  it('writes money as the currency has it', async () => {
    const texts = await page.evaluate(async () => {
      const { money } = await import('/money.js');
      return [[123456, 'USD'], [123456, 'JPY'], [123456, 'KWD'], [123456, null], [123456, 'tokens'], [9200000000000, 'EUR']]
        .map((one) => money(...one).replace(/\s/g, ' '));
    });
    assert.deepEqual(texts, ['$1,234.56', '¥123,456', 'KWD 123.456', '1,234.56', '1,234.56 tokens', '€92,000,000,000.00']);
  });

  it('does not move for those who want no motion', async () => {
    await page.context().close();
    page = await open({ reducedMotion: 'reduce' });
    bets.start();
    await until('some updates', () => page.evaluate(() => window.updates > 12));
    const { seen, told } = await page.evaluate(() => ({ seen: window.seen, told: window.told, updates: window.updates }));
    assert.deepEqual(seen.minor.filter((one) => !told.minor.includes(one)), []);
    assert.ok(seen.minor.length > 5);
  });

  it('survives a restart of its server, which ends cleanly', async () => {
    await until('live', isLive);
    assert.equal(await ticker.stop(), 0);
    await until('the page says so', async () => /^Reconnecting, amounts of /.test(await state()));
    await database.row("SELECT * FROM jackpot_contribute('game-1', 5000000)");
    await ticker.start();
    await until('live again', isLive);
    const now = await inDatabase('mega');
    await until('what came meanwhile', async () => (await amount('mega')) === now);
  });

  it('survives a proxy that answers in its place', async () => {
    await until('live', isLive);
    await page.route('**/events', (route) => route.fulfill({ status: 502, body: 'bad gateway' }));
    assert.equal(await ticker.stop(), 0);
    await ticker.start();
    await until('the page says so', async () => /^Reconnecting/.test(await state()));
    await sleep(3000); // a browser gives up after such an answer
    await page.unroute('**/events');
    await until('live again', isLive);
  });

  it('survives a restart of the database', async () => {
    await until('live', isLive);
    await database.stop();
    await until('the page says so', async () => /^Database unavailable, amounts of /.test(await state()));
    assert.equal(await page.evaluate(() => document.body.dataset.state), 'database');
    await database.start();
    await until('live again', isLive);
    bets.start();
    const before = await amount('mega');
    await until('amounts rise again', async () => (await amount('mega')) > before);
  });

  it('asks once for all who look, and nothing when nobody does', async () => {
    const reads = async () =>
      (await database.row("SELECT sum(value)::bigint AS reads FROM jackpot_metrics() WHERE name = 'jackpot_ticker_reads_total'")).reads;
    const others = [await open(), await open(), await open()];
    const started = performance.now();
    const before = await reads();
    await sleep(3000);
    const during = (await reads()) - before;
    const once = (performance.now() - started) / 250;
    assert.ok(during > 0 && during < 1.5 * once, `${during} reads for four pages, ${once} for one`);
    for (const other of others) await other.context().close();
    await page.goto('about:blank');
    await until('silence', async () => {
      const { asked } = await database.row(`
        SELECT count(*) AS asked FROM pg_stat_activity
         WHERE application_name = 'jackpot ticker' AND query_start > clock_timestamp() - interval '1.5 s'`);
      return asked === 0;
    });
  });

  it('can be read on a phone, with the largest amounts, too', async () => {
    await page.context().close();
    page = await open({ viewport: { width: 360, height: 740 } });
    const game = 'a-game-whose-name-is-longer-than-the-screen-of-any-phone-is-wide';
    await win('minor', 'player-1', game);
    await until('the win', async () => (await page.locator('.win').first().textContent()).includes(game));
    assert.deepEqual(await page.evaluate(misprints), []);

    const room = 8_999_999_999_999 - (await inDatabase('mega'));
    await database.row("SELECT * FROM jackpot_adjust('mega', $1, 'a test')", [room]);
    await until('a large amount', async () => (await amount('mega')) === 8_999_999_999_999);
    assert.deepEqual(await page.evaluate(misprints), []);
    await database.stop();
    await until('a long notice', async () => /^Database/.test(await state()));
    assert.deepEqual(await page.evaluate(misprints), []);
    await database.start();
    await until('live again', isLive);
    await database.row("SELECT * FROM jackpot_adjust('mega', $1, 'a test')", [-room]);
    await until('the amount as before', async () => (await amount('mega')) < 10_000_000);
  });

  it('looks as it should', async () => {
    const phone = await open({ viewport: { width: 360, height: 740 } });
    bets.start(demoBets, 100);
    await until('wins of the demo', async () => (await page.locator('.win[data-pool=mega]').count()) > 2);
    for (const [name, at] of [['desktop', page], ['phone', phone]]) {
      assert.deepEqual(await at.evaluate(misprints), []);
      await screenshot(at, name);
    }
    await phone.context().close();
  });
});
