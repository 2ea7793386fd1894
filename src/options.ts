import { z } from 'zod'
import { HASH_ALGORITHMS } from '../schema/hash-algorithms.ts'
import { IMPORT_METHODS } from '../schema/import-methods.ts'
import { VISIBILITIES } from '../schema/tables.ts'
import { CHECKSUMS } from './blobs/digest.ts'
import {
  BASE_URL,
  baseUrl,
  bytes,
  choice,
  flag,
  integer,
  isBaseUrl,
  limit,
  limitOnceZero,
  list,
  MIB,
  oneOf,
  optionalText,
  quota,
  someOf,
  text,
} from './option-kinds.ts'
import { IMPORT_SECTIONS } from './import-options.ts'
import type { StoreConfig } from './store-config.ts'
import { SINGLE_STORE_OPTIONS } from './store-options.ts'

const chunkSize = bytes(8 * MIB).refine(
  (size) => size >= MIB && size <= 64 * MIB && Number.isInteger(Math.log2(size)),
  'a power of two from 1MB to 64MB',
)

/** From when to when, local time; it may go past midnight. */
const DAILY_WINDOW = /^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$/

const FLAVORS = ['', 'trusted', 'token', 'keystone'] as const

/** Glance's own files name its middlewares here too; the ones of its cache are an edge's own affair. */
const flavor = z
  .string()
  .transform((value) => value.replace(/(^|\+)(caching|cachemanagement)$/, ''))
  .pipe(z.enum(FLAVORS, oneOf(FLAVORS)))
  .default('')

const CORS_REQUEST_HEADERS = [
  'Content-MD5',
  'X-Image-Meta-Checksum',
  'X-Storage-Token',
  'Accept-Encoding',
  'X-Auth-Token',
  'X-Identity-Status',
  'X-Roles',
  'X-Service-Catalog',
  'X-User-Id',
  'X-Tenant-Id',
  'X-OpenStack-Request-ID',
]

const CORS_RESPONSE_HEADERS = [
  'X-Image-Meta-Checksum',
  'X-Auth-Token',
  'X-Subject-Token',
  'X-Service-Token',
  'X-OpenStack-Request-ID',
]

const DATABASE = /^(sqlite:\/\/\/|file:|libsql:\/\/|https?:\/\/)./
const CONNECTION =
  'sqlite:///PATH, file:PATH, libsql://HOST or http(s)://HOST: what Glance has in its database is not read here'

const PASSWORD_PLUGINS = ['', 'password', 'v3password'] as const

/**
 * Every option, by section as in glance-api.conf. Those that Glance has are named, and mean, as they do there;
 * `[mirror]` and `[heliostat]` hold our own, of which `-1` is no limit and `0` is none at all. `[database]` names what
 * only Node and Deno have a default for. What a store is given is in store-options.ts.
 */
export const SECTIONS = {
  DEFAULT: z.object({
    bind_host: text('127.0.0.1'),
    bind_port: integer(9292, { max: 65535 }),
    log_file: optionalText,
    debug: flag(false),
    workers: integer(1),
    public_endpoint: baseUrl,
    limit_param_default: integer(25, { min: 1 }),
    api_limit_max: integer(1000, { min: 1 }),
    image_member_quota: quota(128),
    image_property_quota: quota(128),
    image_tag_quota: quota(128),
    image_location_quota: quota(10),
    show_image_direct_url: flag(false),
    show_multiple_locations: flag(false),
    user_storage_quota: bytes(0),
    use_keystone_limits: flag(false),
    enabled_backends: list([]),
    location_strategy: choice(['location_order', 'store_type'], 'location_order'),
    image_cache_dir: optionalText,
    image_cache_max_size: bytes(10 * 2 ** 30),
    image_size_cap: integer(2 ** 40, { min: 1, max: 2 ** 63 }),
    hashing_algorithm: choice(HASH_ALGORITHMS, 'sha512'),
    max_request_id_length: integer(64),
    allow_anonymous_access: flag(false),
    property_protection_file: optionalText,
    property_protection_rule_format: choice(['roles', 'policies'], 'roles'),
    enabled_import_methods: someOf(IMPORT_METHODS, ['glance-direct', 'web-download', 'copy-image']),
    delayed_delete: flag(false),
    scrub_time: integer(0),
    secure_proxy_ssl_header: optionalText,
  }),
  database: z.object({
    connection: z
      .string()
      .regex(DATABASE, CONNECTION)
      .or(z.literal('').transform(() => null))
      .nullable()
      .default(null),
    auth_token: optionalText.meta({ secret: true }),
  }),
  glance_store: z.object({
    stores: list(['file', 'http']),
    default_store: text('file'),
    default_backend: optionalText,
  }),
  store_type_location_strategy: z.object({ store_type_preference: list([]) }),
  image_format: z.object({
    disk_formats: list('ami,ari,aki,vhd,vhdx,vmdk,raw,qcow2,vdi,iso,ploop'.split(',')),
    container_formats: list('ami,ari,aki,bare,ovf,ova,docker,compressed'.split(',')),
    gpt_safety_checks_nonfatal: list([]),
    require_image_format_match: flag(true),
  }),
  paste_deploy: z.object({ flavor }),
  keystone_authtoken: z.object({
    auth_type: choice([...PASSWORD_PLUGINS, 'v3applicationcredential'], ''),
    auth_url: baseUrl,
    www_authenticate_uri: optionalText,
    username: optionalText,
    user_domain_id: optionalText,
    user_domain_name: optionalText,
    password: optionalText.meta({ secret: true }),
    project_name: optionalText,
    project_domain_id: optionalText,
    project_domain_name: optionalText,
    application_credential_id: optionalText,
    application_credential_secret: optionalText.meta({ secret: true }),
    http_connect_timeout: integer(10, { min: 1 }),
    token_cache_time: integer(300, { min: -1 }),
    service_type: text('image'),
    service_token_roles: list(['service']),
    service_token_roles_required: flag(true),
  }),
  oslo_policy: z.object({ policy_file: optionalText }),
  oslo_limit: z.object({
    endpoint_id: optionalText,
    auth_type: choice(PASSWORD_PLUGINS, ''),
    auth_url: baseUrl,
    username: optionalText,
    user_domain_id: optionalText,
    user_domain_name: optionalText,
    password: optionalText.meta({ secret: true }),
    system_scope: choice(['all'], 'all'),
  }),
  oslo_middleware: z.object({ enable_proxy_headers_parsing: flag(false) }),
  cors: z.object({
    allowed_origin: list([]),
    allow_credentials: flag(true),
    allow_headers: list(CORS_REQUEST_HEADERS),
    allow_methods: list(['GET', 'PUT', 'POST', 'DELETE', 'PATCH']),
    expose_headers: list(CORS_RESPONSE_HEADERS),
    max_age: integer(3600),
  }),
  ...IMPORT_SECTIONS,
  healthcheck: z.object({ disable_by_file_path: text('/etc/glance/healthcheck_disable') }),
  barbican: z.object({
    barbican_endpoint: baseUrl,
    auth_endpoint: baseUrl,
    barbican_endpoint_type: choice(['public', 'internal', 'admin'], 'public'),
    barbican_region_name: optionalText,
    verify_ssl: flag(true),
    verify_ssl_path: optionalText,
  }),
  mirror: z.object({
    tokens: list([]).meta({ secret: true }),
    feed_rows: integer(100_000, { min: 1 }),
    upstream: list([]).refine((urls) => urls.every(isBaseUrl), BASE_URL),
    upstream_token: optionalText.meta({ secret: true }),
    pin_visibility: list([]).refine(
      (values) => values.every((value) => VISIBILITIES.some((known) => known === value)),
      `some of: ${VISIBILITIES.join(', ')}`,
    ),
    pin_tag: list([]),
    pin_name: list([]),
    pin_newest: limitOnceZero(-1),
    prefetch_mbits: limitOnceZero(-1),
    scrub_mbits: limit(80),
    prefetch_window: text('').refine(
      (value) => value === '' || DAILY_WINDOW.test(value),
      'hours of the day such as 22:00-06:00',
    ),
  }),
  heliostat: z.object({
    data_dir: text('./data'),
    chunk_size: chunkSize,
    checksum: choice(CHECKSUMS, 'md5'),
    signature_certificates: optionalText,
    signature_ca_file: optionalText,
    token_file: optionalText,
    tokens: optionalText.meta({ secret: true }),
    trusted_addresses: list(['127.0.0.0/8', '::1']),
    allow_unauthenticated: flag(false),
    sweep_grace: integer(3600),
    import_timeout: limit(24 * 3600),
    staged_hours: limit(48),
    shutdown_timeout: integer(30),
    metrics: flag(true),
  }),
}

type Sections = typeof SECTIONS
export type Config = { readonly [S in keyof Sections]: Readonly<z.output<Sections[S]>> } & {
  /** In the order in which they are configured. */
  readonly stores: readonly StoreConfig[]
  /** Whether images that lie elsewhere are to be kept on this node. */
  readonly caching: boolean
}

/** Values as they are written in a file, the environment or on the command line: section → option → text. */
export type RawConfig = Record<string, Record<string, string>>

/** The options of a section; none of one that is not known. */
export function optionsOf(section: string): Readonly<Record<string, z.ZodType>> {
  return Object.hasOwn(SECTIONS, section) ? SECTIONS[section as keyof Sections].shape : {}
}

/** What is noted of an option beside its kind. A section that is none of these may be that of a store. */
export function isMarked(
  section: string,
  option: string,
  key: 'secret' | 'zeroIsNoLimit',
): boolean {
  const options = { ...SINGLE_STORE_OPTIONS, ...optionsOf(section) }
  const known: Readonly<Record<string, z.ZodType>> = options
  return Object.hasOwn(known, option) && known[option]?.meta()?.[key] === true
}
