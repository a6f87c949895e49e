// A chart of the last minutes by uPlot, with its present values as text beside it.

import uPlot from '/charts/uPlot.esm.js';

const SPAN = 300; // seconds
const LEAST = 30; // seconds that the axis has at the beginning
const HEIGHT = 180;
const FONT = "11px 'Inter Variable', system-ui, sans-serif";

const style = getComputedStyle(document.documentElement);
const colour = (name) => style.getPropertyValue(name).trim();

export class Chart {
  #points = [];
  #series;
  #format;
  #legend;
  #plot;

  // figure: where to draw. least: what the y axis reaches at least.
  // series: [{name, colour, filled, value(point)}].
  constructor(figure, { format, least, series }) {
    this.#series = series;
    this.#format = format;
    this.#legend = figure.querySelector('figcaption p');
    const grid = { stroke: colour('--line'), width: 1 };
    const axis = { stroke: colour('--quiet'), font: FONT, grid, ticks: { show: false } };
    const times = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium', hourCycle: 'h23' });
    // A label at an edge would be cut off.
    const time = (plot, at) => {
      const position = plot.valToPos(at, 'x');
      return position < 0 || position > plot.over.clientWidth - 28 ? '' : times.format(at * 1000);
    };
    const place = figure.appendChild(document.createElement('div'));
    this.#plot = new uPlot(
      {
        width: place.clientWidth,
        height: HEIGHT,
        cursor: { y: false, points: { size: 7 } },
        legend: { show: false },
        padding: [8, 0, 0, 0],
        scales: {
          x: { range: (plot, first, last) => [Math.min(first, last - LEAST), last] },
          y: { range: (plot, lowest, highest) => [0, Math.max(highest * 1.15, least)] },
        },
        axes: [
          { ...axis, size: 28, grid: { show: false }, space: 90, values: (plot, values) => values.map((at) => time(plot, at)) },
          { ...axis, size: 58, values: (plot, values) => values.map((value) => format(value)) },
        ],
        series: [
          {},
          ...series.map((one) => ({
            stroke: colour(one.colour),
            width: 1.5,
            fill: one.filled ? `${colour(one.colour)}22` : undefined,
            points: { show: false },
          })),
        ],
        hooks: { setCursor: [(plot) => this.#tell(plot.cursor.idx)] },
      },
      [[], ...series.map(() => [])],
      place,
    );
    // What the chart shows is told in text beside it.
    this.#plot.root.setAttribute('aria-hidden', 'true');
    new ResizeObserver(() => this.#plot.setSize({ width: place.clientWidth, height: HEIGHT })).observe(place);
  }

  // Points may come twice: after a reconnection the server tells all it knows.
  add(points) {
    const last = this.#points.at(-1)?.at ?? 0;
    this.#points.push(...points.filter((point) => point.at > last));
    this.#points.splice(0, this.#points.findIndex((point) => point.at > this.#points.at(-1).at - SPAN));
    this.#plot.setData([
      this.#points.map((point) => point.at),
      ...this.#series.map((one) => this.#points.map((point) => one.value(point))),
    ]);
    this.#tell(this.#plot.cursor.idx);
  }

  // The values under the cursor, else the latest.
  #tell(index) {
    const point = this.#points[index] ?? this.#points.at(-1);
    if (!point) return;
    this.#legend.replaceChildren(
      ...this.#series.map((one) => {
        const entry = document.createElement('span');
        entry.textContent = `${one.name} ${this.#format(one.value(point))}`;
        entry.style.setProperty('--colour', `var(${one.colour})`);
        return entry;
      }),
    );
  }
}
