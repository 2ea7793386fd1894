import { type ChunkStore, isDigest, type OwnedStore, requireDigest } from './store.ts'

/** What is used of Cloudflare's R2 binding. */
export interface ChunkBucket {
  get(
    key: string,
    options?: { range?: { offset: number; length: number } },
  ): Promise<{ body: ReadableStream<Uint8Array> } | null>
  head(key: string): Promise<{ size: number; checksums: { sha256?: ArrayBuffer } } | null>
  put(key: string, value: Uint8Array, options?: { sha256?: string }): Promise<unknown>
  delete(key: string): Promise<void>
  list(options: { prefix: string; startAfter?: string; limit?: number }): Promise<{
    objects: { key: string; uploaded: Date }[]
    truncated: boolean
  }>
}

const PREFIX = 'chunks/'
const OWNER = 'owner'

/** Chunks as objects of an R2 bucket. R2 checks the SHA-256 of each by itself and never shows a half-written object. */
export function createR2Store(bucket: ChunkBucket): ChunkStore & OwnedStore {
  const key = (digest: string) => PREFIX + requireDigest(digest)
  return {
    async get(digest, span) {
      // R2 calls an empty range unsatisfiable.
      if (span?.length === 0) return (await bucket.head(key(digest))) && new Blob().stream()
      const object = await bucket.get(key(digest), span && { range: { ...span } })
      return object?.body ?? null
    },
    async put(digest, bytes) {
      const found = await bucket.head(key(digest))
      if (found && found.size === bytes.length && hex(found.checksums.sha256) === digest) return
      await bucket.put(key(digest), bytes, { sha256: digest })
    },
    async delete(digest) {
      await bucket.delete(key(digest))
    },
    async *list(after = '') {
      let startAfter = PREFIX + after
      let truncated = true
      while (truncated) {
        const page = await bucket.list({ prefix: PREFIX, startAfter })
        for (const object of page.objects) {
          startAfter = object.key
          const digest = object.key.slice(PREFIX.length)
          if (isDigest(digest)) yield { digest, storedAt: object.uploaded.getTime() }
        }
        truncated = page.truncated
      }
    },
    async owner() {
      const object = await bucket.get(OWNER)
      return object && (await new Response(object.body).text()).trim()
    },
    async setOwner(id) {
      await bucket.put(OWNER, new TextEncoder().encode(id))
    },
  }
}

/** R2 knows the digest of what was stored with one. */
function hex(bytes: ArrayBuffer | undefined): string {
  return Array.from(new Uint8Array(bytes ?? new ArrayBuffer()), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('')
}
