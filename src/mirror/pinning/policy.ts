/** What the configuration says about which images are to lie here whole. */
export interface PinPolicy {
  visibilities: readonly string[]
  tags: readonly string[]
  /** Patterns for the whole name: `*` is any text, `?` any one character. */
  names: readonly string[]
  /** Only so many of each family, the newest; Infinity for all. */
  newest: number
}

/** What a policy looks at. */
export interface Candidate {
  id: string
  name: string | null
  visibility: string
  tags: string[]
  properties: Record<string, string | null>
  /** Milliseconds since 1970 UTC. */
  created_at: number
}

/** Whether a policy can pin anything at all. */
export function pinsAnything({ visibilities, tags, names, newest }: PinPolicy): boolean {
  return visibilities.length + tags.length + names.length > 0 || newest < Infinity
}

/**
 * The ids of the images that a policy pins, the oldest first, so that a new image does not take the place of one that
 * is here. Visibility, tag and name each choose images (without any of them all are chosen); of those chosen only the
 * newest of each family are pinned.
 */
export function pinnedByPolicy(policy: PinPolicy, candidates: Candidate[]): string[] {
  if (!pinsAnything(policy)) return []
  const chosen = candidates.filter(chooser(policy)).toSorted(newestFirst)
  const families = new Map<string, number>()
  return chosen
    .filter((image) => {
      const family = familyOf(image)
      const count = (families.get(family) ?? 0) + 1
      families.set(family, count)
      return count <= policy.newest
    })
    .map(({ id }) => id)
    .toReversed()
}

function chooser({ visibilities, tags, names }: PinPolicy): (image: Candidate) => boolean {
  if (visibilities.length + tags.length + names.length === 0) return () => true
  const patterns = names.map(globPattern)
  return (image) =>
    visibilities.includes(image.visibility) ||
    image.tags.some((tag) => tags.includes(tag)) ||
    patterns.some((pattern) => pattern.test(image.name ?? ''))
}

function newestFirst(a: Candidate, b: Candidate): number {
  return b.created_at - a.created_at || (a.id < b.id ? 1 : -1)
}

/** Images of one family replace each other: the same distribution, version and architecture. */
export function familyOf({ name, properties }: Pick<Candidate, 'name' | 'properties'>): string {
  const { os_distro, os_version, architecture } = properties
  return JSON.stringify([os_distro ?? '', os_version ?? stemOf(name ?? ''), architecture ?? ''])
}

const SEPARATORS = /[-_. ]+/
const VERSION = /^v?\d+(t\d+z?)?$/i

/** A name without the version or date at its end. */
function stemOf(name: string): string {
  // The one architecture that would look like a version at the end of a name.
  const parts = name.replace(/x86_64/gi, 'x8664').split(SEPARATORS)
  const end = parts.findLastIndex((part) => !VERSION.test(part)) + 1
  return end === 0 ? name : parts.slice(0, end).join('-')
}

function globPattern(glob: string): RegExp {
  const source = glob
    .replace(/[\\^$.|+()[\]{}]/g, '\\$&')
    .replace(/\*+/g, '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${source}$`, 'su')
}
