/** All bytes of a part of a file: the system may read or write fewer of them at once. */
import { read } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'

/** Fills the buffer from a position, as far as the system does so at once, and tells how many bytes there were. */
export type ReadAt = (buffer: Uint8Array, position: number) => Promise<number>

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

/** Reads from a position until the buffer is full or there is no more, and tells how many bytes there were. */
export async function readFully(readAt: ReadAt, bytes: Uint8Array, position = 0): Promise<number> {
  let done = 0
  while (done < bytes.length) {
    const count = await readAt(bytes.subarray(done), position + done)
    if (count === 0) break
    done += count
  }
  return done
}

export async function writeFully(file: FileHandle, bytes: Uint8Array, position = 0): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const left = bytes.length - done
    done += (await file.write(bytes, done, left, position + done)).bytesWritten
  }
}
