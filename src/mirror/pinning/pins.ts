import { getLogger } from '@logtape/logtape'
import { reasonOf } from '../../reason.ts'
import { isComplete, type PinPlan, planPins, type Wanted } from './plan.ts'
import { type PinPolicy, pinnedByPolicy, pinsAnything } from './policy.ts'
import type { CachedImages } from './rows.ts'

/** Changes of the feed come in crowds, and each time every image may have to be looked at. */
const SETTLE_MS = 200

const log = getLogger(['heliostat', 'pins'])

export interface PinsParts {
  images: Pick<CachedImages, 'requested' | 'candidates' | 'chunksOf'>
  policy: PinPolicy
  /** Bytes that all chunks on this machine may take. */
  limit: number
  /** Whether a chunk is here. */
  has(digest: string): boolean
}

/** Which images are to lie here whole, and so which chunks may not go. */
export interface Pins {
  isPinned(digest: string): boolean
  plan(): PinPlan
  /** Those of the pinned that are not all here. */
  unfinished(): Wanted[]
  /** Resolves when what was changed before this call is taken into account. */
  refresh(): Promise<void>
  /** Takes changes of the feed into account, when they have calmed down. */
  refreshSoon(): void
  /** Calls back when other images are pinned than before. */
  onChange(listener: () => void): void
  /** Resolves when nothing is under way any more. */
  close(): Promise<void>
}

export function createPins({ images, policy, limit, has }: PinsParts): Pins {
  const listeners: (() => void)[] = []
  let plan: PinPlan = { pinned: [], tooLarge: [] }
  let digests: ReadonlySet<string> = new Set()
  let latest: Promise<void> = Promise.resolve()
  let waiting: Promise<void> | null = null
  let soon: ReturnType<typeof setTimeout> | null = null

  async function compute(): Promise<void> {
    const requested = await images.requested()
    const chosen = pinsAnything(policy) ? pinnedByPolicy(policy, await images.candidates()) : []
    const ids = [...new Set([...requested, ...chosen])]
    const found = await images.chunksOf(ids)
    const wanted = ids.flatMap((id) => {
      const chunks = found.get(id)
      return chunks ? [{ id, chunks }] : []
    })
    const next = planPins(wanted, { limit, has })
    const changed = idsOf(plan.pinned) !== idsOf(next.pinned)
    tellTooLarge(plan.tooLarge, next.tooLarge)
    plan = next
    digests = new Set(next.pinned.flatMap((image) => [...image.chunks.keys()]))
    if (changed) for (const listener of listeners) listener()
  }

  function refresh(): Promise<void> {
    // A round that has not begun yet will see it too.
    waiting ??= latest = latest
      .catch(() => undefined)
      .then(() => {
        waiting = null
        return compute()
      })
    return waiting
  }

  return {
    isPinned: (digest) => digests.has(digest),
    plan: () => plan,
    unfinished: () => plan.pinned.filter((image) => !isComplete(image, has)),
    refresh,

    refreshSoon() {
      soon ??= setTimeout(() => {
        soon = null
        refresh().catch((error: unknown) => {
          log.error('Cannot tell which images are pinned: {reason}', { reason: reasonOf(error) })
        })
      }, SETTLE_MS)
    },

    onChange(listener) {
      listeners.push(listener)
    },

    async close() {
      if (soon) clearTimeout(soon)
      await latest.catch(() => undefined)
    },
  }
}

function idsOf(wanted: Wanted[]): string {
  return wanted
    .map(({ id }) => id)
    .toSorted()
    .join()
}

function tellTooLarge(before: string[], now: string[]): void {
  const known = new Set(before)
  for (const id of now) {
    if (known.has(id)) continue
    log.error(
      'Image {id} does not fit beside the other pinned ones and is not fetched: raise image_cache_max_size',
      { id },
    )
  }
}
