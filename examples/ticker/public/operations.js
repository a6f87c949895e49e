// The page for operators.

import { Chart } from '/chart.js';
import { brief, count, milliseconds, percent } from '/numbers.js';
import { follow } from '/stream.js';

const find = (id) => document.getElementById(id);
const make = (tag, text, properties) => Object.assign(document.createElement(tag), { textContent: text }, properties);
const ms = (seconds) => (seconds === null ? null : seconds * 1000);

const charts = [
  new Chart(find('throughput'), {
    format: count,
    least: 10,
    series: [
      { name: 'calls/s', colour: '--gold', filled: true, value: (point) => point.calls },
      { name: 'errors/s', colour: '--bad', value: (point) => point.errors },
    ],
  }),
  new Chart(find('latency'), {
    format: milliseconds,
    least: 1,
    series: [
      { name: 'p50', colour: '--good', value: (point) => ms(point.p50) },
      { name: 'p95', colour: '--gold', value: (point) => ms(point.p95) },
      { name: 'p99', colour: '--copper', value: (point) => ms(point.p99) },
    ],
  }),
  new Chart(find('depth'), {
    format: count,
    least: 5,
    series: [{ name: 'waiting', colour: '--silver', filled: true, value: (point) => point.depth }],
  }),
  new Chart(find('age'), {
    format: milliseconds,
    least: 10,
    series: [{ name: 'oldest', colour: '--silver', filled: true, value: (point) => point.age }],
  }),
];

// What is told of the last minute, or of now.
const tiles = [
  ['Calls/s, 1 min', ({ health: { signals } }) => count(signals.calls_per_second)],
  ['p95, 1 min', ({ health: { signals } }) => milliseconds(signals.call_p95_ms)],
  ['p95 of wins', ({ health: { signals } }) => milliseconds(signals.win_p95_ms)],
  ['Errors', ({ health: { signals } }) => percent(signals.error_rate)],
  ['Conflicts', ({ health: { signals } }) => percent(signals.conflict_rate)],
  ['Lock wait', ({ health: { signals } }) => milliseconds(signals.lock_wait_ms)],
  ['Dead letters', ({ health: { signals } }) => count(signals.dead_letters)],
  ['Worker', ({ queue }) => queue.worker?.state ?? '–'],
].map(([name, text]) => {
  const tile = make('div', '', { className: 'card' });
  const value = make('dd', '–');
  tile.append(make('dt', name), value);
  find('tiles').append(tile);
  return (figures) => (value.textContent = text(figures));
});

// Replaces the rows only where they differ, so that what is new, and only that, is read out.
function fill(element, empty, rows) {
  const before = [...element.children].map((row) => row.outerHTML).join();
  if (rows.map((row) => row.outerHTML).join() !== before) element.replaceChildren(...rows);
  if (empty) empty.hidden = rows.length > 0;
}

function issueRow({ severity, title, text, hint }) {
  const row = make('li', '', { className: severity });
  row.append(make('strong', title), make('p', text));
  if (hint) row.append(make('p', hint, { className: 'hint' }));
  return row;
}

function showHealth({ healthy, issues }) {
  const verdict = healthy ? 'Healthy' : 'Needs attention';
  find('health').dataset.healthy = healthy;
  if (find('health').textContent !== verdict) find('health').textContent = verdict;
  fill(find('issues'), null, issues.map(({ token, severity, message, hint }) =>
    issueRow({ severity, title: token, text: message, hint })));
}

function showAlerts(alerts) {
  fill(find('alerts'), find('no-alerts'), alerts.map((alert) => {
    const labels = Object.entries(alert.labels ?? {}).map(([name, value]) => ` ${name} ${value}`).join();
    const at = new Date(alert.raised_at).toLocaleTimeString();
    return issueRow({
      severity: alert.severity,
      title: alert.metric + labels,
      text: `${alert.severity} since ${at}: ${count(alert.value)} has reached ${count(alert.threshold)}`,
    });
  }));
}

function showOperations(operations) {
  fill(find('operations'), find('no-operations'), operations.map((row) => {
    const line = document.createElement('tr');
    const name = make('th', '', { scope: 'row' });
    // A long name may be broken at its underscores.
    name.append(...row.operation.split(/(?<=_)/).flatMap((word) => [word, document.createElement('wbr')]));
    const figures = [row.calls, row.errors, ms(row.p50), ms(row.p95), ms(row.p99)];
    line.append(name, ...figures.map((figure) => make('td', brief(figure))));
    return line;
  }));
}

function showFigures(figures) {
  showHealth(figures.health);
  for (const show of tiles) show(figures);
  showOperations(figures.operations);
  showAlerts(figures.alerts);
}

function showState({ database, error }) {
  if (!database) showHealth({ healthy: false, issues: [{ token: 'database', severity: 'critical', message: error }] });
}

const showPoints = (points) => charts.forEach((chart) => chart.add(points));
follow('/operations/events', { points: showPoints, figures: showFigures, state: showState }, find('state'));
