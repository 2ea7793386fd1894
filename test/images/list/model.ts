/** What a list of images shows, told without SQL: the rules of who sees what, of filters and of order. */
import type { Image } from '../../../src/images/image.ts'

type Project = string | null
type Answer = 'pending' | 'accepted' | 'rejected'

/** An image, and what the projects that it is shared with have said. */
export interface ModelImage extends Image {
  members: Record<string, Answer>
}

export interface ModelCaller {
  isAdmin: boolean
  project: Project
}

/** One parameter of the query, and which images it lets through. */
export interface ModelFilter {
  parameter: [name: string, value: string]
  accepts(image: ModelImage): boolean
}

/** What is asked of a list. Absent is what the parameter's default is. */
export interface ModelQuery {
  visibility?: string | undefined
  memberStatus?: string | undefined
  hidden?: boolean | undefined
  filters: ModelFilter[]
}

export function isListed(image: ModelImage, caller: ModelCaller, query: ModelQuery): boolean {
  return (
    image.os_hidden === (query.hidden ?? false) &&
    image.status !== 'killed' &&
    isInScope(image, caller, query) &&
    query.filters.every(({ accepts }) => accepts(image))
  )
}

function isInScope(image: ModelImage, caller: ModelCaller, query: ModelQuery): boolean {
  const isMine = caller.project !== null && image.owner === caller.project
  const { visibility } = query
  if (caller.isAdmin) {
    if (visibility === undefined) return image.visibility !== 'community' || isMine
    return visibility === 'all' || image.visibility === visibility
  }
  const isReached = isMine || isSharedWith(image, caller.project, query.memberStatus ?? 'accepted')
  switch (visibility) {
    case undefined:
      return isReached || image.visibility === 'public'
    case 'all':
      return isReached || image.visibility === 'public' || image.visibility === 'community'
    case 'public':
    case 'community':
      return image.visibility === visibility
    default:
      return image.visibility === visibility && isReached
  }
}

function isSharedWith({ visibility, members }: ModelImage, project: Project, status: string) {
  const answer = project === null ? undefined : members[project]
  if (visibility !== 'shared' || answer === undefined) return false
  return status === 'all' || status === answer
}

export const SORT_KEYS = [
  'name',
  'status',
  'container_format',
  'disk_format',
  'size',
  'id',
  'created_at',
  'updated_at',
] as const

type Direction = 'asc' | 'desc'

/** A key that was asked for; without a direction of its own it goes down. */
export interface ModelKey {
  key: (typeof SORT_KEYS)[number]
  direction: Direction
}

/**
 * Compares by the keys asked for, then by creation, then by id: in the direction that is the only one given, or else
 * downwards. NULL is less than everything.
 */
export function compareBy(keys: ModelKey[], given: Direction[]) {
  const tie = given.length === 1 ? (given[0] ?? 'desc') : 'desc'
  const all: ModelKey[] = [
    ...keys,
    { key: 'created_at', direction: tie },
    { key: 'id', direction: tie },
  ]
  return (one: ModelImage, other: ModelImage): number => {
    for (const { key, direction } of all) {
      const [a, b] = [one[key], other[key]]
      if (a === b) continue
      const isLess = a === null || (b !== null && a < b)
      return isLess === (direction === 'asc') ? -1 : 1
    }
    return 0
  }
}
