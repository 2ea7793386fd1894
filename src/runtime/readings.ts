/** The numbers of a site on this machine that are read when Prometheus asks for them. */
import type { LostChunks } from '../blobs/local/lost-chunks.ts'
import type { Scrubber } from '../blobs/local/scrub.ts'
import type { LocalStore } from '../blobs/local/store.ts'
import type { ReadThroughCounters } from '../mirror/chunks/read-through.ts'
import type { Room } from '../mirror/chunks/residency.ts'
import type { FollowingStatus } from '../mirror/edge-status.ts'
import type { Damage } from '../registry/damage.ts'
import type { Duty } from '../registry/duty.ts'
import type { Chores } from './chores.ts'
import type { Reading } from './metrics.ts'

export function diskReadings(store: Pick<LocalStore, 'disk'>): Reading[] {
  return [
    [
      'highest',
      'disk_full',
      '1 while chunks are refused, or about to be, for want of space',
      async () => Number((await store.disk()).full),
    ],
    [
      'lowest',
      'disk_writable',
      '0 while the folder of the chunks refuses to be written',
      async () => Number((await store.disk()).writable),
    ],
    [
      'lowest',
      'disk_free_bytes',
      'Bytes that are free where the chunks are',
      async () => (await store.disk()).free,
    ],
  ]
}

export interface DamageParts {
  /** How many chunks were found damaged by reading. */
  damaged(): number
  damage: Pick<Damage, 'found'>
}

export function damageReadings(
  { damaged, damage }: DamageParts,
  scrubber: Pick<Scrubber, 'counters'>,
): Reading[] {
  return [
    [
      'highest',
      'database_damaged',
      '1 while the database is known to be damaged',
      () => Number(damage.found() !== null),
    ],
    [
      'counter',
      'corrupt_chunks_total',
      'Chunks found damaged, here by reading or scrubbing, or as they came from upstream',
      () => scrubber.counters().damaged + damaged(),
    ],
  ]
}

export function lostReadings(lost: Pick<LostChunks, 'recount'>): Reading[] {
  return [
    [
      'gauge',
      'lost_chunks',
      'Chunks that are damaged or gone at the origin and can be had nowhere',
      lost.recount,
    ],
  ]
}

export function scrubReadings({ counters }: Pick<Scrubber, 'counters'>): Reading[] {
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

export function upkeepReadings(
  { failures, failing }: Chores,
  duty: Pick<Duty, 'isOurs'>,
): Reading[] {
  return [
    [
      'gauge',
      'upkeep_duty',
      '1 where this node does the upkeep of the origin',
      () => Number(duty.isOurs()),
    ],
    ['counter', 'upkeep_failures_total', 'Chores of the upkeep that failed', failures],
    [
      'gauge',
      'upkeep_failing',
      'Chores of the upkeep that have failed three times running',
      () => failing().length,
    ],
  ]
}

/** Of reading what is kept here since it comes from afar: from the upstream of an edge, or from an origin's stores. */
export function residentReadings(counters: () => ReadThroughCounters): Reading[] {
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
      'Bytes of chunks that came from upstream, or from a store that is far',
      () => counters().upstreamBytes,
    ],
    [
      'counter',
      'streamed_through_total',
      'Chunks that were passed on without being stored',
      () => counters().streamedThrough,
    ],
  ]
}

/** Of the room that it takes. */
export function roomReadings(room: () => Room): Reading[] {
  return [
    ['counter', 'evictions_total', 'Chunks removed to make room', () => room().evictions],
    ['gauge', 'resident_bytes', 'Bytes of chunks that are here', () => room().used],
    ['gauge', 'resident_limit_bytes', 'Bytes that chunks may take', () => room().limit],
    ['gauge', 'resident_chunks', 'Chunks that are here', () => room().chunks],
  ]
}

export function edgeReadings({
  lag,
  withheld,
}: Pick<FollowingStatus, 'lag' | 'withheld'>): Reading[] {
  return [
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
