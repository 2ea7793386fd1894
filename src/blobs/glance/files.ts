import { constants } from 'node:fs'
import { type FileHandle, open, stat, unlink } from 'node:fs/promises'
import { UUID } from '../../../schema/image.ts'
import { chunkStream } from '../chunk-stream.ts'
import { readerOf } from '../fs/file-bytes.ts'
import { isAbsent } from '../fs/open-files.ts'
import type { ObjectStore } from '../object-store.ts'
import type { Reachable } from '../store.ts'

export interface GlanceFilesOptions {
  /** The folder in which images lie under their ids. */
  filesystem_store_datadir: string | null
  /** Several, each as `FOLDER` or `FOLDER:PRIORITY`; by the priority Glance chooses where to write. */
  filesystem_store_datadirs: readonly string[]
}

/** As Glance writes it, and as it reads it too. */
const SCHEMES = ['file://', 'filesystem://']
/** A link could lead anywhere, and the opening of a pipe would not end. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/**
 * Images that a Glance has written into a file system, with the URL `file://FOLDER/ID`. No path comes from a URL: it is
 * made anew of a folder of the options and an id.
 */
export function createGlanceFiles(options: GlanceFilesOptions): ObjectStore & Reachable {
  const folders = [options.filesystem_store_datadir ?? '', ...options.filesystem_store_datadirs]
    .map((folder) => folder.replace(/:\d+$/, '').replace(/\/+$/, ''))
    .filter((folder) => folder.startsWith('/'))

  function placeOf(url: string): { folder: string; path: string } | null {
    const id = url.slice(url.lastIndexOf('/') + 1)
    const isHere = (folder: string) => SCHEMES.some((scheme) => url === `${scheme}${folder}/${id}`)
    const folder = UUID.test(id) ? folders.find(isHere) : undefined
    return folder === undefined ? null : { folder, path: `${folder}/${id}` }
  }

  function requirePlace(url: string): { folder: string; path: string } {
    const place = placeOf(url)
    if (!place) throw new TypeError('Not a URL of a file of this store')
    return place
  }

  /** A folder that is not mounted has no images either. */
  async function absent(folder: string, error: unknown): Promise<null> {
    if (!isAbsent(error)) throw error
    await requireFolder(folder)
    return null
  }

  async function openFile(url: string): Promise<OpenFile | null> {
    const { folder, path } = requirePlace(url)
    try {
      return await openPlain(path)
    } catch (error) {
      return absent(folder, error)
    }
  }

  return {
    holds: (url) => placeOf(url) !== null,

    async size(url) {
      const file = await openFile(url)
      await file?.handle.close()
      return file && file.size
    },

    async get(url, span) {
      const file = await openFile(url)
      if (!file) return null
      const { handle } = file
      let closed: Promise<void> | null = null
      const release = () => void (closed ??= handle.close())
      return chunkStream({ read: readerOf(handle), release }, span)
    },

    async delete(url) {
      const { folder, path } = requirePlace(url)
      await unlink(path).catch((error: unknown) => absent(folder, error))
      return 'gone'
    },

    writing: null,

    async check() {
      for (const folder of folders) await requireFolder(folder)
    },
  }
}

interface OpenFile {
  handle: FileHandle
  size: number
}

async function openPlain(path: string): Promise<OpenFile> {
  const handle = await open(path, FLAGS)
  const found = await handle.stat()
  if (found.isFile()) return { handle, size: found.size }
  await handle.close()
  throw new Error(`"${path}" is no file`)
}

async function requireFolder(folder: string): Promise<void> {
  if (!(await stat(folder)).isDirectory()) throw new Error(`"${folder}" is no folder`)
}
