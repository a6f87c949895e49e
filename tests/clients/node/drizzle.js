// Drizzle on node-postgres: db.execute(sql`…`). Drizzle wraps the driver's error, which is its cause.
import assert from 'node:assert/strict'
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { play, template } from './scenario.js'
import { bind, version } from './values.js'

pg.types.setTypeParser(pg.types.builtins.INT8, BigInt) // the default is a string

const db = drizzle(process.env.DATABASE_URL)

const query = on => async (text, values) => {
  const { strings, values: order } = template(text, values)
  return (await on.execute(sql(strings, ...order.map(value => sql.param(value))))).rows
}

// The query builder reads functions, too, and its statements can be prepared.
async function prepared() {
  const pools = db
    .select({ pool: sql`pool`, wins: sql`total_wins` })
    .from(sql`jackpot_pools(${sql.placeholder('pools')})`)
    .prepare('pools')
  for (let i = 0; i < 2; i++) {
    assert.deepEqual(await pools.execute({ pools: ['exact'] }), [{ pool: 'exact', wins: 1n }])
  }
}

await play({
  name: 'drizzle',
  version: `${version('drizzle-orm')} (pg ${version('pg')})`,
  bind,
  text: () => undefined,
  query: query(db),
  transaction: body => db.transaction(tx => body(query(tx))),
  failure: ({ cause: error }) => ({ sqlstate: error?.code, detail: error?.detail ?? null }),
  end: () => db.$client.end(),
}, process.env.POOLED === 'yes' ? [] : [['query builder: a prepared statement', prepared]])
