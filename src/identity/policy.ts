import type { Caller, Identity } from './caller.ts'

/** What rules know of the record (or the record to be) that an action is about. */
export interface Target {
  owner: string | null
  visibility: string
  /** The project that an image is shared with, where the action is about one: the caller's own or a member's. */
  member_id?: string | null
  [attribute: string]: unknown
}

type Rule = (caller: Identity, target: Target) => boolean

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
const isTheMember: Rule = (caller, { member_id }) =>
  member_id !== undefined && member_id === caller.projectId
const isVisibility =
  (...visibilities: string[]): Rule =>
  (_, { visibility }) =>
    visibilities.includes(visibility)
const projectMember = both(hasRole('member'), own)
const projectReader = both(hasRole('reader'), own)
const reachable = either(own, isTheMember, isVisibility('community', 'public', 'shared'))
const metadefReader = either(admin, both(hasRole('reader'), either(own, isVisibility('public'))))

/** The secure-RBAC defaults of Glance (`glance/policies`). */
const RULES = {
  context_is_admin: admin,
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
  add_member: either(admin, projectMember),
  delete_member: either(admin, projectMember),
  get_member: either(admin, both(hasRole('reader'), either(own, isTheMember))),
  get_members: either(admin, both(hasRole('reader'), either(own, isTheMember))),
  modify_member: either(admin, both(hasRole('member'), isTheMember)),
  cache_image: admin,
  cache_list: admin,
  cache_delete: admin,
  cache_clean: admin,
  cache_prune: admin,
  list_cached_nodes: admin,
  get_metadef_namespaces: either(admin, projectReader),
  get_metadef_namespace: metadefReader,
  modify_metadef_namespace: admin,
  add_metadef_namespace: admin,
  delete_metadef_namespace: admin,
  get_metadef_object: metadefReader,
  get_metadef_objects: metadefReader,
  modify_metadef_object: admin,
  add_metadef_object: admin,
  delete_metadef_object: admin,
  list_metadef_resource_types: metadefReader,
  get_metadef_resource_type: metadefReader,
  add_metadef_resource_type_association: admin,
  remove_metadef_resource_type_association: admin,
  get_metadef_property: metadefReader,
  get_metadef_properties: metadefReader,
  modify_metadef_property: admin,
  add_metadef_property: admin,
  remove_metadef_property: admin,
  get_metadef_tag: metadefReader,
  get_metadef_tags: metadefReader,
  modify_metadef_tag: admin,
  add_metadef_tag: admin,
  add_metadef_tags: admin,
  delete_metadef_tag: admin,
  delete_metadef_tags: admin,
} satisfies Record<string, Rule>

export type PolicyAction = keyof typeof RULES

/** Who may do what. */
export interface Policy {
  /** Whether the rule of an action allows it to this caller on this target. */
  isAllowed(action: PolicyAction, caller: Caller | Identity, target: Target): boolean
}

export const DEFAULT_POLICY: Policy = {
  isAllowed(action, caller, target) {
    // All rules are about projects: a token of a whole domain or deployment fails every one, also an administrator's.
    if (caller.systemScope !== null || caller.domainId !== null) return false
    return RULES[action](caller, target)
  },
}
