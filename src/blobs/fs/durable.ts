import { randomUUID } from 'node:crypto'
import { type FileHandle, mkdir, open, rename, stat, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { codeOf } from '../../error-code.ts'
import { writeFully } from './file-bytes.ts'

/** The ending of a file that is being written. */
export const UNFINISHED = '.tmp'

/** Images are not for everybody on the machine, also where the folder above is open. The umask may take more away. */
export const FILE_MODE = 0o640
const FOLDER_MODE = 0o750

/** Makes a folder at or below the root, and what is missing above it. */
export async function makeFolder(folder: string, root: string): Promise<void> {
  const made = await makeFolders(folder)
  if (made !== null) await Promise.all([dirname(made), root].map(syncFolder))
}

/** Does something in a folder, which is made where it is missing; durably, if it is told the root of it all. */
export async function withFolder<T>(
  folder: string,
  act: () => Promise<T>,
  root: string | null = null,
): Promise<T> {
  try {
    return await act()
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
  await (root === null ? makeFolders(folder) : makeFolder(folder, root))
  return act()
}

/**
 * Makes a folder and what is missing above it; returns the topmost that was made, null where it is there already.
 * `mkdir` with `recursive` would never end below /proc, and says of a read-only file system that nothing is there.
 */
export async function makeFolders(folder: string): Promise<string | null> {
  try {
    return await makeOne(folder)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' || dirname(folder) === folder) throw error
  }
  const above = await makeFolders(dirname(folder))
  const made = await makeOne(folder)
  return above ?? made
}

async function makeOne(folder: string): Promise<string | null> {
  try {
    await mkdir(folder, FOLDER_MODE)
    return folder
  } catch (error) {
    const isThere = await stat(folder).then(
      (found) => found.isDirectory(),
      () => false,
    )
    if (isThere) return null
    throw error
  }
}

/**
 * Writes a file under a temporary name beside its place, syncs it, renames it, and syncs its folder, so that a crash
 * leaves a whole file or none.
 */
export async function writeWhole(file: string, bytes: Uint8Array, mode = FILE_MODE): Promise<void> {
  await writeBeside(file, mode, async (handle) => {
    await writeFully(handle, bytes)
    await handle.datasync()
  })
  await syncFolder(dirname(file))
}

/** The same without a sync: who dies leaves a whole file or none, but a machine that loses power may leave anything. */
export async function writeUnsynced(file: string, bytes: Uint8Array): Promise<void> {
  await writeBeside(file, FILE_MODE, (handle) => writeFully(handle, bytes))
}

/** Has the data of a file on the disk; throws where the disk could not take them. */
export function syncFile(file: string): Promise<void> {
  return withOpened(open(file, 'r'), (handle) => handle.datasync())
}

function syncFolder(folder: string): Promise<void> {
  return withOpened(open(folder, 'r'), (handle) => handle.sync())
}

type Act = (handle: FileHandle) => Promise<void>

async function writeBeside(file: string, mode: number, fill: Act): Promise<void> {
  const temporary = `${file}.${randomUUID()}${UNFINISHED}`
  try {
    await withOpened(open(temporary, 'wx', mode), fill)
    await rename(temporary, file)
  } catch (error) {
    await unlink(temporary).catch(() => undefined)
    throw error
  }
}

async function withOpened(opening: Promise<FileHandle>, act: Act): Promise<void> {
  const handle = await opening
  try {
    await act(handle)
  } finally {
    await handle.close()
  }
}
