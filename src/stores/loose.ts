import { getLogger } from '@logtape/logtape'
import {
  claimLoose,
  endClaim,
  type LooseObject,
  looseObjectsIn,
} from '../inventory/loose-objects.ts'
import { reasonOf } from '../reason.ts'
import type { Registry } from '../registry/database.ts'
import type { Store, Stores } from './store.ts'

const log = getLogger(['heliostat', 'stores'])

/** Deletes the objects that no image counts on any more. */
export interface LooseObjects {
  /** Throws in the end where an object could not be deleted. What is in use stays until it is not. */
  remove(): Promise<void>
  /** The same, for whoever has an answer to give meanwhile; what fails is left to the next time. Never rejects. */
  tryRemove(): Promise<void>
}

export function createLooseObjects(registry: Registry, stores: Pick<Stores, 'all'>): LooseObjects {
  async function removeOne(store: Store, object: LooseObject): Promise<void> {
    if (!(await claimLoose(registry, object))) return
    let isGone = false
    try {
      const remove = store.objects?.delete ?? null
      isGone = remove === null || (await remove(object.url)) === 'gone'
    } finally {
      await endClaim(registry, object, isGone)
    }
  }

  async function remove(): Promise<void> {
    const failures: unknown[] = []
    for (const store of stores.all) {
      if (!store.objects) continue
      for (const object of await looseObjectsIn(registry, store.id)) {
        await removeOne(store, object).catch((error: unknown) => failures.push(error))
      }
    }
    if (failures.length > 0) throw failures[0]
  }

  return {
    remove,
    async tryRemove() {
      await remove().catch((error: unknown) => {
        log.warn('Objects that no image needs stay for now: {reason}', { reason: reasonOf(error) })
      })
    },
  }
}
