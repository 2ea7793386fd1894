import { getLogger } from '@logtape/logtape'
import { inTime, LATE } from './in-time.ts'
import type { Ownership } from './inventory/store-owner.ts'
import type { EdgeCondition } from './mirror/edge-status.ts'
import { reasonOf } from './reason.ts'
import type { Registry } from './registry/database.ts'
import { CURRENT_REVISION, databaseRevision } from './registry/migrate.ts'
import type { StoreCondition } from './stores/store.ts'

const DATABASE_MS = 3_000
const STORE_MS = 3_000

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
  'store-unreachable': 'origin',
  'store-not-writable': 'origin',
  'some-stores-failing': 'nobody',
  'database-damaged': 'nobody',
  'disk-full': 'nobody',
  'damaged-chunks': 'nobody',
  'withheld-images': 'nobody',
  'upkeep-failing': 'nobody',
} as const

export type Reason = keyof typeof STOPS

export interface Readiness {
  /** Whether requests should be sent here. */
  ready: boolean
  /** All that is wrong, also what an operator has to see to while requests are served. */
  reasons: Reason[]
  /** Chunks that were found damaged and cannot be had again. */
  damaged: number
  /** Chores of the upkeep that go on failing. */
  failing: string[]
  /** What is wrong with each of the stores that is not well. */
  failingStores: Record<string, StoreFault>
  /** Null at the origin, and where the registry does not answer. */
  edge: EdgeCondition | null
}

type StoreFault = Exclude<Ownership, 'ours'> | 'unreachable'

export interface ReadinessParts {
  registry: Registry
  /** Whether the file of the database is where it was; null for one that lies elsewhere. */
  hasFile: (() => Promise<boolean>) | null
  stores: readonly StoreCondition[]
  /** What is wrong with the content of the database; null for nothing. */
  damage(): string | null
  /** Null where chunks do not lie on a disk. */
  disk: (() => Promise<{ writable: boolean; full: boolean }>) | null
  damaged(): Promise<number>
  /** Names the chores of the upkeep that go on failing. */
  failing(): Promise<string[]>
  /** Null at the origin. */
  edge: (() => Promise<EdgeCondition>) | null
}

/** Finds out whether a site can serve, and what is wrong with it. */
export function createReadiness(parts: ReadinessParts): () => Promise<Readiness> {
  const { stores, damage, disk, damaged, edge } = parts
  return async () => {
    const database = await databaseReason(parts)
    const [space, failingStores, lost, condition, failing] = await Promise.all([
      disk && inTime(disk(), STORE_MS),
      faultsOf(database === null ? stores : []),
      database === null ? damaged() : 0,
      database === null && edge ? edge() : null,
      parts.failing(),
    ])
    const room = space === LATE ? null : space
    const faults = Object.values(failingStores)
    const failAll = (...kinds: StoreFault[]) =>
      faults.length === stores.length && faults.some((fault) => kinds.includes(fault))
    const isUnreachable = failAll('unreachable', 'missing') || space === LATE
    const wrong: [Reason, boolean][] = [
      ['never-synced', condition?.hasSnapshot === false],
      ['foreign-store', failAll('foreign')],
      ['store-unreachable', isUnreachable],
      ['store-not-writable', !isUnreachable && room?.writable === false],
      ['some-stores-failing', faults.length > 0 && faults.length < stores.length],
      ['database-damaged', damage() !== null],
      ['disk-full', room?.full === true],
      ['damaged-chunks', lost > 0],
      ['withheld-images', condition !== null && condition.withheld.length > 0],
      ['upkeep-failing', failing.length > 0],
    ]
    const reasons = wrong.flatMap(([reason, applies]) => (applies ? [reason] : []))
    if (database !== null) reasons.unshift(database)
    const stopped = edge ? ['everyone'] : ['everyone', 'origin']
    const ready = !reasons.some((reason) => stopped.includes(STOPS[reason]))
    return { ready, reasons, damaged: lost, failing, failingStores, edge: condition }
  }
}

async function faultsOf(stores: readonly StoreCondition[]): Promise<Record<string, StoreFault>> {
  const faults: Record<string, StoreFault> = {}
  const note = async (store: StoreCondition) => {
    const found = await conditionOf(store)
    if (found !== 'ours') faults[store.id] = found
  }
  await Promise.all(stores.map(note))
  return faults
}

/** Whose the store is, if it answers at all. */
async function conditionOf({ id, ownership }: StoreCondition): Promise<Ownership | 'unreachable'> {
  try {
    const found = await inTime(ownership(), STORE_MS)
    if (found === LATE) throw new Error(`No answer in ${STORE_MS} ms`)
    return found
  } catch (error) {
    log.error('Store {store} does not answer: {reason}', { store: id, reason: reasonOf(error) })
    return 'unreachable'
  }
}

async function databaseReason(parts: DatabaseParts): Promise<Reason | null> {
  try {
    const revision = await inTime(revisionOf(parts), DATABASE_MS)
    if (revision === LATE) throw new Error(`No answer in ${DATABASE_MS} ms`)
    return revision === CURRENT_REVISION ? null : 'database-outdated'
  } catch (error) {
    log.error('The database does not answer: {reason}', { reason: reasonOf(error) })
    return 'database-unreachable'
  }
}

type DatabaseParts = Pick<ReadinessParts, 'registry' | 'hasFile'>

/** The engine does not notice that a file is gone which it has open. */
async function revisionOf({ registry, hasFile }: DatabaseParts): Promise<string | null> {
  if (hasFile && !(await hasFile())) throw new Error('its file is gone')
  return databaseRevision(registry)
}
