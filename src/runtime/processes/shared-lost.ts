import { getLogger } from '@logtape/logtape'
import type { LostChunks } from '../../blobs/local/lost-chunks.ts'
import { reasonOf } from '../../reason.ts'
import type { Peers } from './calls.ts'

const log = getLogger(['heliostat', 'lost-chunks'])

/**
 * The lost chunks of a store where several workers find them: the lead alone tells of them and writes them down, since
 * each would write down only its own. What another one has found is known to a worker when it reads the chunk itself.
 */
export function sharedLost(
  own: LostChunks,
  { peers, store }: { peers: Peers | null; store: string },
): LostChunks {
  if (!peers || peers.isLead) return own
  const found = new Set<string>()

  async function tell(telling: Promise<void>): Promise<void> {
    await telling.catch((error: unknown) => {
      log.warn('Cannot tell which chunks are lost: {reason}', { reason: reasonOf(error) })
    })
  }

  return {
    has: (digest) => found.has(digest),

    async add(digest) {
      if (found.has(digest)) return
      found.add(digest)
      await tell(peers.askLead('addLost', store, digest))
    },

    async heal(digest) {
      if (found.delete(digest)) await tell(peers.askLead('healLost', store, digest))
    },

    recount: async () => found.size,
  }
}
