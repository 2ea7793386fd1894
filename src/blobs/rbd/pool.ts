import { createTurns } from '../../turns.ts'
import { createRequire, EEXIST, ENOENT, ENOTCONN, ESHUTDOWN, ETIMEDOUT } from './ceph-error.ts'
import { connect } from './cluster.ts'
import { type Library, loadLibrary, make, type Pointer, type PoolFunction } from './library.ts'
import { createOpenImages, type OpenImages } from './open-images.ts'
import { roomOf } from './room.ts'

export interface PoolOptions {
  name: string
  /** Path of ceph.conf; null for where librados looks for it. */
  conf: string | null
  user: string
  /** Seconds that a call may take. */
  timeout: number
  /** The objects of RADOS that new images are made of have 2 to the power of it bytes. */
  order: number
}

/** The pool of the images, by a connection to its cluster. */
export interface Pool extends OpenImages {
  /** The id of the cluster. */
  readonly fsid: string
  /** False where there is an image of this name. */
  create(name: string, size: number): Promise<boolean>
  /** What a function of librbd says of the image of a name. */
  call(name: PoolFunction, image: string, ...args: number[]): Promise<number>
  /** Returns what a function has said, or throws where that is an error. */
  require(result: number, what: string): number
  /** Bytes that may still be written; null where the cluster does not say. */
  room(): Promise<number | null>
  /** Throws where the pool does not answer. */
  check(): Promise<void>
  /** Whether the connection is better not used for anything more. */
  isLost(): boolean
}

const LOST = [ETIMEDOUT, ESHUTDOWN, ENOTCONN]
/** There is one in every pool of images. */
const DIRECTORY = 'rbd_directory'

/** Connects. The connection ends with `end`. */
export async function openPool(options: PoolOptions): Promise<Pool> {
  const { name: pool, conf, timeout, order } = options
  const library = await loadLibrary(timeout * 1000)
  const told = createRequire(`in the pool "${pool}" of Ceph (${conf ?? 'ceph.conf'})`)
  let lost = false
  const require = (result: number, what: string) => {
    lost ||= LOST.includes(-result)
    return told(result, what)
  }
  const { cluster, fsid } = await connect(library, options, require)
  const io = await useIo()
  const images = createOpenImages(library, io, require)
  // It takes minutes to delete a large image. One at a time leaves a thread to the others.
  const inTurn = createTurns(1)

  async function useIo(): Promise<Pointer> {
    const made: (Pointer | null)[] = [null]
    const result = await library.wait('rados_ioctx_create', cluster, pool, made)
    if (result < 0) await library.settle('rados_shutdown', cluster)
    require(result, 'begin')
    const [io] = made
    // What is full refuses at once, and lets images be deleted.
    library.now('rados_set_osdmap_full_try', io ?? 0n)
    library.now('rados_set_pool_full_try', io ?? 0n)
    return io ?? 0n
  }

  return {
    fsid,
    require,
    isLost: () => lost,
    open: images.open,
    call: (name, image, ...args) => inTurn(() => library.wait(name, io, image, ...args)),
    room: () => roomOf(library, cluster, pool, require),

    async create(name, size) {
      const result = await withImageOptions(library, order, (chosen) =>
        library.wait('rbd_create4', io, name, size, chosen),
      )
      if (result === -EEXIST) return false
      require(result, `create the image "${name}"`)
      return true
    },

    async check() {
      const result = await library.wait('rados_stat', io, DIRECTORY, [0], [0])
      if (result !== -ENOENT) require(result, 'look')
    },

    async end(now) {
      await images.end(now)
      library.now('rados_ioctx_destroy', io)
      await library.settle('rados_shutdown', cluster)
    },
  }
}

const FORMAT = 0
const ORDER = 2
const FEATURES_SET = 7
/** The feature that clones need; the others are the cluster's defaults. */
const LAYERING = 1

async function withImageOptions(
  library: Library,
  order: number,
  use: (options: Pointer) => Promise<number>,
): Promise<number> {
  const options = make((out) => library.now('rbd_image_options_create', out))
  try {
    library.now('rbd_image_options_set_uint64', options, FORMAT, 2)
    library.now('rbd_image_options_set_uint64', options, ORDER, order)
    library.now('rbd_image_options_set_uint64', options, FEATURES_SET, LAYERING)
    return await use(options)
  } finally {
    library.now('rbd_image_options_destroy', options)
  }
}
