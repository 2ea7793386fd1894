import { readLimited } from '../../http/body.ts'
import { sha256 } from '../digest.ts'
import type { S3Client, S3Request } from './client.ts'
import { hasCode, refusal, type Context } from './failure.ts'
import type { S3Options } from './settings.ts'
import { parseError } from './xml.ts'

const MAX_ANSWER_BYTES = 64 << 10

export interface ObjectToPut {
  key: string
  bytes: Uint8Array
  /** SHA-256 of the bytes, hex. */
  digest: string
  headers?: Record<string, string>
}

export interface S3Writing {
  /** Resolves when the server says that it has stored the object, in place of one that was there. */
  put(object: ObjectToPut): Promise<void>
}

export function createS3Writing(client: S3Client, options: S3Options): S3Writing {
  const { bucket, region } = client.address

  function put({ key, bytes, digest, headers }: ObjectToPut): Promise<void> {
    const request: S3Request = {
      method: 'PUT',
      key,
      body: { bytes, digest },
      headers: { ...headers },
    }
    return client.ask(`store "${key}"`, request, done)
  }

  async function createBucket(): Promise<void> {
    // Amazon's first region is the one that must not be named, and a guessed one need not be known.
    const isNamed = options.s3_store_region_name && region !== 'us-east-1'
    const bytes = new TextEncoder().encode(isNamed ? locationOf(region) : '')
    const request: S3Request = {
      method: 'PUT',
      key: null,
      body: { bytes, digest: sha256(bytes) },
    }
    try {
      await client.ask(`create the bucket "${bucket}"`, request, done)
    } catch (error) {
      // Somebody else was faster.
      if (!hasCode(error, 'BucketAlreadyOwnedByYou', 'BucketAlreadyExists')) throw error
    }
  }

  return {
    async put(object) {
      try {
        await put(object)
      } catch (error) {
        if (!options.s3_store_create_bucket_on_put || !hasCode(error, 'NoSuchBucket')) throw error
        await createBucket()
        await put(object)
      }
    },
  }
}

/** Deletes an object, an absent one too. */
export async function deleteObject(client: S3Client, key: string): Promise<void> {
  await client.askIfPresent(`delete "${key}"`, { method: 'DELETE', key }, done)
}

/** A success may turn out to be none: some servers send its head before they know. */
async function done(response: Response, context: Context): Promise<void> {
  const bytes = await readLimited(response.body, MAX_ANSWER_BYTES)
  const error = parseError(new TextDecoder().decode(bytes))
  if (error) throw refusal(response, error, context)
}

function locationOf(region: string): string {
  const constraint = `<LocationConstraint>${region.replace(/[^\w.-]/g, '')}</LocationConstraint>`
  return `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${constraint}</CreateBucketConfiguration>`
}
