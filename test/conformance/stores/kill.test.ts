/** `kill -9` of a service with stores of all kinds. KILL_SEED repeats the choices of a run, which prints its own. */
import assert from 'node:assert/strict'
import { createHash, randomInt, randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { env } from 'node:process'
import { after, before, describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { chunkFiles, createRaw, readBack } from '../../faults/data.ts'
import { deleteImage, uploadData } from '../../support/images.ts'
import { MIB, sha256, siteAt } from '../../support/mirrors.ts'
import { randomData } from '../../support/random-data.ts'
import { digestsOf } from '../../support/s3-site.ts'
import { createRandom } from '../inspector/random.ts'
import { createMortalSite, type MortalSite, requireAtRest, STORES } from './mortal-site.ts'
import { type Client, rbdClient, s3Client, skip, swiftClient } from './real-stores.ts'

const ROUNDS = Number(process.env['KILL_ROUNDS'] ?? 20)
/** Of the uploads of a round some are over when all is killed, at the latest after so long; then it goes on for a moment. */
const ROUND_MS = 3_000
const MOMENT_MS = 200
/** So many images are not deleted, for there to be something to copy. */
const KEPT = 4

const seed = Number(env['KILL_SEED'] ?? randomInt(2 ** 31))
const random = createRandom(seed)

/** Blocks that many images share, so that one may count on chunks that another is losing. */
const SHARED = [randomData(MIB), randomData(MIB)]

interface Sent {
  id: string
  size: number
  md5: string
  chunks: string[]
  /** Whether the client heard [204]. */
  uploaded: boolean
  /** The same of its deletion; null where nobody has asked for it. */
  deleted: boolean | null
}

function randomBody(): Buffer<ArrayBuffer> {
  const most = random.chance(0.05) ? 40 : 6
  const own = randomData(MIB + random.below((most - 1) * MIB))
  return random.chance(0.5) ? Buffer.concat([random.pick(SHARED), own]) : own
}

/** Whether the answer came; a server that was killed has given none. */
async function heard(asked: Promise<Response>): Promise<boolean> {
  const response = await asked.catch(() => null)
  if (!response) return false
  const text = await response.text().catch(() => '')
  assert.equal(response.status, 204, text)
  return true
}

function send(site: MortalSite, id: string, store: string): { sent: Sent; done: Promise<void> } {
  const body = randomBody()
  const md5 = createHash('md5').update(body).digest('hex')
  const chunks = digestsOf(body)
  const sent = { id, size: body.length, md5, chunks, uploaded: false, deleted: null }
  const asked = uploadData(siteAt(site.url()), id, body, { 'X-Image-Meta-Store': store })
  const done = heard(asked).then((uploaded) => void Object.assign(sent, { uploaded }))
  return { sent, done }
}

async function remove(site: MortalSite, sent: Sent): Promise<void> {
  sent.deleted = false
  await setTimeout(random.below(MOMENT_MS))
  sent.deleted = await heard(deleteImage(siteAt(site.url()), sent.id))
}

/** Resolves when so many of them are done. */
function settled(works: { done: Promise<void> }[], count: number): Promise<void> {
  let left = count
  return new Promise((resolve) => {
    if (left === 0) resolve()
    for (const { done } of works) void done.then(() => --left === 0 && resolve())
  })
}

/** Uploads into each store and deletions beside the copies, in the middle of which all is killed. */
async function playRound(site: MortalSite, all: Sent[]): Promise<void> {
  const wanted = [...STORES, ...STORES]
  const ids = await Promise.all(wanted.map(() => createRaw(site.url())))
  const kept = all.filter(({ uploaded, deleted }) => uploaded && deleted === null)
  const uploads = wanted.map((store, index) => send(site, ids[index] ?? '', store))
  const deletions = kept.slice(0, -KEPT).map((sent) => remove(site, sent))
  all.push(...uploads.map(({ sent }) => sent))
  const most = setTimeout(ROUND_MS, undefined, { ref: false })
  const some = settled(uploads, random.below(uploads.length))
  await Promise.race([some, most])
  await setTimeout(random.below(MOMENT_MS))
  await site.kill()
  await Promise.all([...uploads.map(({ done }) => done), ...deletions])
}

interface Found extends Sent {
  stores: string[]
}

/** What became of each image: whole, or queued, or gone. Returns those that have bytes, and where. */
async function requireWholeOrGone(url: string, all: Sent[]): Promise<Found[]> {
  const found: Found[] = []
  for (const sent of all) {
    const response = await fetch(`${url}/v2/images/${sent.id}`)
    const image = await response.json().catch(() => null)
    if (response.status === 404) {
      assert.notEqual(sent.deleted, null, `${sent.id} is gone, which nobody has asked for`)
      continue
    }
    assert.equal(response.status, 200)
    assert.notEqual(sent.deleted, true, `${sent.id} is there after its deletion`)
    const { size, md5 } = sent
    if (image.status === 'queued') {
      assert.equal(sent.uploaded, false, `${sent.id} has lost its bytes`)
      assert.equal(image.size, null)
      continue
    }
    assert.deepEqual([image.status, image.size, image.checksum], ['active', size, md5])
    assert.deepEqual(await readBack(url, sent.id), { status: 200, size, md5 })
    found.push({ ...sent, stores: String(image.stores).split(',') })
  }
  return found
}

/** A store holds these objects and no others, and each is what its name says. */
async function requireExactly(
  store: string,
  { names, read }: Client,
  wanted: Iterable<string>,
  isRight: (bytes: Buffer, name: string) => boolean,
): Promise<number> {
  const listed = (await names()).toSorted()
  assert.deepEqual(listed, [...new Set(wanted)].toSorted(), `What lies in "${store}"`)
  for (const name of listed) assert.ok(isRight(await read(name), name), `${name} in "${store}"`)
  return listed.length
}

describe('kill -9 of a service and of copies between its stores', { skip }, () => {
  const place = `heliostat-${randomUUID()}`
  const pool = skip === false ? rbdClient() : null
  let site: MortalSite
  let foreign: string[]

  before(async () => {
    foreign = (await pool?.names()) ?? []
    site = await createMortalSite(place)
  })
  after(() => site?.remove())

  it(`leaves each copy whole or gone, and no object without need, ${ROUNDS} times (KILL_SEED=${seed})`, async (t) => {
    const all: Sent[] = []
    for (let round = 0; round < ROUNDS; round++) {
      if (round > 0) await site.start()
      await playRound(site, all)
    }
    await site.recover()
    const found = await requireWholeOrGone(site.url(), all)
    await site.stop()
    t.diagnostic(await site.command('db', 'sweep', '--grace', '0'))
    requireAtRest(site.dataDir)

    const files: Client = {
      names: () => chunkFiles(site.dataDir),
      read: (name) => readFile(join(site.dataDir, 'chunks', name.slice(0, 2), name)),
    }
    const stores = { files, bucket: s3Client(place), swift: await swiftClient(place) }
    for (const [store, client] of Object.entries(stores)) {
      const wanted = found.filter(({ stores: where }) => where.includes(store))
      const digests = wanted.flatMap(({ chunks }) => chunks)
      const isRight = (bytes: Buffer, name: string) => sha256(bytes) === name
      const objects = await requireExactly(store, client, digests, isRight)
      t.diagnostic(`${store}: ${wanted.length} images, ${objects} chunks`)
    }
    const disks = found.filter(({ stores: where }) => where.includes('ceph'))
    assert.ok(pool)
    const ours: Client = {
      ...pool,
      names: async () => (await pool.names()).filter((name) => !foreign.includes(name)),
    }
    const md5s = new Map(disks.map(({ id, md5 }) => [id, md5]))
    const isRight = (bytes: Buffer, name: string) =>
      createHash('md5').update(bytes).digest('hex') === md5s.get(name)
    await requireExactly('ceph', ours, md5s.keys(), isRight)
    t.diagnostic(`ceph: ${disks.length} images`)

    const count = (condition: (sent: Sent) => boolean) => all.filter(condition).length
    const broken = count(({ uploaded }) => !uploaded)
    const copies = found.reduce((sum, { stores: where }) => sum + where.length - 1, 0)
    t.diagnostic(
      `${all.length} uploads, ${broken} broken off; ${count(({ deleted }) => deleted === true)} deletions, ${count(({ deleted }) => deleted === false)} broken off; ${copies} copies`,
    )
    // Otherwise all was killed too early or too late to have been in the middle of anything.
    assert.ok(broken > 0 && broken < all.length && copies > 0)
  })
})
