import { access, constants, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { codeOf } from '../../error-code.ts'
import type { HeliostatError } from '../../errors.ts'
import { type DiskCondition, NoSpaceError } from '../local/store.ts'
import { isAbsent } from './open-files.ts'

/** Bytes that chunks leave free: the registry is often on the same disk, and without space could not even delete. */
const RESERVED = 8 << 20
/** A disk without room for another chunk of the usual size counts as full before the first write fails. */
const USUAL_CHUNK = 8 << 20

/** The space below a folder, and whether it has run out. */
export interface Disk {
  /** Throws when so many bytes would not leave the reserve untouched. */
  requireSpace(folder: string, wanted: number): Promise<void>
  /** The system itself had no space for a write: a quota, which cannot be read. Only a write shows that it is over. */
  refused(cause: unknown): HeliostatError
  /** A chunk was written. */
  accepted(): void
  /** What was refused has given back the room that it had taken: that is no more than there was before it. */
  givenUp(): Promise<void>
  condition(): Promise<DiskCondition>
}

export function createDisk(root: string): Disk {
  /** What the last chunk that was refused would have needed. */
  let lacking = 0
  /** How much more it would have needed than there was. */
  let shortBy = USUAL_CHUNK

  return {
    async requireSpace(folder, wanted) {
      const free = await freeBytes(folder)
      if (free >= wanted + RESERVED) return
      lacking = wanted + RESERVED
      shortBy = lacking - free
      throw noSpace(
        new Error(`${free} bytes are free, wanted ${wanted} and ${RESERVED} in reserve`),
      )
    },

    refused(cause) {
      lacking = Infinity
      return noSpace(cause)
    },

    accepted() {
      if (lacking === Infinity) lacking = 0
    },

    async givenUp() {
      const free = await existing(root).then(freeBytes)
      lacking = Math.max(lacking, free + shortBy)
      shortBy = USUAL_CHUNK
    },

    async condition() {
      try {
        const folder = await existing(root)
        const [free, writable] = await Promise.all([freeBytes(folder), isWritable(folder)])
        if (free >= lacking) lacking = 0
        return { writable, free, full: free < Math.max(lacking, RESERVED + USUAL_CHUNK) }
      } catch {
        // A disk that does not even tell its space takes no chunks.
        return { writable: false, free: 0, full: false }
      }
    },
  }
}

/** Whether a file system error says that there is no room. */
export function isOutOfSpace(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes(codeOf(error))
}

export function noSpace(cause: unknown): NoSpaceError {
  return new NoSpaceError('too-large', 'The image store has no space left', { cause })
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}

/** Where the folder will be made, when it is not there yet. */
async function existing(folder: string): Promise<string> {
  try {
    await access(folder)
    return folder
  } catch (error) {
    if (isAbsent(error) && dirname(folder) !== folder) return existing(dirname(folder))
    throw error
  }
}

async function isWritable(folder: string): Promise<boolean> {
  try {
    await access(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}
