import type { ObjectStore } from '../object-store.ts'
import type { Reachable, Span } from '../store.ts'
import { eraseImage } from './erase.ts'
import { type Connection, createLink, type Link } from './link.ts'
import type { Pool } from './pool.ts'
import type { Reader } from './readers.ts'
import { streamSpan } from './span.ts'
import { parseRbdUrl, SNAP } from './url.ts'
import { createWriting } from './writing.ts'

/** Glance's options of a store of type "rbd"; null where one is unset. */
export interface RbdOptions {
  /** The pool that images lie in. Glance's default is "images". */
  rbd_store_pool: string
  /** Whom to authenticate as, without "client."; "admin" where it is null. */
  rbd_store_user: string | null
  /** Path of ceph.conf, which names the keyring; where librados looks for it by itself where it is null or empty. */
  rbd_store_ceph_conf: string | null
  /** MiB of the objects that an image is cut into: a power of two up to 32. Glance's default is 8. */
  rbd_store_chunk_size: number
  /** Seconds that the cluster may take for one thing; 30 where it is null or not positive. */
  rados_connect_timeout: number | null
}

export interface RbdStore extends ObjectStore, Reachable {
  /** Ends what is under way, and the connection. */
  close(): Promise<void>
}

const DEFAULT_TIMEOUT = 30
const LOG2_MIB = 20

/**
 * Images as RADOS block devices, as Nova and Cinder clone them: each has its id for a name and a protected snapshot.
 * Needs librbd and the package koffi, which are loaded when the store is first used.
 */
export function createRbdStore(options: RbdOptions): RbdStore {
  const timeout = options.rados_connect_timeout ?? 0
  const link = createLink({
    name: options.rbd_store_pool,
    conf: options.rbd_store_ceph_conf || null,
    user: options.rbd_store_user || 'admin',
    timeout: timeout > 0 ? timeout : DEFAULT_TIMEOUT,
    order: LOG2_MIB + Math.floor(Math.log2(options.rbd_store_chunk_size)),
  })
  const { isOurs, find } = createFinder(link, options.rbd_store_pool)

  async function erase(url: string): Promise<'gone' | 'in-use'> {
    const { pool, readers, name } = await find(url)
    return eraseImage(pool, name).finally(() => readers.forget(name))
  }

  return {
    holds: isOurs,

    async size(url) {
      const { readers, name } = await find(url)
      const reader = await readers.acquire(name)
      reader?.release()
      return reader && reader.image.size
    },

    async get(url, span) {
      const { pool, readers, name } = await find(url)
      const reader = await readers.acquire(name)
      return reader && openSpan(reader, span, (id) => isThere(pool, name, id))
    },

    delete: erase,
    writing: createWriting({ link, find, erase, poolName: options.rbd_store_pool }),

    async check() {
      await (await link.connection()).pool.check()
    },

    close: link.close,
  }
}

type Found = Connection & { name: string }

function createFinder(link: Link, pool: string) {
  /** The name of the image, null where the URL is not of this store. */
  function nameOf(url: string): string | null {
    const location = parseRbdUrl(url)
    if (!location || location.fsid === null) return location && location.image
    const fsid = link.fsid() ?? location.fsid
    return location.pool === pool && location.fsid === fsid ? location.image : null
  }

  function requireName(url: string): string {
    const name = nameOf(url)
    if (name === null) throw new TypeError(`Not an image of the pool "${pool}": "${url}"`)
    return name
  }

  return {
    isOurs: (url: string) => nameOf(url) !== null,

    /** Asks again when it is known of which cluster the URL has to be. */
    async find(url: string): Promise<Found> {
      requireName(url)
      const connection = await link.connection()
      return { ...connection, name: requireName(url) }
    },
  }
}

function openSpan(
  reader: Reader,
  span: Span,
  isStillThere: (id: string) => Promise<boolean>,
): ReadableStream<Uint8Array> {
  const { size } = reader.image
  if (span.offset + span.length <= size && span.length > 0) {
    return streamSpan(reader, span, isStillThere)
  }
  reader.release()
  if (span.length === 0) return new Blob().stream()
  throw new RangeError(`The image has ${size} bytes, wanted ${span.length} at ${span.offset}`)
}

async function isThere(pool: Pool, name: string, id: string): Promise<boolean> {
  const image = await pool.open(name, 'read', SNAP)
  await image?.close()
  return image?.id === id
}
