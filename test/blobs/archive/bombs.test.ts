import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { deflateRawSync, constants, gzipSync } from 'node:zlib'
import { findDecompressors } from '../../../src/runtime/decompressors.ts'
import {
  bodyOf,
  children,
  childrenGone,
  collect,
  MIB,
  missing,
  open,
  packWith,
  refusal,
  unpacked,
} from './archives.ts'
import { zip } from './zips.ts'

const ZEROS = Buffer.alloc(16 * MIB)
const FREE = 256 * MIB
const GIB = 1024 * MIB

const decompressors = await findDecompressors()

/** A bomb that never ends is refused while little of it was read, with what it may be, and little memory is taken. */
async function refuseEndless(format: string, next: () => Uint8Array): Promise<void> {
  const before = children()
  const given = bodyOf(next)
  let highest = 0
  const memory = process.memoryUsage.rss()
  const watch = setInterval(() => (highest = Math.max(highest, process.memoryUsage.rss())), 5)
  const { body } = await open(given.body, { decompressors, maxBytes: 100 * GIB, maxRatio: 100 })
  let out = 0
  const reading = (async () => {
    for await (const { length } of body) out += length
  })()
  await assert.rejects(reading, {
    code: 'too-large',
    message: new RegExp(
      `^The ${format} archive holds too much: \\d+ bytes or more in \\d+ that were read, where at most ${100 * GIB} are allowed, and beyond ${FREE} at most 100 times what was read$`,
    ),
  })
  clearInterval(watch)
  assert.ok(out <= FREE, `${out} bytes came out`)
  assert.ok(given.read() < 4 * MIB, `${given.read()} bytes were read`)
  assert.match(String(given.cancelled()), /holds too much/)
  assert.ok(highest - memory < 100 * MIB, `${(highest - memory) / MIB} MiB of memory`)
  await childrenGone(before)
}

/** The same bytes again and again. */
function again(bytes: Uint8Array): () => Uint8Array {
  return () => bytes
}

describe('a bomb is refused while little was read, in little memory [too-large]', () => {
  it('as gzip', () => refuseEndless('gzip', again(gzipSync(ZEROS))))

  it('as zip', async () => {
    const flush = deflateRawSync(ZEROS, { finishFlush: constants.Z_FULL_FLUSH })
    const header = zip([{ data: Buffer.alloc(1), descriptor: { signed: true, large: true } }])
    const parts = [header.subarray(0, 30 + 'disk.raw'.length)]
    await refuseEndless('zip', () => parts.shift() ?? flush)
  })

  it('as xz', { skip: missing('xz') }, () => refuseEndless('xz', again(packWith('xz', ZEROS))))

  it('as zstd', { skip: missing('zstd') }, () =>
    refuseEndless('zstd', again(packWith('zstd', ZEROS))),
  )

  it('as bzip2', { skip: missing('bzip2') }, () =>
    refuseEndless('bzip2', again(packWith('bzip2', ZEROS))),
  )

  it('as lzma, which has but one stream', { skip: missing('xz') }, async () => {
    const archive = packWith('lzma', ZEROS)
    assert.match(
      await refusal(archive, { decompressors, maxBytes: ZEROS.length - 1 }),
      /^\[too-large\] The lzma archive holds too much: /,
    )
  })
})

describe('the bound on bytes', () => {
  it('holds for every archive, at the first byte that is too much [too-large]', async () => {
    const data = Buffer.alloc(200_000)
    const archives = [gzipSync(data), zip([{ data }]), zip([{ data, method: 0 }])]
    for (const archive of archives) {
      assert.match(await refusal(archive, { maxBytes: data.length - 1 }), /^\[too-large\]/)
      assert.ok(data.equals(await unpacked(archive, { maxBytes: data.length })))
    }
  })

  it('is not for a body that is no archive', async () => {
    const { body } = await open(bodyOf(Buffer.alloc(1000)).body, { maxBytes: 10 })
    assert.equal((await collect(body)).length, 1000)
  })
})

describe('the bound on the ratio', () => {
  it('is not for a small disk', { skip: missing('bzip2') }, async () => {
    const out = await unpacked(packWith('bzip2', ZEROS), { decompressors, maxRatio: 1 })
    assert.ok(out.equals(ZEROS))
  })

  it('lets through zeros in gzip, the most that it can do, with the ratio 1,100', async () => {
    let members = FREE / ZEROS.length + 2
    const member = gzipSync(ZEROS, { level: 9 })
    const given = bodyOf(() => (members-- > 0 ? member : Buffer.alloc(0)))
    const { body } = await open(given.body, { maxRatio: 1100 })
    let out = 0
    for await (const { length } of body) out += length
    assert.equal(out, FREE + 2 * ZEROS.length)
  })
})
