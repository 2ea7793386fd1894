import { HeliostatError } from '../../errors.ts'
import type { ObjectWriting } from '../object-store.ts'
import { ENOENT } from './ceph-error.ts'
import { hasClones } from './clones.ts'
import { eraseImage } from './erase.ts'
import type { Connection, Link } from './link.ts'
import type { Image } from './image.ts'
import type { Pool } from './pool.ts'
import { formatRbdUrl, SNAP } from './url.ts'
import { createWriter, refuseWhereFull, requireRoom } from './writer.ts'

export interface WritingParts {
  link: Link
  poolName: string
  find(url: string): Promise<Connection & { name: string }>
  erase(url: string): Promise<'gone' | 'in-use'>
}

export function createWriting({ link, poolName, find, erase }: WritingParts): ObjectWriting {
  return {
    async urlOf(imageId) {
      const { pool } = await link.connection()
      return formatRbdUrl(pool.fsid, poolName, imageId)
    },

    async create(url, size) {
      const { pool, name } = await find(url)
      await requireRoom(pool, size ?? 0)
      const image = await createImage(pool, name, size ?? 0).catch(refuseWhereFull)
      return createWriter({ pool, image, name, erase: () => erase(url) }, size)
    },

    async isInUse(url) {
      const { pool, name } = await find(url)
      return hasClones(pool, name)
    },
  }
}

/** In place of one whose writing or deletion was broken off, of which something may be left in the trash as well. */
async function createImage(pool: Pool, name: string, size: number): Promise<Image> {
  if (await isFinished(pool, name)) throw conflict(`There is an image "${name}" already`)
  const left = await eraseImage(pool, name)
  if (left === 'in-use' || !(await pool.create(name, size))) {
    throw conflict(`The image "${name}" is being written by another`)
  }
  const image = await pool.open(name, 'write', null)
  if (!image) throw conflict(`The image "${name}" was deleted when it was to be written`)
  return image
}

async function isFinished(pool: Pool, name: string): Promise<boolean> {
  const image = await pool.open(name, 'read', null)
  if (!image) return false
  try {
    const isProtected = [0]
    const result = await image.call('rbd_snap_is_protected', SNAP, isProtected)
    if (result === -ENOENT) return false
    pool.require(result, `look at the image "${name}"`)
    return isProtected[0] === 1
  } finally {
    await image.close()
  }
}

const conflict = (message: string) => new HeliostatError('conflict', message)
