import { HeliostatError } from '../errors.ts'
import type { Stores } from './store.ts'

/** Refuses to delete objects on which others stand, such as the disk of a server that was cloned of one [conflict]. */
export async function refuseInUse(
  stores: Pick<Stores, 'find'>,
  imageId: string,
  locations: readonly { store: string; url: string | null }[],
): Promise<void> {
  for (const { store, url } of locations) {
    if (url === null) continue
    const isInUse = await stores.find(store)?.objects?.writing?.isInUse(url)
    if (!isInUse) continue
    throw new HeliostatError(
      'conflict',
      `Image ${imageId} could not be deleted because it is in use: others stand on its copy in store "${store}"`,
    )
  }
}
