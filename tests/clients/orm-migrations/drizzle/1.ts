import { bigint, pgTable } from 'drizzle-orm/pg-core'

export const bets = pgTable('bets', {
  id: bigint({ mode: 'bigint' }).primaryKey().generatedAlwaysAsIdentity(),
  stake: bigint({ mode: 'bigint' }).notNull(),
})
