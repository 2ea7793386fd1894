import { fstatSync, type Stats } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { codeOf } from '../../error-code.ts'
import type { ChunkState, LocalChunk } from '../local/store.ts'
import { readerOf } from './file-bytes.ts'

export interface OpenFile extends LocalChunk {
  handle: FileHandle
}

interface Entry {
  handle: FileHandle
  users: number
  /** Whether nobody has used it since the last look. */
  idle: boolean
  evicted: boolean
}

/** A file that another process has removed keeps its room on the disk for as long as it is open. */
const LOOK_MS = 5_000

export interface OpenFiles {
  /** The file, or null where there is none. */
  acquire(path: string): Promise<OpenFile | null>
  evict(path: string): void
  close(): void
}

/**
 * Keeps recently read files open, since a small range of a chunk costs more to open than to read. Only for files
 * that never change. A file that is in use outlives its eviction; one that is not is closed after seconds.
 */
export function createOpenFiles(limit: number): OpenFiles {
  const entries = createEntries(limit)
  const opener = createOpener()

  /** The file as it was opened before, unless it is gone from its folder. */
  async function reuse(path: string): Promise<OpenFile | null> {
    const known = entries.get(path)
    if (!known) return null
    const letGo = use(known)
    const stats = statOf(known, letGo)
    if (stats.nlink > 0) return openFile(known, stateOf(stats), letGo)
    letGo()
    entries.evict(path, known)
    return null
  }

  return {
    async acquire(path) {
      const known = await reuse(path)
      if (known) return known
      const found = await opener.open(path)
      if (!found) return null
      const entry = { handle: found.handle, users: 0, idle: false, evicted: false }
      const opened = openFile(entry, found.state, use(entry))
      entries.add(path, entry)
      return opened
    },
    evict(path) {
      opener.evicted()
      entries.evict(path)
    },
    close: entries.clear,
  }
}

/** At once: the system has what it tells of an open file in memory. */
function statOf({ handle }: Entry, letGo: () => void): Stats {
  try {
    return fstatSync(handle.fd)
  } catch (error) {
    letGo()
    throw error
  }
}

function openFile({ handle }: Entry, state: ChunkState, release: () => void): OpenFile {
  return {
    handle,
    state,
    read: readerOf(handle),
    release,
  }
}

/** Keeps a file open until the function returned is called. */
function use(entry: Entry): () => void {
  let released = false
  entry.users++
  entry.idle = false
  return () => {
    if (released) return
    released = true
    entry.users--
    entry.idle = false
    closeIfUnused(entry)
  }
}

function closeIfUnused(entry: Entry): void {
  if (entry.evicted && entry.users === 0) void entry.handle.close()
}

/** So many files, by their paths; the first is the least recently used. */
function createEntries(limit: number) {
  const entries = new Map<string, Entry>()
  let looking: ReturnType<typeof setInterval> | undefined

  function evict(path: string, only = entries.get(path)): void {
    if (!only || entries.get(path) !== only) return
    entries.delete(path)
    only.evicted = true
    closeIfUnused(only)
  }

  function closeIdle(): void {
    for (const [path, entry] of entries) {
      if (entry.users > 0) continue
      if (entry.idle) evict(path)
      else entry.idle = true
    }
    if (entries.size === 0) rest()
  }

  function rest(): void {
    clearInterval(looking)
    looking = undefined
  }

  return {
    get(path: string): Entry | undefined {
      const entry = entries.get(path)
      if (entry) {
        entries.delete(path)
        entries.set(path, entry)
      }
      return entry
    },

    add(path: string, entry: Entry): void {
      // Another reader may have opened it meanwhile: the newer one replaces it.
      evict(path)
      entries.set(path, entry)
      const [oldest] = entries.keys()
      if (entries.size > limit && oldest !== undefined) evict(oldest)
      looking ??= setInterval(closeIdle, LOOK_MS).unref()
    },

    /** Forgets a file, or only that very one. */
    evict,

    clear(): void {
      for (const path of [...entries.keys()]) evict(path)
      rest()
    },
  }
}

/** Opens a file once more when one was evicted meanwhile: it may be the one that was there before. */
function createOpener() {
  let evictions = 0
  return {
    evicted: () => void evictions++,

    async open(path: string): Promise<Opened | null> {
      for (;;) {
        const before = evictions
        const opened = await openForReading(path)
        if (before === evictions || !opened) return opened
        await opened.handle.close()
      }
    },
  }
}

/** The state of a chunk, from what the system tells of its file. Deno tells `ctimeMs` in whole seconds only. */
export function stateOf({
  ino,
  ctimeMs,
  mtimeMs,
  size,
}: Pick<Stats, 'ino' | 'ctimeMs' | 'mtimeMs' | 'size'>): ChunkState {
  return { stamp: `${ino} ${ctimeMs} ${mtimeMs} ${size}`, size }
}

interface Opened {
  handle: FileHandle
  state: ChunkState
}

async function openForReading(path: string): Promise<Opened | null> {
  let handle: FileHandle | null = null
  try {
    handle = await open(path, 'r')
    return { handle, state: stateOf(await handle.stat()) }
  } catch (error) {
    await handle?.close()
    if (isAbsent(error)) return null
    throw error
  }
}

/** Whether a file system error says that there is no such file. */
export function isAbsent(error: unknown): boolean {
  return codeOf(error) === 'ENOENT'
}
