import { readFileSync } from 'node:fs'

/** A value of the scenario as node-postgres takes it, on which Drizzle stands, too. */
export function bind(type, value) {
  switch (type) {
    case 'int8': return BigInt(value)
    case 'int8[]': return value.map(item => item && BigInt(item))
    case 'int4': return Number(value)
    // An array that is JSON would become an array of PostgreSQL.
    case 'jsonb': return JSON.stringify(value)
    default: return value
  }
}

export const version = name =>
  JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url))).version

// A statement with a name is prepared once a connection. PgBouncer in transaction mode may give each
// transaction another connection, so there statements have no names.
const names = new Map()
export function statementName(sql) {
  if (process.env.POOLED === 'yes') return undefined
  if (!names.has(sql)) names.set(sql, `statement_${names.size}`)
  return names.get(sql)
}
