import type { Caller } from './caller.ts'

/** What rules know of the image (or the image to be) that an action is about. */
export interface Target {
  owner: string | null
  visibility: string
  /** Whether the image is shared with the caller's project. */
  isMember: boolean
}

type Rule = (caller: Caller, target: Target) => boolean

const hasRole =
  (role: string): Rule =>
  (caller) =>
    caller.roles.includes(role)

const either =
  (...rules: Rule[]): Rule =>
  (caller, target) =>
    rules.some((rule) => rule(caller, target))

const both =
  (...rules: Rule[]): Rule =>
  (caller, target) =>
    rules.every((rule) => rule(caller, target))

const admin = hasRole('admin')
const own: Rule = (caller, target) => caller.projectId === target.owner
const projectMember = both(hasRole('member'), own)
const projectReader = both(hasRole('reader'), own)
const reachable = either(
  own,
  (_, { isMember }) => isMember,
  (_, { visibility }) => ['community', 'public', 'shared'].includes(visibility),
)

/** The secure-RBAC defaults of Glance (`glance/policies/image.py`). */
const RULES = {
  add_image: either(admin, projectMember),
  get_images: either(admin, projectReader),
  get_image: either(admin, both(hasRole('reader'), reachable)),
  modify_image: either(admin, projectMember),
  delete_image: either(admin, projectMember),
  upload_image: either(admin, projectMember),
  download_image: either(admin, both(hasRole('member'), reachable)),
  communitize_image: either(admin, projectMember),
  publicize_image: admin,
  deactivate: either(admin, projectMember),
  reactivate: either(admin, projectMember),
  set_image_location: either(admin, projectMember),
  delete_image_location: admin,
  cache_image: admin,
  cache_list: admin,
  cache_delete: admin,
  cache_clean: admin,
  cache_prune: admin,
  list_cached_nodes: admin,
} satisfies Record<string, Rule>

export type PolicyAction = keyof typeof RULES

/** Whether the rule of an action allows it to this caller on this image. */
export function isAllowed(action: PolicyAction, caller: Caller, target: Target): boolean {
  return RULES[action](caller, target)
}
