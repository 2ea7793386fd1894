import type { IsWhole } from '../blobs/local/check.ts'
import type { LostChunks } from '../blobs/local/lost-chunks.ts'
import { createScrubber, type Scrubber, type ScrubNotes } from '../blobs/local/scrub.ts'
import type { LocalStore } from '../blobs/local/store.ts'
import type { Config } from '../config.ts'
import type { Manifests } from '../inventory/manifests.ts'
import type { StoreOwner } from '../inventory/store-owner.ts'
import { createEdgeStatus, type EdgeStatus } from '../mirror/edge-status.ts'
import { createReadiness } from '../readiness.ts'
import type { Damage } from '../registry/damage.ts'
import type { Registry } from '../registry/database.ts'
import type { Metrics, Services } from '../services.ts'
import type { Chores } from './chores.ts'
import { connectionOf } from './connection.ts'
import { watchDatabase } from './database-check.ts'
import type { Edge } from './edge.ts'
import { isFile } from './is-file.ts'
import type { SiteMetrics } from './metrics.ts'
import {
  damageReadings,
  diskReadings,
  edgeReadings,
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
  store: LocalStore
  owner: StoreOwner
  manifests: Pick<Manifests, 'sizeOfChunk'>
  check: IsWhole
  lost: LostChunks
  notes: ScrubNotes
  edge: Edge | null
  damage: Damage
  /** How many chunks were found damaged by reading. */
  damaged(): number
  metrics: SiteMetrics
  chores: Chores
}

/** Looks after a site on this machine: scrubs its store, checks its database, and tells how it is. */
export function startHealth(parts: HealthParts): LocalHealth {
  const { config, registry, store, owner, lost, damage, metrics, chores } = parts
  const edge = parts.edge && createEdgeStatus(parts.edge)
  const scrubber = createStoreScrubber(parts)
  const scrubbing = scrubber.run()
  const endCheck = watchFile(config, damage)
  metrics.show(diskReadings(store))
  metrics.show(scrubReadings(scrubber))
  metrics.show(damageReadings({ ...parts, scrubber }))
  metrics.show(upkeepReadings(chores))
  if (edge) metrics.show(edgeReadings(edge))
  return {
    readiness: createReadiness({
      registry,
      hasFile: databaseFile(config),
      owner,
      damage: damage.found,
      disk: store.disk,
      damaged: lost.recount,
      failing: chores.failing,
      edge: edge && edge.condition,
    }),
    metrics: config.heliostat.metrics ? metrics.metrics : null,
    edge,

    async close() {
      scrubber.stop()
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

function createStoreScrubber(parts: HealthParts): Scrubber {
  const { config, store, manifests, edge, check, lost, notes } = parts
  return createScrubber({
    store,
    check,
    lost,
    notes,
    sizeOfChunk: manifests.sizeOfChunk,
    rate: config.mirror.scrub_mbits,
    quarantine: edge ? edge.readThrough.quarantine : store.quarantine,
    refetch: edge && edge.readThrough.ensure,
  })
}
