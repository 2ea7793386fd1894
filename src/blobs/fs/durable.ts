import { randomUUID } from 'node:crypto'
import { mkdir, open, rename, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { writeFully } from './file-bytes.ts'

/** The ending of a file that is being written. */
export const UNFINISHED = '.tmp'

/** Images are not for everybody on the machine, also where the folder above is open. The umask may take more away. */
export const FILE_MODE = 0o640
const FOLDER_MODE = 0o750

/** Makes a folder at or below the root, and what is missing above it. */
export async function makeFolder(folder: string, root: string): Promise<void> {
  const made = await mkdir(folder, { recursive: true, mode: FOLDER_MODE })
  if (made !== undefined) await Promise.all([dirname(made), root].map(syncFolder))
}

/**
 * Writes a file under a temporary name beside its place, syncs it, renames it, and syncs its folder, so that a crash
 * leaves a whole file or none.
 */
export async function writeWhole(file: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${file}.${randomUUID()}${UNFINISHED}`
  try {
    await writeSynced(temporary, bytes)
    await rename(temporary, file)
    await syncFolder(dirname(file))
  } catch (error) {
    await unlink(temporary).catch(() => undefined)
    throw error
  }
}

async function writeSynced(file: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, 'wx', FILE_MODE)
  try {
    await writeFully(handle, bytes)
    await handle.datasync()
  } finally {
    await handle.close()
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
