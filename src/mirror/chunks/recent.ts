/**
 * Chunks that came last, for as long as nothing else wants the memory that they came in: the readers who are waiting for
 * them need not ask the disk.
 */
export interface RecentChunks {
  /** Notes verified bytes, until the function returned is called: their memory is another's from then on. */
  add(digest: string, bytes: Uint8Array): () => void
  /** Fills the buffer from a position, and tells how many bytes there were; null where the chunk is not in memory. */
  read(digest: string, buffer: Uint8Array, position: number): number | null
}

export function createRecentChunks(): RecentChunks {
  const recent = new Map<string, Uint8Array>()

  return {
    add(digest, bytes) {
      recent.set(digest, bytes)
      return () => {
        if (recent.get(digest) === bytes) recent.delete(digest)
      }
    },

    read(digest, buffer, position) {
      const bytes = recent.get(digest)
      return bytes ? readFrom(bytes, buffer, position) : null
    },
  }
}

/** `ReadAt` of bytes in memory, at once. */
export function readFrom(bytes: Uint8Array, buffer: Uint8Array, position: number): number {
  const part = bytes.subarray(position, position + buffer.length)
  buffer.set(part)
  return part.length
}
