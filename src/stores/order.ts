import { getLogger } from '@logtape/logtape'
import { reasonOf } from '../reason.ts'
import type { Store } from './store.ts'

/** A store that has failed is asked last for so long, and each time that it fails again for twice as long. */
const FIRST_PAUSE_MS = 30_000
const LONGEST_PAUSE_MS = 300_000

const log = getLogger(['heliostat', 'stores'])

/** Times are `performance.now()`. */
interface Shunned {
  failedAt: number
  until: number
  pause: number
}

/** In which order copies are tried. */
export interface StoreOrder {
  /**
   * By the stores that are preferred, then by weight, then as configured; those that have failed of late come last. What
   * lies in a store that is not known here is left out.
   */
  sort<T extends { store: string }>(copies: readonly T[], prefer?: readonly string[]): T[]
  failed(store: string, error: unknown): void
  succeeded(store: string): void
}

export function createStoreOrder(stores: readonly Pick<Store, 'id' | 'weight'>[]): StoreOrder {
  const byWeight = stores.toSorted((a, b) => b.weight - a.weight).map(({ id }) => id)
  const shunned = new Map<string, Shunned>()

  /** Once its time is over one reader tries it: a store that is silent would hold up all the others as well. */
  function isShunned(store: string): boolean {
    const known = shunned.get(store)
    if (!known) return false
    const now = performance.now()
    if (now < known.until) return true
    known.until = now + known.pause
    return false
  }

  function rank(store: string, prefer: readonly string[]): number[] {
    const preferred = prefer.indexOf(store)
    return [
      isShunned(store) ? 1 : 0,
      preferred < 0 ? prefer.length : preferred,
      byWeight.indexOf(store),
    ]
  }

  return {
    sort(copies, prefer = []) {
      return copies
        .filter(({ store }) => byWeight.includes(store))
        .map((copy) => ({ copy, rank: rank(copy.store, prefer) }))
        .toSorted((a, b) => compare(a.rank, b.rank))
        .map(({ copy }) => copy)
    },

    failed(store, error) {
      const known = shunned.get(store)
      if (!known) {
        log.warn('Store {store} fails, others are asked first: {reason}', {
          store,
          reason: reasonOf(error),
        })
      }
      const failedAt = performance.now()
      const isAgain = known !== undefined && failedAt - known.failedAt > known.pause
      const before = known?.pause ?? FIRST_PAUSE_MS
      const pause = isAgain ? Math.min(2 * before, LONGEST_PAUSE_MS) : before
      shunned.set(store, { failedAt, pause, until: failedAt + pause })
    },

    succeeded(store) {
      if (shunned.delete(store)) log.info('Store {store} works again', { store })
    },
  }
}

function compare(a: number[], b: number[]): number {
  const differing = a.findIndex((value, index) => value !== b[index])
  return differing < 0 ? 0 : (a[differing] ?? 0) - (b[differing] ?? 0)
}
