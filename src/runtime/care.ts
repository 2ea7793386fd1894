import type { IsWhole } from '../blobs/local/check.ts'
import type { FileStore } from '../blobs/fs/store.ts'
import type { LostChunks } from '../blobs/local/lost-chunks.ts'
import type { Manifests } from '../inventory/manifests.ts'
import type { StoreOwner } from '../inventory/store-owner.ts'
import type { Config } from '../config.ts'
import { createReplica } from '../mirror/follow/replica.ts'
import { createEdgeWatch, type EdgeWatch } from '../mirror/edge-status.ts'
import { createScrubber, type Scrubber } from '../blobs/local/scrub.ts'
import type { ScrubNotes } from '../inventory/scrub-notes.ts'
import { createReadiness } from '../readiness.ts'
import type { Damage } from '../registry/damage.ts'
import type { Registry } from '../registry/database.ts'
import { connectionOf } from './connection.ts'
import { watchDatabase } from './database-check.ts'
import type { Edge } from './edge.ts'
import type { Reading, SiteMetrics } from './metrics.ts'

export interface CareParts {
  config: Config
  registry: Registry
  store: FileStore
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
}

/** Looks after a site on this machine: scrubs its store, and tells how it is. */
export function startCare(parts: CareParts) {
  const { config, registry, store, owner, lost, damage, edge, metrics } = parts
  const watch = edge && createEdgeWatch({ replica: createReplica(registry), ...edge })
  const scrubber = createStoreScrubber(parts)
  const scrubbing = scrubber.run()
  metrics.show(diskReadings(store))
  metrics.show(scrubReadings(scrubber))
  metrics.show(damageReadings(scrubber, parts))
  const endCheck = watchFile(config, damage)
  if (watch) metrics.show(edgeReadings(watch))
  return {
    services: {
      readiness: createReadiness({
        registry,
        owner,
        damage: damage.found,
        disk: store.disk,
        damaged: lost.count,
        edge: watch && watch.condition,
      }),
      metrics: config.heliostat.metrics ? metrics.metrics : null,
      edge: watch,
    },

    async close(): Promise<void> {
      scrubber.stop()
      await Promise.all([endCheck(), scrubbing])
    },
  }
}

/** A server looks after its own database. */
function watchFile(config: Config, damage: Damage): () => Promise<void> {
  const connection = connectionOf(config)
  return connection.kind === 'file'
    ? watchDatabase(connection.path, damage.note)
    : async () => undefined
}

function createStoreScrubber(parts: CareParts): Scrubber {
  const { config, store, manifests, edge } = parts
  return createScrubber({
    ...parts,
    sizeOfChunk: manifests.sizeOfChunk,
    rate: config.mirror.scrub_mbits,
    quarantine(digest, stamp) {
      edge?.readThrough.residency.forget(digest)
      return store.quarantine(digest, stamp)
    },
    refetch: edge && edge.readThrough.ensure,
  })
}

function diskReadings(store: FileStore): Reading[] {
  return [
    [
      'gauge',
      'disk_full',
      '1 while chunks are refused, or about to be, for want of space',
      async () => Number((await store.disk()).full),
    ],
    [
      'gauge',
      'disk_writable',
      '0 while the folder of the chunks refuses to be written',
      async () => Number((await store.disk()).writable),
    ],
    [
      'gauge',
      'disk_free_bytes',
      'Bytes that are free where the chunks are',
      async () => (await store.disk()).free,
    ],
  ]
}

function damageReadings({ counters }: Scrubber, { damaged, lost, damage }: CareParts): Reading[] {
  return [
    [
      'gauge',
      'database_damaged',
      '1 while the database is known to be damaged',
      () => Number(damage.found() !== null),
    ],
    [
      'counter',
      'corrupt_chunks_total',
      'Chunks found damaged, here by reading or scrubbing, or as they came from upstream',
      () => counters().damaged + damaged(),
    ],
    [
      'gauge',
      'lost_chunks',
      'Chunks that are damaged or gone at the origin and can be had nowhere',
      lost.count,
    ],
  ]
}

function scrubReadings({ counters }: Scrubber): Reading[] {
  return [
    ['counter', 'scrubbed_chunks_total', 'Chunks that were scrubbed', () => counters().chunks],
    ['counter', 'scrubbed_bytes_total', 'Bytes that were scrubbed', () => counters().bytes],
    [
      'counter',
      'refetched_chunks_total',
      'Damaged chunks that were fetched again by the scrubber',
      () => counters().refetched,
    ],
  ]
}

function edgeReadings({ counters, residency, lag, withheld }: EdgeWatch): Reading[] {
  const { status } = residency
  return [
    ['counter', 'hits_total', 'Chunks that were here when asked for', () => counters().hits],
    ['counter', 'misses_total', 'Chunks that had to be fetched', () => counters().misses],
    [
      'counter',
      'coalesced_waits_total',
      'Readers that waited for a fetch under way',
      () => counters().coalesced,
    ],
    [
      'counter',
      'upstream_bytes_total',
      'Bytes of chunks that came from upstream',
      () => counters().upstreamBytes,
    ],
    [
      'counter',
      'streamed_through_total',
      'Chunks that were passed on without being stored',
      () => counters().streamedThrough,
    ],
    ['counter', 'evictions_total', 'Chunks removed to make room', () => status().evictions],
    ['gauge', 'resident_bytes', 'Bytes of chunks that are here', () => status().used],
    ['gauge', 'resident_limit_bytes', 'Bytes that chunks may take', () => status().limit],
    ['gauge', 'resident_chunks', 'Chunks that are here', () => status().chunks],
    [
      'gauge',
      'feed_lag_changes',
      "Changes at the upstream that are not taken over, as far as it's known",
      () => lag().changes,
    ],
    [
      'gauge',
      'feed_lag_seconds',
      'Seconds since the upstream was last heard, which it is at least every 25',
      () => lag().seconds,
    ],
    [
      'gauge',
      'withheld_images',
      'Images that are not shown as they are upstream, since they could not be served',
      withheld,
    ],
  ]
}
