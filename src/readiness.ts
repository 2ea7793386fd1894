import { getLogger } from '@logtape/logtape'
import { inTime, LATE } from './in-time.ts'
import type { StoreOwner } from './inventory/store-owner.ts'
import type { EdgeCondition } from './mirror/edge-status.ts'
import type { Registry } from './registry/database.ts'
import { CURRENT_REVISION, databaseRevision } from './registry/migrate.ts'

const DATABASE_MS = 3_000

const log = getLogger(['heliostat', 'readiness'])

/**
 * What can be wrong with a site, and who should get no requests for it. A full disk takes nobody out of service:
 * what is stored is still served, and an edge passes on what it cannot store.
 */
const STOPS = {
  'database-unreachable': 'everyone',
  'database-outdated': 'everyone',
  'never-synced': 'everyone',
  'foreign-store': 'origin',
  'store-not-writable': 'origin',
  'database-damaged': 'nobody',
  'disk-full': 'nobody',
  'damaged-chunks': 'nobody',
  'withheld-images': 'nobody',
} as const

export type Reason = keyof typeof STOPS

export interface Readiness {
  /** Whether requests should be sent here. */
  ready: boolean
  /** All that is wrong, also what an operator has to see to while requests are served. */
  reasons: Reason[]
  /** Chunks that were found damaged and cannot be had again. */
  damaged: number
  /** Null at the origin, and where the registry does not answer. */
  edge: EdgeCondition | null
}

export interface ReadinessParts {
  registry: Registry
  owner: Pick<StoreOwner, 'isOurs'>
  /** What is wrong with the content of the database; null for nothing. */
  damage(): string | null
  /** Null where chunks do not lie on a disk. */
  disk: (() => Promise<{ writable: boolean; full: boolean }>) | null
  damaged(): Promise<number>
  /** Null at the origin. */
  edge: (() => Promise<EdgeCondition>) | null
}

/** Finds out whether a site can serve, and what is wrong with it. */
export function createReadiness(parts: ReadinessParts): () => Promise<Readiness> {
  const { registry, owner, damage, disk, damaged, edge } = parts
  return async () => {
    const database = await databaseReason(registry)
    const [space, ours, lost, condition] = await Promise.all([
      disk?.(),
      // A store that does not answer is told as one that cannot be written.
      database === null ? owner.isOurs().catch(() => true) : true,
      database === null ? damaged() : 0,
      database === null && edge ? edge() : null,
    ])
    const wrong: [Reason, boolean][] = [
      ['never-synced', condition?.hasSnapshot === false],
      ['foreign-store', !ours],
      ['store-not-writable', space?.writable === false],
      ['database-damaged', damage() !== null],
      ['disk-full', space?.full === true],
      ['damaged-chunks', lost > 0],
      ['withheld-images', condition !== null && condition.withheld.length > 0],
    ]
    const reasons = wrong.flatMap(([reason, applies]) => (applies ? [reason] : []))
    if (database !== null) reasons.unshift(database)
    const stopped = edge ? ['everyone'] : ['everyone', 'origin']
    const ready = !reasons.some((reason) => stopped.includes(STOPS[reason]))
    return { ready, reasons, damaged: lost, edge: condition }
  }
}

async function databaseReason(registry: Registry): Promise<Reason | null> {
  try {
    const revision = await inTime(databaseRevision(registry), DATABASE_MS)
    if (revision === LATE) throw new Error(`No answer in ${DATABASE_MS} ms`)
    return revision === CURRENT_REVISION ? null : 'database-outdated'
  } catch (error) {
    log.error('The database does not answer: {reason}', { reason: String(error) })
    return 'database-unreachable'
  }
}
