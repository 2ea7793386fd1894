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
  /**
   * One reader begins to read from a store. Where it has failed it comes last for others until he tells how that went:
   * one that is silent would hold up all of them.
   */
  trying(store: string): void
  failed(store: string, error: unknown): void
  succeeded(store: string): void
}

export function createStoreOrder(stores: readonly Pick<Store, 'id' | 'weight'>[]): StoreOrder {
  const byWeight = stores.toSorted((a, b) => b.weight - a.weight).map(({ id }) => id)
  const shunned = new Map<string, Shunned>()

  const isShunned = (store: string) => performance.now() < (shunned.get(store)?.until ?? 0)

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

    trying(store) {
      const known = shunned.get(store)
      if (known && !isShunned(store)) known.until = performance.now() + known.pause
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
