// An amount that counts up to what was received last, and never beyond it.

import { moneyParts } from '/money.js';

// Updates come that often; an amount takes this long to reach the next.
const DURATION = 300; // ms
// Sign and minor units are smaller than the rest (player.css).
const PARTS = { currency: 'sign', decimal: 'minor', fraction: 'minor' };
const DIGIT = { major: 0.64, sign: 0.4, minor: 0.4 }; // em, the width of one

const still = matchMedia('(prefers-reduced-motion: reduce)');

export class Meter {
  #element;
  #currency;
  #shown;
  #from;
  #to;
  #start;
  #frame;

  constructor(element) {
    this.#element = element;
  }

  // A drop is shown at once: what is shown must not be more than what is there.
  receive(amount, currency) {
    const jumps = still.matches || this.#shown === undefined || amount <= this.#shown || currency !== this.#currency;
    this.#currency = currency;
    this.#from = jumps ? amount : this.#shown;
    this.#to = amount;
    this.#start = performance.now();
    if (jumps) this.#show(amount);
    else this.#frame ??= requestAnimationFrame((now) => this.#step(now));
  }

  #step(now) {
    const progress = Math.min(Math.max((now - this.#start) / DURATION, 0), 1);
    this.#show(this.#from + Math.floor((this.#to - this.#from) * progress));
    this.#frame = progress < 1 ? requestAnimationFrame((later) => this.#step(later)) : undefined;
  }

  #show(amount) {
    if (amount === this.#shown) return;
    this.#shown = amount;
    const spans = [];
    for (const { type, value } of moneyParts(amount, this.#currency)) {
      const name = PARTS[type] ?? 'major';
      const last = spans.at(-1);
      if (last?.className === name) last.textContent += value;
      else spans.push(Object.assign(document.createElement('span'), { className: name, textContent: value }));
    }
    this.#element.replaceChildren(...spans);
    // It has to fit into its card, however many digits there are.
    const ems = spans.reduce((sum, span) => sum + span.textContent.length * DIGIT[span.className], 0);
    this.#element.style.setProperty('--ems', ems.toFixed(2));
  }
}
