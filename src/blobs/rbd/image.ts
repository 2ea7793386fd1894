import type { Require } from './ceph-error.ts'
import type { Completions } from './completions.ts'
import type { ImageFunction, Library, Pointer } from './library.ts'

/** An image that is open. */
export interface Image {
  /** Of this very image: another one of its name has another. */
  readonly id: string
  /** Bytes, when it was opened. */
  readonly size: number
  /** Bytes of each object of RADOS that the image is made of. */
  readonly objectSize: number
  /** Fills the buffer, which must lie within the image. */
  read(offset: number, bytes: Uint8Array): Promise<void>
  /** Within the image. */
  write(offset: number, bytes: Uint8Array): Promise<void>
  /** What a function of librbd says of this image, one at a time. */
  call(name: ImageFunction, ...args: (string | number | null | number[])[]): Promise<number>
  /** Waits for reads and writes that are under way. */
  close(): Promise<void>
}

const INFO_LENGTH = 160
const ID_LENGTH = 64

/** `name` is for messages. */
export async function useImage(
  parts: { library: Library; completions: Completions; require: Require },
  image: Pointer,
  name: string,
): Promise<Image> {
  const { library, completions, require } = parts
  const info = new Uint8Array(INFO_LENGTH)
  require(await library.wait('rbd_stat', image, info, INFO_LENGTH), `look at the image "${name}"`)
  const id = new Uint8Array(ID_LENGTH)
  require(library.now('rbd_get_id', image, id, ID_LENGTH), `look at the image "${name}"`)
  const numbers = new DataView(info.buffer)
  const transfers = completions.attach(image)

  return {
    id: new TextDecoder().decode(id.subarray(0, id.indexOf(0))),
    size: Number(numbers.getBigUint64(0, true)),
    objectSize: Number(numbers.getBigUint64(8, true)),

    async read(offset, bytes) {
      const what = `read ${bytes.length} bytes at ${offset} of the image "${name}"`
      const count = require(await transfers.run('rbd_aio_read', offset, bytes), what)
      if (count !== bytes.length) throw new Error(`Cannot ${what}: there were ${count}`)
    },

    async write(offset, bytes) {
      const what = `write ${bytes.length} bytes at ${offset} of the image "${name}"`
      require(await transfers.run('rbd_aio_write', offset, bytes), what)
    },

    call: (function_, ...args) => library.wait(function_, image, ...args),

    async close() {
      await transfers.end()
      await library.settle('rbd_close', image)
    },
  }
}
