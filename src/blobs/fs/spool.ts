import { randomUUID } from 'node:crypto'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { readFully } from '../local/store.ts'
import type { OpenSpool, Spooled } from '../spool.ts'
import { isOutOfSpace, noSpace } from './disk.ts'
import { makeFolder, UNFINISHED } from './durable.ts'
import { readerOf, writeFully } from './file-bytes.ts'

/** Files in a folder, each without a name from the start, so that nothing is left even of a process that is killed. */
export function createSpool(folder: string): OpenSpool {
  return async (bytes) => {
    await makeFolder(folder, folder)
    const path = join(folder, `${randomUUID()}${UNFINISHED}`)
    const file = await open(path, 'wx+', 0o600)
    const spooled = fileSpool(file)
    try {
      await unlink(path)
      await spooled.append(bytes)
      return spooled
    } catch (error) {
      await file.close()
      throw error
    }
  }
}

function fileSpool(file: FileHandle): Spooled {
  let length = 0
  return {
    async append(bytes) {
      try {
        await writeFully(file, bytes, length)
      } catch (error) {
        throw isOutOfSpace(error) ? noSpace(error) : error
      }
      length += bytes.length
    },

    async readInto(bytes) {
      const read = await readFully(readerOf(file), bytes)
      if (read < bytes.length) throw new Error(`A spooled chunk ends at ${read} of ${bytes.length}`)
    },

    close: () => file.close(),
  }
}
