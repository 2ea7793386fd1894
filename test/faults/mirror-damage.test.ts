import assert from 'node:assert/strict'
import { open, stat, truncate, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { compareDownload, MIB, sha256, wholeDownload } from '../support/mirrors.ts'
import { randomData } from '../support/random-data.ts'
import { chunkFiles, flipByte } from './data.ts'
import { type Pair, startPair } from './pair.ts'

const SIZE = 8 * MIB
const WHOLE = wholeDownload(SIZE)

let pair: Pair
before(async () => {
  pair = await startPair()
})
after(() => pair.close())

describe('a byte that is flipped on its way to the edge', () => {
  it('reaches nobody: the chunk is fetched again', async () => {
    const { bytes, path } = await publish()
    const damaged = digestAt(bytes, 3)
    let flips = 1
    pair.proxy.touch = (part, digest) => {
      if (digest === damaged && flips-- > 0) part[100] = 255 - (part[100] ?? 0)
    }
    const before = pair.proxy.chunkBytes()
    const reads = Array.from({ length: 8 }, () => compareDownload(pair.edge.url, bytes, { path }))
    for (const read of await Promise.all(reads)) assert.deepEqual(read, WHOLE)
    assert.equal(pair.proxy.chunkBytes() - before, SIZE + MIB)
    assert.match(pair.edge.log(), new RegExp(`${damaged} came damaged from upstream`))
  })

  it('reaches nobody either when it is flipped each time: the answer breaks off, and heals after', async () => {
    const { bytes, path } = await publish()
    const damaged = digestAt(bytes, 6)
    pair.proxy.touch = (part, digest) => {
      if (digest === damaged) part[0] = 255 - (part[0] ?? 0)
    }
    const broken = await compareDownload(pair.edge.url, bytes, { path })
    assert.deepEqual(broken, { status: 200, right: 6 * MIB, wrong: false })
    pair.proxy.touch = () => undefined
    assert.deepEqual(await compareDownload(pair.edge.url, bytes, { path }), WHOLE)
  })

  it('is told before the first byte when the first chunk is damaged [503]', async () => {
    const { bytes, path } = await publish()
    const damaged = digestAt(bytes, 0)
    pair.proxy.touch = (part, digest) => {
      if (digest === damaged) part[0] = 255 - (part[0] ?? 0)
    }
    const response = await fetch(`${pair.edge.url}${path}`)
    assert.equal(response.status, 503)
    assert.match(response.headers.get('Retry-After') ?? '', /^\d+$/)
    await response.text()
    pair.proxy.touch = () => undefined
    assert.deepEqual(await compareDownload(pair.edge.url, bytes, { path }), WHOLE)
  })
})

describe("a byte that is flipped on the edge's disk", () => {
  it('reaches nobody: the chunk is quarantined and fetched again', async () => {
    const { bytes, path } = await publish()
    assert.deepEqual(await compareDownload(pair.edge.url, bytes, { path }), WHOLE)
    const before = pair.proxy.chunkBytes()
    const damaged = digestAt(bytes, 5)
    await flipByte(fileOf(damaged))

    const reads = Array.from({ length: 8 }, () => compareDownload(pair.edge.url, bytes, { path }))
    for (const read of await Promise.all(reads)) assert.deepEqual(read, WHOLE)
    assert.equal(pair.proxy.chunkBytes() - before, MIB)
    assert.match(pair.edge.log(), new RegExp(`${damaged} is damaged on this machine: quarantined`))
    await assertQuarantined(damaged)
  })

  it('is found also after a restart', async () => {
    const { bytes, path } = await publish()
    assert.deepEqual(await compareDownload(pair.edge.url, bytes, { path }), WHOLE)
    await pair.edge.stop()
    const damaged = digestAt(bytes, 0)
    await flipByte(fileOf(damaged))
    const before = pair.proxy.chunkBytes()
    await pair.restartEdge()
    assert.deepEqual(await compareDownload(pair.edge.url, bytes, { path }), WHOLE)
    assert.equal(pair.proxy.chunkBytes() - before, MIB)
    await assertQuarantined(damaged)
  })

  it('is found whatever a loss of power has left of files', async () => {
    const { bytes, path } = await publish()
    assert.deepEqual(await compareDownload(pair.edge.url, bytes, { path }), WHOLE)
    await pair.edge.stop()
    const [zeroed, emptied, cut, gone] = [0, 1, 2, 3].map((i) => fileOf(digestAt(bytes, i)))
    await writeFile(zeroed ?? '', Buffer.alloc(MIB))
    await truncate(emptied ?? '', 0)
    await truncate(cut ?? '', MIB / 2)
    await unlink(gone ?? '')
    const before = pair.proxy.chunkBytes()
    await pair.restartEdge()
    assert.deepEqual(await compareDownload(pair.edge.url, bytes, { path }), WHOLE)
    assert.equal(pair.proxy.chunkBytes() - before, 4 * MIB)
  })

  it('costs the chunk also where the file has become shorter', async () => {
    const { bytes, path } = await publish()
    assert.deepEqual(await compareDownload(pair.edge.url, bytes, { path }), WHOLE)
    const damaged = digestAt(bytes, 2)
    const file = await open(fileOf(damaged), 'r+')
    await file.truncate(1000)
    await file.close()
    assert.deepEqual(await compareDownload(pair.edge.url, bytes, { path }), WHOLE)
    await assertQuarantined(damaged)
  })
})

async function publish() {
  const bytes = randomData(SIZE)
  return { bytes, ...(await pair.publish(bytes)) }
}

function digestAt(bytes: Buffer, position: number): string {
  return sha256(bytes.subarray(position * MIB, (position + 1) * MIB))
}

function fileOf(digest: string): string {
  return join(pair.atEdge, 'chunks', digest.slice(0, 2), digest)
}

/** The damaged file lies beside its place, which a whole one has taken. */
async function assertQuarantined(digest: string): Promise<void> {
  const files = (await chunkFiles(pair.atEdge)).filter((name) => name.startsWith(digest))
  assert.equal(files.length, 2)
  assert.match(files[1] ?? '', /\.damaged$/)
  assert.equal((await stat(fileOf(digest))).size, MIB)
}
