import { feed } from '../../schema/tables.ts'
import type { Registry } from '../registry/database.ts'

/**
 * The statement that tells mirrors of a change. It goes into the same batch as the change itself. A row only names
 * the record; whoever follows the feed fetches it as it is by then, so a row too many does no harm.
 */
export function announceImage(registry: Registry, imageId: string, at: number) {
  return registry.insert(feed).values({ kind: 'image', record_id: imageId, changed_at: at })
}
