import type { IsWhole } from '../blobs/local/check.ts'
import { createScrubber, type ScrubCounters, type Scrubber } from '../blobs/local/scrub.ts'
import type { DiskCondition, LocalStore } from '../blobs/local/store.ts'
import type { Config } from '../config.ts'
import type { Manifests } from '../inventory/manifests.ts'
import { createEdgeStatus, type EdgeStatus } from '../mirror/edge-status.ts'
import { createReadiness } from '../readiness.ts'
import type { Damage } from '../registry/damage.ts'
import type { Registry } from '../registry/database.ts'
import type { Duty } from '../registry/duty.ts'
import type { Metrics, Services } from '../services.ts'
import { conditionsOf, type Stores } from '../stores/store.ts'
import type { Chores } from './chores.ts'
import { connectionOf } from './connection.ts'
import { watchDatabase } from './database-check.ts'
import type { Edge } from './edge.ts'
import { isFile } from './is-file.ts'
import type { SiteMetrics } from './metrics.ts'
import type { Scrubbed } from './origin.ts'
import type { Resident } from './resident.ts'
import {
  damageReadings,
  diskReadings,
  edgeReadings,
  residentReadings,
  scrubReadings,
  upkeepReadings,
} from './readings.ts'

/** What a site tells of how it is. */
export interface SiteHealth {
  readiness: Services['readiness']
  /** Null where nobody reads them. */
  metrics: Metrics | null
  /** Null at the origin. */
  edge: EdgeStatus | null
}

/** The health of a site on this machine, which is looked after until it is closed. */
export interface LocalHealth extends SiteHealth {
  close(): Promise<void>
}

export interface HealthParts {
  config: Config
  registry: Registry
  stores: Stores
  /** The stores on this machine, which are read through slowly. */
  scrubbed: Scrubbed[]
  resident: Pick<Resident, 'readThrough'> | null
  cacheDisk: LocalStore | null
  manifests: Pick<Manifests, 'sizeOfChunk'>
  check: IsWhole
  edge: Edge | null
  damage: Damage
  /** How many chunks were found damaged by reading. */
  damaged(): number
  metrics: SiteMetrics
  chores: Chores
  /** Whether this node does what is done once for all of them. */
  duty: Pick<Duty, 'isOurs'>
}

/** Looks after a site on this machine: scrubs its store, checks its database, and tells how it is. */
export function startHealth(parts: HealthParts): LocalHealth {
  const { config, registry, stores, scrubbed, resident, damage, metrics, chores } = parts
  const disk = diskOf(parts)
  const recount = async () => sum(await Promise.all(scrubbed.map(({ lost }) => lost.recount())))
  const edge = parts.edge && createEdgeStatus(parts.edge)
  const scrubbers = scrubbed.map((store) => createStoreScrubber(parts, store))
  const scrubbing = Promise.all(scrubbers.map((scrubber) => scrubber.run()))
  const counters = () => addUp(scrubbers.map((scrubber) => scrubber.counters()))
  const endCheck = watchFile(config, damage)
  if (disk) metrics.show(diskReadings({ disk }))
  metrics.show(scrubReadings({ counters }))
  metrics.show(damageReadings({ ...parts, scrubber: { counters }, lost: { recount } }))
  metrics.show(upkeepReadings(chores, parts.duty))
  if (resident) {
    const { counters, room } = resident.readThrough
    metrics.show(residentReadings({ counters, room: room.status }))
  }
  if (edge) metrics.show(edgeReadings(edge))
  return {
    readiness: createReadiness({
      registry,
      hasFile: databaseFile(config),
      stores: conditionsOf(stores),
      damage: damage.found,
      disk,
      damaged: recount,
      failing: chores.failing,
      edge: edge && edge.condition,
    }),
    metrics: config.heliostat.metrics ? metrics.metrics : null,
    edge,

    async close() {
      for (const scrubber of scrubbers) scrubber.stop()
      await Promise.all([endCheck(), scrubbing])
    },
  }
}

/** Tells whether the database file is there. */
function databaseFile(config: Config): (() => Promise<boolean>) | null {
  const connection = connectionOf(config)
  if (connection.kind !== 'file') return null
  return () => isFile(connection.path)
}

/** A server looks after its own database. */
function watchFile(config: Config, damage: Damage): () => Promise<void> {
  const connection = connectionOf(config)
  return connection.kind === 'file'
    ? watchDatabase(connection.path, damage.note)
    : async () => undefined
}

/** Where chunks lie on this machine. Without a cache that can be written they are only passed on. */
function diskOf({ scrubbed, cacheDisk }: HealthParts): (() => Promise<DiskCondition>) | null {
  const disks = scrubbed.map(({ store }) => store.disk)
  if (cacheDisk) disks.push(async () => ({ ...(await cacheDisk.disk()), writable: true }))
  return disks.length > 0 ? () => conditionOf(disks) : null
}

/** All of them together, for an operator who has to see to any. */
async function conditionOf(disks: LocalStore['disk'][]): Promise<DiskCondition> {
  const found = await Promise.all(disks.map((disk) => disk()))
  return {
    writable: found.every(({ writable }) => writable),
    full: found.some(({ full }) => full),
    free: Math.min(...found.map(({ free }) => free)),
  }
}

function addUp(counters: ScrubCounters[]): ScrubCounters {
  return {
    chunks: sum(counters.map(({ chunks }) => chunks)),
    bytes: sum(counters.map(({ bytes }) => bytes)),
    damaged: sum(counters.map(({ damaged }) => damaged)),
    refetched: sum(counters.map(({ refetched }) => refetched)),
  }
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

function createStoreScrubber(
  { config, manifests, edge, check, duty }: HealthParts,
  { store, lost, notes }: Scrubbed,
): Scrubber {
  return createScrubber({
    store,
    check,
    lost,
    notes,
    isOurs: duty.isOurs,
    sizeOfChunk: manifests.sizeOfChunk,
    rate: config.mirror.scrub_mbits,
    quarantine: edge ? edge.readThrough.quarantine : store.quarantine,
    refetch: edge && edge.readThrough.ensure,
  })
}
