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
  const users = new Map<string, number>()
  let used = 0
  let reserved = 0
  let evictions = 0

  function forget(digest: string): void {
    used -= sizes.get(digest) ?? 0
    sizes.delete(digest)
  }

  async function evictOne(): Promise<boolean> {
    for (const digest of sizes.keys()) {
      if (users.has(digest) || isPinned(digest)) continue
      forget(digest)
      evictions++
      await remove(digest)
      return true
    }
    return false
  }

  return {
    status: () => ({ chunks: sizes.size, used, reserved, limit, evictions }),

    has: (digest: string) => sizes.has(digest),

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
      users.set(digest, (users.get(digest) ?? 0) + 1)
      return () => {
        const left = (users.get(digest) ?? 1) - 1
        if (left === 0) users.delete(digest)
        else users.set(digest, left)
      }
    },

    /** Makes room before bytes are fetched; false when nothing more can go. `settle` ends the reservation. */
    async reserve(size: number): Promise<boolean> {
      reserved += size
      while (used + reserved > limit) {
        if (await evictOne()) continue
        reserved -= size
        return false
      }
      return true
    },

    settle(size: number): void {
      reserved -= size
    },
  }
}
