/** How an import ends: each way is one batch. */
import { and, eq, isNull, type SQL, sql } from 'drizzle-orm'
import { imageLocations, images, tasks, uploads } from '../../schema/tables.ts'
import { alive } from '../images/alive.ts'
import { NO_DATA } from '../images/no-data.ts'
import { STEPS } from '../images/status.ts'
import { removeLocations } from '../inventory/locations.ts'
import { announceImages } from '../registry/announcements.ts'
import { changesOne, type Registry } from '../registry/database.ts'
import {
  isLockedBy,
  isRunning,
  isStaged,
  type StoreProgress,
  unlock,
  writeImportProperties,
  writeProgress,
} from './lock.ts'
import type { Extras } from './source.ts'

export interface OwnImport {
  id: string
  imageId: string
}

/** What makes an image of what has been written. */
export interface Activation extends Extras {
  /** The stores that have it. */
  stores: readonly string[]
  progress: StoreProgress
}

export interface ImportFailure {
  message: string
  progress: StoreProgress
  /** The stores whose copies are taken away again from an image that stays active. */
  undone: readonly string[]
}

/** `isOwn` is a condition on `tasks`. */
export function activate(
  registry: Registry,
  { imageId }: OwnImport,
  { stores, progress, record, properties, isOwn }: Activation & { isOwn: SQL | undefined },
): Promise<boolean> {
  const at = Date.now()
  const { from, to } = STEPS.endImport
  const isOurs = sql`EXISTS (SELECT 1 FROM ${tasks} WHERE ${isOwn})`
  const of = (column: string) => sql`(SELECT b.${sql.identifier(column)} FROM image_locations l
    JOIN blobs b ON b.digest = l.blob WHERE l.image_id = ${imageId} AND l.status = 'staged'
    AND l.store IN ${listed(stores)} LIMIT 1)`
  const isReady = and(
    alive(imageId),
    eq(images.status, from),
    isOurs,
    sql`${of('digest')} IS NOT NULL`,
  )
  const target = { id: imageId, where: and(alive(imageId), eq(images.status, to), isOurs) }
  const staged = and(isStaged(imageId), sql`EXISTS (SELECT 1 FROM ${images} WHERE ${target.where})`)
  return changesOne(
    registry,
    registry
      .update(images)
      .set({
        ...record,
        status: to,
        size: of('size'),
        checksum: of('checksum'),
        os_hash_algo: of('hash_algo'),
        os_hash_value: of('hash_value'),
        updated_at: at,
      })
      .where(isReady),
    registry
      .update(imageLocations)
      .set({ status: 'active', metadata: {}, updated_at: at })
      .where(and(staged, sql`${imageLocations.store} IN ${listed(stores)}`)),
    ...removeLocations(registry, sql`(${staged})`, at),
    ...writeImportProperties(registry, target, properties),
    ...writeProgress(registry, target, progress),
    announceImages(registry, target.where, at),
  )
}

export interface Ended {
  at: number
  /** When nobody is told of the task any more. */
  expiresAt: number
}

export async function succeed(
  registry: Registry,
  { id, imageId }: OwnImport,
  { at, expiresAt, isOwn }: Ended & { isOwn: SQL | undefined },
): Promise<void> {
  const target = endedTarget({ id, imageId }, 'success')
  await registry.batch([
    registry
      .update(tasks)
      .set({
        status: 'success',
        message: '',
        // Only the oldest kind of task makes an image, and tells which.
        result: sql`CASE ${tasks.type} WHEN 'import' THEN json_object('image_id', ${imageId}) END`,
        runner: null,
        updated_at: at,
        expires_at: expiresAt,
      })
      .where(isOwn),
    announceImages(registry, target.where, at),
    registry.update(images).set({ updated_at: at }).where(target.where),
    unlock(registry, target, id),
  ])
}

export function fail(
  registry: Registry,
  { id, imageId }: OwnImport,
  { message, progress, undone, at, expiresAt }: ImportFailure & Ended,
): Promise<boolean> {
  const target = endedTarget({ id, imageId }, 'failure')
  const isHeld = sql`EXISTS (SELECT 1 FROM ${images} WHERE ${target.where})`
  const isQueued = sql`EXISTS (SELECT 1 FROM ${images}
    WHERE ${and(target.where, eq(images.status, STEPS.abortImport.to))})`
  const unfinished = sql`(${imageLocations.image_id} = ${imageId}
    AND ${imageLocations.status} IN ('staged', 'saving') AND ${isQueued})`
  return changesOne(
    registry,
    registry
      .update(tasks)
      .set({ status: 'failure', message, runner: null, updated_at: at, expires_at: expiresAt })
      .where(and(eq(tasks.id, id), isRunning)),
    registry
      .update(images)
      .set({ status: STEPS.abortImport.to, ...NO_DATA })
      .where(and(target.where, eq(images.status, STEPS.abortImport.from))),
    ...removeLocations(registry, unfinished, at),
    registry.delete(uploads).where(and(eq(uploads.image_id, imageId), isQueued)),
    ...removeLocations(registry, copiesIn(undone, imageId, isHeld), at),
    registry.update(images).set({ updated_at: at }).where(target.where),
    announceImages(registry, target.where, at),
    ...writeProgress(registry, target, progress),
    unlock(registry, target, id),
  )
}

/** The image of a task that has ended so, as long as that has the lock. */
function endedTarget({ id, imageId }: OwnImport, status: 'success' | 'failure') {
  const ended = sql`EXISTS (SELECT 1 FROM ${tasks}
    WHERE ${and(eq(tasks.id, id), eq(tasks.status, status))})`
  return { id: imageId, where: and(alive(imageId), isLockedBy(imageId, id), ended) }
}

/** The copies of an image in some stores, where it has another one that can be read. */
function copiesIn(stores: readonly string[], imageId: string, only: SQL): SQL {
  const others = sql`SELECT 1 FROM image_locations o WHERE o.image_id = ${imageId}
    AND o.status = 'active' AND o.store NOT IN ${listed(stores)}`
  return sql`(${imageLocations.image_id} = ${imageId} AND ${imageLocations.status} = 'active'
    AND ${imageLocations.store} IN ${listed(stores)} AND EXISTS (${others}) AND ${only})`
}

function listed(texts: readonly string[]): SQL {
  return sql`(SELECT value FROM json_each(${JSON.stringify(texts)}))`
}

/** Queues the images again whose bytes have been waiting for so long (ms) that nobody will import them. */
export async function giveUpStaged(registry: Registry, age: number): Promise<string[]> {
  if (age === Infinity) return []
  const at = Date.now()
  const isOld = sql`EXISTS (SELECT 1 FROM ${imageLocations}
    WHERE ${imageLocations.image_id} = ${images.id} AND ${imageLocations.status} = 'staged'
    AND ${imageLocations.updated_at} < ${at - age})`
  const where = and(
    eq(images.status, STEPS.beginDirectImport.from),
    isNull(images.deleted_at),
    isOld,
  )
  // Mostly there are none, and nothing is written.
  if ((await registry.$count(images, where)) === 0) return []
  const queued = sql`SELECT ${images.id} FROM ${images}
    WHERE ${images.status} = ${STEPS.abortImport.to} AND ${images.deleted_at} IS NULL`
  const [, given] = await registry.batch([
    announceImages(registry, where, at),
    registry
      .update(images)
      .set({ status: STEPS.abortImport.to, ...NO_DATA, updated_at: at })
      .where(where)
      .returning({ id: images.id }),
    ...removeLocations(
      registry,
      sql`(${imageLocations.status} = 'staged' AND ${imageLocations.image_id} IN (${queued}))`,
      at,
    ),
  ])
  return given.map(({ id }) => id)
}
