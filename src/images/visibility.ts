import { sql, type SQL } from 'drizzle-orm'
import type { Image } from './image.ts'

export interface Viewer {
  isAdmin: boolean
  /** The project that the viewer acts for; `null` if there is none, as for an anonymous one. */
  projectId: string | null
}

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
