import { z } from 'zod'
import { HeliostatError } from '../../errors.ts'
import { openFile, type SourceFile } from './body.ts'
import { requireShape, type SourceHttp, StatusError } from './http.ts'
import { createNamespaceSource, type NamespaceSource } from './namespaces.ts'
import { type Listed, memberList, readImage, type SourceMember } from './record.ts'

const PAGE = 200
/** How often a list is begun anew of which the last image that was seen has been deleted. */
const MOST_RESTARTS = 10

/** Which images are wanted; all of them where nothing is said. */
export interface SourceFilter {
  ids: string[]
  name?: string | undefined
  owner?: string | undefined
  tag?: string | undefined
  visibility?: string | undefined
}

/** Another Glance, of any release since Queens, as its administrator sees it. */
export interface GlanceSource extends NamespaceSource {
  /**
   * Images of every project, community and hidden ones too, oldest first; an image may come twice. Those that changed
   * last come first where only what changed `since` (ms) is wanted.
   */
  images(filter: SourceFilter, signal: AbortSignal, since?: number): AsyncGenerator<Listed>
  /** Whether the image is there still. */
  has(id: string, signal: AbortSignal): Promise<boolean>
  /** Whom a shared image is shared with. */
  members(id: string, signal: AbortSignal): Promise<SourceMember[]>
  file(
    file: SourceFile,
    options: { signal: AbortSignal; took(bytes: number): void },
  ): ReadableStream<Uint8Array>
}

const imagePage = z.object({ images: z.array(z.unknown()), next: z.string().optional() })

export function createGlanceSource(http: SourceHttp): GlanceSource {
  /** A Glance that does not know `visibility=all` shows community images by themselves. Null: not asked yet. */
  let knowsAll: boolean | null = null

  const pageOf = async (query: URLSearchParams, signal: AbortSignal) =>
    requireShape(imagePage, await http.read(`/v2/images?${query}`, signal), 'images')

  async function* list(query: Query, signal: AbortSignal): AsyncGenerator<Listed> {
    let marker: string | null = null
    for (let restarts = 0; ;) {
      const asked = queryString(query, marker)
      try {
        const { images, next } = await pageOf(asked, signal)
        const entries = images.map(readImage)
        yield* entries
        const last = markerOf(entries)
        if (next === undefined || images.length === 0) return
        if (last === marker) throw goesInCircles()
        marker = last
      } catch (error) {
        if (marker === null || !isMarkerGone(error) || ++restarts > MOST_RESTARTS) throw error
        marker = null
      }
    }
  }

  async function* lists(queries: Query[], signal: AbortSignal, since: number) {
    for (const query of queries) {
      for await (const listed of list(query, signal)) {
        if ('found' in listed && listed.found.image.updated_at < since) break
        yield listed
      }
    }
  }

  /** Asks once, so that what is asked from then on is understood. */
  async function learn(signal: AbortSignal): Promise<void> {
    if (knowsAll !== null) return
    const query = new URLSearchParams({ visibility: 'all', limit: '1' })
    const refused = (error: unknown) => {
      if (error instanceof StatusError && error.status === 400) return false
      throw error
    }
    knowsAll = await pageOf(query, signal).then(() => true, refused)
  }

  return {
    async *images(filter, signal, since = 0) {
      if (filter.ids.length > 0) return yield* byIds(http, filter.ids, signal)
      if (filter.visibility === undefined) await learn(signal)
      yield* lists(queriesFor(filter, knowsAll ?? true, since > 0), signal, since)
    },

    has: async (id, signal) => (await http.read(`/v2/images/${id}`, signal)) !== null,

    async members(id, signal) {
      const document = await http.read(`/v2/images/${id}/members`, signal)
      // It is shared no longer, or gone.
      return document === null ? [] : requireShape(memberList, document, 'members').members
    },

    file: (file, options) => openFile(http, file, options),

    ...createNamespaceSource(http),
  }
}

async function* byIds(
  http: SourceHttp,
  ids: string[],
  signal: AbortSignal,
): AsyncGenerator<Listed> {
  for (const id of ids) {
    const document = await http.read(`/v2/images/${id}`, signal)
    const unreadable = { id, reason: 'it is not at the source' }
    yield document === null ? { unreadable } : readImage(document)
  }
}

type Query = Record<string, string>

function queriesFor(
  { name, owner, tag, visibility }: SourceFilter,
  knowsAll: boolean,
  newestFirst: boolean,
): Query[] {
  const order = newestFirst
    ? { sort_key: 'updated_at', sort_dir: 'desc' }
    : { sort_key: 'created_at', sort_dir: 'asc' }
  const wanted = Object.entries({ name, owner, tag }).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, value]],
  )
  const base: Query = { limit: String(PAGE), ...order, ...Object.fromEntries(wanted) }
  const everything = knowsAll ? [{ visibility: 'all' }] : [{}, { visibility: 'community' }]
  const scopes: Query[] = visibility === undefined ? everything : [{ visibility }]
  return scopes.flatMap((scope) => [
    { ...base, ...scope },
    { ...base, ...scope, os_hidden: 'true' },
  ])
}

function queryString(query: Query, marker: string | null): URLSearchParams {
  return new URLSearchParams({ ...query, ...(marker !== null && { marker }) })
}

/** The last entry whose id can be read. */
function markerOf(entries: Listed[]): string | null {
  const ids = entries.map((entry) =>
    'found' in entry ? entry.found.image.id : entry.unreadable.id,
  )
  return ids.findLast((id) => id !== null) ?? null
}

function goesInCircles(): HeliostatError {
  return new HeliostatError('unavailable', 'The source tells the same page of images again')
}

function isMarkerGone(error: unknown): boolean {
  return error instanceof StatusError ? error.status === 400 : isAbsent(error)
}

function isAbsent(error: unknown): boolean {
  return error instanceof HeliostatError && error.code === 'not-found'
}
