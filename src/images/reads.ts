import { and, eq, getTableColumns, isNull, sql } from 'drizzle-orm'
import { images } from '../../schema/tables.ts'
import type { Registry } from '../registry/database.ts'
import { locationsOf, propertiesOf, tagsOf } from '../registry/image-columns.ts'
import { rememberReads } from '../registry/remembered.ts'
import type { FoundImage } from './image.ts'
import { createImageList, type ImageList } from './list/pages.ts'
import { isMemberOf, type Viewer } from './visibility.ts'

const record = { ...getTableColumns(images), properties: propertiesOf, tags: tagsOf }

/** How many records, and how many pages of lists, are remembered. */
const MOST_RECORDS = 2_000
const MOST_PAGES = 200
/** Characters of one. */
const LARGEST_RECORD = 32 << 10
const LARGEST_PAGE = 256 << 10

type Marker = typeof images.$inferSelect & Pick<FoundImage, 'isMember'>

/** Reading images. Whether the viewer may see what is found by its id is the caller's to decide. */
export interface ImageReads {
  /** The image, deleted ones excepted. */
  find(id: string, viewer: Viewer): Promise<FoundImage | null>
  /** A marker's row; only an administrator may page on from a deleted image. */
  findMarker(id: string, viewer: Viewer): Promise<Marker | null>
  readonly list: ImageList
}

export function createImageReads(registry: Registry, listLocations: boolean): ImageReads {
  const reads = openReads(registry, listLocations)
  const remember = rememberReads(registry)
  return {
    ...reads,
    find: remember(reads.find, {
      keyOf: (id, { projectId }) => JSON.stringify([id, projectId]),
      most: MOST_RECORDS,
      largest: LARGEST_RECORD,
    }),
    list: remember(reads.list, {
      keyOf: (query, { isAdmin, projectId }, marker) =>
        JSON.stringify([query, isAdmin, projectId, marker]),
      most: MOST_PAGES,
      largest: LARGEST_PAGE,
    }),
  }
}

function openReads(registry: Registry, listLocations: boolean): ImageReads {
  const findById = registry
    .select({ ...record, locations: locationsOf, isMember: isMemberOf(sql.placeholder('project')) })
    .from(images)
    .where(and(eq(images.id, sql.placeholder('id')), isNull(images.deleted_at)))
    .prepare()

  return {
    async find(id, viewer) {
      const found = await findById.get({ id, project: viewer.projectId })
      if (!found) return null
      const { blob = null } = found.locations.find((location) => location.blob !== null) ?? {}
      return { ...found, blob }
    },

    async findMarker(id, viewer) {
      const alive = viewer.isAdmin ? undefined : isNull(images.deleted_at)
      const found = await registry
        .select({ ...getTableColumns(images), isMember: isMemberOf(viewer.projectId) })
        .from(images)
        .where(and(eq(images.id, id), alive))
        .get()
      return found ?? null
    },

    list: createImageList(registry, listLocations),
  }
}
