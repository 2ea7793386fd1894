/** Which stores there are: several that `enabled_backends` names, or those of `[glance_store]` of which one is written. */
import type { z } from 'zod'
import { shownMistake, shownName } from './masking.ts'
import { oneOf, splitList } from './option-kinds.ts'
import { type Config, SECTIONS } from './options.ts'
import {
  missingOptions,
  isStoreKind,
  SINGLE_STORE_OPTIONS,
  STORE_KINDS,
  type StoreKind,
  type StoreOptions,
} from './store-options.ts'

/** Values as they are written: section → option → text. */
type Raw = Readonly<Record<string, Readonly<Record<string, string>> | undefined>>

interface StoreConfigOf<K extends StoreKind> {
  id: string
  kind: K
  /** Where an upload goes that names no store. */
  isDefault: boolean
  options: StoreOptions<K>
}

export type StoreConfig = { readonly [K in StoreKind]: Readonly<StoreConfigOf<K>> }[StoreKind]

/** What the configuration says of one store, before it has been checked. */
interface NamedStore {
  id: string
  kind: StoreKind
  isDefault: boolean
  section: string
}

export interface ReadStores {
  stores: StoreConfig[]
  mistakes: string[]
  warnings: string[]
}

const SINGLE = 'glance_store'
/** Glance's own names for where it stages data, and keeps tasks. */
const RESERVED = /^os_glance_/
const KINDS = Object.keys(STORE_KINDS)
const OTHER_SECTIONS = Object.keys(SECTIONS).map((section) => section.toLowerCase())

/** Whether stores have names, which callers then may use. */
export function namesStores(raw: Raw): boolean {
  return splitList(raw['DEFAULT']?.['enabled_backends'] ?? '').length > 0
}

/** The sections that stores have their options in, with those that each may have. */
export function storeSections(raw: Raw): Record<string, Readonly<Record<string, z.ZodType>>> {
  if (!namesStores(raw)) return { [SINGLE]: SINGLE_STORE_OPTIONS }
  const { named } = nameSeveral(raw)
  return Object.fromEntries(named.map(({ section, kind }) => [section, STORE_KINDS[kind].shape]))
}

/** The stores of a configuration, in its order, with a sentence for each mistake, and for each that is left out. */
export function readStores(
  raw: Raw,
  explain: (section: string, error: z.ZodError) => string[],
): ReadStores {
  const { named, mistakes, warnings } = nameStores(raw)
  const stores: StoreConfig[] = []
  for (const { id, kind, isDefault, section } of named) {
    const given = section === SINGLE ? ofKind(raw[section] ?? {}, kind) : (raw[section] ?? {})
    const { data, error } = STORE_KINDS[kind].safeParse(given)
    const missing = missingOptions(kind, given)
    if (error) mistakes.push(...explain(section, error))
    else if (missing.length === 0)
      stores.push({ id, kind, isDefault, options: data } as StoreConfig)
    else if (isDefault || section !== SINGLE) mistakes.push(...missing.map(tell(section, id)))
    else warnings.push(`Store "${id}" is left out: it has no ${missing.join(', ')}`)
  }
  const folder = raw['heliostat']?.['data_dir'] ?? SECTIONS.heliostat.parse({}).data_dir
  return { stores, mistakes: [...mistakes, ...sharedFolders(stores, folder)], warnings }
}

interface NamedStores {
  named: NamedStore[]
  mistakes: string[]
  warnings: string[]
}

function nameStores(raw: Raw): NamedStores {
  return namesStores(raw) ? nameSeveral(raw) : nameSingle(raw)
}

function nameSeveral(raw: Raw): NamedStores {
  const found: NamedStores = { named: [], mistakes: [], warnings: [] }
  const byDefault = raw[SINGLE]?.['default_backend'] ?? ''
  for (const entry of splitList(raw['DEFAULT']?.['enabled_backends'] ?? '')) {
    const [id = '', kind = '', ...rest] = entry.split(':').map((part) => part.trim())
    const isDefault = id === byDefault
    if (id === '' || kind === '' || rest.length > 0) {
      found.mistakes.push(mistaken(entry, 'pairs of a name and a kind such as fast:file'))
    } else if (isTaken(id) || found.named.some(({ section }) => section === id.toLowerCase())) {
      found.mistakes.push(
        mistaken(
          id,
          'names that are given once, do not begin with os_glance_ and are those of no other section',
        ),
      )
    } else if (isStoreKind(kind)) {
      found.named.push({ id, kind, isDefault, section: id.toLowerCase() })
    } else if (isDefault) found.mistakes.push(mistaken(kind, oneOf(KINDS)))
    else found.warnings.push(leftOut(id, kind))
  }
  if (found.mistakes.length === 0 && !found.named.some(({ isDefault }) => isDefault)) {
    const names = oneOf(found.named.map(({ id }) => id))
    found.mistakes.push(
      `[${SINGLE}] default_backend: got "${byDefault && shownName(byDefault)}", wanted ${names}`,
    )
  }
  return found
}

function isTaken(id: string): boolean {
  return RESERVED.test(id.toLowerCase()) || OTHER_SECTIONS.includes(id.toLowerCase())
}

/** Each is named by its kind; all their options stand in one section. */
function nameSingle(raw: Raw): NamedStores {
  const kinds = splitList(raw[SINGLE]?.['stores'] ?? 'file,http')
  const byDefault = raw[SINGLE]?.['default_store'] ?? 'file'
  const found: NamedStores = { named: [], mistakes: [], warnings: [] }
  for (const kind of new Set(kinds)) {
    const isDefault = kind === byDefault
    if (isStoreKind(kind)) found.named.push({ id: kind, kind, isDefault, section: SINGLE })
    else if (!isDefault) found.warnings.push(leftOut(kind, kind))
  }
  if (!found.named.some(({ isDefault }) => isDefault)) {
    const wanted = oneOf(kinds.filter(isStoreKind))
    found.mistakes.push(
      `[${SINGLE}] default_store: got "${byDefault && shownName(byDefault)}", wanted ${wanted}`,
    )
  }
  return found
}

function mistaken(value: string, wanted: string): string {
  return `[DEFAULT] enabled_backends: got "${shownMistake(value)}", wanted ${wanted}`
}

function leftOut(id: string, kind: string): string {
  return `Store "${shownName(id)}" is left out, since "${shownName(kind)}" is no kind of store here: what lies in it cannot be read`
}

function tell(section: string, id: string): (option: string) => string {
  return (option) => `[${section}] ${option}: got "", wanted one for the store "${id}"`
}

function ofKind(
  options: Readonly<Record<string, string>>,
  kind: StoreKind,
): Record<string, string> {
  const isKnown = (name: string) =>
    Object.hasOwn(STORE_KINDS[kind].shape, name) && Object.hasOwn(SINGLE_STORE_OPTIONS, name)
  return Object.fromEntries(Object.entries(options).filter(([name]) => isKnown(name)))
}

/** Two stores in one folder would be one, whose chunks each would sweep from under the other. */
function sharedFolders(stores: StoreConfig[], dataDir: string): string[] {
  const folders = stores.flatMap(({ id, kind, options }) =>
    kind === 'file' ? [{ id, folder: plainPath(options.filesystem_store_datadir ?? dataDir) }] : [],
  )
  return folders.flatMap(({ id, folder }, index) =>
    folders.slice(0, index).some((other) => other.folder === folder)
      ? [
          `[${id.toLowerCase()}] filesystem_store_datadir: got "${shownMistake(folder)}", wanted a folder that no other store has`,
        ]
      : [],
  )
}

/** Without what makes one folder look like two: `//`, `.`, and a slash at the end. */
function plainPath(path: string): string {
  const steps = path.split('/').filter((step) => step !== '' && step !== '.')
  return `${path.startsWith('/') ? '/' : ''}${steps.join('/')}`
}

/** What older releases of Glance call a kind in `store_type_preference`. */
const FORMER_KINDS: Record<string, string> = { filesystem: 'file' }

/** With `location_strategy = store_type` by the preference of their kinds, the others last; as they are otherwise. */
export function byPreferredKind<T extends { kind: string }>(
  stores: readonly T[],
  {
    DEFAULT,
    store_type_location_strategy,
  }: Pick<Config, 'DEFAULT' | 'store_type_location_strategy'>,
): T[] {
  if (DEFAULT.location_strategy !== 'store_type') return [...stores]
  const kinds = store_type_location_strategy.store_type_preference.map(
    (kind) => FORMER_KINDS[kind] ?? kind,
  )
  const rank = ({ kind }: T) => (kinds.includes(kind) ? kinds.indexOf(kind) : kinds.length)
  return stores.toSorted((one, other) => rank(one) - rank(other))
}
