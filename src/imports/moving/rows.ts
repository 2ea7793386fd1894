import { and, asc, eq, isNull, sql } from 'drizzle-orm'
import { images, uploads } from '../../../schema/tables.ts'
import { announceImages } from '../../registry/announcements.ts'
import { changesOne, freeing, type Registry } from '../../registry/database.ts'

/** What moving in needs of the registry besides images' own changes. */
export interface MovingRows {
  /** Forgets a record that was made for bytes which have not come, so that it can be made again. */
  forget(id: string): Promise<boolean>
  /** Every image that is here. */
  all(): Promise<{ id: string; name: string | null }[]>
}

export function createMovingRows(registry: Registry): MovingRows {
  return {
    forget(id) {
      const running = sql`EXISTS (SELECT 1 FROM ${uploads} WHERE ${uploads.image_id} = ${id})`
      const where = and(
        eq(images.id, id),
        isNull(images.deleted_at),
        eq(images.status, 'queued'),
        sql`NOT ${running}`,
      )
      const freed = freeing(registry)
      return changesOne(
        freed,
        announceImages(freed, where, Date.now()),
        freed.delete(images).where(where),
      )
    },

    all: () =>
      registry
        .select({ id: images.id, name: images.name })
        .from(images)
        .where(isNull(images.deleted_at))
        .orderBy(asc(images.created_at), asc(images.id))
        .all(),
  }
}
