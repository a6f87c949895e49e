import { bigint, index, pgTable, text } from 'drizzle-orm/pg-core'

export const bets = pgTable(
  'bets',
  {
    id: bigint({ mode: 'bigint' }).primaryKey().generatedAlwaysAsIdentity(),
    stake: bigint({ mode: 'bigint' }).notNull(),
    note: text(),
  },
  table => [index('bets_stake').on(table.stake)],
)
