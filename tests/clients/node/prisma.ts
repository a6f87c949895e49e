// Prisma without its Rust engine, on node-postgres: prisma.$queryRaw`…`; BigInt and Decimal natively. In one
// process with it, node-postgres must keep its own parser for int8.
import { PrismaPg } from '@prisma/adapter-pg'
import { Prisma, PrismaClient } from './node_modules/.jackpot/client'
import { play, template } from './scenario.js'
import { statementName, version } from './values.js'

const prisma = new PrismaClient({
  adapter: new PrismaPg(
    { connectionString: process.env.DATABASE_URL },
    { statementNameGenerator: ({ sql }) => statementName(sql)! },
  ),
})

const query = (on: Pick<PrismaClient, '$queryRaw'>) => (text: string, parameters: unknown[]) => {
  const { strings, values } = template(text, parameters)
  return on.$queryRaw<Record<string, unknown>[]>(Prisma.sql(strings, ...values))
}

function bind(type: string, value: any) {
  switch (type) {
    case 'int8': return BigInt(value)
    case 'int8[]': return value.map((item: string | null) => item && BigInt(item))
    case 'int4': return Number(value)
    // An array that is JSON would become an array of PostgreSQL.
    case 'jsonb': return Array.isArray(value) ? JSON.stringify(value) : value
    case 'numeric': return new Prisma.Decimal(value)
    default: return value
  }
}

// The adapter gives these SQLSTATEs a meaning of its own and leaves out DETAIL; each stands for one
// token: amount_out_of_range, operation_mismatch, version_conflict.
const withoutDetail = ['22003', '23505', '40001']

function failure(error: any) {
  const cause = error.meta?.driverAdapterError?.cause
  const sqlstate = cause?.originalCode
  return { sqlstate, detail: withoutDetail.includes(sqlstate) ? undefined : cause?.detail ?? null }
}

await play({
  name: 'prisma',
  version: `${version('@prisma/client')} (@prisma/adapter-pg ${version('@prisma/adapter-pg')}, pg ${version('pg')})`,
  prepares: process.env.POOLED === 'no',
  bind,
  text: (value: unknown) => (Prisma.Decimal.isDecimal(value) ? value.toFixed() : undefined),
  query: query(prisma),
  transaction: (body: (query: unknown) => Promise<void>) => prisma.$transaction(tx => body(query(tx))),
  failure,
  end: () => prisma.$disconnect(),
})
