import type { z } from 'zod'
import { warningsOf } from './config-warnings.ts'
import { contradictions } from './contradictions.ts'
import { ConfigError } from './errors.ts'
import { inCurrentWords } from './former-options.ts'
import { shownMistake, shownValue } from './masking.ts'
import { type Config, isMarked, type RawConfig, SECTIONS } from './options.ts'
import { readStores } from './store-config.ts'
import { SINGLE_STORE_OPTIONS } from './store-options.ts'

export type { Config, RawConfig } from './options.ts'

export interface LoadedConfig {
  config: Config
  /** One sentence for each option that means nothing here, has no effect, or is written as it no longer should be. */
  warnings: string[]
}

/**
 * Makes one complete configuration of several sources, the later ones winning option by option. Throws a ConfigError
 * that lists every mistake at once, after the options that mean nothing: one of these may be what was meant.
 */
export function loadConfig(...sources: RawConfig[]): LoadedConfig {
  const current = sources.map(inCurrentWords)
  const merged = merge(current.map(({ raw }) => raw))
  const mistakes: string[] = []
  const entries = Object.entries(SECTIONS).map(([section, shape]) => {
    const parsed = shape.safeParse(merged[section] ?? {})
    if (!parsed.success) mistakes.push(...explain(section, merged, parsed.error))
    return [section, parsed.data]
  })
  const stores = readStores(merged, (section, error) => explain(section, merged, error))
  mistakes.push(...stores.mistakes.filter((mistake) => !mistakes.includes(mistake)))
  const caching = CACHING.test(merged['paste_deploy']?.['flavor'] ?? '')
  const config: Config = { ...Object.fromEntries(entries), stores: stores.stores, caching }
  const isWhole = mistakes.length === 0
  if (isWhole) mistakes.push(...contradictions(config))
  const warnings = [
    ...current.flatMap((source) => source.warnings),
    ...stores.warnings,
    ...warningsOf(merged, isWhole ? config : null),
  ]
  if (mistakes.length > 0) throw new ConfigError([...warnings, ...mistakes].join('\n'))
  return { config, warnings }
}

/** What Glance calls the flavors that keep images on the node. */
const CACHING = /(^|\+)(caching|cachemanagement)$/

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
  const { stores, DEFAULT } = config
  const isNamed = DEFAULT.enabled_backends.length > 0
  const sections = Object.keys(SECTIONS).map((section) => {
    const single = section === 'glance_store' && !isNamed ? singleStoreOptions(config) : {}
    return describeSection(section, { ...config[section as keyof typeof SECTIONS], ...single })
  })
  const named = isNamed ? stores.map(({ id, options }) => describeSection(id, options)) : []
  return [...sections, ...named].join('\n')
}

/** What stands in one section for all stores together, where they have no names. */
function singleStoreOptions({ stores }: Config): Record<string, unknown> {
  const options = stores.flatMap((store) => Object.entries(store.options))
  return Object.fromEntries(
    options.filter(([option]) => Object.hasOwn(SINGLE_STORE_OPTIONS, option)),
  )
}

function describeSection(section: string, values: Readonly<Record<string, unknown>>): string {
  const lines = Object.entries(values).map(([option, value]) => {
    const text = written(value)
    return `${option} = ${isMarked(section, option, 'secret') && text !== '' ? '***' : text}`
  })
  return `[${section}]\n${lines.join('\n')}\n`
}

function written(value: unknown): string {
  if (value === null) return ''
  if (value === Infinity) return '-1'
  // In a file `$` begins the name of another option.
  return shownValue(textOf(value)).replaceAll('$', '$$$$')
}

function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.join(',')
  if (typeof value !== 'object' || value === null) return String(value)
  return Object.entries(value)
    .map(([name, text]) => `${name}:${text}`)
    .join(',')
}

/** Whether what is written there has secrets, so that it is not for everybody to read. */
export function holdsSecrets(raw: RawConfig): boolean {
  return Object.entries(raw).some(([section, options]) =>
    Object.entries(options).some(
      ([option, value]) =>
        value !== '' && (isMarked(section, option, 'secret') || shownValue(value) !== value),
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
    const shown = isMarked(section, option, 'secret') ? '***' : shownMistake(given)
    return `[${section}] ${option}: got "${shown}", wanted ${message}`
  })
}

/** Whether stores have names that callers may use, as with Glance's several backends. An edge has one store, without a name. */
export function hasNamedStores(config: Pick<Config, 'DEFAULT' | 'mirror'>): boolean {
  return config.DEFAULT.enabled_backends.length > 0 && !isEdge(config)
}

/** An edge is a site that follows another one. */
export function isEdge({ mirror }: Pick<Config, 'mirror'>): boolean {
  return mirror.upstream.length > 0
}
