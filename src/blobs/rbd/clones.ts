import { EBUSY, ENOENT, ERANGE } from './ceph-error.ts'
import type { Pool } from './pool.ts'
import { SNAP } from './url.ts'

/** Of the features that tell what has become of an image: there are clones of the second format. */
const CLONE_PARENT = 1

/** Whether clones stand on an image so that it cannot be deleted: those of the first format. */
export async function hasClones(pool: Pool, name: string): Promise<boolean> {
  const image = await pool.open(name, 'read', SNAP)
  if (!image) return false
  try {
    const found = await image.call('rbd_list_children3', null, [0])
    if (found === 0) return false
    const features = [0]
    const result = await image.call('rbd_get_op_features', features)
    pool.require(result, `look at the image "${name}"`)
    const isFirstFormatOnly = (Number(features[0]) & CLONE_PARENT) === 0
    if (found === -ERANGE && isFirstFormatOnly) return true
  } finally {
    await image.close()
  }
  return canNotBeUnprotected(pool, name)
}

/** What librbd does not tell a user who may not look at the clones can only be tried. */
async function canNotBeUnprotected(pool: Pool, name: string): Promise<boolean> {
  const image = await pool.open(name, 'write', null)
  if (!image) return false
  try {
    const result = await image.call('rbd_snap_unprotect', SNAP)
    if (result === -EBUSY) return true
    if (result === -ENOENT) return false
    pool.require(result, `unprotect the image "${name}"`)
    const again = await image.call('rbd_snap_protect', SNAP)
    if (again !== -EBUSY) pool.require(again, `protect the image "${name}"`)
    return false
  } finally {
    await image.close()
  }
}
