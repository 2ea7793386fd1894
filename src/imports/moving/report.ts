/** What became of an image, or of a namespace of metadata definitions. */
export type Outcome = 'taken' | 'adopted' | 'recorded' | 'updated' | 'same'

export interface Missing {
  /** Null for an entry of the source's list that has none. */
  id: string | null
  name: string | null
  reason: string
}

/** What a run has done, and what differs between the source and here at its end. */
export interface Report {
  /** By the most that was done with each of them. */
  images: Record<Outcome, number>
  /** Of images that were taken. */
  bytes: number
  namespaces: Record<Outcome, number>
  /** What is at the source and could not be taken. */
  missing: Missing[]
  /** Left as they are here, since they were changed here later than at the source. */
  changedHere: Missing[]
  /** At the source, and not brought back. */
  deletedHere: Missing[]
  /** Taken without a digest of the source's, by their size alone. */
  unverified: Missing[]
  /** Here, and not (or no longer) at the source; empty where only some images were asked for. */
  notAtSource: { id: string; name: string | null; wasThere: boolean }[]
  /** Deleted here, since they were deleted at the source. */
  deleted: number
  /** Whether all of the source was looked at. */
  complete: boolean
}

/** What a line is told of: a namespace has no size. */
export interface Told {
  id: string
  name: string | null
  size: number | null
}

/** Why an image is not here as it is there. */
type Difference = 'missing' | 'changedHere' | 'deletedHere'

/** Keeps account of a run. */
export interface Account {
  came(told: Told, outcome: Outcome): void
  cameNamespace(name: string, outcome: Outcome): void
  missingNamespace(name: string, reason: string): void
  unverified(told: Told): void
  /** Until it comes after all, or is not found any more when everything is looked at. */
  differs(kind: Difference, missing: Missing): void
  /** Everything is looked at from now on. */
  begin(): void
  end(notAtSource: Report['notAtSource']): void
  deleted(id: string): void
  report(): Report
}

export function createAccount(): Account {
  const images = new Map<string, Outcome>()
  const namespaces = new Map<string, Outcome>()
  const unverified = new Map<string, Missing>()
  const differences = new Map<string, Missing & { kind: Difference; isNew: boolean }>()
  let notAtSource: Report['notAtSource'] = []
  let [bytes, deleted, complete] = [0, 0, false]

  function differs(kind: Difference, { id, name, reason }: Missing): void {
    differences.set(id ?? reason, { id, name, reason, kind, isNew: true })
  }

  const differing = (wanted: Difference): Missing[] =>
    [...differences.values()]
      .filter(({ kind }) => kind === wanted)
      .map(({ id, name, reason }) => ({ id, name, reason }))

  return {
    differs,

    came({ id, size }, outcome) {
      if (outcome === 'taken') bytes += size ?? 0
      keep(images, id, outcome)
      differences.delete(id)
    },

    cameNamespace(name, outcome) {
      keep(namespaces, name, outcome)
      differences.delete(`namespace ${name}`)
    },

    missingNamespace: (name, reason) =>
      differs('missing', { id: `namespace ${name}`, name: null, reason }),

    unverified: ({ id, name }) =>
      void unverified.set(id, { id, name, reason: 'the source has no digest of it' }),

    begin() {
      for (const difference of differences.values()) difference.isNew = false
    },

    end(others) {
      for (const [key, { isNew }] of differences) if (!isNew) differences.delete(key)
      notAtSource = others
      complete = true
    },

    deleted(id) {
      deleted++
      notAtSource = notAtSource.filter((image) => image.id !== id)
    },

    report: () => ({
      images: countOf(images),
      bytes,
      namespaces: countOf(namespaces),
      missing: differing('missing'),
      changedHere: differing('changedHere'),
      deletedHere: differing('deletedHere'),
      unverified: [...unverified.values()],
      notAtSource,
      deleted,
      complete,
    }),
  }
}

/** The weightiest last. */
const WEIGHTS: Outcome[] = ['same', 'updated', 'recorded', 'adopted', 'taken']

/** What was taken in this run counts as that, also when it is looked at again. */
function keep(outcomes: Map<string, Outcome>, key: string, outcome: Outcome): void {
  const before = outcomes.get(key) ?? 'same'
  const isMore = WEIGHTS.indexOf(outcome) > WEIGHTS.indexOf(before)
  outcomes.set(key, isMore ? outcome : before)
}

function countOf(outcomes: Map<string, Outcome>): Record<Outcome, number> {
  const counts = { taken: 0, adopted: 0, recorded: 0, updated: 0, same: 0 }
  for (const outcome of outcomes.values()) counts[outcome]++
  return counts
}
