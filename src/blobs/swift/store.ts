import { createHash } from 'node:crypto'
import { readLimited } from '../../http/body.ts'
import type { Fetch } from '../../http/fetch.ts'
import { hasMd5, sha256 } from '../digest.ts'
import {
  type ChunkStore,
  isDigest,
  type OwnedStore,
  type Reachable,
  requireDigest,
} from '../store.ts'
import { createSwiftClient, drain, type SwiftClient } from './client.ts'
import { brokenBy, hasStatus } from './failure.ts'
import { listObjects } from './listing.ts'
import { PATIENCE } from '../remote/patience.ts'
import { openObject } from './reading.ts'
import { requireSwiftOptions, type SwiftOptions } from './settings.ts'

const PREFIX = 'chunks/'
const OWNER = 'owner'
const MAX_OWNER_BYTES = 1024
/** With what a chunk has been stored, for a machine that has no MD5. */
const STORED_AS = 'X-Object-Meta-Sha256'

export type SwiftStore = ChunkStore & OwnedStore & Reachable

/**
 * Chunks as objects of a container, which shows them whole or not at all. `fetch` knows the CA of the server. Throws a
 * ConfigError where the options cannot be right; whether there is such a server shows later.
 */
export function createSwiftStore(
  options: SwiftOptions,
  fetch: Fetch,
  patience = PATIENCE,
): SwiftStore {
  requireSwiftOptions(options)
  const client = createSwiftClient(options, fetch, patience)
  const { swift_store_container: container, swift_store_retry_get_count: resumptions } = options
  const put = createWriting(client, options)
  const place = (key: string) => ({ container, key, resumptions })
  const keyOf = (digest: string) => PREFIX + requireDigest(digest)

  return {
    get: async (digest, span) => openObject(client, place(keyOf(digest)), span),

    async put(digest, bytes) {
      const object = objectOf(keyOf(digest), bytes, digest)
      if (!(await isStored(client, container, object))) await put(object)
    },

    async delete(digest) {
      const request = { method: 'DELETE' as const, container, key: keyOf(digest) }
      await client.askIfPresent(`delete "${request.key}"`, request, drain)
    },

    async *list(after = '') {
      const wanted = { container, prefix: PREFIX, after: PREFIX + after }
      for await (const { name, storedAt } of listObjects(client, wanted)) {
        const digest = name.slice(PREFIX.length)
        if (isDigest(digest)) yield { digest, storedAt }
      }
    },

    async owner() {
      const body = await openObject(client, place(OWNER))
      return body && new TextDecoder().decode(await readLimited(body, MAX_OWNER_BYTES)).trim()
    },

    async setOwner(id) {
      const bytes = new TextEncoder().encode(id)
      await put(objectOf(OWNER, bytes, sha256(bytes)))
    },

    async check() {
      const request = { method: 'HEAD' as const, container, key: null }
      await client.askIfPresent('use Swift', request, drain)
    },
  }
}

interface NewObject {
  key: string
  bytes: Uint8Array
  digest: string
  /** Null on a machine without MD5. */
  md5: string | null
}

function objectOf(key: string, bytes: Uint8Array, digest: string): NewObject {
  const md5 = hasMd5() ? createHash('md5').update(bytes).digest('hex') : null
  return { key, bytes, digest, md5 }
}

/** Whether the object is there with all its bytes, as far as the server knows. */
async function isStored(
  client: SwiftClient,
  container: string,
  { key, bytes, digest, md5 }: NewObject,
): Promise<boolean> {
  try {
    const request = { method: 'HEAD' as const, container, key }
    return await client.ask(`look for "${key}"`, request, async ({ headers }) => {
      if (Number(headers.get('Content-Length')) !== bytes.length) return false
      if (md5 === null) return headers.get(STORED_AS) === digest
      return headers.get('ETag')?.replaceAll('"', '') === md5
    })
  } catch (error) {
    // Whether there is a container shows when the object is written.
    if (hasStatus(error, 404)) return false
    throw error
  }
}

/** Writes objects, which the server checks against their MD5. The first one may create the container. */
function createWriting(client: SwiftClient, options: SwiftOptions) {
  const { swift_store_container: container } = options

  function write({ key, bytes, digest, md5 }: NewObject): Promise<void> {
    const headers: Record<string, string> = {
      'Content-Type': 'application/octet-stream',
      [STORED_AS]: digest,
      ...(md5 !== null && { ETag: md5 }),
    }
    const request = { method: 'PUT' as const, container, key, headers, body: bytes }
    return client.ask(`write "${key}"`, request, async (response, context) => {
      await drain(response)
      if (response.status === 201) return
      // By the clock of the server something later was stored or deleted there.
      throw brokenBy(new Error(`has not stored it (${response.status})`), context)
    })
  }

  return async function put(object: NewObject): Promise<void> {
    try {
      return await write(object)
    } catch (error) {
      if (!hasStatus(error, 404)) throw error
    }
    const method = options.swift_store_create_container_on_put ? 'PUT' : 'HEAD'
    await client.ask(`write "${object.key}"`, { method, container, key: null }, drain)
    await write(object)
  }
}
