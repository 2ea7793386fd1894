import { eq, sql } from 'drizzle-orm'
import { z } from 'zod'
import { site } from '../../schema/tables.ts'
import type { Registry } from '../registry/database.ts'

const KEY = 'scrub'

const notes = z.object({
  /** The last chunk that was looked at in a round that has not ended; empty between rounds. */
  position: z.string(),
  /** Chunks that were found damaged and cannot be had again. */
  lost: z.array(z.string()),
})
type Notes = z.output<typeof notes>

/** What a scrubber must still know after a restart. */
export type ScrubNotes = ReturnType<typeof createScrubNotes>

export function createScrubNotes(registry: Registry) {
  return {
    async load(): Promise<Notes> {
      const found = await registry.select().from(site).where(eq(site.key, KEY)).get()
      return found ? notes.parse(JSON.parse(found.value)) : { position: '', lost: [] }
    },

    async save(current: Notes): Promise<void> {
      await registry
        .insert(site)
        .values({ key: KEY, value: JSON.stringify(current) })
        .onConflictDoUpdate({ target: site.key, set: { value: sql`excluded.value` } })
    },
  }
}
