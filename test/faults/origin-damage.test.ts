import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { copyFile, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import {
  compareDownload,
  MIB,
  sha256,
  startEdge,
  startOrigin,
  untilActive,
  wholeDownload,
} from '../support/mirrors.ts'
import type { RunningProcess } from '../support/process.ts'
import { randomData } from '../support/random-data.ts'
import { temporaryFolder } from '../support/site.ts'
import { createRaw, flipByte, upload } from './data.ts'

const SIZE = 4 * MIB

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let origin: RunningProcess
/** Of the image that is damaged, four chunks that no other test has. */
let bytes: Buffer<ArrayBuffer>
let path: string

before(async () => {
  folder = await temporaryFolder()
  origin = await startOrigin(folder.path)
})
after(async () => {
  await origin.stop()
  await folder.remove()
})

beforeEach(async () => {
  bytes = randomData(SIZE)
  path = await publish()
})
afterEach(() => publish())

const chunkAt = (position: number) => bytes.subarray(position * MIB, (position + 1) * MIB)

function fileOf(position: number): string {
  const digest = sha256(chunkAt(position))
  return join(folder.path, 'chunks', digest.slice(0, 2), digest)
}

/** Uploads the bytes as one more image; returns the path of its data. */
async function publish(): Promise<string> {
  const id = await createRaw(origin.url)
  assert.equal((await upload(origin.url, id, bytes)).status, 204)
  return `/v2/images/${id}/file`
}

const download = (of = path) => compareDownload(origin.url, bytes, { path: of })

async function reasons(): Promise<{ reasons: string[]; damaged_chunks?: number }> {
  const { reasons: told, damaged_chunks } = await (await fetch(`${origin.url}/readyz`)).json()
  return { reasons: told, damaged_chunks }
}

const DAMAGED = { reasons: ['damaged-chunks'], damaged_chunks: 1 }
const WELL = { reasons: [], damaged_chunks: undefined }
const WHOLE = wholeDownload(SIZE)

describe('a chunk that is damaged at the origin', () => {
  it('is not served, and told at once (503)', async () => {
    assert.deepEqual(await download(), WHOLE)
    await flipByte(fileOf(0))
    assert.equal((await fetch(`${origin.url}${path}`)).status, 503)
    assert.deepEqual(await reasons(), DAMAGED)
    const metrics = await (await fetch(`${origin.url}/metrics`)).text()
    assert.match(metrics, /^heliostat_lost_chunks 1$/m)
    assert.match(metrics, /^heliostat_corrupt_chunks_total [1-9]/m)
    assert.match(origin.log(), new RegExp(`${sha256(chunkAt(0))} is damaged on this machine`))
  })

  it('breaks a download off where it is found, and is known from then on (503)', async () => {
    await flipByte(fileOf(2))
    const reads = await Promise.all(Array.from({ length: 4 }, () => download()))
    for (const { right, wrong } of reads) {
      assert.ok(right <= 2 * MIB)
      assert.equal(wrong, false)
    }
    assert.equal((await download()).status, 503)
    assert.deepEqual(await reasons(), DAMAGED)
  })

  it('does not keep from being read what does not need it (206)', async () => {
    await flipByte(fileOf(3))
    const headers = { Range: `bytes=${MIB}-${3 * MIB - 1}` }
    const response = await fetch(`${origin.url}${path}`, { headers })
    assert.equal(response.status, 206)
    assert.equal(
      sha256(new Uint8Array(await response.arrayBuffer())),
      sha256(bytes.subarray(MIB, 3 * MIB)),
    )
  })

  it('is healed by the next upload of its bytes, for every image that has it', async () => {
    const other = await publish()
    await flipByte(fileOf(1))
    await download()
    assert.equal((await download(other)).status, 503)
    const third = await publish()
    for (const each of [path, other, third]) assert.deepEqual(await download(each), WHOLE)
    assert.deepEqual(await reasons(), WELL)
  })

  it('is healed also by an upload that comes before anybody has noticed', async () => {
    await flipByte(fileOf(0))
    await truncate(fileOf(1), 0)
    await truncate(fileOf(2), 1000)
    await writeFile(fileOf(3), Buffer.concat([chunkAt(3), Buffer.from('more')]))
    const other = await publish()
    for (const each of [path, other]) assert.deepEqual(await download(each), WHOLE)
    assert.deepEqual(await reasons(), WELL)
  })

  it('is known still after a restart', async () => {
    await flipByte(fileOf(0))
    assert.equal((await download()).status, 503)
    await origin.kill()
    origin = await startOrigin(folder.path)
    assert.deepEqual(await reasons(), DAMAGED)
    assert.equal((await download()).status, 503)
  })
})

describe('a chunk file that is not what it was', () => {
  const changes: [string, (file: string) => Promise<void>][] = [
    ['removed', (file) => rm(file)],
    ['emptied', (file) => truncate(file, 0)],
    ['cut short', (file) => truncate(file, MIB - 1)],
    ['longer', (file) => writeFile(file, randomBytes(1), { flag: 'a' })],
  ]

  it('is told before the first byte, wherever it lies (503)', async () => {
    for (const [what, change] of changes) {
      await change(fileOf(3))
      assert.equal((await fetch(`${origin.url}${path}`, { method: 'HEAD' })).status, 503, what)
      const response = await fetch(`${origin.url}${path}`)
      assert.equal(response.status, 503, what)
      assert.match(await response.text(), /damaged or missing/)
      assert.deepEqual(await reasons(), DAMAGED)
      path = await publish()
      assert.deepEqual(await reasons(), WELL)
    }
  })

  it('is served again when the operator puts it back', async () => {
    const saved = join(folder.path, 'saved')
    await copyFile(fileOf(1), saved)
    await rm(fileOf(1))
    await origin.kill()
    origin = await startOrigin(folder.path)
    assert.equal((await download()).status, 503)
    await rename(saved, fileOf(1))
    assert.deepEqual(await download(), WHOLE)
    assert.deepEqual(await reasons(), WELL)
  })

  it('is asked for by an edge without taking the origin for dead', async () => {
    const atEdge = await temporaryFolder()
    const edge = await startEdge(atEdge.path, origin.url)
    const [, , , id = ''] = path.split('/')
    await untilActive(edge.url, id)
    await flipByte(fileOf(0))
    assert.equal((await fetch(`${edge.url}${path}`)).status, 503)
    const { edge: condition } = await (await fetch(`${edge.url}/readyz`)).json()
    assert.equal(condition.error, null)
    await edge.stop()
    await atEdge.remove()
  })
})
