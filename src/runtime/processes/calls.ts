/** What the workers of one site offer each other, and how one of them reaches the others. */
import type { MetricObjectWithValues, MetricValue } from 'prom-client'
import type { DiskCondition } from '../../blobs/local/store.ts'
import type { ReadThroughCounters } from '../../mirror/chunks/read-through.ts'
import type { Room } from '../../mirror/chunks/residency.ts'
import type { EdgeCondition } from '../../mirror/edge-status.ts'
import type { Follower } from '../../mirror/feed/followers.ts'
import type { ClearTarget, ImageCache } from '../../mirror/pinning/image-cache.ts'
import type { Place } from './messages.ts'

/** The numbers of one worker, as prom-client adds them up. */
export type Numbers = MetricObjectWithValues<MetricValue<string>>[]

/** Chunks on this machine with their sizes in bytes. */
export type Sizes = [digest: string, size: number][]

/** What the readers of a worker are doing with chunks that the lead has in its account. */
export interface Uses {
  worker: number
  /** Those that were used since the last time, the latest last. */
  used: string[]
  /** Those that are being used now, or will be soon. */
  held: string[]
}

/** Of every worker. */
export interface WorkerCalls {
  numbers(): Promise<Numbers>
  followers(): Promise<Follower[]>
  /** Null where no chunks lie on this machine. */
  disk(): Promise<DiskCondition | null>
  noteDamage(what: string): Promise<void>
  /** What it has counted of chunks. */
  fills(): Promise<ReadThroughCounters>
  flushReads(): Promise<void>
  /** The lead has these in its account, from now on and no others. */
  residentIs(sizes: Sizes): Promise<void>
  residentChanged(added: Sizes, gone: string[]): Promise<void>
}

/** Of the lead. */
export interface LeadCalls {
  /** The chores of the upkeep that go on failing. */
  failing(): Promise<string[]>
  addLost(store: string, digest: string): Promise<void>
  healLost(store: string, digest: string): Promise<void>
  /** How many chunks are lost, in all stores together. */
  recountLost(): Promise<number>
  /** A worker has ended, says the supervisor. */
  workerEnded(worker: number): Promise<void>
  resident(): Promise<Sizes>
  room(): Promise<Room>
  pinned(): Promise<string[]>
  /** Has a chunk here; resolves with its bytes where there is no room for it. */
  fill(worker: number, digest: string): Promise<Uint8Array | null>
  /** The stamp of a chunk that is whole; null where it is not here. */
  verify(worker: number, digest: string): Promise<string | null>
  quarantine(digest: string, stamp: string | null): Promise<boolean>
  remove(digest: string): Promise<void>
  noteUses(uses: Uses): Promise<void>
  cacheStatus: ImageCache['prefetchStatus']
  cacheList: ImageCache['list']
  cacheAdd: ImageCache['add']
  cacheRemove: ImageCache['remove']
  cacheUnqueue: ImageCache['unqueue']
  cacheClear(target: ClearTarget): Promise<number>
  cacheClean: ImageCache['clean']
  cachePrune: ImageCache['prune']
  /** Asks the upstream where it stands. */
  look(): Promise<void>
  condition(): Promise<EdgeCondition>
}

export type Calls = WorkerCalls & LeadCalls

type Result<M extends keyof Calls> = Awaited<ReturnType<Calls[M]>>

/** The other workers, as one of them sees them. */
export interface Peers extends Place {
  /** Offers functions; what nobody has offered yet fails. */
  offer(calls: Partial<Calls>): void
  /** Asks the lead. Where that dies meanwhile the next one is asked; rejects [503] where there is none for long. */
  askLead<M extends keyof LeadCalls>(
    method: M,
    ...args: Parameters<LeadCalls[M]>
  ): Promise<Result<M>>
  /** Asks every worker, this one too; null stands for one that does not answer within a second. */
  askAll<M extends keyof WorkerCalls>(
    method: M,
    ...args: Parameters<WorkerCalls[M]>
  ): Promise<(Result<M> | null)[]>
  /** What all have counted. */
  askNumbers(): Promise<{
    /** Null stands for a worker that did not answer. */
    answers: (Numbers | null)[]
    /** What such a one has counted, and those that have ended, as far as it is known. */
    kept: Numbers
  }>
  /** Has each of the others do something, and waits for none of them. */
  tellOthers<M extends keyof WorkerCalls>(method: M, ...args: Parameters<WorkerCalls[M]>): void
  /** Says that all requests are answered, and resolves when nobody needs this worker any more. */
  leave(): Promise<void>
}
