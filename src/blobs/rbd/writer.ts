import { HeliostatError } from '../../errors.ts'
import type { ObjectWriter } from '../object-store.ts'
import { CephError, EDQUOT, ENOSPC } from './ceph-error.ts'
import type { Image } from './image.ts'
import type { Pool } from './pool.ts'
import { SNAP } from './url.ts'

const FIRST_STEP = 16 << 20
const LAST_STEP = 8 * 2 ** 30

/**
 * Writes an image that was created with `size` bytes. Where that is null it grows in steps that double: each takes a
 * call of its own, and what is too much in the end costs nothing.
 */
export function createWriter(
  parts: { pool: Pool; image: Image; name: string; erase(): Promise<unknown> },
  size: number | null,
): ObjectWriter {
  const { pool, image, name, erase } = parts
  let held = size ?? 0
  let step = FIRST_STEP
  let growing: Promise<void> = Promise.resolve()

  async function resize(to: number): Promise<void> {
    pool.require(await image.call('rbd_resize', to), `resize the image "${name}" to ${to} bytes`)
    held = to
  }

  async function grow(end: number): Promise<void> {
    if (end <= held) return
    if (size !== null) throw new RangeError(`The image has ${size} bytes, wanted ${end}`)
    await requireRoom(pool, end - held)
    let to = held
    while (to < end) {
      to += step
      step = Math.min(step * 2, LAST_STEP)
    }
    await resize(to)
  }

  function holding(end: number): Promise<void> {
    growing = growing.catch(() => undefined).then(() => grow(end))
    return growing
  }

  async function complete(whole: number): Promise<void> {
    await growing
    if (whole !== held) await resize(whole)
    pool.require(await image.call('rbd_flush'), `flush the image "${name}"`)
    pool.require(await image.call('rbd_snap_create', SNAP), `finish the image "${name}"`)
    pool.require(await image.call('rbd_snap_protect', SNAP), `protect the image "${name}"`)
    await image.close()
  }

  return {
    async write(offset, bytes) {
      await holding(offset + bytes.length).catch(refuseWhereFull)
      await image.write(offset, bytes).catch(refuseWhereFull)
    },

    finish: (whole) => complete(whole).catch(refuseWhereFull),

    async abort() {
      await image.close()
      await erase()
    },
  }
}

/** Throws where the cluster knows that there is not enough room, before it is filled for nothing. */
export async function requireRoom(pool: Pool, bytes: number): Promise<void> {
  const room = await pool.room()
  if (room !== null && room < bytes) throw noSpace(`${room} bytes are left, wanted ${bytes}`)
}

/** A full cluster refuses. */
export function refuseWhereFull(error: unknown): never {
  const isFull = error instanceof CephError && [ENOSPC, EDQUOT].includes(error.errno)
  throw isFull ? noSpace(error) : error
}

function noSpace(cause: unknown): HeliostatError {
  return new HeliostatError('too-large', 'The image store has no space left', { cause })
}
