/** The properties by which an image tells of its import. */
import { and, eq, inArray, type SQL, sql } from 'drizzle-orm'
import { imageLocations, imageProperties, images, tasks } from '../../schema/tables.ts'
import { writeProperties } from '../images/rows.ts'
import type { Registry, Statement } from '../registry/database.ts'

/** The property by which an image has at most one import at a time: the id of its task. */
export const LOCK = 'os_glance_import_task'
const PENDING = 'os_glance_importing_to_stores'
const FAILED = 'os_glance_failed_import'

const RUNNING = ['pending', 'processing'] as const

/** A task that has not ended, as a condition on `tasks`. */
export const isRunning: SQL = inArray(tasks.status, RUNNING)

/** The stores that are still to be written, and those that could not be, by the names that callers know. */
export interface StoreProgress {
  pending: readonly string[]
  failed: readonly string[]
}

/** An image, as long as it meets the condition on `images`. */
export interface Target {
  id: string
  where: SQL | undefined
}

export function writeImportProperties(
  registry: Registry,
  target: Target,
  properties: Readonly<Record<string, string>>,
): Statement[] {
  return writeProperties(registry, target, { removed: [], written: Object.entries(properties) })
}

export function writeProgress(
  registry: Registry,
  target: Target,
  { pending, failed }: StoreProgress,
): Statement[] {
  return writeImportProperties(registry, target, {
    [PENDING]: pending.toSorted().join(','),
    [FAILED]: failed.toSorted().join(','),
  })
}

/** Whether a task that has not ended has the image. */
export function isLocked(imageId: string): SQL {
  return sql`EXISTS (SELECT 1 FROM ${imageProperties} JOIN ${tasks}
    ON ${tasks.id} = ${imageProperties.value} AND ${isRunning}
    WHERE ${imageProperties.image_id} = ${imageId} AND ${imageProperties.name} = ${LOCK})`
}

/** Whether the very task has it, be it ended or not. */
export function isLockedBy(imageId: string, id: string): SQL {
  return sql`EXISTS (SELECT 1 FROM ${imageProperties} WHERE ${isLock(imageId, id)})`
}

function isLock(imageId: string, id: string): SQL | undefined {
  return and(
    eq(imageProperties.image_id, imageId),
    eq(imageProperties.name, LOCK),
    eq(imageProperties.value, id),
  )
}

export function unlock(registry: Registry, { id: imageId, where }: Target, id: string): Statement {
  const isMet = sql`EXISTS (SELECT 1 FROM ${images} WHERE ${where})`
  return registry.delete(imageProperties).where(and(isLock(imageId, id), isMet))
}

/** The bytes of an image that wait for their import, as a condition on locations. */
export function isStaged(imageId: string): SQL | undefined {
  return and(eq(imageLocations.image_id, imageId), eq(imageLocations.status, 'staged'))
}
