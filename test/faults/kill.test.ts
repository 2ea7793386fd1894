import assert from 'node:assert/strict'
import { createHash, randomInt } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { UPLOAD_LEASE_MS } from '../../src/inventory/leases.ts'
import { environmentOf, SMALL_CHUNKS } from '../support/options.ts'
import type { RunningProcess } from '../support/process.ts'
import { randomData, stallingBody } from '../support/random-data.ts'
import { eventually, runHeliostat, startOnNode } from '../support/server.ts'
import { temporaryFolder } from '../support/site.ts'
import {
  ageUnfinished,
  chunkFiles,
  createRaw,
  openDatabase,
  readBack,
  show,
  upload,
} from './data.ts'

const MIB = 1 << 20
const PART = 256 * 1024
const UPLOADS = 50
const AT_ONCE = 4
const KILLS = 8
/** On a busy machine each start takes seconds; fewer kills do then. */
const KILLING_MS = 12_000
const FEWEST_KILLS = 2
const env = environmentOf(SMALL_CHUNKS)

interface Sent {
  id: string
  md5: string
  size: number
  /** Whether the client heard [204]. */
  acknowledged: boolean
}

/** A server that is killed and started again, always over the same data. */
async function createMortalSite() {
  const folder = await temporaryFolder()
  let server: RunningProcess = await startOnNode(folder.path, env)
  let over = false
  return {
    dataDir: folder.path,
    url: () => server.url,
    start: async () => {
      server = await startOnNode(folder.path, env)
    },
    kill: () => server.kill(),
    stop: () => server.stop(),
    isOver: () => over,
    async remove() {
      over = true
      await server.kill()
      await folder.remove()
    },
  }
}

type MortalSite = Awaited<ReturnType<typeof createMortalSite>>

describe('kill -9 of the server', { concurrency: true }, () => {
  let site: MortalSite
  let idle: MortalSite

  before(async () => {
    ;[site, idle] = await Promise.all([createMortalSite(), createMortalSite()])
  })

  after(() => Promise.all([site.remove(), idle.remove()]))

  it(`leaves each image of ${UPLOADS} uploads whole or queued, and no chunk without need`, async (t) => {
    const ids = await Promise.all(Array.from({ length: UPLOADS }, () => createRaw(site.url())))
    const sent: Sent[] = []
    const clients = Array.from({ length: AT_ONCE }, async () => {
      for (let id = ids.shift(); id !== undefined; id = ids.shift()) {
        sent.push(await send(id, site))
      }
    })
    const kills = await killWhile(site, () => sent.length < UPLOADS)
    await Promise.all(clients)
    await assertReadableOnlyWhenActive(site.url(), sent)

    await site.kill()
    endLeases(site.dataDir)
    await site.start()
    const whole = await assertSettled(site.url(), sent)
    const heard = sent.filter(({ acknowledged }) => acknowledged).length
    t.diagnostic(`${kills} kills, ${heard} acknowledged, ${whole} active, of ${UPLOADS} uploads`)

    await site.stop()
    await ageUnfinished(site.dataDir)
    const { code, stdout } = await sweep(site.dataDir)
    t.diagnostic(stdout.trim())
    assert.equal(code, 0)
    await assertNothingLeftOver(site.dataDir)
  })

  it('queues the image again once the lease of its upload has run out', async () => {
    const id = await createRaw(idle.url())
    const dying = upload(idle.url(), id, stallingBody(32, PART)).catch(() => null)
    await eventually('chunks are stored', 5_000, async () => {
      const files = await chunkFiles(idle.dataDir)
      return files.length > 2 ? files : null
    })
    await idle.kill()
    assert.equal(await dying, null)
    await idle.start()
    assert.equal((await show(idle.url(), id)).status, 'saving')
    assert.equal((await readBack(idle.url(), id)).status, 204)
    const { status } = await savedNoMore(idle.url(), id, UPLOAD_LEASE_MS + 7_000)
    assert.equal(status, 'queued')
    assert.equal((await upload(idle.url(), id, randomData(MIB))).status, 204)
  })
})

async function killWhile(site: MortalSite, isBusy: () => boolean): Promise<number> {
  const limit = Date.now() + KILLING_MS
  let kills = 0
  while (isBusy() && kills < (Date.now() < limit ? KILLS : FEWEST_KILLS)) {
    await setTimeout(randomInt(20, 600))
    await site.kill()
    await site.start()
    kills++
  }
  assert.ok(kills >= FEWEST_KILLS, 'The uploads were over before the server was killed twice')
  return kills
}

/** Blocks that many bodies share, so that an upload reuses chunks of others, dead ones too. One is of zeros. */
const SHARED = [randomData(MIB), randomData(MIB), Buffer.alloc(MIB)]

/** One try. A server that is down has not been asked; any other failure leaves it open what became of the upload. */
async function send(id: string, site: MortalSite): Promise<Sent> {
  const length = randomInt(MIB / 2, 20 * MIB)
  const body = Buffer.concat([...SHARED, randomData(length)]).subarray(0, length)
  const md5 = createHash('md5').update(body).digest('hex')
  for (;;) {
    try {
      const { status } = await upload(site.url(), id, randomInt(2) ? inParts(body) : body)
      assert.equal(status, 204)
      return { id, md5, size: length, acknowledged: true }
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error
      if (!isRefused(error) || site.isOver()) return { id, md5, size: length, acknowledged: false }
      await setTimeout(20)
    }
  }
}

function isRefused(error: unknown): boolean {
  return error instanceof Error && String(error.cause).includes('ECONNREFUSED')
}

/** The body as a slow client sends it. */
function inParts(body: Buffer): ReadableStream<Uint8Array> {
  let position = 0
  return new ReadableStream({
    async pull(controller) {
      await setTimeout(2)
      controller.enqueue(body.subarray(position, position + PART))
      position += PART
      if (position >= body.length) controller.close()
    },
  })
}

/** Before recovery: what the crash left in the middle gives no byte away. */
async function assertReadableOnlyWhenActive(url: string, sent: Sent[]): Promise<void> {
  for (const { id } of sent) {
    const { status } = await show(url, id)
    const read = await readBack(url, id)
    assert.equal(read.status, status === 'active' ? 200 : 204)
  }
}

/** As if the time had passed after which a silent upload counts as dead. */
function endLeases(dataDir: string): void {
  const database = openDatabase(dataDir)
  database.run(`UPDATE uploads SET heartbeat_at = heartbeat_at - ${UPLOAD_LEASE_MS + 1}`)
  database.close()
}

/** Returns how many are active. */
async function assertSettled(url: string, sent: Sent[]): Promise<number> {
  let active = 0
  for (const { id, md5, size, acknowledged } of sent) {
    const image = await savedNoMore(url, id, 5_000)
    const read = await readBack(url, id)
    if (image.status === 'active') {
      active++
      assert.deepEqual({ size: image.size, md5: image.checksum }, { size, md5 })
      assert.deepEqual(read, { status: 200, size, md5 })
      continue
    }
    assert.equal(acknowledged, false)
    const { status, checksum, os_hash_value } = image
    assert.deepEqual(
      { status, size: image.size, checksum, os_hash_value },
      { status: 'queued', size: null, checksum: null, os_hash_value: null },
    )
    assert.equal(read.status, 204)
  }
  return active
}

function savedNoMore(url: string, id: string, within: number) {
  return eventually(`image ${id} leaves the status saving`, within, async () => {
    const image = await show(url, id)
    return image.status === 'saving' ? null : image
  })
}

function sweep(dataDir: string) {
  return runHeliostat(['db', 'sweep', '--grace', '0', '--data-dir', dataDir])
}

/** Chunk files and registry name the same chunks, each file holds what its name says, and nothing runs. */
async function assertNothingLeftOver(dataDir: string): Promise<void> {
  const database = openDatabase(dataDir)
  const needed = database.column(
    'SELECT DISTINCT digest FROM blob_chunks WHERE digest IS NOT NULL ORDER BY digest',
  )
  const files = await chunkFiles(dataDir)
  assert.deepEqual(files, needed)
  for (const table of ['uploads', 'upload_chunks', 'condemned_chunks']) {
    assert.deepEqual(database.column(`SELECT count(*) FROM ${table}`), [0], table)
  }
  database.close()
  for (const name of files) {
    const bytes = await readFile(join(dataDir, 'chunks', name.slice(0, 2), name))
    assert.equal(createHash('sha256').update(bytes).digest('hex'), name)
  }
}
