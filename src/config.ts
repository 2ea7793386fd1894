import type { z } from 'zod'
import { ConfigError } from './errors.ts'
import { shownMistake, shownName, shownValue } from './masking.ts'
import { SECTIONS } from './options.ts'

type Sections = typeof SECTIONS
export type Config = { readonly [S in keyof Sections]: Readonly<z.output<Sections[S]>> }

/** Values as they are written in a file, the environment or on the command line: section → option → text. */
export type RawConfig = Record<string, Record<string, string>>

export interface LoadedConfig {
  config: Config
  /** One sentence for each option that means nothing here, or is written as it no longer should be. */
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
  return { config, warnings: [...unknownOptions(merged), ...oldZeros(merged)] }
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
      const lines = Object.keys(shape.shape).map((option) => {
        const text = written(values[option])
        return `${option} = ${isSecret(section, option) && text !== '' ? '***' : text}`
      })
      return `[${section}]\n${lines.join('\n')}\n`
    })
    .join('\n')
}

function written(value: unknown): string {
  if (value === null) return ''
  if (value === Infinity) return '-1'
  return shownValue(Array.isArray(value) ? value.join(',') : String(value))
}

/** Whether what is written there has secrets, so that it is not for everybody to read. */
export function holdsSecrets(raw: RawConfig): boolean {
  return Object.entries(raw).some(([section, options]) =>
    Object.entries(options).some(
      ([option, value]) =>
        value !== '' && (isSecret(section, option) || shownValue(value) !== value),
    ),
  )
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
    const given = raw[section]?.[option] ?? ''
    const shown = isSecret(section, option) ? '***' : shownMistake(given)
    return `[${section}] ${option}: got "${shown}", wanted ${message}`
  })
}

const LOOPBACK = ['127.0.0.1', '::1', 'localhost']

/** What is wrong with options together. */
function contradictions(config: Config): string[] {
  return [
    ...openDoors(config),
    ...missingForTokens(config),
    ...missingForKeystone(config),
    ...missingForLimits(config),
  ]
}

function openDoors({ DEFAULT, paste_deploy, heliostat }: Config): string[] {
  if (paste_deploy.flavor !== '' || heliostat.allow_unauthenticated) return []
  if (LOOPBACK.includes(DEFAULT.bind_host)) return []
  return [
    `[DEFAULT] bind_host: got "${shownMistake(DEFAULT.bind_host)}", wanted a loopback address, since without ` +
      '[paste_deploy] flavor every caller is an administrator. Choose flavor = keystone, trusted or ' +
      'token, or force it with [heliostat] allow_unauthenticated = true',
  ]
}

function missingForTokens({ paste_deploy, heliostat }: Config): string[] {
  if (paste_deploy.flavor !== 'token') return []
  if (heliostat.token_file !== null || heliostat.tokens !== null) return []
  return ['[heliostat] token_file: got "", wanted a file, since flavor = token']
}

function missingForKeystone({ paste_deploy, keystone_authtoken }: Config): string[] {
  if (paste_deploy.flavor !== 'keystone') return []
  const { application_credential_id } = keystone_authtoken
  const options = application_credential_id
    ? (['auth_url', 'application_credential_secret'] as const)
    : (['auth_url', 'username', 'password', 'project_name'] as const)
  return options
    .filter((option) => keystone_authtoken[option] === null)
    .map((option) => `[keystone_authtoken] ${option}: got "", wanted one, since flavor = keystone`)
}

/**
 * Limits are read by a user with a password: the one of `[oslo_limit]`, or else the one who validates tokens. An
 * application credential will not do, since Keystone binds it to one project and shows it no other project's limits.
 */
function missingForLimits({ DEFAULT, oslo_limit, keystone_authtoken }: Config): string[] {
  if (!DEFAULT.use_keystone_limits) return []
  const user = oslo_limit.username === null ? keystone_authtoken : oslo_limit
  const wanted = {
    endpoint_id: oslo_limit.endpoint_id,
    auth_url: oslo_limit.auth_url ?? keystone_authtoken.auth_url,
    username: user.username,
    password: user.password,
  }
  return Object.entries(wanted)
    .filter(([, value]) => value === null)
    .map(
      ([option]) => `[oslo_limit] ${option}: got "", wanted one, since use_keystone_limits = true`,
    )
}

/** An edge is a site that follows another one. */
export function isEdge({ mirror }: Pick<Config, 'mirror'>): boolean {
  return mirror.upstream.length > 0
}

function unknownOptions(raw: RawConfig): string[] {
  return Object.entries(raw).flatMap(([section, options]) => {
    const shape = shapeOf(section)
    return Object.keys(options)
      .filter((option) => !Object.hasOwn(shape, option))
      .map(
        (option) =>
          `Option [${shownName(section)}] ${shownName(option)} means nothing here and is ignored`,
      )
  })
}

/** Of a configuration without mistakes, in which all of these are numbers. */
function oldZeros(raw: RawConfig): string[] {
  return Object.entries(raw).flatMap(([section, options]) =>
    Object.entries(options)
      .filter(([option, value]) => metaOf(section, option, 'zeroIsNoLimit') && Number(value) === 0)
      .map(
        ([option]) =>
          `Option [${section}] ${option} = 0 is taken for no limit, as it used to be: write -1 instead`,
      ),
  )
}

function shapeOf(section: string): Readonly<Record<string, z.ZodType>> {
  return Object.hasOwn(SECTIONS, section) ? SECTIONS[section as keyof Sections].shape : {}
}

function isSecret(section: string, option: string): boolean {
  return metaOf(section, option, 'secret')
}

function metaOf(section: string, option: string, key: 'secret' | 'zeroIsNoLimit'): boolean {
  const shape = shapeOf(section)
  return Object.hasOwn(shape, option) && shape[option]?.meta()?.[key] === true
}
