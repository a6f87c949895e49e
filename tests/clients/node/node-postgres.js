// node-postgres: pool.query(text, values), and a connection of one's own for a transaction.
import pg from 'pg'
import { play } from './scenario.js'
import { bind, statementName, version } from './values.js'

pg.types.setTypeParser(pg.types.builtins.INT8, BigInt) // the default is a string

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })

const query = on => async (text, values) => (await on.query({ name: statementName(text), text, values })).rows

await play({
  name: 'node-postgres',
  version: version('pg'),
  prepares: process.env.POOLED === 'no',
  bind,
  text: () => undefined,
  query: query(pool),
  async transaction(body) {
    const connection = await pool.connect()
    try {
      await connection.query('BEGIN')
      await body(query(connection))
      await connection.query('COMMIT')
    } catch (error) {
      await connection.query('ROLLBACK')
      throw error
    } finally {
      connection.release()
    }
  },
  failure: error => ({ sqlstate: error.code, detail: error.detail ?? null }),
  end: () => pool.end(),
})
