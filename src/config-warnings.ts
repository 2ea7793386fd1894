/** What is told of options that are no mistakes, but do not do what whoever wrote them may think. */
import { closest } from './did-you-mean.ts'
import { shownName } from './masking.ts'
import { type Config, isMarked, optionsOf, type RawConfig, SECTIONS } from './options.ts'
import { storeSections } from './store-config.ts'

/** One sentence for each such option; `config` is null where there are mistakes in it. */
export function warningsOf(raw: RawConfig, config: Config | null): string[] {
  const stores = storeSections(raw)
  const unknown = each(raw, (section, option, value) => {
    const known = { ...stores[section]?.shape, ...optionsOf(section) }
    return Object.hasOwn(known, option) ? null : withoutMeaning(section, option, value)
  })
  return config === null
    ? unknown
    : [...unknown, ...each(raw, oldZero), ...each(raw, (...given) => withoutEffect(config, given))]
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

function withoutMeaning(section: string, option: string, value: string): string {
  const name = `[${shownName(section)}] ${shownName(option)}`
  const sentence = `Option ${name} means nothing here and is ignored`
  const advice = (value !== '' && INSTEAD[name]) || meantInstead(section, option)
  return advice ? `${sentence}: ${advice}` : sentence
}

function meantInstead(section: string, option: string): string | null {
  const [place, name] = placeMeant(section, option) ?? []
  if (place === undefined || name === undefined) return null
  const variable = place === 'DEFAULT' ? name : `${place}__${name}`
  return `did you mean [${place}] ${name} (in the environment HELIOSTAT_${variable.toUpperCase()})?`
}

const KNOWN = Object.keys(SECTIONS)

/** The option that may have been mistyped, put into a section that is not its own, or named without one. */
function placeMeant(section: string, option: string): [section: string, option: string] | null {
  const place = KNOWN.includes(section) ? section : closest(section, KNOWN)
  if (place === null) return null
  const similar = closest(option, Object.keys(optionsOf(place)))
  if (similar !== null) return [place, similar]
  const elsewhere = KNOWN.find((other) => Object.hasOwn(optionsOf(other), option))
  if (elsewhere !== undefined) return [elsewhere, option]
  // `HELIOSTAT_MIRROR_TOKENS` is an option of [DEFAULT], since it has one underscore where two are wanted.
  const joined = KNOWN.flatMap((other) =>
    Object.keys(optionsOf(other)).map((name) => [`${other}_${name}`, other, name] as const),
  )
  const meant = closest(option, section === 'DEFAULT' ? joined.map(([name]) => name) : [])
  const [, other, name] = joined.find(([known]) => known === meant) ?? []
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
    options: ['[heliostat] token_file', '[heliostat] tokens'],
    isMet: ({ paste_deploy }) => paste_deploy.flavor === 'token',
    wanted: 'with [paste_deploy] flavor = token',
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
