/** The chunks of an image that a store holds: digest → bytes. */
export type ChunkSizes = ReadonlyMap<string, number>

/** An image that is to lie here whole. */
export interface Wanted {
  id: string
  chunks: ChunkSizes
}

export interface PinPlan {
  /** What is pinned, in the order in which it is fetched. */
  pinned: Wanted[]
  /** Those for which there is no room beside the others. */
  tooLarge: string[]
}

/** Whether all of an image is here. */
export function isComplete({ chunks }: Wanted, has: (digest: string) => boolean): boolean {
  for (const digest of chunks.keys()) if (!has(digest)) return false
  return true
}

/**
 * Pins as many of the images as fit into `limit` bytes together. Those that are here whole come first: no image is
 * given up for the sake of a new one.
 */
export function planPins(
  wanted: Wanted[],
  { limit, has }: { limit: number; has(digest: string): boolean },
): PinPlan {
  const here = wanted.filter((image) => isComplete(image, has))
  const coming = wanted.filter((image) => !isComplete(image, has))
  const plan: PinPlan = { pinned: [], tooLarge: [] }
  const planned = new Set<string>()
  let used = 0
  for (const image of [...here, ...coming]) {
    const added = [...image.chunks].filter(([digest]) => !planned.has(digest))
    const size = added.reduce((sum, [, bytes]) => sum + bytes, 0)
    if (used + size > limit) {
      plan.tooLarge.push(image.id)
      continue
    }
    used += size
    for (const [digest] of added) planned.add(digest)
    plan.pinned.push(image)
  }
  return plan
}
