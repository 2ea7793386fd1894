import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { eq } from 'drizzle-orm'
import { images } from '../../schema/tables.ts'
import { createReader, type EmbeddedReader } from '../../src/registry/embedded-reader.ts'
import { aside } from '../../src/registry/database.ts'
import { openTestRegistry, queuedRow, type TestRegistry } from '../support/registry.ts'

/** Counts for longer than any test takes. */
const ENDLESS = `WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers)
  SELECT count(*) FROM numbers`

const countTo = (most: number) => `WITH RECURSIVE numbers(n) AS (
  SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${most}
) SELECT count(*) FROM numbers`

/** Counts for a moment. */
const SLOW = countTo(200_000)
/** For some seconds. */
const FINITE = countTo(20_000_000)

describe('a read beside the event loop', () => {
  let site: TestRegistry
  let reader: EmbeddedReader
  beforeEach(async () => {
    site = await openTestRegistry()
    reader = createReader(site.file, { timeout: 1000, patience: 100 })
  })
  afterEach(async () => {
    reader.close()
    await site.close()
  })

  it('sees what was written just before', async () => {
    const named = aside(site.registry).select({ name: images.name }).from(images)
    for (const name of ['first', 'second', 'third']) {
      const row = queuedRow({ name })
      await site.registry.insert(images).values(row)
      assert.deepEqual(await named.where(eq(images.id, row.id)), [{ name }])
    }
  })

  it('lets others be served meanwhile, writes too', async () => {
    const order: string[] = []
    const slow = aside(site.registry).$client.execute(SLOW)
    const served = site.registry.insert(images).values(queuedRow())
    await Promise.all([
      slow.then(() => order.push('slow')),
      served.then(() => order.push('served')),
    ])
    assert.deepEqual(order, ['served', 'slow'])
  })

  it('writes nothing', async () => {
    const statement = 'DELETE FROM images RETURNING id'
    await assert.rejects(reader.execute(statement), { code: 'SQLITE_READONLY' })
  })

  it('is ended when it takes too long, and the next one is answered [503]', async () => {
    await assert.rejects(reader.execute(ENDLESS), {
      status: 503,
      headers: { 'Retry-After': '5' },
    })
    assert.equal((await reader.execute('SELECT 7')).rows[0]?.[0], 7)
  })

  it('is ended when its turn comes too late [503]', async () => {
    const asked = Array.from({ length: 6 }, () => reader.execute(ENDLESS))
    const started = Date.now()
    for (const one of await Promise.allSettled(asked)) assert.equal(one.status, 'rejected')
    assert.ok(Date.now() - started < 2000)
  })

  it('is refused at once when too many wait [503]', async () => {
    const asked = Array.from({ length: 32 }, () => reader.execute(ENDLESS))
    const settled = Promise.allSettled(asked)
    await assert.rejects(reader.execute('SELECT 7'), {
      status: 503,
      message: 'There are too many slow requests',
    })
    await settled
  })

  it('is ended in time also when statements of before are collected as garbage [503]', async () => {
    setFlagsFromString('--expose-gc')
    const collect: () => void = runInNewContext('gc')
    for (let number = 0; number < 20; number++) await reader.execute(`SELECT ${number}`)
    const started = Date.now()
    const running = reader.execute(FINITE)
    setTimeout(collect, 20)
    await assert.rejects(running, { status: 503 })
    assert.ok(Date.now() - started < 2000, 'the event loop has waited for it')
  })

  it('is ended by the close', async () => {
    const patient = createReader(site.file, { timeout: 1000, patience: 60_000 })
    const running = patient.execute(ENDLESS)
    await patient.execute('SELECT 7')
    patient.close()
    await assert.rejects(running, { status: 503 })
    await assert.rejects(patient.execute('SELECT 7'), /The database is closed/)
  })
})
