import type { MEMBER_STATUSES } from '../../../schema/tables.ts'
import { type Fragment, fragment } from '../../registry/fragment.ts'
import type { Visibility } from '../image.ts'
import type { Viewer } from '../visibility.ts'
import type { Filters } from './query.ts'

/** Shares with a project that its members have answered so. */
export interface Share {
  project: string
  status: (typeof MEMBER_STATUSES)[number] | 'all'
}

/** A part of what a list shows, which an index has in order. No image is in two parts of a list. */
export interface Part {
  visibility: Visibility
  /** Null for any. */
  owner: string | null
  /** Of others, and shared with a project. */
  share: Share | null
}

/** The part of a list's filters that says whose images it shows. */
export type Scope = Pick<Filters, 'visibility' | 'memberStatus'>

/** What a list shows this viewer, whatever else it asks for. */
export function partsOf(viewer: Viewer, scope: Scope): Part[] {
  if (scope.visibility === 'none') return []
  return viewer.isAdmin ? partsOfAdmin(viewer, scope) : partsOfProject(viewer, scope)
}

/** Every project's images; but others' community images, which are many, must be asked for. */
function partsOfAdmin({ projectId }: Viewer, { visibility }: Scope): Part[] {
  const listed = anyOwner('public', 'private', 'shared')
  if (visibility === null) return [...listed, ...owned(projectId, 'community')]
  if (visibility === 'all') return [...listed, ...anyOwner('community')]
  return visibility === 'none' ? [] : anyOwner(visibility)
}

function partsOfProject({ projectId }: Viewer, { visibility, memberStatus }: Scope): Part[] {
  const shared =
    projectId === null ? [] : [sharedWith({ project: projectId, status: memberStatus })]
  switch (visibility) {
    case null:
      return [
        ...anyOwner('public'),
        ...owned(projectId, 'private', 'shared', 'community'),
        ...shared,
      ]
    case 'all':
      return [
        ...anyOwner('public', 'community'),
        ...owned(projectId, 'private', 'shared'),
        ...shared,
      ]
    case 'shared':
      return [...owned(projectId, 'shared'), ...shared]
    case 'private':
      return owned(projectId, 'private')
    case 'public':
    case 'community':
      return anyOwner(visibility)
    case 'none':
      return []
  }
}

function anyOwner(...visibilities: Visibility[]): Part[] {
  return visibilities.map((visibility) => ({ visibility, owner: null, share: null }))
}

function owned(owner: string | null, ...visibilities: Visibility[]): Part[] {
  if (owner === null) return []
  return visibilities.map((visibility) => ({ visibility, owner, share: null }))
}

function sharedWith(share: Share): Part {
  return { visibility: 'shared', owner: null, share }
}

/** What is left of the parts where only one owner's images are asked for. */
export function ofOwner(parts: Part[], owner: string): Part[] {
  return parts
    .filter((part) => (part.owner ?? owner) === owner && part.share?.project !== owner)
    .map((part) => ({ ...part, owner }))
}

/** What makes an image part of it; of a share only that it is not of the project itself. */
export function partConditions({ visibility, owner, share }: Part): Fragment[] {
  return [
    fragment`images.visibility = ${visibility}`,
    ...(owner === null ? [] : [fragment`images.owner = ${owner}`]),
    ...(share === null ? [] : [fragment`images.owner IS NOT ${share.project}`]),
  ]
}

/** That an image is among the shares, which are looked up first. */
export function amongShares(share: Share): Fragment {
  return fragment`images.id IN (SELECT m.image_id ${sharesOf(share)})`
}

/** The same, to be found out image by image. */
export function isShared(share: Share): Fragment {
  return fragment`EXISTS (SELECT 1 ${sharesOf(share)} AND m.image_id = images.id)`
}

export function sharesOf({ project, status }: Share): Fragment {
  const shares = fragment`FROM image_members m WHERE m.member = ${project} AND m.deleted_at IS NULL`
  return status === 'all' ? shares : fragment`${shares} AND m.status = ${status}`
}
