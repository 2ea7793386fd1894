import type { ImageDeletions } from '../../images/deletions.ts'
import type { ImageStatus } from '../../images/image.ts'
import { UPLOAD_LEASE_MS } from '../../inventory/leases.ts'
import { reasonOf } from '../../reason.ts'
import { sleep } from '../../sleep.ts'
import type { Step } from './comparison.ts'
import type { Definitions } from './namespaces.ts'
import type { SourceImage } from './record.ts'
import type { MovingRows } from './rows.ts'
import type { SourceFilter } from './source.ts'
import { createVisit, told, type Visit, type VisitParts } from './visit.ts'

/** An upload that another process has broken off is dead by then. */
const DEAD_MS = 2 * UPLOAD_LEASE_MS
const LOOK_MS = 500
/** What changed within a second of what was seen last may not have been seen. */
const OVERLAP_MS = 2_000

/** Images that have all but gone at the source. */
const GONE: ImageStatus[] = ['killed', 'deleted', 'pending_delete']

export interface LooksParts extends VisitParts {
  rows: MovingRows
  deletions: Pick<ImageDeletions, 'delete'>
  /** Null where they are not wanted. */
  definitions: Definitions | null
  filter: SourceFilter
  /** How many images come in at once. */
  atOnce: number
}

/** The ways in which the images of a source are looked at. */
export interface Looks {
  /** Tells what would be done. */
  preview(): Promise<void>
  /** Tells how much is to come. */
  survey(): Promise<void>
  /** Takes what is not here as it is there, and notes what differs. */
  everything(): Promise<void>
  /** The same of what has changed since, as far as dates tell. */
  changes(): Promise<void>
  /** Deletes what was seen at the source and is deleted there. */
  deleteGone(): Promise<void>
}

/** What a preview says of each step. */
const WOULD: Partial<Record<Step, string>> = {
  take: 'would be taken',
  record: 'would be recorded, it has no data',
  update: 'would be updated',
}

export function createLooks(parts: LooksParts): Looks {
  const { account, watcher, definitions } = parts
  const visit = createVisit(parts)
  const listing = createListing(parts)
  const namespaces = new Map<string, string>()

  async function survey(tell: (found: SourceImage, step: Step) => void): Promise<void> {
    let [images, bytes] = [0, 0]
    for await (const found of listing.images(new Set())) {
      const step = await visit.plan(found)
      tell(found, step)
      if (step !== 'take') continue
      images++
      bytes += found.size ?? 0
    }
    watcher.total(images, bytes)
  }

  return {
    async preview() {
      await survey((found, step) => {
        const would = WOULD[step]
        if (would !== undefined) watcher.line(told(found), would)
      })
      account.end([])
    },

    survey: () => survey(() => undefined),

    async everything() {
      const seen = new Set<string>()
      account.begin()
      await pass(parts, visit, listing.images(seen))
      if (definitions) await bringDefinitions(parts, definitions, namespaces)
      account.end(await listing.others(seen))
    },

    changes: () => pass(parts, visit, listing.images(new Set(), listing.newest() - OVERLAP_MS)),

    deleteGone: () => deleteGone(parts, listing),
  }
}

/** What this run has seen at the source. */
interface Listing {
  /** Each image once; their ids are added to `seen`. */
  images(seen: Set<string>, since?: number): AsyncGenerator<SourceImage>
  /** What is here and was not seen; nothing where only some images were asked for. */
  others(seen: Set<string>): Promise<{ id: string; name: string | null; wasThere: boolean }[]>
  /** When the image was changed at the source, as far as is known (ms); 0 for one that was never there. */
  changedAt(id: string): number
  newest(): number
}

function createListing({ source, rows, account, filter, signal }: LooksParts): Listing {
  const wanted = Object.values(filter)
  const isWhole = wanted.every((one) => one === undefined || one.length === 0)
  const known = new Map<string, number>()
  let newest = 1

  return {
    async *images(seen, since = 0) {
      for await (const entry of source.images(filter, signal, since)) {
        if ('unreadable' in entry) {
          account.differs('missing', { ...entry.unreadable, name: null })
          seen.add(entry.unreadable.id ?? '')
          continue
        }
        const { id, updated_at } = entry.found.image
        if (seen.has(id) || GONE.includes(entry.found.status)) continue
        seen.add(id)
        known.set(id, updated_at)
        newest = Math.max(newest, updated_at)
        yield entry.found
      }
    },

    async others(seen) {
      const here = isWhole ? await rows.all() : []
      return here
        .filter(({ id }) => !seen.has(id))
        .map(({ id, name }) => ({ id, name, wasThere: known.has(id) }))
    },

    changedAt: (id) => known.get(id) ?? 0,
    newest: () => newest,
  }
}

async function pass(
  parts: LooksParts,
  visit: Visit,
  images: AsyncGenerator<SourceImage>,
): Promise<void> {
  const later: SourceImage[] = []
  await sideBySide(parts.atOnce, images, async (found) => {
    if ((await visit.visit(found)) === 'later') later.push(found)
  })
  await waitFor(parts, visit, later)
}

/** What an upload here holds is looked at again when that has ended, or is known to be dead. */
async function waitFor(
  { intake, signal }: LooksParts,
  visit: Visit,
  later: SourceImage[],
): Promise<void> {
  const until = performance.now() + DEAD_MS
  let left = later
  while (left.length > 0 && performance.now() < until && !signal.aborted) {
    await intake.recover()
    const again: SourceImage[] = []
    for (const found of left) if ((await visit.visit(found)) === 'later') again.push(found)
    left = again
    if (left.length > 0) await sleep(LOOK_MS, signal)
  }
  left.forEach(visit.giveUp)
}

async function deleteGone(parts: LooksParts, listing: Listing): Promise<void> {
  const { source, intake, deletions, account, watcher, signal } = parts
  for (const { id, name, wasThere } of account.report().notAtSource) {
    const here = wasThere ? await intake.find(id) : null
    // One that was changed here has a newer date, and is wanted here.
    if (!here || here.updated_at > listing.changedAt(id)) continue
    if (await source.has(id, signal)) continue
    if (!(await deletions.delete(id, Date.now()))) continue
    account.deleted(id)
    watcher.line({ id, name, size: null }, 'deleted, as at the source')
  }
}

/** What was changed here while this run has seen no change at the source stays as it is here. */
async function bringDefinitions(
  { source, account, watcher, signal }: LooksParts,
  definitions: Definitions,
  seen: Map<string, string>,
): Promise<void> {
  for await (const name of source.namespaceNames(signal)) {
    try {
      const namespace = await source.namespace(name, signal)
      if (!namespace) continue
      const text = JSON.stringify(namespace)
      const isSame = seen.get(name) === text || (await definitions.isSame(namespace))
      if (!isSame) await definitions.bring(namespace)
      seen.set(name, text)
      account.cameNamespace(name, isSame ? 'same' : 'taken')
    } catch (error) {
      if (signal.aborted) throw error
      const reason = reasonOf(error)
      account.missingNamespace(name, reason)
      watcher.failure({ id: `namespace ${name}`, name: null, size: null }, reason)
    }
  }
}

/** Does something with each value, so many at once. */
async function sideBySide<T>(
  atOnce: number,
  values: AsyncGenerator<T>,
  work: (value: T) => Promise<void>,
): Promise<void> {
  const workers = Array.from({ length: atOnce }, async () => {
    for await (const value of values) await work(value)
  })
  const ends = await Promise.allSettled(workers)
  for (const end of ends) if (end.status === 'rejected') throw end.reason
}
