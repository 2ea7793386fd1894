import { HeliostatError } from '../errors.ts'
import { forbidden, refuseUnless } from '../identity/authorize.ts'
import type { Caller } from '../identity/caller.ts'
import { mayList, type Policy, type PolicyAction, type Target } from '../identity/policy.ts'
import type { FoundImage, Image, Visibility } from './image.ts'
import type { ImageRepo } from './repo.ts'
import { canChange, canSee } from './visibility.ts'

const VISIBILITY_ACTIONS: Partial<Record<Visibility, PolicyAction>> = {
  public: 'publicize_image',
  community: 'communitize_image',
}

/** What a rule may allow at most to administrators and the project that owns the image. */
const CHANGES: ReadonlySet<PolicyAction> = new Set([
  'modify_image',
  'delete_image',
  'upload_image',
  'deactivate',
  'reactivate',
])

/** Who may do what with which image. */
export interface Access {
  /** An image that the caller can see; one that he can't does not exist for him. */
  look(id: string, caller: Caller): Promise<FoundImage | null>
  /** As `look`, but throws [404], in the words of the route. */
  find(id: string, caller: Caller, absent?: Absent): Promise<FoundImage>
  /** As `find`, and the caller may take the action: else 403, or 404 when the very image is none of his business. */
  findFor(action: PolicyAction, id: string, caller: Caller, absent?: Absent): Promise<FoundImage>
  /** Whether an action on an image that was found is allowed, for rules about a member to be told which one. */
  mayOnImage(
    action: PolicyAction,
    caller: Caller,
    image: Image & Pick<FoundImage, 'isMember'>,
    member?: string | null,
  ): boolean
  /** Refuses an action on an image that was found: 403, or 404 to those who may not even get it. */
  requireOnImage(action: PolicyAction, caller: Caller, image: FoundImage, member?: string): void
  /** Refuses an action that is about no image that exists, such as a list or a create [403]. */
  require(action: PolicyAction, caller: Caller, target: Target): void
  /** Refuses to list [403]. */
  requireList(action: PolicyAction, caller: Caller): void
  /** Refuses an action on the whole site, or on all of the caller's own images [403]. */
  requireOnSite(action: PolicyAction, caller: Caller): void
  /** Two visibilities need a permission of their own [403]. */
  requireVisibility(visibility: Visibility, caller: Caller, image: Image): void
}

export function createAccess(policy: Policy, images: Pick<ImageRepo, 'find'>): Access {
  const access: Access = {
    async look(id, caller) {
      const image = await images.find(id, caller)
      return image && canSee(caller, image, image.isMember) ? image : null
    },

    async find(id, caller, absent = noImageFound) {
      const image = await access.look(id, caller)
      if (!image) throw absent(id)
      return image
    },

    async findFor(action, id, caller, absent = noImageFound) {
      const image = await access.find(id, caller, absent)
      access.requireOnImage(action, caller, image)
      return image
    },

    mayOnImage(action, caller, image, member = image.isMember ? caller.projectId : undefined) {
      if (CHANGES.has(action) && !canChange(caller, image)) return false
      return policy.isAllowed(action, caller, targetOf(image, member))
    },

    requireOnImage(action, caller, image, member) {
      const isAllowed = (wanted: PolicyAction) =>
        access.mayOnImage(wanted, caller, image, wanted === action ? member : undefined)
      refuseUnless(isAllowed, { action, get: 'get_image' })
    },

    require(action, caller, target) {
      if (!policy.isAllowed(action, caller, target)) throw forbidden(action)
    },

    requireList(action, caller) {
      if (!mayList(policy, action, caller)) throw forbidden(action)
    },

    requireOnSite(action, caller) {
      access.require(action, caller, { owner: caller.projectId, visibility: 'private' })
    },

    requireVisibility(visibility, caller, image) {
      const action = VISIBILITY_ACTIONS[visibility]
      if (action) access.require(action, caller, targetOf(image))
    },
  }
  return access
}

/** What rules see of an image: its attributes, and the project that it is shared with, where that matters. */
export function targetOf(image: Image, member?: string | null): Target {
  if (member !== undefined) return { ...image, member_id: member }
  const known = targets.get(image) ?? { ...image }
  targets.set(image, known)
  return known
}

/** An image that is remembered is asked about by each request. */
const targets = new WeakMap<Image, Target>()

type Absent = (id: string) => HeliostatError

/** What most routes say of an image that is not there for the caller [404]. */
function noImageFound(id: string): HeliostatError {
  return new HeliostatError('not-found', `No image found with ID ${id}`)
}

/** What the routes of members, tags and the cache say [404]. */
export function imageNotFound(id: string): HeliostatError {
  return new HeliostatError('not-found', `Image ${id} not found.`)
}

/** What a delete says [404]. */
export function nothingToDelete(id: string): HeliostatError {
  return new HeliostatError('not-found', `Failed to find image ${id} to delete`)
}

/** For a change of an image that others have changed since it was read, which nothing better is known of [409]. */
export function changedMeanwhile(id: string): HeliostatError {
  return new HeliostatError('conflict', `Image ${id} was changed meanwhile: look at it again`)
}
