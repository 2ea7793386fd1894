/**
 * What is done with a damaged chunk: its file is put aside, and it counts as absent from then on. So an edge fetches it
 * again, and an origin, which has it from nowhere, notes it as lost until it is uploaded again (`own-chunks.ts`,
 * `lost-chunks.ts`). What the scrubber finds before any reader does goes the same way (`scrub.ts`).
 */
import { getLogger } from '@logtape/logtape'
import { reasonOf } from '../../reason.ts'
import type { ChunkAccount } from './account.ts'
import { type ChunkFiles, isUnreadable } from './store.ts'
import type { Verified } from './verified.ts'

const log = getLogger(['heliostat', 'local-chunks'])

export interface QuarantineParts {
  store: Pick<ChunkFiles, 'quarantine'>
  account: Pick<ChunkAccount, 'forget'>
  verified: Pick<Verified, 'forget'>
}

/** Where chunks go that a reader finds damaged. */
export interface Quarantine {
  /** How many were found since the start. */
  count(): number
  /** `stamp` is that of the damaged chunk, null where it could not be read. Never rejects. */
  put(digest: string, stamp: string | null): Promise<void>
  /** What comes of work on a chunk; null where the disk could not read it. */
  ifUnreadable<T>(digest: string, work: Promise<T>): Promise<T | null>
}

export function createQuarantine({ store, account, verified }: QuarantineParts): Quarantine {
  let count = 0

  async function put(digest: string, stamp: string | null): Promise<void> {
    try {
      if (!(await store.quarantine(digest, stamp))) return
      log.error('Chunk {digest} is damaged on this machine: quarantined', { digest })
    } catch (error) {
      const reason = reasonOf(error)
      log.error('Chunk {digest} is damaged and cannot be quarantined: {reason}', { digest, reason })
    }
    count++
    verified.forget(digest)
    account.forget(digest)
  }

  return {
    count: () => count,
    put,

    async ifUnreadable<T>(digest: string, work: Promise<T>): Promise<T | null> {
      try {
        return await work
      } catch (error) {
        if (!isUnreadable(error)) throw error
        await put(digest, null)
        return null
      }
    },
  }
}
