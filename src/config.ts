import { z } from 'zod'
import { HASH_ALGORITHMS, VISIBILITIES } from '../schema/tables.ts'
import { ConfigError } from './errors.ts'

const MIB = 1024 * 1024
const UNITS: Record<string, number> = {
  '': 1,
  B: 1,
  KB: 2 ** 10,
  MB: 2 ** 20,
  GB: 2 ** 30,
  TB: 2 ** 40,
}

const text = (fallback: string) => z.string().default(fallback)
const optionalText = z
  .string()
  .transform((value) => value || null)
  .nullable()
  .default(null)

/** An address that paths are put behind. */
const baseUrl = z
  .string()
  .transform((value) => value.replace(/\/+$/, '') || null)
  .nullable()
  .default(null)

const integer = (fallback: number, { min = 0, max = Number.MAX_SAFE_INTEGER } = {}) =>
  z
    .string()
    .regex(/^-?\d+$/, 'a whole number')
    .transform(Number)
    .pipe(z.number().min(min, `at least ${min}`).max(max, `at most ${max}`))
    .default(fallback)

const TRUE = ['true', '1', 'yes', 'on']
const FALSE = ['false', '0', 'no', 'off']

const flag = (fallback: boolean) =>
  z
    .string()
    .toLowerCase()
    .pipe(z.enum([...TRUE, ...FALSE], 'true or false'))
    .transform((value) => TRUE.includes(value))
    .default(fallback)

/** Comma separated, with or without the brackets that Glance's own list options have. */
const list = (fallback: string[]) =>
  z
    .string()
    .transform((value) => value.replace(/^\[(.*)\]$/, '$1').split(','))
    .transform((items) => items.map((item) => item.trim()).filter((item) => item !== ''))
    .default(fallback)

const choice = <const T extends readonly [string, ...string[]]>(options: T, fallback: T[number]) =>
  z.enum(options, `one of: ${options.map((option) => `"${option}"`).join(', ')}`).default(fallback)

/** Bytes, with an optional unit as in Glance's `user_storage_quota`: B, KB, MB, GB, TB. */
const bytes = (fallback: number) =>
  z
    .string()
    .regex(/^\d+ *(B|KB|MB|GB|TB)?$/, 'a number of bytes such as 8388608 or 8MB')
    .transform((value) => parseInt(value, 10) * (UNITS[value.replace(/[\d ]/g, '')] ?? 1))
    .default(fallback)

const chunkSize = bytes(8 * MIB).refine(
  (size) => size >= MIB && size <= 64 * MIB && Number.isInteger(Math.log2(size)),
  'a power of two from 1MB to 64MB',
)

/** From when to when, local time; it may go past midnight. */
const DAILY_WINDOW = /^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$/

const DATABASE = /^(sqlite:\/\/\/|file:|libsql:\/\/|https?:\/\/)./

/**
 * Every option, by section as in glance-api.conf. Those that Glance has are named, and mean, as they do there;
 * `[heliostat]` holds our own. `[glance_store]` and `[database]` name what only Node and Deno have a default for.
 */
const SECTIONS = {
  DEFAULT: z.object({
    bind_host: text('127.0.0.1'),
    bind_port: integer(9292, { max: 65535 }),
    log_file: optionalText,
    debug: flag(false),
    public_endpoint: baseUrl,
    limit_param_default: integer(25, { min: 1 }),
    api_limit_max: integer(1000, { min: 1 }),
    image_property_quota: integer(128, { min: -1 }),
    image_tag_quota: integer(128, { min: -1 }),
    image_cache_max_size: bytes(10 * 2 ** 30),
    image_size_cap: integer(2 ** 40, { min: 1, max: 2 ** 53 - 1 }),
    hashing_algorithm: choice(HASH_ALGORITHMS, 'sha512'),
    require_image_format_match: flag(true),
    max_request_id_length: integer(64, { min: 1 }),
  }),
  database: z.object({
    connection: z
      .string()
      .regex(DATABASE, 'sqlite:///PATH, file:PATH, libsql://HOST or http(s)://HOST')
      .or(z.literal('').transform(() => null))
      .nullable()
      .default(null),
    auth_token: optionalText.meta({ secret: true }),
  }),
  glance_store: z.object({ filesystem_store_datadir: optionalText }),
  image_format: z.object({
    disk_formats: list('ami,ari,aki,vhd,vhdx,vmdk,raw,qcow2,vdi,iso,ploop'.split(',')),
    container_formats: list('ami,ari,aki,bare,ovf,ova,docker,compressed'.split(',')),
  }),
  paste_deploy: z.object({ flavor: choice(['', 'trusted', 'token'], '') }),
  healthcheck: z.object({ disable_by_file_path: text('/etc/glance/healthcheck_disable') }),
  mirror: z.object({
    tokens: list([]).meta({ secret: true }),
    feed_rows: integer(100_000, { min: 1 }),
    upstream: list([]),
    upstream_token: optionalText.meta({ secret: true }),
    pin_visibility: list([]).refine(
      (values) => values.every((value) => VISIBILITIES.some((known) => known === value)),
      `some of: ${VISIBILITIES.join(', ')}`,
    ),
    pin_tag: list([]),
    pin_name: list([]),
    pin_newest: integer(0),
    prefetch_mbits: integer(0),
    scrub_mbits: integer(80),
    prefetch_window: text('').refine(
      (value) => value === '' || DAILY_WINDOW.test(value),
      'hours of the day such as 22:00-06:00',
    ),
  }),
  heliostat: z.object({
    data_dir: text('./data'),
    chunk_size: chunkSize,
    token_file: optionalText,
    tokens: optionalText.meta({ secret: true }),
    trusted_addresses: list(['127.0.0.0/8', '::1']),
    allow_unauthenticated: flag(false),
    sweep_grace: integer(3600),
    shutdown_timeout: integer(30),
    metrics: flag(true),
  }),
}

type Sections = typeof SECTIONS
export type Config = { readonly [S in keyof Sections]: Readonly<z.output<Sections[S]>> }

/** Values as they are written in a file, the environment or on the command line: section → option → text. */
export type RawConfig = Record<string, Record<string, string>>

export interface LoadedConfig {
  config: Config
  /** One sentence for each option that means nothing here. */
  warnings: string[]
}

/**
 * Makes one complete configuration of several sources, the later ones winning option by option. Throws a ConfigError
 * that lists every mistake at once.
 */
export function loadConfig(...sources: RawConfig[]): LoadedConfig {
  const merged = merge(sources)
  const mistakes: string[] = []
  const entries = Object.entries(SECTIONS).map(([section, shape]) => {
    const parsed = shape.safeParse(merged[section] ?? {})
    if (!parsed.success) mistakes.push(...explain(section, merged, parsed.error))
    return [section, parsed.data]
  })
  const config: Config = Object.fromEntries(entries)
  if (mistakes.length === 0) mistakes.push(...contradictions(config))
  if (mistakes.length > 0) throw new ConfigError(mistakes.join('\n'))
  return { config, warnings: unknownOptions(merged) }
}

const PREFIX = 'HELIOSTAT_'

/** What `heliostat mirror` says to a running site; no options of the service. */
const FOR_CLIENTS = ['HELIOSTAT_TOKEN', 'HELIOSTAT_MIRROR_TOKEN']

/** `HELIOSTAT_DATABASE__CONNECTION` → [database] connection; without a section it is [DEFAULT]'s. */
export function fromEnvironment(environment: Record<string, unknown>): RawConfig {
  const raw: RawConfig = {}
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith(PREFIX) || FOR_CLIENTS.includes(name) || typeof value !== 'string')
      continue
    const [first = '', second] = name.slice(PREFIX.length).toLowerCase().split('__')
    const section = second === undefined || first === 'default' ? 'DEFAULT' : first
    raw[section] = { ...raw[section], [second ?? first]: value }
  }
  return raw
}

/** The configuration in the form of its file, with secrets masked. */
export function describeConfig(config: Config): string {
  return Object.entries(SECTIONS)
    .map(([section, shape]) => {
      const values: Record<string, unknown> = config[section as keyof Config]
      const lines = Object.entries(shape.shape).map(([option, type]) => {
        const secret = type.meta()?.['secret'] === true
        return `${option} = ${secret && written(values[option]) ? '***' : written(values[option])}`
      })
      return `[${section}]\n${lines.join('\n')}\n`
    })
    .join('\n')
}

function written(value: unknown): string {
  if (value === null) return ''
  return hideCredentials(Array.isArray(value) ? value.join(',') : String(value))
}

/** `libsql://user:password@host?authToken=…` may stand in an option that is no secret otherwise. */
export function hideCredentials(value: string): string {
  return value.replace(/\/\/[^/\s]*@/g, '//***@').replace(/([?&]authToken=)[^&#\s]*/gi, '$1***')
}

function merge(sources: RawConfig[]): RawConfig {
  const merged: RawConfig = {}
  for (const source of sources) {
    for (const [section, options] of Object.entries(source)) {
      merged[section] = { ...merged[section], ...options }
    }
  }
  return merged
}

function explain(section: string, raw: RawConfig, error: z.ZodError): string[] {
  return error.issues.map(({ path, message }) => {
    const option = String(path[0])
    const given = hideCredentials(raw[section]?.[option] ?? '')
    return `[${section}] ${option}: got "${given}", wanted ${message}`
  })
}

const LOOPBACK = ['127.0.0.1', '::1', 'localhost']

/** What is wrong with options together. */
function contradictions({ DEFAULT, paste_deploy, heliostat }: Config): string[] {
  const { flavor } = paste_deploy
  const mistakes: string[] = []
  if (flavor === '' && !LOOPBACK.includes(DEFAULT.bind_host) && !heliostat.allow_unauthenticated) {
    mistakes.push(
      `[DEFAULT] bind_host: got "${DEFAULT.bind_host}", wanted a loopback address, since without ` +
        '[paste_deploy] flavor every caller is an administrator. Choose flavor = trusted or token, ' +
        'or force it with [heliostat] allow_unauthenticated = true',
    )
  }
  if (flavor === 'token' && heliostat.token_file === null && heliostat.tokens === null) {
    mistakes.push('[heliostat] token_file: got "", wanted a file, since flavor = token')
  }
  return mistakes
}

function unknownOptions(raw: RawConfig): string[] {
  return Object.entries(raw).flatMap(([section, options]) => {
    const shape = Object.hasOwn(SECTIONS, section) ? SECTIONS[section as keyof Sections].shape : {}
    return Object.keys(options)
      .filter((option) => !Object.hasOwn(shape, option))
      .map((option) => `Option [${section}] ${option} means nothing here and is ignored`)
  })
}
