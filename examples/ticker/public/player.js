// The page for players.

import { Meter } from '/meter.js';
import { money } from '/money.js';
import { follow } from '/stream.js';

const CELEBRATION = 6_000; // ms
const SILENT = 5_000; // ms between two wins that are read out
const SHOWN = 10; // wins

const find = (id) => document.getElementById(id);
const copy = (id) => find(id).content.firstElementChild.cloneNode(true);
const pools = new Map(); // name → what is shown of it
let newest; // the latest win that is shown
let announcedAt = -Infinity;

function makePool(name) {
  const element = copy('pool');
  element.dataset.pool = name;
  element.querySelector('.name').textContent = name;
  return { element, meter: new Meter(element.querySelector('.amount')), note: element.querySelector('.note') };
}

// The grandest first; that order stays as long as the pools are the same.
function arrange(received) {
  if (received.length === pools.size && received.every((pool) => pools.has(pool.pool))) return;
  pools.clear();
  for (const { pool } of received.toSorted((a, b) => b.amount - a.amount)) pools.set(pool, makePool(pool));
  find('pools').replaceChildren(...[...pools.values()].map((pool) => pool.element));
}

function showPools(received) {
  arrange(received);
  for (const { pool: name, status, currency, amount, cycle } of received) {
    const pool = pools.get(name);
    pool.currency = currency;
    pool.meter.receive(amount, currency);
    pool.element.dataset.cycle = cycle;
    pool.element.dataset.status = status;
    if (!pool.celebrates) pool.note.textContent = status === 'active' ? '' : status;
  }
}

function celebrate(pool, win) {
  pool.note.textContent = `Won ${money(win.amount, pool.currency)}`;
  pool.element.classList.add('won');
  clearTimeout(pool.celebrates);
  pool.celebrates = setTimeout(() => {
    pool.element.classList.remove('won');
    pool.note.textContent = '';
    pool.celebrates = undefined;
  }, CELEBRATION);
}

function showWin(win) {
  const element = copy('win');
  const at = new Date(win.at);
  element.dataset.pool = win.pool;
  element.querySelector('.amount').textContent = money(win.amount, pools.get(win.pool)?.currency);
  element.querySelector('.name').textContent = win.pool;
  element.querySelector('.who').textContent = `${win.player} on ${win.game}`;
  element.querySelector('time').textContent = at.toLocaleTimeString();
  element.querySelector('time').dateTime = win.at;
  return element;
}

function showWins(wins) {
  const fresh = newest === undefined ? [] : wins.filter((win) => win.id > newest);
  newest = Math.max(0, ...wins.map((win) => win.id));
  find('wins').replaceChildren(...wins.slice(0, SHOWN).map(showWin));
  find('no-wins').hidden = wins.length > 0;
  for (const win of fresh.toReversed()) if (pools.has(win.pool)) celebrate(pools.get(win.pool), win);

  // Where wins are frequent, the grandest of them now and then is enough to listen to.
  const [grandest] = fresh.toSorted((a, b) => b.amount - a.amount);
  if (!grandest || performance.now() - announcedAt < SILENT) return;
  announcedAt = performance.now();
  find('announcement').textContent =
    `${grandest.pool} was won: ${money(grandest.amount, pools.get(grandest.pool)?.currency)}`;
}

follow('/events', { pools: showPools, wins: showWins }, find('state'));
