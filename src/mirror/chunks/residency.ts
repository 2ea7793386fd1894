import { getLogger } from '@logtape/logtape'

const log = getLogger(['heliostat', 'residency'])

/** What lies in an edge's store, in the order of last use, and what may go to make room. Sizes are bytes. */
export type Residency = ReturnType<typeof createResidency>

export interface ResidencyOptions {
  /** What the chunks may take together. */
  limit: number
  /** Chunks that stay whatever happens. */
  isPinned(digest: string): boolean
  /** Removes a chunk from the store. */
  remove(digest: string): Promise<void>
}

export function createResidency({ limit, isPinned, remove }: ResidencyOptions) {
  const chunks = createSizes()
  const users = createUsers()
  let reserved = 0
  let evictions = 0

  /** Forgotten before it goes, so that no other eviction picks it too. What cannot be removed still takes its room. */
  async function removeChunk(digest: string): Promise<void> {
    const size = chunks.get(digest)
    chunks.forget(digest)
    try {
      await remove(digest)
    } catch (error) {
      if (size !== undefined) chunks.add(digest, size)
      throw error
    }
  }

  /** The bytes that went; null when nothing can go. */
  async function evictOne(): Promise<number | null> {
    for (const [digest, size] of chunks.entries()) {
      if (users.has(digest) || isPinned(digest)) continue
      if (!(await hasGone(digest, removeChunk(digest)))) return null
      evictions++
      return size
    }
    return null
  }

  async function makeRoom(): Promise<{ chunks: number; bytes: number }> {
    const gone = { chunks: 0, bytes: 0 }
    while (chunks.used() + reserved > limit) {
      const bytes = await evictOne()
      if (bytes === null) break
      gone.chunks++
      gone.bytes += bytes
    }
    return gone
  }

  return {
    status: () => ({ chunks: chunks.count(), used: chunks.used(), reserved, limit, evictions }),

    has: (digest: string) => chunks.get(digest) !== undefined,

    digests: (): string[] => [...chunks.entries()].map(([digest]) => digest),

    /** Notes a chunk that is in the store, as the one used last. */
    add: chunks.add,

    forget: chunks.forget,

    /** Removes a chunk from the store. */
    remove: removeChunk,

    /** Keeps a chunk from being evicted until the function returned is called. */
    use(digest: string): () => void {
      chunks.touch(digest)
      return users.add(digest)
    },

    /** Makes room before bytes are fetched; false when nothing more can go. `settle` ends the reservation. */
    async reserve(size: number): Promise<boolean> {
      reserved += size
      await makeRoom()
      const fits = chunks.used() + reserved <= limit
      if (!fits) reserved -= size
      return fits
    },

    settle: (size: number): void => void (reserved -= size),

    /** Evicts until the limit holds, or nothing more can go; tells how much went. */
    prune: makeRoom,
  }
}

async function hasGone(digest: string, removal: Promise<void>): Promise<boolean> {
  try {
    await removal
    return true
  } catch (error) {
    log.error('Chunk {digest} cannot be removed: {reason}', { digest, reason: String(error) })
    return false
  }
}

/** The chunks that are here. The first is the least recently used. */
function createSizes() {
  const sizes = new Map<string, number>()
  let used = 0

  function forget(digest: string): void {
    used -= sizes.get(digest) ?? 0
    sizes.delete(digest)
  }

  function add(digest: string, size: number): void {
    forget(digest)
    sizes.set(digest, size)
    used += size
  }

  return {
    get: (digest: string) => sizes.get(digest),
    entries: () => sizes.entries(),
    count: () => sizes.size,
    used: () => used,
    add,
    forget,

    touch(digest: string): void {
      const size = sizes.get(digest)
      if (size !== undefined) add(digest, size)
    },
  }
}

/** Who is using which chunk right now. */
function createUsers() {
  const counts = new Map<string, number>()
  return {
    has: (digest: string) => counts.has(digest),

    add(digest: string): () => void {
      counts.set(digest, (counts.get(digest) ?? 0) + 1)
      let released = false
      return () => {
        if (released) return
        released = true
        const left = (counts.get(digest) ?? 1) - 1
        if (left === 0) counts.delete(digest)
        else counts.set(digest, left)
      }
    },
  }
}
