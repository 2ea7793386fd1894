import type { OwnResident } from '../resident.ts'
import type { Peers } from './calls.ts'
import type { LeadAccount } from './lead-account.ts'
import { createLeadUses } from './lead-uses.ts'

export interface LeadResidentParts extends Pick<OwnResident, 'readThrough' | 'pins' | 'cache'> {
  account: LeadAccount
}

/** Lets the other workers have what the lead keeps on this machine. */
export function offerResident(parts: LeadResidentParts, peers: Peers): void {
  const { account, readThrough, pins, cache } = parts
  const uses = createLeadUses(account)

  /** Others hear of a change before they hear of what has brought it about. */
  async function told<T>(work: Promise<T>): Promise<T> {
    try {
      return await work
    } finally {
      account.flush()
    }
  }

  /** What is being fetched stays until the worker that wants it has it. */
  async function asked<T>(worker: number, digest: string, work: Promise<T>): Promise<T> {
    const release = account.use(digest)
    try {
      return await told(work)
    } finally {
      uses.asked(worker, digest)
      release()
    }
  }

  async function verify(digest: string): Promise<string | null> {
    const chunk = await readThrough.open(digest)
    chunk?.release()
    return chunk && chunk.state.stamp
  }

  peers.offer({
    resident: async () => account.sizes(),
    room: async () => readThrough.room.status(),
    pinned: async () => pins.plan().pinned.map(({ id }) => id),
    noteUses: async (report) => uses.note(report),
    workerEnded: async (worker) => uses.ended(worker),
    fill: (worker, digest) => asked(worker, digest, readThrough.fill(digest)),
    verify: (worker, digest) => asked(worker, digest, verify(digest)),
    quarantine: (digest, stamp) => told(readThrough.quarantine(digest, stamp)),
    remove: (digest) => told(readThrough.remove(digest)),
    flushReads: cache.flushReads,
    fills: async () => readThrough.counters(),
    cacheStatus: cache.prefetchStatus,
    cacheList: cache.list,
    cacheAdd: cache.add,
    cacheRemove: (id) => told(cache.remove(id)),
    cacheUnqueue: cache.unqueue,
    cacheClear: (target) => told(cache.clear(target)),
    cacheClean: cache.clean,
    cachePrune: () => told(cache.prune()),
  })
  account.announce()
}

/** Reads are counted where images are read, and all of them are to be in the list. */
export function withAllReads(
  cache: OwnResident['cache'],
  peers: Peers | null,
): OwnResident['cache'] {
  if (!peers) return cache
  return {
    ...cache,
    async list() {
      await peers.askAll('flushReads')
      return cache.list()
    },
  }
}
