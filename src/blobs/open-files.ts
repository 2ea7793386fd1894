import { read } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'

/** A chunk that can be read until it is released. */
export interface OpenChunk {
  /** Fills the buffer from a position of the chunk, as far as there are bytes, and tells how many there were. */
  read(buffer: Uint8Array, position: number): Promise<number>
  /** The file may be closed from then on. Calling it again does nothing. */
  release(): void
}

export interface OpenFile extends OpenChunk {
  handle: FileHandle
  /** When the file was last changed: milliseconds since 1970 UTC, with fractions. */
  changedAt(): Promise<number>
}

interface Entry {
  handle: FileHandle
  users: number
  evicted: boolean
}

/**
 * Keeps recently read files open, since a small range of a chunk costs more to open than to read. Only for files
 * that never change. A file that is in use outlives its eviction.
 */
export function createOpenFiles(limit: number) {
  const entries = new Map<string, Entry>()
  const opener = createOpener()

  function use(entry: Entry): OpenFile {
    let released = false
    entry.users++
    return {
      handle: entry.handle,
      changedAt: async () => (await entry.handle.stat()).ctimeMs,
      read: (buffer, position) => readInto(buffer, entry.handle.fd, position),
      release() {
        if (released) return
        released = true
        entry.users--
        closeIfUnused(entry)
      },
    }
  }

  function closeIfUnused(entry: Entry): void {
    if (entry.evicted && entry.users === 0) void entry.handle.close()
  }

  function evict(path: string): void {
    const entry = entries.get(path)
    if (!entry) return
    entries.delete(path)
    entry.evicted = true
    closeIfUnused(entry)
  }

  return {
    /** The file, or null where there is none. */
    async acquire(path: string): Promise<OpenFile | null> {
      const known = entries.get(path)
      if (known) {
        entries.delete(path)
        entries.set(path, known)
        return use(known)
      }
      const handle = await opener.open(path)
      if (!handle) return null
      // Another reader may have opened it meanwhile: the newer one replaces it.
      evict(path)
      const entry = { handle, users: 0, evicted: false }
      entries.set(path, entry)
      const oldest = entries.keys().next().value
      const opened = use(entry)
      if (entries.size > limit && oldest !== undefined) evict(oldest)
      return opened
    },
    evict(path: string): void {
      opener.evicted()
      evict(path)
    },
    close(): void {
      for (const path of [...entries.keys()]) evict(path)
    },
  }
}

/** Opens a file once more when one was evicted meanwhile: it may be the one that was there before. */
function createOpener() {
  let evictions = 0
  return {
    evicted: () => void evictions++,

    async open(path: string): Promise<FileHandle | null> {
      for (;;) {
        const before = evictions
        const handle = await openForReading(path)
        if (before === evictions || !handle) return handle
        await handle.close()
      }
    },
  }
}

/** By callback: the promise of a FileHandle costs as much as the read of a small range. */
function readInto(buffer: Uint8Array, fd: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, buffer, 0, buffer.length, position, (error, bytesRead) => {
      if (error) reject(error)
      else resolve(bytesRead)
    })
  })
}

async function openForReading(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, 'r')
  } catch (error) {
    if (isAbsent(error)) return null
    throw error
  }
}

/** Whether a file system error says that there is no such file. */
export function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
