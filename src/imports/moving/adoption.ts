import { HeliostatError } from '../../errors.ts'
import type { LocationRepo } from '../../images/locations/rows.ts'
import type { Store, Stores } from '../../stores/store.ts'
import type { SourceImage } from './record.ts'

/** Takes over where images lie, in place of their bytes. */
export interface Adoption {
  /**
   * Makes a queued image active with the object that the source has, which is hashed later by the service; false where
   * the bytes have to be copied after all. Throws [invalid] for an object of another size.
   */
  adopt(source: SourceImage): Promise<boolean>
}

export interface AdoptionParts {
  stores: Pick<Stores, 'all'>
  locations: Pick<LocationRepo, 'add' | 'isTaken'>
}

/** What a path or a foreign server means here is not what it means there. */
const NOT_SHARED = ['file', 'http']

export function createAdoption({ stores, locations }: AdoptionParts): Adoption {
  const storeOf = (url: string): Store | null =>
    stores.all.find(({ kind, objects }) => !NOT_SHARED.includes(kind) && objects?.holds(url)) ??
    null

  return {
    async adopt(source) {
      const { image, status, size, digests, urls } = source
      // A deactivated image is active for no moment, and one without a hash could be found to be another one.
      if (status !== 'active' || size === null || digests.hash === null) return false
      for (const url of urls) {
        const store = storeOf(url)
        const found = (await store?.objects?.size(url)) ?? null
        if (!store || found === null || (await locations.isTaken(store.id, url, image.id))) continue
        if (found !== size) throw otherSize(store, { found, size })
        const { hash, checksum } = digests
        const location = {
          store: store.id,
          url,
          metadata: {},
          size,
          hash,
          checksum,
          status,
        } as const
        if (await locations.add(image.id, location, 1, image.updated_at)) return true
      }
      return false
    },
  }
}

function otherSize({ id }: Store, { found, size }: { found: number; size: number }) {
  return new HeliostatError(
    'invalid',
    `In store "${id}" it has ${found} bytes, and the source tells of ${size}`,
  )
}
