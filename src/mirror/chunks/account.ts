/**
 * What lies in an edge's store, in the order of last use, and who is using it.
 *
 * The states of a chunk at an edge, of which it may have several:
 *
 * | state     | who holds it                                  | what ends it                                         |
 * |-----------|-----------------------------------------------|------------------------------------------------------|
 * | absent    | nobody: it is in none of the others           | somebody asks for it, or pins an image that has it   |
 * | fetching  | `running` in filling.ts, and a claim beside   | it is stored, or passed on, or has failed            |
 * |           | its place for processes that share the store  |                                                      |
 * | passed on | `held` in read-ahead.ts: there was no room    | the last reader who had it fetched ahead is past it  |
 * | resident  | `sizes` in this file                          | eviction, removal, quarantine                        |
 * | verified  | `known` in blobs/local/verified.ts            | its file changes, or is gone                         |
 * | in use    | `users` in this file                          | each reader releases it                              |
 * | pinned    | `digests` in pinning/pins.ts                  | the image is unpinned, or has other bytes            |
 * | damaged   | its file, put aside; resident no more         | it is fetched again; the file goes with a sweep      |
 * | stuck     | still resident: its file cannot be removed    | a later eviction that succeeds                       |
 * | nowhere   | `absences` in filling.ts                      | 30 seconds, after which it is asked for again        |
 */
import type { ChunkAccount } from '../../blobs/local/account.ts'

/** The account of an edge's chunks. Sizes are bytes. */
export interface EdgeAccount extends ChunkAccount {
  /** Null where it is not here. */
  sizeOf(digest: string): number | null
  digests(): string[]
  /** The chunks that nobody is using, the least recently used first. */
  leastRecentlyUsed(): Iterable<[digest: string, size: number]>
  /** The chunks that somebody is using. */
  inUse(): string[]
  count(): number
  /** What all of them take together. */
  used(): number
}

export function createEdgeAccount(): EdgeAccount {
  /** The first is the least recently used. */
  const sizes = new Map<string, number>()
  const users = createUsers()
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
    has: (digest) => sizes.has(digest),
    sizeOf: (digest) => sizes.get(digest) ?? null,
    digests: () => [...sizes.keys()],
    count: () => sizes.size,
    used: () => used,
    inUse: users.names,
    add,
    forget,

    *leastRecentlyUsed() {
      for (const chunk of sizes) if (!users.has(chunk[0])) yield chunk
    },

    use(digest) {
      const size = sizes.get(digest)
      if (size !== undefined) add(digest, size)
      return users.add(digest)
    },
  }
}

/** Who is using which chunk right now. */
export interface Users {
  has(digest: string): boolean
  /** How many chunks somebody is using. */
  count(): number
  names(): string[]
  /** Notes one more, until the function returned is called. */
  add(digest: string): () => void
}

export function createUsers(): Users {
  const counts = new Map<string, number>()
  return {
    has: (digest) => counts.has(digest),
    count: () => counts.size,
    names: () => [...counts.keys()],

    add(digest) {
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
