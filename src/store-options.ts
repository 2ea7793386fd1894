/** The options of each kind of store, named and meant as in Glance. */
import { z } from 'zod'
import { baseUrl, choice, flag, integer, list, optionalText, text } from './option-kinds.ts'

const secret = optionalText.meta({ secret: true })

/** What every store may be given. Of several that have an image the one with the highest weight is read. */
const COMMON = {
  store_description: optionalText,
  weight: integer(0, { min: -(2 ** 31) }),
}

const S3_OPTIONS = {
  s3_store_host: optionalText,
  s3_store_region_name: optionalText,
  s3_store_access_key: secret,
  s3_store_secret_key: secret,
  s3_store_bucket: optionalText,
  s3_store_create_bucket_on_put: flag(false),
  s3_store_bucket_url_format: choice(['auto', 'virtual', 'path'], 'auto'),
  s3_store_cacert: optionalText,
}

const SWIFT_OPTIONS = {
  swift_store_auth_version: choice(['3', '2', '1'], '3'),
  swift_store_auth_address: baseUrl,
  swift_store_auth_insecure: flag(false),
  swift_store_cacert: optionalText,
  swift_store_user: optionalText,
  swift_store_key: secret,
  swift_store_application_credential_id: optionalText,
  swift_store_application_credential_secret: secret,
  swift_store_config_file: optionalText,
  default_swift_reference: text('ref1'),
  swift_store_region: optionalText,
  swift_store_endpoint: baseUrl,
  swift_store_endpoint_type: choice(['publicURL', 'internalURL', 'adminURL'], 'publicURL'),
  swift_store_service_type: text('object-store'),
  swift_store_container: text('glance'),
  swift_store_create_container_on_put: flag(false),
  swift_store_expire_soon_interval: integer(60),
  swift_store_retry_get_count: integer(0),
  swift_store_multi_tenant: flag(false).refine(
    (value) => !value,
    'false: with true each image would be readable only with the token of whoever asks for it, so no edge and no upkeep could read it',
  ),
}

const RBD_OPTIONS = {
  rbd_store_pool: text('images'),
  rbd_store_user: optionalText,
  rbd_store_ceph_conf: text(''),
  rbd_store_chunk_size: integer(8, { min: 1, max: 32 }).refine(
    (size) => Number.isInteger(Math.log2(size)),
    'a power of two from 1 to 32',
  ),
  rbd_thin_provisioning: flag(false),
  rados_connect_timeout: integer(0),
}

const VMWARE_OPTIONS = {
  vmware_server_host: optionalText,
  vmware_server_username: optionalText,
  vmware_server_password: secret,
  vmware_datastores: list([]),
  vmware_store_image_dir: text('/openstack_glance'),
  vmware_api_retry_count: integer(10, { min: 1 }),
  vmware_task_poll_interval: integer(5, { min: 1 }),
  vmware_insecure: flag(false),
  vmware_ca_file: optionalText,
}

const HTTP_OPTIONS = {
  https_ca_certificates_file: optionalText,
  // In Glance it is true: whoever sits between could put another image in place of the one that was registered.
  https_insecure: flag(false),
}

const FILE_OPTIONS = {
  filesystem_store_datadir: optionalText,
  filesystem_store_datadirs: list([]),
}

/** By the names that stand in `enabled_backends`. `r2` is ours: a bucket that is bound to a Worker. */
export const STORE_KINDS = {
  file: z.object({ ...FILE_OPTIONS, ...COMMON }),
  s3: z.object({ ...S3_OPTIONS, ...COMMON }),
  swift: z.object({ ...SWIFT_OPTIONS, ...COMMON }),
  rbd: z.object({ ...RBD_OPTIONS, ...COMMON }),
  vmware: z.object({ ...VMWARE_OPTIONS, ...COMMON }),
  http: z.object({ ...HTTP_OPTIONS, ...COMMON }),
  r2: z.object({ r2_binding: text('BLOBS'), ...COMMON }),
}

export type StoreKind = keyof typeof STORE_KINDS
export type StoreOptions<K extends StoreKind> = Readonly<z.output<(typeof STORE_KINDS)[K]>>

/** What a kind of store cannot do without. */
const REQUIRED: Partial<Record<StoreKind, readonly string[]>> = {
  s3: ['s3_store_host', 's3_store_bucket'],
  vmware: [
    'vmware_server_host',
    'vmware_server_username',
    'vmware_server_password',
    'vmware_datastores',
  ],
}
const SWIFT_PASSWORD = ['swift_store_user', 'swift_store_key']
const SWIFT_CREDENTIAL = [
  'swift_store_application_credential_id',
  'swift_store_application_credential_secret',
]

/** Which options a store of a kind lacks. */
export function missingOptions(kind: StoreKind, given: Readonly<Record<string, string>>): string[] {
  const login = kind === 'swift' && !given['swift_store_config_file'] ? swiftLogin(given) : []
  return [...(REQUIRED[kind] ?? []), ...login].filter((option) => !given[option])
}

function swiftLogin(given: Readonly<Record<string, string>>): readonly string[] {
  const hasCredential = SWIFT_CREDENTIAL.some((option) => given[option])
  return ['swift_store_auth_address', ...(hasCredential ? SWIFT_CREDENTIAL : SWIFT_PASSWORD)]
}

/** What may be written several times in a file, each time with one more value. */
export const REPEATED_OPTIONS: readonly string[] = [
  'filesystem_store_datadirs',
  'vmware_datastores',
]

/** All of them, as `[glance_store]` takes them for a single store. */
export const SINGLE_STORE_OPTIONS = {
  ...FILE_OPTIONS,
  ...S3_OPTIONS,
  ...SWIFT_OPTIONS,
  ...RBD_OPTIONS,
  ...VMWARE_OPTIONS,
  ...HTTP_OPTIONS,
}

export function isStoreKind(name: string): name is StoreKind {
  return Object.hasOwn(STORE_KINDS, name)
}
