import type { ObjectStore } from '../../src/blobs/object-store.ts'
import { HeliostatError } from '../../src/errors.ts'

/** Objects in memory, and a look at them. */
export interface MemoryObjects extends ObjectStore {
  /** What has been finished, by its URL. */
  whole: Map<string, Uint8Array>
  /** What is being written. */
  unfinished: Map<string, Uint8Array>
  /** Those that others stand on. */
  inUse: Set<string>
}

const SCHEME = 'memory://'

export function createMemoryObjects(): MemoryObjects {
  const whole = new Map<string, Uint8Array>()
  const unfinished = new Map<string, Uint8Array>()
  const inUse = new Set<string>()
  return {
    whole,
    unfinished,
    inUse,
    holds: (url) => url.startsWith(SCHEME),
    size: async (url) => whole.get(url)?.length ?? null,
    async get(url, { offset, length }) {
      const object = whole.get(url)
      return object ? new Blob([object.slice(offset, offset + length)]).stream() : null
    },
    async delete(url) {
      if (inUse.has(url)) return 'in-use'
      whole.delete(url)
      return 'gone'
    },
    writing: {
      urlOf: async (imageId) => `${SCHEME}${imageId}`,
      isInUse: async (url) => inUse.has(url),
      async create(url, size) {
        if (whole.has(url)) throw new HeliostatError('conflict', `${url} is there already`)
        const object = new Uint8Array(size ?? 0)
        unfinished.set(url, object)
        return {
          write: async (offset, bytes) => object.set(bytes, offset),
          async finish() {
            unfinished.delete(url)
            whole.set(url, object)
          },
          async abort() {
            unfinished.delete(url)
            whole.delete(url)
          },
        }
      },
    },
  }
}
