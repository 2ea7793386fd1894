/**
 * A service whose images lie in all kinds of stores at once: Ceph, its S3, Swift, files. The stores are those that
 * run.sh has started; without them each is skipped by its name.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFile, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import {
  BARE_RAW,
  createImage,
  deleteImage,
  errorMessage,
  showImage,
} from '../../support/images.ts'
import { followingOptions, siteAt, TOKEN, untilActive, untilSynced } from '../../support/mirrors.ts'
import { environmentOf } from '../../support/options.ts'
import type { RunningProcess } from '../../support/process.ts'
import { randomData } from '../../support/random-data.ts'
import { startOnNode } from '../../support/server.ts'
import { temporaryFolder } from '../../support/site.ts'
import { cephConf, rbdOptions, s3Options, skip, swiftOptions } from './real-stores.ts'

const run = promisify(execFile)
const MIB = 1 << 20
const SIZE = 1024 * MIB
const BLOCK = randomData(16 * MIB)
const MAX_MEMORY_MIB = 300

const PLACE = 'heliostat-service'

const options = () => ({
  DEFAULT: { enabled_backends: 'files:file, ceph:rbd, bucket:s3, swift:swift' },
  glance_store: { default_backend: 'files' },
  ceph: rbdOptions(),
  bucket: s3Options(PLACE),
  swift: swiftOptions(PLACE),
  mirror: { tokens: TOKEN },
})

/** A GiB that is nowhere whole: the block, each time with another number at its start. */
function* blocks(): Generator<Buffer> {
  for (let index = 0; index < SIZE / BLOCK.length; index++) {
    const block = Buffer.from(BLOCK)
    block.writeUInt32BE(index, 0)
    yield block
  }
}

function digestOfAll(): string {
  const hash = createHash('sha256')
  for (const block of blocks()) hash.update(block)
  return hash.digest('hex')
}

async function upload(url: string, id: string, store: string): Promise<number> {
  const outgoing = request(`${url}/v2/images/${id}/file`, {
    method: 'PUT',
    headers: {
      'Content-Type': 'application/octet-stream',
      'Content-Length': SIZE,
      'X-Image-Meta-Store': store,
    },
  })
  const answered = once(outgoing, 'response')
  for (const block of blocks()) if (!outgoing.write(block)) await once(outgoing, 'drain')
  outgoing.end()
  const [incoming] = await answered
  incoming.resume()
  return incoming.statusCode
}

async function digestOfDownload(url: string, id: string): Promise<string> {
  const response = await fetch(`${url}/v2/images/${id}/file`)
  assert.equal(response.status, 200)
  const hash = createHash('sha256')
  for await (const part of response.body ?? []) hash.update(part)
  return hash.digest('hex')
}

async function peakMemory({ pid }: RunningProcess): Promise<number> {
  const [, kilobytes] = /VmHWM:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kilobytes) / 1024
}

describe('a service with stores of all kinds', { skip }, () => {
  const whole = digestOfAll()
  let server: RunningProcess
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  const ids = new Map<string, string>()

  before(async () => {
    folder = await temporaryFolder()
    server = await startOnNode(join(folder.path, 'origin'), environmentOf(options()))
  })
  after(async () => {
    await server.stop()
    await folder.remove()
  })

  const rbd = async (user: string, ...args: string[]) => {
    const { stdout } = await run('rbd', ['--conf', cephConf(), '--id', user, ...args])
    return stdout.trim()
  }

  for (const store of ['files', 'ceph', 'bucket', 'swift']) {
    it(`takes 1 GiB into "${store}" and gives it back, in less than ${MAX_MEMORY_MIB} MiB`, async (t) => {
      const { id } = await createImage(siteAt(server.url), { ...BARE_RAW, visibility: 'public' })
      ids.set(store, id)
      const started = performance.now()
      assert.equal(await upload(server.url, id, store), 204)
      const uploaded = performance.now()
      assert.equal(await digestOfDownload(server.url, id), whole)
      const rate = (since: number, until: number) => `${Math.round(1024e3 / (until - since))} MiB/s`
      const memory = await peakMemory(server)
      t.diagnostic(
        `in ${rate(started, uploaded)}, out ${rate(uploaded, performance.now())}, at most ${Math.round(memory)} MiB`,
      )
      assert.equal((await showImage(siteAt(server.url), id)).stores, store)
      assert.ok(memory < MAX_MEMORY_MIB, `${memory} MiB`)
    })
  }

  it('has a block device that clients of Ceph clone, and cannot be deleted from under a clone (409)', async () => {
    const id = ids.get('ceph') ?? ''
    const exported = join(folder.path, 'exported')
    await rbd('glance', 'export', '--no-progress', `images/${id}@snap`, exported)
    const hash = createHash('sha256')
      .update(await readFile(exported))
      .digest('hex')
    await rm(exported)
    assert.equal(hash, whole)
    await rbd('nova', 'clone', '--rbd-default-clone-format', '1', `images/${id}@snap`, `vms/${id}`)
    const site = siteAt(server.url)
    const refused = await deleteImage(site, id, { Accept: 'application/json' })
    assert.equal(refused.status, 409)
    assert.match(await errorMessage(refused), /is in use/)
    assert.equal((await showImage(site, id)).status, 'active')
    await rbd('nova', 'rm', '--no-progress', `vms/${id}`)
  })

  it('is followed by an edge, which has each of them verified', async () => {
    const edge = await startOnNode(join(folder.path, 'edge'), followingOptions(server.url))
    await untilSynced(edge.url)
    for (const id of ids.values()) {
      await untilActive(edge.url, id)
      assert.equal(await digestOfDownload(edge.url, id), whole)
    }
    await edge.stop()
  })

  it('leaves nothing of an image that is deleted in the store of objects', async () => {
    const id = ids.get('ceph') ?? ''
    assert.equal((await deleteImage(siteAt(server.url), id)).status, 204)
    assert.doesNotMatch(await rbd('glance', 'ls', 'images'), new RegExp(id))
  })
})
