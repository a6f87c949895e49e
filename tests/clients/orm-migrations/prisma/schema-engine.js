#!/usr/bin/env node
// Prisma's schema engine, as `prisma` starts it: JSON-RPC, a line a message.
//
// The program that `prisma` would download is Rust code; @prisma/schema-engine-wasm is the same code of the
// same commit, and comes from npm. It reaches the database through Prisma's own adapter for node-postgres.
import pg from 'pg'
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { PrismaPg } from '@prisma/adapter-pg'
import { bindMigrationAwareSqlAdapterFactory, ColumnTypeEnum } from '@prisma/driver-adapter-utils'
import * as glue from '@prisma/schema-engine-wasm/schema_engine_bg'
import { parse } from 'pg-connection-string'

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  strict: false,
  options: { datamodels: { type: 'string', multiple: true, default: [] }, datasource: { type: 'string' } },
})

const { CHAR, TEXT } = pg.types.builtins

class Factory extends PrismaPg {
  #config

  constructor(config) {
    super(config)
    this.#config = config
  }

  // Catalogs have columns of type "char", which the adapter does not know.
  async connect() {
    const adapter = await super.connect()
    const { queryRaw } = adapter
    adapter.queryRaw = async query => {
      const characters = []
      const performIO = async () => {
        const result = await adapter.performIO(query)
        result.fields.forEach((field, i) => {
          if (field.dataTypeID !== CHAR) return
          characters.push(i)
          field.dataTypeID = TEXT
        })
        return result
      }
      const result = await queryRaw.call({ performIO }, query)
      for (const i of characters) result.columnTypes[i] = ColumnTypeEnum.Character
      return result
    }
    return adapter
  }

  // The adapter's own would drop the shadow database while connected to it.
  async connectToShadowDb() {
    const database = `prisma_migrate_shadow_db_${randomUUID()}`
    const main = await this.connect()
    await main.executeScript(`CREATE DATABASE "${database}"`)
    const shadow = await new Factory({ ...this.#config, database }).connect()
    const dispose = shadow.dispose.bind(shadow)
    shadow.dispose = async () => {
      await dispose()
      await main.executeScript(`DROP DATABASE "${database}"`)
      await main.dispose()
    }
    return shadow
  }
}

// Where the engine leaves the message of a panic.
globalThis.PRISMA_WASM_PANIC_REGISTRY = { set_message: message => process.stderr.write(`${message}\n`) }

async function start() {
  const file = new URL('schema_engine_bg.wasm', import.meta.resolve('@prisma/schema-engine-wasm'))
  const { instance } = await WebAssembly.instantiate(await readFile(file), { './schema_engine_bg.js': glue })
  glue.__wbg_set_wasm(instance.exports)
  instance.exports.__wbindgen_start()
  const files = await Promise.all(options.datamodels.map(async path => [path, await readFile(path, 'utf8')]))
  const factory = new Factory(parse(JSON.parse(options.datasource).url))
  return glue.SchemaEngine.new({ datamodels: files.length ? files : undefined }, () => {}, bindMigrationAwareSqlAdapterFactory(factory))
}

const send = message => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
const engine = await start()

// `prisma` asks this before all else: can the database be reached?
if (positionals.includes('can-connect-to-database')) {
  await engine.version()
  process.exit()
}
for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line)
  if (!method) continue // an answer
  try {
    const result = await engine[method](params)
    if (result?.stdout) send({ id: 0, method: 'print', params: { content: result.stdout } })
    send({ id, result: result ?? null })
  } catch (error) {
    send({ id, error: { code: 4466, message: error.message, data: { is_panic: false, message: error.message } } })
  }
}
