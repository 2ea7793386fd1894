import { and, lt, not } from 'drizzle-orm'
import { blobs } from '../../schema/tables.ts'
import type { ChunkStore, UnfinishedWrites } from '../blobs/store.ts'
import { HeliostatError } from '../errors.ts'
import { freeing, type Registry } from '../registry/database.ts'
import { acquit, acquitStale, CONDEMNED_MS, condemn } from './condemned.ts'
import { isUsed } from './locations.ts'
import type { StoreOwner } from './store-owner.ts'

/** A sweeper stops deleting well before uploads may claim what it has condemned. */
const DELETING_MS = CONDEMNED_MS / 2

/** Longer than any write or fetch takes, so that what is under way stays, however short the grace. */
const UNFINISHED_MS = 10 * 60_000

const BATCH = 64

export interface Swept {
  blobs: number
  chunks: number
}

/** A store that chunks are swept from. */
export interface SweptStore {
  id: string
  chunks: Pick<ChunkStore, 'list' | 'delete'>
  /** Null where no write is ever half done. */
  unfinished: UnfinishedWrites | null
  owner: StoreOwner
}

export interface SweeperParts {
  registry: Registry
  stores: readonly SweptStore[]
  /** What is wrong with the registry; null where it can be trusted to name all that is needed. */
  damage(): string | null
}

/** Removes what nothing refers to any more. Safe beside uploads and other sweepers on the same registry and store. */
export interface Sweeper {
  /**
   * Removes blobs that no image has had for `grace` milliseconds, so that running downloads end in peace, and chunks of
   * that age that neither a blob nor an upload needs where they are. Throws [conflict] where the registry is damaged; and
   * in the end, where a store is another registry's or does not answer, or a chunk could not be removed.
   */
  sweep(grace: number): Promise<Swept>
  /** Removes those of a store's chunks that nothing needs, without waiting: what a failed upload leaves behind. */
  discard(store: string, digests: string[]): Promise<void>
}

export function createSweeper(parts: SweeperParts): Sweeper {
  const { stores, damage } = parts
  const registry = freeing(parts.registry)

  /** How many chunks were removed. */
  async function sweepStore(
    store: SweptStore,
    grace: number,
    failures: unknown[],
  ): Promise<number> {
    await store.owner.claim()
    const before = Date.now() - grace
    let swept = 0
    let batch: string[] = []
    for await (const { digest, storedAt } of store.chunks.list()) {
      if (storedAt <= before) batch.push(digest)
      if (batch.length < BATCH) continue
      swept += await removeChunks({ registry, store, failures }, batch)
      batch = []
    }
    swept += await removeChunks({ registry, store, failures }, batch)
    await store.unfinished?.removeUnfinished(Date.now() - Math.max(grace, UNFINISHED_MS))
    return swept
  }

  return {
    async sweep(grace) {
      refuseDamaged(damage())
      const swept: Swept = { blobs: 0, chunks: 0 }
      const failures: unknown[] = []
      swept.blobs = await removeBlobs(registry, Date.now() - grace)
      await acquitStale(registry)
      for (const store of stores) {
        try {
          swept.chunks += await sweepStore(store, grace, failures)
        } catch (error) {
          failures.push(error)
        }
      }
      refuseFailures(failures)
      return swept
    },

    async discard(id, digests) {
      const store = stores.find((known) => known.id === id)
      if (!store || damage() !== null || (await store.owner.ownership()) !== 'ours') return
      const failures: unknown[] = []
      for (let i = 0; i < digests.length; i += BATCH) {
        await removeChunks({ registry, store, failures }, digests.slice(i, i + BATCH))
      }
      refuseFailures(failures)
    },
  }
}

function refuseDamaged(damage: string | null): void {
  if (damage === null) return
  throw new HeliostatError(
    'conflict',
    `Nothing is swept: the database is damaged (${damage}) and may have forgotten images. When it has been seen to: heliostat db new-epoch`,
  )
}

async function removeBlobs(registry: Registry, before: number): Promise<number> {
  const removed = await registry
    .delete(blobs)
    .where(and(lt(blobs.released_at, before + 1), not(isUsed)))
    .returning({ digest: blobs.digest })
  return removed.length
}

/** One chunk that cannot be removed keeps no other from being so. */
function refuseFailures(failures: unknown[]): void {
  if (failures.length > 0) throw failures[0]
}

interface Removal {
  registry: Registry
  store: Pick<SweptStore, 'id' | 'chunks'>
  /** Why chunks could not be removed: they stay condemned until that has run out. */
  failures: unknown[]
}

async function removeChunks(
  { registry, store, failures }: Removal,
  digests: string[],
): Promise<number> {
  if (digests.length === 0) return 0
  const startedAt = { wall: Date.now(), monotonic: performance.now() }
  const condemned = await condemn(registry, store.id, digests)
  const failed = new Set<string>()
  let removed = 0
  for (const digest of condemned) {
    // By both clocks: one may be set meanwhile, and the other stands still while the machine sleeps.
    const gone = [Date.now() - startedAt.wall, performance.now() - startedAt.monotonic]
    if (Math.max(...gone) > DELETING_MS) break
    try {
      await store.chunks.delete(digest)
      removed++
    } catch (error) {
      failed.add(digest)
      failures.push(error)
    }
  }
  await acquit(
    registry,
    store.id,
    condemned.filter((digest) => !failed.has(digest)),
  )
  return removed
}
