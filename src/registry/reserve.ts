import { randomBytes } from 'node:crypto'
import { rmSync, statSync } from 'node:fs'
import { rm, statfs, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { codeOf } from '../error-code.ts'

/** What the write-ahead log grows to before it begins anew. */
const RESERVE_BYTES = 4 << 20
/** What others may write meanwhile. */
const MARGIN_BYTES = 1 << 20

/** A file beside a database that takes space for nothing, so that on a full disk there is some for what makes room. */
export interface Reserve {
  /** Whether it is there. It is made at first, and again as soon as there is room for it. */
  hold(): Promise<boolean>
  /** Gives the space away. */
  release(): void
}

export function createReserve(path: string): Reserve {
  let making: Promise<boolean> | null = null

  /** Looked at each time: another process that shares the database may have given it away. */
  const isHeld = () => statSync(path, { throwIfNoEntry: false })?.size === RESERVE_BYTES

  /** False when there is no room for it. */
  async function make(): Promise<boolean> {
    const { bavail, bsize } = await statfs(dirname(path))
    if (bavail * bsize < RESERVE_BYTES + MARGIN_BYTES) return false
    try {
      // A file system that compresses would find no space in zeros.
      await writeFile(path, randomBytes(RESERVE_BYTES), { mode: 0o640 })
      return true
    } catch (error) {
      await rm(path, { force: true }).catch(() => undefined)
      // Whatever else is wrong with the disk, the database will tell it.
      return codeOf(error) !== 'ENOSPC'
    }
  }

  return {
    async hold() {
      if (isHeld()) return true
      making ??= make().finally(() => (making = null))
      return making
    },

    release() {
      rmSync(path, { force: true })
    },
  }
}
