import type { HasBytes, OpenBody, Walk } from '../blobs/body.ts'
import type { OwnChunks } from '../blobs/local/own-chunks.ts'
import type { LocalStore, OpenChunk } from '../blobs/local/store.ts'
import type { Content } from '../blobs/manifest.ts'
import type { ChunkStore, Span } from '../blobs/store.ts'
import { HeliostatError } from '../errors.ts'
import type { Copies } from '../stores/copies.ts'
import type { Resident } from './resident.ts'
import type { ChunkFiles } from './short-bodies.ts'

/** How downloads are read from chunks that lie on this machine. */
export type Bodies = (chunks: Pick<ChunkStore, 'get'> & ChunkFiles, walk?: Walk) => OpenBody

export type IsResident = (digest: string) => boolean

/** How the chunks of a site on this machine are read. */
export interface SiteChunks {
  openBody: OpenBody
  hasBytes: HasBytes
  /** Tells of each chunk of a blob whether it lies on this machine. */
  residentOf(content: Content): Promise<IsResident>
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
    residentOf: async () => account.has,
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
    return { ...only, residentOf: async () => () => true, damaged: damagedHere }
  }
  return {
    async openBody(content, range) {
      const [first = '', ...others] = await storesOf(copies, content)
      const here = near.get(first)
      if (here && others.length === 0) return here.openBody(content, range)
      const body = here && (await orElsewhere(here.openBody(content, range)))
      return body ?? far.openBody(content, range)
    },
    async hasBytes(content) {
      const [first = '', ...others] = await storesOf(copies, content)
      const only = near.get(first)
      if (only && others.length === 0) return only.hasBytes(content)
      for (const id of [first, ...others]) {
        const here = near.get(id)
        if (here ? await orElsewhere(here.hasBytes(content)) : id !== '') return true
      }
      return false
    },
    async residentOf(content) {
      const [first = ''] = await storesOf(copies, content)
      return near.has(first) ? () => true : far.residentOf(content)
    },
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

  /** The other stores are asked for only when they are wanted. */
  async function either<T>(
    digest: string,
    here: Promise<T | null>,
    elsewhere: () => Promise<T>,
  ): Promise<T | null> {
    const isElsewhere = async () => (await copies.storesOfChunk(digest)).length > 1
    try {
      const found = await here
      if (found !== null || !(await isElsewhere())) return found
    } catch (error) {
      if (!(await isElsewhere())) throw error
    }
    return elsewhere()
  }

  const chunks = {
    get: (digest: string, span?: Span) =>
      either(digest, store.get(digest, span), () => far.get(digest, span)),
    openChunk: (digest: string) =>
      either<OpenChunk>(digest, openChunk(digest), () => far.openChunk(digest)),
  }
  return { openBody: guard(bodies(chunks)), hasBytes }
}

/** What a disk gives; null where it fails, which is told of by whoever tries all copies in turn. */
async function orElsewhere<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading
  } catch (error) {
    if (error instanceof HeliostatError) throw error
    return null
  }
}

/** By its blob; a chunk that is asked for by itself has none. */
async function storesOf(copies: Copies, content: Content): Promise<string[]> {
  if (content.blob !== undefined) return copies.storesOf(content.blob)
  const digest = content.chunks.find((chunk) => chunk !== null) ?? null
  return digest === null ? [] : copies.storesOfChunk(digest)
}
