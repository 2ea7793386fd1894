import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Command } from 'commander'
import { images } from '../../schema/tables.ts'
import { deletePendingImages, restoreImage } from '../../src/cli/db-pending.ts'
import { addPurgeCommands } from '../../src/cli/db-purge.ts'
import { loadConfig } from '../../src/config.ts'
import { openTestRegistry, queuedRow, type TestRegistry } from '../support/registry.ts'
import { heliostat } from './heliostat.ts'

let site: TestRegistry
before(async () => {
  site = await openTestRegistry()
})
after(() => site.close())

const run = (...args: string[]) =>
  heliostat(['db', ...args], { HELIOSTAT_DATABASE__CONNECTION: `sqlite:///${site.file}` })

async function addImage(status: 'pending_delete' | 'deleted', deleted_at: number): Promise<string> {
  const row = queuedRow({ status, deleted_at })
  await site.registry.insert(images).values(row)
  return row.id
}

const rows = () => site.registry.select().from(images)

describe('heliostat db', () => {
  it('restores an image that waits for its deletion', async () => {
    const id = await addImage('pending_delete', Date.now())
    assert.deepEqual(await run('restore', id), {
      code: 0,
      stdout: `Image ${id} is restored, its status is queued\n`,
      stderr: '',
    })
    const restored = (await rows()).find((row) => row.id === id)
    assert.deepEqual([restored?.status, restored?.deleted_at], ['queued', null])
  })

  it('purges the images table, also in the spelling of glance-manage', async () => {
    const id = await addImage('deleted', Date.now() - 1000)
    const { code, stdout } = await run(
      'purge_images_table',
      '--age_in_days',
      '0',
      '--max_rows',
      '-1',
    )
    assert.equal(code, 0)
    assert.match(stdout, /^Purging what was deleted before 20.*Z\n {9}1 {2}images\n$/)
    assert.ok(!(await rows()).some((row) => row.id === id))
  })

  it('restores and deletes nothing at an edge, which only the feed changes', async () => {
    const { config } = loadConfig({ mirror: { upstream: 'http://origin.example' } })
    const refused = /read-only mirror, so this is done at its origin: http:\/\/origin\.example$/
    await assert.rejects(restoreImage(site.registry, config, 'an-id'), refused)
    await assert.rejects(deletePendingImages(site.registry, config), refused)
  })
})

describe('the options of a purge', () => {
  const parse = (...args: string[]) => {
    const db = new Command().exitOverride().configureOutput({ writeErr: () => undefined })
    addPurgeCommands(db)
    return db.parseAsync(args, { from: 'user' })
  }

  it('are whole numbers of days, fewer than since 1970', async () => {
    const wanted = /Wanted a whole number of days, fewer than since 1970\.$/
    await assert.rejects(parse('purge', '--age-in-days', '-1'), wanted)
    await assert.rejects(parse('purge', '--age_in_days', 'many'), wanted)
    await assert.rejects(parse('purge', '--age-in-days', '1.5'), wanted)
    await assert.rejects(parse('purge-images-table', '--age-in-days', '40000'), wanted)
  })

  it('are whole numbers of rows, or -1', async () => {
    const wanted = /Wanted a whole number of rows up to 2147483647, or -1\.$/
    await assert.rejects(parse('purge', '--max-rows', '-2'), wanted)
    await assert.rejects(parse('purge', '--max-rows', ''), wanted)
    await assert.rejects(parse('purge-images-table', '--max_rows', '2147483648'), wanted)
  })
})
