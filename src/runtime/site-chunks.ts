import type { HasBytes, OpenBody, Walk } from '../blobs/body.ts'
import type { OwnChunks } from '../blobs/local/own-chunks.ts'
import type { LocalStore } from '../blobs/local/store.ts'
import type { Content } from '../blobs/manifest.ts'
import type { ChunkStore, Span } from '../blobs/store.ts'
import type { Copies } from '../stores/copies.ts'
import type { Resident } from './resident.ts'
import type { ChunkFiles } from './socket-bodies.ts'

/** How downloads are read from chunks that lie on this machine. */
export type Bodies = (chunks: Pick<ChunkStore, 'get'> & ChunkFiles, walk?: Walk) => OpenBody

/** How the chunks of a site on this machine are read. */
export interface SiteChunks {
  openBody: OpenBody
  hasBytes: HasBytes
  /** Whether a chunk has to come from nowhere else. */
  isResident(digest: string): boolean
  /** How many were found damaged by whoever read them, since the start. */
  damaged(): number
}

/** The chunks of an edge as the sweeper may have them. */
export function sweptAtEdge(
  { readThrough }: Pick<Resident, 'readThrough'>,
  store: LocalStore,
): ChunkStore {
  return { get: store.get, put: store.put, delete: readThrough.remove, list: store.list }
}

/** An edge fetches what it lacks. */
export function chunksOfEdge(
  { account, readThrough }: Pick<Resident, 'account' | 'readThrough'>,
  bodies: Bodies,
): SiteChunks {
  return {
    openBody: readThrough.guard(bodies(readThrough, readThrough.walk)),
    hasBytes: async () => true,
    isResident: account.has,
    damaged: () => readThrough.counters().corrupt,
  }
}

/** The chunks of a store that lies on this machine. */
export interface OwnStoreChunks {
  id: string
  chunks: OwnChunks
}

export interface OriginChunksParts {
  own: OwnStoreChunks[]
  /** What is kept here of stores that are far; null where there are none. */
  resident: Pick<Resident, 'account' | 'readThrough'> | null
  copies: Copies
}

/** What an origin has in none of its stores is nowhere. */
export function chunksOfOrigin(
  { own, resident, copies }: OriginChunksParts,
  bodies: Bodies,
): SiteChunks {
  const damagedHere = () => own.reduce((sum, { chunks }) => sum + chunks.damaged(), 0)
  const near = new Map(own.map(({ id, chunks }) => [id, readOwn(chunks, resident, bodies)]))
  const [only] = near.values()
  if (!resident) {
    if (!only) throw new Error('There is no store')
    return { ...only, isResident: () => true, damaged: damagedHere }
  }
  const far = chunksOfEdge(resident, bodies)
  const nearest = async (content: Content) => near.get((await storesOf(copies, content))[0] ?? '')
  return {
    async openBody(content, range) {
      const own = await nearest(content)
      return (await own?.openBody(content, range)) ?? far.openBody(content, range)
    },
    async hasBytes(content) {
      const own = await nearest(content)
      if (await own?.hasBytes(content)) return true
      return own === undefined && (await storesOf(copies, content)).length > 0
    },
    isResident: (digest) => far.isResident(digest),
    damaged: () => damagedHere() + far.damaged(),
  }
}

type Reading = Pick<SiteChunks, 'openBody' | 'hasBytes'>

/** Reads what lies in a store on this machine; what is damaged there comes from another copy, if there is one. */
function readOwn(
  { store, openChunk, guard, hasBytes }: OwnChunks,
  resident: OriginChunksParts['resident'],
  bodies: Bodies,
): Reading {
  if (!resident) return { openBody: guard(bodies({ get: store.get, openChunk })), hasBytes }
  const { readThrough } = resident
  const chunks = {
    get: async (digest: string, span?: Span) =>
      (await store.get(digest, span)) ?? readThrough.get(digest, span),
    openChunk: async (digest: string) => (await openChunk(digest)) ?? readThrough.openChunk(digest),
  }
  return { openBody: guard(bodies(chunks)), hasBytes }
}

/** By its blob; a chunk that is asked for by itself has none. */
async function storesOf(copies: Copies, content: Content): Promise<string[]> {
  if (content.blob !== undefined) return copies.storesOf(content.blob)
  const digest = content.chunks.find((chunk) => chunk !== null) ?? null
  return digest === null ? [] : copies.storesOfChunk(digest)
}
