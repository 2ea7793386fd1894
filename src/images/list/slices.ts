import { aside, type Registry } from '../../registry/database.ts'
import { type Fragment, fragment } from '../../registry/fragment.ts'
import type { Viewer } from '../visibility.ts'
import { type Access, accessInOrder, type Candidates, candidatesOf } from './access.ts'
import { readGroups } from './groups.ts'
import type { MarkerRow } from './order.ts'
import { ofOwner, partsOf, sharesOf } from './parts.ts'
import type { ListQuery } from './query.ts'
import { createPageReader, type ListRow } from './reading.ts'
import {
  type AskedPage,
  choiceOf,
  isChecked,
  pageOfAll,
  pageInOrder,
  pageOfCandidates,
  startOfPage,
} from './statements.ts'

/** How many images are looked at, however many there are. */
export interface ListBounds {
  /** So few are all read and sorted between two events, whatever else is asked of them. */
  few: number
  /** So many, in the order of the list, may hold a page of it; further ones are left to others than the event loop. */
  start: number
  /** The same beside the event loop. */
  fewAside: number
  startAside: number
  /** So many of what is asked for are tried whether they find few. */
  candidates: number
}

export const BOUNDS: ListBounds = {
  few: 500,
  start: 500,
  fewAside: 20_000,
  startAside: 20_000,
  candidates: 4,
}

/** With more filters than this a statement that has them for every part of a list takes long to prepare. */
const MOST_TERMS = 8

type SliceReader = (
  query: ListQuery,
  viewer: Viewer,
  marker: MarkerRow | null,
) => Promise<ListRow[]>

/**
 * Reads what an index has in order, or few images that are sorted, at once: either takes the same time however many
 * images there are. What no index serves runs beside the event loop.
 */
export function createSliceReader(
  registry: Registry,
  listLocations: boolean,
  bounds: ListBounds,
): SliceReader {
  const { read } = createPageReader(registry, listLocations)
  const { read: readAside } = createPageReader(aside(registry), listLocations)
  const { areFew, findFew } = createCounts(registry, bounds.few)
  const { findFew: findFewAside } = createCounts(aside(registry), bounds.fewAside)

  async function readPage(page: AskedPage): Promise<ListRow[]> {
    const { terms, sort, marker, limit, project } = page
    if (page.parts.length === 0 || terms.some(findsNone)) return []
    if (terms.length > MOST_TERMS) return readAside(pageOfAll(page), sort, project)
    const access = accessInOrder(terms, sort, marker)
    if ((access.isOrdered && !isChecked(page, access)) || (await areFew(choiceOf(page, access)))) {
      return read(pageInOrder(page, access), sort, project)
    }
    const few = await findFew(candidatesIn(page))
    if (few) return read(pageOfCandidates(page, few), sort, project)
    if (!access.isOrdered) {
      const { start } = bounds
      return readGroups(page, access, { read, readPage, readRest, start })
    }
    const first = await read(startOfPage(page, access, bounds.start), sort, project)
    return first.length < limit ? readRest(page, access) : first
  }

  /** What no index serves, beside the event loop. */
  async function readRest(page: AskedPage, access: Access): Promise<ListRow[]> {
    const { sort, limit, project } = page
    const few = await findFewAside(candidatesIn(page))
    if (few) return readAside(pageOfCandidates(page, few), sort, project)
    if (access.isOrdered) {
      const first = await readAside(startOfPage(page, access, bounds.startAside), sort, project)
      if (first.length >= limit) return first
    }
    return readAside(pageOfAll(page), sort, project)
  }

  function candidatesIn({ terms, hidden }: AskedPage): Candidates[] {
    return candidatesOf(terms, hidden).slice(0, bounds.candidates)
  }

  return async function readSlice(query, viewer, marker) {
    const page = askedPage(query, viewer, marker)
    const { share = null } = page.parts.find((part) => part.share !== null) ?? {}
    const hasManyShares = share !== null && !(await areFew(fragment`SELECT 1 ${sharesOf(share)}`))
    return readPage({ ...page, hasManyShares })
  }
}

function createCounts(registry: Registry, few: number) {
  /** Whether a select has few rows, of which no more are looked at. */
  async function areFew(rows: Fragment): Promise<boolean> {
    const { text, args } = fragment`SELECT count(*) FROM (SELECT 1 FROM (${rows}) LIMIT ${few + 1})`
    const found = await registry.$client.execute({ sql: text, args })
    return Number(found.rows[0]?.[0]) <= few
  }

  async function findFew(sets: Candidates[]): Promise<Candidates | null> {
    for (const candidates of sets) if (await areFew(candidates.rows)) return candidates
    return null
  }

  return { areFew, findFew }
}

function askedPage(query: ListQuery, viewer: Viewer, marker: MarkerRow | null) {
  const { filters, sort, limit } = query
  const owner = filters.terms.find((term) => term.kind === 'text' && term.column === 'owner')
  const [name] = owner?.kind === 'text' ? owner.values : []
  const visible = partsOf(viewer, filters)
  const parts = name === undefined ? visible : ofOwner(visible, name)
  const terms = filters.terms.filter((term) => term !== owner)
  return { parts, hidden: filters.hidden, terms, sort, marker, limit, project: viewer.projectId }
}

function findsNone(term: AskedPage['terms'][number]): boolean {
  return 'values' in term && term.values.length === 0
}
