/** Nova's and Cinder's own image clients (Debian's packages) show, add and use locations in Ceph. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { environmentOf } from '../../support/options.ts'
import type { RunningProcess } from '../../support/process.ts'
import { randomData } from '../../support/random-data.ts'
import { startOnNode } from '../../support/server.ts'
import { temporaryFolder } from '../../support/site.ts'
import { cephConf, rbdClient, rbdOptions, skip } from './real-stores.ts'

const SCRIPT = join(import.meta.dirname, 'nova-cinder.py')
const SIZE = 20 * (1 << 20) + 512

const run = promisify(execFile)

describe('the image clients of other services', { skip }, () => {
  let server: RunningProcess
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let file: string

  before(async () => {
    folder = await temporaryFolder()
    file = join(folder.path, 'image')
    await writeFile(file, randomData(SIZE))
    server = await startOnNode(
      join(folder.path, 'data'),
      environmentOf({
        DEFAULT: {
          enabled_backends: 'ceph:rbd',
          show_image_direct_url: 'true',
          show_multiple_locations: 'true',
        },
        glance_store: { default_backend: 'ceph' },
        ceph: rbdOptions(),
      }),
    )
  })
  after(async () => {
    await server.stop()
    await folder.remove()
  })

  for (const [client, steps] of [
    ['nova', 8],
    ['cinder', 7],
  ] as const) {
    it(`${client}'s shows, adds and uses locations`, async () => {
      const before = await rbdClient().names()
      const args = ['-W', 'ignore', SCRIPT, client, server.url, cephConf(), file]
      const { stdout } = await run('/usr/bin/python3', args, { timeout: 120_000 })
      assert.equal(stdout.match(new RegExp(`^${client}: `, 'gm'))?.length, steps, stdout)
      assert.deepEqual(await rbdClient().names(), before)
    })
  }
})
