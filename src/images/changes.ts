import { and, eq, type SQL, sql } from 'drizzle-orm'
import { images, imageTags } from '../../schema/tables.ts'
import { HeliostatError } from '../errors.ts'
import { announceImages } from '../registry/announcements.ts'
import { changesOne, freeing, type Registry, type Statement } from '../registry/database.ts'
import { alive } from './alive.ts'
import type { Image, ImageStatus } from './image.ts'
import { mostOf, type Quotas } from './quota.ts'
import {
  propertiesFit,
  propertyChange,
  tagChange,
  tagsFit,
  writeProperties,
  writeTags,
} from './rows.ts'

/**
 * Changes of images' records, each one batch that also announces it to mirrors: first, since after the change the
 * condition may not hold any more. Every statement has the same one, so that a change is made as a whole or not at all.
 * Uploads and deletions have their own files.
 */
export interface ImageChanges {
  /** Ids are never used twice, also not after the image's deletion [409]. */
  create(image: Image): Promise<void>
  /**
   * Saves what differs. False when the image was deleted meanwhile, is no longer queued but its formats change, or
   * others have added so much that it would exceed the quotas.
   */
  update(before: Image, after: Image, quotas: Quotas): Promise<boolean>
  /** False when the image was deleted meanwhile. */
  addTag(id: string, tag: string, at: number): Promise<boolean>
  /** False when the image has no such tag. */
  removeTag(id: string, tag: string, at: number): Promise<boolean>
  /** Moves the image from the status it was read with to another; false when it has left the first. */
  changeStatus(image: Image, status: ImageStatus, at: number): Promise<boolean>
}

export function createImageChanges(registry: Registry): ImageChanges {
  return {
    create: (image) => create(registry, image),
    update: (before, after, quotas) => update(registry, { before, after, quotas }),
    addTag: (id, tag, at) => addTag(registry, { id, tag, at }),
    removeTag: (id, tag, at) => removeTag(freeing(registry), { id, tag, at }),
    changeStatus: (image, status, at) => changeStatus(registry, image, { status, at }),
  }
}

async function create(registry: Registry, image: Image): Promise<void> {
  const { tags, properties, ...row } = image
  const target = { id: image.id, where: eq(images.id, image.id) }
  try {
    await registry.batch([
      registry.insert(images).values(row),
      ...writeTags(registry, target, tagChange([], tags)),
      ...writeProperties(registry, target, propertyChange({}, properties)),
      announceImages(registry, target.where, image.created_at),
    ])
  } catch (error) {
    if (!isDuplicate(error)) throw error
    throw new HeliostatError('conflict', `Image ID ${image.id} already exists!`)
  }
}

interface Update {
  before: Image
  after: Image
  quotas: Quotas
}

function update(registry: Registry, { before, after, quotas }: Update): Promise<boolean> {
  const { id } = before
  const tags = tagChange(before.tags, after.tags)
  const properties = propertyChange(before.properties, after.properties)
  const formatsChanged =
    before.disk_format !== after.disk_format || before.container_format !== after.container_format
  const most = mostOf(quotas, before)
  const where = and(
    alive(id),
    formatsChanged ? eq(images.status, before.status) : undefined,
    tagsFit(id, tags, most.tags),
    propertiesFit(id, properties, most),
  )
  return changesOne(
    registry,
    announceImages(registry, where, after.updated_at),
    registry.update(images).set(changedColumns(before, after)).where(where),
    ...writeTags(registry, { id, where }, tags),
    ...writeProperties(registry, { id, where }, properties),
  )
}

/** Only what differs: the record may have been read before another change, or before an upload. */
function changedColumns(before: Image, after: Image) {
  const changed = <Column extends keyof Image>(column: Column) =>
    before[column] === after[column] ? undefined : after[column]
  return {
    name: changed('name'),
    disk_format: changed('disk_format'),
    container_format: changed('container_format'),
    visibility: changed('visibility'),
    min_disk: changed('min_disk'),
    min_ram: changed('min_ram'),
    owner: changed('owner'),
    protected: changed('protected'),
    os_hidden: changed('os_hidden'),
    updated_at: after.updated_at,
  }
}

interface OneTag {
  id: string
  tag: string
  at: number
}

function addTag(registry: Registry, { id, tag, at }: OneTag): Promise<boolean> {
  const where = alive(id)
  return changesOne(
    registry,
    announceImages(registry, where, at),
    touch(registry, where, at),
    ...writeTags(registry, { id, where }, { removed: [], written: [tag] }),
  )
}

function removeTag(registry: Registry, { id, tag, at }: OneTag): Promise<boolean> {
  const row = sql`SELECT 1 FROM ${imageTags}
    WHERE ${imageTags.image_id} = ${id} AND ${imageTags.value} = ${tag}`
  const where = and(alive(id), sql`EXISTS (${row})`)
  return changesOne(
    registry,
    announceImages(registry, where, at),
    touch(registry, where, at),
    ...writeTags(registry, { id, where }, { removed: [tag], written: [] }),
  )
}

function changeStatus(
  registry: Registry,
  image: Image,
  { status, at }: { status: ImageStatus; at: number },
): Promise<boolean> {
  const where = and(alive(image.id), eq(images.status, image.status))
  return changesOne(
    registry,
    announceImages(registry, where, at),
    registry.update(images).set({ status, updated_at: at }).where(where),
  )
}

function touch(registry: Registry, where: SQL | undefined, at: number): Statement {
  return registry.update(images).set({ updated_at: at }).where(where)
}

function isDuplicate(error: unknown): boolean {
  return error instanceof Error && /UNIQUE constraint failed: images\.id/.test(error.message)
}
