// Plays scenario.json with a client, and prints a line a step.
//
// A client is { name, version, bind(type, value), query(sql, values), transaction(body), failure(error),
// text(value), end() }. `transaction` calls `body` with a query function of the transaction; an exception
// out of `body` rolls back. `failure` finds sqlstate and DETAIL in the client's own error. With `prepares`,
// statements must have been prepared on the way.
import { readFile } from 'node:fs/promises'
import { inspect, isDeepStrictEqual } from 'node:util'

class RolledBack extends Error {}

/** The pieces of a tagged template for SQL with $1, $2, … */
export function template(sql, values) {
  const order = [...sql.matchAll(/\$(\d+)/g)].map(match => values[match[1] - 1])
  return { strings: sql.split(/\$\d+/), values: order }
}

/** As the scenario writes it: exact numbers and booleans as text, JSON as it is. */
function canonical(value, text) {
  if (value === null) return null
  const own = text(value)
  if (own !== undefined) return own
  if (Array.isArray(value)) return value.map(item => (typeof item === 'bigint' ? String(item) : text(item) ?? item))
  return typeof value === 'object' ? value : String(value)
}

async function statement(client, query, { sql, parameters, rows, error: expected }) {
  const values = parameters.map(({ type, value }) => (value === null ? null : client.bind(type, value)))
  let result
  try {
    result = await query(sql, values)
  } catch (error) {
    const { sqlstate, detail } = client.failure(error)
    if (!expected || !sqlstate) throw error
    // A client that keeps an error's DETAIL to itself leaves the SQLSTATE.
    const token = detail === undefined ? expected.token : detail?.split(':')[0]
    if (!isDeepStrictEqual({ sqlstate, token }, expected)) {
      throw new Error(`${sqlstate} ${detail}, expected ${expected.sqlstate} ${expected.token}`)
    }
    return
  }
  if (expected) throw new Error(`no error, expected ${expected.sqlstate} ${expected.token}`)
  const seen = result.map(row =>
    Object.fromEntries(Object.entries(row).map(([column, value]) => [column, canonical(value, client.text)])))
  if (!isDeepStrictEqual(seen, rows)) {
    throw new Error(`${inspect(seen, { depth: 9, breakLength: Infinity })}, expected ${inspect(rows, { depth: 9, breakLength: Infinity })}`)
  }
}

async function step(client, item) {
  if (!item.transaction) return statement(client, client.query, item)
  try {
    await client.transaction(async query => {
      for (const inner of item.transaction) {
        await statement(client, query, inner).catch(error => {
          throw new Error(`${inner.name}: ${error.message}`)
        })
      }
      if (item.end === 'rollback') throw new RolledBack()
    })
  } catch (error) {
    if (!(error instanceof RolledBack)) throw error
  }
}

// Unnamed statements are not listed; this one itself is, if it has a name.
async function prepared(client) {
  const [{ count }] = await client.query('SELECT count(*) FROM pg_prepared_statements WHERE NOT from_sql', [])
  if (!(count > 0)) throw new Error('no statement is prepared')
}

/** `more` are steps of this client's own: [name, async function]. They change nothing. */
export async function play(client, more = []) {
  console.log(`client: ${client.name} ${client.version}`)
  const steps = JSON.parse(await readFile(process.env.SCENARIO, 'utf8')).map(item => [item.name, () => step(client, item)])
  if (client.prepares) steps.push(['prepared statements', () => prepared(client)])
  let failed = 0
  for (const [name, run] of [...steps, ...more]) {
    try {
      await run()
      console.log(`ok - ${name}`)
    } catch (error) {
      failed += 1
      console.log(`not ok - ${name}: ${String((error.cause ?? error).message).replace(/\s+/g, ' ')}`)
    }
  }
  await client.end()
  console.log(`${steps.length + more.length - failed} passed, ${failed} failed`)
  process.exitCode = failed ? 1 : 0
}
