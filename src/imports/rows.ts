/** The registry's side of imports: who does which, and what it has made of its image. */
import { and, eq, isNull, or, type SQL, sql } from 'drizzle-orm'
import { imageLocations, images, tasks } from '../../schema/tables.ts'
import { alive } from '../images/alive.ts'
import { isUnheard } from '../inventory/leases.ts'
import { announceImages } from '../registry/announcements.ts'
import { affectedRows, freeing, type Registry } from '../registry/database.ts'
import { databaseTime, readDatabaseTime } from '../registry/database-time.ts'
import { begin, type NewImport } from './beginning.ts'
import {
  activate,
  type Activation,
  fail,
  giveUpStaged,
  type ImportFailure,
  type OwnImport,
  succeed,
} from './ending.ts'
import { isLocked, isRunning, isStaged, type StoreProgress, writeProgress } from './lock.ts'
import { type Extras, extras } from './source.ts'
import type { Task } from './task.ts'

export interface ImportRows {
  /** See `beginning.ts`. */
  begin(given: NewImport, at: number): Promise<'begun' | 'locked' | 'changed'>
  isLocked(imageId: string): Promise<boolean>
  /** Takes up what this process has begun, or nobody does any more; null where others have it, or it has ended. */
  claim(id: string): Promise<ClaimedTask | null>
  /** Says that it is being done, and how far it is; false where it is not this process's any more. */
  heartbeat(id: string, message: string): Promise<boolean>
  /** Leaves it to whoever takes it up next. */
  release(id: string): Promise<void>
  note(own: OwnImport, progress: StoreProgress): Promise<void>
  /** False where the image was deleted, or others have ended the import. */
  activate(own: OwnImport, activation: Activation): Promise<boolean>
  succeed(own: OwnImport): Promise<void>
  /**
   * Queues the image again where it was not active before, whoever does the import; false where that had ended.
   */
  fail(own: OwnImport, failure: ImportFailure): Promise<boolean>
  /** The image's bytes that wait; null where there are none. */
  staged(imageId: string): Promise<StagedBytes | null>
  /** Those whose process has died. */
  dead(): Promise<OwnImport[]>
  /** See `ending.ts`. */
  giveUpStaged(age: number): Promise<string[]>
  /** The time by which they are dead, in milliseconds. */
  now(): Promise<number>
}

export interface StagedBytes {
  blob: string
  /** What an import has noted with what it has made; null for what was staged, and nothing has been made of yet. */
  extras: Extras | null
}

export type ClaimedTask = Pick<Task, 'id' | 'owner' | 'image_id' | 'input'> & {
  /** How often it was begun. */
  attempts: number
}

/** `timeToLive` is for how long (ms) a task is told of once it has ended. */
export function createImportRows(registry: Registry, timeToLive: number): ImportRows {
  const runner = crypto.randomUUID()
  const room = freeing(registry)
  const isOwn = (id: string) => and(eq(tasks.id, id), eq(tasks.runner, runner), isRunning)
  const isLeft = or(isNull(tasks.runner), isUnheard(tasks.updated_at))
  const ended = () => ({ at: Date.now(), expiresAt: Date.now() + timeToLive })

  return {
    begin: (given, at) => begin(registry, given, { runner, at }),
    isLocked: async (imageId) =>
      (await registry.$count(images, and(alive(imageId), isLocked(imageId)))) > 0,

    async claim(id) {
      const isFree = or(eq(tasks.runner, runner), isLeft)
      const [claimed] = await registry
        .update(tasks)
        .set({
          runner,
          status: 'processing',
          attempts: sql`${tasks.attempts} + 1`,
          updated_at: databaseTime,
        })
        .where(and(eq(tasks.id, id), isRunning, isFree))
        .returning()
      return claimed ?? null
    },

    async heartbeat(id, message) {
      const beat = { message, updated_at: databaseTime }
      return affectedRows(await room.update(tasks).set(beat).where(isOwn(id))) === 1
    },

    async release(id) {
      await room.update(tasks).set({ runner: null }).where(isOwn(id))
    },

    note: ({ id, imageId }, progress) => note(registry, { imageId, isOwn: isOwn(id) }, progress),
    activate: (own, given) => activate(registry, own, { ...given, isOwn: isOwn(own.id) }),
    succeed: (own) => succeed(room, own, { ...ended(), isOwn: isOwn(own.id) }),
    fail: (own, failure) => fail(room, own, { ...failure, ...ended() }),
    async staged(imageId) {
      const [found] = await registry
        .select({ blob: imageLocations.blob, metadata: imageLocations.metadata })
        .from(imageLocations)
        .where(isStaged(imageId))
        .limit(1)
      if (!found?.blob) return null
      const made = extras.safeParse(found.metadata)
      return { blob: found.blob, extras: made.success ? made.data : null }
    },

    async dead() {
      const found = await registry
        .select({ id: tasks.id, imageId: tasks.image_id })
        .from(tasks)
        .where(and(isRunning, isLeft))
      return found.map(({ id, imageId }) => ({ id, imageId: imageId ?? '' }))
    },

    giveUpStaged: (age) => giveUpStaged(room, age),
    now: () => readDatabaseTime(registry),
  }
}

async function note(
  registry: Registry,
  { imageId, isOwn }: { imageId: string; isOwn: SQL | undefined },
  progress: StoreProgress,
): Promise<void> {
  const at = Date.now()
  const isOurs = sql`EXISTS (SELECT 1 FROM ${tasks} WHERE ${isOwn})`
  const target = { id: imageId, where: and(alive(imageId), isOurs) }
  await registry.batch([
    announceImages(registry, target.where, at),
    registry.update(images).set({ updated_at: at }).where(target.where),
    ...writeProgress(registry, target, progress),
  ])
}
