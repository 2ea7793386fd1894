import type { images } from '../../../schema/tables.ts'
import type { Registry } from '../../registry/database.ts'
import { createTurns } from '../../turns.ts'
import type { FoundImage, Image, Properties } from '../image.ts'
import type { Viewer } from '../visibility.ts'
import type { ListQuery } from './query.ts'
import { createPageReader } from './reading.ts'
import { BOUNDS, createSliceReader } from './slices.ts'

/** A page ends with the image whose properties and tags reach this, also before its limit. */
const PAGE_CHARACTERS = 4 << 20
/** Images that are read by one statement, during which nobody else is served. */
const SLICE = 100

type ListedImage = Image & Pick<FoundImage, 'isMember' | 'locations'>

/** One page of what the viewer may see, after the marker. Rules may leave him less of it. */
interface Page {
  images: ListedImage[]
  /** False when it is known that no other follows. */
  isFull: boolean
}

type Marker = typeof images.$inferSelect | null

/** Lists of images, in pages that are bounded by their number and by their size. */
export type ImageList = (query: ListQuery, viewer: Viewer, marker: Marker) => Promise<Page>

export function createImageList(
  registry: Registry,
  listLocations: boolean,
  bounds = BOUNDS,
): ImageList {
  const readSlice = createSliceReader(registry, listLocations, bounds)
  const { readProperties } = createPageReader(registry, listLocations)
  const inTurn = createTurns(1)
  const readLong = (id: string) =>
    inTurn(async () => {
      await giveWay()
      return readProperties(id)
    })

  return async function list(query, viewer, marker) {
    const page: ListedImage[] = []
    let characters = 0
    let after = marker
    for (let left = query.limit; left > 0; left -= SLICE) {
      if (page.length > 0) await giveWay()
      const limit = Math.min(left, SLICE)
      const slice = await readSlice({ ...query, limit }, viewer, after)
      for (const row of slice) {
        const properties = row.properties ?? (await readLong(row.id))
        page.push({ ...row, properties })
        characters += lengthOf(properties, row.tags)
        if (characters >= PAGE_CHARACTERS) return { images: page, isFull: true }
      }
      if (slice.length < limit) return { images: page, isFull: false }
      after = slice.at(-1) ?? null
    }
    return { images: page, isFull: true }
  }
}

/** Lets other requests have their turn: an embedded database answers within the same one. */
const giveWay = () => new Promise<void>((resolve) => setTimeout(resolve))

function lengthOf(properties: Properties, tags: string[]): number {
  let length = 0
  for (const [name, value] of Object.entries(properties))
    length += name.length + (value?.length ?? 0)
  for (const tag of tags) length += tag.length
  return length
}
