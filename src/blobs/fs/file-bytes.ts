import { read } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import type { ReadAt } from '../local/store.ts'

/** By callback: the promise of a FileHandle costs as much as the read of a small range. */
export function readerOf(file: Pick<FileHandle, 'fd'>): ReadAt {
  return (buffer, position) =>
    new Promise((resolve, reject) => {
      read(file.fd, buffer, 0, buffer.length, position, (error, bytesRead) => {
        if (error) reject(error)
        else resolve(bytesRead)
      })
    })
}

/** Writes all bytes: the system may write fewer of them at once. */
export async function writeFully(file: FileHandle, bytes: Uint8Array, position = 0): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const left = bytes.length - done
    done += (await file.write(bytes, done, left, position + done)).bytesWritten
  }
}
