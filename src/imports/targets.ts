/** Which stores an import goes to. */
import { HeliostatError } from '../errors.ts'
import type { FoundImage } from '../images/image.ts'
import { isReadOnly, type Store, type Stores } from '../stores/store.ts'
import type { ImportRequest } from './request.ts'

/**
 * The ids of the stores, in the order in which they are written. None for a copy of an image that lies in all of them
 * already. Where there is but one store nobody chooses.
 */
export function chooseStores(
  stores: Stores,
  request: ImportRequest,
  { header, image }: { header: string | null; image: FoundImage },
): string[] {
  if (!stores.areNamed) {
    refuseSingleStore(request)
    return [stores.byDefault.id]
  }
  const chosen = choose(stores, request, header)
  if (request.name !== 'copy-image') return chosen
  const held = new Set(image.locations.map(({ store }) => store))
  if (request.allStores) return chosen.filter((id) => !held.has(id))
  const present = chosen.find((id) => held.has(id))
  if (present === undefined) return chosen
  throw new HeliostatError('invalid', `Image is already present at store '${present}'`)
}

function choose(
  stores: Stores,
  { stores: listed, allStores }: ImportRequest,
  header: string | null,
) {
  if (allStores && (listed !== undefined || header !== null)) {
    throw new HeliostatError(
      'invalid',
      "All_stores parameter can't be used with x-image-meta-store header or stores parameter",
    )
  }
  if (listed !== undefined && header !== null) {
    throw new HeliostatError(
      'invalid',
      "Stores parameter and x-image-meta-store header can't be both specified",
    )
  }
  if (allStores) return stores.all.filter((store) => !isReadOnly(store)).map(({ id }) => id)
  const ids = listed === undefined ? [header ?? stores.byDefault.id] : parseList(listed)
  return ids.map((id) => writable(stores, id).id)
}

function parseList(listed: unknown): string[] {
  const isList = Array.isArray(listed) && listed.every((id) => typeof id === 'string')
  if (isList && listed.length > 0) return [...new Set<string>(listed)]
  throw new HeliostatError(
    'invalid',
    `'stores' is ${JSON.stringify(listed).slice(0, 200)}, wanted a list of the ids of one or more stores`,
  )
}

function writable(stores: Pick<Stores, 'find'>, id: string): Store {
  const store = stores.find(id)
  if (!store) throw new HeliostatError('conflict', `Store for identifier ${id} not found`)
  if (!isReadOnly(store)) return store
  throw new HeliostatError('conflict', `Store "${id}" is only read: wanted one that takes images`)
}

function refuseSingleStore({ allStoresMustSucceed }: ImportRequest): void {
  if (allStoresMustSucceed) return
  throw new HeliostatError(
    'invalid',
    'All_stores_must_succeed can only be set with enabled_backends, which this site does not have',
  )
}
