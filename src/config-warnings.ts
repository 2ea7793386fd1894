/** What is told of options that are no mistakes, but do not do what whoever wrote them may think. */
import { closest } from './did-you-mean.ts'
import { shownName } from './masking.ts'
import { type Config, isMarked, optionsOf, type RawConfig, SECTIONS } from './options.ts'
import { storeSections } from './store-config.ts'

/** One sentence for each such option; `config` is null where there are mistakes in it. */
export function warningsOf(raw: RawConfig, config: Config | null): string[] {
  const known = knownSections(raw)
  const unknown = each(raw, (...given) => withoutMeaning(known, given))
  return config === null
    ? unknown
    : [...unknown, ...each(raw, oldZero), ...each(raw, (...given) => withoutEffect(config, given))]
}

/** The options of each section, those of stores among them. */
type Known = ReadonlyMap<string, readonly string[]>

function knownSections(raw: RawConfig): Known {
  const known = new Map(Object.keys(SECTIONS).map((name) => [name, Object.keys(optionsOf(name))]))
  for (const [section, options] of Object.entries(storeSections(raw))) {
    known.set(section, [...(known.get(section) ?? []), ...Object.keys(options)])
  }
  return known
}

type Given = [section: string, option: string, value: string]

function each(raw: RawConfig, say: (...given: Given) => string | null): string[] {
  return Object.entries(raw).flatMap(([section, options]) =>
    Object.entries(options).flatMap(([option, value]) => say(section, option, value) ?? []),
  )
}

/** What Glance does by these is done here in another way. */
const INSTEAD: Record<string, string> = {
  '[keystone_authtoken] cafile':
    'set NODE_EXTRA_CA_CERTS, on Deno DENO_CERT, to that file in the environment',
  '[oslo_policy] policy_dirs': 'only policy_file is read',
}

function withoutMeaning(known: Known, [section, option, value]: Given): string | null {
  if (known.get(section)?.includes(option)) return null
  const name = `[${shownName(section)}] ${shownName(option)}`
  const sentence = `Option ${name} means nothing here and is ignored`
  const advice = (value !== '' && INSTEAD[name]) || meantInstead(known, section, option)
  return advice ? `${sentence}: ${advice}` : sentence
}

function meantInstead(known: Known, section: string, option: string): string | null {
  const [place, name] = placeMeant(known, section, option) ?? []
  if (place === undefined || name === undefined) return null
  const variable = place === 'DEFAULT' ? name : `${place}__${name}`
  return `did you mean [${place}] ${name} (in the environment HELIOSTAT_${variable.toUpperCase()})?`
}

/** The option that may have been mistyped, put into a section that is not its own, or named without one. */
function placeMeant(
  known: Known,
  section: string,
  option: string,
): [section: string, option: string] | null {
  const sections = [...known.keys()]
  const place = sections.includes(section) ? section : closest(section, sections)
  if (place === null) return null
  const similar = closest(option, known.get(place) ?? [])
  if (similar !== null) return [place, similar]
  const elsewhere = sections.find((other) => known.get(other)?.includes(option))
  if (elsewhere !== undefined) return [elsewhere, option]
  // `HELIOSTAT_MIRROR_TOKENS` is an option of [DEFAULT], since it has one underscore where two are wanted.
  const joined = sections.flatMap((other) =>
    (known.get(other) ?? []).map((name) => [`${other}_${name}`, other, name] as const),
  )
  const meant = closest(option, section === 'DEFAULT' ? joined.map(([name]) => name) : [])
  const [, other, name] = joined.find(([word]) => word === meant) ?? []
  return other === undefined || name === undefined ? null : [other, name]
}

function oldZero(...[section, option, value]: Given): string | null {
  if (!isMarked(section, option, 'zeroIsNoLimit') || Number(value) !== 0) return null
  return `Option [${section}] ${option} = 0 is taken for no limit, as it used to be: write -1 instead`
}

interface Condition {
  options: readonly string[]
  isMet(config: Config): boolean
  wanted: string
}

/** Options that do nothing unless others are given. */
const CONDITIONS: readonly Condition[] = [
  {
    options: [
      ...['visibility', 'tag', 'name', 'newest'].map((name) => `[mirror] pin_${name}`),
      '[mirror] prefetch_mbits',
      '[mirror] prefetch_window',
    ],
    isMet: ({ mirror }) => mirror.upstream.length > 0,
    wanted: 'at an edge, which has a [mirror] upstream',
  },
  {
    options: ['[DEFAULT] image_cache_max_size'],
    isMet: ({ mirror, caching }) => mirror.upstream.length > 0 || caching,
    wanted: 'at an edge, which has a [mirror] upstream, or with a flavor that ends with +caching',
  },
  {
    options: ['[glance_store] stores', '[glance_store] default_store'],
    isMet: ({ DEFAULT }) => DEFAULT.enabled_backends.length === 0,
    wanted: 'without [DEFAULT] enabled_backends',
  },
  {
    options: ['[glance_store] default_backend'],
    isMet: ({ DEFAULT }) => DEFAULT.enabled_backends.length > 0,
    wanted: 'with [DEFAULT] enabled_backends',
  },
  {
    options: ['[store_type_location_strategy] store_type_preference'],
    isMet: ({ DEFAULT }) => DEFAULT.location_strategy === 'store_type',
    wanted: 'with [DEFAULT] location_strategy = store_type',
  },
  {
    options: ['[heliostat] token_file', '[heliostat] tokens'],
    isMet: ({ paste_deploy }) => paste_deploy.flavor === 'token',
    wanted: 'with [paste_deploy] flavor = token',
  },
  {
    options: ['[barbican] barbican_endpoint', '[barbican] auth_endpoint'],
    isMet: ({ paste_deploy }) => paste_deploy.flavor !== 'token',
    wanted: 'with a [paste_deploy] flavor other than token, whose tokens Barbican does not know',
  },
  {
    options: ['[heliostat] trusted_addresses'],
    isMet: ({ paste_deploy }) => paste_deploy.flavor === 'trusted',
    wanted: 'with [paste_deploy] flavor = trusted',
  },
  {
    options: ['[keystone_authtoken] username', '[keystone_authtoken] application_credential_id'],
    isMet: ({ paste_deploy, DEFAULT }) =>
      paste_deploy.flavor === 'keystone' || DEFAULT.use_keystone_limits,
    wanted: 'with [paste_deploy] flavor = keystone',
  },
]

function withoutEffect(config: Config, [section, option]: Given): string | null {
  const name = `[${section}] ${option}`
  const condition = CONDITIONS.find(({ options }) => options.includes(name))
  if (!condition || condition.isMet(config) || isDefault(config, section, option)) return null
  return `Option ${name} has an effect only ${condition.wanted}`
}

function isDefault(config: Config, section: string, option: string): boolean {
  const inForce: Record<string, unknown> = config[section as keyof typeof SECTIONS]
  return isSame(inForce[option], optionsOf(section)[option]?.parse(undefined))
}

/** Of what options become: texts, numbers, and lists of texts. */
function isSame(one: unknown, other: unknown): boolean {
  return Array.isArray(one) ? String(one) === String(other) : one === other
}
