import { UUID } from '../../../schema/image.ts'
import type { Fetch } from '../../http/fetch.ts'
import type { ObjectStore } from '../object-store.ts'
import { createS3Client } from './client.ts'
import type { S3Options } from './settings.ts'
import { PATIENCE } from '../remote/patience.ts'
import { openObject, sizeOf } from './reading.ts'
import { deleteObject } from './writing.ts'

/** Keys may have anything in them, the slash included. */
const URL_FORM = /^s3(?:\+https?)?:\/\/(?:.*@)?([^@]+)\/([^@/]+)\/([^@/]+)$/
const KEYS = /^(s3(?:\+https?)?:\/\/).*@/s

/**
 * What a Glance has written: an image under its id, with the URL `s3://ACCESS_KEY:SECRET_KEY@HOST/BUCKET/ID`. Whatever
 * keys stand in a URL, those of the options are used. Throws a ConfigError where the options cannot be right.
 */
export function createS3Objects(
  options: S3Options,
  fetch: Fetch,
  patience = PATIENCE,
): ObjectStore {
  const client = createS3Client(options, fetch, patience)
  const { bucket, hosts } = client.address

  /** The id of the image; null for a URL of another place. */
  function idIn(url: string): string | null {
    const [, host = '', itsBucket, id = ''] = URL_FORM.exec(url) ?? []
    const isHere = hosts.includes(host.toLowerCase()) && itsBucket === bucket
    return isHere && UUID.test(id) ? id : null
  }

  function keyOf(url: string): string {
    const id = idIn(url)
    if (id === null) throw new TypeError(`Not an image of this store: "${withoutKeys(url)}"`)
    return id
  }

  return {
    holds: (url) => idIn(url) !== null,
    size: async (url) => sizeOf(client, keyOf(url)),
    get: async (url, span) => openObject(client, keyOf(url), span),
    async delete(url) {
      await deleteObject(client, keyOf(url))
      return 'gone'
    },
    writing: null,
  }
}

/** The URL of an image as it may be shown: Glance writes the keys of its user into it. */
export function withoutKeys(url: string): string {
  return url.replace(KEYS, '$1')
}
