import { and, eq, getTableColumns, isNull, sql } from 'drizzle-orm'
import { images } from '../../schema/tables.ts'
import type { Registry } from '../registry/database.ts'
import { blobOf, propertiesOf, tagsOf } from '../registry/image-columns.ts'
import { filterConditions, markerCondition, orderBy } from './filters.ts'
import type { FoundImage } from './image.ts'
import type { ListQuery } from './query.ts'
import { type Viewer, visibleInList } from './visibility.ts'

const isMemberOf = (project: unknown) =>
  sql<boolean>`EXISTS (
    SELECT 1 FROM image_members m
    WHERE m.image_id = images.id AND m.member = ${project} AND m.deleted_at IS NULL
  )`.mapWith(Boolean)

const record = { ...getTableColumns(images), properties: propertiesOf, tags: tagsOf }

type ImageRow = typeof images.$inferSelect

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

    /** One page of what the viewer may see, after the marker. Rules may leave him less of it. */
    list({ filters, sort, limit }: ListQuery, viewer: Viewer, marker: ImageRow | null) {
      return registry
        .select({ ...record, isMember: isMemberOf(viewer.projectId) })
        .from(images)
        .where(
          and(
            visibleInList(viewer, filters),
            ...filterConditions(filters),
            marker ? markerCondition(sort, marker) : undefined,
          ),
        )
        .orderBy(...orderBy(sort))
        .limit(limit)
        .all()
    },
  }
}
