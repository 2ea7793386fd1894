/** What is kept on this machine, as a worker has it beside the lead: it reads the files, and the lead does the rest. */
import type { IsWhole } from '../../blobs/local/check.ts'
import type { LocalStore } from '../../blobs/local/store.ts'
import { LATE } from '../../in-time.ts'
import { createEdgeAccount, type EdgeAccount } from '../../mirror/chunks/account.ts'
import type { Filling } from '../../mirror/chunks/filling.ts'
import { createLocalChunks } from '../../mirror/chunks/local-chunks.ts'
import { createReading } from '../../mirror/chunks/reading.ts'
import { createReadCounts, type ImageCache } from '../../mirror/pinning/image-cache.ts'
import { createCachedImages } from '../../mirror/pinning/rows.ts'
import type { Resident, ResidentParts } from '../resident.ts'
import type { Peers, Sizes } from './calls.ts'
import { orLate } from './lead-time.ts'
import { createUseReports } from './use-reports.ts'

/** How long the lead has for what can be done without it. */
const LEAD_MS = 1_000

const NOTHING_FETCHED = { misses: 0, corrupt: 0, upstreamBytes: 0, streamedThrough: 0 }

type Parts = Pick<ResidentParts, 'registry' | 'store' | 'manifests' | 'limit' | 'check'>

export async function openBesideLead(parts: Parts, peers: Peers): Promise<Resident> {
  const { registry, store, manifests, limit } = parts
  const { sizeOfChunk } = manifests
  const account = createEdgeAccount()
  const reports = createUseReports(peers, () => [...account.inUse(), ...reading.ahead.wanted()])
  const local = createLocalChunks({
    sizeOfChunk,
    store: { ...store, quarantine: quarantineByLead(store, peers) },
    check: checkByLead(parts.check, peers),
    account: { ...account, use: reports.noting(account.use) },
  })
  const filling = fillByLead(peers)
  const reading = createReading({
    account,
    local,
    filling,
    sizeOfChunk,
    recent: null,
    limit: limit / peers.count,
  })
  const counters = () => ({
    ...NOTHING_FETCHED,
    hits: reading.hits(),
    coalesced: filling.coalesced(),
    corrupt: local.damaged(),
  })
  const reads = createReadCounts(createCachedImages(registry))
  peers.offer({
    residentChanged: async (added, gone) => takeOver(account, { added, gone, store }),
    async residentIs(sizes) {
      copy(account, sizes)
      // Another lead does not know yet what is read here.
      reports.soon()
    },
    fills: async () => counters(),
    flushReads: reads.flushReads,
  })
  copy(account, await peers.askLead('resident'))
  return {
    account,
    room: null,
    readThrough: { ...reading, counters, remove: (digest) => peers.askLead('remove', digest) },
    cache: { ...cacheOfLead(peers), isQueued: createCachedImages(registry).isRequested, ...reads },
    sweep: async () => 0,
    async close() {
      reports.end()
      await reads.close()
    },
  }
}

function copy(account: EdgeAccount, sizes: Sizes): void {
  const here = new Set(sizes.map(([digest]) => digest))
  for (const digest of account.digests()) if (!here.has(digest)) account.forget(digest)
  for (const [digest, size] of sizes) account.add(digest, size)
}

interface Change {
  added: Sizes
  gone: string[]
  store: Pick<LocalStore, 'letGo'>
}

function takeOver(account: EdgeAccount, { added, gone, store }: Change): void {
  for (const digest of gone) account.forget(digest)
  for (const [digest, size] of added) account.add(digest, size)
  // Of what is added there may have been another file before.
  for (const digest of [...gone, ...added.map(([name]) => name)]) store.letGo(digest)
}

/** Each chunk is read and verified once for all workers, by the lead; by this one where it does not answer. */
function checkByLead(check: IsWhole, peers: Peers): IsWhole {
  return async (digest, chunk) => {
    const stamp = await orLate(peers.askLead('verify', peers.id, digest), LEAD_MS)
    return stamp === chunk.state.stamp || check(digest, chunk)
  }
}

/** The lead has to know that the chunk is no longer here. */
function quarantineByLead(store: LocalStore, peers: Peers): LocalStore['quarantine'] {
  return async (digest, stamp) => {
    const isAside = await orLate(peers.askLead('quarantine', digest, stamp), LEAD_MS)
    if (isAside === LATE) return store.quarantine(digest, stamp)
    store.letGo(digest)
    return isAside
  }
}

/** Chunks that the lead fetches, each once whoever asks for it. */
function fillByLead(peers: Peers): Pick<Filling, 'fill' | 'isRunning'> & { coalesced(): number } {
  const running = new Map<string, Promise<Uint8Array | null>>()
  let coalesced = 0
  return {
    coalesced: () => coalesced,
    isRunning: (digest) => running.has(digest),

    fill(digest) {
      const known = running.get(digest)
      if (known) {
        coalesced++
        return known
      }
      const filling = peers.askLead('fill', peers.id, digest).finally(() => running.delete(digest))
      running.set(digest, filling)
      return filling
    },
  }
}

type OfLead = Omit<ImageCache, 'isQueued' | 'noteRead' | 'flushReads' | 'close'>

function cacheOfLead(peers: Peers): OfLead {
  return {
    prefetchStatus: () => peers.askLead('cacheStatus'),
    list: () => peers.askLead('cacheList'),
    add: (id) => peers.askLead('cacheAdd', id),
    remove: (id) => peers.askLead('cacheRemove', id),
    unqueue: (id) => peers.askLead('cacheUnqueue', id),
    clear: (target) => peers.askLead('cacheClear', target),
    clean: () => peers.askLead('cacheClean'),
    prune: () => peers.askLead('cachePrune'),
  }
}
