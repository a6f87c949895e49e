// Figures as text; a dash where there is none.

const few = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 });
const briefly = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 2 });
const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const isNone = (value) => value === null || value === undefined;

export const count = (value) => (isNone(value) ? '–' : value < 100 ? few.format(value) : whole.format(value));
export const brief = (value) => (isNone(value) ? '–' : value < 10 ? briefly.format(value) : count(value));
export const percent = (value) => (isNone(value) ? '–' : `${few.format(value)} %`);

export function milliseconds(value) {
  if (isNone(value)) return '–';
  if (value > 0 && value < 1) return `${few.format(value * 1000)} µs`;
  if (value < 1000) return `${few.format(value)} ms`;
  return value < 120_000 ? `${few.format(value / 1000)} s` : `${whole.format(value / 60_000)} min`;
}
