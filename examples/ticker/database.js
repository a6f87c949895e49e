// Connections to PostgreSQL, by the usual PG* environment variables.

import pg from 'pg';

const { INT8, NUMERIC } = pg.types.builtins;

// No amount has more than 2^53 minor units (docs/guide.md, "Limits"), so numbers hold them exactly.
const types = {
  getTypeParser: (type, format) =>
    type === INT8 || type === NUMERIC ? Number : pg.types.getTypeParser(type, format),
};

export class Database {
  #pool = new pg.Pool({
    max: 4,
    types,
    fallback_application_name: 'jackpot ticker',
    // A server that hangs is as good as one that is down.
    connectionTimeoutMillis: 5_000,
    query_timeout: 5_000,
  });

  constructor() {
    // A connection that nobody was using was lost; the next query makes another.
    this.#pool.on('error', () => {});
  }

  // The rows of a query. After an error its connection is not used again, so that a restarted
  // database is found by the next call.
  async rows(query, values) {
    return (await this.#pool.query(query, values)).rows;
  }

  close() {
    return this.#pool.end();
  }
}
