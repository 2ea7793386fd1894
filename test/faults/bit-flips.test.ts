import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { copyFile, link, mkdir, open, readFile, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { openSiteOn } from '../support/local-site.ts'
import { collectLogs } from '../support/logs.ts'
import { MIB } from '../support/mirrors.ts'
import { environmentOf, SMALL_CHUNKS } from '../support/options.ts'
import { randomData } from '../support/random-data.ts'
import { eventually, startOnNode } from '../support/server.ts'
import { ADMIN, temporaryFolder } from '../support/site.ts'
import { lastFrameOf } from '../support/write-ahead-log.ts'
import { createRaw, upload } from './data.ts'

const IMAGES = 4
/** Two chunks. */
const SIZE = MIB + 1000
/** Bits that are flipped in the database and in its log, each in a copy of its own. */
const FLIPS = 8

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let origin: string
/** What was uploaded: the MD5 of the bytes by the id of the image. */
const uploaded = new Map<string, string>()

before(async () => {
  folder = await temporaryFolder()
  origin = join(folder.path, 'origin', 'data')
  const server = await startOnNode(origin, environmentOf(SMALL_CHUNKS))
  for (let i = 0; i < IMAGES; i++) {
    const id = await createRaw(server.url)
    const bytes = randomData(SIZE)
    assert.equal((await upload(server.url, id, bytes)).status, 204)
    uploaded.set(id, md5(bytes))
  }
  // Its log stays.
  await server.kill()
})
after(() => folder.remove())

const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex')

/** A copy of the origin's folder in which one bit is another. */
async function damagedCopy(name: string, file: string, position: number): Promise<string> {
  const copy = join(folder.path, name)
  await copyFolder(origin, join(copy, 'data'))
  const damaged = join(copy, 'data', file)
  await rm(damaged)
  await copyFile(join(origin, file), damaged)
  const handle = await open(damaged, 'r+')
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, position)
  await handle.write(Buffer.from([(buffer[0] ?? 0) ^ (1 << (position % 8))]), 0, 1, position)
  await handle.close()
  return copy
}

/** Chunks, which are never written to, are not copied but linked. */
async function copyFolder(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true })
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) await copyFolder(source, target)
    else await (entry.name.startsWith('registry.db') ? copyFile : link)(source, target)
  }
}

interface Seen {
  /** Images whose bytes came as they were uploaded. */
  right: number
  /** Whether the operator hears of something: the start is refused, or `/readyz`, or an error in the log. */
  told: boolean
}

/** Starts a site in a folder, and downloads every image. A wrong byte fails the test. */
async function look(copy: string): Promise<Seen> {
  const logs = collectLogs()
  try {
    const site = await openSiteOn(copy, { heliostat: { data_dir: join(copy, 'data') } })
    let right = 0
    for (const [id, expected] of uploaded) {
      const response = await site.request(`/v2/images/${id}/file`, { headers: ADMIN })
      const bytes = await response.arrayBuffer().catch(() => null)
      if (response.status !== 200 || bytes === null) continue
      assert.equal(md5(new Uint8Array(bytes)), expected, `wrong bytes of ${id}`)
      right++
    }
    const reasons = async () => (await (await site.request('/readyz')).json()).reasons
    const isTold = async () => (await reasons()).length > 0 || hasError(logs.lines)
    const told =
      right < uploaded.size ? await eventually('it is told', 5_000, orNull(isTold)) : await isTold()
    await site.close()
    return { right, told }
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error
    return { right: 0, told: true }
  } finally {
    logs.stop()
  }
}

const sizeOf = async (file: string) => (await stat(join(origin, file))).size

/** Without its last frame, of which damage looks as a transaction that was not written to its end. */
const logSize = async () => lastFrameOf(await readFile(join(origin, 'registry.db-wal')))

const hasError = (lines: string[]) => lines.some((line) => /^(error|fatal): /.test(line))
const orNull = (ask: () => Promise<boolean>) => async () => ((await ask()) ? true : null)

describe('a bit that is flipped in the data directory of an origin', () => {
  it('changes nothing where there is none', async () => {
    await copyFolder(origin, join(folder.path, 'whole', 'data'))
    assert.deepEqual(await look(join(folder.path, 'whole')), { right: IMAGES, told: false })
  })

  it('of a chunk costs its image, and is told', async () => {
    const files = await readdir(join(origin, 'chunks'), { recursive: true, withFileTypes: true })
    const chunks = files.filter((file) => file.isFile() && file.name.length === 64)
    assert.equal(chunks.length, IMAGES * 2)
    for (const [index, { name }] of chunks.entries()) {
      const file = join('chunks', name.slice(0, 2), name)
      const { size } = await stat(join(origin, file))
      const copy = await damagedCopy(`chunk-${index}`, file, Math.floor(Math.random() * size))
      assert.deepEqual(await look(copy), { right: IMAGES - 1, told: true }, name)
    }
  })

  it('of the database or its log reaches nobody as a wrong byte, and is told where it costs an image', async () => {
    const sizes = { 'registry.db': await sizeOf('registry.db'), 'registry.db-wal': await logSize() }
    for (const [file, size] of Object.entries(sizes)) {
      for (let flip = 0; flip < FLIPS; flip++) {
        const position = Math.floor(((flip + Math.random()) / FLIPS) * size)
        const seen = await look(await damagedCopy(`${file}-${flip}`, file, position))
        assert.ok(seen.told || seen.right === IMAGES, `byte ${position} of ${file}`)
      }
    }
  })

  it('of the log is told wherever it is', async () => {
    const size = await logSize()
    for (const part of [0.1, 0.5, 0.9]) {
      const copy = await damagedCopy(`log-${part}`, 'registry.db-wal', Math.floor(size * part))
      assert.equal((await look(copy)).told, true)
    }
  })
})
