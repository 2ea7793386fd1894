import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inlineDigester, sha256 } from '../../src/blobs/digest.ts'
import { createMemoryStore } from '../../src/blobs/memory.ts'
import type { Store } from '../../src/stores/store.ts'
import { verifyCopy } from '../../src/stores/verifying.ts'
import { createMemoryObjects } from '../support/memory-objects.ts'
import { randomData } from '../support/random-data.ts'
import { chunksIn } from '../support/stores.ts'

const MIB = 1 << 20
const URL = 'memory://image'

/** Two chunks of data, and one of zeros between them. */
const data = Buffer.concat([randomData(MIB), Buffer.alloc(MIB), randomData(5)])
const parts = [data.subarray(0, MIB), null, data.subarray(2 * MIB)]
const manifest = {
  size: data.length,
  chunkSize: MIB,
  checksum: null,
  hashAlgorithm: 'sha512' as const,
  hashValue: '',
  chunks: parts.map((bytes) => bytes && sha256(bytes)),
}
const { signal } = new AbortController()

function objectStore(bytes: Uint8Array | null, facts: Partial<Store> = {}): Store {
  const objects = createMemoryObjects()
  if (bytes) objects.whole.set(URL, bytes)
  const owner = {
    ownership: async () => 'ours' as const,
    claim: async () => undefined,
    adopt: async () => '',
  }
  return { ...chunksIn(createMemoryStore(), { owner }), chunks: null, objects, ...facts }
}

async function verdictsOf(store: Store): Promise<string[]> {
  const flaws = await verifyCopy(inlineDigester, { store, url: URL, manifest }, { signal })
  return flaws.map(({ position, verdict }) => `${position} ${verdict}`)
}

describe('a copy that is an object', () => {
  it('is whole where every chunk is what its digest says', async () => {
    assert.deepEqual(await verdictsOf(objectStore(new Uint8Array(data))), [])
  })

  it('is damaged where a byte has changed, also among zeros', async () => {
    const bytes = new Uint8Array(data)
    bytes[MIB + 7] = 1
    bytes[2 * MIB] = (bytes[2 * MIB] ?? 0) ^ 1
    assert.deepEqual(await verdictsOf(objectStore(bytes)), ['1 damaged', '2 damaged'])
  })

  it('is damaged where it is too short, and missing where it is not there', async () => {
    const short = new Uint8Array(data.subarray(0, 2 * MIB + 1))
    assert.deepEqual(await verdictsOf(objectStore(short)), ['2 damaged'])
    assert.deepEqual(await verdictsOf(objectStore(null)), ['0 missing', '1 missing', '2 missing'])
  })

  it('is nothing that can be told where the store does not answer', async () => {
    const objects = createMemoryObjects()
    objects.get = () => Promise.reject(new Error('Connection refused'))
    const check = () => Promise.reject(new Error('ceph does not answer'))
    await assert.rejects(verdictsOf(objectStore(null, { objects, check })), /does not answer/)
  })
})
