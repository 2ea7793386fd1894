import type { Digester } from '../../blobs/digest.ts'
import type { IsWhole } from '../../blobs/local/check.ts'
import type { LocalStore } from '../../blobs/local/store.ts'
import type { Upstream } from '../upstream/client.ts'
import type { EdgeAccount } from './account.ts'
import { createFilling, type FillCounters } from './filling.ts'
import { createLocalChunks, type LocalChunks } from './local-chunks.ts'
import { createReading, type Reading } from './reading.ts'
import { createRecentChunks } from './recent.ts'
import { createResidency, type Residency } from './residency.ts'

export interface ReadThroughParts {
  account: EdgeAccount
  local: LocalStore
  upstream: Pick<Upstream, 'chunk'>
  manifests: { sizeOfChunk(digest: string): Promise<number | null> }
  digester: Pick<Digester, 'sha256' | 'memory'>
  check: IsWhole
  /** Bytes that chunks may take on this machine. */
  limit: number
  /** How many processes have readers here; without it one. */
  processes?: number
  isPinned(digest: string): boolean
}

/** Counted since the start. */
export interface ReadThroughCounters extends FillCounters {
  /** Chunks that were here when they were asked for. */
  hits: number
}

/** Chunks that are here or are fetched when they are asked for, within the room that there is. */
export interface ReadThrough
  extends
    Pick<LocalChunks, 'load' | 'open' | 'quarantine'>,
    Pick<Reading, 'openChunk' | 'get' | 'walk' | 'guard' | 'fill'> {
  /** Has a chunk here, fetched if need be. */
  ensure(digest: string): Promise<void>
  /** For the sweeper, which removes what no image needs any more. */
  remove(digest: string): Promise<void>
  room: Residency
  counters(): ReadThroughCounters
}

export function createReadThrough(parts: ReadThroughParts): ReadThrough {
  const { account, upstream, digester, manifests, check, limit, isPinned, processes = 1 } = parts
  const { sizeOfChunk } = manifests
  const local = createLocalChunks({ store: parts.local, sizeOfChunk, check, account })
  const stays = (digest: string) => isPinned(digest) || reading.ahead.isWanted(digest)
  const residency = createResidency({ account, limit, isPinned: stays, remove: local.remove })
  const recent = createRecentChunks()
  const filling = createFilling({ upstream, local, residency, sizeOfChunk, digester, recent })
  const reading = createReading({
    account,
    local,
    filling,
    sizeOfChunk,
    recent,
    limit: limit / processes,
  })
  const { openChunk, get, walk, guard, fill } = reading

  return {
    openChunk,
    get,
    walk,
    guard,
    fill,
    load: local.load,
    open: local.open,
    quarantine: local.quarantine,
    remove: residency.remove,
    room: residency,

    counters() {
      const fills = filling.counters()
      return { hits: reading.hits(), ...fills, corrupt: fills.corrupt + local.damaged() }
    },

    async ensure(digest) {
      if (!account.has(digest)) await filling.fill(digest)
    },
  }
}
