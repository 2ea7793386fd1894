import { Socket } from 'node:net'
import type { Require } from './ceph-error.ts'
import { type Library, make, type Pointer } from './library.ts'

/** Has reads and writes of images done without a thread that waits: librbd writes to a pipe when one has ended. */
export interface Completions {
  attach(image: Pointer): Transfers
  /** To be called when no image is open any more. */
  close(): void
}

/** Reads and writes of one image, several at once. Each tells how many bytes there were; a negative number is an error. */
export interface Transfers {
  /** The bytes must not be touched before it has resolved. */
  run(how: Transfer, offset: number, bytes: Uint8Array): Promise<number>
  /** Begins nothing more, and resolves when nothing is under way. */
  end(): Promise<void>
}

type Transfer = 'rbd_aio_read' | 'rbd_aio_write'

const O_NONBLOCK_CLOEXEC = 0o2004000
const EVENT_TYPE_PIPE = 1

export function createCompletions(library: Library, require: Require): Completions {
  const ends = [-1, -1]
  require(library.now('pipe2', ends, O_NONBLOCK_CLOEXEC), 'open a pipe for reads')
  const [out = -1, into = -1] = ends
  const pipe = new Socket({ fd: out, readable: true, writable: false })
  const images = new Set<UnderWay>()
  pipe.unref()
  pipe.on('data', () => {
    for (const image of images) image.collect()
    if (![...images].some((image) => image.isBusy())) pipe.unref()
  })

  return {
    attach(image) {
      const result = library.now('rbd_set_image_notification', image, into, EVENT_TYPE_PIPE)
      require(result, 'be told of reads')
      const underWay = createUnderWay(library, image)
      let ended = false
      images.add(underWay)
      return {
        async run(how, offset, bytes) {
          if (ended) throw new Error('The image is closed')
          const done = underWay.begin(how, offset, bytes)
          if (underWay.isBusy()) pipe.ref()
          return done
        },
        async end() {
          ended = true
          await underWay.idle()
          images.delete(underWay)
        },
      }
    },

    close() {
      pipe.destroy()
      library.now('close', into)
    },
  }
}

interface UnderWay {
  begin(how: Transfer, offset: number, bytes: Uint8Array): Promise<number>
  /** Tells those that have ended so. */
  collect(): void
  isBusy(): boolean
  idle(): Promise<unknown>
}

const AT_ONCE = 16

function createUnderWay(library: Library, image: Pointer): UnderWay {
  /** With the bytes, which are kept from the garbage collector in it. */
  const transfers = new Map<Pointer, { bytes: Uint8Array; tell(result: number): void }>()
  const results = new Set<Promise<number>>()

  function end(completion: Pointer): void {
    const result = library.now('rbd_aio_get_return_value', completion)
    library.now('rbd_aio_release', completion)
    transfers.get(completion)?.tell(result)
    transfers.delete(completion)
  }

  return {
    begin(how, offset, bytes) {
      const completion = make((out) => library.now('rbd_aio_create_completion', null, null, out))
      const begun = library.now(how, image, offset, bytes.length, bytes, completion)
      if (begun < 0) {
        library.now('rbd_aio_release', completion)
        return Promise.resolve(begun)
      }
      const result = new Promise<number>((tell) => transfers.set(completion, { bytes, tell }))
      results.add(result)
      return result.finally(() => results.delete(result))
    },

    collect() {
      let found = transfers.size > 0 ? AT_ONCE : 0
      while (found === AT_ONCE) {
        const ended = Array<Pointer | null>(AT_ONCE).fill(null)
        found = library.now('rbd_poll_io_events', image, ended, AT_ONCE)
        for (const completion of ended.slice(0, found)) if (completion) end(completion)
      }
    },

    isBusy: () => transfers.size > 0,
    idle: () => Promise.all(results),
  }
}
