import { createTurns } from '../../turns.ts'
import {
  createRequire,
  EEXIST,
  ENOENT,
  ENOTCONN,
  ESHUTDOWN,
  ETIMEDOUT,
  type Require,
} from './ceph-error.ts'
import { type ClusterOptions, connect } from './cluster.ts'
import {
  type Library,
  loadLibrary,
  made,
  make,
  type Pointer,
  type PoolFunction,
} from './library.ts'
import { createOpenImages, type OpenImages } from './open-images.ts'
import { roomOf } from './room.ts'

export interface PoolOptions extends ClusterOptions {
  name: string
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
/** The object that lists the images of a pool, unless there never was one. */
const DIRECTORY = 'rbd_directory'

/** Connects. The connection ends with `end`. */
export async function openPool(options: PoolOptions): Promise<Pool> {
  const { name, conf, timeout } = options
  const library = await loadLibrary(timeout * 1000)
  const told = createRequire(`in the pool "${name}" of Ceph (${conf ?? 'ceph.conf'})`)
  let lost = false
  const require = (result: number, what: string) => {
    lost ||= LOST.includes(-result)
    return told(result, what)
  }
  return connect(library, options, require, async (cluster, fsid) => {
    const io = await openIo(library, cluster, name, require)
    const parts = { library, cluster, io, require }
    return { fsid, require, isLost: () => lost, ...createCalls(parts, options) }
  })
}

async function openIo(
  library: Library,
  cluster: Pointer,
  pool: string,
  require: Require,
): Promise<Pointer> {
  const out: (Pointer | null)[] = [null]
  require(await library.wait('rados_ioctx_create', cluster, pool, out), 'begin')
  const io = made(out)
  // What is full refuses at once then, instead of waiting for room.
  library.now('rados_set_osdmap_full_try', io)
  library.now('rados_set_pool_full_try', io)
  return io
}

interface Parts {
  library: Library
  cluster: Pointer
  io: Pointer
  require: Require
}

function createCalls(
  { library, cluster, io, require }: Parts,
  { name: pool, order }: PoolOptions,
): Omit<Pool, 'fsid' | 'require' | 'isLost'> {
  const images = createOpenImages(library, io, require)
  // It takes minutes to delete a large image. One at a time leaves a thread to the others.
  const inTurn = createTurns(1)
  return {
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
