import type { IsWhole } from './check.ts'
import type { LocalChunk } from './store.ts'

/** Remembers which chunks were found to be whole, until their files change. Several readers cost one check. */
export interface Verified {
  /** Whether a chunk is what its name says. */
  isWhole(digest: string, chunk: LocalChunk): Promise<boolean>
  /** Notes a chunk whose bytes were verified before they were stored. */
  note(digest: string, chunk: LocalChunk): void
  forget(digest: string): void
}

export function createVerified(check: IsWhole): Verified {
  /** The stamps of the files that were whole. */
  const known = new Map<string, string>()
  const checking = new Map<string, Promise<boolean>>()

  async function checkAnew(digest: string, chunk: LocalChunk): Promise<boolean> {
    const isWhole = await check(digest, chunk)
    if (isWhole) known.set(digest, chunk.state.stamp)
    return isWhole
  }

  return {
    async isWhole(digest, chunk) {
      const { stamp } = chunk.state
      if (known.get(digest) === stamp) return true
      const key = `${digest} ${stamp}`
      const running = checking.get(key)
      if (running) return running
      const started = checkAnew(digest, chunk).finally(() => checking.delete(key))
      checking.set(key, started)
      return started
    },

    note(digest, chunk) {
      known.set(digest, chunk.state.stamp)
    },

    forget: (digest) => void known.delete(digest),
  }
}
