import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  type Manifest,
  MAX_CHUNKS,
  manifestDigest,
  parseManifest,
  pieces,
  serializeManifest,
} from '../../src/blobs/manifest.ts'

const A = 'a'.repeat(64)
const B = 'b'.repeat(64)

const manifest: Manifest = {
  size: 20,
  chunkSize: 8,
  checksum: '0123456789abcdef0123456789abcdef',
  hashAlgorithm: 'sha256',
  hashValue: 'c'.repeat(64),
  chunks: [A, null, B],
}

describe('serializeManifest', () => {
  it('writes the keys in the published order', () => {
    assert.equal(
      serializeManifest(manifest),
      `{"version":1,"size":20,"chunk_size":8,"checksum":"0123456789abcdef0123456789abcdef",` +
        `"os_hash_algo":"sha256","os_hash_value":"${'c'.repeat(64)}","chunks":["${A}",null,"${B}"]}`,
    )
  })

  it('does not depend on the order of the properties', () => {
    const { chunks, ...rest } = manifest
    assert.equal(serializeManifest({ chunks, ...rest }), serializeManifest(manifest))
  })
})

describe('manifestDigest', () => {
  // Blobs that are stored already are named by it: a change of this value orphans them all.
  it('is the SHA-256 of the serialized manifest', () => {
    assert.equal(
      manifestDigest(manifest),
      '88be56e2b6372b53d2b6df5690acc668e0511b77d3667d8b4ec9dbc98033b027',
    )
  })

  it('differs by where the zeros are', () => {
    assert.notEqual(manifestDigest({ ...manifest, chunks: [null, A, B] }), manifestDigest(manifest))
  })
})

describe('parseManifest', () => {
  const MIB = 1 << 20
  const sound = { ...manifest, size: 2 * MIB + 4, chunkSize: MIB }
  const reads = (changes: Partial<Manifest>) =>
    parseManifest(serializeManifest({ ...sound, ...changes }))

  function refuses(changes: Partial<Manifest>, reason: RegExp): void {
    assert.throws(
      () => reads(changes),
      (error: Error) => {
        assert.match(error.message, reason)
        assert.doesNotMatch(error.message, /[\n{]/)
        return true
      },
    )
  }

  it('reads what was serialized', () => {
    assert.deepEqual(reads({}), sound)
    const empty = { ...sound, size: 0, chunks: [] }
    assert.deepEqual(reads(empty), empty)
  })

  it('refuses a chunk size that is no power of two from 1 to 64 MiB', () => {
    for (const chunkSize of [0, 1, -MIB, MIB + 1, 3 * MIB, MIB / 2, 128 * MIB, 9e12, 2 ** 60]) {
      refuses({ chunkSize }, /chunk_size is \S+, wanted a power of two/)
    }
    for (const text of ['null', '"8"', '1e999']) {
      const odd = serializeManifest(sound).replace(`"chunk_size":${MIB}`, `"chunk_size":${text}`)
      assert.throws(() => parseManifest(odd), /chunk_size/)
    }
  })

  it('refuses a size that its chunks do not have', () => {
    refuses({ size: -1 }, /size is -1/)
    refuses({ size: 0.5 }, /size is 0\.5/)
    refuses({ size: 2 ** 60 }, /size is/)
    refuses({ size: 2 * MIB }, /has 3 chunks for 2097152 bytes, wanted 2/)
    refuses({ size: 0 }, /wanted 0/)
    refuses({ size: 4 * MIB }, /wanted 4/)
  })

  it('refuses hashes that are not hex of their length', () => {
    refuses({ checksum: 'x'.repeat(32) }, /checksum is not 32 hex digits/)
    refuses({ checksum: 'A'.repeat(32) }, /checksum/)
    refuses({ checksum: '' }, /checksum/)
    refuses({ hashValue: 'c'.repeat(128) }, /os_hash_value is not 64 hex digits/)
    refuses({ hashValue: `${'c'.repeat(63)}\n` }, /os_hash_value/)
    refuses({ hashAlgorithm: 'sha512' }, /os_hash_value is not 128 hex digits/)
  })

  it('refuses chunks that are named by something else than a SHA-256', () => {
    refuses({ chunks: [A, null, 'b'.repeat(63)] }, /named by something else/)
    refuses({ chunks: [A, null, `${'b'.repeat(62)}/.`] }, /named by something else/)
    refuses({ chunks: [A, null, 'B'.repeat(64)] }, /named by something else/)
  })

  it('refuses a last chunk that would have two lengths', () => {
    refuses({ chunks: [A, null, A] }, /last chunk has two lengths/)
    const whole = { size: 3 * MIB, chunks: [A, null, A] }
    assert.deepEqual(reads(whole).chunks, [A, null, A])
  })

  it('refuses what is no manifest, in one sentence', () => {
    for (const text of ['', 'null', '[]', '{}', '<html>', '{"version":2}', '"x"', '[[[[]]]]']) {
      assert.throws(() => parseManifest(text), /^Error: Manifest is refused: [^\n]{1,120}$/)
    }
  })

  it('refuses more chunks than it may have, at once', () => {
    const many = (name: string, count: number) =>
      serializeManifest({ ...sound, size: count * MIB, chunks: [] }).replace(
        '[]',
        `[${Array(count).fill(name).join()}]`,
      )
    assert.equal(parseManifest(many('null', MAX_CHUNKS)).chunks.length, MAX_CHUNKS)
    const started = performance.now()
    assert.throws(() => parseManifest(many('null', MAX_CHUNKS + 1)), /wanted at most/)
    assert.throws(() => parseManifest(many('0', 5_000_000)), /more than \d+ (values|members)/)
    assert.throws(() => parseManifest(many(`"${A}"`, 1_000_000)), /longer than/)
    assert.ok(performance.now() - started < 10_000)
  })
})

describe('pieces', () => {
  const of = (offset: number, length: number) => [...pieces(manifest, { offset, length })]

  it('of the whole are all chunks, the last one shorter', () => {
    assert.deepEqual(of(0, 20), [
      { digest: A, offset: 0, length: 8 },
      { digest: null, offset: 0, length: 8 },
      { digest: B, offset: 0, length: 4 },
    ])
  })

  it('of a range inside a chunk is one span of it', () => {
    assert.deepEqual(of(2, 3), [{ digest: A, offset: 2, length: 3 }])
    assert.deepEqual(of(19, 1), [{ digest: B, offset: 3, length: 1 }])
  })

  it('of a range across borders end and start there', () => {
    assert.deepEqual(of(7, 2), [
      { digest: A, offset: 7, length: 1 },
      { digest: null, offset: 0, length: 1 },
    ])
    assert.deepEqual(of(8, 8), [{ digest: null, offset: 0, length: 8 }])
  })

  it('end at the end of the blob', () => {
    assert.deepEqual(of(18, 100), [{ digest: B, offset: 2, length: 2 }])
    assert.deepEqual(of(20, 1), [])
  })

  it('of an empty range or blob are none', () => {
    assert.deepEqual(of(5, 0), [])
    const empty = { ...manifest, size: 0, chunks: [] }
    assert.deepEqual([...pieces(empty, { offset: 0, length: 0 })], [])
  })

  it('cover exactly the range, in order, each inside its chunk', () => {
    const digests = fc.array(fc.constantFrom(A, B, null), { minLength: 1, maxLength: 12 })
    const cases = fc.record({
      chunks: digests,
      chunkSize: fc.constantFrom(1, 2, 8, 1 << 20, 1 << 26),
      lastPart: fc.double({ min: 0, max: 1, noNaN: true }),
      from: fc.double({ min: 0, max: 1, noNaN: true }),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
    })
    fc.assert(
      fc.property(cases, ({ chunks, chunkSize, lastPart, from, part }) => {
        const size = (chunks.length - 1) * chunkSize + 1 + Math.floor(lastPart * (chunkSize - 1))
        const offset = Math.floor(from * size)
        const length = Math.floor(part * (size - offset))
        let position = offset
        for (const piece of pieces({ ...manifest, chunks, chunkSize, size }, { offset, length })) {
          const index = Math.floor(position / chunkSize)
          assert.equal(piece.digest, chunks[index])
          assert.equal(index * chunkSize + piece.offset, position)
          assert.ok(piece.length > 0 && piece.offset + piece.length <= chunkSize)
          position += piece.length
        }
        assert.equal(position, offset + length)
      }),
    )
  })
})
