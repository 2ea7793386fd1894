import { read, readSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import type { ReadAt } from '../local/store.ts'

/** A read up to this is done at once, if the bytes are in memory, as they mostly are: it takes less time than asking for it. */
const SMALL = 64 << 10
/** One that took longer had to wait for the disk. */
const FROM_MEMORY_MS = 4
/** For how long reads go beside the event loop then. */
const BESIDE_MS = 1_000

/** So many reads are done at once before others have their turn: large bodies are many small reads where there is little memory for each. */
const MOST_IN_TURN = 32

/**
 * For a larger write the kernel looks for larger pages of memory. In a virtual machine those are the ones that its host
 * has to find first: 1 GiB in writes of 8 MiB took 3.2 s of CPU, in these 0.4 s while there were smaller ones (Linux
 * 6.18 with free page reporting).
 */
const MOST_WRITTEN = 256 << 10

let besideUntil = 0
let inThisTurn = 0

/** Whether this turn of the event loop has had enough of them. */
function isEnough(): boolean {
  if (inThisTurn === 0) {
    setImmediate(() => {
      inThisTurn = 0
    })
  }
  return ++inThisTurn > MOST_IN_TURN
}

/** Small reads hold the event loop up, but not where the disk is asked: then others are served meanwhile. */
export function readerOf({ fd }: Pick<FileHandle, 'fd'>): ReadAt {
  return async (buffer, position) => {
    if (buffer.length > SMALL || isEnough()) return readBeside(fd, buffer, position)
    const begun = performance.now()
    if (begun < besideUntil) return readBeside(fd, buffer, position)
    const bytesRead = readSync(fd, buffer, 0, buffer.length, position)
    const ended = performance.now()
    if (ended - begun > FROM_MEMORY_MS) besideUntil = ended + BESIDE_MS
    return bytesRead
  }
}

/** By callback: the promise of a FileHandle costs as much as the read of a small range. */
function readBeside(fd: number, buffer: Uint8Array, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, buffer, 0, buffer.length, position, (error, bytesRead) => {
      if (error) reject(error)
      else resolve(bytesRead)
    })
  })
}

/** Writes all bytes: the system may write fewer of them at once. */
export async function writeFully(file: FileHandle, bytes: Uint8Array, position = 0): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const length = Math.min(bytes.length - done, MOST_WRITTEN)
    done += (await file.write(bytes, done, length, position + done)).bytesWritten
  }
}
