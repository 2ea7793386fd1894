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
  const far = resident && { ...chunksOfEdge(resident, bodies), ...resident.readThrough }
  const near = new Map(own.map(({ id, chunks }) => [id, readOwn(chunks, { far, copies, bodies })]))
  const [only] = near.values()
  if (!far) {
    if (!only) throw new Error('There is no store')
    return { ...only, isResident: () => true, damaged: damagedHere }
  }
  return {
    async openBody(content, range) {
      const [first = '', ...others] = await storesOf(copies, content)
      const here = near.get(first)
      const body = here ? await here.openBody(content, range) : null
      return body || (here && others.length === 0) ? body : far.openBody(content, range)
    },
    async hasBytes(content) {
      const [first, ...others] = await storesOf(copies, content)
      const here = near.get(first ?? '')
      return here && others.length === 0 ? here.hasBytes(content) : first !== undefined
    },
    // Of those that were never fetched it is not known, but most lie in a store that is here, if there is one.
    isResident: (digest) => near.size > 0 || far.isResident(digest),
    damaged: () => damagedHere() + far.damaged(),
  }
}

type Reading = Pick<SiteChunks, 'openBody' | 'hasBytes'>

interface Elsewhere {
  far: Pick<Resident['readThrough'], 'get' | 'openChunk'> | null
  copies: Copies
  bodies: Bodies
}

/** Reads what lies in a store on this machine; what is damaged there comes from another copy, if there is one. */
function readOwn(
  { store, openChunk, guard, hasBytes }: OwnChunks,
  { far, copies, bodies }: Elsewhere,
): Reading {
  if (!far) return { openBody: guard(bodies({ get: store.get, openChunk })), hasBytes }
  const isElsewhere = async (digest: string) => (await copies.storesOfChunk(digest)).length > 1
  const chunks = {
    async get(digest: string, span?: Span) {
      const here = await store.get(digest, span)
      return here || !(await isElsewhere(digest)) ? here : far.get(digest, span)
    },
    async openChunk(digest: string) {
      const here = await openChunk(digest)
      return here || !(await isElsewhere(digest)) ? here : far.openChunk(digest)
    },
  }
  return { openBody: guard(bodies(chunks)), hasBytes }
}

/** By its blob; a chunk that is asked for by itself has none. */
async function storesOf(copies: Copies, content: Content): Promise<string[]> {
  if (content.blob !== undefined) return copies.storesOf(content.blob)
  const digest = content.chunks.find((chunk) => chunk !== null) ?? null
  return digest === null ? [] : copies.storesOfChunk(digest)
}
