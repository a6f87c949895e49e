// A stream of server-sent events: one poll for all who listen, and none when nobody does.

import { setTimeout as sleep } from 'node:timers/promises';

const HEARTBEAT = 5_000; // ms; the page takes three without any for a lost connection
const RETRY = 1_000; // ms until a browser that has lost the server tries again

// Several addresses that cannot be reached are an error without a message.
const reason = (error) => error.message || error.code;
const message = (event, data) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;

export class Feed {
  #name;
  #follow;
  #interval;
  #tellsErrors;
  #listeners = new Set();
  #latest = new Map(); // of each event the message that somebody needs who comes now
  #stateAt = 0;
  #running = false;

  // follow() starts an observation: it returns what is called at each interval, with publish().
  constructor(name, follow, { interval, tellsErrors = false }) {
    this.#name = name;
    this.#follow = follow;
    this.#interval = interval;
    this.#tellsErrors = tellsErrors;
  }

  // Streams to whoever sent this request, until one side leaves.
  listen(reply) {
    reply.hijack();
    const stream = reply.raw;
    stream.writeHead(200, {
      'Content-Type': 'text/event-stream',
      'Cache-Control': 'no-store',
      'X-Accel-Buffering': 'no', // nginx would wait for more
    });
    stream.write(`retry: ${RETRY}\n\n`);
    for (const latest of this.#latest.values()) stream.write(latest);
    stream.on('close', () => this.#listeners.delete(stream));
    stream.on('error', () => {});
    this.#listeners.add(stream);
    if (!this.#running) this.#run();
  }

  close() {
    for (const stream of this.#listeners) stream.end();
    this.#listeners.clear();
  }

  async #run() {
    this.#running = true;
    const poll = this.#follow();
    while (this.#listeners.size > 0) {
      const next = performance.now() + this.#interval;
      try {
        await poll((event, data, forNewcomers) => this.#publish(event, data, forNewcomers));
        this.#state({ database: true });
      } catch (error) {
        this.#state({ database: false, ...(this.#tellsErrors && { error: reason(error) }) }, error);
      }
      await sleep(Math.max(next - performance.now(), 0));
    }
    // What is known now is old for those who come later.
    this.#latest.clear();
    this.#running = false;
  }

  // Tells what is news, and what is none now and then, for a sign of life.
  #state(state, error) {
    const now = performance.now();
    const isNews = this.#latest.get('state') !== message('state', state);
    if (isNews && error) console.error(`${this.#name}: ${reason(error)}`);
    if (!isNews && now - this.#stateAt < HEARTBEAT) return;
    this.#stateAt = now;
    this.#latest.delete('state');
    this.#publish('state', state);
  }

  #publish(event, data, forNewcomers = data) {
    const latest = message(event, forNewcomers);
    if (this.#latest.get(event) === latest) return;
    this.#latest.set(event, latest);
    const news = forNewcomers === data ? latest : message(event, data);
    for (const stream of this.#listeners) this.#send(stream, news);
  }

  // A listener who is too slow for all of it gets the latest once it has caught up.
  #send(stream, news) {
    if (!stream.writableNeedDrain) {
      stream.write(news);
    } else if (stream.listenerCount('drain') === 0) {
      stream.once('drain', () => {
        for (const latest of this.#latest.values()) stream.write(latest);
      });
    }
  }
}
