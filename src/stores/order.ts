import { getLogger } from '@logtape/logtape'
import { reasonOf } from '../reason.ts'
import type { Stores } from './store.ts'

/** A store that has failed is asked last for so long. */
const SHUNNED_MS = 30_000

const log = getLogger(['heliostat', 'stores'])

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

export function createStoreOrder(stores: Pick<Stores, 'all'>): StoreOrder {
  const byWeight = stores.all.toSorted((a, b) => b.weight - a.weight).map(({ id }) => id)
  const shunnedUntil = new Map<string, number>()

  function rank(store: string, prefer: readonly string[]): number[] {
    const preferred = prefer.indexOf(store)
    return [
      (shunnedUntil.get(store) ?? 0) > performance.now() ? 1 : 0,
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
      if (!shunnedUntil.has(store)) {
        log.warn('Store {store} fails, others are asked first: {reason}', {
          store,
          reason: reasonOf(error),
        })
      }
      shunnedUntil.set(store, performance.now() + SHUNNED_MS)
    },

    succeeded(store) {
      if (shunnedUntil.delete(store)) log.info('Store {store} works again', { store })
    },
  }
}

function compare(a: number[], b: number[]): number {
  const differing = a.findIndex((value, index) => value !== b[index])
  return differing < 0 ? 0 : (a[differing] ?? 0) - (b[differing] ?? 0)
}
