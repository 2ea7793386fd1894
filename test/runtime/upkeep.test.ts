import assert from 'node:assert/strict'
import { sql } from 'drizzle-orm'
import { after, before, describe, it } from 'node:test'
import { runUpkeep } from '../../src/runtime/upkeep.ts'
import { BARE_RAW, bytesOf, createImage, deleteImage, uploadData } from '../support/images.ts'
import { collectLogs } from '../support/logs.ts'
import { createTestSite, type TestSite } from '../support/site.ts'

describe('a chore of the upkeep that fails', () => {
  let site: TestSite
  let logs: ReturnType<typeof collectLogs>

  before(async () => {
    logs = collectLogs()
    site = await createTestSite({ heliostat: { sweep_grace: '0' } })
    const { id } = await createImage(site, BARE_RAW)
    assert.equal((await uploadData(site, id, bytesOf('data'))).status, 204)
    assert.equal((await deleteImage(site, id)).status, 204)
    await site.registry.run(sql`ALTER TABLE feed RENAME TO feed_away`)
  })
  after(async () => {
    await site.close()
    logs.stop()
  })

  const readyz = async () => (await site.request('/readyz')).json()

  async function chunksLeft(): Promise<number> {
    let count = 0
    for await (const _ of site.store.list()) count++
    return count
  }

  it('takes no turn from the others', async () => {
    assert.equal(await chunksLeft(), 1)
    await runUpkeep(site.services)
    assert.equal(await chunksLeft(), 0)
  })

  it('is told in the log once, and counted', async () => {
    await runUpkeep(site.services)
    const told = logs.lines.filter((line) => /Upkeep failed/.test(line))
    assert.equal(told.length, 1)
    assert.match(told[0] ?? '', /error: Upkeep failed, .*: feed: .*no such table/)
    assert.equal(site.services.chores.failures(), 2)
  })

  it('is told by readyz when it has failed three times running (200)', async () => {
    assert.deepEqual(await readyz(), { ready: true, reasons: [] })
    await runUpkeep(site.services)
    assert.deepEqual(await readyz(), {
      ready: true,
      reasons: ['upkeep-failing'],
      failing_upkeep: ['feed'],
    })
  })

  it('is told no more when it works again', async () => {
    await site.registry.run(sql`ALTER TABLE feed_away RENAME TO feed`)
    await runUpkeep(site.services)
    assert.deepEqual(await readyz(), { ready: true, reasons: [] })
    assert.ok(logs.lines.some((line) => /Upkeep works again: feed/.test(line)))
  })
})
