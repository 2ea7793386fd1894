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
  // The first is the least recently used.
  const sizes = new Map<string, number>()
  const users = createUsers()
  let used = 0
  let reserved = 0
  let evictions = 0

  function forget(digest: string): void {
    used -= sizes.get(digest) ?? 0
    sizes.delete(digest)
  }

  /** The bytes that went; null when nothing can go. */
  async function evictOne(): Promise<number | null> {
    for (const [digest, size] of sizes) {
      if (users.has(digest) || isPinned(digest)) continue
      forget(digest)
      evictions++
      await remove(digest)
      return size
    }
    return null
  }

  async function makeRoom(): Promise<{ chunks: number; bytes: number }> {
    const gone = { chunks: 0, bytes: 0 }
    while (used + reserved > limit) {
      const bytes = await evictOne()
      if (bytes === null) break
      gone.chunks++
      gone.bytes += bytes
    }
    return gone
  }

  return {
    status: () => ({ chunks: sizes.size, used, reserved, limit, evictions }),

    has: (digest: string) => sizes.has(digest),

    digests: (): string[] => [...sizes.keys()],

    /** Notes a chunk that is in the store, as the one used last. */
    add(digest: string, size: number): void {
      forget(digest)
      sizes.set(digest, size)
      used += size
    },

    forget,

    /** Keeps a chunk from being evicted until the function returned is called. */
    use(digest: string): () => void {
      const size = sizes.get(digest)
      if (size !== undefined) {
        sizes.delete(digest)
        sizes.set(digest, size)
      }
      return users.add(digest)
    },

    /** Makes room before bytes are fetched; false when nothing more can go. `settle` ends the reservation. */
    async reserve(size: number): Promise<boolean> {
      reserved += size
      await makeRoom()
      const fits = used + reserved <= limit
      if (!fits) reserved -= size
      return fits
    },

    settle: (size: number): void => void (reserved -= size),

    /** Evicts until the limit holds, or nothing more can go; tells how much went. */
    prune: makeRoom,
  }
}

/** Who is using which chunk right now. */
function createUsers() {
  const counts = new Map<string, number>()
  return {
    has: (digest: string) => counts.has(digest),

    add(digest: string): () => void {
      counts.set(digest, (counts.get(digest) ?? 0) + 1)
      return () => {
        const left = (counts.get(digest) ?? 1) - 1
        if (left === 0) counts.delete(digest)
        else counts.set(digest, left)
      }
    },
  }
}
