/** Selects of the rows that make a page of a list, by their `rowid`. */
import { listIndex, type ListKey } from '../../../schema/tables.ts'
import { all, type Fragment, fragment, joined, raw } from '../../registry/fragment.ts'
import type { Access, Candidates } from './access.ts'
import { filterConditions, listedCondition } from './filters.ts'
import { afterMarker, markerCondition, type MarkerRow, orderBy } from './order.ts'
import { amongShares, isShared, type Part, partConditions } from './parts.ts'
import type { Term } from './query.ts'
import type { SortKey } from './sorting.ts'

/** A page as it is asked for. */
export interface AskedPage {
  parts: Part[]
  /** Whether more images are shared with the viewer than may be looked up one by one. */
  hasManyShares: boolean
  hidden: boolean
  terms: Term[]
  sort: SortKey[]
  marker: MarkerRow | null
  /** The keys by which it must come after the marker, where these are not the whole order. */
  behind?: SortKey[]
  limit: number
  /** The project of the viewer. */
  project: string | null
}

/** A row of images that an index has, and those of them that the list shows. */
interface Branch {
  leading: 'visibility' | 'owner'
  key: ListKey
  where: Fragment[]
  checks: Fragment[]
}

/** Whether images have to be looked at that are not shown. */
export function isChecked(page: AskedPage, access: Access): boolean {
  return access.checks.length > 0 || page.hasManyShares
}

/** Merged from the branches in the order of the list: of each no more is read than is shown, if there are no checks. */
export function pageInOrder(page: AskedPage, access: Access): Fragment {
  const merged = unionOf(branchesOf(page, access), (branch) => selectOf(branch, access.sort))
  return fragment`SELECT row FROM (${merged} ORDER BY ${orderBy(access.sort)} LIMIT ${page.limit})`
}

/**
 * Those of the first so many images that are on the page for certain, in bounded time. It is the whole page if it is as
 * long as its limit.
 */
export function startOfPage(page: AskedPage, access: Access, most: number): Fragment {
  const { sort, isOrdered } = access
  const [first] = sort
  const merged = unionOf(branchesOf(page, access), (branch) => selectChecked(branch, sort))
  if (isOrdered || !first) {
    // Without an ORDER BY of its own it is read row by row, in the order of what it selects from, until there are enough.
    return fragment`SELECT row FROM (${merged} ORDER BY ${orderBy(sort)} LIMIT ${most})
      WHERE fits LIMIT ${page.limit}`
  }
  // The index knows the first key only, so that of the images that are last in it some may be missing.
  const last = raw(`${first.key} ${first.direction === 'asc' ? 'desc' : 'asc'}`)
  const key = raw(first.key)
  return fragment`WITH start AS MATERIALIZED (${merged} ORDER BY ${orderBy([first])} LIMIT ${most})
    SELECT row FROM start WHERE fits AND ${key} IS NOT (SELECT ${key} FROM start ORDER BY ${last} LIMIT 1)
    ORDER BY ${orderBy(sort)} LIMIT ${page.limit}`
}

/** Looks up all candidates, and sorts those that the list shows. */
export function pageOfCandidates(page: AskedPage, candidates: Candidates): Fragment {
  const { key, condition } = candidates
  const { parts, sort, limit } = page
  const branches = parts.map((part): Branch => ({
    leading: leadingOf(part),
    key,
    where: [
      ...searched(page),
      ...partConditions(part),
      condition,
      ...(part.share ? [isShared(part.share)] : []),
    ],
    checks: [],
  }))
  const merged = unionOf(branches, (branch) => selectOf(branch, sort))
  return fragment`SELECT row FROM (${merged} ORDER BY ${orderBy(sort)} LIMIT ${limit})`
}

/** Looks at every image there is, in the order in which they lie there: nothing takes longer than that. */
export function pageOfAll(page: AskedPage): Fragment {
  const { parts, sort, limit } = page
  const either = parts.map((part) =>
    all([...partConditions(part), ...(part.share ? [amongShares(part.share)] : [])]),
  )
  const conditions = all([...searched(page), fragment`(${joined(either, ' OR ')})`])
  return fragment`SELECT row FROM (SELECT ${columnsOf(sort)} FROM images NOT INDEXED
    WHERE ${conditions} ORDER BY ${orderBy(sort)} LIMIT ${limit})`
}

/** A row for each image that a page would be chosen from, if the checks were not. */
export function choiceOf(page: AskedPage, access: Access): Fragment {
  return unionOf(
    branchesOf(page, access),
    ({ where, ...branch }) => fragment`SELECT 1 ${fromOf(branch)} WHERE ${all(where)}`,
  )
}

function branchesOf(page: AskedPage, access: Access): Branch[] {
  const { hidden, hasManyShares, marker, behind = access.sort } = page
  const starts = marker === null ? [raw('true')] : afterMarker(behind, marker)
  return page.parts.flatMap((part): Branch[] => {
    const { share } = part
    const leading = leadingOf(part)
    if (share && !hasManyShares) {
      const where = [...searched(page), ...partConditions(part), amongShares(share)]
      return [{ leading, key: 'id', where, checks: [] }]
    }
    const checks = [...access.checks, ...(share ? [isShared(share)] : [])]
    const where = [listedCondition(hidden), ...partConditions(part)]
    return access.ways.flatMap((way) =>
      starts.map((start) => ({ leading, key: access.key, where: [...where, way, start], checks })),
    )
  })
}

function leadingOf({ owner }: Part): Branch['leading'] {
  return owner === null ? 'visibility' : 'owner'
}

/** What an image has to meet to be on the page, if it is of one of the parts. */
function searched({ hidden, terms, marker, ...page }: AskedPage): Fragment[] {
  return [
    ...filterConditions({ hidden, terms }),
    ...(marker === null ? [] : [markerCondition(page.behind ?? page.sort, marker)]),
  ]
}

function unionOf(branches: Branch[], select: (branch: Branch) => Fragment): Fragment {
  return joined(branches.map(select), ' UNION ALL ')
}

function selectOf(branch: Branch, sort: SortKey[]): Fragment {
  const conditions = all([...branch.where, ...branch.checks])
  return fragment`SELECT ${columnsOf(sort)} ${fromOf(branch)} WHERE ${conditions}`
}

function selectChecked(branch: Branch, sort: SortKey[]): Fragment {
  return fragment`SELECT ${columnsOf(sort)}, ${all(branch.checks)} AS fits
    ${fromOf(branch)} WHERE ${all(branch.where)}`
}

function columnsOf(sort: SortKey[]): Fragment {
  return raw(
    ['images.rowid AS row', ...sort.map(({ key }) => `images.${key} AS ${key}`)].join(', '),
  )
}

// Named, since without statistics of the tables the engine takes one index for as good as another.
function fromOf({ leading, key }: Pick<Branch, 'leading' | 'key'>): Fragment {
  return raw(`FROM images INDEXED BY ${listIndex(leading, key)}`)
}
