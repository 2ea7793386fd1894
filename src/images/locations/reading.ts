import { createHash } from 'node:crypto'
import { getLogger } from '@logtape/logtape'
import { HASH_ALGORITHMS } from '../../../schema/hash-algorithms.ts'
import type { ChunkBuffers } from '../../blobs/chunk-buffers.ts'
import { cutChunks, isZero } from '../../blobs/chunks.ts'
import type { Checksum, Digester, HashAlgorithm } from '../../blobs/digest.ts'
import { type Manifest, manifestDigest } from '../../blobs/manifest.ts'
import type { Manifests } from '../../inventory/manifests.ts'
import { reasonOf } from '../../reason.ts'
import type { Stores } from '../../stores/store.ts'
import type { LocationRepo } from './rows.ts'
import type { UnreadLocation } from './unread.ts'

const TOUCH_MS = 15_000

const log = getLogger(['heliostat', 'locations'])

export interface ReadingParts {
  locations: Pick<LocationRepo, 'unread' | 'claim' | 'touch' | 'finish' | 'reject'>
  stores: Pick<Stores, 'find'>
  manifests: Pick<Manifests, 'find'>
  digester: Digester
  buffers: ChunkBuffers
  options: { chunk_size: number; hashing_algorithm: HashAlgorithm; checksum: Checksum }
}

/** Reads the objects that others have registered, once: from then on they are verified like any other copy. */
export interface LocationReader {
  /** Throws in the end where one could not be read: it is tried again later. */
  read(): Promise<void>
  /** Begins to read, beside whoever calls. */
  readSoon(): void
}

export function createLocationReader(parts: ReadingParts): LocationReader {
  const { locations } = parts
  /** Those that have other bytes than they should, by their ids: once has been enough to read them. */
  const wrong = new Set<number>()
  let running: Promise<void> | null = null

  async function readAll(): Promise<void> {
    const failures: unknown[] = []
    for (const location of await locations.unread()) {
      if (wrong.has(location.id) || !(await locations.claim(location.id))) continue
      try {
        if (!(await readOne(parts, location))) wrong.add(location.id)
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }

  function read(): Promise<void> {
    running ??= readAll().finally(() => (running = null))
    return running
  }

  return {
    read,
    readSoon() {
      const after = running?.catch(() => undefined) ?? Promise.resolve()
      void after.then(read).catch((error: unknown) => {
        log.warn('A location cannot be read yet: {reason}', { reason: reasonOf(error) })
      })
    },
  }
}

/**
 * Whether it is what it should be. If not it is removed, unless it is all that an active image has: then it stays as it
 * was given, and never becomes a verified copy.
 */
async function readOne(parts: ReadingParts, location: UnreadLocation): Promise<boolean> {
  const { locations } = parts
  const beat = setInterval(() => void locations.touch(location.id).catch(() => undefined), TOUCH_MS)
  try {
    const found = await digest(parts, location)
    const why = found ? await mismatch(parts, location, found) : 'it is gone'
    if (found && why === null) {
      await locations.finish(location, found.manifest, Date.now())
      return true
    }
    const isNeeded = !location.isAwaited && location.blob === null
    log.error('A location of image {image} in store {store} is {done}: {why}', {
      image: location.imageId,
      store: location.store,
      done: isNeeded ? 'not verified' : 'removed',
      why,
    })
    if (!isNeeded) await locations.reject(location, Date.now())
    return false
  } finally {
    clearInterval(beat)
  }
}

interface Digested {
  manifest: Manifest
  /** By the algorithm that a client has named; null where that is one of the manifest. */
  named: string | null
}

/** Reads all of an object; null where it is not there. */
async function digest(parts: ReadingParts, location: UnreadLocation): Promise<Digested | null> {
  const { stores, manifests, digester, buffers, options } = parts
  const objects = stores.find(location.store)?.objects
  const size = await objects?.size(location.url)
  if (objects === undefined || objects === null || size === undefined || size === null) return null
  const known = location.blob === null ? null : await manifests.find(location.blob)
  const chunkSize = known?.chunkSize ?? options.chunk_size
  const hashAlgorithm = known?.hashAlgorithm ?? algorithmFor(location, options)
  const body =
    size === 0
      ? new Blob([]).stream()
      : await objects.get(location.url, { offset: 0, length: size })
  if (!body) return null
  const named = namedHash(location)
  const digests = digester.start(hashAlgorithm, options.checksum)
  const chunks: (string | null)[] = []
  try {
    for await (const { bytes, release } of cutChunks(
      body,
      chunkSize,
      buffersFor(chunkSize, parts, buffers),
    )) {
      try {
        named?.update(bytes)
        await digests.update(bytes)
        chunks.push(isZero(bytes) ? null : await digester.sha256(bytes))
      } finally {
        release()
      }
    }
    const { checksum, hashValue } = await digests.finish()
    const manifest = { size, chunkSize, checksum, hashAlgorithm, hashValue, chunks }
    return { manifest, named: named?.digest('hex') ?? null }
  } catch (error) {
    digests.abort()
    throw error
  }
}

/** The memory of uploads is for chunks of one size. */
function buffersFor(chunkSize: number, { options }: ReadingParts, buffers: ChunkBuffers) {
  if (chunkSize === options.chunk_size) return buffers
  const take = async () => ({ bytes: new Uint8Array(chunkSize), release: () => undefined })
  return { take, offer: () => () => undefined, spool: null }
}

function algorithmFor({ hash }: UnreadLocation, options: ReadingParts['options']): HashAlgorithm {
  const named = HASH_ALGORITHMS.find((algorithm) => algorithm === hash?.algorithm)
  return named ?? options.hashing_algorithm
}

function namedHash({ hash }: UnreadLocation) {
  if (hash === null || HASH_ALGORITHMS.some((algorithm) => algorithm === hash.algorithm))
    return null
  return createHash(hash.algorithm)
}

/** Why the bytes are not those of the image; null where they are. */
async function mismatch(
  { manifests }: ReadingParts,
  { hash, blob }: UnreadLocation,
  { manifest, named }: Digested,
): Promise<string | null> {
  if (hash !== null) {
    const value = named ?? (hash.algorithm === manifest.hashAlgorithm ? manifest.hashValue : null)
    if (value !== null && value !== hash.value.toLowerCase()) {
      return `its ${hash.algorithm} is ${value}, wanted ${hash.value}`
    }
  }
  if (blob === null || manifestDigest(manifest) === blob) return null
  return (await manifests.find(blob)) === null ? null : 'it is not what the other copies are'
}
