import { HeliostatError } from '../../errors.ts'
import type { Caller } from '../../identity/caller.ts'
import type { Store, Stores } from '../../stores/store.ts'
import type { FoundImage } from '../image.ts'
import { requireFormats } from '../status.ts'
import type { StorageSpace } from '../storage-quota.ts'
import { storageExceeded } from '../storage-quota.ts'
import type { LocationRepo } from './rows.ts'
import type { Hash } from './unread.ts'

export interface RegisteringParts {
  stores: Pick<Stores, 'all'>
  locations: Pick<LocationRepo, 'add' | 'isTaken'>
  /** Null where there is no limit. */
  spaceOf(owner: string | null): Promise<StorageSpace | null>
  /** Locations that an image may have; a negative number is no limit. */
  quota: number
}

export interface Registration {
  url: string
  metadata: Record<string, unknown>
  hash: Hash | null
  checksum: string | null
  /** Whether an image without data is active only when the bytes have been found to be what they are said to be. */
  verifiesFirst: boolean
}

/** Takes over what others have stored: no byte is copied. */
export type RegisterLocation = (
  image: FoundImage,
  caller: Caller,
  registration: Registration,
) => Promise<void>

export function createRegisterLocation(parts: RegisteringParts): RegisterLocation {
  const { stores, locations, spaceOf, quota } = parts
  return async (image, caller, { url, metadata, hash, checksum, verifiesFirst }) => {
    if (image.status === 'queued') requireFormats(image)
    const store = storeThatHolds(stores, url)
    refuseOthersObject(image, caller, { store, url })
    if (store.kind !== 'http' && (await locations.isTaken(store.id, url, image.id))) {
      throw new HeliostatError('conflict', `Another image has the location ${store.shownUrl(url)}`)
    }
    const size = await sizeOf(store, url)
    const space = await spaceOf(image.owner)
    if (space && size > space.quota - space.used) throw storageExceeded(space, size)
    const status = verifiesFirst && hash !== null ? 'importing' : 'active'
    const location = { store: store.id, url, metadata, size, hash, checksum, status } as const
    const most = quota < 0 ? Number.MAX_SAFE_INTEGER : quota
    if (await locations.add(image.id, location, most, Date.now())) return
    throw new HeliostatError(
      'too-large',
      `Image ${image.id} was changed meanwhile, or has as many locations as it may: ${quota}`,
    )
  }
}

/** By the URL alone; one that leads to files of this machine is nobody's to choose. */
export function storeThatHolds({ all }: Pick<Stores, 'all'>, url: string): Store {
  const isForbidden = /^(file|filesystem|swift\+config):/i.test(url)
  const store = isForbidden ? null : all.find(({ objects }) => objects?.holds(url))
  if (store) return store
  if (!/^[a-z][a-z\d+.-]*:\/\/./i.test(url)) {
    throw new HeliostatError('invalid', 'The Store URI was malformed.')
  }
  throw invalidLocation()
}

/**
 * In a store that the cloud shares, whoever is no service and no administrator may name nothing but an object of the
 * image's own id, which is how Nova stores a snapshot: any other may be a disk of somebody else.
 */
function refuseOthersObject(
  { id }: FoundImage,
  { isAdmin, serviceRoles, roles }: Caller,
  { store, url }: { store: Store; url: string },
): void {
  const isService = [...roles, ...serviceRoles].includes('service')
  if (store.kind === 'http' || isAdmin || isService) return
  if (url.split(/[/?#]/).includes(id)) return
  throw new HeliostatError(
    'forbidden',
    `In store "${store.id}" only a service may give image ${id} an object that is not named by its id`,
  )
}

async function sizeOf({ objects }: Store, url: string): Promise<number> {
  let size: number | null = null
  try {
    size = (await objects?.size(url)) ?? null
  } catch (cause) {
    if (cause instanceof HeliostatError) throw cause
    throw invalidLocation(cause)
  }
  if (size === null) throw invalidLocation()
  return size
}

function invalidLocation(cause?: unknown): HeliostatError {
  return new HeliostatError('invalid', 'Invalid location', { cause })
}
