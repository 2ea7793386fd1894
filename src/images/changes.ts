import { and, eq, inArray, isNull, type SQL, sql } from 'drizzle-orm'
import type { BatchItem } from 'drizzle-orm/batch'
import { imageProperties, images, imageTags } from '../../schema/tables.ts'
import { HeliostatError } from '../errors.ts'
import { announceImage } from '../mirror/feed.ts'
import { changesOne, type Registry } from '../registry/database.ts'
import type { Image, ImageStatus, Properties } from './image.ts'

type Statement = BatchItem<'sqlite'>

/** Changes of images' records, each one batch that also announces it to mirrors. Uploads and deletions have their own files. */
export function createImageChanges(registry: Registry) {
  return {
    create: (image: Image) => create(registry, image),
    update: (before: Image, after: Image) => update(registry, before, after),
    addTag: (id: string, tag: string, at: number) => addTag(registry, { id, tag, at }),
    removeTag: (id: string, tag: string, at: number) => removeTag(registry, { id, tag, at }),
    changeStatus: (image: Image, status: ImageStatus, at: number) =>
      changeStatus(registry, image, { status, at }),
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

/** From the first that differs on all are written anew, since their order is that of their rows. */
function replaceTags(registry: Registry, { id, tags: before }: Image, after: string[]) {
  const differing = before.findIndex((tag, index) => tag !== after[index])
  const kept = differing < 0 ? before.length : differing
  const removed = before.slice(kept)
  const condition = and(eq(imageTags.image_id, id), inArray(imageTags.value, removed))
  const deletion = removed.length > 0 ? [registry.delete(imageTags).where(condition)] : []
  return [...deletion, ...insertTags(registry, id, after.slice(kept))]
}

function replaceProperties(registry: Registry, image: Image, after: Properties): Statement[] {
  const { id, properties: before } = image
  const removed = Object.keys(before).filter((name) => !Object.hasOwn(after, name))
  const changed = Object.entries(after).filter(([name, value]) => before[name] !== value)
  const condition = and(eq(imageProperties.image_id, id), inArray(imageProperties.name, removed))
  const deletion = removed.length > 0 ? [registry.delete(imageProperties).where(condition)] : []
  return [...deletion, ...insertProperties(registry, id, Object.fromEntries(changed))]
}

function isDuplicate(error: unknown): boolean {
  return error instanceof Error && /UNIQUE constraint failed: images\.id/.test(error.message)
}
