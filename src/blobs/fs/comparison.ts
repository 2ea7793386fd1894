import { type FileHandle, open } from 'node:fs/promises'
import { isUnreadable } from '../local/store.ts'
import { isAbsent } from './open-files.ts'

const PIECE = 1 << 20

/** Whether a file has exactly these bytes. One that is absent, or that the disk cannot read, has not. */
export async function holds(file: string, bytes: Uint8Array): Promise<boolean> {
  let handle: FileHandle | null = null
  try {
    handle = await open(file, 'r')
    return (await handle.stat()).size === bytes.length && (await isSame(handle, bytes))
  } catch (error) {
    if (isAbsent(error) || isUnreadable(error)) return false
    throw error
  } finally {
    await handle?.close()
  }
}

async function isSame(handle: FileHandle, bytes: Uint8Array): Promise<boolean> {
  const memory = Buffer.allocUnsafe(Math.min(PIECE, bytes.length))
  for (let position = 0; position < bytes.length;) {
    const wanted = Math.min(PIECE, bytes.length - position)
    const { bytesRead } = await handle.read(memory, 0, wanted, position)
    const expected = bytes.subarray(position, position + bytesRead)
    if (bytesRead === 0 || memory.compare(expected, 0, bytesRead, 0, bytesRead) !== 0) return false
    position += bytesRead
  }
  return true
}
