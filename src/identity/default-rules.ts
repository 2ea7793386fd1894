const ADMIN = 'rule:context_is_admin'
const SERVICE = 'rule:service_api'
const METADEF_ADMIN = 'rule:metadef_admin'

const OWN = 'project_id:%(project_id)s'
const MEMBER = 'project_id:%(member_id)s'
const PUBLIC = "'public':%(visibility)s"

const PROJECT_MEMBER = `role:member and ${OWN}`
const REACHABLE = `${OWN} or ${MEMBER} or 'community':%(visibility)s or ${PUBLIC} or 'shared':%(visibility)s`

const ADMIN_OR_PROJECT_MEMBER = `${ADMIN} or (${PROJECT_MEMBER})`
const ADMIN_OR_PROJECT_READER = `${ADMIN} or (role:reader and ${OWN})`
const ADMIN_OR_DOWNLOADER = `${ADMIN} or (role:member and (${REACHABLE}))`
const ADMIN_OR_MEMBER_LISTER = `${ADMIN} or (role:reader and (${OWN} or ${MEMBER}))`
const ADMIN_OR_METADEF_READER = `${ADMIN} or (role:reader and (${OWN} or ${PUBLIC}))`

/**
 * The secure-RBAC defaults of Glance (`glance/policies`), in the language of oslo.policy. All have the scope type
 * "project".
 */
export const DEFAULT_RULES = {
  default: '',
  context_is_admin: 'role:admin',
  service_api: 'role:service or role:admin',

  add_image: `${ADMIN} or (${PROJECT_MEMBER} and project_id:%(owner)s)`,
  get_images: ADMIN_OR_PROJECT_READER,
  get_image: `${ADMIN} or (role:reader and (${REACHABLE}))`,
  modify_image: ADMIN_OR_PROJECT_MEMBER,
  delete_image: ADMIN_OR_PROJECT_MEMBER,
  upload_image: ADMIN_OR_PROJECT_MEMBER,
  download_image: ADMIN_OR_DOWNLOADER,
  communitize_image: ADMIN_OR_PROJECT_MEMBER,
  publicize_image: ADMIN,
  copy_image: ADMIN,
  deactivate: ADMIN_OR_PROJECT_MEMBER,
  reactivate: ADMIN_OR_PROJECT_MEMBER,

  get_image_location: ADMIN_OR_PROJECT_READER,
  set_image_location: ADMIN_OR_PROJECT_MEMBER,
  delete_image_location: ADMIN,
  add_image_location: `${SERVICE} or (${PROJECT_MEMBER} and project_id:%(owner)s)`,
  fetch_image_location: SERVICE,

  add_member: ADMIN_OR_PROJECT_MEMBER,
  delete_member: ADMIN_OR_PROJECT_MEMBER,
  get_member: ADMIN_OR_MEMBER_LISTER,
  get_members: ADMIN_OR_MEMBER_LISTER,
  modify_member: `${ADMIN} or (role:member and ${MEMBER})`,

  // Older policy files know only this one, so the others follow it where they are not given.
  manage_image_cache: ADMIN,
  cache_image: 'rule:manage_image_cache',
  cache_list: 'rule:manage_image_cache',
  cache_delete: 'rule:manage_image_cache',
  cache_clean: 'rule:manage_image_cache',
  cache_prune: 'rule:manage_image_cache',
  list_cached_nodes: ADMIN,

  stores_info_detail: `${ADMIN} or ${SERVICE}`,
  download_from_store: ADMIN_OR_DOWNLOADER,

  tasks_api_access: ADMIN,
  get_task: 'rule:default',
  get_tasks: 'rule:default',
  add_task: 'rule:default',
  modify_task: 'rule:default',

  metadef_default: '',
  metadef_admin: ADMIN,
  get_metadef_namespaces: ADMIN_OR_PROJECT_READER,
  get_metadef_namespace: ADMIN_OR_METADEF_READER,
  modify_metadef_namespace: METADEF_ADMIN,
  add_metadef_namespace: METADEF_ADMIN,
  delete_metadef_namespace: METADEF_ADMIN,
  get_metadef_object: ADMIN_OR_METADEF_READER,
  get_metadef_objects: ADMIN_OR_METADEF_READER,
  modify_metadef_object: METADEF_ADMIN,
  add_metadef_object: METADEF_ADMIN,
  delete_metadef_object: METADEF_ADMIN,
  list_metadef_resource_types: ADMIN_OR_METADEF_READER,
  get_metadef_resource_type: ADMIN_OR_METADEF_READER,
  add_metadef_resource_type_association: METADEF_ADMIN,
  remove_metadef_resource_type_association: METADEF_ADMIN,
  get_metadef_property: ADMIN_OR_METADEF_READER,
  get_metadef_properties: ADMIN_OR_METADEF_READER,
  modify_metadef_property: METADEF_ADMIN,
  add_metadef_property: METADEF_ADMIN,
  remove_metadef_property: METADEF_ADMIN,
  get_metadef_tag: ADMIN_OR_METADEF_READER,
  get_metadef_tags: ADMIN_OR_METADEF_READER,
  modify_metadef_tag: METADEF_ADMIN,
  add_metadef_tag: METADEF_ADMIN,
  add_metadef_tags: METADEF_ADMIN,
  delete_metadef_tag: METADEF_ADMIN,
  delete_metadef_tags: METADEF_ADMIN,
} satisfies Record<string, string>
