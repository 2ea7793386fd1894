/** A chain of edges, or a thousand of them behind one proxy. */
const MAX = 1_000
const FORGOTTEN_MS = 24 * 60 * 60_000

/** One who asks where the feed stands. */
export interface Asking {
  /** The id of the site; null where it does not say. */
  site: string | null
  /** From where it asks, which may be a proxy; null where that is not known. */
  address: string | null
  /** The last change that it has. */
  seq: number
}

export interface Follower extends Asking {
  /** Seconds since it asked. */
  heard: number
}

/** Who follows this site, as far as it has heard of them. */
export interface Followers {
  note(asking: Asking): void
  /** The latest first. */
  list(): Promise<Follower[]>
}

export function createFollowers(): Followers {
  /** By their names; the first is the one that has not asked for longest. */
  const known = new Map<string, Asking & { at: number }>()

  return {
    note(asking) {
      const name = nameOf(asking)
      known.delete(name)
      known.set(name, { ...asking, at: performance.now() })
      const [oldest] = known.keys()
      if (known.size > MAX && oldest !== undefined) known.delete(oldest)
    },

    async list() {
      const now = performance.now()
      return [...known.values()]
        .filter(({ at }) => now - at < FORGOTTEN_MS)
        .map(({ at, ...asking }) => ({ ...asking, heard: Math.round((now - at) / 1000) }))
        .toReversed()
    },
  }
}

/** Those that several processes have heard of, each once, as it was heard last. */
export function latestOf(heard: Follower[]): Follower[] {
  const oldestFirst = heard.toSorted((one, other) => other.heard - one.heard)
  const latest = new Map(oldestFirst.map((follower) => [nameOf(follower), follower]))
  return [...latest.values()].toSorted((one, other) => one.heard - other.heard).slice(0, MAX)
}

function nameOf({ site, address }: Asking): string {
  return `${site ?? ''} ${site === null ? address : ''}`
}
