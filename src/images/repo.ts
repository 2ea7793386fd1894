import { and, eq, getTableColumns, inArray, isNull, type SQL, sql } from 'drizzle-orm'
import type { BatchItem } from 'drizzle-orm/batch'
import {
  blobs,
  imageLocations,
  imageMembers,
  imageProperties,
  images,
  imageTags,
  uploads,
} from '../../schema/tables.ts'
import { HeliostatError } from '../errors.ts'
import { announceImage } from '../mirror/feed.ts'
import { changesOne, type Registry } from '../registry/database.ts'
import { filterConditions, markerCondition, orderBy } from './filters.ts'
import type { FoundImage, Image, Properties } from './image.ts'
import type { ListQuery } from './query.ts'

import { type Viewer, visibleInList } from './visibility.ts'

// Spelled out rather than built from columns: in a select of one table drizzle drops the table's name from a column,
// and a bare "id" would then mean the inner table's.
const propertiesOf = sql<Properties>`(
  SELECT json_group_object(p.name, p.value) FROM image_properties p WHERE p.image_id = images.id
)`.mapWith(parseJson<Properties>)

const tagsOf = sql<string[]>`(
  SELECT json_group_array(t.value) FROM image_tags t WHERE t.image_id = images.id
)`.mapWith(parseJson<string[]>)

const blobOf = sql<string | null>`(
  SELECT l.blob FROM image_locations l
  WHERE l.image_id = images.id AND l.status = 'active' ORDER BY l.id LIMIT 1
)`

const isMemberOf = (project: unknown) =>
  sql<boolean>`EXISTS (
  SELECT 1 FROM image_members m
  WHERE m.image_id = images.id AND m.member = ${project} AND m.deleted_at IS NULL
)`.mapWith(Boolean)

const record = { ...getTableColumns(images), properties: propertiesOf, tags: tagsOf }

/** The images of the registry: reading them and every change to them but uploads (uploads.ts). */
export type ImageRepo = ReturnType<typeof createImageRepo>

export function createImageRepo(registry: Registry) {
  const findById = registry
    .select({ ...record, blob: blobOf, isMember: isMemberOf(sql.placeholder('project')) })
    .from(images)
    .where(and(eq(images.id, sql.placeholder('id')), isNull(images.deleted_at)))
    .prepare()

  return {
    /** The image, deleted ones excepted. Whether the viewer may see it is the caller's to decide. */
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

    list(query: ListQuery, viewer: Viewer, marker: typeof images.$inferSelect | null) {
      const { filters, sort, limit } = query
      return registry
        .select(record)
        .from(images)
        .where(
          and(
            isNull(images.deleted_at),
            visibleInList(viewer, filters),
            ...filterConditions(filters),
            marker ? markerCondition(sort, marker) : undefined,
          ),
        )
        .orderBy(...orderBy(sort))
        .limit(limit)
        .all()
    },

    /** Ids are never used twice, also not after the image's deletion [409]. */
    async create(image: Image): Promise<void> {
      const { tags, properties, ...row } = image
      try {
        await registry.batch([
          registry.insert(images).values(row),
          ...insertTags(registry, image.id, tags),
          ...insertProperties(registry, image.id, properties),
          announceImage(registry, image.id, image.created_at),
        ])
      } catch (error) {
        if (!isDuplicate(error)) throw error
        throw new HeliostatError('conflict', `Image ID ${image.id} already exists!`)
      }
    },

    /** Saves what differs; false when the image was deleted, or has left the status `before` had, meanwhile. */
    update(before: Image, after: Image): Promise<boolean> {
      const { tags, properties, ...row } = after
      const id = before.id
      const formatsChanged =
        before.disk_format !== after.disk_format ||
        before.container_format !== after.container_format
      return changesOne(
        registry,
        registry
          .update(images)
          .set(withoutUploadColumns(row))
          .where(
            and(
              eq(images.id, id),
              isNull(images.deleted_at),
              formatsChanged ? eq(images.status, before.status) : undefined,
            ),
          ),
        ...replaceTags(registry, before, tags),
        ...replaceProperties(registry, before, properties),
        announceImage(registry, id, row.updated_at),
      )
    },

    async addTag(image: Image, tag: string, at: number): Promise<boolean> {
      return changesOne(
        registry,
        touch(registry, image.id, at),
        ...insertTags(registry, image.id, [tag]),
        announceImage(registry, image.id, at),
      )
    },

    async removeTag(image: Image, tag: string, at: number): Promise<boolean> {
      return changesOne(
        registry,
        registry
          .delete(imageTags)
          .where(and(eq(imageTags.image_id, image.id), eq(imageTags.value, tag))),
        touch(registry, image.id, at),
        announceImage(registry, image.id, at),
      )
    },

    /** Moves the image from one status to another; false when it is no longer in the first. */
    async changeStatus(image: Image, status: Image['status'], at: number): Promise<boolean> {
      return changesOne(
        registry,
        registry
          .update(images)
          .set({ status, updated_at: at })
          .where(
            and(
              eq(images.id, image.id),
              eq(images.status, image.status),
              isNull(images.deleted_at),
            ),
          ),
        announceImage(registry, image.id, at),
      )
    },

    /** Deletes the record but for its id. The bytes go when the sweeper finds that nothing needs them. */
    async delete(id: string, at: number): Promise<boolean> {
      const gone = sql`EXISTS (SELECT 1 FROM ${images} WHERE ${images.id} = ${id} AND ${images.deleted_at} IS NOT NULL)`
      return changesOne(
        registry,
        registry
          .update(images)
          .set({ status: 'deleted', deleted_at: at, updated_at: at })
          .where(and(eq(images.id, id), isNull(images.deleted_at), eq(images.protected, false))),
        releaseBlobs(registry, id, at, gone),
        registry.delete(uploads).where(and(eq(uploads.image_id, id), gone)),
        registry.delete(imageLocations).where(and(eq(imageLocations.image_id, id), gone)),
        registry.delete(imageProperties).where(and(eq(imageProperties.image_id, id), gone)),
        registry.delete(imageTags).where(and(eq(imageTags.image_id, id), gone)),
        registry
          .update(imageMembers)
          .set({ deleted_at: at })
          .where(and(eq(imageMembers.image_id, id), gone)),
        announceImage(registry, id, at),
      )
    },
  }
}

/** What a running upload writes is not for a metadata update to overwrite with what it read before. */
function withoutUploadColumns(row: typeof images.$inferSelect) {
  const { id, created_at, deleted_at, status, size, virtual_size, ...rest } = row
  const { checksum, os_hash_algo, os_hash_value, ...editable } = rest
  return editable
}

function touch(registry: Registry, id: string, at: number) {
  return registry
    .update(images)
    .set({ updated_at: at })
    .where(and(eq(images.id, id), isNull(images.deleted_at)))
}

function insertTags(registry: Registry, image_id: string, tags: string[]): BatchItem<'sqlite'>[] {
  if (tags.length === 0) return []
  const rows = tags.map((value) => ({ image_id, value }))
  return [registry.insert(imageTags).values(rows).onConflictDoNothing()]
}

function insertProperties(
  registry: Registry,
  image_id: string,
  properties: Properties,
): BatchItem<'sqlite'>[] {
  const rows = Object.entries(properties).map(([name, value]) => ({ image_id, name, value }))
  if (rows.length === 0) return []
  return [
    registry
      .insert(imageProperties)
      .values(rows)
      .onConflictDoUpdate({
        target: [imageProperties.image_id, imageProperties.name],
        set: { value: sql`excluded.value` },
      }),
  ]
}

function replaceTags(registry: Registry, before: Image, tags: string[]): BatchItem<'sqlite'>[] {
  const removed = before.tags.filter((tag) => !tags.includes(tag))
  const added = tags.filter((tag) => !before.tags.includes(tag))
  const condition = and(eq(imageTags.image_id, before.id), inArray(imageTags.value, removed))
  const deletion = removed.length > 0 ? [registry.delete(imageTags).where(condition)] : []
  return [...deletion, ...insertTags(registry, before.id, added)]
}

function replaceProperties(
  registry: Registry,
  before: Image,
  properties: Properties,
): BatchItem<'sqlite'>[] {
  const removed = Object.keys(before.properties).filter((name) => !Object.hasOwn(properties, name))
  const changed = Object.entries(properties).filter(
    ([name, value]) => before.properties[name] !== value,
  )
  const condition = and(
    eq(imageProperties.image_id, before.id),
    inArray(imageProperties.name, removed),
  )
  const deletion = removed.length > 0 ? [registry.delete(imageProperties).where(condition)] : []
  return [...deletion, ...insertProperties(registry, before.id, Object.fromEntries(changed))]
}

/** Notes since when a blob has had no image, for the sweeper. */
function releaseBlobs(registry: Registry, imageId: string, at: number, gone: SQL) {
  const mine = sql`SELECT ${imageLocations.blob} FROM ${imageLocations} WHERE ${imageLocations.image_id} = ${imageId}`
  const others = sql`SELECT 1 FROM ${imageLocations} WHERE ${imageLocations.blob} = ${blobs.digest} AND ${imageLocations.image_id} <> ${imageId}`
  return registry
    .update(blobs)
    .set({ released_at: at })
    .where(and(gone, sql`${blobs.digest} IN (${mine})`, sql`NOT EXISTS (${others})`))
}

function parseJson<T>(text: string): T {
  return JSON.parse(text)
}

function isDuplicate(error: unknown): boolean {
  return error instanceof Error && /UNIQUE constraint failed: images\.id/.test(error.message)
}
