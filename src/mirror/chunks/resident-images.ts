import type { Manifests } from '../../inventory/manifests.ts'
import type { Feed } from '../feed/reader.ts'
import type { ResidentImage } from '../status.ts'

export interface ResidentImagesParts {
  feed: Pick<Feed, 'page'>
  manifests: Pick<Manifests, 'find'>
  /** Whether a chunk is here. */
  has(digest: string): boolean
  /** The ids of the images that are to be here whole. */
  pinned: ReadonlySet<string>
}

/** The first images in the order of their ids, those left out of which nothing is here, or is to be. */
export async function residentImages(
  { feed, manifests, has, pinned }: ResidentImagesParts,
  limit: number,
): Promise<ResidentImage[]> {
  const found: ResidentImage[] = []
  let page = await feed.page('')
  while (page.length > 0 && found.length < limit) {
    for (const { id, name, blob } of page) {
      const manifest = blob === null ? null : await manifests.find(blob)
      if (!manifest) continue
      const { size, chunkSize, chunks } = manifest
      const resident = chunks.reduce((sum, digest, position) => {
        const isHere = digest === null || has(digest)
        return isHere ? sum + Math.min(chunkSize, size - position * chunkSize) : sum
      }, 0)
      const isPinned = pinned.has(id)
      if (resident > 0 || isPinned) found.push({ id, name, size, resident, pinned: isPinned })
    }
    page = await feed.page(page.at(-1)?.id ?? '')
  }
  return found.slice(0, limit)
}
