import { and, eq, not, sql } from 'drizzle-orm'
import { imageLocations, images, tasks } from '../../schema/tables.ts'
import { alive } from '../images/alive.ts'
import type { Image } from '../images/image.ts'
import { announceImages } from '../registry/announcements.ts'
import { affectedRows, type Registry } from '../registry/database.ts'
import { databaseTime } from '../registry/database-time.ts'
import { insertSelected } from '../registry/insert-selected.ts'
import {
  isLocked,
  isStaged,
  LOCK,
  type StoreProgress,
  writeImportProperties,
  writeProgress,
} from './lock.ts'
import type { NewTask } from './tasks.ts'

export interface NewImport {
  task: NewTask
  imageId: string
  /** The status that the image must have, and the one that it has meanwhile. */
  from: Image['status']
  during: Image['status']
  /** Only where its bytes are staged. */
  isStaged: boolean
  progress: StoreProgress
  /** What the operator has every import be given. */
  properties: Readonly<Record<string, string>>
}

/** 'locked': another one is under way. 'changed': the image is not any more what it was. */
export async function begin(
  registry: Registry,
  { task, imageId, from, during, ...given }: NewImport,
  { runner, at }: { runner: string; at: number },
): Promise<'begun' | 'locked' | 'changed'> {
  const locked = isLocked(imageId)
  const staged = sql`EXISTS (SELECT 1 FROM ${imageLocations} WHERE ${isStaged(imageId)})`
  const isFree = and(
    alive(imageId),
    eq(images.status, from),
    not(locked),
    given.isStaged ? staged : undefined,
  )
  const begun = sql`EXISTS (SELECT 1 FROM ${tasks} WHERE ${tasks.id} = ${task.id})`
  const target = { id: imageId, where: and(alive(imageId), begun) }
  const row = {
    ...task,
    image_id: imageId,
    input: sql`${JSON.stringify(task.input)}`,
    status: 'pending',
    runner,
    created_at: at,
    updated_at: databaseTime,
  } as const
  const [[found], inserted] = await registry.batch([
    registry
      .select({ isLocked: sql<number>`${locked}` })
      .from(images)
      .where(alive(imageId)),
    insertSelected(registry, tasks, row, sql`FROM ${images} WHERE ${isFree}`),
    announceImages(registry, target.where, at),
    registry.update(images).set({ status: during, updated_at: at }).where(target.where),
    ...writeImportProperties(registry, target, { ...given.properties, [LOCK]: task.id }),
    ...writeProgress(registry, target, given.progress),
  ])
  if (affectedRows(inserted) === 1) return 'begun'
  return found?.isLocked ? 'locked' : 'changed'
}
