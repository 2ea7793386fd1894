import type { Image } from './image.ts'

/** An image that others read too. */
export interface Reader {
  image: Image
  /** The image may be closed from then on. Calling it again does nothing. */
  release(): void
}

export interface Readers {
  /** Null where there is no such image. */
  acquire(name: string): Promise<Reader | null>
  /** Opens the image anew for the next reader. */
  forget(name: string): void
  /** Closes what nobody reads. */
  clear(): void
}

interface Entry {
  image: Promise<Image | null>
  users: number
  /** Whether nobody has used it since the last look. */
  idle: boolean
  forgotten: boolean
}

/** Keeps images open that were read of late: to open one takes longer than to read some bytes of it. */
export function createReaders(open: (name: string) => Promise<Image | null>): Readers {
  const entries = createEntries(open)
  return {
    async acquire(name) {
      const entry = entries.use(name)
      const image = await entry.image.catch((error: unknown) => {
        entries.forget(name, entry)
        throw error
      })
      if (!image) {
        entries.forget(name, entry)
        return null
      }
      let released = false
      return {
        image,
        release() {
          if (!released) letGo(entry)
          released = true
        },
      }
    },
    forget: (name) => entries.forget(name),
    clear: entries.clear,
  }
}

const LIMIT = 16
const LOOK_MS = 5_000

function createEntries(open: (name: string) => Promise<Image | null>) {
  // The first is the least recently used.
  const entries = new Map<string, Entry>()
  let looking: ReturnType<typeof setInterval> | undefined

  /** Or only that very one. */
  function forget(name: string, only = entries.get(name)): void {
    if (!only || entries.get(name) !== only) return
    entries.delete(name)
    only.forgotten = true
    closeIfUnused(only)
    if (entries.size > 0) return
    clearInterval(looking)
    looking = undefined
  }

  function closeIdle(): void {
    for (const [name, entry] of entries) {
      if (entry.users > 0) continue
      if (entry.idle) forget(name)
      else entry.idle = true
    }
  }

  return {
    forget,

    use(name: string): Entry {
      const entry = entries.get(name) ?? begin(open(name))
      entries.delete(name)
      entries.set(name, entry)
      entry.users++
      const [oldest] = entries.keys()
      if (entries.size > LIMIT && oldest !== undefined) forget(oldest)
      looking ??= setInterval(closeIdle, LOOK_MS).unref()
      return entry
    },

    clear() {
      for (const name of [...entries.keys()]) forget(name)
    },
  }
}

const begin = (image: Entry['image']): Entry => ({
  image,
  users: 0,
  idle: false,
  forgotten: false,
})

function letGo(entry: Entry): void {
  entry.users--
  entry.idle = false
  closeIfUnused(entry)
}

function closeIfUnused({ forgotten, users, image }: Entry): void {
  if (!forgotten || users > 0) return
  void image.then((opened) => opened?.close()).catch(() => undefined)
}
