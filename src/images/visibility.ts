import { and, eq, isNull, ne, or, sql, type SQL } from 'drizzle-orm'
import { imageMembers, images } from '../../schema/tables.ts'
import type { Image, Visibility } from './image.ts'
import type { Filters } from './list/query.ts'

export interface Viewer {
  isAdmin: boolean
  /** The project that the viewer acts for; `null` if there is none, as for an anonymous one. */
  projectId: string | null
}

/** The part of a list's filters that says whose images it shows. */
export type Scope = Pick<Filters, 'visibility' | 'memberStatus'>

/**
 * Whether an image may be reached by its id, which is more than lists show: a share needs no
 * acceptance, and an image without an owner is everyone's.
 */
export function canSee(
  viewer: Viewer,
  image: Pick<Image, 'owner' | 'visibility'>,
  isMember: boolean,
): boolean {
  return (
    viewer.isAdmin ||
    image.owner === null ||
    image.owner === viewer.projectId ||
    image.visibility === 'public' ||
    image.visibility === 'community' ||
    (image.visibility === 'shared' && isMember)
  )
}

/** Whether an image may be changed at all, whatever the rules say: one without an owner is changed by administrators only. */
export function canChange(
  { isAdmin, projectId }: Viewer,
  { owner }: Pick<Image, 'owner'>,
): boolean {
  return isAdmin || (owner !== null && owner === projectId)
}

/** Whether an image is shared with a project, as a column of a select from `images`. */
export const isMemberOf = (project: unknown): SQL<boolean> =>
  sql<boolean>`EXISTS (
    SELECT 1 FROM image_members m
    WHERE m.image_id = images.id AND m.member = ${project} AND m.deleted_at IS NULL
  )`.mapWith(Boolean)

/** The condition on `images` that a list shows this viewer; `undefined` if that is every image. */
export function visibleInList(viewer: Viewer, scope: Scope): SQL | undefined {
  return viewer.isAdmin ? visibleToAdmin(viewer, scope) : visibleToProject(viewer, scope)
}

/** Every project's images; but others' community images, which are many, must be asked for. */
function visibleToAdmin({ projectId }: Viewer, { visibility }: Scope): SQL | undefined {
  if (visibility === 'all') return undefined
  if (visibility === 'none') return sql`false`
  if (visibility === null) return or(ne(images.visibility, 'community'), ownedBy(projectId))
  return has(visibility)
}

function visibleToProject({ projectId }: Viewer, scope: Scope): SQL | undefined {
  const own = ownedBy(projectId)
  const sharedWithMe = sharedWith(projectId, scope.memberStatus)
  switch (scope.visibility) {
    case null:
      return or(own, has('public'), sharedWithMe)
    case 'all':
      return or(own, has('public'), has('community'), sharedWithMe)
    case 'shared':
      return and(has('shared'), or(own, sharedWithMe))
    case 'private':
      return and(has('private'), own)
    case 'public':
      return has('public')
    case 'community':
      return has('community')
    case 'none':
      return sql`false`
  }
}

function has(visibility: Visibility): SQL {
  return eq(images.visibility, visibility)
}

function ownedBy(projectId: string | null): SQL {
  return projectId === null ? sql`false` : eq(images.owner, projectId)
}

function sharedWith(projectId: string | null, status: Scope['memberStatus']): SQL {
  if (projectId === null) return sql`false`
  const membership = and(
    eq(imageMembers.image_id, images.id),
    eq(imageMembers.member, projectId),
    isNull(imageMembers.deleted_at),
    status === 'all' ? undefined : eq(imageMembers.status, status),
  )
  return sql`(${has('shared')} and exists (select 1 from ${imageMembers} where ${membership}))`
}
