import { and, eq, getTableColumns, isNull, sql } from 'drizzle-orm'
import { images } from '../../schema/tables.ts'
import type { Registry } from '../registry/database.ts'
import { blobOf, propertiesOf, tagsOf } from '../registry/image-columns.ts'
import type { FoundImage } from './image.ts'
import { createImageList } from './list/pages.ts'
import { isMemberOf, type Viewer } from './visibility.ts'

const record = { ...getTableColumns(images), properties: propertiesOf, tags: tagsOf }

/** Reading images. Whether the viewer may see what is found by its id is the caller's to decide. */
export function createImageReads(registry: Registry) {
  const findById = registry
    .select({ ...record, blob: blobOf, isMember: isMemberOf(sql.placeholder('project')) })
    .from(images)
    .where(and(eq(images.id, sql.placeholder('id')), isNull(images.deleted_at)))
    .prepare()

  return {
    /** The image, deleted ones excepted. */
    async find(id: string, viewer: Viewer): Promise<FoundImage | null> {
      return (await findById.get({ id, project: viewer.projectId })) ?? null
    },

    /** A marker's row; only an administrator may page on from a deleted image. */
    async findMarker(id: string, viewer: Viewer) {
      const alive = viewer.isAdmin ? undefined : isNull(images.deleted_at)
      const found = await registry
        .select({ ...getTableColumns(images), isMember: isMemberOf(viewer.projectId) })
        .from(images)
        .where(and(eq(images.id, id), alive))
        .get()
      return found ?? null
    },

    list: createImageList(registry),
  }
}
