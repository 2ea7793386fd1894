import { readLimited } from '../../http/body.ts'
import type { Fetch } from '../../http/fetch.ts'
import { sha256 } from '../digest.ts'
import {
  type ChunkStore,
  isDigest,
  type OwnedStore,
  type Reachable,
  requireDigest,
  type UnfinishedWrites,
} from '../store.ts'
import { createS3Client, type S3Client } from './client.ts'
import { S3Error } from './failure.ts'
import type { S3Options } from './settings.ts'
import { PATIENCE } from '../remote/patience.ts'
import { checkPatience } from './patience.ts'
import { openObject } from './reading.ts'
import { createS3Writing, deleteObject } from './writing.ts'
import { type Listing, parseListing } from './xml.ts'

const PREFIX = 'chunks/'
const OWNER = 'owner'
const MAX_OWNER_BYTES = 1024
/** Keys a page, as many as any server gives. */
const PAGE = 1000
const MAX_PAGE_BYTES = 8 << 20
/** With what a chunk has been stored: the server has checked its bytes against this. */
const STORED_AS = 'X-Amz-Meta-Sha256'

export type S3Store = ChunkStore & OwnedStore & UnfinishedWrites & Reachable

/**
 * Chunks as objects of an S3 bucket, which shows them whole or not at all. `fetch` knows the CA of the server. Throws a
 * ConfigError where the options cannot be right; whether there is such a server shows later.
 */
export function createS3Store(options: S3Options, fetch: Fetch, patience = PATIENCE): S3Store {
  const client = createS3Client(options, fetch, patience)
  const checking = createS3Client(options, fetch, checkPatience(patience))
  const { put } = createS3Writing(client, options)
  const key = (digest: string) => PREFIX + requireDigest(digest)

  return {
    get: async (digest, span) => openObject(client, key(digest), span),

    async put(digest, bytes) {
      const object = { key: key(digest), bytes, digest, headers: { [STORED_AS]: digest } }
      if (!(await isStored(client, object.key, digest, bytes.length))) await put(object)
    },

    delete: async (digest) => deleteObject(client, key(digest)),

    list: (after = '') => listChunks(client, after),

    async owner() {
      const body = await openObject(client, OWNER)
      return body && new TextDecoder().decode(await readLimited(body, MAX_OWNER_BYTES)).trim()
    },

    async setOwner(id) {
      const bytes = new TextEncoder().encode(id)
      await put({ key: OWNER, bytes, digest: sha256(bytes) })
    },

    // Nothing is seen of an object before it is whole.
    removeUnfinished: async () => undefined,

    async check() {
      await listPage(checking, { 'max-keys': '1' })
    },
  }
}

/**
 * Whether the chunk is there with all its bytes, as far as the server knows. An answer to HEAD says nothing of what is
 * wrong, so that a refusal is left to the writing.
 */
async function isStored(
  client: S3Client,
  key: string,
  digest: string,
  size: number,
): Promise<boolean> {
  try {
    const request = { method: 'HEAD' as const, key }
    return await client.ask(`look for "${key}"`, request, async ({ headers }) => {
      return Number(headers.get('Content-Length')) === size && headers.get(STORED_AS) === digest
    })
  } catch (error) {
    if (error instanceof S3Error && error.status >= 300 && error.status < 500) return false
    throw error
  }
}

async function* listChunks(client: S3Client, after: string) {
  let last = after
  let from: Record<string, string> = { 'start-after': PREFIX + after }
  for (;;) {
    const page = await listPage(client, from)
    for (const { key, storedAt } of page?.objects ?? []) {
      const digest = key.slice(PREFIX.length)
      // Not every server knows `start-after`.
      if (!isDigest(digest) || digest <= last) continue
      last = digest
      yield { digest, storedAt }
    }
    if (!page?.isTruncated) return
    const next = nextPage(page)
    if (!next || JSON.stringify(next) === JSON.stringify(from)) {
      throw new Error(`Cannot list chunks: ${client.address.server} does not go on after a page`)
    }
    from = next
  }
}

function nextPage({ token, objects }: Listing): Record<string, string> | null {
  if (token !== null) return { 'continuation-token': token }
  const last = objects.at(-1)
  return last ? { 'start-after': last.key } : null
}

/** Null where there is no bucket yet. */
function listPage(client: S3Client, query: Record<string, string>): Promise<Listing | null> {
  const request = {
    method: 'GET' as const,
    key: null,
    query: { 'list-type': '2', prefix: PREFIX, 'max-keys': `${PAGE}`, ...query },
  }
  return client.askIfPresent('list chunks', request, async ({ body }) => {
    return parseListing(new TextDecoder().decode(await readLimited(body, MAX_PAGE_BYTES)))
  })
}
