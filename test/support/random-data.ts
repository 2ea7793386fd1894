import { randomBytes } from 'node:crypto'

/** Where a disk has the mark of a boot sector. */
const BOOT_MARK = 510

/**
 * Random bytes that are a raw image: one of 65,536 that are only random ends its first sector like a boot sector, and is
 * refused for the partition table that it does not have (415).
 */
export function randomData(size: number): Buffer<ArrayBuffer> {
  const bytes = randomBytes(size)
  bytes.subarray(BOOT_MARK, BOOT_MARK + 2).fill(0)
  return bytes
}

/** The body of a client that sends so many parts of random bytes, and then neither goes on nor away. */
export function stallingBody(parts: number, size: number): ReadableStream<Uint8Array> {
  let left = parts
  return new ReadableStream({
    pull(controller) {
      if (left-- === 0) return new Promise(() => undefined)
      controller.enqueue(randomData(size))
      return undefined
    },
  })
}
