import { HeliostatError } from '../errors.ts'
import type { Caller } from '../identity/caller.ts'
import { isAllowed, type PolicyAction, type Target } from '../identity/policy.ts'
import type { FoundImage, Visibility } from './image.ts'
import type { ImageRepo } from './repo.ts'
import { canSee } from './visibility.ts'

/** Finds an image for a caller; one that he may not see does not exist for him [404]. */
export async function findVisible(
  repo: Pick<ImageRepo, 'find'>,
  id: string,
  caller: Caller,
): Promise<FoundImage> {
  const image = await repo.find(id, caller)
  if (!image || !canSee(caller, image, image.isMember)) {
    throw new HeliostatError('not-found', `No image found with ID ${id}`)
  }
  return image
}

/** As findVisible, and the caller may take the action: else 403, or 404 when the very image is none of his business. */
export async function findFor(
  repo: Pick<ImageRepo, 'find'>,
  id: string,
  { caller, action }: { caller: Caller; action: PolicyAction },
): Promise<FoundImage> {
  const image = await findVisible(repo, id, caller)
  authorizeOnImage(action, caller, image)
  return image
}

/** Refuses an action on an image that was found: 403, or 404 to those who may not even get it. */
export function authorizeOnImage(action: PolicyAction, caller: Caller, image: FoundImage): void {
  if (isAllowed(action, caller, image)) return
  if (isAllowed('get_image', caller, image)) throw forbidden(action)
  throw new HeliostatError('not-found', `No image found with ID ${image.id}`)
}

/** Refuses an action that is about no existing image, such as a list or a create [403]. */
export function authorize(action: PolicyAction, caller: Caller, target: Target): void {
  if (!isAllowed(action, caller, target)) throw forbidden(action)
}

const VISIBILITY_ACTIONS: Partial<Record<Visibility, PolicyAction>> = {
  public: 'publicize_image',
  community: 'communitize_image',
}

/** Two visibilities need a permission of their own [403]. */
export function authorizeVisibility(visibility: Visibility, caller: Caller, target: Target): void {
  const action = VISIBILITY_ACTIONS[visibility]
  if (action) authorize(action, caller, target)
}

function forbidden(action: PolicyAction): HeliostatError {
  return new HeliostatError('forbidden', `You are not authorized to complete ${action} action.`)
}
