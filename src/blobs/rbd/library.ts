import type * as Koffi from 'koffi'
import { createBlockingCalls } from './blocking-calls.ts'

/** The address of something of librados or librbd. */
export type Pointer = bigint

type Argument =
  | string
  | number
  | Pointer
  | null
  | Uint8Array
  /** Where C writes what it returns, or the strings that it is given. */
  | (Pointer | number | null)[]
  | string[]

/** The functions of C that are used here, by their names. */
export interface Library {
  /** For what returns at once. Negative results are errors. */
  now(name: FunctionName, ...args: Argument[]): number
  /** For what waits for the cluster, by one of a few threads. */
  wait(name: FunctionName, ...args: Argument[]): Promise<number>
  /** For what must be done, however long others wait. */
  settle(name: FunctionName, ...args: Argument[]): Promise<number>
  /** Bytes that C has allocated, which are freed. */
  take(pointer: Pointer, length: number): string
}

const LIBRADOS = {
  rados_create2: 'int (_Out_ void **cluster, const char *name, const char *user, uint64_t flags)',
  rados_conf_read_file: 'int (void *cluster, const char *path)',
  rados_conf_set: 'int (void *cluster, const char *option, const char *value)',
  rados_connect: 'int (void *cluster)',
  rados_shutdown: 'void (void *cluster)',
  rados_cluster_fsid: 'int (void *cluster, _Out_ uint8_t *fsid, size_t length)',
  rados_mon_command:
    'int (void *cluster, const char **command, size_t count, const char *input, size_t inputLength,' +
    ' _Out_ void **output, _Out_ size_t *length, void **status, size_t *statusLength)',
  rados_buffer_free: 'void (void *buffer)',
  rados_ioctx_create: 'int (void *cluster, const char *pool, _Out_ void **io)',
  rados_ioctx_destroy: 'void (void *io)',
  rados_set_osdmap_full_try: 'void (void *io)',
  rados_set_pool_full_try: 'void (void *io)',
  rados_stat: 'int (void *io, const char *object, _Out_ uint64_t *size, _Out_ int64_t *time)',
}

const LIBRBD = {
  rbd_image_options_create: 'void (_Out_ void **options)',
  rbd_image_options_set_uint64: 'int (void *options, int option, uint64_t value)',
  rbd_image_options_destroy: 'void (void *options)',
  rbd_create4: 'int (void *io, const char *name, uint64_t size, void *options)',
  rbd_open: 'int (void *io, const char *name, _Out_ void **image, const char *snap)',
  rbd_open_read_only: 'int (void *io, const char *name, _Out_ void **image, const char *snap)',
  rbd_close: 'int (void *image)',
  rbd_get_id: 'int (void *image, _Out_ uint8_t *id, size_t length)',
  rbd_get_op_features: 'int (void *image, _Out_ uint64_t *features)',
  rbd_stat: 'int (void *image, _Out_ uint8_t *info, size_t length)',
  rbd_resize: 'int (void *image, uint64_t size)',
  rbd_flush: 'int (void *image)',
  rbd_snap_is_protected: 'int (void *image, const char *snap, _Out_ int *isProtected)',
  rbd_snap_create: 'int (void *image, const char *snap)',
  rbd_snap_protect: 'int (void *image, const char *snap)',
  rbd_snap_unprotect: 'int (void *image, const char *snap)',
  rbd_snap_remove: 'int (void *image, const char *snap)',
  rbd_list_children3: 'int (void *image, void *children, _Inout_ size_t *most)',
  rbd_watchers_list: 'int (void *image, void *watchers, _Inout_ size_t *most)',
  rbd_remove: 'int (void *io, const char *name)',
  rbd_trash_move: 'int (void *io, const char *name, uint64_t delay)',
  rbd_set_image_notification: 'int (void *image, int fd, int type)',
  rbd_poll_io_events: 'int (void *image, _Out_ void **completions, int most)',
  rbd_aio_create_completion: 'int (void *argument, void *callback, _Out_ void **completion)',
  rbd_aio_read: 'int (void *image, uint64_t offset, size_t length, void *bytes, void *completion)',
  rbd_aio_write:
    'int (void *image, uint64_t offset, size_t length, const void *bytes, void *completion)',
  rbd_aio_get_return_value: 'int64_t (void *completion)',
  rbd_aio_release: 'void (void *completion)',
}

/** Those that take an image, and others that take an image's name. */
export type ImageFunction = Exclude<keyof typeof LIBRBD, PoolFunction>
export type PoolFunction = 'rbd_remove' | 'rbd_trash_move'

const LIBC = {
  pipe2: 'int (_Out_ int *ends, int flags)',
  close: 'int (int fd)',
}

const LIBRARIES = [
  { file: 'librados.so.2', functions: LIBRADOS },
  { file: 'librbd.so.1', functions: LIBRBD },
  { file: 'libc.so.6', functions: LIBC },
]

export type FunctionName = keyof typeof LIBRADOS | keyof typeof LIBRBD | keyof typeof LIBC

interface ForeignFunction {
  (...args: Argument[]): unknown
  async(...args: [...Argument[], (error: Error | null, result: unknown) => void]): void
}

interface Functions {
  find(name: FunctionName): ForeignFunction
  take: Library['take']
}

let loaded: Promise<Functions> | undefined

const blocking = createBlockingCalls()

/**
 * Loads librbd, once for the whole process, and only here: a store that nobody asks for anything needs neither it nor
 * koffi. Who waits behind other calls for so long (ms) is refused.
 */
export async function loadLibrary(patience: number): Promise<Library> {
  loaded ??= loadFunctions().catch((error: unknown) => {
    loaded = undefined
    throw error
  })
  const { find, take } = await loaded
  const run = (within: number, name: FunctionName, args: Argument[]) =>
    blocking(
      within,
      () =>
        new Promise<number>((resolve, reject) => {
          find(name).async(...args, (error, result) =>
            error ? reject(error) : resolve(Number(result)),
          )
        }),
    )
  return {
    now: (name, ...args) => Number(find(name)(...args)),
    wait: (name, ...args) => run(patience, name, args),
    settle: (name, ...args) => run(Infinity, name, args),
    take,
  }
}

async function loadFunctions(): Promise<Functions> {
  const { default: koffi } = await import('koffi').catch((cause: unknown) => {
    throw new Error('RBD needs the package koffi: npm install koffi', { cause })
  })
  const functions = new Map<string, ForeignFunction>()
  for (const { file, functions: signatures } of LIBRARIES) {
    const library = open(koffi, file)
    for (const [name, signature] of Object.entries(signatures)) {
      functions.set(name, library.func(signature.replace('(', `${name}(`)))
    }
  }
  const find = (name: FunctionName): ForeignFunction => {
    const found = functions.get(name)
    if (!found) throw new TypeError(`There is no function "${name}"`)
    return found
  }
  return {
    find,

    take(pointer, length) {
      const text = new TextDecoder().decode(koffi.view(pointer, length).slice(0))
      find('rados_buffer_free')(pointer)
      return text
    },
  }
}

/** The address that a function has written to the array that it was given. */
export function made([pointer]: (Pointer | null)[]): Pointer {
  if (pointer === null || pointer === undefined) throw new Error('Ceph has made nothing')
  return pointer
}

/** The address of what a function makes that returns at once. */
export function make(by: (out: (Pointer | null)[]) => unknown): Pointer {
  const out: (Pointer | null)[] = [null]
  by(out)
  return made(out)
}

function open({ load }: Pick<typeof Koffi, 'load'>, file: string): Koffi.LibraryHandle {
  try {
    return load(file)
  } catch (cause) {
    throw new Error(`RBD needs ${file}, on Debian: apt install librbd1`, { cause })
  }
}
