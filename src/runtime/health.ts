import type { IsWhole } from '../blobs/local/check.ts'
import { createScrubber, type ScrubCounters, type Scrubber } from '../blobs/local/scrub.ts'
import type { DiskCondition, LocalStore } from '../blobs/local/store.ts'
import type { Config } from '../config.ts'
import type { Manifests } from '../inventory/manifests.ts'
import type { EdgeStatus, FollowingStatus } from '../mirror/edge-status.ts'
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
import type { Peers } from './processes/calls.ts'
import { conditionOf, sharedHealth } from './processes/shared-health.ts'
import type { Scrubbed } from './origin.ts'
import type { Resident } from './resident.ts'
import {
  damageReadings,
  diskReadings,
  edgeReadings,
  lostReadings,
  residentReadings,
  roomReadings,
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
  resident: Pick<Resident, 'readThrough' | 'room'> | null
  cacheDisk: LocalStore | null
  manifests: Pick<Manifests, 'sizeOfChunk'>
  check: IsWhole
  edge: Edge | null
  edgeStatus: EdgeStatus | null
  following: FollowingStatus | null
  damage: Damage
  /** How many chunks were found damaged by reading. */
  damaged(): number
  metrics: SiteMetrics
  chores: Chores
  /** Whether this node does what is done once for all of them. */
  duty: Pick<Duty, 'isOurs'>
  /** Null where no other process serves the site beside this one. */
  peers: Peers | null
  /** Whether this process does what is done once for all that serve the site. */
  isLead: boolean
}

/** Looks after a site on this machine, unless another process does, and tells how it is. */
export function startHealth(parts: HealthParts): LocalHealth {
  const { config, registry, stores, scrubbed, resident, damage, metrics, chores, peers, isLead } =
    parts
  const edge = parts.edgeStatus
  const own = {
    disk: diskOf(parts),
    recount: async () => sum(await Promise.all(scrubbed.map(({ lost }) => lost.recount()))),
    failing: async () => chores.failing(),
  }
  const { disk, recount, failing } = sharedHealth(own, peers)
  offerNotes(parts)
  const care = isLead ? takeCare(parts) : NO_CARE
  if (own.disk) metrics.show(diskReadings({ disk: own.disk }))
  metrics.show(damageReadings(parts, care))
  if (resident) metrics.show(residentReadings(resident.readThrough.counters))
  if (isLead) showLead(parts, { recount: own.recount, care })
  return {
    readiness: createReadiness({
      registry,
      hasFile: databaseFile(config),
      stores: conditionsOf(stores),
      damage: damage.found,
      disk,
      damaged: recount,
      failing,
      edge: edge && edge.condition,
    }),
    metrics: config.heliostat.metrics ? metrics.metrics : null,
    edge,
    close: care.end,
  }
}

/** What other workers find they tell the lead, which writes it down. */
function offerNotes({ peers, scrubbed, damage }: HealthParts): void {
  peers?.offer({ noteDamage: async (what) => damage.heard(what) })
  if (!peers?.isLead) return
  const lostOf = (id: string) => scrubbed.find((store) => store.id === id)?.lost
  peers.offer({
    addLost: async (store, digest) => lostOf(store)?.add(digest),
    healLost: async (store, digest) => lostOf(store)?.heal(digest),
  })
}

/** The care for stores and a database on this machine. */
interface Care {
  counters(): ScrubCounters
  end(): Promise<void>
}

const NO_CARE: Care = {
  counters: () => addUp([]),
  end: async () => undefined,
}

/** Scrubs the stores and checks the database, until it is ended. */
function takeCare(parts: HealthParts): Care {
  const scrubbers = parts.scrubbed.map((store) => createStoreScrubber(parts, store))
  const scrubbing = Promise.all(scrubbers.map((scrubber) => scrubber.run()))
  const endCheck = watchFile(parts.config, parts.damage)
  return {
    counters: () => addUp(scrubbers.map((scrubber) => scrubber.counters())),
    async end() {
      for (const scrubber of scrubbers) scrubber.stop()
      await Promise.all([endCheck(), scrubbing])
    },
  }
}

interface LeadParts {
  recount(): Promise<number>
  care: Pick<Care, 'counters'>
}

/** Numbers that are the same whichever worker is asked, so one tells them. */
function showLead(
  { metrics, resident, following, chores, duty }: HealthParts,
  { recount, care }: LeadParts,
): void {
  metrics.show(scrubReadings(care))
  metrics.show(lostReadings({ recount }))
  metrics.show(upkeepReadings(chores, duty))
  if (resident?.room) metrics.show(roomReadings(resident.room))
  if (following) metrics.show(edgeReadings(following))
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
  if (disks.length === 0) return null
  return async () => conditionOf(await Promise.all(disks.map((disk) => disk())))
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
