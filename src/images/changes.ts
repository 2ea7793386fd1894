import { and, eq, inArray, isNull, type SQL, sql } from 'drizzle-orm'
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
import type { Image, ImageStatus, Properties } from './image.ts'

type Statement = BatchItem<'sqlite'>

/** Changes of images' records, each one batch that also announces it to mirrors. Uploads have their own: uploads.ts. */
export function createImageChanges(registry: Registry) {
  return {
    create: (image: Image) => create(registry, image),
    update: (before: Image, after: Image) => update(registry, before, after),
    addTag: (id: string, tag: string, at: number) => addTag(registry, { id, tag, at }),
    removeTag: (id: string, tag: string, at: number) => removeTag(registry, { id, tag, at }),
    changeStatus: (image: Image, status: ImageStatus, at: number) =>
      changeStatus(registry, image, { status, at }),
    delete: (id: string, at: number) => deleteImage(registry, id, at),
  }
}

/** Ids are never used twice, also not after the image's deletion [409]. */
async function create(registry: Registry, image: Image): Promise<void> {
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
}

/** Saves what differs; false when the image was deleted meanwhile, or is no longer queued but its formats change. */
function update(registry: Registry, before: Image, after: Image): Promise<boolean> {
  const formatsChanged =
    before.disk_format !== after.disk_format || before.container_format !== after.container_format
  const unchanged = formatsChanged ? eq(images.status, before.status) : undefined
  return changesOne(
    registry,
    registry
      .update(images)
      .set(editableColumns(after))
      .where(and(alive(before.id), unchanged)),
    ...replaceTags(registry, before, after.tags),
    ...replaceProperties(registry, before, after.properties),
    announceImage(registry, before.id, after.updated_at),
  )
}

/** What a running upload writes is not among them: the record may have been read before it. */
function editableColumns(image: Image) {
  const { name, disk_format, container_format, visibility, min_disk, min_ram } = image
  const { owner, protected: isProtected, os_hidden, updated_at } = image
  return {
    name,
    disk_format,
    container_format,
    visibility,
    min_disk,
    min_ram,
    owner,
    protected: isProtected,
    os_hidden,
    updated_at,
  }
}

interface TagChange {
  id: string
  tag: string
  at: number
}

/** False when the image was deleted meanwhile. */
function addTag(registry: Registry, { id, tag, at }: TagChange): Promise<boolean> {
  return changesOne(
    registry,
    touch(registry, id, at),
    ...insertTags(registry, id, [tag]),
    announceImage(registry, id, at),
  )
}

/** False when the image has no such tag. */
function removeTag(registry: Registry, { id, tag, at }: TagChange): Promise<boolean> {
  return changesOne(
    registry,
    registry.delete(imageTags).where(and(eq(imageTags.image_id, id), eq(imageTags.value, tag))),
    touch(registry, id, at),
    announceImage(registry, id, at),
  )
}

/** Moves the image from the status it was read with to another; false when it has left the first. */
function changeStatus(
  registry: Registry,
  image: Image,
  { status, at }: { status: ImageStatus; at: number },
): Promise<boolean> {
  return changesOne(
    registry,
    registry
      .update(images)
      .set({ status, updated_at: at })
      .where(and(alive(image.id), eq(images.status, image.status))),
    announceImage(registry, image.id, at),
  )
}

/** Deletes the record but for its id. The bytes go when the sweeper finds that nothing needs them. */
function deleteImage(registry: Registry, id: string, at: number): Promise<boolean> {
  const gone = sql`EXISTS (
    SELECT 1 FROM ${images} WHERE ${images.id} = ${id} AND ${images.deleted_at} IS NOT NULL
  )`
  return changesOne(
    registry,
    registry
      .update(images)
      .set({ status: 'deleted', deleted_at: at, updated_at: at })
      .where(and(alive(id), eq(images.protected, false))),
    releaseBlobs(registry, { id, at, gone }),
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
}

function alive(id: string): SQL | undefined {
  return and(eq(images.id, id), isNull(images.deleted_at))
}

function touch(registry: Registry, id: string, at: number): Statement {
  return registry.update(images).set({ updated_at: at }).where(alive(id))
}

function insertTags(registry: Registry, image_id: string, tags: string[]): Statement[] {
  if (tags.length === 0) return []
  const rows = tags.map((value) => ({ image_id, value }))
  return [registry.insert(imageTags).values(rows).onConflictDoNothing()]
}

function insertProperties(
  registry: Registry,
  image_id: string,
  properties: Properties,
): Statement[] {
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

function replaceTags(registry: Registry, { id, tags: before }: Image, after: string[]) {
  const removed = before.filter((tag) => !after.includes(tag))
  const added = after.filter((tag) => !before.includes(tag))
  const condition = and(eq(imageTags.image_id, id), inArray(imageTags.value, removed))
  const deletion = removed.length > 0 ? [registry.delete(imageTags).where(condition)] : []
  return [...deletion, ...insertTags(registry, id, added)]
}

function replaceProperties(registry: Registry, image: Image, after: Properties): Statement[] {
  const { id, properties: before } = image
  const removed = Object.keys(before).filter((name) => !Object.hasOwn(after, name))
  const changed = Object.entries(after).filter(([name, value]) => before[name] !== value)
  const condition = and(eq(imageProperties.image_id, id), inArray(imageProperties.name, removed))
  const deletion = removed.length > 0 ? [registry.delete(imageProperties).where(condition)] : []
  return [...deletion, ...insertProperties(registry, id, Object.fromEntries(changed))]
}

/** Notes since when a blob has had no image, for the sweeper. */
function releaseBlobs(
  registry: Registry,
  { id, at, gone }: { id: string; at: number; gone: SQL },
): Statement {
  const mine = sql`SELECT ${imageLocations.blob} FROM ${imageLocations} WHERE ${imageLocations.image_id} = ${id}`
  const others = sql`SELECT 1 FROM ${imageLocations}
    WHERE ${imageLocations.blob} = ${blobs.digest} AND ${imageLocations.image_id} <> ${id}`
  return registry
    .update(blobs)
    .set({ released_at: at })
    .where(and(gone, sql`${blobs.digest} IN (${mine})`, sql`NOT EXISTS (${others})`))
}

function isDuplicate(error: unknown): boolean {
  return error instanceof Error && /UNIQUE constraint failed: images\.id/.test(error.message)
}
