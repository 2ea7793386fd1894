import { randomUUID } from 'node:crypto'
import type { Stats } from 'node:fs'
import { link, readdir, readFile, rename, stat, unlink, utimes } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { codeOf } from '../../error-code.ts'
import { HeliostatError } from '../../errors.ts'
import { chunkStream } from '../chunk-stream.ts'
import type { LocalStore } from '../local/store.ts'
import { isDigest, requireDigest } from '../store.ts'
import { claimFile } from './claims.ts'
import { holds } from './comparison.ts'
import { createDisk, type Disk, isOutOfSpace } from './disk.ts'
import { makeFolder, UNFINISHED, withFolder, writeUnsynced, writeWhole } from './durable.ts'
import { createLaterSyncs } from './later-syncs.ts'
import { createOpenFiles, isAbsent, type OpenFile, stateOf } from './open-files.ts'

const OPEN_FILES = 256
const DAMAGED = '.damaged'
const CLAIM = '.claim'
const OWNER = 'owner'
const FOLDER = /^[0-9a-f]{2}$/

/** Chunks as files, of which the open ones show their handle. */
export interface FileStore extends LocalStore {
  openChunk(digest: string): Promise<OpenFile | null>
}

/** Chunks as files `ab/abcdef…` below a folder. A crash leaves a whole chunk or none. */
export function createFileStore(root: string): FileStore {
  return createStore(root, { write: writeWhole, close: () => undefined })
}

/**
 * The same for chunks that may be had again: they are synced some time after they were written, which nobody waits for.
 * Whoever reads one that was there at the start has to verify it, since a loss of power may have left anything.
 */
export function createCacheStore(root: string): FileStore {
  const syncs = createLaterSyncs((file) => store.quarantine(basename(file), null))
  const store = createStore(root, {
    async write(file, bytes) {
      await writeUnsynced(file, bytes)
      syncs.add(file)
    },
    close: syncs.end,
  })
  return store
}

interface Writing {
  write(file: string, bytes: Uint8Array): Promise<void>
  close(): void
}

function createStore(root: string, writing: Writing): FileStore {
  const files = createOpenFiles(OPEN_FILES)
  const disk = createDisk(root)
  const write = createWriter(root, disk, writing.write)
  const folder = (digest: string) => join(root, digest.slice(0, 2))
  const path = (digest: string) => join(folder(digest), requireDigest(digest))

  return {
    async openChunk(digest) {
      return files.acquire(path(digest))
    },

    async quarantine(digest, stamp) {
      const isAside = await setAside(path(digest), stamp)
      files.evict(path(digest))
      return isAside
    },

    async look(digest) {
      const found = await statIfPresent(path(digest))
      return found && stateOf(found)
    },

    disk: disk.condition,
    givenUp: disk.givenUp,

    async claim(digest) {
      return claimFile(`${path(digest)}${CLAIM}`)
    },

    letGo: (digest) => files.evict(path(digest)),
    close() {
      writing.close()
      files.close()
    },

    async get(digest, span) {
      const file = await files.acquire(path(digest))
      if (!file) return null
      return chunkStream(file, span ?? { offset: 0, length: file.state.size })
    },

    async put(digest, bytes) {
      if (await holds(path(digest), bytes)) return
      await write(path(digest), bytes)
      // A damaged one that was in its place may still be open.
      files.evict(path(digest))
    },

    async delete(digest) {
      await removeIfPresent(path(digest))
      // Not before, or a reader that comes meanwhile would keep it open.
      files.evict(path(digest))
    },

    async *list(after = '') {
      for await (const { path: file, name } of walk(root, after.slice(0, 2))) {
        if (!isDigest(name) || name <= after) continue
        const found = await statIfPresent(file)
        if (found) yield { digest: name, storedAt: found.mtimeMs }
      }
    },

    removeUnfinished: (before) => removeLeftovers(root, before),

    owner: () => readIfPresent(join(root, OWNER)),

    async setOwner(id) {
      await makeFolder(root, root)
      await writeWhole(join(root, OWNER), new TextEncoder().encode(id))
    },
  }
}

/** Writes chunks for as long as the disk has room for all that are being written. */
function createWriter(root: string, disk: Disk, write: Writing['write']) {
  let writing = 0

  async function writeThere(file: string, bytes: Uint8Array): Promise<void> {
    await disk.requireSpace(dirname(file), writing)
    await write(file, bytes)
  }

  return async (file: string, bytes: Uint8Array): Promise<void> => {
    writing += bytes.length
    try {
      await withFolder(dirname(file), () => writeThere(file, bytes), root)
      disk.accepted()
    } catch (error) {
      throw isOutOfSpace(error) ? disk.refused(error) : translate(error, basename(file))
    } finally {
      writing -= bytes.length
    }
  }
}

/** False where the file is gone, or is not the damaged one any more. */
async function setAside(file: string, stamp: string | null): Promise<boolean> {
  const found = await statIfPresent(file)
  if (!found || (stamp !== null && stateOf(found).stamp !== stamp)) return false
  const aside = `${file}.${randomUUID()}${DAMAGED}`
  await rename(file, aside)
  if ((await stat(aside)).ino !== found.ino) {
    // A whole one has taken its place in this very moment.
    await link(aside, file).catch(() => undefined)
    await unlink(aside)
    return false
  }
  const now = new Date()
  // Its age counts from here, or the next sweep would take it.
  await utimes(aside, now, now)
  return true
}

async function removeLeftovers(root: string, before: number): Promise<void> {
  for await (const { path: file, name } of walk(root, '')) {
    if (![UNFINISHED, DAMAGED, CLAIM].some((ending) => name.endsWith(ending))) continue
    const found = await statIfPresent(file)
    if (found && found.mtimeMs < before) await removeIfPresent(file)
  }
}

/** The files in the folders of chunks. Whatever else lies in the root, such as `lost+found`, is not ours. */
async function* walk(root: string, from: string): AsyncGenerator<{ path: string; name: string }> {
  for (const folder of await sortedNames(root)) {
    if (!FOLDER.test(folder) || folder < from) continue
    for (const name of await sortedNames(join(root, folder))) {
      yield { path: join(root, folder, name), name }
    }
  }
}

async function sortedNames(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).toSorted()
  } catch (error) {
    if (isAbsent(error)) return []
    throw error
  }
}

async function statIfPresent(file: string): Promise<Stats | null> {
  try {
    return await stat(file)
  } catch (error) {
    if (isAbsent(error)) return null
    throw error
  }
}

async function readIfPresent(file: string): Promise<string | null> {
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch (error) {
    if (isAbsent(error)) return null
    throw error
  }
}

async function removeIfPresent(file: string): Promise<void> {
  await unlink(file).catch(ignoreAbsent)
}

function ignoreAbsent(error: unknown): void {
  if (!isAbsent(error)) throw error
}

function translate(error: unknown, digest: string): unknown {
  const code = codeOf(error)
  if (code === 'EROFS' || code === 'EACCES' || code === 'EPERM') {
    return new HeliostatError('unavailable', 'The image store refuses to be written', {
      cause: new Error(`Cannot write chunk ${digest}`, { cause: error }),
    })
  }
  return error
}
