import { and, eq, isNull, type SQL } from 'drizzle-orm'
import { images } from '../../schema/tables.ts'

/** The image of the id, unless it is deleted, as a condition on `images`. */
export function alive(id: string): SQL | undefined {
  return and(eq(images.id, id), isNull(images.deleted_at))
}
