import { type ChunkStore, type OwnedStore, requireDigest } from './store.ts'

/** Chunks in memory, for tests and for trying things out. */
export function createMemoryStore(): ChunkStore & OwnedStore {
  const chunks = new Map<string, { bytes: Uint8Array; storedAt: number }>()
  let owner: string | null = null
  return {
    async get(digest, span) {
      const chunk = chunks.get(requireDigest(digest))
      if (!chunk) return null
      const { offset, length } = span ?? { offset: 0, length: chunk.bytes.length }
      return new Blob([chunk.bytes.slice(offset, offset + length)]).stream()
    },
    async put(digest, bytes) {
      if (chunks.has(requireDigest(digest))) return
      chunks.set(digest, { bytes: bytes.slice(), storedAt: Date.now() })
    },
    async delete(digest) {
      chunks.delete(requireDigest(digest))
    },
    async *list(after = '') {
      const digests = [...chunks.keys()].filter((digest) => digest > after).toSorted()
      for (const digest of digests) {
        yield { digest, storedAt: chunks.get(digest)?.storedAt ?? 0 }
      }
    },
    owner: async () => owner,
    async setOwner(id) {
      owner = id
    },
  }
}
