import { setTimeout as delay } from 'node:timers/promises'
import { EBUSY, EINVAL, ENOENT, ENOSPC, ENOTEMPTY, ERANGE } from './ceph-error.ts'
import type { Image } from './image.ts'
import type { Pool } from './pool.ts'
import { SNAP } from './url.ts'

/** An image stays open for 30 seconds for a process that has died. */
const BUSY_MS = 40_000
const AGAIN_MS = 250

/** Nothing was done to the image, or it has no snapshot any more and is still to be deleted. */
type State = 'gone' | 'in-use' | 'untouched' | 'begun'

/**
 * Deletes an image, finished or not. It stays where clones of the first format stand on it, or another process has it
 * open. One that clones of the second format stand on is left to the trash, where they go on reading it.
 */
export async function eraseImage(pool: Pool, name: string): Promise<'gone' | 'in-use'> {
  const until = Date.now() + BUSY_MS
  for (;;) {
    const state = await tryToErase(pool, name)
    if (state === 'gone' || state === 'in-use') return state
    if (Date.now() > until) {
      if (state === 'untouched') return 'in-use'
      throw new Error(`Cannot delete the image "${name}": it is still there`)
    }
    await delay(AGAIN_MS)
  }
}

async function tryToErase(pool: Pool, name: string): Promise<State> {
  const image = await pool.open(name, 'write', null)
  if (!image) return goOn(pool, name)
  try {
    if (await isOpenElsewhere(pool, image, name)) return 'untouched'
    if (!(await removeSnap(pool, image, name))) return 'in-use'
  } finally {
    await image.close()
  }
  const result = await pool.call('rbd_remove', name)
  if (result === -ENOTEMPTY) return moveToTrash(pool, name)
  if (result === -EBUSY) return 'begun'
  // It begins with a note in the trash, for which there is no room where the cluster is full.
  if (result === -ENOSPC || result === -ENOENT) return emptyImage(pool, name)
  pool.require(result, `delete the image "${name}"`)
  return 'gone'
}

/** An image whose deletion was broken off can no longer be opened; to delete it again goes on with that. */
async function goOn(pool: Pool, name: string): Promise<State> {
  const result = await pool.call('rbd_remove', name)
  if (result === -ENOENT) return 'gone'
  if (result === -EBUSY || result === -ENOSPC) return 'begun'
  pool.require(result, `delete what is left of the image "${name}"`)
  return 'gone'
}

/** Whoever has an image open to write watches it, and so do we. */
async function isOpenElsewhere(pool: Pool, image: Image, name: string): Promise<boolean> {
  const count = [0]
  const result = await image.call('rbd_watchers_list', null, count)
  if (result !== -ERANGE) pool.require(result, `look who has the image "${name}" open`)
  return Number(count[0]) > 1
}

/** False where clones stand on the snapshot. */
async function removeSnap(pool: Pool, image: Image, name: string): Promise<boolean> {
  const state = await image.call('rbd_snap_is_protected', SNAP, [0])
  if (state === -ENOENT) return true
  const unprotected = await image.call('rbd_snap_unprotect', SNAP)
  if (unprotected === -EBUSY) return false
  if (unprotected !== -EINVAL) pool.require(unprotected, `unprotect the image "${name}"`)
  const removed = await image.call('rbd_snap_remove', SNAP)
  if (removed === -EBUSY) return false
  if (removed !== -ENOENT) pool.require(removed, `delete the snapshot of the image "${name}"`)
  return true
}

async function moveToTrash(pool: Pool, name: string): Promise<State> {
  const result = await pool.call('rbd_trash_move', name, 0)
  if (result === -EBUSY) return 'begun'
  if (result !== -ENOENT) pool.require(result, `move the image "${name}" to the trash`)
  return 'gone'
}

/** Leaves the image without bytes, so that there is some room again. */
async function emptyImage(pool: Pool, name: string): Promise<State> {
  const image = await pool.open(name, 'write', null)
  if (!image) return 'begun'
  try {
    pool.require(await image.call('rbd_resize', 0), `empty the image "${name}"`)
  } finally {
    await image.close()
  }
  return 'begun'
}
