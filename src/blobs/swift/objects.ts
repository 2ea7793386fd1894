import type { Fetch } from '../../http/fetch.ts'
import type { ObjectStore } from '../object-store.ts'
import { createSwiftClient } from './client.ts'
import { createDeletion } from './deletion.ts'
import { PATIENCE } from '../remote/patience.ts'
import { openObject, type Place, sizeOf } from './reading.ts'
import { requireSwiftOptions, type SwiftOptions } from './settings.ts'
import { namedObject } from './url.ts'

/**
 * Images as Glance has written them: objects in one piece or in segments, which Swift joins when they are read.
 * Throws a ConfigError as createSwiftStore does.
 */
export function createSwiftObjects(
  options: SwiftOptions,
  fetch: Fetch,
  patience = PATIENCE,
): ObjectStore {
  requireSwiftOptions(options)
  const client = createSwiftClient(options, fetch, patience)
  const remove = createDeletion(client)

  function placeOf(url: string): Place {
    const object = namedObject(url, options)
    // Not the URL: there may be a password in it.
    if (!object) throw new TypeError('The URL names no object of this Swift')
    return { ...object, resumptions: options.swift_store_retry_get_count }
  }

  return {
    holds: (url) => namedObject(url, options) !== null,
    size: async (url) => sizeOf(client, placeOf(url)),
    get: async (url, span) => openObject(client, placeOf(url), span),

    async delete(url) {
      await remove(placeOf(url))
      return 'gone'
    },

    writing: null,
  }
}
