import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { sql } from 'drizzle-orm'
import { startLibsqlServer } from '../../scripts/libsql-server.ts'
import { openRegistry, type Registry } from '../../src/registry/database.ts'
import { openDuty } from '../../src/registry/duty.ts'
import { migrate } from '../../src/registry/migrate.ts'
import { openRemote } from '../../src/registry/remote.ts'
import { openTestRegistry } from '../support/registry.ts'
import { temporaryFolder } from '../support/site.ts'

describe('a duty of processes that share a libSQL server', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let server: Awaited<ReturnType<typeof startLibsqlServer>>
  let registry: Registry

  before(async () => {
    folder = await temporaryFolder()
    server = await startLibsqlServer({ path: join(folder.path, 'libsql.db') })
    registry = openRegistry(openRemote(server.url, null))
    await migrate(registry)
  })
  after(async () => {
    registry.$client.close()
    await server.close()
    await folder.remove()
  })

  const pairOf = (name: string) => [openDuty(registry, name), openDuty(registry, name)] as const
  /** As if so many milliseconds had passed for the database. */
  const pass = (milliseconds: number) =>
    registry.run(sql`UPDATE site SET value = json_set(value, '$.until', value->>'until' - ${milliseconds})
      WHERE key LIKE 'duty:%'`)

  it('is of the first that asks, who keeps it', async () => {
    const [one, other] = pairOf('first')
    assert.deepEqual([await one.hold(), await other.hold(), await one.hold()], [true, false, true])
    assert.deepEqual([one.isOurs(), other.isOurs()], [true, false])
  })

  it('goes to one alone where many ask at once', async () => {
    const duties = Array.from({ length: 10 }, () => openDuty(registry, 'many'))
    const held = await Promise.all(duties.map((duty) => duty.hold()))
    assert.equal(held.filter(Boolean).length, 1)
  })

  it('is free when nothing has been heard of its holder for 15 s, who sees that it is gone', async () => {
    const [one, other] = pairOf('dead')
    await one.hold()
    await pass(14_000)
    assert.equal(await other.hold(), false)
    await pass(1_001)
    assert.deepEqual([await other.hold(), await one.hold(), one.isOurs()], [true, false, false])
  })

  it('is free where the clock of the database was set back', async () => {
    const [one, other] = pairOf('back')
    await one.hold()
    await pass(-3_600_000)
    assert.equal(await other.hold(), true)
  })

  it('is given away at once, and taken no more by who has done so', async () => {
    const [one, other] = pairOf('given')
    await one.hold()
    await one.release()
    assert.deepEqual([one.isOurs(), await one.hold()], [false, false])
    assert.equal(await other.hold(), true)
    await one.release()
    assert.equal(await other.hold(), true)
  })

  it('stays with its holder when another one ends', async () => {
    const [one, other] = pairOf('ends')
    await one.hold()
    await other.hold()
    await other.release()
    assert.equal(await openDuty(registry, 'ends').hold(), false)
  })
})

describe('a duty of the one process on an embedded registry', () => {
  it('is its own from the start, whatever a dead one left', async () => {
    const site = await openTestRegistry()
    await openDuty(site.registry, 'upkeep').hold()
    const duty = openDuty(site.registry, 'upkeep')
    assert.deepEqual([duty.isOurs(), await duty.hold()], [true, true])
    await site.close()
  })
})
