import { HeliostatError } from '../../errors.ts'
import type { Fetch } from '../../http/fetch.ts'
import type { ObjectStore, ObjectWriting } from '../object-store.ts'
import { FILE_PATIENCE } from '../remote/attempts.ts'
import { getRange, type RemoteFile, sizeOf } from '../remote/ranged-get.ts'
import type { Reachable } from '../store.ts'
import { createFileManager } from './file-manager.ts'
import { createInventory } from './inventory.ts'
import type { VmwareOptions } from './settings.ts'
import { createPlaces, datastorePath, folderPath, type Place, unfinished } from './places.ts'
import { createSession } from './session.ts'
import { createUpload } from './upload.ts'

/**
 * Images as files in the datastores of a vCenter, with the URL
 * `vsphere://HOST/folder/openstack_glance/ID?dsName=DATASTORE&dcPath=DATACENTER`. `fetch` has the certificates of the
 * options `vmware_insecure` and `vmware_ca_file`. Throws a ConfigError where the options cannot be right.
 */
export function createVmwareStore(
  options: VmwareOptions,
  fetch: Fetch,
  patience = FILE_PATIENCE,
): ObjectStore & Reachable & { writing: ObjectWriting } {
  const places = createPlaces(options)
  const session = createSession(options, fetch, patience)
  const inventory = createInventory(session)
  const files = createFileManager(session, inventory, options.vmware_task_poll_interval)

  function requirePlace(url: string): Place {
    const place = places.placeOf(url)
    if (!place) throw new TypeError('Not a URL of an image of this store')
    return place
  }

  const fileAt = (place: Place): RemoteFile => ({
    name: `${session.server} "${datastorePath(place)}"`,
    patience,
    send: (method, headers, signal) => session.send(folderPath(place), { method, headers }, signal),
  })

  /** A datastore that is not mounted has no files either. */
  async function ifUsable<T>(place: Place, found: T | null): Promise<T | null> {
    if (found === null) await inventory.requireUsable(place.datastore)
    return found
  }

  const sizeAt = async (place: Place) => ifUsable(place, await sizeOf(fileAt(place)))

  return {
    holds: (url) => places.placeOf(url) !== null,
    size: async (url) => sizeAt(requirePlace(url)),

    async get(url, span) {
      const place = requirePlace(url)
      return ifUsable(place, await getRange(fileAt(place), span))
    },

    async delete(url) {
      const place = requirePlace(url)
      await files.remove(unfinished(place))
      return files.remove(place)
    },

    writing: {
      async urlOf(imageId) {
        return places.urlOf(await inventory.choose(places.datastores), imageId)
      },

      async create(url, size) {
        const place = requirePlace(url)
        if ((await sizeAt(place)) !== null) {
          throw new HeliostatError('conflict', 'There is such an image in the store already')
        }
        await files.remove(unfinished(place))
        return createUpload({ session, files, patience, sizeOf: sizeAt }, place, size)
      },

      /** The server says so only when it is asked to delete. */
      async isInUse(url) {
        requirePlace(url)
        return false
      },
    },

    async check() {
      await inventory.choose(places.datastores)
    },
  }
}
