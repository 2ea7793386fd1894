import assert from 'node:assert/strict'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it, mock } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { createLaterSyncs } from '../../../src/blobs/fs/later-syncs.ts'
import { temporaryFolder } from '../../support/site.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
beforeEach(async () => {
  folder = await temporaryFolder()
  mock.timers.enable({ apis: ['setTimeout'] })
})
afterEach(async () => {
  mock.timers.reset()
  await folder.remove()
})

describe('a file that is synced later', () => {
  it('is set aside where that fails, and the next one is synced all the same', async () => {
    const aside: string[] = []
    const syncs = createLaterSyncs(async (file) => aside.push(file))
    // The system does not sync what is no file that it keeps.
    const files = ['/dev/null', join(folder.path, 'gone'), '/proc/self/status']
    for (const file of files) syncs.add(file)
    mock.timers.tick(5_000)
    while (aside.length < 2) await turn()
    assert.deepEqual(aside, ['/dev/null', '/proc/self/status'])
  })
})
